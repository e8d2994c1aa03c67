"""The parts of a net gain, by hand and as a law over random strategies."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.figures.contribution import contribution
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import FILL_COLUMNS
from tests.runners.engine.backtest.test_account import Random

FILLS = [
    ("A", 100, 10.0, 1.0, 2.0),  # long at 10 ...
    ("A", -150, 12.0, 1.5, 3.0),  # ... sold at 12, and 50 short
    ("B", 20, 5.0, 0.1, 0.2),
    ("A", 50, 11.0, 0.5, 1.0),  # covered at 11
]


def parts_of(result, fills, last_prices, interest):
    table = pd.DataFrame([(pd.Timestamp("2025-01-31"), *fill) for fill in fills], columns=FILL_COLUMNS)
    return contribution(replace(result, fills=table, last_prices=last_prices, interest=interest))


def test_a_position_that_turns_has_two_legs(result_of):
    interest = {"cash": 7.0, "debit": 2.0, "borrow": 1.0}
    parts = parts_of(result_of(), FILLS, {"A": 99.0, "B": 4.0}, interest)
    assert parts.stocks == {("A", "long"): 200.0, ("A", "short"): 50.0, ("B", "long"): -20.0}
    assert parts.legs == {"long": 180.0, "short": 50.0}
    assert (parts.interest, parts.credit, parts.borrow) == (7.0, -2.0, -1.0)
    assert (parts.commission, parts.spread) == pytest.approx((-3.1, -6.2))
    assert parts.total == pytest.approx(230 + 4 - 9.3)


def test_without_fills_there_is_only_interest(result_of):
    parts = parts_of(result_of(), [], {}, {"cash": 7.0, "debit": 0.0, "borrow": 0.0})
    assert (parts.stocks, parts.legs, parts.total) == ({}, {}, 7.0)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_the_parts_add_up_to_the_net_gain_to_the_cent(random_prices, result_of, seed):
    prices = random_prices(("A", "B"), 90, seed=seed % 89)
    schedule = EntrySchedule(prices.sessions[20], hold=None if seed % 2 else 40)
    run = run_backtest(Random, prices, schedule, Frictions(3, 4, 0.05, 0.10), {"seed": seed})
    fills = pd.DataFrame([vars(fill) for fill in run.fills], columns=FILL_COLUMNS)
    parts = contribution(replace(result_of(), fills=fills, last_prices=run.last_prices, interest=run.interest))
    assert parts.total == pytest.approx(run.equity[-1] - CAPITAL, abs=0.01)
