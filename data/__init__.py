"""Prices, the exchange calendar, decisions on interest rates, and events."""

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
    needed_from: pd.Timestamp | None = None,
) -> Prices:
    """Load prices of `symbols`, validated and aligned to the sessions of the New York Stock Exchange.

    `start` and `end` (YYYY-MM-DD, both included) limit the window; the default is the whole history of the source.
    `source` is "auto", "yahoo", "sample", the path of a folder of CSV files, or a `Source`. Values are NaN before a
    symbol's listing and nowhere else. Rows outside the window may be wrong; `Prices.notices` says so.
    So may rows before `needed_from`, the first session that is used: prices of a symbol begin after the last of them.

    Raises RequestError for an invalid symbol, date, window or source, DataError for prices that fail a check or end
    before those of another symbol, and SourceError if the source does not answer.
    """
    from data import loading

    return loading.load_checked(symbols, start, end, source, needed_from)
