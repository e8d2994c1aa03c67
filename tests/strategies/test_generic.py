"""Readings of no event in particular: by hand, and through both executors."""

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


def test_legs_share_half_each_and_without_a_short_one_all_is_long(make_prices):
    past = Past(make_prices({"A": [1.0] * 6, "B": [2.0] * 6, "C": [3.0] * 6}), 3)
    assert LongShort.rule(**PAIR).weights(past) == {"A": 0.25, "B": 0.25, "C": -0.5}
    assert LongShort.rule(long=("A", "C")).weights(past) == {"A": 0.5, "C": 0.5}


def test_a_leg_without_any_name_leaves_the_other_out(make_prices):
    prices = make_prices({"A": [1.0] * 6, "B": [2.0] * 6, "C": LATE})
    assert LongShort.rule(**PAIR).weights(Past(prices, 2)) == {}
    assert LongShort.rule(**PAIR).weights(Past(prices, 3)) == {"A": 0.25, "B": 0.25, "C": -0.5}


def test_symbols_and_comparator_follow_from_parameters():
    study = prepare("pair", LongShort, "SPY", parameters=PAIR)
    assert (study.symbols, study.comparator, study.required_symbols) == (("A", "B", "C"), Cash(), ("A", "B", "C"))
    assert prepare("pair", LongShort, "SPY", parameters={**PAIR, "against": "D"}).required_symbols == (
        "A",
        "B",
        "C",
        "D",
    )
    assert prepare("wait", AfterFall, "SPY", parameters={"symbol": "A"}).comparator == Fund("A")


def test_without_parameters_there_is_nothing_to_trade():
    with pytest.raises(ValueError, match="LongShort has no symbols of its own; give them as parameters"):
        prepare("strategies.generic.long_short:LongShort", LongShort, "SPY")


@pytest.mark.parametrize(
    ("closes", "bought"),
    [
        # The shock is the third session; a tenth below 100 is 90.
        ([100.0, 100, 95, 91, 90, 80, 120], 4),  # at the level itself, once, and never again
        ([100.0, 100, 89, 120, 120, 80, 80], 2),
        ([100.0, 80, 79, 73, 72, 80, 80], 4),  # a tenth below 80 is 72; 73 is not enough
        ([100.0, 100, 95, 95, 95, 95, 91], None),
    ],
)
def test_it_waits_for_a_fall_from_the_close_before_the_shock(make_prices, closes, bought):
    prices, rule = make_prices({"SPY": closes}), AfterFall.rule()
    shock = str(prices.days[2])
    answers = {row: rule.weights(Past(prices, row, held=row - 1, shock=shock)) for row in range(1, 7)}
    assert {row: weights for row, weights in answers.items() if weights is not None} == (
        {} if bought is None else {bought: {"SPY": 1.0}}
    )


def test_a_fall_before_the_entry_is_bought_at_the_entry(make_prices):
    prices = make_prices({"SPY": [100.0, 100, 85, 95, 96, 97, 98]})
    shock = str(prices.days[2])
    asked = [AfterFall.rule().weights(Past(prices, 4 + held, held=held, shock=shock)) for held in range(3)]
    assert asked == [{"SPY": 1.0}, None, None]


def test_no_shock_no_signal(make_prices):
    prices = make_prices({"SPY": [100.0, 50, 50]})
    assert AfterFall.rule().weights(Past(prices, 2)) is None
    assert AfterFall.rule().weights(Past(prices, 2, shock=str(prices.days[0]))) is None  # no close before it


@pytest.mark.parametrize(
    ("strategy", "parameters", "complaint"),
    [
        (LongShort, {"long": ("A", "B"), "short": ("B",)}, "B is both in long and in short; leave it out of one"),
        (AfterFall, {"fall": 10.0}, r"fall is 10\.0; give a fraction between 0 and 1"),
        (AfterFall, {"fall": 0.0}, r"fall is 0\.0; give a fraction"),
    ],
)
def test_what_makes_no_sense_is_refused(strategy, parameters, complaint):
    with pytest.raises(ValueError, match=complaint):
        prepare("own", strategy, "SPY", parameters=parameters)


def test_never_having_bought_refutes_it():
    assert AfterFall.refuted(0.1, ()) and AfterFall.refuted(-0.1, ("any",)) and not AfterFall.refuted(0.1, ("any",))


@pytest.mark.parametrize("strategy", [LongShort, AfterFall])
def test_its_file_tells_all_that_pages_show(strategy):
    told = docstring_story(strategy)
    assert all((told.title, told.claim, told.rule, told.trades, told.refuted)) and len(SECTIONS) == 4


@pytest.mark.parametrize(
    ("strategy", "parameters"), [(LongShort, PAIR), (LongShort, {"long": ("B", "C")}), (AfterFall, {"symbol": "A"})]
)
@pytest.mark.parametrize("before", [0, 4])
def test_both_executors_give_the_same_equity(random_prices, strategy, parameters, before):
    prices = random_prices(("A", "B", "C"), 120)
    costs = Frictions()
    launches = [
        Scenario(prices.sessions[row], 40, 7, prices.sessions[row - before], costs, parameters) for row in (20, 33, 60)
    ]
    batch = run_batch(strategy, prices, Scenarios.of(launches))
    for place, each in enumerate(launches):
        launch = EntrySchedule(each.entry, each.hold, each.rebalance, each.shock)
        ran = run_backtest(
            strategy, prices.select(tuple(strategy.rule(**parameters).symbols)), launch, costs, parameters
        )
        assert np.allclose(batch.equity[place][: len(ran.equity)], ran.equity, rtol=0, atol=0.01)
    assert strategy is LongShort or any(len(set(batch.equity[place])) > 5 for place in range(3))
