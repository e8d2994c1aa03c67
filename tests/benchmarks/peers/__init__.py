"""Peers in their own processes, so that packages and caches of one side do not affect the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from peers.windows import Windows

HERE = Path(__file__).parent
TOX = Path(os.environ.get("TOX_WORK_DIR", HERE.parents[2] / ".tox"))
INSIDE = Path("Scripts", "python.exe") if os.name == "nt" else Path("bin", "python")


class MissingPeerError(Exception):
    """A peer, or prices that it needs, are not there; the message says how to get them."""


def python_of(package: str) -> Path:
    """The Python with the peer installed: this one, that of the variable BENCH_<PACKAGE>, or that of tox.

    Raises MissingPeerError where there is none.
    """
    variable = f"BENCH_{package.upper()}"
    if variable not in os.environ and find_spec(package):
        return Path(sys.executable)
    python = Path(os.environ.get(variable, TOX / package / INSIDE))
    if not python.exists():
        raise MissingPeerError(f"{package} is not installed: run `tox run -e bench`, or name its Python in {variable}")
    return python


class Peer:
    """A running peer with its work `windows`; a context manager."""

    def __init__(self, package: str, windows: Windows, *settings: str) -> None:
        python = python_of(package)
        self._scratch = tempfile.TemporaryDirectory()
        work = Path(self._scratch.name) / "windows.npz"
        windows.save(work)
        command = [python, "-W", "ignore", HERE / f"{package}_peer.py", work, *settings]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.communicate()
        self._scratch.cleanup()

    def ask(self, question: str) -> tuple[float, np.ndarray]:
        """Seconds of one warm run, and its terminal values of shape (n_scenarios,)."""
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise subprocess.CalledProcessError(self._process.wait(), self._process.args)
        answer = json.loads(line)
        return answer["seconds"], np.array(answer["terminal"])
