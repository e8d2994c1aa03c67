"""Long histories of many symbols, each with its own beginning and its own end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from data.prices import Prices


@dataclass(frozen=True, eq=False)
class Histories:
    """Prices of symbols that need not end together: NaN before a symbol's first bar and after its last.

    `prices` has that form; use `common` for prices that a backtest may run on. `missing` are symbols that the source
    does not have.
    """

    prices: Prices
    missing: tuple[str, ...] = ()

    @property
    def sessions(self) -> pd.DatetimeIndex:
        """The sessions of all symbols together."""
        return self.prices.sessions

    @cached_property
    def last(self) -> np.ndarray:
        """Row of each symbol's last bar, shape (n_symbols,)."""
        known = ~np.isnan(self.prices.close)
        return np.asarray(len(known) - 1 - known[::-1].argmax(axis=0))

    def last_row(self, symbol: str) -> int:
        """Row of the last bar of one symbol."""
        return int(self.last[self.prices.columns[symbol]])

    def restricted(self, symbols: Iterable[str]) -> Histories:
        """The histories of those of `symbols` that have prices, on all sessions."""
        known = dict.fromkeys(symbol for symbol in symbols if symbol in self.prices.columns)
        return Histories(self.prices.select(known))

    def common(self, symbols: Iterable[str]) -> Prices:
        """Prices of `symbols` to the last session that all of them have."""
        selected = self.prices.select(symbols)
        return selected.rows(0, min(self.last_row(symbol) for symbol in selected.symbols) + 1)

    def total_returns(self) -> np.ndarray:
        """Close-to-close total returns, shape (n_sessions, n_symbols); NaN where one of the two closes is missing."""
        adjusted = self.prices.close * self.prices.factor
        returns = np.full(adjusted.shape, np.nan)
        returns[1:] = adjusted[1:] / adjusted[:-1] - 1
        return returns
