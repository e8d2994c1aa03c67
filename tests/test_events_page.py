"""What docs/events.md shows is what a user gets."""

from __future__ import annotations

import re
import shlex

import pytest

from data.events import catalog
from data.events.toml_reader import KEYS, MEMBER, REQUIRED
from tests.resources.commands import ROOT, within

pytestmark = pytest.mark.thorough

TEXT = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    for line in block.splitlines()
]


def test_the_example_is_an_event_that_runs(tmp_path):
    (tmp_path / "carry.toml").write_text(EXAMPLE, encoding="utf-8")
    event = catalog.load_event(tmp_path / "carry.toml")
    assert (f"{event.entry:%Y-%m-%d}", event.lead) == ("2024-08-06", 1)
    words = ("--event", "carry.toml", "--source", "sample", "--no-evidence", "--out", "out")
    done = within("deepseek", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "The unwinding of the yen carry trade" in page and "BoJ hikes" in page and "FOMC holds" not in page


def test_every_key_is_told_and_no_other():
    told = re.findall(r"^\| `(\w+)` \|.*\| (\S.*) \|$", TEXT, re.MULTILINE)
    assert [key for key, _ in told] == [*KEYS, *MEMBER]
    assert [key for key, default in told if default == "required"] == [*REQUIRED, "strategy"]


def test_every_command_is_one():
    for command in COMMANDS:
        module, *words = shlex.split(command)[2:]
        assert module in ("runners.deepseek", "runners.multiverse", "runners.sweep", "runners.calibrate")
        assert words[words.index("--event") + 1] in (*catalog.event_names(), "my/event.toml")
    listed = within("deepseek", "--event", "tariffs", "--list")
    assert all(member.name in listed.stdout for member in catalog.load_event("tariffs").readings)
