"""Sessions of the exchange against known holidays and closings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import calendar
from data.errors import RequestError


@pytest.mark.parametrize(
    ("date", "why"),
    [
        ("2025-01-09", "day of mourning for President Carter"),
        ("2025-01-20", "Martin Luther King Jr. Day"),
        ("2025-04-18", "Good Friday"),
        ("2025-06-19", "Juneteenth"),
        ("2018-12-05", "day of mourning for President Bush"),
        ("2012-10-29", "hurricane Sandy"),
        ("2001-09-11", "attacks on New York"),
        ("2025-01-25", "Saturday"),
    ],
)
def test_the_exchange_is_closed(date: str, why: str) -> None:
    assert not calendar.is_session(date), why


@pytest.mark.parametrize("date", ["2025-01-27", "2025-01-31", "2024-11-29", "2025-10-13", "2000-01-03"])
def test_the_exchange_is_open(date: str) -> None:
    assert calendar.is_session(date)


# New York Stock Exchange, sessions a year: 252 in 2019, 253 in 2020, 250 in 2023, 252 in 2024, 250 in 2025.
@pytest.mark.parametrize(
    ("year", "count"), [(2019, 252), (2020, 253), (2021, 252), (2023, 250), (2024, 252), (2025, 250)]
)
def test_sessions_a_year(year: int, count: int) -> None:
    assert len(calendar.sessions_between(f"{year}-01-01", f"{year}-12-31")) == count


def test_both_ends_of_a_span_are_included() -> None:
    week = calendar.sessions_between("2025-01-27", "2025-01-31")
    assert [f"{day:%a %d}" for day in week] == ["Mon 27", "Tue 28", "Wed 29", "Thu 30", "Fri 31"]


def test_sessions_are_naive_midnights_in_order() -> None:
    days = calendar.xnys()
    assert days.tz is None
    assert days.equals(days.normalize())
    assert days.is_monotonic_increasing
    assert days.is_unique
    np.testing.assert_array_equal(calendar.xnys_days(), days.to_numpy().astype("datetime64[D]"))


def test_the_calendar_extends_months_ahead() -> None:
    assert calendar.xnys()[-1] > pd.Timestamp.now() + pd.Timedelta(days=300)


def test_counting_sessions_across_weekend_and_closing() -> None:
    assert calendar.offset("2025-01-08", 1) == pd.Timestamp("2025-01-10")
    assert calendar.offset("2025-01-31", -4) == pd.Timestamp("2025-01-27")
    assert calendar.offset("2025-01-31", 1) == pd.Timestamp("2025-02-03")
    assert calendar.offset("2025-01-31", 0) == pd.Timestamp("2025-01-31")


def test_a_closed_day_has_the_index_of_the_next_session() -> None:
    assert (
        calendar.calendar_index("2025-01-09")
        == calendar.calendar_index("2025-01-10")
        == calendar.calendar_index("2025-01-08") + 1
    )
    assert calendar.calendar_index(calendar.FIRST) == 0


@given(st.integers(100, 6000), st.integers(-100, 100))
def test_offsets_undo_each_other(index: int, count: int) -> None:
    session = calendar.xnys()[index]
    moved = calendar.offset(session, count)
    assert calendar.offset(moved, -count) == session
    assert calendar.calendar_index(moved) - calendar.calendar_index(session) == count


def test_a_closed_day_is_rejected_with_its_neighbours() -> None:
    with pytest.raises(RequestError) as caught:
        calendar.require_session("2025-01-09")
    message = str(caught.value)
    assert message == (
        "2025-01-09 (Thursday) is not a session of the New York Stock Exchange; "
        "use 2025-01-10 (the next one) or 2025-01-08 (the one before)"
    )


@pytest.mark.parametrize("date", ["1999-12-31", "2150-01-01"])
def test_a_day_outside_the_calendar_is_rejected_with_its_limits(date: str) -> None:
    last = calendar.xnys()[-1]
    with pytest.raises(
        RequestError, match=rf"^{date} lies outside the exchange calendar \(2000-01-03 to {last:%Y-%m-%d}\); choose"
    ):
        calendar.require_session(date)


def test_the_time_of_day_is_ignored() -> None:
    assert calendar.require_session("2025-01-27 16:00") == pd.Timestamp("2025-01-27")
    assert calendar.calendar_index("2025-01-27 16:00") == calendar.calendar_index("2025-01-27")
    assert (
        calendar.sessions_before(np.datetime64("2000-01-03")) == 0
        and calendar.sessions_before(np.datetime64("2000-01-04")) == 1
    )


def test_the_ends_of_the_calendar_are_inside_it() -> None:
    first, last, count = calendar.xnys()[0], calendar.xnys()[-1], len(calendar.xnys())
    assert calendar.offset(first, count - 1) == last and calendar.offset(last, 1 - count) == first
    for session, steps, text in ((first, -1, "-1"), (last, 1, "+1")):
        with pytest.raises(RequestError) as caught:
            calendar.offset(session, steps)
        assert str(caught.value) == (
            f"the exchange calendar (2000-01-03 to {last:%Y-%m-%d}) does not reach {text} sessions from {session}; "
            "choose a date further from its ends"
        )
