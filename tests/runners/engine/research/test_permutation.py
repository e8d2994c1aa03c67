"""The permutation test: the identity gives the reading itself, and a permutation that of a script with those stocks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import strategies
from data import load_prices
from data.events.catalog import load_event
from data.universe import AI_UNIVERSE
from reports.statistics.availability import Unavailable
from reports.statistics.placebo import placebo_ranks
from runners.engine import strategy_set
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.research.permutation import (
    FACTORS,
    StockPermutations,
    decisions_at_entry,
    permute_weights,
    permuted_statistics,
    tradable_stocks,
)
from runners.engine.study import prepare
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base import Past, Reading, Weights

CHOOSING = [name for name in strategies.names() if strategies.load(name).chooses]
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


def test_the_readings_that_choose_stocks():
    assert set(CHOOSING) == {
        *("gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"),
        *("named_partners", "antitrust_yields"),
    }


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


# --- the statistics ---------------------------------------------------------------


def plain_statistics(prices, entry, decisions, sessions):
    """The studentised statistic and the raw log return of weights by sessions held, by plain numpy on closes."""
    symbols = sorted({symbol for weights in decisions.values() for symbol in weights})
    rows = slice(entry - 1, entry + sessions)
    closes = {symbol: prices.close[rows, prices.columns[symbol]] for symbol in (*symbols, *FACTORS)}
    returns = {symbol: close[1:] / close[:-1] - 1 for symbol, close in closes.items()}
    design = np.column_stack([np.ones(sessions), *(returns[fund] for fund in FACTORS)])
    kept, residuals = {}, []
    for symbol in symbols:
        intercept, *betas = np.linalg.solve(design.T @ design, design.T @ returns[symbol])
        kept[symbol] = returns[symbol] - design[:, 1:] @ betas
        residuals.append(kept[symbol] - intercept)
    covariance = sum(np.outer(day, day) for day in np.array(residuals).T) / (sessions - 1)
    studentised = raw = variance = 0.0
    starts = sorted(decisions)
    for start, stop in zip(starts, [*starts[1:], sessions], strict=True):
        weights = np.array([decisions[start].get(symbol, 0.0) for symbol in symbols])
        for own in (True, False):
            source = kept if own else returns
            gain = np.log(
                1 + sum(w * (np.prod(1 + source[s][start:stop]) - 1) for w, s in zip(weights, symbols, strict=True))
            )
            studentised, raw = studentised + own * gain, raw + (not own) * gain
        variance += (stop - start) * weights @ covariance @ weights
    return studentised / np.sqrt(variance), raw


@pytest.fixture
def market(random_prices):
    """Three stocks, and the funds whose exposures are taken out."""
    return random_prices(("A", "B", "C", *FACTORS), 60)


def statistics(strategy, script, prices, conditions, permutations=SWAP):
    study = prepare("Scripted", strategy, "SPY", parameters={"script": script})
    return permuted_statistics(study, prices, 20, conditions, permutations)


def test_each_permutation_has_the_statistics_of_a_script_with_those_stocks(market):
    """Decisions at the entry, on schedule and between; C is outside the universe and stays."""
    script = {0: {"A": 0.5, "C": 0.3}, 3: {"B": 0.7}, 5: {"A": -0.4, "B": 0.2}}
    swapped = {0: {"B": 0.5, "C": 0.3}, 3: {"A": 0.7}, 5: {"B": -0.4, "A": 0.2}}
    found = statistics(Watching, script, market, TradingConditions(hold=12, rebalance=5))
    for row, decisions in enumerate((script, swapped)):
        studentised, raw = plain_statistics(market, 20, decisions, 12)
        assert found.studentised[row] == pytest.approx(studentised, rel=1e-9)
        assert found.raw[row] == pytest.approx(raw, rel=1e-9)


def test_before_its_first_decision_a_reading_holds_nothing(market):
    found = statistics(Watching, {3: {"A": 0.5}}, market, TradingConditions(hold=12, rebalance=5))
    assert found.studentised[0] == pytest.approx(plain_statistics(market, 20, {0: {}, 3: {"A": 0.5}}, 12)[0], rel=1e-9)


@pytest.mark.parametrize(("hold", "sessions"), [(None, 40), (39, 39), (40, 40), (90, 40)])
def test_the_statistic_ends_with_the_hold_or_with_the_prices(market, hold, sessions):
    found = statistics(Scripted, {0: {"A": 0.5, "B": -0.5}}, market, TradingConditions(hold=hold, rebalance=20))
    assert found.raw[0] == pytest.approx(plain_statistics(market, 20, {0: {"A": 0.5, "B": -0.5}}, sessions)[1])


def test_without_a_position_there_is_no_statistic(market):
    for script in ({}, {0: {}}, {0: {"A": 0.0}}, {10: {"A": 1.0}}):
        with pytest.raises(Unavailable, match="the reading never takes a position"):
            statistics(Watching, script, market, TradingConditions(hold=10))


def test_a_hold_too_short_for_the_regression_is_unavailable(market):
    with pytest.raises(Unavailable, match="the regression on 3 factors needs more than 4 sessions"):
        statistics(Scripted, {0: {"A": 1.0}}, market, TradingConditions(hold=4))


def test_fresh_permutations_are_for_readings_that_rechoose_their_stocks(random_prices):
    class Picking(Scripted):
        rechooses = True
        symbols = tuple("ABCDEF")

    class Keeping(Picking):
        rechooses = False

    prices, script = random_prices((*"ABCDEF", *FACTORS), 60), {0: {"A": 1.0}, 5: {"A": 1.0}}
    conditions = TradingConditions(hold=10, rebalance=5)
    permutations = StockPermutations.of(tuple("ABCDEF"), 600, seed=6)
    picking, keeping = (
        statistics(strategy, script, prices, conditions, permutations).raw.round(9) for strategy in (Picking, Keeping)
    )
    assert len(set(keeping)) == 6, "one stock throughout"
    assert len(set(picking)) == 36, "any two, one after the other"
    assert picking[0] == keeping[0]


# --- on real prices ---------------------------------------------------------------

CONDITIONS = TradingConditions(hold=252, rebalance=20)  # the declared ones


def test_golden_statistic_and_p_of_another_event(market_data):
    event = load_event("tariffs")
    study = strategy_set.load_study(event, "services_over_goods", "SPY")
    prices = load_prices((*event.universe, *study.symbols, *FACTORS), source=str(market_data))
    entry = prices.row("2025-04-03")
    universe = tradable_stocks(study.chooses, prices, entry - 1)
    found = permuted_statistics(study, prices, entry, CONDITIONS, StockPermutations.of(universe, 5000, 20250131))
    assert found.studentised[0] == pytest.approx(-0.3683, abs=5e-5)
    # From 5,000 permutations of other code: p .344, so that both have a standard error of .0067.
    (rank,) = placebo_ranks(found.studentised[:, None])
    assert rank.p_lower == pytest.approx(0.344, abs=3 * np.sqrt(2 * 0.344 * 0.656 / 5000))
