"""Price sources: the protocol in `source`, one file for each source, and `open_source` to open one by name."""

from __future__ import annotations

import os
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from data.errors import RequestError
from data.sources.source import Source

NAMES = ("auto", "yahoo", "sample")
VARIABLE = "DEEPSEEK_PRICES"


def open_source(name: str | PathLike[str]) -> Source:
    """Open "auto", "yahoo", "sample", or a folder of CSV files by its path.

    "auto" is the folder in the variable DEEPSEEK_PRICES if it is set, otherwise Yahoo, or the bundled sample if Yahoo
    fails. Raises RequestError for any other name, and for a folder without prices.
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
        raise RequestError(f"--source {str(name)[:200]!r} names an unknown user: give a folder") from None
    if (close := get_close_matches(str(name)[:40].lower(), NAMES, n=1)) and not path.exists():
        raise RequestError(f"--source {str(name)!r} is neither a source nor a folder: did you mean {close[0]}?")
    return FolderSource(path)
