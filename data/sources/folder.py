"""A folder of CSV files as Yahoo writes them, one file a symbol."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import pandas as pd

from data.errors import DataError, RequestError

NUMBERS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
# Paid by funds; Yahoo's adjusted close takes both.
PAYMENTS = ("Dividends", "Capital Gains")
EXTRAS = (*PAYMENTS, "Stock Splits")
HEADER = ",".join(("Date", *NUMBERS))


@dataclass(frozen=True)
class FolderSource:
    """Prices in the files SYMBOL.csv of `path` (a caret may be left out: VIX.csv holds ^VIX).

    Each has a header and the columns Date (YYYY-MM-DD), Open, High, Low, Close, Adj Close, Volume, in any order;
    Dividends, Capital Gains and Stock Splits are read where present, other columns are ignored. `named_by` says in
    errors where the path was given. Raises RequestError for a path without such files.
    """

    path: Path
    named_by: str = "--source"
    name: str = "folder"
    real: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        place = f"{self.named_by} names {str(self.path)!r}"
        remedy = "give a folder of CSV files, one a symbol, or auto, yahoo or sample"
        try:
            self.path.stat()
        except (OSError, ValueError) as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be reached ({_told(error)})"
            raise RequestError(f"{place}, which {reason}: {remedy}") from None
        if not self.path.is_dir():
            raise RequestError(f"{place}, which is not a folder: {remedy}")
        if not self.files:
            raise RequestError(f"{place}, which holds no file that ends in .csv: {remedy}")

    @property
    def origin(self) -> str:
        return f"folder {self.path.resolve().name} (CSV files as Yahoo writes them)"

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each name, without its ending."""
        return {path.stem: path for path in sorted(self.path.iterdir()) if path.suffix.lower() == ".csv"}

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every row of the files of `symbols`, whatever `start` and `end` are, so that each file is checked whole."""
        del start, end
        found = {symbol: self._file(symbol) for symbol in symbols}
        if missing := [symbol for symbol, path in found.items() if path is None]:
            raise RequestError(self._without(missing))
        return {symbol: read_bars(symbol, path) for symbol, path in found.items() if path}

    def _file(self, symbol: str) -> Path | None:
        return self.files.get(symbol) or self.files.get(symbol.removeprefix("^"))

    def _without(self, missing: Sequence[str]) -> str:
        close = {symbol: get_close_matches(symbol.upper(), self.files, n=1) for symbol in missing}
        guesses = [f"{symbol} (did you mean {close[symbol][0]}?)" if close[symbol] else symbol for symbol in missing]
        return (
            f"no prices for {', '.join(guesses)} in {self.path}: "
            f"save them there as {missing[0]}.csv with the columns {HEADER}, or use --source auto"
        )


def read_bars(symbol: str, path: Path) -> pd.DataFrame:
    """The bars in the CSV file `path`, in the order of its lines.

    Raises DataError naming the line and the column where it is not a table of dates and numbers.
    """
    text = _text(symbol, path)
    try:
        columns = next(csv.reader(io.StringIO(text)), [])
    except csv.Error as error:
        raise DataError(f"{symbol}: {path.name} is not a CSV table ({error}): download it again") from error
    if not columns:
        raise DataError(f"{symbol}: {path.name} is empty: download it again")
    if missing := [column for column in ("Date", *NUMBERS) if column not in columns]:
        raise DataError(
            f"{symbol}: {path.name} has no column {', '.join(missing)} (its header: {','.join(columns)[:80]}): "
            f"save it with {HEADER}; an index without Adj Close cannot be traded"
        )
    try:
        return _parsed(text)
    except ValueError as error:
        raise DataError(f"{symbol}: {path.name}, {_fault(text)}: correct it or download the file again") from error


def _told(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _text(symbol: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{symbol}: {path.name} is not text in UTF-8: save it as plain CSV") from error
    except OSError as error:
        raise DataError(f"{symbol}: {path} cannot be read ({error.strerror}): check the file") from error


def _parsed(text: str) -> pd.DataFrame:
    """The table in `text`. Raises ValueError for anything that is not a full line of a date and numbers."""
    table = pd.read_csv(io.StringIO(text))
    wanted = [*NUMBERS, *(column for column in EXTRAS if column in table)]
    if table.empty or not isinstance(table.index, pd.RangeIndex):
        raise ValueError("no rows, or more fields than names")
    if table[["Date", *wanted]].isna().to_numpy().any():
        raise ValueError("an empty cell")
    # Of text that pandas did not take for numbers, `astype` alone would still accept some, such as 1_000.
    bars = table[wanted].select_dtypes("number").astype("float64")
    if len(bars.columns) < len(wanted):
        raise ValueError("text among the numbers")
    bars.index = pd.DatetimeIndex(pd.to_datetime(table["Date"], format="%Y-%m-%d"), name="Date").as_unit("ns")
    return _with_gains(bars)


def _with_gains(bars: pd.DataFrame) -> pd.DataFrame:
    """Capital gains that a fund distributes counted as dividends."""
    paid = [column for column in PAYMENTS if column in bars]
    if not paid:
        return bars
    return bars.assign(Dividends=bars[paid].sum(axis=1)).drop(columns="Capital Gains", errors="ignore")


def _fault(text: str) -> str:
    """What is wrong with the first line that is wrong. Slow, and only asked when reading has failed."""
    lines = csv.reader(io.StringIO(text))
    names = next(lines)
    read = 0
    try:
        for cells in filter(None, lines):
            read += 1
            if fault := _line_fault(names, cells):
                return f"line {lines.line_num}{fault}"
    except csv.Error as error:
        return f"line {lines.line_num} is not CSV ({error})"
    return "which cannot be read as a table" if read else "which has a header but no rows"


def _line_fault(names: list[str], cells: list[str]) -> str | None:
    if len(cells) < len(names):
        return f" is cut off after {len(cells)} of {len(names)} fields"
    if len(cells) > len(names):
        return f" has {len(cells)} fields under {len(names)} names"
    row = dict(zip(names, cells, strict=True))
    if pd.isna(pd.to_datetime(row["Date"], format="%Y-%m-%d", errors="coerce")):
        return f", column Date: {row['Date']!r} is not a date like 2025-01-31"
    bad = next((name for name in (*NUMBERS, *EXTRAS) if name in row and not _is_number(row[name])), None)
    return bad and f", column {bad}: {row[bad]!r} is not a number"


def _is_number(cell: str) -> bool:
    return bool(pd.notna(pd.to_numeric(cell, errors="coerce")))
