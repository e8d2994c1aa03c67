"""Perturbed baskets: weights by hand, and agreement of batches with Backtrader."""

from __future__ import annotations

import numpy as np
import pytest

from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.research.perturbations import AddedStock, SwappedSymbol, WithoutStocks, perturbed_reading
from runners.engine.research.specification import OWN
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights
from strategies.nvda_comeback import NvdaComeback
from strategies.registry import load

LEG = ("A", "B", "C")
WEIGHTS = {"A": 0.2, "B": 0.3, "C": 0.1, "FUND": -0.4}
PERTURBED = [
    pytest.param(name, choice.value.perturbation, id=f"{name}-{choice.label}".replace(" ", "-"))
    for name, own in OWN.items()
    for choice in own.baskets
    if choice.value.perturbation is not None
]


@pytest.fixture
def past(make_prices):
    """Five closes of A, B and C; LATE begins to trade after the last close that a rule may see."""
    nothing = float("nan")
    prices = make_prices({"A": [1.0] * 5, "B": [1.0] * 5, "C": [1.0] * 5, "LATE": [*[nothing] * 4, 1.0]})
    return Past(prices, 3)


def test_the_weight_left_out_goes_to_the_rest_of_the_leg_in_proportion(past):
    # A and C share the weight of B, 0.3, in the ratio 2 : 1.
    assert WithoutStocks(("B",), LEG).of(WEIGHTS, past) == pytest.approx({"A": 0.4, "C": 0.2, "FUND": -0.4})
    assert WithoutStocks(("A", "B"), LEG).of(WEIGHTS, past) == pytest.approx({"C": 0.6, "FUND": -0.4})
    assert WithoutStocks(("B",), LEG).of({"A": 0.2, "B": 0.3}, past) == pytest.approx({"A": 0.5}), "C is not held"


def test_a_short_leg_stays_short_and_keeps_its_gross_exposure(past):
    weights = {"A": -0.25, "B": -0.25, "FUND": 0.5}
    assert WithoutStocks(("A",), ("A", "B")).of(weights, past) == pytest.approx({"B": -0.5, "FUND": 0.5})


def test_nothing_replaces_a_leg_that_is_left_out_whole(past):
    assert WithoutStocks(LEG, LEG).of(WEIGHTS, past) == {"FUND": -0.4}
    assert WithoutStocks(("A",), LEG).of({"FUND": 1.0}, past) == {"FUND": 1.0}
    assert WithoutStocks(("A",), LEG).of({}, past) == {}


def test_a_fund_is_swapped_at_the_same_weight(past):
    assert SwappedSymbol("FUND", "B").of({"FUND": -0.5, "A": 0.5}, past) == {"A": 0.5, "B": -0.5}
    assert SwappedSymbol("FUND", "A").of({"FUND": 0.5, "A": 0.25}, past) == {"A": 0.75}
    assert SwappedSymbol("FUND", "B").of({"A": 1.0}, past) == {"A": 1.0}


def test_a_symbol_not_listed_yet_is_not_bought(past):
    assert SwappedSymbol("FUND", "LATE").of({"FUND": 0.5, "A": 0.5}, past) == {"A": 0.5}
    assert "LATE" in past.left_out
    assert AddedStock("LATE", LEG).of(WEIGHTS, past) == WEIGHTS


def test_an_added_stock_gets_an_equal_share_of_its_leg(past):
    weights = {"A": 0.3, "B": 0.3, "FUND": -0.4}
    expected = {"A": 0.2, "B": 0.2, "C": 0.2, "FUND": -0.4}
    assert AddedStock("C", ("A", "B")).of(weights, past) == pytest.approx(expected)
    assert AddedStock("C", ("A", "B")).of({"FUND": 1.0}, past) == {"FUND": 1.0}
    held_already = {"A": 0.3, "B": 0.3, "C": 0.1}
    assert AddedStock("C", ("A", "B")).of(held_already, past) == pytest.approx({"A": 0.2, "B": 0.2, "C": 0.3})


@pytest.mark.parametrize(("name", "perturbation"), PERTURBED)
def test_a_perturbed_reading_is_equal_in_backtrader_and_in_batches(name, perturbation, random_prices):
    reading = perturbed_reading(load(name), perturbation)
    prices = random_prices(reading.symbols, 230)
    costs = Frictions(3, 6, 0.01, lag=2)
    entry = prices.sessions[150]
    batch = run_batch(reading, prices, Scenarios.of([Scenario(entry, 40, 15, frictions=costs)]))
    backtest = run_backtest(reading, prices, EntrySchedule(entry, 40, 15), costs)
    assert batch.equity[0] == pytest.approx(backtest.equity, abs=0.01)
    plain = run_batch(load(name), prices.select(load(name).rule().symbols), Scenarios.of([Scenario(entry, 40, 15)]))
    assert not np.allclose(plain.horizons, batch.horizons, equal_nan=True), "the perturbation changes the result"


@pytest.mark.parametrize(("name", "perturbation"), PERTURBED)
def test_gross_exposure_of_every_leg_is_kept(name, perturbation, random_prices):
    rule, perturbed = load(name).rule(), perturbed_reading(load(name), perturbation).rule()
    prices = random_prices(perturbed.symbols, 200)
    for row in (150, 170, 199):
        past = Past(prices, row)
        before, after = rule.weights(past), perturbed.weights(past)
        for side in (1, -1):
            gross = [sum(weight for weight in each.values() if weight * side > 0) for each in (before, after)]
            assert gross[0] == pytest.approx(gross[1], abs=1e-12)


def test_a_perturbed_reading_keeps_parameters_and_declarations():
    reading = perturbed_reading(load("ai_software"), WithoutStocks(("PLTR",), load("ai_software").symbols))
    assert reading.rule(hedge=True).p.hedge is True
    assert (reading.history, reading.chooses) == (load("ai_software").history, load("ai_software").chooses)
    assert prepare("x", reading, "SPY").symbols == load("ai_software").symbols


class Everything(Reading):
    """Holds all symbols of its class."""

    symbols = ("A", "B")

    def weights(self, past: Past) -> Weights:
        return dict.fromkeys(self.symbols, 1 / len(self.symbols))


def test_a_rule_does_not_see_the_symbols_that_a_perturbation_adds(past):
    reading = perturbed_reading(Everything, SwappedSymbol("A", "C"))
    assert reading.symbols == ("A", "B", "C")
    assert perturbed_reading(Everything, SwappedSymbol("A", "C"), symbols=("A", "X")).symbols == ("A", "X", "C")
    assert reading.rule().weights(past) == {"B": 0.5, "C": 0.5}


def test_a_rule_that_leaves_positions_alone_is_not_perturbed(make_prices):
    class Idle(Everything):
        def weights(self, past: Past) -> Weights:
            return None

    assert (
        perturbed_reading(Idle, SwappedSymbol("A", "C")).rule().weights(Past(make_prices({"A": [1.0] * 3}), 2)) is None
    )


def test_a_reading_with_a_course_is_perturbed_too(random_prices):
    reading = perturbed_reading(NvdaComeback, SwappedSymbol("NVDA", "AMD"))
    prices = random_prices(reading.symbols, 200)
    entries = prices.sessions[100:130]
    batch = run_batch(reading, prices, Scenarios.product(entries, (40,)))
    for index in (0, 13, 29):
        backtest = run_backtest(reading, prices, EntrySchedule(entries[index], 40))
        assert batch.equity[index, : len(backtest.equity)] == pytest.approx(backtest.equity, abs=0.01)
        assert {fill.symbol for fill in backtest.fills} <= {"AMD"}
