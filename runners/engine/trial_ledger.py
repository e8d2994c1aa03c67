"""The trial ledger: every variant of a strategy run on real prices, in the user's SQLite file.

The more variants are tried, the better the best one looks by luck: their number is N of the deflated Sharpe ratio. A
run takes N and the Sharpe ratios from `TrialLedger().read().union(new)`, then calls `TrialLedger().add(new)`. Adding a
variant again changes nothing, so repeating a run gives the same N.

The file is named by the variable DEEPSEEK_TRIALS, by default trials.sqlite in the user's data folder. It does not
record when or where a run was made. Earlier versions wrote a text file, at the same path or as trials.txt next to
trials.sqlite; it is read if there is no database, and converted to one by the first write.
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

from data.atomic import write_file
from data.lock import BusyError, hold_lock
from runners.engine.database import BUSY_SECONDS, NotADatabaseError, reading, writing

if TYPE_CHECKING:
    from sqlite3 import Connection

APPLICATION = "deepseek-readings"  # as in data.sources.cache, which is slow to import
VARIABLE = "DEEPSEEK_TRIALS"
NAME, TEXT_NAME = "trials.sqlite", "trials.txt"
MAGIC = b"SQLite format 3\0"  # the first bytes of every database

TABLES = (
    "trials (key TEXT PRIMARY KEY, name TEXT NOT NULL, sharpe REAL)",
    "forgotten (number INTEGER NOT NULL)",  # number of trials deleted by each --forget
    "damaged (line INTEGER PRIMARY KEY)",  # lines of an earlier version's text file
)


class LedgerError(OSError):
    """The ledger cannot be read or written. Runs continue with a notice; `runners.trials` exits with status 1."""


@dataclass(frozen=True)
class Trial:
    """A variant that was run.

    `key` is its `trial_key`, `name` the name of its reading, `sharpe` the Sharpe ratio of its excess returns per
    session, not annualised, None if undefined.
    """

    key: str
    name: str
    sharpe: float | None

    def __post_init__(self) -> None:
        if not re.fullmatch("[0-9a-f]{64}", self.key):
            raise ValueError(f"key {self.key!r} is not a SHA-256; make it with trial_key")
        if not self.name:
            raise ValueError("a trial has no name; give the name of its reading")
        if self.sharpe is not None and not isfinite(self.sharpe):
            raise ValueError(f"sharpe of {self.name} is {self.sharpe}; give None if it is undefined")


@dataclass(frozen=True)
class Trials(Mapping[str, Trial]):
    """Distinct trials by key, in order of first appearance; their number is N.

    `forgotten` is the number of trials deleted earlier. `damaged` holds the line numbers, from 1, of damaged lines in
    an earlier version's text file; they are not counted.
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
        """Sharpe ratios per session, of the trials that have one."""
        return tuple(trial.sharpe for trial in self.values() if trial.sharpe is not None)

    @property
    def summary(self) -> str:
        """Number of trials, and of deleted ones, in words."""
        count = f"{len(self):,} trial{'' if len(self) == 1 else 's'}"
        if not self.forgotten:
            return count
        return f"{count}; {self.forgotten:,} earlier {'one was' if self.forgotten == 1 else 'ones were'} deleted"

    def union(self, new: Iterable[Trial]) -> Trials:
        """These trials and the `new` ones, which take precedence."""
        return Trials({**self.by_key, **_by_key(new)}, self.forgotten, self.damaged)


def default_path() -> Path:
    """The file named by DEEPSEEK_TRIALS, by default trials.sqlite in this application's user data folder."""
    import platformdirs

    path = os.environ.get(VARIABLE)
    return Path(path) if path else platformdirs.user_data_path(APPLICATION) / NAME


