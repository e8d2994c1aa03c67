"""Commands as a person starts them, in a Python of their own; or within this one, which is started already."""

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
WIDTH = "80"  # of the terminal
Done = subprocess.CompletedProcess[str]


def python(*words: object, cwd: Path = ROOT, limit: float = 900, **variables: str) -> Done:
    """A Python with this checkout, `cwd` first among what it imports from; no longer than `limit` seconds."""
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
    """`python -m runners.NAME` with these words."""
    return python("-m", f"runners.{name}", *words, cwd=cwd, **variables)


def within(name: str, *words: object, cwd: Path = ROOT) -> Done:
    """The same without a Python of its own: seconds less, since what is imported, and the server of workers, stay."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        patch.setenv("COLUMNS", WIDTH)
        patch.setattr(sys, "argv", [name, *map(str, words)])
        with pytest.raises(SystemExit) as left:
            console.run_command(runner(name))
    return Done([name, *words], int(left.value.code or 0), out.getvalue(), err.getvalue())


def shown(line: str, cwd: Path) -> Done:
    """A command as a page shows it, `.venv/bin/python -m runners.NAME ...`, within this Python."""
    python, option, module, *words = shlex.split(line)
    package, _, name = module.partition(".")
    assert (python, option, package) == (".venv/bin/python", "-m", "runners"), line
    return within(name, *words, cwd=cwd)


def runner(name: str) -> click.Command:
    """The command that `runners.NAME` runs."""
    module = importlib.import_module(f"runners.{name}")
    (found,) = [each for each in vars(module).values() if isinstance(each, click.Command)]
    return found
