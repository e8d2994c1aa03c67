"""Baskets with other names: what becomes of weights, by hand, and the law that binds both executors."""

from __future__ import annotations

import numpy as np
import pytest

from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.research.perturbations import AddedName, SwappedName, WithoutNames, perturbed_reading
from runners.engine.research.specification import OWN
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights
from strategies.nvda_comeback import NvdaComeback
from strategies.plugins.registry import load

LEG = ("A", "B", "C")
WEIGHTS = {"A": 0.2, "B": 0.3, "C": 0.1, "FUND": -0.4}
ALTERED = [
    pytest.param(name, choice.value.alteration, id=f"{name}-{choice.label}".replace(" ", "-"))
    for name, own in OWN.items()
    for choice in own.baskets
    if choice.value.alteration is not None
]


@pytest.fixture
def past(make_prices):
    """Five closes of A, B and C; LATE begins to trade after the last of them that a rule may see."""
    nothing = float("nan")
    prices = make_prices({"A": [1.0] * 5, "B": [1.0] * 5, "C": [1.0] * 5, "LATE": [*[nothing] * 4, 1.0]})
    return Past(prices, 3)


def test_what_is_left_out_goes_to_the_others_of_its_leg_in_proportion(past):
    # 0.3 is free, and A and C share it 2 : 1.
    assert WithoutNames(("B",), LEG).of(WEIGHTS, past) == pytest.approx({"A": 0.4, "C": 0.2, "FUND": -0.4})
    assert WithoutNames(("A", "B"), LEG).of(WEIGHTS, past) == pytest.approx({"C": 0.6, "FUND": -0.4})
    assert WithoutNames(("B",), LEG).of({"A": 0.2, "B": 0.3}, past) == pytest.approx({"A": 0.5}), "C is not held"


def test_a_short_leg_stays_short_and_keeps_its_gross_exposure(past):
    weights = {"A": -0.25, "B": -0.25, "FUND": 0.5}
    assert WithoutNames(("A",), ("A", "B")).of(weights, past) == pytest.approx({"B": -0.5, "FUND": 0.5})


def test_nothing_is_held_in_the_place_of_a_leg_that_is_left_out_whole(past):
    assert WithoutNames(LEG, LEG).of(WEIGHTS, past) == {"FUND": -0.4}
    assert WithoutNames(("A",), LEG).of({"FUND": 1.0}, past) == {"FUND": 1.0}
    assert WithoutNames(("A",), LEG).of({}, past) == {}


def test_a_fund_is_exchanged_at_the_same_weight(past):
    assert SwappedName("FUND", "B").of({"FUND": -0.5, "A": 0.5}, past) == {"A": 0.5, "B": -0.5}
    assert SwappedName("FUND", "A").of({"FUND": 0.5, "A": 0.25}, past) == {"A": 0.75}
    assert SwappedName("FUND", "B").of({"A": 1.0}, past) == {"A": 1.0}


def test_what_does_not_trade_yet_is_not_bought(past):
    assert SwappedName("FUND", "LATE").of({"FUND": 0.5, "A": 0.5}, past) == {"A": 0.5}
    assert "LATE" in past.left_out
    assert AddedName("LATE", LEG).of(WEIGHTS, past) == WEIGHTS


def test_one_more_name_gets_an_equal_part_of_its_leg(past):
    weights = {"A": 0.3, "B": 0.3, "FUND": -0.4}
    expected = {"A": 0.2, "B": 0.2, "C": 0.2, "FUND": -0.4}
    assert AddedName("C", ("A", "B")).of(weights, past) == pytest.approx(expected)
    assert AddedName("C", ("A", "B")).of({"FUND": 1.0}, past) == {"FUND": 1.0}
    held_already = {"A": 0.3, "B": 0.3, "C": 0.1}
    assert AddedName("C", ("A", "B")).of(held_already, past) == pytest.approx({"A": 0.2, "B": 0.2, "C": 0.3})


@pytest.mark.parametrize(("name", "alteration"), ALTERED)
def test_an_altered_reading_is_the_same_in_backtrader_and_in_batches(name, alteration, random_prices):
    reading = perturbed_reading(load(name), alteration)
    prices = random_prices(reading.symbols, 230)
    costs = Frictions(3, 6, 0.01, lag=2)
    entry = prices.sessions[150]
    batch = run_batch(reading, prices, Scenarios.of([Scenario(entry, 40, 15, frictions=costs)]))
    alone = run_backtest(reading, prices, EntrySchedule(entry, 40, 15), costs)
    assert batch.equity[0] == pytest.approx(alone.equity, abs=0.01)
    plain = run_batch(load(name), prices.select(load(name).symbols), Scenarios.of([Scenario(entry, 40, 15)]))
    assert not np.allclose(plain.horizons, batch.horizons, equal_nan=True), "it changes something"


@pytest.mark.parametrize(("name", "alteration"), ALTERED)
def test_gross_exposure_of_every_leg_stays_what_it_was(name, alteration, random_prices):
    own, other = load(name).rule(), perturbed_reading(load(name), alteration).rule()
    prices = random_prices(other.symbols, 200)
    for row in (150, 170, 199):
        past = Past(prices, row)
        before, after = own.weights(past), other.weights(past)
        for side in (1, -1):
            held = [sum(weight for weight in each.values() if weight * side > 0) for each in (before, after)]
            assert held[0] == pytest.approx(held[1], abs=1e-12)


def test_an_altered_reading_keeps_its_parameters_and_what_it_declares():
    reading = perturbed_reading(load("ai_software"), WithoutNames(("PLTR",), load("ai_software").symbols))
    assert reading.rule(hedge=True).p.hedge is True
    assert (reading.history, reading.chooses) == (load("ai_software").history, load("ai_software").chooses)
    assert prepare("x", reading, "SPY").symbols == load("ai_software").symbols


class Everything(Reading):
    """Holds whatever its own class lists."""

    symbols = ("A", "B")

    def weights(self, past: Past) -> Weights:
        return dict.fromkeys(self.symbols, 1 / len(self.symbols))


def test_a_rule_that_asks_for_its_own_symbols_does_not_see_those_that_were_added(past):
    reading = perturbed_reading(Everything, SwappedName("A", "C"))
    assert reading.symbols == ("A", "B", "C")
    assert perturbed_reading(Everything, SwappedName("A", "C"), traded=("A", "X")).symbols == ("A", "X", "C")
    assert reading.rule().weights(past) == {"B": 0.5, "C": 0.5}


def test_a_rule_that_leaves_positions_alone_still_does(make_prices):
    class Idle(Everything):
        def weights(self, past: Past) -> Weights:
            return None

    assert perturbed_reading(Idle, SwappedName("A", "C")).rule().weights(Past(make_prices({"A": [1.0] * 3}), 2)) is None


def test_a_reading_that_answers_whole_launches_at_once_is_altered_too(random_prices):
    reading = perturbed_reading(NvdaComeback, SwappedName("NVDA", "AMD"))
    prices = random_prices(reading.symbols, 200)
    entries = prices.sessions[100:130]
    batch = run_batch(reading, prices, Scenarios.product(entries, (40,)))
    for place in (0, 13, 29):
        alone = run_backtest(reading, prices, EntrySchedule(entries[place], 40))
        assert batch.equity[place, : len(alone.equity)] == pytest.approx(alone.equity, abs=0.01)
        assert {fill.symbol for fill in alone.fills} <= {"AMD"}
