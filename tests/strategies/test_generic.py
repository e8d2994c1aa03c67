"""Generic readings: rules by hand, and equal equity in Backtrader and in the vectorised simulator."""

from __future__ import annotations

import numpy as np
import pytest

from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.story import SECTIONS, docstring_story
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Cash, Fund, Past
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort

PAIR = {"long": ("A", "B"), "short": ("C",)}
LATE = [float("nan")] * 3 + [10.0] * 3


def test_each_leg_has_half_of_equity_or_the_long_leg_all_of_it(make_prices):
    past = Past(make_prices({"A": [1.0] * 6, "B": [2.0] * 6, "C": [3.0] * 6}), 3)
    assert LongShort.rule(**PAIR).weights(past) == {"A": 0.25, "B": 0.25, "C": -0.5}
    assert LongShort.rule(long=("A", "C")).weights(past) == {"A": 0.5, "C": 0.5}


def test_nothing_is_held_while_a_leg_is_empty(make_prices):
    prices = make_prices({"A": [1.0] * 6, "B": [2.0] * 6, "C": LATE})
    assert LongShort.rule(**PAIR).weights(Past(prices, 2)) == {}
    assert LongShort.rule(**PAIR).weights(Past(prices, 3)) == {"A": 0.25, "B": 0.25, "C": -0.5}


def test_parameters_determine_symbols_and_comparator():
    study = prepare("pair", LongShort, "SPY", parameters=PAIR)
    assert (study.symbols, study.comparator, study.required_symbols) == (("A", "B", "C"), Cash(), ("A", "B", "C"))
    assert prepare("pair", LongShort, "SPY", parameters={**PAIR, "against": "D"}).required_symbols == (
        "A",
        "B",
        "C",
        "D",
    )
    assert prepare("wait", AfterFall, "SPY", parameters={"symbol": "A"}).comparator == Fund("A")


def test_missing_parameters_are_reported():
    with pytest.raises(ValueError, match="LongShort has no symbols of its own; give them as parameters"):
        prepare("strategies.generic.long_short:LongShort", LongShort, "SPY")


@pytest.mark.parametrize(
    ("closes", "bought"),
    [
        # The shock is the third session; a tenth below 100 is 90.
        ([100.0, 100, 95, 91, 90, 80, 120], 4),  # exactly at the level, and only once
        ([100.0, 100, 89, 120, 120, 80, 80], 2),
        ([100.0, 80, 79, 73, 72, 80, 80], 4),  # a tenth below 80 is 72; 73 is not enough
        ([100.0, 100, 95, 95, 95, 95, 91], None),
    ],
)
def test_it_waits_for_a_fall_from_the_close_before_the_shock(make_prices, closes, bought):
    prices, rule = make_prices({"SPY": closes}), AfterFall.rule()
    shock = str(prices.days[2])
    decisions = {row: rule.weights(Past(prices, row, held=row - 1, shock=shock)) for row in range(1, 7)}
    assert {row: weights for row, weights in decisions.items() if weights is not None} == (
        {} if bought is None else {bought: {"SPY": 1.0}}
    )


def test_a_fall_before_the_entry_is_bought_at_the_entry(make_prices):
    prices = make_prices({"SPY": [100.0, 100, 85, 95, 96, 97, 98]})
    shock = str(prices.days[2])
    decisions = [AfterFall.rule().weights(Past(prices, 4 + held, held=held, shock=shock)) for held in range(3)]
    assert decisions == [{"SPY": 1.0}, None, None]


def test_without_a_shock_there_is_no_signal(make_prices):
    prices = make_prices({"SPY": [100.0, 50, 50]})
    assert AfterFall.rule().weights(Past(prices, 2)) is None
    assert AfterFall.rule().weights(Past(prices, 2, shock=str(prices.days[0]))) is None  # no close before the shock


@pytest.mark.parametrize(
    ("strategy", "parameters", "complaint"),
    [
        (LongShort, {"long": ("A", "B"), "short": ("B",)}, "B is both in long and in short; leave it out of one"),
        (AfterFall, {"fall": 10.0}, r"fall is 10\.0; give a fraction between 0 and 1"),
        (AfterFall, {"fall": 0.0}, r"fall is 0\.0; give a fraction"),
    ],
)
def test_invalid_parameters_are_rejected(strategy, parameters, complaint):
    with pytest.raises(ValueError, match=complaint):
        prepare("own", strategy, "SPY", parameters=parameters)


def test_it_is_refuted_if_it_never_bought():
    assert AfterFall.refuted(0.1, ()) and AfterFall.refuted(-0.1, ("any",)) and not AfterFall.refuted(0.1, ("any",))


@pytest.mark.parametrize("strategy", [LongShort, AfterFall])
def test_its_docstring_is_complete(strategy):
    story = docstring_story(strategy)
    assert all((story.title, story.claim, story.rule, story.trades, story.refuted)) and len(SECTIONS) == 4


@pytest.mark.parametrize(
    ("strategy", "parameters"), [(LongShort, PAIR), (LongShort, {"long": ("B", "C")}), (AfterFall, {"symbol": "A"})]
)
@pytest.mark.parametrize("before", [0, 4])
def test_backtrader_and_the_vectorised_simulator_give_equal_equity(random_prices, strategy, parameters, before):
    prices = random_prices(("A", "B", "C"), 120)
    costs = Frictions()
    scenarios = [
        Scenario(prices.sessions[row], 40, 7, prices.sessions[row - before], costs, parameters) for row in (20, 33, 60)
    ]
    batch = run_batch(strategy, prices, Scenarios.of(scenarios))
    for index, scenario in enumerate(scenarios):
        schedule = EntrySchedule(scenario.entry, scenario.hold, scenario.rebalance, scenario.shock)
        ran = run_backtest(
            strategy, prices.select(tuple(strategy.rule(**parameters).symbols)), schedule, costs, parameters
        )
        assert np.allclose(batch.equity[index][: len(ran.equity)], ran.equity, rtol=0, atol=0.01)
    assert strategy is LongShort or any(len(set(equity)) > 5 for equity in batch.equity)
