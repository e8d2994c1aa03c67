"""The permutation test: the identity gives the reading itself, and each permutation equals a run with those stocks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import strategies
from data.universe import AI_UNIVERSE
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_log_wealth, excess_log_returns, log_wealth
from runners.engine.research.permutation import (
    PermutedWeights,
    StockPermutations,
    decisions_at_entry,
    permute_weights,
    simulate_permutations,
    tradable_stocks,
)
from runners.engine.study import prepare
from runners.engine.vectorized.scenarios import TradingConditions
from runners.engine.vectorized.target_weights import NOTHING
from strategies.base import Past, Reading, Weights

CHOOSING = [name for name in strategies.names() if strategies.load(name).chooses]
CONDITIONS = TradingConditions(hold=70, rebalance=20, frictions=Frictions(2, 3, 0.01, lag=2))
FREE = Frictions(0, 0, 0, cash_rate=0.0)
SWAP = StockPermutations(("A", "B"), np.array([[0, 1], [1, 0]]), seed=5)  # the identity, then A and B exchanged


class Scripted(Reading):
    """Takes its weights from the parameter `script`, by sessions held, and records what it sees."""

    params = (("script", {}), ("seen", None))
    symbols = ("A", "B", "C")

    def weights(self, past: Past) -> Weights:
        if self.p.seen is not None:
            self.p.seen.append((past.held, past.scheduled, str(past.shock), str(past.sessions[-1])))
        return self.p.script.get(past.held)


class Watching(Scripted):
    watches = True


@pytest.fixture(scope="module")
def entry(real_prices):
    return real_prices.row("2025-01-31")


def test_five_readings_choose_stocks():
    five = {"gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"}
    assert set(CHOOSING) == five


@pytest.mark.parametrize("name", CHOOSING)
def test_the_identity_gives_the_reading_itself(name, real_prices, entry):
    study = prepare(name, strategies.load(name), "SPY")
    permutations = StockPermutations.of(tradable_stocks(AI_UNIVERSE, real_prices, entry - 1), 5, seed=1)
    own = log_wealth(simulate_permutations(study, real_prices, entry, CONDITIONS, permutations))[0]
    scenarios = CONDITIONS.at(np.array([entry]), real_prices, study.parameters)
    own = own - comparator_log_wealth(study, real_prices, scenarios)[0]
    real = excess_log_returns(study, real_prices, np.array([entry]), CONDITIONS)[0]
    assert own == pytest.approx(real, abs=1e-12, nan_ok=True)


def test_a_permutation_equals_a_backtrader_run_with_those_stocks(real_prices, entry):
    class Permuted(Reading):
        params = (("targets", ()),)
        symbols = (*AI_UNIVERSE, "SMH")

        def weights(self, past: Past) -> Weights:
            return dict(self.p.targets)

    study = prepare("midrange_challengers", strategies.load("midrange_challengers"), "SPY")
    permutations = StockPermutations.of(AI_UNIVERSE, 3, seed=2)
    batch = simulate_permutations(study, real_prices, entry, CONDITIONS, permutations)
    (first, *_), symbols = decisions_at_entry(study, real_prices, entry, CONDITIONS).values(), (*AI_UNIVERSE, "SMH")
    schedule = EntrySchedule(real_prices.sessions[entry], CONDITIONS.hold, CONDITIONS.rebalance)
    for index, vector in enumerate(permute_weights(first, symbols, permutations)):
        targets = tuple((symbol, weight) for symbol, weight in zip(symbols, vector.tolist(), strict=True) if weight)
        prices = real_prices.select(symbols)
        backtest = run_backtest(Permuted, prices, schedule, CONDITIONS.frictions, {"targets": targets})
        assert batch.terminal[index] == pytest.approx(backtest.equity[-1], abs=0.01)


def test_permutations_keep_the_weights_and_leave_funds_alone():
    permutations = StockPermutations.of(AI_UNIVERSE, 200, seed=3)
    weights = {"AMD": 0.3, "INTC": 0.2, "NVDA": -0.4, "SMH": -0.1}
    permuted = permute_weights(weights, (*AI_UNIVERSE, "SMH"), permutations)
    assert (permuted[:, -1] == -0.1).all()
    for vector in permuted:
        assert Counter(vector[:-1][vector[:-1] != 0].tolist()) == Counter([0.3, 0.2, -0.4]), "legs are disjoint"
    # Every stock is as likely as any other: 201 permutations over 26 stocks, 7.7 each on average.
    assert np.count_nonzero(permuted[:, :-1] == -0.4, axis=0).max() < 25


def test_permutations_follow_from_the_seed_and_later_ones_are_fresh():
    permutations = StockPermutations.of(AI_UNIVERSE, 50, seed=4)
    first, second, third = (permutations.at_decision(number).order for number in (1, 2, 3))
    assert (permutations.order[0] == np.arange(26)).all() and (first[0] == np.arange(26)).all()
    assert (StockPermutations.of(AI_UNIVERSE, 50, seed=4).order == permutations.order).all()
    assert (first[1:] != permutations.order[1:]).any() and (second != first).any()
    assert (np.sort(third, axis=1) == np.arange(26)).all()


def test_fresh_permutations_follow_from_the_seed_and_the_decision():
    permutations = StockPermutations.of(AI_UNIVERSE, 50, seed=4)
    fresh = permutations.at_decision(1)
    assert (fresh.universe, fresh.seed, fresh.order.shape) == (AI_UNIVERSE, 4, (51, 26))
    assert (fresh.order == permutations.at_decision(1).order).all()
    assert (fresh.order != StockPermutations.of(AI_UNIVERSE, 50, seed=5).at_decision(1).order).any()


def test_stocks_not_listed_before_the_entry_are_left_out(make_prices):
    prices = make_prices({"A": [1.0] * 5, "B": [np.nan, np.nan, 1.0, 1.0, 1.0], "C": [np.nan] * 4 + [1.0]})
    assert [tradable_stocks(("A", "B", "C", "D"), prices, row) for row in (1, 2, 4)] == [
        ("A",),
        ("A", "B"),
        ("A", "B", "C"),
    ]


# --- decisions of a rule ------------------------------------------------------


@pytest.fixture
def eight(make_prices):
    """27 to 31 January and 3 to 5 February 2025."""
    return make_prices({name: [1.0] * 8 for name in "ABC"})


def calls(strategy, prices, entry, conditions):
    seen: list[tuple[int, bool, str, str]] = []
    decisions_at_entry(prepare("Scripted", strategy, "SPY", parameters={"seen": seen}), prices, entry, conditions)
    return seen


def test_a_watching_rule_decides_at_every_close_from_the_one_before_the_entry(eight):
    seen = calls(Watching, eight, 5, TradingConditions(hold=None, rebalance=2, shock_lead=4))
    assert seen == [
        (0, True, "2025-01-28", "2025-01-31"),
        (1, False, "2025-01-28", "2025-02-03"),
        (2, True, "2025-01-28", "2025-02-04"),
        (3, False, "2025-01-28", "2025-02-05"),
    ]


@pytest.mark.parametrize(("strategy", "expected"), [(Scripted, [0, 2, 4]), (Watching, [0, 1, 2, 3, 4])])
def test_rules_decide_within_the_hold_and_between_scheduled_dates_only_if_they_watch(eight, strategy, expected):
    seen = calls(strategy, eight, 2, TradingConditions(hold=5, rebalance=2))
    assert [held for held, *_ in seen] == expected


def test_a_decision_can_be_taken_at_the_last_close_of_the_prices(eight):
    last = {3: {"A": 1.0}}
    assert (
        decisions_at_entry(
            prepare("Scripted", Scripted, "SPY", parameters={"script": last}), eight, 5, TradingConditions(rebalance=3)
        )
        == last
    )


@pytest.mark.parametrize(("entry", "shock"), [(5, "2025-01-28"), (4, "2025-01-27"), (2, "2025-01-23")])
def test_the_shock_may_lie_before_the_first_price(eight, entry, shock):
    # As in Backtrader; 24 and 23 January are the last two sessions before prices begin.
    assert calls(Scripted, eight, entry, TradingConditions(shock_lead=4))[0][2] == shock
    seen: list[tuple[int, bool, str, str]] = []
    run_backtest(Scripted, eight, EntrySchedule(eight.sessions[entry]), parameters={"seen": seen})
    assert seen[0][2] == shock


# --- what the permutations do -------------------------------------------------------


def test_each_permutation_has_a_row_at_every_decision_and_none_between():
    targets = PermutedWeights({0: {"A": 1.0}, 3: {"B": 0.5}}, ("A", "B"), SWAP, rechooses=False, watches=True)
    both, due = np.array([0, 1]), np.array([True, True])
    assert targets.weights.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.5], [0.5, 0.0]]
    assert targets.weight_rows(both, 0, due).tolist() == [0, 1]
    assert targets.weight_rows(both[1:], 3, due[1:]).tolist() == [3]
    assert targets.weight_rows(both, 2, due).tolist() == [NOTHING, NOTHING]


def test_decisions_between_scheduled_dates_are_permuted_too(random_prices):
    prices = random_prices(("A", "B", "C"), 60)
    script = {0: {"A": 0.5, "C": 0.3}, 3: {"B": 0.7}}
    swapped = {0: {"B": 0.5, "C": 0.3}, 3: {"A": 0.7}}
    conditions = TradingConditions(hold=9, rebalance=5, frictions=Frictions(2, 3, 0.01, lag=2))
    batch = simulate_permutations(
        prepare("Watching", Watching, "SPY", parameters={"script": script}), prices, 20, conditions, SWAP
    )
    schedule = EntrySchedule(prices.sessions[20], conditions.hold, conditions.rebalance)
    for index, decisions in enumerate((script, swapped)):
        backtest = run_backtest(Watching, prices, schedule, conditions.frictions, {"script": decisions})
        assert batch.terminal[index] == pytest.approx(backtest.equity[-1], abs=0.01)


def test_without_a_position_every_permutation_keeps_its_capital(random_prices):
    targets = PermutedWeights({}, ("A", "B"), SWAP, rechooses=False, watches=False)
    assert targets.weights.shape == (0, 2)
    batch = simulate_permutations(
        prepare("Scripted", Scripted, "SPY"),
        random_prices(("A", "B", "C"), 60),
        20,
        TradingConditions(frictions=FREE),
        SWAP,
    )
    assert batch.terminal.tolist() == [CAPITAL, CAPITAL]


def test_fresh_permutations_are_for_readings_that_rechoose_their_stocks(random_prices):
    class Picking(Scripted):
        rechooses = True
        symbols = tuple("ABCDEF")

    class Keeping(Picking):
        rechooses = False

    prices, script = random_prices(tuple("ABCDEF"), 60), {0: {"A": 1.0}, 5: {"A": 1.0}}
    conditions, permutations = (
        TradingConditions(hold=9, rebalance=5, frictions=FREE),
        StockPermutations.of(tuple("ABCDEF"), 60, seed=6),
    )
    picking, keeping = (
        simulate_permutations(
            prepare("Scripted", strategy, "SPY", parameters={"script": script}), prices, 20, conditions, permutations
        ).turnover
        for strategy in (Picking, Keeping)
    )
    # One stock, bought and sold, is twice the capital; another after five sessions, in five of six permutations, four.
    assert (keeping < 2.8).all() and picking[0] < 2.8
    assert 40 <= np.count_nonzero(picking[1:] > 3.2) <= 59
