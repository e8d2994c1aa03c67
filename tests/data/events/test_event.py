"""The entry date of an event and the checks of its fields."""

from __future__ import annotations

import pandas as pd
import pytest

from data.errors import RequestError
from data.events.event import Event
from tests.resources.events import DEEPSEEK

SHOCK = pd.Timestamp("2025-01-27")


def entry(moment: str, zone: str = "America/New_York") -> str:
    event = Event("trial", "Trial", pd.Timestamp("2025-01-02"), pd.Timestamp(moment, tz=zone))
    return f"{event.entry:%Y-%m-%d}"


def test_the_essay_appeared_in_seoul_before_the_open_in_new_york() -> None:
    assert pd.Timestamp("2025-01-31 17:16", tz="Asia/Seoul") == DEEPSEEK.published
    assert pd.Timestamp("2025-01-31") == DEEPSEEK.entry
    assert pd.Timestamp("2025-01-27") == DEEPSEEK.shock


@pytest.mark.parametrize(
    ("moment", "first"),
    [
        ("2025-01-31 09:29:59", "2025-01-31"),  # the last second before the open
        ("2025-01-31 09:30", "2025-02-03"),  # too late for this open; Monday is next
        ("2025-01-31 23:59", "2025-02-03"),
        ("2025-02-01 12:00", "2025-02-03"),  # a Saturday
        ("2025-01-08 16:00", "2025-01-10"),  # closed on the 9th, a day of mourning
        ("2025-01-09 08:00", "2025-01-10"),  # on the day of mourning
        ("2025-01-20 00:00", "2025-01-21"),  # a holiday
    ],
)
def test_the_entry_is_the_first_open_after_publication(moment: str, first: str) -> None:
    assert entry(moment) == first


def test_the_entry_does_not_depend_on_the_time_zone_of_the_publication_date() -> None:
    # 14:29 and 14:30 in London are 09:29 and 09:30 in New York.
    assert entry("2025-01-31 14:29", "Europe/London") == "2025-01-31"
    assert entry("2025-01-31 14:30", "Europe/London") == "2025-02-03"
    # 23:29 on Friday in Seoul is 09:29 in New York, before the open; midnight is 10:00, after it.
    assert entry("2025-01-31 23:29", "Asia/Seoul") == "2025-01-31"
    assert entry("2025-02-01 00:00", "Asia/Seoul") == "2025-02-03"


def test_daylight_saving_time_moves_the_open_in_utc() -> None:
    assert entry("2025-07-01 13:29", "UTC") == "2025-07-01"
    assert entry("2025-07-01 13:30", "UTC") == "2025-07-02"


def test_a_publication_time_without_a_time_zone_is_rejected() -> None:
    with pytest.raises(ValueError, match="event 'trial': published 2025-01-31 03:16:00 has no time zone"):
        Event("trial", "Trial", SHOCK, pd.Timestamp("2025-01-31 03:16"))


def test_a_shock_on_a_closed_day_is_rejected() -> None:
    with pytest.raises(RequestError, match="2025-01-26 \\(Sunday\\) is not a session"):
        Event("trial", "Trial", pd.Timestamp("2025-01-26"), pd.Timestamp("2025-01-31", tz="UTC"))
