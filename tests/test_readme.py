"""What the README shows is what a user gets."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from runners.engine.base_rates.bundled import bundled_base_rates
from tests.resources.commands import ROOT, Done, python, shown, within

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
BLOCKS = [
    commands
    for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    if (
        commands := [
            line.partition("#")[0].strip() for line in block.splitlines() if line.startswith(".venv/bin/python -m")
        ]
    )
]


def run(words: list[str], folder: Path) -> Done:
    return python(*words, cwd=folder, PYTHONPATH=os.pathsep.join((str(ROOT), str(folder))))


def long(commands: list[str]) -> list[pytest.MarkDecorator]:
    return [] if any("--no-evidence" in command for command in commands) else [pytest.mark.slow]


@pytest.mark.parametrize("commands", [pytest.param(each, id=each[0], marks=long(each)) for each in BLOCKS])
def test_every_command_does_what_it_says(commands, tmp_path):
    for command in commands:
        done = shown(command, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout


def test_the_figures_are_those_of_the_main_job_on_real_prices(market_data, run_once):
    (figures,) = re.findall(r"```text\n(.*?)```", TEXT, re.DOTALL)
    assert figures in run_once("deepseek", "--source", market_data.resolve())[1]


def test_the_base_rates_told_are_the_bundled_ones():
    """142 falls, six readings, all bounded, and the widest of their intervals, as the first lines say."""
    rates = bundled_base_rates()
    pooled = [rate.headline for rate in rates.readings.values()]
    low, high = (
        f"{100 * value:+.1f} %".replace("-", "\u2212")
        for value in (min(each.low for each in pooled), max(each.high for each in pooled))
    )
    told = " ".join(TEXT.split())
    assert f"fell by 10 % or more {len(rates.shocks)} times while the market held. Six readings" in told
    assert f"**The other {len(rates.shocks) - 1} times:**" in told and f"lie between {low} and {high}." in told
    assert [rate.verdict.word for rate in rates.readings.values()] == ["bounded"] * 6


def test_the_strategy_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (code,) = [block for block in PYTHON if "class ChipLead" in block]
    (tmp_path / "chip_lead.py").write_text(code, encoding="utf-8")
    words = ("chip_lead:ChipLead", "--source", "sample", "--no-evidence", "--out", "out")
    done = within("deepseek", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "what leads keeps leading" in page.lower()


def test_the_launches_of_the_readme_run(tmp_path):
    (code,) = [block for block in PYTHON if "run_batch" in block]
    (tmp_path / "launches.py").write_text(code, encoding="utf-8")
    done = run(["launches.py"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("(4200, 62)")


@pytest.mark.slow
def test_the_run_line_sets_up_a_fresh_clone_and_runs_the_main_job(tmp_path, networked):
    (line,) = re.findall(r"^python3 -m venv .*runners\.deepseek$", TEXT, re.MULTILINE)
    set_up, _, run_it = line.rpartition(" && ")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    dressed = ("DEEPSEEK_PRICES", "VIRTUAL_ENV", "PYTHONPATH", "PIP_CONSTRAINT")
    for command, environment in ((set_up, networked), (run_it, os.environ)):
        bare = {name: value for name, value in environment.items() if name not in dressed}
        done = subprocess.run(
            ["bash", "-c", command], cwd=clone, env=bare, capture_output=True, text=True, timeout=1800, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (clone / "reports" / "latest" / "index.html").is_file()
    assert "gpu_bubble" in done.stdout
