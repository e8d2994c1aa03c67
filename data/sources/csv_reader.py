"""Strict reader of CSV files with daily bars in Yahoo's format; errors name the line and the remedy."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from data import line_numbers
from data.adjustment import total_payments
from data.errors import DataError

NUMBERS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
EXTRAS = ("Dividends", "Capital Gains", "Stock Splits")
HEADER = ",".join(("Date", *NUMBERS))
KNOWN = ("Date", *NUMBERS, *EXTRAS)
PLAIN = b"0123456789.,+-eE\n"  # all characters below the header of a file as programs write it

MOST_BYTES = 8 * 2**20  # more than a century of daily bars with any number of digits
YEARS = range(1678, 2262)  # the range of a pandas Timestamp in nanoseconds
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Stricter than `float`, which also accepts 1_0, nan, inf, surrounding spaces and digits of other scripts.
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
NUMBER_CHARACTERS = re.compile(r"[0-9.eE+-]*")

AGAIN = "correct it or download the file again"
DATE = "write all dates in this format, or download the file again"


def read_price_file(symbol: str, path: Path) -> pd.DataFrame:
    """Read the bars in the CSV file `path`, in the order of its lines, or reversed if every line is older.

    A cell that is not a number becomes NaN; its text is kept for `data.quality.check_numbers`. Raises DataError, one
    line with the symbol, the file, the line, the column and the remedy, if the file is not a table with dates. Only
    regular files are opened: reading a pipe could block.
    """
    try:
        if not path.is_file():
            _refuse(symbol, path.name, " is not a file", "save the prices as a plain CSV file of that name")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"{symbol}: {path} cannot be read ({error.strerror}): check the file") from error
    return parse_price_file(symbol, path.name, content)


def parse_price_file(symbol: str, file: str, content: bytes) -> pd.DataFrame:
    """Parse the `content` of a price file; see `read_price_file`."""
    bars, lines, cells = _plain_bars(content) or _any_bars(symbol, file, content)
    if len(bars) > 1 and (bars.index[1:] < bars.index[:-1]).all():
        bars, lines = bars[::-1], lines[::-1]
    return line_numbers.with_line_numbers(_with_gains(bars), file, lines, cells)


_Bars = tuple[pd.DataFrame, Sequence[int], dict[tuple[pd.Timestamp, str], str]]  # bars, lines, cells without a number


def _plain_bars(content: bytes) -> _Bars | None:
    """The bars of a file as programs write it, read by Arrow; None for any other file, which `_any_bars` reads.

    Such a file has the columns of HEADER and perhaps of EXTRAS, each once, a line for each row, numbers in every cell,
    and nothing that the two readers could take differently (quotes, spaces, empty lines).
    """
    header, _, body = content.partition(b"\n")
    names = header.decode("ascii", "replace").split(",")
    if sorted(names) != sorted({*names} & {*KNOWN}) or not {*KNOWN[: 1 + len(NUMBERS)]} <= {*names}:
        return None
    if len(content) > MOST_BYTES or body.translate(None, PLAIN) or b"\n\n" in content:
        return None
    from pyarrow import ArrowInvalid, csv, date32, float64

    types = {name: date32() if name == "Date" else float64() for name in names}
    options = csv.ConvertOptions(column_types=types, null_values=[])
    try:
        table = csv.read_csv(BytesIO(content), csv.ReadOptions(use_threads=False), convert_options=options)
    except ArrowInvalid:
        return None
    days = table["Date"].to_numpy()
    columns = {name: table[name].to_numpy() for name in KNOWN[1:] if name in types}
    years = days.astype("datetime64[Y]").astype(int) + 1970
    if not (len(days) and np.isin(years, YEARS).all() and all(np.isfinite(each).all() for each in columns.values())):
        return None
    index = pd.DatetimeIndex(days.astype("datetime64[ns]"), name="Date")
    return pd.DataFrame(columns, index=index), range(2, len(days) + 2), {}


def _any_bars(symbol: str, file: str, content: bytes) -> _Bars:
    """The bars of any file, checked cell by cell."""
    text = _text(symbol, file, content)
    try:
        table = _Table.of(text)
        days = pd.DatetimeIndex(table.days("Date"), name="Date")
    except _FileError as error:
        _refuse(symbol, file, error.problem, error.remedy)
    columns = {name: table.numbers(name) for name in (*NUMBERS, *EXTRAS) if name in table.names}
    cells = {
        (days[row], name): _quoted(table.cells(name)[row])
        for name, values in columns.items()
        for row in np.flatnonzero(np.isnan(values)).tolist()
    }
    return pd.DataFrame(columns, index=days), table.lines, cells


class _FileError(Exception):
    """A fault in a file: the problem, worded to follow the file's name, and the remedy."""

    def __init__(self, problem: str, remedy: str = AGAIN) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


def _refuse(symbol: str, file: str, problem: str, remedy: str) -> NoReturn:
    raise DataError(f"{symbol}: {file}{problem}: {remedy}")


