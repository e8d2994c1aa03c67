"""A folder of CSV files in Yahoo's format, one per symbol."""

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
    """Prices in the files SYMBOL.csv of the folder `path` (a caret may be omitted: VIX.csv holds ^VIX).

    Each file has a header with the columns Date (YYYY-MM-DD), Open, High, Low, Close, Adj Close, Volume, in any order;
    Dividends, Capital Gains and Stock Splits are read if present, other columns ignored. `named_by` is the option or
    variable that gave the path, for errors. Raises RequestError for a path without such files.
    """

    path: Path
    named_by: str = "--source"
    name: str = "folder"
    real: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            problem = self._problem()
        except (OSError, ValueError) as error:  # an impossible name, a folder without permission
            problem = f"which cannot be read ({getattr(error, 'strerror', None) or error})"
        if problem:
            remedy = "give a folder of CSV files, one per symbol, or auto, yahoo or sample"
            raise RequestError(f"{self.named_by} names {str(self.path)!r}, {problem}: {remedy}")
        if duplicates := [name for name, paths in self._paths.items() if len(paths) > 1]:
            both = " and ".join(path.name for path in self._paths[duplicates[0]])
            raise RequestError(f"{self.path} holds {both}: keep only the right one")

    def _problem(self) -> str:
        if not self.path.exists():
            return "which does not exist"
        if not self.path.is_dir():
            return "which is not a folder"
        return "" if self._paths else "which holds no file that ends in .csv"

    @property
    def origin(self) -> str:
        return f"folder {self.path.resolve().name} (CSV files as Yahoo writes them)"

    @cached_property
    def files(self) -> dict[str, Path]:
        """Files by name without the extension."""
        return {name: paths[0] for name, paths in self._paths.items()}

    @cached_property
    def _paths(self) -> dict[str, list[Path]]:
        paths: dict[str, list[Path]] = {}
        for path in sorted(self.path.iterdir()):
            if path.suffix.lower() == ".csv":
                paths.setdefault(path.stem, []).append(path)
        return paths

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> dict[str, pd.DataFrame]:
        """All rows of the files of `symbols`, so that whole files are checked; NaN where a cell is no number."""
        paths = {symbol: self.file(symbol) for symbol in symbols}
        if missing := [symbol for symbol, path in paths.items() if path is None]:
            raise RequestError(self._missing_message(missing))
        return {symbol: csv_reader.read_price_file(symbol, path) for symbol, path in paths.items() if path}

    def file(self, symbol: str) -> Path | None:
        """The file of a symbol; None if there is none."""
        return self.files.get(symbol) or self.files.get(symbol.removeprefix("^"))

    def _missing_message(self, missing: Sequence[str]) -> str:
        close = {symbol: get_close_matches(symbol.upper(), self.files, n=1) for symbol in missing}
        guesses = [f"{symbol} (did you mean {close[symbol][0]}?)" if close[symbol] else symbol for symbol in missing]
        return (
            f"no prices for {', '.join(guesses)} in {self.path}: "
            f"save them there as {missing[0]}.csv with the columns {csv_reader.HEADER}, or use --source auto"
        )
