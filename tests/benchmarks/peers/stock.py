"""Stock Backtrader: PandasData feeds and the stock broker, with an unchanged Reading."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import backtrader as bt
import pandas as pd

from data.prices import FIELDS, Prices
from peers.windows import CAPITAL
from runners.engine.backtest.frictions import Frictions
from strategies.base import Reading


@dataclass(frozen=True)
class StockResult:
    """Seconds of a run, USD at its end, and whether the stock broker refused an order for want of cash."""

    seconds: float
    terminal: float
    refused: bool


def frames(reading: type[Reading], prices: Prices, entry: pd.Timestamp, hold: int) -> dict[str, pd.DataFrame]:
    """Bars of one run by symbol: the rule's history, and the window up to the open after the closing decision."""
    start = prices.row(entry) - 1
    first = start + 1 - max(reading.history, 1)
    bars = prices.rows(first, start + hold + 2).rebased(start - first)
    return {
        symbol: pd.DataFrame({name: getattr(bars, name)[:, column] for name in FIELDS}, index=bars.sessions).dropna()
        for symbol, column in bars.columns.items()
    }


def run(
    reading: type[Reading],
    bars: dict[str, pd.DataFrame],
    entry: pd.Timestamp,
    hold: int,
    costs: Frictions,
    **parameters: object,
) -> StockResult:
    """Run a reading at one entry."""
    began = perf_counter()
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CAPITAL)
    cerebro.broker.setcommission(commission=costs.commission + costs.half_spread)
    for symbol, frame in bars.items():
        cerebro.adddata(bt.feeds.PandasData(dataname=frame), name=symbol)
    cerebro.addstrategy(reading, entry=entry, hold=hold, **parameters)
    cerebro.run()
    terminal = cerebro.broker.getvalue()
    seconds = perf_counter() - began
    return StockResult(seconds, terminal, any(order.status == bt.Order.Margin for order in cerebro.broker.orders))
