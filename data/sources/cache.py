"""The price cache on disk: one Parquet file per symbol, replaced atomically, with its SHA-256 inside.

It lies in the user's cache folder, or in the folder in the variable DEEPSEEK_CACHE.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from data.atomic import PART, write_file
from data.errors import DataError, SourceError
from data.file_names import DEVICE
from data.lock import BusyError, hold_lock
from data.text import quote_message

APPLICATION = "deepseek-readings"
VARIABLE = "DEEPSEEK_CACHE"
COLUMNS = ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits")
LOCK_SECONDS = 600.0
# What pyarrow and pandas raise for corrupted bytes; a single flipped bit can cause any of them.
UNREADABLE = (OSError, ValueError, LookupError, TypeError, ArithmeticError, NotImplementedError, MemoryError)


def default_cache_folder() -> Path:
    """The folder in DEEPSEEK_CACHE, else this application's folder among the user's caches."""
    import platformdirs

    return Path(os.environ.get(VARIABLE) or platformdirs.user_cache_dir(APPLICATION))


@dataclass(frozen=True, eq=False)
class CacheEntry:
    """The bars of one symbol, downloaded with a request for everything since `start`.

    `bars` are indexed by tz-naive sessions and hold COLUMNS as float64: prices and dividends in USD, adjusted for
    splits only, volume in shares, and the split ratio on its ex-date (0 on other days). They begin after `start` if the
    symbol was listed later.
    """

    start: pd.Timestamp
    bars: pd.DataFrame = field(repr=False)

    def __post_init__(self) -> None:
        missing = [column for column in COLUMNS if column not in self.bars]
        if missing or self.bars.empty:
            raise ValueError(f"an entry needs at least one bar with the columns {COLUMNS}; missing: {missing}")
        bars = self.bars[list(COLUMNS)].astype("float64")
        bars.index = pd.DatetimeIndex(bars.index).as_unit("ns").rename("Date")
        object.__setattr__(self, "bars", bars)

    @property
    def last(self) -> pd.Timestamp:
        """The last session in the cache."""
        return pd.Timestamp(self.bars.index[-1])

    def until(self, session: pd.Timestamp) -> pd.DataFrame:
        """The bars up to and including `session`; all bars if the first is later."""
        return self.bars.loc[:session] if self.bars.index[0] <= session else self.bars

    def digest(self, symbol: str) -> str:
        """SHA-256 over the symbol, `start` and every bar."""
        checksum = hashlib.sha256(f"{symbol} {self.start:%Y-%m-%d}".encode())
        checksum.update(self.bars.index.to_numpy().astype("<i8").tobytes())
        for column in COLUMNS:
            checksum.update(self.bars[column].to_numpy().astype("<f8").tobytes())
        return checksum.hexdigest()


@dataclass(frozen=True)
class Cache:
    """Cache entries by symbol in the folder `root`. Reading needs no lock: files are never partly written."""

    root: Path = field(default_factory=default_cache_folder)

    def path(self, symbol: str) -> Path:
        """The file of `symbol`, with characters special in paths escaped, and the first letter of names such as CON."""
        name = quote(symbol, safe="^")
        if DEVICE.fullmatch(name):
            name = f"%{ord(name[0]):02X}{name[1:]}"
        return self.root / "prices" / f"{name}.parquet"

    def read(self, symbol: str) -> CacheEntry | None:
        """The entry of `symbol`, or None. Raises DataError if its file is damaged."""
        path = self.path(symbol)
        try:
            return _read(path, symbol)
        except FileNotFoundError:
            return None
        except UNREADABLE as error:
            raise DataError(
                f"the cached prices of {symbol} in {path} are damaged ({_brief(error)}): "
                f"fetch them again with python -m runners.prices {symbol} --source yahoo --refresh, or delete the file"
            ) from error

    def write(self, symbol: str, entry: CacheEntry) -> None:
        """Replace the file of `symbol` atomically. Raises SourceError if it cannot be written."""
        try:
            self.path(symbol).parent.mkdir(parents=True, exist_ok=True)
            write_file(self.path(symbol), _serialised(symbol, entry))
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def locked(self, seconds: float = LOCK_SECONDS) -> Iterator[None]:
        """Lock the cache for writing, so that only one process downloads.

        Raises SourceError if another process holds the lock for longer than `seconds`.
        """
        with ExitStack() as stack:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                stack.enter_context(hold_lock(self.root / "lock", seconds))
            except BusyError as error:
                raise SourceError(
                    f"another process has been downloading into {self.root} for {seconds:g} s: wait for it to end"
                ) from error
            except OSError as error:
                raise self._unwritable(error) from error
            self._tidy()
            yield

    def _tidy(self) -> None:
        """Remove unfinished files of killed writers; the holder of the lock is the only writer."""
        for part in self.path("").parent.glob(f".*{PART}"):
            with suppress(OSError):
                part.unlink()

    def _unwritable(self, error: OSError) -> SourceError:
        return SourceError(
            f"the cache in {self.root} cannot be written ({_brief(error)}): "
            f"make room there, or name another folder in {VARIABLE}"
        )


def _read(path: Path, symbol: str) -> CacheEntry:
    import pyarrow.parquet

    # Opened here because pyarrow has its own error for a missing file. No Arrow threads: one that is still ending at
    # the exit of Python aborts the process now and then (apache/arrow#34314), and `read_table` always starts one.
    if path.exists() and not path.is_file():  # reading a pipe could block
        raise OSError("it is not a file")
    with path.open("rb") as file:
        table = pyarrow.parquet.ParquetFile(file, pre_buffer=False).read(use_threads=False)
    metadata: dict[bytes, bytes] = table.schema.metadata or {}
    entry = CacheEntry(pd.Timestamp(metadata[b"start"].decode()), _frame(table))
    if entry.digest(symbol) != metadata[b"sha256"].decode():
        raise ValueError("its SHA-256 is not the one recorded")
    return entry


def _frame(table: Any) -> pd.DataFrame:
    columns = {name: table[name].to_numpy() for name in COLUMNS}
    return pd.DataFrame(columns, index=pd.DatetimeIndex(table["Date"].to_numpy()))


def _serialised(symbol: str, entry: CacheEntry) -> bytes:
    import pyarrow
    import pyarrow.parquet

    columns = {"Date": entry.bars.index.to_numpy(), **{name: entry.bars[name].to_numpy() for name in COLUMNS}}
    metadata = {"symbol": symbol, "start": f"{entry.start:%Y-%m-%d}", "sha256": entry.digest(symbol)}
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue().to_pybytes())


def _brief(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return quote_message(reason, 120) or type(error).__name__
