"""The protocol of a source of prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd


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
