"""Regimes of interest rates at known dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data import calendar
from data.histories import Histories
from data.prices import Prices
from runners.engine.base_rates.regimes import (
    FIRST,
    NEITHER,
    REGIMES,
    SECOND,
    decision_kinds,
    kinds_at_shocks,
    policy_kinds,
    trend_kinds,
)

POLICY, TREND, DECISION = REGIMES


def growing(first: str, last: str, **growth: float) -> Histories:
    """Symbols that grow by a constant factor a session; SPY, flat, unless named."""
    sessions = calendar.sessions_between(pd.Timestamp(first), pd.Timestamp(last))
    growth = growth or {"SPY": 1.0}
    close = np.column_stack([100 * factor ** np.arange(len(sessions)) for factor in growth.values()])
    return Histories(
        Prices(sessions, tuple(growth), close, close, close, close, np.ones_like(close), np.ones_like(close))
    )


def on(kinds: np.ndarray, histories: Histories, day: str) -> int:
    return int(kinds[histories.prices.row(day)])


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2015-12-15", NEITHER),  # the last change, in December 2008, is years ago
        ("2015-12-16", SECOND),  # the rise of that day is public before the close
        ("2016-12-13", SECOND),  # 250 sessions later
        ("2019-07-30", SECOND),  # the last change is the rise of December 2018
        ("2019-07-31", FIRST),
        ("2020-03-13", FIRST),
    ],
)
def test_the_last_change_of_the_policy_rate_within_a_year(day, kind):
    histories = growing("2015-12-01", "2020-04-01")
    assert on(policy_kinds(histories), histories, day) == kind


def test_a_change_counts_for_252_sessions():
    histories = growing("2020-03-02", "2021-06-30")
    cut = histories.prices.row("2020-03-16")  # decided on the Sunday before
    assert policy_kinds(histories)[cut : cut + 254].tolist() == [FIRST] * 253 + [NEITHER]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2025-01-21", SECOND),  # six sessions before the decision of 29 January
        ("2025-01-22", FIRST),
        ("2025-01-29", FIRST),
        ("2025-02-05", FIRST),
        ("2025-02-06", SECOND),
        ("2020-03-03", SECOND),  # not scheduled; the next scheduled one would have been on the 18th
    ],
)
def test_the_distance_to_a_scheduled_decision(day, kind):
    histories = growing("2020-01-02", "2025-02-28")
    assert on(decision_kinds(histories), histories, day) == kind


def test_the_trend_of_treasuries_against_bills():
    ahead, behind = (growing("2024-01-02", "2024-06-28", IEF=factor, BIL=1.0002) for factor in (1.0003, 1.0001))
    n = len(ahead.sessions)
    assert trend_kinds(ahead).tolist() == [NEITHER] * 60 + [FIRST] * (n - 60)
    assert trend_kinds(behind).tolist() == [NEITHER] * 60 + [SECOND] * (n - 60)
    assert (trend_kinds(growing("2024-01-02", "2024-06-28", IEF=1.0)) == NEITHER).all()


def test_rates_are_those_before_the_entry_and_the_distance_is_that_of_the_entry():
    # The shock of 27 January 2025 is entered on the 31st: decisions are known to the close of the 30th.
    histories = growing("2024-01-02", "2025-03-31", IEF=1.0003, BIL=1.0002)
    lead = 4
    at = {regime.name: kinds_at_shocks(regime, histories, lead) for regime in REGIMES}
    assert on(at["policy"], histories, "2025-01-27") == on(policy_kinds(histories), histories, "2025-01-30") == FIRST
    assert on(at["trend"], histories, "2025-01-27") == FIRST
    # Of shocks in January, that of the 15th is the first whose entry, on the 22nd, is near the decision.
    near = [
        day for day in ("2025-01-14", "2025-01-15", "2025-01-30", "2025-01-31") if on(at["decision"], histories, day)
    ]
    assert near == ["2025-01-15", "2025-01-30"]
    # A rise or cut after the close before the entry is not known: the cut of 18 September 2024.
    assert on(at["policy"], histories, "2024-09-12") == NEITHER and on(at["policy"], histories, "2024-09-13") == FIRST
    # Entries beyond the prices have no kind.
    assert at["policy"][-3:].tolist() == [NEITHER] * 3 and at["decision"][-4:].tolist() == [NEITHER] * 4
