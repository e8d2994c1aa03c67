"""The protocol of a price source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd


class Source(Protocol):
    """A provider of daily bars.

    `name` is its name on the command line; `origin` describes on every page where the prices come from (read it after
    calling `bars`); `real` is False for simulated or reconstructed prices; `notes` are messages about the last call
    that the user must see.
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
        """One frame per symbol, indexed by tz-naive sessions.

        Columns: Open, High, Low, Close (USD, adjusted for splits only), Adj Close (adjusted for dividends too), Volume
        (shares), and, if the source knows them, Dividends (USD, on the ex-date) and Stock Splits (the ratio on its
        date, else 0). `start` and `end`, both included, give the sessions needed; a source may return more, and they
        may be wrong. Raises RequestError for an unknown symbol, DataError for data that cannot be read, and
        SourceError if the source does not answer.
        """
        ...
