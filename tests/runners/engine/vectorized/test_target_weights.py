"""A rule is evaluated once for all scenarios with equal inputs, and its weights are checked once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import calendar
from data.errors import StrategyError
from data.prices import Prices
from runners.engine.vectorized.target_weights import (
    NOTHING,
    MemoizedRule,
    MemoizedWeights,
    WatchedPast,
    WeightRows,
    group_positions,
)
from strategies.base import Past, Reading, Weights
from strategies.nvda_comeback import NvdaComeback

LONGEST = 5  # sessions of a scenario
SHOCKS = np.array(["2025-01-27", "2025-01-28", "2025-01-29"], dtype="datetime64[D]")


class Logged(Reading):
    """Logs its evaluations; the facts that it reads are a parameter."""

    params = (("reads", ()), ("share", 0.5), ("log", None))
    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        facts = tuple(getattr(past, fact) for fact in self.p.reads)
        if self.p.log is not None:
            self.p.log.append((past.session.day, *facts))
        return {"A": self.p.share}


@pytest.fixture
def prices(make_prices):
    return make_prices({"A": [10.0] * 6, "LATE": [np.nan] * 3 + [5.0] * 3})


def weight_rows(prices, rule: Reading, sessions, held, scheduled, shocks=SHOCKS):
    memoized = MemoizedRule(rule, WeightRows(prices), LONGEST)
    return memoized.weight_rows(np.array(sessions), held, np.array(scheduled), shocks).tolist()


@pytest.mark.parametrize(
    ("reads", "scheduled", "unscheduled", "later"),
    [
        ((), [(27,), (28,)], [], []),
        (("scheduled",), [(27, True), (28, True)], [(27, False), (28, False)], []),
        (("held",), [(27, 0), (28, 0)], [(27, 0), (28, 0)], [(27, 1), (27, 1), (28, 1)]),
    ],
)
def test_a_rule_is_evaluated_again_only_for_facts_that_it_reads(prices, reads, scheduled, unscheduled, later):
    # Two scenarios at the close of the 27th and one at that of the 28th; all scheduled, then all unscheduled.
    log: list = []
    rule = MemoizedRule(Logged.rule(reads=reads, log=log), WeightRows(prices), LONGEST)
    for expected, flag in ((scheduled, True), (unscheduled, False), ([], True), ([], False)):
        first, second, third = rule.weight_rows(np.array([0, 0, 1]), 0, np.full(3, flag), SHOCKS[[0, 0, 0]]).tolist()
        assert first == second != third
        assert log == expected
        log.clear()
    # Other scenarios at the same closes, held for one more session, each with its own shock.
    rule.weight_rows(np.array([0, 0, 1]), 1, np.full(3, True), SHOCKS)
    assert log == later


def test_scenarios_with_different_shocks_are_distinguished(prices):
    log: list = []
    first = weight_rows(prices, Logged.rule(reads=("shock",), log=log), [2, 2, 2], 1, [True] * 3, SHOCKS[[0, 1, 0]])
    assert first[0] == first[2] != first[1]
    assert sorted(log) == [(29, SHOCKS[0]), (29, SHOCKS[1])]


def test_sessions_and_schedules_are_distinguished(prices):
    log: list = []
    first, second, third = weight_rows(
        prices, Logged.rule(reads=("scheduled",), log=log), [0, 2, 2], 0, [True, False, False]
    )
    assert first != second == third != NOTHING and sorted(log) == [(27, True), (29, False)]
    log.clear()
    assert weight_rows(prices, Logged.rule(log=log), [3, 3], 0, [True, True]) == [0, 0] and log == [(30,)]


def test_every_scenario_sees_its_own_facts(prices):
    log: list = []
    weight_rows(prices, Logged.rule(reads=("shock", "scheduled", "held"), log=log), [1, 1], 4, [True, True])
    assert log == [(28, SHOCKS[0], True, 4), (28, SHOCKS[1], True, 4)]


def test_refused_weights_name_the_rule(prices):
    with pytest.raises(
        StrategyError, match=r"^Logged at 2025-01-28: gross exposure 1\.500000 of the targets exceeds 1"
    ):
        weight_rows(prices, Logged.rule(share=1.5), [1], 0, [True])


def test_sessions_held_are_distinguished_at_one_close(prices):
    log: list = []
    rule = MemoizedRule(Logged.rule(reads=("held",), log=log), WeightRows(prices), LONGEST)
    for held in (0, 2, 0):
        rule.weight_rows(np.array([3]), held, np.array([True]), SHOCKS[:1])
    assert log == [(30, 0), (30, 2)]


def test_positions_are_left_alone_where_the_rule_says_so(prices):
    class Waits(Logged):
        def weights(self, past: Past) -> Weights:
            return super().weights(past) if past.session.day > 27 else None

    assert weight_rows(prices, Waits.rule(), [1, 0, 1], 0, [True] * 3) == [0, NOTHING, 0]


def test_a_course_is_evaluated_once_an_entry(prices):
    log = []

    class Whole(Logged):
        def course(self, past: Past):
            log.append((past.session.day, past.held, past.shock))
            return {0: {"A": 0.25}, 2: {"A": -0.25}}

    table = WeightRows(prices)
    rule = MemoizedRule(Whole.rule(), table, LONGEST)
    assert rule.has_course and not MemoizedRule(Logged.rule(), table, LONGEST).has_course
    by_held = [
        rule.weight_rows(np.array([1 + held, 2 + held]), held, np.array([True, True]), SHOCKS[:2]) for held in (0, 1, 2)
    ]
    # The last of six sessions is 3 February: the first scenario has held four sessions by then.
    assert log == [(3, 4, SHOCKS[0]), (3, 3, SHOCKS[1])]
    assert [rows.tolist() for rows in by_held] == [[0, 2], [NOTHING, NOTHING], [1, 3]]
    assert table.matrix.tolist() == [[0.25, 0], [-0.25, 0]] * 2
    rule.weight_rows(np.array([1]), 0, np.array([True]), SHOCKS[1:2])
    assert len(log) == 3, "the same entry after another shock is another scenario"


def test_a_rule_that_looks_at_no_price_leaves_positions_alone_at_every_entry(prices):
    asked = []

    class Turn(Reading):
        params = (("peeks", False),)

        def weights(self, past):
            asked.append(past.held)
            if self.p.peeks and past.close("A")[-1] > 1e6:
                return {}
            return None if past.held != 2 and not past.scheduled else {"A": 0.5 if past.held < 2 else -0.5}

    for peeks, count in ((False, 1), (True, 4)):
        table = WeightRows(prices)
        rule, sessions = MemoizedRule(Turn.rule(peeks=peeks), table, LONGEST), np.arange(1, 5)
        asked.clear()
        for _ in range(2):
            assert rule.weight_rows(sessions, 1, np.zeros(4, dtype=bool), SHOCKS[[0] * 4]).tolist() == [NOTHING] * 4
            assert len(asked) == count, "once for all entries, or once for each if it looked at prices"
        # The same closes after as many sessions as the turn, and scheduled ones.
        turned = rule.weight_rows(sessions, 2, np.array([False, True, False, True]), SHOCKS[[0] * 4])
        assert table.matrix[turned, 0].tolist() == [-0.5] * 4
        mixed = rule.weight_rows(sessions, 1, np.array([True, False, False, True]), SHOCKS[[0] * 4])
        assert mixed[[1, 2]].tolist() == [NOTHING] * 2 and table.matrix[mixed[[0, 3]], 0].tolist() == [0.5] * 2


def test_rows_keep_their_order(prices):
    table = WeightRows(prices)
    assert [table.add({"A": number / 100}, "Rule", 0) for number in range(40)] == list(range(40))
    assert table.matrix.tolist() == [[number / 100, 0.0] for number in range(40)]


@pytest.mark.parametrize(
    ("weights", "row", "message"),
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
def test_weights_that_cannot_be_held_are_refused(prices, weights, row, message):
    day = prices.days[row]
    with pytest.raises(StrategyError) as error:
        WeightRows(prices).add(weights, "Rule", row)
    assert str(error.value) == f"Rule at {day}: {message}"


@pytest.mark.parametrize(
    ("weights", "row"),
    [({"LATE": 0.0, "A": 1.0}, 2), ({"LATE": 1.0}, 3), ({"A": -0.5, "LATE": 0.5 + 5e-10}, 4), ({}, 0)],
)
def test_weights_at_the_bounds_are_accepted(prices, weights, row):
    table = WeightRows(prices)
    table.add(weights, "Rule", row)
    assert table.matrix.tolist() == [[weights.get("A", 0.0), weights.get("LATE", 0.0)]]


def test_a_watched_past_records_what_is_read(prices):
    read: set[str] = set()
    past = WatchedPast(prices, 4, {"held": 3, "scheduled": True, "shock": SHOCKS[0]}, read)
    assert past.left_out == {} and read == set()
    assert past.close("A").tolist() == [10.0] * 5 and past.tradable(("A", "LATE"), 3) == ("A",)
    assert read == {"prices"} and list(past.left_out) == ["LATE"]
    earlier = past.back(2)
    assert (earlier.held, earlier.session, read) == (1, prices.sessions[2], {"prices", "held"})
    assert (earlier.scheduled, earlier.shock) == (True, SHOCKS[0]) and read == {"prices", "held", "scheduled", "shock"}
    assert earlier.left_out is past.left_out and past.held == 3


def test_scenarios_follow_the_rules_of_their_own_settings(prices):
    table = WeightRows(prices)

    class Watching(Logged):
        watches = True

    rules = {
        0: MemoizedRule(Logged.rule(share=0.1), table, LONGEST),
        2: MemoizedRule(Watching.rule(share=0.2), table, LONGEST),
    }
    settings, start = np.array([2, 0, 2, 0]), np.array([0, 0, 1, 1])
    targets = MemoizedWeights(rules, table, settings, start, SHOCKS[[0, 0, 1, 1]])
    assert targets.watches and not MemoizedWeights(rules, table, settings[1:2], start[1:2], SHOCKS[:1]).watches
    rows = targets.weight_rows(np.array([0, 1, 3]), 1, np.array([True, True, True]))
    assert targets.weights[rows, 0].tolist() == [0.2, 0.1, 0.1]
    single = MemoizedWeights(rules, table, settings[::2], start[::2], SHOCKS[:2])
    rows = single.weight_rows(np.array([0, 1]), 1, np.array([True, True]))
    assert single.weights[rows, 0].tolist() == [0.2, 0.2]


def test_group_positions():
    groups = group_positions(np.array([7, 3, 7, 7, 5]))
    assert [(value, indices.tolist()) for value, indices in groups] == [(3, [1]), (5, [4]), (7, [0, 2, 3])]


def prices_of(symbol: str, close: np.ndarray) -> Prices:
    column, flat = close[:, None], np.ones((len(close), 1))
    place = calendar.calendar_index("2025-01-27")
    return Prices(calendar.xnys()[place : place + len(close)], (symbol,), *[column] * 4, volume=flat, factor=flat)


def decided(table: WeightRows, row: int) -> list[float] | None:
    return None if row == NOTHING else table.matrix[row].tolist()


@given(st.lists(st.floats(-0.1, 0.1), min_size=40, max_size=40), st.lists(st.integers(5, 30), min_size=1, max_size=6))
def test_a_course_equals_decisions_close_by_close(moves, starts):
    longest, prices = 9, prices_of("NVDA", 100 * np.exp(np.cumsum(moves)))
    rule, table = NvdaComeback.rule(), WeightRows(prices)
    memoized, entered = MemoizedRule(rule, table, longest), np.array(starts)
    shocks = prices.days[entered + 1 - 4]
    for held in range(longest + 1):
        rows = memoized.weight_rows(entered + held, held, np.full(len(starts), held == 0), shocks)
        for row, session, shock in zip(rows.tolist(), (entered + held).tolist(), shocks, strict=True):
            plain = rule.decide(Past(prices, session, held=held, scheduled=held == 0, shock=str(shock)))
            assert decided(table, row) == (None if plain is None else [plain.get("NVDA", 0.0)])


@given(st.floats(-1, 1), st.lists(st.integers(0, 5), min_size=1, max_size=6))
def test_constant_weights_equal_decisions_close_by_close(share, sessions):
    prices = prices_of("A", np.full(6, 10.0))
    rule, table = Logged.rule(share=share), WeightRows(prices)
    memoized = MemoizedRule(rule, table, LONGEST)
    for held, scheduled in ((0, True), (3, False), (LONGEST, True)):
        flags, shocks = np.full(len(sessions), scheduled), np.repeat(SHOCKS[:1], len(sessions))
        rows = memoized.weight_rows(np.array(sessions), held, flags, shocks)
        for row, session in zip(rows.tolist(), sessions, strict=True):
            plain = rule.decide(Past(prices, session, held=held, scheduled=scheduled, shock=str(SHOCKS[0])))
            assert decided(table, row) == [plain["A"]]
