"""bt's usual form: a strategy of algos on a frame of prices.

Usage: python bt_peer.py WINDOWS, see serve.py. bt trades at the price by which it decides, so on the session of a fill
it gets the open; its share counts follow from that price, ours from the close before. Only the value at every close is
computed, no statistics.
"""

from __future__ import annotations

import sys
from time import perf_counter

import bt
import numpy as np
import pandas as pd
from serve import Answer, serve
from windows import CAPITAL, Windows


class Rebalanced:
    """Equal weight of all symbols at regular fills, from the first fill on."""

    def __init__(self, windows: Windows) -> None:
        fills = windows.fills()
        first = fills[0]
        self.every = int(np.diff(fills)[0])
        self.fee = float(windows.fees[0])
        self.prices = pd.DataFrame(windows.traded(), pd.DatetimeIndex(windows.days.astype("datetime64[ns]")))[first:]
        self.prices.columns = self.prices.columns.map("S{:02d}".format)
        self.invested = float(windows.weights[first].sum())

    def run(self) -> Answer:
        began = perf_counter()
        algos = (
            bt.algos.RunEveryNPeriods(self.every),
            bt.algos.SelectAll(),  # all symbols with a price, as in our rule
            bt.algos.WeighEqually(),
            bt.algos.ScaleWeights(self.invested),
            bt.algos.Rebalance(),
        )
        backtest = bt.Backtest(
            bt.Strategy("monthly", algos),
            self.prices,
            initial_capital=CAPITAL,
            commissions=lambda quantity, price: abs(quantity) * price * self.fee,
            progress_bar=False,
        )
        backtest.run()
        curve = backtest.strategy.values.to_numpy()
        return perf_counter() - began, curve[-1:]


if __name__ == "__main__":
    serve({"curves": Rebalanced(Windows.load(sys.argv[1])).run})
