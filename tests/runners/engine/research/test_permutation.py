"""Exchanged names: the identity is the reading itself, and every draw is what a strategy of those names would do."""

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
    NamePermutations,
    PermutedWeights,
    decisions_at_entry,
    permute_weights,
    permuted_weights,
    tradable_names,
)
from runners.engine.study import prepare
from runners.engine.vectorized.scenarios import TradingConditions
from runners.engine.vectorized.target_weights import NOTHING
from strategies.base import Past, Reading, Weights

CHOOSING = [name for name in strategies.names() if strategies.load(name).chooses]
CONDITIONS = TradingConditions(hold=70, rebalance=20, frictions=Frictions(2, 3, 0.01, lag=2))
FREE = Frictions(0, 0, 0, cash_rate=0.0)
SWAP = NamePermutations(("A", "B"), np.array([[0, 1], [1, 0]]), seed=5)  # nothing changes, then A and B change places


class Told(Reading):
    """Answers what it was told to, by sessions held, and notes what it is shown."""

    params = (("told", {}), ("seen", None))
    symbols = ("A", "B", "C")

    def weights(self, past: Past) -> Weights:
        if self.p.seen is not None:
            self.p.seen.append((past.held, past.scheduled, str(past.shock), str(past.sessions[-1])))
        return self.p.told.get(past.held)


class Watching(Told):
    watches = True


@pytest.fixture(scope="module")
def entry(real_prices):
    return real_prices.row("2025-01-31")


def test_the_five_whose_claim_is_a_choice_of_names_say_so():
    five = {"gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"}
    assert set(CHOOSING) == five


@pytest.mark.parametrize("name", CHOOSING)
def test_the_draw_that_changes_nothing_is_the_reading_itself(name, real_prices, entry):
    subject = prepare(name, strategies.load(name), "SPY")
    draws = NamePermutations.of(tradable_names(AI_UNIVERSE, real_prices, entry - 1), 5, seed=1)
    own = log_wealth(permuted_weights(subject, real_prices, entry, CONDITIONS, draws))[0]
    scenarios = CONDITIONS.at(np.array([entry]), real_prices, subject.parameters)
    own = own - comparator_log_wealth(subject, real_prices, scenarios)[0]
    real = excess_log_returns(subject, real_prices, np.array([entry]), CONDITIONS)[0]
    assert own == pytest.approx(real, abs=1e-12, nan_ok=True)


def test_a_draw_is_what_backtrader_makes_of_those_names(real_prices, entry):
    class Drawn(Reading):
        params = (("told", ()),)
        symbols = (*AI_UNIVERSE, "SMH")

        def weights(self, past: Past) -> Weights:
            return dict(self.p.told)

    subject = prepare("midrange_challengers", strategies.load("midrange_challengers"), "SPY")
    draws = NamePermutations.of(AI_UNIVERSE, 3, seed=2)
    run = permuted_weights(subject, real_prices, entry, CONDITIONS, draws)
    (first, *_), names = decisions_at_entry(subject, real_prices, entry, CONDITIONS).values(), (*AI_UNIVERSE, "SMH")
    launch = EntrySchedule(real_prices.sessions[entry], CONDITIONS.hold, CONDITIONS.rebalance)
    for place, vector in enumerate(permute_weights(first, names, draws)):
        told = tuple((name, weight) for name, weight in zip(names, vector.tolist(), strict=True) if weight)
        ran = run_backtest(Drawn, real_prices.select(names), launch, CONDITIONS.frictions, {"told": told})
        assert run.terminal[place] == pytest.approx(ran.equity[-1], abs=0.01)


def test_draws_keep_the_shape_and_leave_funds_alone():
    draws = NamePermutations.of(AI_UNIVERSE, 200, seed=3)
    names = (*AI_UNIVERSE, "SMH")
    drawn = permute_weights({"AMD": 0.3, "INTC": 0.2, "NVDA": -0.4, "SMH": -0.1}, names, draws)
    assert (drawn[:, -1] == -0.1).all()
    for vector in drawn:
        assert Counter(vector[:-1][vector[:-1] != 0].tolist()) == Counter([0.3, 0.2, -0.4]), "legs are disjoint"
    # Every name is as likely as any other: 201 draws of one name among 26, 7.7 each on average.
    assert np.count_nonzero(drawn[:, :-1] == -0.4, axis=0).max() < 25


def test_one_draw_serves_all_readings_and_later_picks_are_fresh():
    draws = NamePermutations.of(AI_UNIVERSE, 50, seed=4)
    assert (draws.order[0] == np.arange(26)).all() and (draws.again(1).order[0] == np.arange(26)).all()
    assert (NamePermutations.of(AI_UNIVERSE, 50, seed=4).order == draws.order).all()
    assert (draws.again(1).order[1:] != draws.order[1:]).any() and (draws.again(2).order != draws.again(1).order).any()
    assert (np.sort(draws.again(3).order, axis=1) == np.arange(26)).all()


def test_fresh_picks_follow_from_the_seed_and_the_decision():
    draws = NamePermutations.of(AI_UNIVERSE, 50, seed=4)
    again = draws.again(1)
    assert (again.universe, again.seed, again.order.shape) == (AI_UNIVERSE, 4, (51, 26))
    assert (again.order == draws.again(1).order).all()
    assert (again.order != NamePermutations.of(AI_UNIVERSE, 50, seed=5).again(1).order).any()


def test_names_that_are_not_listed_at_the_entry_are_not_drawn(make_prices):
    prices = make_prices({"A": [1.0] * 5, "B": [np.nan, np.nan, 1.0, 1.0, 1.0], "C": [np.nan] * 4 + [1.0]})
    assert [tradable_names(("A", "B", "C", "D"), prices, row) for row in (1, 2, 4)] == [
        ("A",),
        ("A", "B"),
        ("A", "B", "C"),
    ]


