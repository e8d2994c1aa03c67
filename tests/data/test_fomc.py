"""FOMC decisions and policy ranges against the statements of the Federal Reserve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data import calendar, fomc


def decision(date: str) -> fomc.FomcDecision:
    return next(one for one in fomc.fomc_decisions() if one.date == np.datetime64(date))


def bounds(*dates: str) -> list[tuple[float, float]]:
    """The policy range on `dates`, in percent a year."""
    lower, upper = fomc.policy_range(pd.DatetimeIndex(dates))
    return [(round(100 * low, 4), round(100 * high, 4)) for low, high in zip(lower, upper, strict=True)]


# From the statements of the Federal Reserve.
@pytest.mark.parametrize(
    ("date", "change", "scheduled"),
    [
        ("2025-01-29", 0, True),
        ("2024-12-18", -25, True),
        ("2024-09-18", -50, True),
        ("2022-06-15", 75, True),
        ("2022-03-16", 25, True),
        ("2020-03-03", -50, False),
        ("2020-03-15", -100, False),
    ],
)
def test_decisions_match_the_statements_of_the_federal_reserve(date: str, change: float, scheduled: bool) -> None:
    assert decision(date) == fomc.FomcDecision(np.datetime64(date), scheduled, change)


def test_a_future_meeting_has_no_outcome() -> None:
    assert decision("2026-12-09") == fomc.FomcDecision(np.datetime64("2026-12-09"), True, None)


def test_decisions_are_in_order_and_eight_are_scheduled_a_year() -> None:
    dates = [one.date for one in fomc.fomc_decisions()]
    assert dates == sorted(set(dates))
    # The meeting of March 2020 was replaced by the unscheduled one of 15 March.
    years = {2020: 7, 2021: 8, 2022: 8, 2023: 8, 2024: 8, 2025: 8, 2026: 8}
    scheduled = [one.date.astype(object).year for one in fomc.fomc_decisions() if one.scheduled]
    assert {year: scheduled.count(year) for year in years} == years


def test_scheduled_decisions_come_with_their_calendar_indices() -> None:
    indices, decisions = fomc.scheduled_decisions()
    assert all(one.scheduled for one in decisions)
    assert len(indices) == len(decisions)
    january = [one.date for one in decisions].index(np.datetime64("2025-01-29"))
    assert calendar.xnys()[indices[january]] == pd.Timestamp("2025-01-29")


def test_scheduled_decisions_fall_on_sessions() -> None:
    assert all(calendar.is_session(pd.Timestamp(one.date)) for one in fomc.fomc_decisions() if one.scheduled)


def test_the_range_in_the_week_of_the_shock() -> None:
    assert bounds("2025-01-27", "2025-01-31") == [(4.25, 4.50), (4.25, 4.50)]


def test_a_change_takes_effect_on_its_effective_date() -> None:
    assert bounds("2024-09-18", "2024-09-19") == [(5.25, 5.50), (4.75, 5.00)]


def test_the_range_before_the_first_and_after_the_last_known_decision() -> None:
    assert bounds("2019-01-02", "2019-05-16", "2026-12-31") == [(2.25, 2.50), (2.25, 2.50), (3.50, 3.75)]


def test_the_range_at_zero_and_at_its_peak() -> None:
    assert bounds("2020-03-16", "2022-03-16", "2023-08-01") == [(0.0, 0.25), (0.0, 0.25), (5.25, 5.50)]


@pytest.mark.parametrize(
    ("first", "last", "width"), [("2000-02-01", "2008-12-15", 0.0), ("2008-12-17", "2026-08-31", 0.0025)]
)
def test_changes_add_up_from_the_first_range_to_the_last(first: str, last: str, width: float) -> None:
    """Until December 2008 the target was one rate, given as both bounds."""
    lower, upper = fomc.policy_range(calendar.sessions_between(first, last))
    inside = [one for one in fomc.fomc_decisions() if first < str(one.date) <= last]
    moved = sum(one.change_bps for one in inside if one.change_bps is not None)
    assert 10_000 * (lower[-1] - lower[0]) == pytest.approx(moved)
    np.testing.assert_allclose(upper - lower, width, atol=1e-12)


def test_the_first_unknown_decision_is_the_first_without_an_outcome() -> None:
    ahead = [one.date for one in fomc.fomc_decisions() if one.change_bps is None]
    assert fomc.first_unknown_decision() == min(ahead)
    assert all(one.change_bps is not None for one in fomc.fomc_decisions() if one.date < fomc.first_unknown_decision())


def test_without_future_meetings_the_first_unknown_day_follows_the_last_decision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    days = ("2024-11-07", "2024-12-18", "2025-01-29")
    past = tuple(fomc.FomcDecision(np.datetime64(day), True, 0.0) for day in days)
    monkeypatch.setattr(fomc, "fomc_decisions", lambda: past)
    assert fomc.first_unknown_decision() == np.datetime64("2025-01-30")
    ahead = tuple(fomc.FomcDecision(np.datetime64(day), True, None) for day in ("2025-03-19", "2025-05-07"))
    monkeypatch.setattr(fomc, "fomc_decisions", lambda: past + ahead)
    assert fomc.first_unknown_decision() == np.datetime64("2025-03-19")
