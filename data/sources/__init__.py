"""Where prices come from: `source` is the protocol, each source is one file, and `open_source` opens it by name."""

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
