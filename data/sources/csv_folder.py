"""A folder of CSV files as Yahoo writes them, one file a symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import pandas as pd

from data.errors import RequestError
from data.sources import csv_reader


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
        try:
            trouble = self._trouble()
        except (OSError, ValueError) as error:  # a name that cannot be one, a folder that is not ours to list
            trouble = f"which cannot be read ({getattr(error, 'strerror', None) or error})"
        if trouble:
            remedy = "give a folder of CSV files, one a symbol, or auto, yahoo or sample"
            raise RequestError(f"{self.named_by} names {str(self.path)!r}, {trouble}: {remedy}")
        if twice := [name for name, paths in self._named.items() if len(paths) > 1]:
            both = " and ".join(path.name for path in self._named[twice[0]])
            raise RequestError(f"{self.path} holds {both}: keep the right one of the two")

    def _trouble(self) -> str:
        if not self.path.exists():
            return "which does not exist"
        if not self.path.is_dir():
            return "which is not a folder"
        return "" if self._named else "which holds no file that ends in .csv"

    @property
    def origin(self) -> str:
        return f"folder {self.path.resolve().name} (CSV files as Yahoo writes them)"

    @cached_property
    def files(self) -> dict[str, Path]:
        """The file of each name, without its ending."""
        return {name: paths[0] for name, paths in self._named.items()}

    @cached_property
    def _named(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for path in sorted(self.path.iterdir()):
            if path.suffix.lower() == ".csv":
                found.setdefault(path.stem, []).append(path)
        return found

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> dict[str, pd.DataFrame]:
        """Every row of the files of `symbols`, whatever `start` and `end` are, so that each file is checked whole."""
        del start, end
        found = {symbol: self._file(symbol) for symbol in symbols}
        if missing := [symbol for symbol, path in found.items() if path is None]:
            raise RequestError(self._without(missing))
        return {symbol: csv_reader.read_price_file(symbol, path) for symbol, path in found.items() if path}

    def _file(self, symbol: str) -> Path | None:
        return self.files.get(symbol) or self.files.get(symbol.removeprefix("^"))

    def _without(self, missing: Sequence[str]) -> str:
        close = {symbol: get_close_matches(symbol.upper(), self.files, n=1) for symbol in missing}
        guesses = [f"{symbol} (did you mean {close[symbol][0]}?)" if close[symbol] else symbol for symbol in missing]
        return (
            f"no prices for {', '.join(guesses)} in {self.path}: "
            f"save them there as {missing[0]}.csv with the columns {csv_reader.HEADER}, or use --source auto"
        )
