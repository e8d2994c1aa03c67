"""Kills whole commands at random moments and looks at what is left.

    python -m tests.resources.killing_commands COMMAND FOLDER KILLS WHOM SEED

A command is started for each kill, as a user would; SIGKILL ends it a moment after something has happened: it began to
import, asked Yahoo, wrote prices, counted a trial, kept a spec, built its folder. WHOM is `group`, all processes of it,
or `parent`, whose workers must leave by themselves. After each kill what is there must be whole, and after the last one
a command that is left alone must give the bytes of one that was never disturbed.
Prints how often the earlier output stayed, how often the new one was there already, and how many were killed at work.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd

from data import calendar
from data.sources.cache import COLUMNS, Cache
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.trial_ledger import TrialLedger
from tests.resources.machines import ROOT
from tests.resources.slow_strategy import SLOW
from tests.resources.yahoo_stub import invented_bars, serving, with_adjusted_close

SESSIONS = calendar.sessions_between("2024-06-03", "2025-12-30")
LONGEST = 0.3  # seconds between what is waited for and the kill, at most
IMPORTING = 2.0  # the same from the start of the process
PATIENCE = 900.0  # seconds after which a command is taken to hang
LEAVING = 300.0  # seconds after which workers are taken not to see that their parent is gone

Sign = Callable[[], bool]


class Command(ABC):
    """A command that writes the folder `out` in `place`, another one for each number."""

    def __init__(self, place: Path) -> None:
        self.place, self.out = place, place / "out"
        place.mkdir(exist_ok=True)
        self.temporary = Path(mkdtemp(prefix="kills-"))  # not in `place`: the path of a socket must be short

    def close(self) -> None:
        """Stop and remove what it needs beside `place`."""
        shutil.rmtree(self.temporary)

    @abstractmethod
    def words(self, number: int) -> list[object]:
        """The command without what is common to all."""

    def start(self, number: int) -> subprocess.Popen[str]:
        own = {"DEEPSEEK_CACHE": "cache", "DEEPSEEK_TRIALS": "trials.sqlite", "RUNS": "runs", "TMPDIR": self.temporary}
        places = {name: str(self.place / at) for name, at in own.items()}
        return subprocess.Popen(
            [sys.executable, "-m", *map(str, self.words(number)), "--out", "out", "--jobs", "2"],
            cwd=self.place,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PAUSE": "0.05",
                **places,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, number: int) -> None:
        process = self.start(number)
        _, told = process.communicate(timeout=PATIENCE)
        assert (process.returncode, told) == (0, ""), told
        assert self.number() == number, "the folder is not that of the last command"

    def signs(self) -> list[Sign]:
        """What may have happened, other than that the process has started; each is asked again and again."""
        return [lambda: any(self.place.glob(".out.new-*"))]

    def number(self) -> int | None:
        """The number of the run in the folder, which must be whole; None where there is none."""
        if not self.out.exists():
            return None
        manifest = json.loads((self.out / "manifest.json").read_text())
        found = {name: sha256(content).hexdigest() for name, content in snapshot(self.out).items()}
        del found["manifest.json"]
        assert found == manifest["files"], "the folder is not that of one run"
        return self.number_of(manifest["request"])

    @abstractmethod
    def number_of(self, request: dict[str, object]) -> int:
        """The number that was asked for."""

    @abstractmethod
    def check(self, number: int) -> None:
        """Look at all else that the command writes."""

    def left(self) -> set[str]:
        """Names of what lies beside the folder when all is done."""
        return {path.name for path in self.place.iterdir()} - {"out"}


class MainJob(Command):
    """The main job on prices that it downloads: it writes cache, ledger and run folder in turn.

    Each number holds a session longer and is run a session later, so that all three change.
    """

    SYMBOLS = ("SMH", "SPY")

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.market = {
            name: with_adjusted_close(invented_bars(SESSIONS, seed)) for seed, name in enumerate(self.SYMBOLS)
        }
        self.serving = serving(self.market)
        self.yahoo = self.serving.__enter__()
        self.cache, self.ledger = Cache(place / "cache"), TrialLedger(place / "trials.sqlite")
        self.keys: set[str] = set()

    def close(self) -> None:
        super().close()
        self.serving.__exit__(None, None, None)

    def words(self, number: int) -> list[object]:
        now = f"{self.today(number):%Y-%m-%d} 22:00"
        at = ("tests.resources.at_yahoo", self.yahoo.address, now)
        return [*at, "runners.deepseek", "bad_news", "--no-evidence", "--source", "yahoo", "--hold", 20 + number]

    def today(self, number: int) -> pd.Timestamp:
        return calendar.offset("2025-04-01", number)

    def signs(self) -> list[Sign]:
        asked, prices, trials = self.yahoo.requests, self.stamps(), len(self.ledger.read())
        return [
            lambda: self.yahoo.requests > asked,
            lambda: self.stamps() != prices,
            lambda: len(self.ledger.read()) > trials,
            *super().signs(),
        ]

    def stamps(self) -> list[int]:
        """When files of prices, finished or not, were changed."""
        found = []
        for path in (self.cache.root / "prices").glob("*"):
            try:
                found.append(path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue  # was renamed meanwhile
        return found

    def number_of(self, request: dict[str, object]) -> int:
        return int(str(request["hold"])) - 20

    def check(self, number: int) -> None:
        for symbol in self.SYMBOLS:
            entry = self.cache.read(symbol)  # refuses what is not as its checksum says
            if entry is not None:
                assert entry.last <= self.today(number)
                told = self.market[symbol].loc[: entry.last, list(COLUMNS)]
                pd.testing.assert_frame_equal(entry.bars, told, check_exact=True, check_freq=False, check_names=False)
        found = self.ledger.read()
        assert self.keys <= set(found), "a trial is lost"
        assert self.number() != number or len(found) > len(self.keys) - 1
        self.keys = set(found)

    def left(self) -> set[str]:
        prices = {path.name for path in (self.cache.root / "prices").iterdir()}
        assert prices == {f"{symbol}.parquet" for symbol in self.SYMBOLS}
        held = {path.name for path in self.cache.root.iterdir()}
        assert held - {"lock"} == {"prices", "yfinance"}, held  # a lock stays of whoever was killed, until the next
        return super().left() - {"cache", "trials.sqlite"}


class Sweep(Command):
    """A sweep of slow specs, each kept when it is finished; a number is swept until it is done."""

    SIZE = 12

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        (place / "slow.py").write_text(SLOW)
        self.kept = place / ".out.sweep"
        self.keys: set[str] = set()

    def words(self, number: int) -> list[object]:
        shares = ",".join(f"{0.1 + n / 100:.2f}{number:03}" for n in range(self.SIZE))
        window = ("--start", "2025-01-02", "--end", "2025-03-03", "--source", "sample")
        return ["runners.sweep", "slow:Slow", "--symbols", "SPY", "-p", f"share={shares}", "-p", "hold=5", *window]

    def signs(self) -> list[Sign]:
        number = len(self.keys)

        def more(count: int) -> Sign:
            return lambda: len(Checkpoint(self.kept).contents) >= number + count

        return [more(1), more(3), *super().signs()]

    def number_of(self, request: dict[str, object]) -> int:
        (shares, _) = request["knobs"]  # type: ignore[misc]
        return int(str(shares)[-3:])

    def check(self, number: int) -> None:
        keys = set(Checkpoint(self.kept).contents)
        assert self.keys <= keys or self.number() == number, "a finished spec is lost"
        self.keys = keys

    def left(self) -> set[str]:
        return super().left() - {"slow.py", "runs", "__pycache__"}


COMMANDS = {"deepseek": MainJob, "sweep": Sweep}


def snapshot(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill(process: subprocess.Popen[Any], whom: str) -> None:
    """SIGKILL to all of a command, or to its parent alone; then nothing of it may stay."""
    if whom == "group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    until = time.monotonic() + LEAVING
    while time.monotonic() < until:
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            process.communicate()
            return
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError("workers stay behind without their parent")


def wait(process: subprocess.Popen[str], sign: Sign) -> None:
    """Until `sign` is seen or the command has ended."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and not sign():
        assert time.monotonic() < until, "the command hangs"
        time.sleep(0.001)


