"""What docs/plug-in.md shows is what a user gets; its package is run by tests/strategies/test_outside_package.py."""

from __future__ import annotations

import re
import shlex

import pytest

from runners.engine.scaffold import Scaffold
from tests.resources.commands import ROOT, within

pytestmark = pytest.mark.thorough

TEXT = (ROOT / "docs" / "plug-in.md").read_text(encoding="utf-8")
ANY, CHECKOUT, PACKAGE, PROMISES, BROKEN = TEXT.split("\n## ")[1:]


def lines(section: str) -> list[str]:
    """Commands of a section, without remarks."""
    blocks = re.findall(r"^```\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    found = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in found if line.startswith(("python ", "pip "))]


def test_every_command_is_tested():
    assert [len(lines(section)) for section in (ANY, CHECKOUT, PACKAGE, PROMISES, BROKEN)] == [3, 3, 3, 0, 0]


@pytest.mark.parametrize("line", lines(ANY))
def test_a_class_of_any_file_or_module_runs(line, tmp_path):
    _, _, module, *words = shlex.split(line)
    cheap = ["--source", "sample", *(["--no-evidence"] if module == "runners.deepseek" else [])]
    done = within(module.removeprefix("runners."), *words, *cheap, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, ""), line
    assert (tmp_path / "out" / "index.html").is_file()


def test_in_a_checkout_the_commands_are_those_that_the_first_one_tells():
    first, *others = lines(CHECKOUT)
    assert first == "python -m runners.new my_idea --symbols SPY,IEF"  # tests/runners/test_new.py runs it
    assert others == list(Scaffold("my_idea", ("SPY", "IEF")).checkout_commands()[:2])


def test_what_breaks_is_told_as_shown(tmp_path):
    (shown,) = re.findall(r"^```\n(my_idea\n.*?)^```$", BROKEN, re.DOTALL | re.MULTILINE)
    number, code = re.search(r"line (\d+), in weights\n    (.*)\n", shown).groups()
    head = ["from strategies.base import Reading", "class Broken(Reading):", "    symbols = ('SPY',)"]
    body = ["    def weights(self, past):", f"        {code}"]
    filler = [""] * (int(number) - len(head) - len(body))
    (tmp_path / "broken_idea.py").write_text("\n".join([*head, *filler, *body, ""]))
    cheap = ["--source", "sample", "--no-evidence"]
    done = within("deepseek", "broken_idea.py:Broken", "gpu_bubble", *cheap, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.replace("broken_idea.py", "strategies/my_idea.py").replace("Broken", "my_idea") == shown
