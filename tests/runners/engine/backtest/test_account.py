"""After every run the account is checked against its fills; what a strategy sets on its broker is refused."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import StrategyError
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.run_notes import run_warnings
from runners.engine.study import prepare
from strategies.base import Past, Reading, Weights

ENTRY = pd.Timestamp("2025-01-31")


class Buys(bt.Strategy):
    """Buys once, and does something to its broker at a moment that subclasses choose."""

    def next(self):
        if not self.position:
            self.order_target_percent(target=0.9)
        elif len(self) == 3:
            self.meddle()

    def meddle(self): ...


def at_birth(deed):
    return type("AtBirth", (Buys,), {"__init__": deed, "__module__": __name__})


def on_the_way(deed):
    return type("OnTheWay", (Buys,), {"meddle": deed, "__module__": __name__})


def set_cash(self):
    self.broker.cash = 10_000


def add_to_cash(self):
    self.broker.cash += 5


def close_fills(self):
    self.broker.p.coc = True


def dearer(self):
    self.broker.comminfo[None] = bt.CommissionInfo(commission=0.01)


def stuck_in_the_way(self):
    self.broker.comminfo[None].p.commission = 0.01


def gift(self):
    self.broker.positions[self.data].size += 10


def past_price(self):
    self.buy(size=1, exectype=bt.Order.Historical, price=1.0)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (at_birth(set_cash), r"sets broker\.cash: capital, costs and fills belong to the run"),
        (on_the_way(add_to_cash), r"sets broker\.cash"),
        (at_birth(close_fills), r"sets broker\.p\.coc"),
        (on_the_way(close_fills), r"sets broker\.p\.coc"),
        (at_birth(dearer), r"the broker charged [\d,]+\.\d\d USD where the run's costs are [\d,]+\.\d\d"),
        (on_the_way(stuck_in_the_way), r"the broker charged"),
        (on_the_way(gift), r"the account holds \+0 A where its fills give -10; change"),
        (on_the_way(past_price), r"an order of \+1 A has the type Historical"),
    ],
)
def test_what_a_strategy_sets_on_its_broker_is_refused(make_prices, strategy, message):
    prices = make_prices({"A": [90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0, 98.0, 99.0]})
    with pytest.raises(StrategyError, match=message):
        run_backtest(strategy, prices, EntrySchedule(ENTRY, hold=4))


class Random(bt.Strategy):
    """Sends orders of all types at random sizes and prices."""

    params = (("seed", 0),)

    def start(self):
        self.rng = np.random.default_rng(self.p.seed)

    def next(self):
        data = self.datas[self.rng.integers(len(self.datas))]
        close, size = data.close[0], int(self.rng.integers(1, 3000))
        buy = self.buy if self.rng.random() < 0.5 else self.sell
        kind = (bt.Order.Market, bt.Order.Close, bt.Order.Limit, bt.Order.Stop, bt.Order.StopLimit, bt.Order.StopTrail)[
            self.rng.integers(6)
        ]
        price = close * self.rng.uniform(0.95, 1.05)
        extra = {"trailpercent": 0.02} if kind == bt.Order.StopTrail else {"plimit": price * 1.01}
        buy(data=data, size=size, exectype=kind, price=price, **extra)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_cash_follows_from_fills_costs_and_interest(random_prices, seed):
    """Plain arithmetic over the fills gives the last equity to the cent, whatever the orders were."""
    prices = random_prices(("A", "B"), 90, seed=seed % 97)
    costs = Frictions(3, 4, 0.05, 0.10)
    run = run_backtest(Random, prices, EntrySchedule(prices.sessions[20], hold=None), costs, {"seed": seed})
    based = prices.rebased(19)
    shares = {name: sum(fill.size for fill in run.fills if fill.symbol == name) for name in "AB"}
    paid = sum(fill.size * fill.price + abs(fill.size) * fill.price * 0.0007 for fill in run.fills)
    interest = run.interest["cash"] - run.interest["debit"] - run.interest["borrow"]
    held = sum(shares[name] * based.close[-1, column] for column, name in enumerate("AB"))
    if run.ruined is None:
        assert run.equity[-1] == pytest.approx(1_000_000 - paid + interest + held, abs=0.01)
    for fill in run.fills:
        row, column = prices.row(fill.session), prices.columns[fill.symbol]
        assert based.low[row, column] - 1e-9 <= fill.price <= based.high[row, column] + 1e-9


class Levered(Reading):
    """A reading that orders beside its answers."""

    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        return {"A": 0.9}

    def next(self):
        super().next()
        if self._held() == 1:
            self.buy(size=14_000)


def test_exposure_from_orders_beside_a_readings_answers_is_told(make_prices):
    prices = make_prices({"A": [100.0] * 10})
    study = prepare("Levered", Levered, "SPY")
    run = run_backtest(Levered, prices, EntrySchedule(ENTRY, hold=4), Frictions(0, 0, 0, 0))
    assert "gross exposure reached 2.30 times equity" in run_warnings(study, run)


class Waits(bt.Strategy):
    """Wants more bars than there are."""

    symbols = ("A",)

    def next(self):
        if len(self) > 500:
            self.buy()


def test_a_strategy_that_sends_no_order_is_told_how_to_get_more_bars(make_prices):
    run = run_backtest(Waits, make_prices({"A": [100.0] * 10}), EntrySchedule(ENTRY, hold=4))
    warnings = run_warnings(prepare("Waits", Waits, "SPY"), run)
    assert warnings[:2] == (
        "no position was ever taken: the return is interest on cash",
        "it sent no order: if it waits for a number of bars, give it so many before the entry, --history N",
    )
