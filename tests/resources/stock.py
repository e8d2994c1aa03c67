"""Stock Backtrader as the reference of a backtest: a Cerebro and its broker as published, and pandas feeds."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

import backtrader as bt
import pandas as pd

from data.prices import FIELDS, Prices
from runners.engine.backtest.cerebro import CAPITAL

STATE = (int, float, list, dict, set)


@dataclass(frozen=True)
class Fill:
    session: pd.Timestamp
    symbol: str
    size: float
    price: float


@dataclass(frozen=True)
class StockRun:
    """Fills, and equity at the close of every session."""

    fills: list[Fill]
    equity: pd.Series


class Recorder(bt.Analyzer):
    """Records equity and fills; an order that was filled in part, because cash was short, counts with that part."""

    def start(self):
        self.fills, self.equity = {}, {}

    def notify_order(self, order):
        if order.status in (order.Partial, order.Completed):
            done, session = order.executed, pd.Timestamp(bt.num2date(order.executed.dt).date())
            self.fills[order.ref] = Fill(session, order.data._name, done.size, done.price)

    def next(self):
        self.equity[pd.Timestamp(self.strategy.datetime.date(0))] = self.strategy.broker.getvalue()

    prenext = nextstart = next


def run_stock(
    strategy: type[bt.Strategy], prices: Prices, costs: float, parameters: Mapping[str, object] = {}
) -> StockRun:
    """A stock Cerebro on all bars of `prices`; `costs` is a fraction of the traded value.

    The run works on a copy of what the strategy keeps on its class.
    """
    strategy = with_own_state(strategy)
    cerebro = bt.Cerebro()
    for frame, symbol in zip(_frames(prices), prices.symbols, strict=True):
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=symbol)
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission=costs, percabs=True)
    cerebro.addstrategy(strategy, **parameters)
    cerebro.addanalyzer(Recorder)
    (ran,) = cerebro.run()
    recorded = ran.analyzers.recorder
    return StockRun(list(recorded.fills.values()), pd.Series(recorded.equity))


def with_own_state(strategy: type[bt.Strategy]) -> type[bt.Strategy]:
    """A subclass with a copy of what a strategy keeps on its class."""
    own = {name: deepcopy(value) for name, value in vars(strategy).items() if isinstance(value, STATE)}
    return type(strategy)(strategy.__name__, (strategy,), own)


def bars_before_next(strategy: type[bt.Strategy], prices: Prices) -> int:
    """How many bars a stock Cerebro delivers up to the first call of `nextstart`."""
    found = []

    def nextstart(self):
        found.append(len(self))
        self.env.runstop()

    methods = {"nextstart": nextstart, "prenext": lambda self: None}
    probe = type(strategy)(strategy.__name__, (strategy,), methods)
    run_stock(probe, prices, 0.0)
    return found[0]


def _frames(prices: Prices) -> list[pd.DataFrame]:
    columns = {name: pd.DataFrame(getattr(prices, name), prices.sessions, prices.symbols) for name in FIELDS}
    return [
        pd.DataFrame({name: column[symbol] for name, column in columns.items()}).dropna(subset=["close"])
        for symbol in prices.symbols
    ]
