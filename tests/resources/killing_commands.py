"""Kill whole commands at random moments and check what is left.

    python -m tests.resources.killing_commands COMMAND FOLDER KILLS WHOM SEED

For each kill a command is started as a user would; SIGKILL ends it shortly after an event: it began to import, queried
Yahoo, wrote prices, counted a trial, saved a variant or built its folder. WHOM is `group`, all its processes, or
`parent`, whose workers must exit by themselves. After each kill all files must be complete, and after the last one an
undisturbed command must give the same bytes as one that was never killed.
Prints how often the earlier output stayed, how often the new one was complete, and how many kills hit a busy command.
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
LONGEST = 0.3  # maximum seconds between the event and the kill
IMPORTING = 2.0  # maximum seconds from the start of the process
PATIENCE = 900.0  # seconds after which a command counts as hanging
LEAVING = 300.0  # seconds within which workers must notice that their parent is gone

Sign = Callable[[], bool]


class Command(ABC):
    """A command that writes the folder `out` in `place`, with different content for each number."""

    def __init__(self, place: Path) -> None:
        self.place, self.out = place, place / "out"
        place.mkdir(exist_ok=True)
        self.temporary = Path(mkdtemp(prefix="kills-"))  # not in `place`, since socket paths must be short

    def close(self) -> None:
        """Remove temporary files outside `place`."""
        shutil.rmtree(self.temporary)

    @abstractmethod
    def words(self, number: int) -> list[object]:
        """Arguments of the command, without the common ones."""

    def start(self, number: int) -> subprocess.Popen[str]:
        own = {"DEEPSEEK_CACHE": "cache", "DEEPSEEK_TRIALS": "trials.sqlite", "TMPDIR": self.temporary}
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
        _, stderr = process.communicate(timeout=PATIENCE)
        assert (process.returncode, stderr) == (0, ""), stderr
        assert self.number() == number, "the folder is not from the last command"

    def signs(self) -> list[Sign]:
        """Conditions to wait for before a kill, polled repeatedly; starting the process is another one."""
        return [lambda: any(self.place.glob(".out.new-*"))]

    def number(self) -> int | None:
        """The number of the run in the folder, which must be complete; None without a folder."""
        if not self.out.exists():
            return None
        manifest = json.loads((self.out / "manifest.json").read_text())
        checksums = {name: sha256(content).hexdigest() for name, content in snapshot(self.out).items()}
        del checksums["manifest.json"]
        assert checksums == manifest["files"], "the folder mixes runs"
        return self.number_of(manifest["request"])

    @abstractmethod
    def number_of(self, request: dict[str, object]) -> int:
        """The number in a request."""

    @abstractmethod
    def check(self, number: int) -> None:
        """Check the other files that the command writes."""

    def left(self) -> set[str]:
        """Names of files left next to the folder at the end."""
        return {path.name for path in self.place.iterdir()} - {"out"}


class MainJob(Command):
    """The main command with downloaded prices, which writes cache, ledger and run folder.

    Each number has a hold one session longer and runs one session later, so that all three change.
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
        expected, prices, trials = self.yahoo.requests, self.stamps(), len(self.ledger.read())
        return [
            lambda: self.yahoo.requests > expected,
            lambda: self.stamps() != prices,
            lambda: len(self.ledger.read()) > trials,
            *super().signs(),
        ]

    def stamps(self) -> list[int]:
        """Modification times of price files, finished or not."""
        records = []
        for path in (self.cache.root / "prices").glob("*"):
            try:
                records.append(path.stat().st_mtime_ns)
            except FileNotFoundError:
                continue  # renamed meanwhile
        return records

    def number_of(self, request: dict[str, object]) -> int:
        return int(str(request["hold"])) - 20

    def check(self, number: int) -> None:
        for symbol in self.SYMBOLS:
            entry = self.cache.read(symbol)  # verifies the checksum
            if entry is not None:
                assert entry.last <= self.today(number)
                result = self.market[symbol].loc[: entry.last, list(COLUMNS)]
                pd.testing.assert_frame_equal(entry.bars, result, check_exact=True, check_freq=False, check_names=False)
        trials = self.ledger.read()
        assert self.keys <= set(trials), "a trial is lost"
        assert self.number() != number or len(trials) > len(self.keys) - 1
        self.keys = set(trials)

    def left(self) -> set[str]:
        prices = {path.name for path in (self.cache.root / "prices").iterdir()}
        assert prices == {f"{symbol}.parquet" for symbol in self.SYMBOLS}
        held = {path.name for path in self.cache.root.iterdir()}
        assert held - {"lock"} == {"prices", "yfinance"}, held  # the lock of a killed command stays until the next
        return super().left() - {"cache", "trials.sqlite"}


class Sweep(Command):
    """A sweep of slow variants, each saved when finished; a number is repeated until it is complete."""

    SIZE = 12

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        (place / "slow.py").write_text(SLOW)
        self.kept = place / ".out.sweep"
        self.keys: set[str] = set()

    def words(self, number: int) -> list[object]:
        shares = ",".join(f"{0.1 + n / 100:.2f}{number:03}" for n in range(self.SIZE))
        window = ("--start", "2025-01-02", "--end", "2025-03-03", "--source", "sample", "--no-foresight-check")
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
    raise AssertionError("workers outlive their parent")


def wait(process: subprocess.Popen[str], sign: Sign) -> None:
    """Wait until `sign` is true or the command has ended."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and not sign():
        assert time.monotonic() < until, "the command hangs"
        time.sleep(0.001)


def kill_repeatedly(command: Command, kills: int, whom: str, random: np.random.Generator) -> dict[str, int]:
    """Count how often the earlier output stayed, the new one was complete, and the command was still running."""
    number, counts = 0, {"earlier": 0, "new": 0, "killed": 0}
    for attempt in range(kills):
        before = snapshot(command.out) if command.out.exists() else {}
        signs = command.signs()
        process = command.start(number)
        index = attempt % (len(signs) + 1)
        if index:
            wait(process, signs[index - 1])
        time.sleep(random.uniform(0, LONGEST if index else IMPORTING))
        kill(process, whom)
        counts["killed"] += process.returncode == -signal.SIGKILL
        command.check(number)
        done = command.number() == number
        assert done or (snapshot(command.out) if command.out.exists() else {}) == before, "the earlier run is lost"
        counts["new" if done else "earlier"] += 1
        number += done or isinstance(command, MainJob)
    command.finish(number)
    assert command.left() == set(), f"files were left: {command.left()}"
    # multiprocessing leaves a folder with the socket of its fork server, which the system cleans up.
    assert all(path.name.startswith("pymp-") for path in command.temporary.iterdir())
    return counts


def main() -> None:
    """Kill and check repeatedly, then compare the output with that of an undisturbed command."""
    kind, folder, kills, whom, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
    with (
        closing(COMMANDS[kind](folder / "killed")) as command,
        closing(COMMANDS[kind](folder / "whole")) as whole,
    ):
        counts = kill_repeatedly(command, kills, whom, np.random.default_rng(seed))
        number = command.number()
        assert number is not None
        whole.finish(number)
        assert snapshot(command.out) == snapshot(whole.out), "kills changed the result"
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
