"""A rule is asked once for all launches that look alike to it, and what it answers is checked once."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import StrategyError
from runners.engine.vectorized.target_weights import (
    NOTHING,
    MemoizedRule,
    MemoizedWeights,
    WatchedPast,
    WeightRows,
    group_positions,
)
from strategies.base import Past, Reading, Weights

SHOCKS = np.array(["2025-01-27", "2025-01-28", "2025-01-29"], dtype="datetime64[D]")


class Asked(Reading):
    """Notes when it is asked; what it looks at is a parameter."""

    params = (("looks", ()), ("share", 0.5), ("log", None))
    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        looked = tuple(getattr(past, fact) for fact in self.p.looks)
        if self.p.log is not None:
            self.p.log.append((past.session.day, *looked))
        return {"A": self.p.share}


@pytest.fixture
def prices(make_prices):
    return make_prices({"A": [10.0] * 6, "LATE": [np.nan] * 3 + [5.0] * 3})


def ask(prices, rule: Reading, rows, held, scheduled, shocks=SHOCKS):
    asked = MemoizedRule(rule, WeightRows(prices))
    return asked, lambda: asked.ask(np.array(rows), held, np.array(scheduled), shocks).tolist()


@pytest.mark.parametrize(
    ("looks", "scheduled", "beside", "later"),
    [
        ((), [(27,), (28,)], [], []),
        (("scheduled",), [(27, True), (28, True)], [(27, False), (28, False)], []),
        (("held",), [(27, 0), (28, 0)], [(27, 0), (28, 0)], [(27, 1), (27, 1), (28, 1)]),
    ],
)
def test_it_is_asked_again_only_for_what_it_looked_at(prices, looks, scheduled, beside, later):
    # Two launches at the close of the 27th and one at that of the 28th, all by schedule, then all beside it.
    told: list = []
    rule = MemoizedRule(Asked.rule(looks=looks, log=told), WeightRows(prices))
    for expected, flag in ((scheduled, True), (beside, False), ([], True), ([], False)):
        first, second, third = rule.ask(np.array([0, 0, 1]), 0, np.full(3, flag), SHOCKS[[0, 0, 0]]).tolist()
        assert first == second != third
        assert told == expected
        told.clear()
    # Other launches at the same closes, a session longer held, each after a shock of its own.
    rule.ask(np.array([0, 0, 1]), 1, np.full(3, True), SHOCKS)
    assert told == later


def test_launches_with_other_shocks_are_told_apart(prices):
    told: list = []
    _, asking = ask(prices, Asked.rule(looks=("shock",), log=told), [2, 2, 2], 1, [True] * 3, SHOCKS[[0, 1, 0]])
    first = asking()
    assert first[0] == first[2] != first[1]
    assert sorted(told) == [(29, SHOCKS[0]), (29, SHOCKS[1])]


def test_closes_and_schedules_are_told_apart(prices):
    told: list = []
    _, asking = ask(prices, Asked.rule(looks=("scheduled",), log=told), [0, 2, 2], 0, [True, False, False])
    first, second, third = asking()
    assert first != second == third != NOTHING and sorted(told) == [(27, True), (29, False)]
    told.clear()
    _, asking = ask(prices, Asked.rule(log=told), [3, 3], 0, [True, True])
    assert asking() == [0, 0] and told == [(30,)]


def test_every_launch_is_told_its_own_facts(prices):
    told: list = []
    _, asking = ask(prices, Asked.rule(looks=("shock", "scheduled", "held"), log=told), [1, 1], 4, [True, True])
    asking()
    assert told == [(28, SHOCKS[0], True, 4), (28, SHOCKS[1], True, 4)]


def test_a_rule_whose_answer_is_refused_is_named(prices):
    _, asking = ask(prices, Asked.rule(share=1.5), [1], 0, [True])
    with pytest.raises(StrategyError, match=r"^Asked at 2025-01-28: gross exposure 1\.500000 of the targets exceeds 1"):
        asking()


def test_sessions_held_are_told_apart_at_one_close(prices):
    told: list = []
    rule = MemoizedRule(Asked.rule(looks=("held",), log=told), WeightRows(prices))
    for held in (0, 2, 0):
        rule.ask(np.array([3]), held, np.array([True]), SHOCKS[:1])
    assert told == [(30, 0), (30, 2)]


def test_positions_are_left_alone_where_the_rule_says_so(prices):
    class Waits(Asked):
        def weights(self, past: Past) -> Weights:
            return super().weights(past) if past.session.day > 27 else None

    _, asking = ask(prices, Waits.rule(), [1, 0, 1], 0, [True] * 3)
    assert asking() == [0, NOTHING, 0]


def test_a_course_is_asked_once_a_launch(prices):
    told = []

    class Whole(Asked):
        def course(self, past: Past):
            told.append((past.session.day, past.held, past.shock))
            return {0: {"A": 0.25}, 2: {"A": -0.25}}

    vectors = WeightRows(prices)
    rule = MemoizedRule(Whole.rule(), vectors)
    assert rule.has_course and not MemoizedRule(Asked.rule(), vectors).has_course
    first = [rule.ask(np.array([1 + held, 2 + held]), held, np.array([True, True]), SHOCKS[:2]) for held in (0, 1, 2)]
    # The last of six sessions is 3 February: five sessions after the 27th, of which the first launch has held four.
    assert told == [(3, 4, SHOCKS[0]), (3, 3, SHOCKS[1])]
    assert [answers.tolist() for answers in first] == [[0, 2], [NOTHING, NOTHING], [1, 3]]
    assert vectors.matrix.tolist() == [[0.25, 0], [-0.25, 0]] * 2
    rule.ask(np.array([1]), 0, np.array([True]), SHOCKS[1:2])
    assert len(told) == 3, "the same entry after another shock is another launch"


def test_many_answers_are_kept_in_their_order(prices):
    vectors = WeightRows(prices)
    assert [vectors.add({"A": number / 100}, "Rule", 0) for number in range(40)] == list(range(40))
    assert vectors.matrix.tolist() == [[number / 100, 0.0] for number in range(40)]


@pytest.mark.parametrize(
    ("weights", "row", "told"),
    [
        ({"A": 0.5, "B": 0.5}, 4, "weight for 'B', which has no prices; list it in `symbols`"),
        ({"A": np.inf}, 4, "weight of A is inf; give a finite fraction of equity"),
        ({"A": np.nan}, 4, "weight of A is nan; give a finite fraction of equity"),
        ({"LATE": 0.5}, 2, "weight for LATE, which has no price yet; ask past.tradable first"),
        ({"A": 0.5, "LATE": -0.500001}, 4, "gross exposure 1.000001 of the targets exceeds 1; scale them down"),
        (
            [0.5],
            4,
            "weights(past) returned [0.5]; return a dict of symbol: fraction of equity, or None to keep positions",
        ),
        ({"A": "x"}, 4, "weights(past) returned 'A': 'x'; return symbols with fractions of equity, as in {'SPY': 0.5}"),
    ],
)
def test_an_answer_that_cannot_be_held_is_refused(prices, weights, row, told):
    day = prices.days[row]
    with pytest.raises(StrategyError) as error:
        WeightRows(prices).add(weights, "Rule", row)
    assert str(error.value) == f"Rule at {day}: {told}"


@pytest.mark.parametrize(
    ("weights", "row"),
    [({"LATE": 0.0, "A": 1.0}, 2), ({"LATE": 1.0}, 3), ({"A": -0.5, "LATE": 0.5 + 5e-10}, 4), ({}, 0)],
)
def test_the_bounds_of_what_can_be_held(prices, weights, row):
    vectors = WeightRows(prices)
    vectors.add(weights, "Rule", row)
    assert vectors.matrix.tolist() == [[weights.get("A", 0.0), weights.get("LATE", 0.0)]]


def test_a_watched_past_notes_what_was_looked_at_and_reaches_back(prices):
    looked: set[str] = set()
    past = WatchedPast(prices, 4, {"held": 3, "scheduled": True, "shock": SHOCKS[0]}, looked)
    assert past.close("A").tolist() == [10.0] * 5 and past.tradable(("A", "LATE"), 3) == ("A",)
    assert looked == set() and list(past.left_out) == ["LATE"]
    earlier = past.back(2)
    assert (earlier.held, earlier.session, looked) == (1, prices.sessions[2], {"held"})
    assert (earlier.scheduled, earlier.shock) == (True, SHOCKS[0]) and looked == {"held", "scheduled", "shock"}
    assert earlier.left_out is past.left_out and past.held == 3


def test_scenarios_follow_the_rules_of_their_own_settings(prices):
    vectors = WeightRows(prices)

    class Watching(Asked):
        watches = True

    rules = {0: MemoizedRule(Asked.rule(share=0.1), vectors), 2: MemoizedRule(Watching.rule(share=0.2), vectors)}
    settings, start = np.array([2, 0, 2, 0]), np.array([0, 0, 1, 1])
    answers = MemoizedWeights(rules, vectors, settings, start, SHOCKS[[0, 0, 1, 1]])
    assert answers.watches and not MemoizedWeights(rules, vectors, settings[1:2], start[1:2], SHOCKS[:1]).watches
    told = answers.ask(np.array([0, 1, 3]), 1, np.array([True, True, True]))
    assert answers.weights[told, 0].tolist() == [0.2, 0.1, 0.1]
    alone = MemoizedWeights(rules, vectors, settings[::2], start[::2], SHOCKS[:2])
    told = alone.ask(np.array([0, 1]), 1, np.array([True, True]))
    assert alone.weights[told, 0].tolist() == [0.2, 0.2]


def test_values_come_with_the_places_at_which_they_stand():
    told = group_positions(np.array([7, 3, 7, 7, 5]))
    assert [(value, places.tolist()) for value, places in told] == [(3, [1]), (5, [4]), (7, [0, 2, 3])]
