"""The trial ledger: every variant that was run for a reading on real prices, a line each in a text file of the user.

How good the best of many variants looks by luck depends on how many were tried: N of the deflated Sharpe ratio.
A run takes `Ledger().read().union(own)` for N and the Sharpe ratios, then calls `Ledger().add(own)`; a variant that is
there already adds nothing, so the same run gives the same N again.

A line is `KEY READING SHARPE CHECKSUM`, or `forgotten NUMBER CHECKSUM` where trials were deleted; the checksum is the
CRC-32 of what stands before it. The file is the one in the variable DEEPSEEK_TRIALS, else trials.txt among the user's
data. Nothing in it tells when or where a run was made.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from glob import escape
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from zlib import crc32

from data.lock import BusyError, locked

if TYPE_CHECKING:
    from data.prices import Prices
    from runners.engine.backtest import Launch
    from runners.engine.frictions import Frictions

APPLICATION = "deepseek-readings"  # as in data.cache, which is slow to import
VARIABLE = "DEEPSEEK_TRIALS"
LOCK_SECONDS = 30.0
FORGOTTEN = "forgotten"
UNDEFINED = "-"
EXACT = 2**53  # up to here every whole number is a float


class LedgerError(OSError):
    """The ledger cannot be read or written. A run should say so and go on (exit status 1 of the command)."""


@dataclass(frozen=True)
class Trial:
    """A variant that was run.

    `key` is what `trial_key` gives, `name` that of the reading, `sharpe` the Sharpe ratio of its excess returns per
    session, not annualised, None where it is undefined.
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

    `forgotten` counts trials that were deleted earlier. `damaged` holds the numbers, from 1, of lines that are not as
    they were written; what they said is not counted.
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
        """Sharpe ratios per session of all trials, those left out that have none."""
        return tuple(trial.sharpe for trial in self.values() if trial.sharpe is not None)

    @property
    def in_words(self) -> str:
        """How many trials there are and were."""
        told = f"{len(self):,} trial{'' if len(self) == 1 else 's'}"
        if not self.forgotten:
            return told
        return f"{told}; {self.forgotten:,} earlier {'one was' if self.forgotten == 1 else 'ones were'} deleted"

    def union(self, own: Iterable[Trial]) -> Trials:
        """These and the run's `own` trials taken together; of a trial in both, the run's figure counts."""
        return Trials({**self.by_key, **_by_key(own)}, self.forgotten, self.damaged)


def default_path() -> Path:
    """The file in DEEPSEEK_TRIALS, else trials.txt at this application's place among the user's data."""
    import platformdirs

    named = os.environ.get(VARIABLE)
    return Path(named) if named else platformdirs.user_data_path(APPLICATION) / "trials.txt"


