"""Runs do not see each other: state in an author's classes, functions and modules is that of a first run."""

from __future__ import annotations

import importlib
import random
import sys
from itertools import count
from typing import ClassVar

import backtrader as bt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import StrategyError
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.isolation import as_if_alone
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights

HELPER = """
bought = 0
sizes = {}
"""
# Each run buys once for every list, counter or dictionary that is still as it was when the file was read.
STRATEGY = """
import random
from collections import defaultdict

import backtrader as bt
import numpy as np

import HELPER as helper

calls = defaultdict(lambda: 0)
total = 0
weights = np.ones(3)


class Tally:
    def __init__(self):
        self.items = []


tally = Tally()


def remember(value, seen=[]):
    seen.append(value)
    return len(seen)


def closure():
    seen = set()

    def add(value):
        seen.add(value)
        return len(seen)

    return add


class Everywhere(bt.Strategy):
    params = (("size", 10), ("bar", 1))
    trades = []
    add = staticmethod(closure())

    def next(self):
        global total
        if len(self) != self.p.bar:
            return
        total += 1
        helper.bought += 1
        helper.sizes[self.p.size] = helper.sizes.get(self.p.size, 0) + 1
        calls["next"] += 1
        self.trades.append(self.p.size)
        tally.items.append(1)
        weights[0] += 1
        type(self).runs = getattr(type(self), "runs", 0) + 1
        states = (total, helper.bought, sum(helper.sizes.values()), calls["next"], len(self.trades), len(tally.items))
        states += (weights[0] - 1, remember(1), self.add(self.p.size), type(self).runs)
        for state in states:
            self.buy(size=self.p.size * state)
        self.buy(size=random.randint(1, 9))
        self.buy(size=np.random.randint(1, 9))
        self.order = self.buy(size=1)
        self.buy(size=self.order.ref)
"""
numbers = count()


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load the strategy from new files, with a module beside it."""
    monkeypatch.syspath_prepend(tmp_path)

    def make() -> type[bt.Strategy]:
        number = next(numbers)
        helper, name = f"isolation_helper_{number}", f"isolation_strategy_{number}"
        (tmp_path / f"{helper}.py").write_text(HELPER)
        (tmp_path / f"{name}.py").write_text(STRATEGY.replace("HELPER", helper))
        importlib.invalidate_caches()
        return importlib.import_module(name).Everywhere

    yield make
    for name in [name for name in sys.modules if name.startswith("isolation_")]:
        del sys.modules[name]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(specs=st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=5))
def test_any_run_after_any_others_equals_the_run_alone(load, make_prices, specs):
    prices = make_prices({"A": [100.0 + n for n in range(12)]})
    schedule = EntrySchedule(prices.sessions[2], hold=8)
    together = load()
    for size, bar in specs:
        parameters = {"size": size, "bar": bar}
        run = run_backtest(together, prices, schedule, parameters=parameters)
        alone = run_backtest(load(), prices, schedule, parameters=parameters)
        assert (run.sent, run.fills) == (alone.sent, alone.fills)
        assert [order.size for order in run.sent[:10]] == [size] * 10
        assert run.equity.tobytes() == alone.equity.tobytes()


class Collects(bt.Strategy):
    """Collects closes in a list of its class, which its author looks at afterwards."""

    closes: ClassVar[list[float]] = []
    least = 0.0

    def next(self):
        if self.data.close[0] > self.least:
            self.closes.append(self.data.close[0])


def test_what_the_last_run_left_stays_visible_and_what_its_author_changes_since_is_kept(make_prices):
    prices = make_prices({"A": [1.0, 2.0, 3.0, 4.0]})
    schedule = EntrySchedule(prices.sessions[1], hold=None)
    for _ in range(2):
        run_backtest(Collects, prices, schedule)
        assert Collects.closes == [1.0, 2.0, 3.0, 4.0]
    Collects.least = 2.5
    Collects.closes.append(-1.0)
    run_backtest(Collects, prices, schedule)
    assert Collects.closes == [1.0, 2.0, 3.0, 4.0, -1.0, 3.0, 4.0]


def test_the_callers_random_numbers_go_on_as_if_there_had_been_no_run():
    random.seed(3)
    expected = [random.random() for _ in range(2)]
    random.seed(3)
    first = random.random()
    with as_if_alone(Collects):
        random.random()
    assert [first, random.random()] == expected


class Counts(Reading):
    """A rule that counts its calls in a list of its class."""

    symbols = ("A",)
    asked: ClassVar[list[int]] = []

    def weights(self, past: Past) -> Weights:
        self.asked.append(past.held)
        return {"A": 0.5}


class Hysteresis(Reading):
    """A rule that keeps its last answer in itself."""

    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        self.last = {"A": 0.5}
        return self.last


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Counts, r"Counts changes Counts\.asked while it decides.*functools\.lru_cache$"),
        (Hysteresis, r"Hysteresis\.weights sets self\.last.*compute it from past$"),
    ],
)
def test_a_rule_asked_for_many_entries_keeps_nothing(make_prices, rule, message):
    prices = make_prices({"A": [1.0, 2.0, 3.0, 4.0]})
    with pytest.raises(StrategyError, match=message):
        run_batch(rule, prices, Scenarios.of([Scenario(prices.sessions[2], 1)]))
