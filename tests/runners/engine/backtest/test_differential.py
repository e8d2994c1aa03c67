"""Plain strategies of every kind give in a run what they give in stock Backtrader."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data.prices import FIELDS, Prices
from dataclasses import replace
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.foresight import foresight_notices
from runners.engine.backtest.frictions import Frictions
from tests.resources.plain.catalog import STRATEGIES
from tests.resources.stock import bars_before_next, run_stock

START, SESSIONS = 60, 160  # row of the close before the entry, and rows
COSTS = Frictions(commission_bps=1, half_spread_bps=2, borrow_rate=0, cash_rate=0)
CENT = 0.01

everyone = pytest.mark.parametrize("name", STRATEGIES)


@pytest.fixture
def market(random_prices):
    return random_prices(("SPY", "IEF", "GLD", "NVDA", "ARM"), SESSIONS)


def with_listing(prices):
    values = {name: getattr(prices, name).copy() for name in (*FIELDS, "factor")}
    for each in values.values():
        each[: START + 15, prices.columns["ARM"]] = np.nan
    return replace(prices, **values)


def schedule(prices, hold=None):
    return EntrySchedule(prices.sessions[START + 1], hold)


@everyone
def test_a_strategy_fills_and_earns_as_in_stock_backtrader(market, name):
    strategy = STRATEGIES[name]
    chosen = market.select(strategy.symbols)
    first = START + 1 - bars_before_next(strategy, chosen)
    chosen = with_listing(chosen) if "ARM" in chosen.symbols else chosen
    stock = run_stock(strategy, chosen.rows(first, SESSIONS), 0.0003)
    run = run_backtest(strategy, chosen, schedule(chosen), COSTS)
    assert [(f.session, f.symbol, f.size) for f in run.fills] == [(f.session, f.symbol, f.size) for f in stock.fills]
    assert [f.price for f in run.fills] == pytest.approx([f.price for f in stock.fills], rel=1e-9)
    assert run.equity == pytest.approx(stock.equity.to_numpy()[-len(run.sessions):], abs=CENT)
    assert len(run.fills) >= 4


@everyone
def test_foresight(market, name):
    strategy = STRATEGIES[name]
    chosen = market.select(strategy.symbols)
    chosen = with_listing(chosen) if "ARM" in chosen.symbols else chosen
    assert foresight_notices(strategy, chosen, schedule(chosen), COSTS, {}) == ()