@dataclass(frozen=True)
class Ledger:
    """Trials in the text file `path`, to which lines are only ever added, until all are forgotten."""

    path: Path = field(default_factory=default_path)

    def read(self) -> Trials:
        """What the file holds; nothing where there is none. Raises LedgerError when it cannot be read."""
        content = self._content()
        if not _is_ended(content):
            # A run may be in the middle of writing this very line.
            with suppress(LedgerError), self._locked():
                content = self._content()
        return _parsed(content)

    def add(self, trials: Iterable[Trial]) -> int:
        """Append those whose key is not there yet, all in one piece, and return how many.

        Raises LedgerError when the file cannot be written; then it is as it was, as far as the disk allows.
        """
        own = _by_key(trials)
        if own.keys() <= self.read().keys():
            return 0  # needs no right to write
        with self._locked():
            content = self._content()
            known = _parsed(content)
            lines = [_line(trial) for key, trial in own.items() if key not in known]
            if lines:
                # What a run that died has left of a line stays a line by itself.
                self._append(b"".join(lines if _is_ended(content) else (b"\n", *lines)))
        return len(lines)

    def forget(self) -> int:
        """Delete all trials and return how many; a line that adds up over the times says how many they were.

        Damaged lines go too and do not count. Raises LedgerError when the file cannot be written.
        """
        with self._locked():
            known = _parsed(self._content())
            if known or known.damaged:
                self._replace(_sealed(f"{FORGOTTEN} {known.forgotten + len(known)}"))
        return len(known)

    def _content(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise LedgerError(
                f"the trial ledger {self.path} cannot be read ({_brief(error)}): "
                f"make it readable, or name another file in {VARIABLE}"
            ) from error

    def _append(self, content: bytes) -> None:
        try:
            _append(self.path, content)
        except OSError as error:
            raise self._unwritable(error) from error

    def _replace(self, content: bytes) -> None:
        try:
            _replace(self.path.resolve(), content)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the file for writing, so that no two runs append at once."""
        with ExitStack() as held:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(locked(self.path.with_name(f"{self.path.name}.lock"), LOCK_SECONDS))
            except BusyError as error:
                raise LedgerError(
                    f"another process has kept the trial ledger {self.path} for {LOCK_SECONDS:g} s: wait for it to end"
                ) from error
            except OSError as error:
                raise self._unwritable(error) from error
            yield

    def _unwritable(self, error: Exception) -> LedgerError:
        return LedgerError(
            f"the trial ledger {self.path} cannot be written ({_brief(error)}): "
            f"make room and give the right to write there, or name another file in {VARIABLE}"
        )


def trial_key(
    strategy: type[Any], parameters: Mapping[str, object], launch: Launch, frictions: Frictions, prices_fingerprint: str
) -> str:
    """SHA-256 (hexadecimal) of what makes a variant: equal for equal variants, however they were written down.

    Counted are the strategy by module and qualified name, its parameters with the defaults of those not given (a
    changed default is another variant), entry and hold, for a Reading also rebalance and shock (other strategies are
    not told), frictions, and the prices, see `window_fingerprint`.

    The order of parameters does not matter, nor whether 1 or 1.0 is given, or a list or a tuple. Floats count to the
    last bit, dates as YYYY-MM-DD, classes and functions by their names, other objects by what they hold.
    """
    variant = {
        "strategy": f"{strategy.__module__}.{strategy.__qualname__}",
        "parameters": _parameters(strategy, parameters),
        "schedule": _schedule(strategy, launch),
        "frictions": frictions.as_dict(),
        "prices": prices_fingerprint,
    }
    # A change of this text would make every variant of every user a new trial.
    text = json.dumps({name: _canonical(part) for name, part in variant.items()}, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def window_fingerprint(prices: Prices, symbols: Sequence[str], stop: int) -> str:
    """SHA-256 (hexadecimal) of what a strategy is shown: the bars of `symbols`, in that order, before the row `stop`.

    Unlike `prices.fingerprint` it stays when later sessions or their dividends become known, which move the factors
    of all earlier ones; else the same variant would be a new trial every day. Dividends count by the steps of the
    factor, rounded to six digits.
    """
    import numpy as np

    from data.prices import FIELDS

    own = prices.select(symbols)
    shown = own.rows(min(int(own.listed.min()), stop - 1), stop)  # whatever else was loaded beside it
    steps = np.round(shown.factor[1:] / shown.factor[:-1], 6)
    digest = sha256(" ".join(symbols).encode() + shown.days.astype("<i8").tobytes())
    for values in (*(getattr(shown, name) for name in FIELDS), steps):
        digest.update(np.nan_to_num(values, nan=-1.0).astype("<f8").tobytes())
    return digest.hexdigest()


def _parameters(strategy: type[Any], given: Mapping[str, object]) -> dict[str, object]:
    from strategies.base.reading import Reading

    declared = strategy.params
    schedule = set(Reading.params._getkeys()) if issubclass(strategy, Reading) else set()
    defaults = dict(zip(declared._getkeys(), declared._getdefaults(), strict=True))
    return {name: value for name, value in {**defaults, **given}.items() if name not in schedule}


def _schedule(strategy: type[Any], launch: Launch) -> dict[str, object]:
    from data import calendar
    from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading

    counted: dict[str, object] = {"entry": launch.entry, "hold": launch.hold}
    if not issubclass(strategy, Reading):
        return counted
    shock = launch.shock or calendar.offset(launch.entry, -SHOCK_BEFORE_ENTRY)
    return {**counted, "rebalance": launch.rebalance, "shock": shock}


def _canonical(value: object) -> object:
    """A value as JSON can hold it, equal for equal values: `runners.engine.study.plain`, but nothing is left out."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return value if abs(value) > EXACT else float(value) + 0.0  # and no -0.0
        case date():  # pd.Timestamp is one
            return value.isoformat().removesuffix("T00:00:00")
        case list() | tuple() | set() | frozenset() | Mapping():
            return _canonical_items(value)
    return _canonical_object(value)


def _canonical_items(values: Iterable[Any]) -> object:
    if isinstance(values, Mapping):
        pairs = ([_canonical(key), _canonical(item)] for key, item in values.items())
        return {"mapping": sorted(pairs, key=json.dumps)}
    items = [_canonical(item) for item in values]
    return items if isinstance(values, list | tuple) else {"set": sorted(items, key=json.dumps)}


def _canonical_object(value: Any) -> object:
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    for method in ("to_dict", "tolist"):  # of pandas and numpy
        if hasattr(value, method):
            return _canonical(getattr(value, method)())
    held = _canonical(vars(value)) if hasattr(value, "__dict__") else re.sub(" at 0x[0-9A-Fa-f]+", "", repr(value))
    return {f"{type(value).__module__}.{type(value).__qualname__}": held}


def _by_key(trials: Iterable[Trial]) -> dict[str, Trial]:
    return {trial.key: trial for trial in trials}


def _line(trial: Trial) -> bytes:
    sharpe = UNDEFINED if trial.sharpe is None else repr(float(trial.sharpe))
    return _sealed(f"{trial.key} {quote(trial.name, safe='')} {sharpe}")


def _sealed(text: str) -> bytes:
    return f"{text} {crc32(text.encode()):08x}\n".encode()


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
    return Trials(found, forgotten, tuple(damaged))


def _entry(line: bytes) -> Trial | int:
    """The trial of a line, or how many were forgotten. Raises ValueError for a line that is not as it was written."""
    text, _, checksum = line.removesuffix(b"\r").decode("ascii").rpartition(" ")
    if checksum != f"{crc32(text.encode()):08x}":
        raise ValueError("its checksum is not that of its text")
    match text.split(" "):
        case [key, name, sharpe]:
            return Trial(key, unquote(name), None if sharpe == UNDEFINED else float(sharpe))
        case [word, number] if word == FORGOTTEN:
            return int(number)
    raise ValueError("it is neither a trial nor a number of forgotten ones")


def _is_ended(content: bytes) -> bool:
    return not content or content.endswith(b"\n")


def _append(path: Path, content: bytes) -> None:
    """Append in a single write and force it to the disk; of a write that fails nothing stays."""
    binary = getattr(os, "O_BINARY", 0)  # Windows would turn \n into \r\n
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | binary, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        try:
            if os.write(descriptor, content) < len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def _replace(path: Path, content: bytes) -> None:
    """Write beside `path`, force it to the disk, then swap: a crash leaves the old file or the new one."""
    prefix = f".{path.name}-"
    for left in path.parent.glob(f"{escape(prefix)}*.part"):  # by one that was killed here; we hold the lock
        left.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _brief(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(told.split())[:120] or type(error).__name__