def _text(symbol: str, file: str, content: bytes) -> str:
    if len(content) > MOST_BYTES:
        problem = f" is larger than {MOST_BYTES >> 20} MiB"
        _refuse(symbol, file, problem, "keep one line per session; a century of them is far smaller")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _refuse(symbol, file, f" is not text in UTF-8 (line {line})", "save it as plain CSV")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        _refuse(symbol, file, f", line {line} holds a NUL byte, so it is not text", "download the file again")
    return text


@dataclass(frozen=True)
class _Table:
    """The cells of a CSV file below its header, and the line number on which each row ends."""

    names: list[str]
    columns: list[tuple[str, ...]]
    lines: list[int]

    @classmethod
    def of(cls, text: str) -> _Table:
        """Raises _FileError unless `text` is a table with the columns of HEADER."""
        rows, lines = _rows(text)
        if not rows:
            raise _FileError(" is empty", "download it again")
        names = rows[0]
        _require_names(names)
        if len(rows) == 1:
            raise _FileError(" has a header but no rows", "download it again")
        for cells, line in zip(rows, lines, strict=True):
            _require_length(len(cells), len(names), line)
        return cls(names, list(zip(*rows[1:], strict=True)), lines[1:])

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers, NaN where a cell is none, of shape (n_rows,)."""
        cells = self.cells(name)
        values = _floats(cells)
        if values is not None:
            return values
        return np.array([float(cell) if NUMBER.fullmatch(cell) else np.nan for cell in cells])

    def days(self, name: str) -> np.ndarray:
        """A column of dates as `datetime64[ns]`. Raises _FileError at the first cell that is not a date."""
        cells = self.cells(name)
        days = _dates(cells)
        if days is None:
            row = _first_invalid(cells, lambda cell: _dates([cell]) is not None)
            self._refuse(name, row, "is not a date like 2025-01-31", DATE)
        out_of_range = (days < np.datetime64(f"{YEARS[0]}-01-01")) | (days > np.datetime64(f"{YEARS[-1]}-12-31"))
        if out_of_range.any():
            remedy = f"give a year from {YEARS[0]} to {YEARS[-1]}, or remove the line"
            self._refuse(name, int(out_of_range.argmax()), "is out of range", remedy)
        return days.astype("datetime64[ns]")

    def cells(self, name: str) -> tuple[str, ...]:
        """A column as text."""
        return self.columns[self.names.index(name)]

    def _refuse(self, name: str, row: int, problem: str, remedy: str) -> NoReturn:
        cell = self.cells(name)[row]
        raise _FileError(f", line {self.lines[row]}, column {name}: {_quoted(cell)} {problem}", remedy)


def _rows(text: str) -> tuple[list[list[str]], list[int]]:
    """The cells of each non-empty line, and line numbers as an editor counts them."""
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    begins = 1  # of the present row: for an unclosed quote, the line where it opens
    try:
        for cells in reader:
            if cells:
                rows.append(cells)
                lines.append(reader.line_num)
            begins = reader.line_num + 1
    except csv.Error as error:
        raise _FileError(f", line {begins} is not CSV ({error})") from error
    return rows, lines


def _require_names(names: Sequence[str]) -> None:
    if missing := [name for name in ("Date", *NUMBERS) if name not in names]:
        raise _FileError(
            f" has no column {', '.join(missing)} (its header: {_quoted(','.join(names), 80)})",
            f"save it with {HEADER}; an index without Adj Close cannot be traded",
        )
    if duplicates := [name for name in ("Date", *NUMBERS, *EXTRAS) if names.count(name) > 1]:
        raise _FileError(f" has the column {duplicates[0]} more than once", "keep only the right one")


def _require_length(cells: int, names: int, line: int) -> None:
    if cells < names:
        raise _FileError(f", line {line} is cut off after {cells} of {names} fields")
    if cells > names:
        raise _FileError(f", line {line} has {cells} fields under {names} names")


def _floats(cells: Sequence[str]) -> np.ndarray | None:
    """Cells as numbers, or None if one is not a NUMBER, which is what `float` accepts of NUMBER_CHARACTERS."""
    try:
        return np.array([float(cell) for cell in cells]) if NUMBER_CHARACTERS.fullmatch("".join(cells)) else None
    except ValueError:
        return None


def _dates(cells: Sequence[str]) -> np.ndarray | None:
    """Cells as `datetime64[D]`, or None if one is not a date in the form YYYY-MM-DD."""
    try:
        return np.array(cells, dtype="datetime64[D]") if all(map(DAY.fullmatch, cells)) else None
    except ValueError:
        return None


def _first_invalid(cells: Sequence[str], is_valid: Callable[[str], object]) -> int:
    return next(row for row, cell in enumerate(cells) if not is_valid(cell))


def _quoted(cell: str, most: int = 40) -> str:
    """A cell as quoted in errors: on one line, at most `most` characters."""
    return repr(cell) if len(cell) <= most else f"{cell[:most]!r}..."


def _with_gains(bars: pd.DataFrame) -> pd.DataFrame:
    """`bars` with distributed capital gains counted as dividends."""
    if "Capital Gains" not in bars:
        return bars
    listed = bars if "Dividends" in bars else bars.assign(Dividends=0.0)
    return listed.assign(Dividends=total_payments(listed)).drop(columns="Capital Gains")
