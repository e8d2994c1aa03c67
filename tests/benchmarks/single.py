"""One backtest, 20 symbols x 1,000 sessions, rebalanced every 21: `run_backtest` against stock Backtrader."""

from __future__ import annotations

from time import perf_counter

import backtrader as bt
import numpy as np
import pandas as pd

from data import calendar
from data.prices import FIELDS, Prices
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions

SYMBOLS = tuple(f"S{number:02d}" for number in range(20))
SESSIONS = 1_000
FREE_CASH = Frictions(borrow_rate=0, cash_rate=0)


class Monthly(bt.Strategy):
    """Equal weight in all feeds every 21 sessions, sells first."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def next(self) -> None:
        self.values.append(self.broker.getvalue())
        if len(self) % 21 != 2:
            return
        equity = self.broker.getvalue()
        changes = {
            data: int(0.9 / len(self.datas) * equity / data.close[0]) - self.getposition(data).size
            for data in self.datas
        }
        for data, change in sorted(changes.items(), key=lambda item: item[1] > 0):
            if change < 0:
                self.sell(data=data, size=-change)
            elif change > 0:
                self.buy(data=data, size=change)

    def notify_order(self, order: bt.Order) -> None:
        if order.status == order.Completed:
            self.fills = [*getattr(self, "fills", []), (order.data._name, order.executed.size, order.executed.price)]


def prices() -> Prices:
    """Seeded random walks with gaps at the open."""
    rng = np.random.default_rng(20)
    shape = (SESSIONS, len(SYMBOLS))
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, shape), axis=0))
    opened = close * np.exp(rng.normal(0, 0.01, shape))
    place = calendar.calendar_index("2021-01-04")
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Prices(
        calendar.xnys()[place : place + SESSIONS], SYMBOLS, opened, high, low, close, np.ones(shape), np.ones(shape)
    )


def stock(bars: Prices) -> tuple[list[float], list[tuple[str, float, float]], float]:
    """Equity, fills and seconds of stock Backtrader with its pandas feeds."""
    frames = [
        pd.DataFrame({name: getattr(bars, name)[:, column] for name in FIELDS}, index=bars.sessions)
        for column in range(len(SYMBOLS))
    ]
    began = perf_counter()
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    cerebro.broker.setcommission(commission=0.0003)
    for symbol, frame in zip(SYMBOLS, frames, strict=True):
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=symbol)
    cerebro.addstrategy(Monthly)
    ran = cerebro.run()[0]
    return ran.values, ran.fills, perf_counter() - began


def ours(bars: Prices) -> tuple[list[float], list[tuple[str, float, float]], float]:
    """Equity, fills and seconds of our wiring."""
    began = perf_counter()
    result = run_backtest(Monthly, bars, EntrySchedule(bars.sessions[1], hold=None), FREE_CASH)
    seconds = perf_counter() - began
    return result.equity.tolist(), [(fill.symbol, fill.size, fill.price) for fill in result.fills], seconds


def measure(runs: int = 5) -> tuple[list[float], list[float]]:
    """Seconds of our runs and of stock runs, in turn; equity and fills must be identical."""
    bars = prices()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(runs):
        own, theirs = ours(bars), stock(bars)
        if own[:2] != theirs[:2]:
            raise AssertionError("our wiring and stock Backtrader differ in equity or fills")
        seconds[0].append(own[2])
        seconds[1].append(theirs[2])
    return seconds
