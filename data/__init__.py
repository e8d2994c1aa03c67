"""What happened: prices, the exchange calendar, decisions on rates, and events."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from data.prices import Prices
    from data.sources.source import Source

__all__ = ["load_prices"]


def load_prices(
    symbols: Iterable[str],
    start: str | pd.Timestamp | None = None,
    end: str | pd.Timestamp | None = None,
    source: str | PathLike[str] | Source = "auto",
) -> Prices:
    """Prices of `symbols`, checked and aligned to the sessions of the New York Stock Exchange.

    `start` and `end` (YYYY-MM-DD, both included) limit what is read; without them everything is, to the last session
    that all symbols share. `source` is auto, yahoo, sample, the path of a folder of CSV files, or a source object.
    NaN before a symbol's listing, nowhere else. Every row that the source gives is checked, also outside the window.

    Raises RequestError for a wrong symbol, date, window or source, DataError for prices that fail a check or end
    earlier than those of another symbol, SourceError for a source that does not answer.
    """
    from data import loading

    return loading.load_checked(symbols, start, end, source)
