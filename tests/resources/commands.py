"""Run commands as a user does, in a separate Python process or within this one."""

from __future__ import annotations

import importlib
import os
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import click
import pytest

from runners.cli import console

ROOT = Path(__file__).parents[2]
WIDTH = "80"  # columns of the terminal
# Examples of the how-to pages whose folders several tests look at, each made by `run_once`.
RUN = ("deepseek", "gpu_bubble", "ai_software", "nvda_comeback", "--source", "sample")
SWEEP = ("sweep", "gpu_bubble", "-p", "hold=20,60", "-p", "rebalance=5,20", "--source", "sample")
MULTIVERSE = ("multiverse", "bad_news", "two_shocks", "--source", "sample")
Done = subprocess.CompletedProcess[str]


def python(*words: object, cwd: Path = ROOT, limit: float = 900, **variables: str) -> Done:
    """Run Python with this checkout, importing from `cwd` first, for at most `limit` seconds."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": WIDTH, **variables},
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def command(name: str, *words: object, cwd: Path = ROOT, **variables: str) -> Done:
    """Run `python -m runners.NAME WORDS`."""
    return python("-m", f"runners.{name}", *words, cwd=cwd, **variables)


def within(name: str, *words: object, cwd: Path = ROOT) -> Done:
    """Run a command within this process, which saves seconds: imports and the fork server are reused."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        patch.setenv("COLUMNS", WIDTH)
        patch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as left:
            console.run_command(runner(name))
    return Done([name, *words], int(left.value.code or 0), out.getvalue(), err.getvalue())


def shown(line: str, cwd: Path) -> Done:
    """Run a command line from a page, `.venv/bin/python -m runners.NAME ...`, within this process."""
    python, option, module, *words = shlex.split(line)
    package, _, name = module.partition(".")
    assert (python, option, package) == (".venv/bin/python", "-m", "runners"), line
    return within(name, *words, cwd=cwd)


def runner(name: str) -> click.Command:
    """The click command of `runners.NAME`."""
    module = importlib.import_module(f"runners.{name}")
    (command,) = [value for value in vars(module).values() if isinstance(value, click.Command)]
    return command
