"""Where prices come from: one protocol, one file for each source, opened by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Protocol

import pandas as pd

from data.errors import RequestError

NAMES = ("auto", "yahoo", "sample")
VARIABLE = "DEEPSEEK_PRICES"


class Source(Protocol):
    """Something that has daily bars.

    `name` is the word that opens it, `origin` says in a few words on every page where the prices come from (read it
    after `bars`), `real` is False for reconstructed prices, and `notes` are sentences about the last answer that the
    user must see.
    """

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def real(self) -> bool: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> dict[str, pd.DataFrame]:
        """One frame a symbol, indexed by tz-naive sessions.

        Columns: Open High Low Close (USD, adjusted for splits only), Adj Close (for dividends too), Volume (shares),
        and where the source knows them Dividends (USD, on the ex-date) and Stock Splits (the ratio on its date, else
        0). `start` and `end` say what is needed, both included; a source may return more, and all of it is checked.
        Raises RequestError for a symbol that the source does not have, DataError when what it has cannot be read and
        SourceError when it does not answer.
        """
        ...


def open_source(name: str | PathLike[str]) -> Source:
    """The source called auto, yahoo or sample, or the folder of CSV files with that path.

    `auto` is the folder in the variable DEEPSEEK_PRICES if that is set, else Yahoo, else the bundled sample.
    Raises RequestError for any other word, and for a folder without prices.
    """
    if name == "auto":
        return _automatic()
    if name == "yahoo":
        from data.sources.yahoo import YahooSource

        return YahooSource()
    if name == "sample":
        from data.sources.sample import SampleSource

        return SampleSource()
    return _folder(name)


def _automatic() -> Source:
    if folder := os.environ.get(VARIABLE):
        from data.sources.csv_folder import FolderSource

        return FolderSource(Path(folder), named_by=f"the variable {VARIABLE}")
    from data.sources.automatic import AutomaticSource

    return AutomaticSource((open_source("yahoo"), open_source("sample")))


def _folder(name: str | PathLike[str]) -> Source:
    from data.sources.csv_folder import FolderSource

    try:
        path = Path(name).expanduser()
    except RuntimeError:
        raise RequestError(f"--source {str(name)[:200]!r} begins with a user who is not here: give a folder") from None
    if (close := get_close_matches(str(name)[:40].lower(), NAMES, n=1)) and not path.exists():
        raise RequestError(f"--source {str(name)!r} is neither a source nor a folder: did you mean {close[0]}?")
    return FolderSource(path)
