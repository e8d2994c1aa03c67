"""Work for a peer in its own process: windows of prices, and target weights at the open.

Needs NumPy only, since a peer's environment lacks our packages.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

CAPITAL = 1_000_000.0  # USD


@dataclass(frozen=True, eq=False)
class Windows:
    """`open` and `close` of shape (n_sessions, n_scenarios, n_symbols), total-return prices in USD.

    `weights` (n_sessions, n_symbols) are decided at the close before and filled at this open, NaN where nothing is
    traded. `fees` (n_scenarios,) are fractions of the traded value, `days` (n_sessions,) the sessions where all
    scenarios share them.
    """

    open: np.ndarray
    close: np.ndarray
    weights: np.ndarray
    fees: np.ndarray
    days: np.ndarray

    def save(self, path: Path) -> None:
        np.savez(path, **asdict(self))

    @classmethod
    def load(cls, path: str | Path) -> Windows:
        with np.load(path) as arrays:
            return cls(**arrays)

    def fills(self) -> np.ndarray:
        """Sessions at whose open something is traded."""
        return np.flatnonzero(~np.isnan(self.weights).all(axis=1))

    def traded(self) -> np.ndarray:
        """One price a session and symbol, for a peer without opens: the open where it trades, else the close."""
        prices = self.close[:, 0].copy()
        prices[self.fills()] = self.open[self.fills(), 0]
        return prices
