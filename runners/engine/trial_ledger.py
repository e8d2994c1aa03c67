"""The trial ledger: every variant that was run for a reading on real prices, in an SQLite file of the user.

How good the best of many variants looks by luck depends on how many were tried: N of the deflated Sharpe ratio.
A run takes `TrialLedger().read().union(own)` for N and the Sharpe ratios, then calls `TrialLedger().add(own)`; adding
a variant again changes nothing, so the same run gives the same N again.

The file is the one in the variable DEEPSEEK_TRIALS, else trials.sqlite among the user's data. Nothing in it tells when
or where a run was made. Earlier versions kept a text file, at the same path or as trials.txt beside trials.sqlite: it
is read in place of a database, and the first writing makes the database of it.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zlib import crc32

from data.lock import BusyError, hold_lock
from runners.engine.database import BUSY_SECONDS, NotADatabaseError, reading, writing

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION = "deepseek-readings"  # as in data.sources.cache, which is slow to import
VARIABLE = "DEEPSEEK_TRIALS"
NAME, TEXT_NAME = "trials.sqlite", "trials.txt"
MAGIC = b"SQLite format 3\0"  # how every database begins

TABLES = (
    "trials (key TEXT PRIMARY KEY, name TEXT NOT NULL, sharpe REAL)",
    "forgotten (number INTEGER NOT NULL)",  # how many trials each --forget deleted
    "damaged (line INTEGER PRIMARY KEY)",  # of the text file of earlier versions
)


class LedgerError(OSError):
    """The ledger cannot be read or written. A run should say so and go on (exit status 1 of the command)."""


@dataclass(frozen=True)
class Trial:
    """A variant that was run.

    `key` is its `trial_key`, `name` the reading's, `sharpe` the Sharpe ratio of its excess returns per session, not
    annualised, None where it is undefined.
    """

    key: str
    name: str
    sharpe: float | None

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.key):
            raise ValueError(f"key {self.key!r} is no SHA-256; make it with trial_key")
        if not self.name:
            raise ValueError("a trial without a name; give the name of its reading")
        if self.sharpe is not None and not isfinite(self.sharpe):
            raise ValueError(f"sharpe of {self.name} is {self.sharpe}; give None where it is undefined")


@dataclass(frozen=True)
class Trials(Mapping[str, Trial]):
    """Distinct trials by key, in order of first appearance; their number is N.

    `forgotten` counts trials that were deleted earlier. `damaged` holds the numbers, from 1, of damaged lines in the
    text ledger of an earlier version; they are not counted.
    """

    by_key: Mapping[str, Trial] = field(default_factory=dict)
    forgotten: int = 0
    damaged: tuple[int, ...] = ()

    def __getitem__(self, key: str) -> Trial:
        return self.by_key[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_key)

    def __len__(self) -> int:
        return len(self.by_key)

    @property
    def sharpes(self) -> tuple[float, ...]:
        """Sharpe ratios per session of the trials that have one."""
        return tuple(trial.sharpe for trial in self.values() if trial.sharpe is not None)

    @property
    def summary(self) -> str:
        """How many trials there are and were."""
        told = f"{len(self):,} trial{'' if len(self) == 1 else 's'}"
        if not self.forgotten:
            return told
        return f"{told}; {self.forgotten:,} earlier {'one was' if self.forgotten == 1 else 'ones were'} deleted"

    def union(self, own: Iterable[Trial]) -> Trials:
        """These and the run's `own` trials; for a trial in both, the run's figure counts."""
        return Trials({**self.by_key, **_by_key(own)}, self.forgotten, self.damaged)


def default_path() -> Path:
    """The file in DEEPSEEK_TRIALS, else trials.sqlite in this application's folder of the user's data."""
    import platformdirs

    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path(APPLICATION) / NAME


@dataclass(frozen=True)
class TrialLedger:
    """Trials in the SQLite file `path`."""

    path: Path = field(default_factory=default_path)

    def read(self) -> Trials:
        """All trials; none where there is no file. Raises LedgerError when it cannot be read."""
        with self._ledger_errors("read", "make it readable"):
            text = self._text()
            content = text.read_bytes() if text else MAGIC
            # Another process may have taken the text over meanwhile.
            return self._stored() if content.startswith(MAGIC) else _parsed(content)

    def add(self, trials: Iterable[Trial]) -> int:
        """Add those whose key is not there yet, all or none of them, and return how many.

        They are on the disk when this returns. Raises LedgerError when the file cannot be written.
        """
        own = _by_key(trials)
        if own.keys() <= self.read().keys():
            return 0  # needs no right to write
        with self._writing() as connection:
            return _insert(connection, own.values())

    def forget(self) -> int:
        """Delete all trials and return how many; the ledger keeps count of deleted ones.

        Damaged lines are forgotten too, without a count. Raises LedgerError when the file cannot be written.
        """
        known = self.read()
        if not known and not known.damaged:
            return 0
        with self._writing() as connection:
            number = connection.execute("DELETE FROM trials").rowcount
            connection.execute("DELETE FROM damaged")
            connection.execute("INSERT INTO forgotten VALUES (?)", (number,))
        return number

    def _stored(self) -> Trials:
        with reading(self.path) as connection:
            if connection is None:
                return Trials()
            rows = connection.execute("SELECT key, CAST(name AS TEXT), sharpe FROM trials ORDER BY rowid").fetchall()
            ((forgotten,),) = connection.execute("SELECT CAST(total(number) AS INTEGER) FROM forgotten")
            damaged = tuple(line for (line,) in connection.execute("SELECT line FROM damaged ORDER BY line"))
        try:
            return Trials(_by_key(Trial(*row) for row in rows), forgotten, damaged)
        except (TypeError, ValueError) as error:
            raise OSError(errno.EIO, f"it is damaged: {error}") from error

    def _text(self) -> Path | None:
        """The text file of an earlier version that is still in place of the database."""
        if not self.path.exists():
            beside = self.path.with_name(TEXT_NAME)
            return beside if self.path.name == NAME and beside.exists() else None
        try:
            with reading(self.path):
                return None
        except NotADatabaseError:
            return self.path

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._ledger_errors("written", "make room and give the right to write there"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = self._text()
            if text:
                # The lock of earlier versions, which may be adding to the text.
                with hold_lock(text.with_name(f"{text.name}.lock"), BUSY_SECONDS):
                    self._take_over()
            with writing(self.path, *TABLES) as connection:
                yield connection

    def _take_over(self) -> None:
        """Replace the text file of an earlier version in one step; a copy of it stays as NAME.bak."""
        text = self._text()
        if text is None:
            return  # another process was faster
        content, target = text.read_bytes(), self.path.resolve()
        folder = target.with_name(f".{target.name}.new")
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed here
        folder.mkdir()
        try:
            database = folder / target.name
            with writing(database, *TABLES) as connection:
                known = _parsed(content)
                _insert(connection, known.values())
                connection.execute("INSERT INTO forgotten VALUES (?)", (known.forgotten,))
                connection.executemany("INSERT INTO damaged VALUES (?)", ((line,) for line in known.damaged))
            shutil.copymode(text, database)
            if text == self.path:
                _write(target.with_name(f"{target.name}.bak"), content)
            database.replace(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _ledger_errors(self, verb: str, remedy: str) -> Iterator[None]:
        try:
            yield
        except (BusyError, BlockingIOError) as error:
            raise LedgerError(
                f"another process has kept the trial ledger {self.path} for {BUSY_SECONDS:g} s: wait for it to end"
            ) from error
        except OSError as error:
            raise LedgerError(
                f"the trial ledger {self.path} cannot be {verb} ({error.strerror}): "
                f"{remedy}, or name another file in {VARIABLE}"
            ) from error


def _by_key(trials: Iterable[Trial]) -> dict[str, Trial]:
    return {trial.key: trial for trial in trials}


def _insert(connection: Connection, trials: Iterable[Trial]) -> int:
    """How many of the trials are new."""
    rows = ((trial.key, trial.name, trial.sharpe) for trial in trials)
    return connection.executemany("INSERT OR IGNORE INTO trials VALUES (?, ?, ?)", rows).rowcount


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


# The text of earlier versions: lines `KEY NAME SHARPE CHECKSUM` and `forgotten NUMBER CHECKSUM`; the checksum is the
# CRC-32 of what stands before it.


def _parsed(content: bytes) -> Trials:
    found: dict[str, Trial] = {}
    forgotten, damaged = 0, []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = _entry(line)
        except ValueError:
            damaged.append(number)
            continue
        if isinstance(entry, Trial):
            found.setdefault(entry.key, entry)
        else:
            forgotten += entry
    if damaged and not found and not forgotten:
        raise OSError(errno.EINVAL, "there is no trial in it; move it away")
    return Trials(found, forgotten, tuple(damaged))


def _entry(line: bytes) -> Trial | int:
    """The trial of a line, or how many were forgotten. Raises ValueError for a damaged line."""
    text, _, checksum = line.removesuffix(b"\r").decode("ascii").rpartition(" ")
    if checksum != f"{crc32(text.encode()):08x}":
        raise ValueError("its checksum is not that of its text")
    match text.split(" "):
        case [key, name, sharpe]:
            return Trial(key, unquote(name), None if sharpe == "-" else float(sharpe))
        case ["forgotten", number]:
            return int(number)
    raise ValueError("it is neither a trial nor a number of forgotten ones")