@dataclass(frozen=True)
class TrialLedger:
    """The trials in the SQLite file `path`."""

    path: Path = field(default_factory=default_path)

    def read(self) -> Trials:
        """All trials, none if there is no file. Raises LedgerError if it cannot be read."""
        with self._ledger_errors("read", "make it readable"):
            text = self._text_file()
            content = text.read_bytes() if text else MAGIC
            # Another process may have converted the text file meanwhile.
            return self._read_database() if content.startswith(MAGIC) else _parse_text(content)

    def add(self, trials: Iterable[Trial]) -> int:
        """Add the trials whose keys are new, all or none of them, and return their number.

        They are on disk when this returns. Raises LedgerError if the file cannot be written.
        """
        by_key = _by_key(trials)
        if by_key.keys() <= self.read().keys():
            return 0  # nothing to write, so a read-only file is no error
        with self._writing() as connection:
            return _insert(connection, by_key.values())

    def forget(self) -> int:
        """Delete all trials and return their number, which the ledger keeps.

        Damaged lines are deleted too, without a count. Raises LedgerError if the file cannot be written.
        """
        trials = self.read()
        if not trials and not trials.damaged:
            return 0
        with self._writing() as connection:
            number = connection.execute("DELETE FROM trials").rowcount
            connection.execute("DELETE FROM damaged")
            connection.execute("INSERT INTO forgotten VALUES (?)", (number,))
        return number

    def _read_database(self) -> Trials:
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

    def _text_file(self) -> Path | None:
        """The text file of an earlier version, if it has not been converted to a database."""
        if not self.path.exists():
            text = self.path.with_name(TEXT_NAME)
            return text if self.path.name == NAME and text.is_file() else None
        try:
            with reading(self.path):
                return None
        except NotADatabaseError:
            return self.path

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._ledger_errors("written", "free disk space or allow writing there"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = self._text_file()
            if text:
                # Earlier versions hold this lock while they add to the text.
                with hold_lock(text.with_name(f"{text.name}.lock"), BUSY_SECONDS):
                    self._convert_text()
            with writing(self.path, *TABLES) as connection:
                yield connection

    def _convert_text(self) -> None:
        """Replace an earlier version's text file by a database in one step; a copy of the text stays as NAME.bak."""
        text = self._text_file()
        if text is None:
            return  # another process was faster
        content, target = text.read_bytes(), self.path.resolve()
        folder = target.with_name(f".{target.name}.new")
        shutil.rmtree(folder, ignore_errors=True)  # left by a process that was killed at this point
        folder.mkdir()
        try:
            database = folder / target.name
            with writing(database, *TABLES) as connection:
                trials = _parse_text(content)
                _insert(connection, trials.values())
                connection.execute("INSERT INTO forgotten VALUES (?)", (trials.forgotten,))
                connection.executemany("INSERT INTO damaged VALUES (?)", ((line,) for line in trials.damaged))
            shutil.copymode(text, database)
            if text == self.path:
                backup = folder / f"{target.name}.bak"
                write_file(backup, content)
                backup.replace(target.with_name(backup.name))
            database.replace(target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _ledger_errors(self, verb: str, remedy: str) -> Iterator[None]:
        try:
            yield
        except (BusyError, BlockingIOError) as error:
            raise LedgerError(
                f"another process has locked the trial ledger {self.path} for {BUSY_SECONDS:g} s: wait for it to end"
            ) from error
        except OSError as error:
            raise LedgerError(
                f"the trial ledger {self.path} cannot be {verb} ({error.strerror}): "
                f"{remedy}, or name another file in {VARIABLE}"
            ) from error


def _by_key(trials: Iterable[Trial]) -> dict[str, Trial]:
    return {trial.key: trial for trial in trials}


def _insert(connection: Connection, trials: Iterable[Trial]) -> int:
    """Insert the trials that are new and return their number."""
    rows = ((trial.key, trial.name, trial.sharpe) for trial in trials)
    return connection.executemany("INSERT OR IGNORE INTO trials VALUES (?, ?, ?)", rows).rowcount


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


# The text format of earlier versions: lines `KEY NAME SHARPE CHECKSUM` and `forgotten NUMBER CHECKSUM`; the checksum is
# the CRC-32 of the text before it.


def _parse_text(content: bytes) -> Trials:
    trials: dict[str, Trial] = {}
    forgotten, damaged = 0, []
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            entry = _parse_line(line)
        except ValueError:
            damaged.append(number)
            continue
        if isinstance(entry, Trial):
            trials.setdefault(entry.key, entry)
        else:
            forgotten += entry
    if damaged and not trials and not forgotten:
        raise OSError(errno.EINVAL, "it holds no trial; move it away")
    return Trials(trials, forgotten, tuple(damaged))


def _parse_line(line: bytes) -> Trial | int:
    """The trial in a line, or the number of forgotten trials. Raises ValueError for a damaged line."""
    text, _, checksum = line.removesuffix(b"\r").decode("ascii").rpartition(" ")
    if checksum != f"{crc32(text.encode()):08x}":
        raise ValueError("the checksum does not match the text")
    match text.split(" "):
        case [key, name, sharpe]:
            return Trial(key, unquote(name), None if sharpe == "-" else float(sharpe))
        case ["forgotten", number]:
            return int(number)
    raise ValueError("neither a trial nor a number of forgotten trials")