def kill_again_and_again(command: Command, kills: int, whom: str, chance: np.random.Generator) -> dict[str, int]:
    """How often the earlier output stayed, the new one was there, and the kill came before the command had ended."""
    number, told = 0, {"earlier": 0, "new": 0, "killed": 0}
    for attempt in range(kills):
        before = snapshot(command.out) if command.out.exists() else {}
        signs = command.signs()
        process = command.start(number)
        place = attempt % (len(signs) + 1)
        if place:
            wait(process, signs[place - 1])
        time.sleep(chance.uniform(0, LONGEST if place else IMPORTING))
        kill(process, whom)
        told["killed"] += process.returncode == -signal.SIGKILL
        command.check(number)
        done = command.number() == number
        assert done or (snapshot(command.out) if command.out.exists() else {}) == before, "the earlier run is lost"
        told["new" if done else "earlier"] += 1
        number += done or isinstance(command, MainJob)
    command.finish(number)
    assert command.left() == set(), f"something unfinished was left: {command.left()}"
    # multiprocessing leaves a folder with the dead socket of its fork server, which is for the system to clear away.
    assert all(path.name.startswith("pymp-") for path in command.temporary.iterdir())
    return told


def main() -> None:
    """Kill, look, and compare the end with that of a command which was never disturbed."""
    kind, place, kills, whom, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
    with closing(COMMANDS[kind](place / "killed")) as command, closing(COMMANDS[kind](place / "whole")) as undisturbed:
        told = kill_again_and_again(command, kills, whom, np.random.default_rng(seed))
        number = command.number()
        assert number is not None
        undisturbed.finish(number)
        assert snapshot(command.out) == snapshot(undisturbed.out), "kills changed the result"
    print(json.dumps(told))


if __name__ == "__main__":
    main()
