"""vectorbt's best form: all scenarios as groups of columns in one `from_orders`, cash shared within a group.

Usage: python vectorbt_peer.py WINDOWS ENGINE, see serve.py. A target is valued at the close before its fill, as ours.
Each engine gets the memory order that suits it, and exactly enough room for its orders.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np
import vectorbt as vbt
from serve import Answer, serve
from windows import CAPITAL, Windows

ORDER = {"numba": "F", "rust": "C"}


class Scenarios:
    """Arrays of shape (n_sessions, n_scenarios * n_symbols), built before anything is timed."""

    def __init__(self, windows: Windows, engine: str) -> None:
        sessions, scenarios, symbols = windows.open.shape
        layout = {"order": ORDER[engine]}
        self.close = np.asarray(windows.close.reshape(sessions, -1), **layout)
        self.settings = {
            "price": np.asarray(windows.open.reshape(sessions, -1), **layout),
            "size": np.asarray(np.tile(windows.weights, (1, scenarios)), **layout),
            "size_type": "targetpercent",
            "size_granularity": 1,
            "val_price": -np.inf,  # the close before
            "fees": np.repeat(windows.fees, symbols)[None, :],
            "init_cash": CAPITAL,
            "cash_sharing": True,
            "group_by": np.repeat(np.arange(scenarios), symbols),
            "max_orders": len(windows.fills()) * scenarios * symbols,
            "freq": "1D",
            "engine": engine,
        }

    def run(self) -> vbt.Portfolio:
        return vbt.Portfolio.from_orders(self.close, **self.settings)

    def terminal(self) -> Answer:
        """Run, and value at the end."""
        began = perf_counter()
        terminal = self.run().final_value()
        return perf_counter() - began, terminal

    def curves(self) -> Answer:
        """Run, and value at every close."""
        began = perf_counter()
        curves = self.run().value()
        seconds = perf_counter() - began
        return seconds, np.atleast_2d(curves.to_numpy().T)[:, -1]

    def figures(self) -> Answer:
        """Run, and the figures that our batch gives without curves."""
        began = perf_counter()
        portfolio = self.run()
        terminal = portfolio.final_value()
        portfolio.sharpe_ratio()
        portfolio.max_drawdown()
        portfolio.orders.fees.sum()
        portfolio.gross_exposure().mean()
        return perf_counter() - began, terminal


if __name__ == "__main__":
    scenarios = Scenarios(Windows.load(sys.argv[1]), sys.argv[2])
    serve({"terminal": scenarios.terminal, "curves": scenarios.curves, "figures": scenarios.figures})
