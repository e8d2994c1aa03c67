"""Sessions of the New York Stock Exchange (XNYS), from the library `exchange_calendars`.

Sessions are timezone-naive midnights. The library knows special closings (9 January 2025, a day of mourning) and
looks about one year ahead, so that a rule can count the sessions to a meeting that is on the public calendar, and to
`KNOWN` whatever the clock says.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from data import clock
from data.errors import RequestError

FIRST, KNOWN = "2000-01-01", "2026-12-31"


@cache
def xnys() -> pd.DatetimeIndex:
    """Every XNYS session from 2000 to about one year from today."""
    import exchange_calendars

    ahead = clock.now().tz_localize(None).normalize() + pd.DateOffset(years=1)
    found = exchange_calendars.get_calendar("XNYS", start=FIRST, end=max(ahead, pd.Timestamp(KNOWN)))
    return pd.DatetimeIndex(found.sessions).tz_localize(None).as_unit("ns")


@cache
def xnys_days() -> np.ndarray:
    """The same sessions as a sorted array of `datetime64[D]`, for fast counting."""
    return xnys().to_numpy().astype("datetime64[D]")


def sessions_between(start: str | pd.Timestamp, end: str | pd.Timestamp) -> pd.DatetimeIndex:
    """The sessions from `start` to `end`, both included."""
    days = xnys()
    return days[(days >= pd.Timestamp(start)) & (days <= pd.Timestamp(end))]


def is_session(date: str | pd.Timestamp) -> bool:
    """Whether the exchange is open on `date`."""
    return pd.Timestamp(date) in xnys()


def sessions_before(day: np.datetime64) -> int:
    """Number of sessions before `day` since `FIRST`; for a session, its place in `xnys()`."""
    return int(xnys_days().searchsorted(day))


def calendar_index(date: str | pd.Timestamp) -> int:
    """The same for a date as text or Timestamp."""
    return sessions_before(np.datetime64(pd.Timestamp(date), "D"))


def offset(session: str | pd.Timestamp, count: int) -> pd.Timestamp:
    """The session `count` sessions after `session` (before it when negative).

    Raises RequestError when `session` is not a session, or the other one lies outside the calendar.
    """
    target = calendar_index(require_session(session)) + count
    if 0 <= target < len(xnys()):
        return xnys()[target]
    raise RequestError(
        f"the exchange calendar ({xnys()[0]:%Y-%m-%d} to {xnys()[-1]:%Y-%m-%d}) does not reach {count:+d} sessions "
        f"from {session}; choose a date further inside"
    )


def require_session(date: str | pd.Timestamp) -> pd.Timestamp:
    """`date` as a Timestamp if the exchange is open on it.

    Raises RequestError naming the neighbouring sessions otherwise.
    """
    day = pd.Timestamp(date).normalize()
    if is_session(day):
        return day
    after_it = calendar_index(day)
    if after_it in (0, len(xnys())):
        raise RequestError(
            f"{day:%Y-%m-%d} lies outside the exchange calendar ({xnys()[0]:%Y-%m-%d} to {xnys()[-1]:%Y-%m-%d})"
        )
    before, after = xnys()[after_it - 1], xnys()[after_it]
    raise RequestError(
        f"{day:%Y-%m-%d} ({day:%A}) is not a session of the New York Stock Exchange; "
        f"use {after:%Y-%m-%d} (the next one) or {before:%Y-%m-%d} (the one before)"
    )