# --- what a rule is shown, and when it is asked ------------------------------


@pytest.fixture
def eight(make_prices):
    """27 to 31 January and 3 to 5 February 2025."""
    return make_prices({name: [1.0] * 8 for name in "ABC"})


def shown(strategy, prices, entry, conditions):
    seen: list[tuple[int, bool, str, str]] = []
    decisions_at_entry(prepare("Told", strategy, "SPY", parameters={"seen": seen}), prices, entry, conditions)
    return seen


def test_a_rule_that_watches_is_asked_at_every_close_from_the_one_before_the_entry_to_the_last(eight):
    seen = shown(Watching, eight, 5, TradingConditions(hold=None, rebalance=2, shock_lead=4))
    assert seen == [
        (0, True, "2025-01-28", "2025-01-31"),
        (1, False, "2025-01-28", "2025-02-03"),
        (2, True, "2025-01-28", "2025-02-04"),
        (3, False, "2025-01-28", "2025-02-05"),
    ]


@pytest.mark.parametrize(("strategy", "asked"), [(Told, [0, 2, 4]), (Watching, [0, 1, 2, 3, 4])])
def test_nobody_is_asked_once_the_hold_is_over_and_only_those_that_watch_between_their_dates(eight, strategy, asked):
    seen = shown(strategy, eight, 2, TradingConditions(hold=5, rebalance=2))
    assert [held for held, *_ in seen] == asked


def test_a_decision_can_be_taken_at_the_last_close_of_the_prices(eight):
    last = {3: {"A": 1.0}}
    assert (
        decisions_at_entry(
            prepare("Told", Told, "SPY", parameters={"told": last}), eight, 5, TradingConditions(rebalance=3)
        )
        == last
    )


@pytest.mark.parametrize(("entry", "shock"), [(5, "2025-01-28"), (4, "2025-01-27"), (2, "2025-01-23")])
def test_the_shock_is_a_session_of_the_calendar_also_where_the_prices_begin_after_it(eight, entry, shock):
    # As Backtrader tells it; 24 and 23 January are the two sessions before the first with prices.
    assert shown(Told, eight, entry, TradingConditions(shock_lead=4))[0][2] == shock
    seen: list[tuple[int, bool, str, str]] = []
    run_backtest(Told, eight, EntrySchedule(eight.sessions[entry]), parameters={"seen": seen})
    assert seen[0][2] == shock


# --- what the draws do -------------------------------------------------------


def test_draws_have_a_row_each_at_every_decision_and_none_between():
    targets = PermutedWeights({0: {"A": 1.0}, 3: {"B": 0.5}}, ("A", "B"), SWAP, anew=False, watches=True)
    both, due = np.array([0, 1]), np.array([True, True])
    assert targets.weights.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.5], [0.5, 0.0]]
    assert targets.ask(both, 0, due).tolist() == [0, 1]
    assert targets.ask(both[1:], 3, due[1:]).tolist() == [3]
    assert targets.ask(both, 2, due).tolist() == [NOTHING, NOTHING]


def test_what_a_rule_that_watches_answers_between_its_dates_is_exchanged_too(random_prices):
    prices = random_prices(("A", "B", "C"), 60)
    told = {0: {"A": 0.5, "C": 0.3}, 3: {"B": 0.7}}
    swapped = {0: {"B": 0.5, "C": 0.3}, 3: {"A": 0.7}}
    conditions = TradingConditions(hold=9, rebalance=5, frictions=Frictions(2, 3, 0.01, lag=2))
    run = permuted_weights(
        prepare("Watching", Watching, "SPY", parameters={"told": told}), prices, 20, conditions, SWAP
    )
    for place, answers in enumerate((told, swapped)):
        launch = EntrySchedule(prices.sessions[20], conditions.hold, conditions.rebalance)
        ran = run_backtest(Watching, prices, launch, conditions.frictions, {"told": answers})
        assert run.terminal[place] == pytest.approx(ran.equity[-1], abs=0.01)


def test_draws_of_a_reading_that_never_takes_a_position_keep_their_capital(random_prices):
    targets = PermutedWeights({}, ("A", "B"), SWAP, anew=False, watches=False)
    assert targets.weights.shape == (0, 2)
    run = permuted_weights(
        prepare("Told", Told, "SPY"), random_prices(("A", "B", "C"), 60), 20, TradingConditions(frictions=FREE), SWAP
    )
    assert run.terminal.tolist() == [CAPITAL, CAPITAL]


def test_only_a_reading_that_picks_its_names_anew_has_them_drawn_anew(random_prices):
    class Picking(Told):
        rechooses = True
        symbols = tuple("ABCDEF")

    class Keeping(Picking):
        rechooses = False

    prices, told = random_prices(tuple("ABCDEF"), 60), {0: {"A": 1.0}, 5: {"A": 1.0}}
    conditions, draws = (
        TradingConditions(hold=9, rebalance=5, frictions=FREE),
        NamePermutations.of(tuple("ABCDEF"), 60, seed=6),
    )
    picking, keeping = (
        permuted_weights(
            prepare("Told", strategy, "SPY", parameters={"told": told}), prices, 20, conditions, draws
        ).turnover
        for strategy in (Picking, Keeping)
    )
    # One name is bought and sold: twice the capital; another after five sessions, in five draws of six: four times.
    assert (keeping < 2.8).all() and picking[0] < 2.8
    assert 40 <= np.count_nonzero(picking[1:] > 3.2) <= 59
