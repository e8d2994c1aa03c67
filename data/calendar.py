"""Sessions of the New York Stock Exchange (XNYS), from the library `exchange_calendars`.

Sessions are timezone-naive midnights. The library knows special closings (9 January 2025, a day of mourning). The
calendar extends one year ahead of the clock, and at least to `KNOWN_UNTIL`, so that a rule can count the sessions to an
FOMC meeting whose date is public.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from data import clock
from data.errors import RequestError

FIRST, KNOWN_UNTIL = "2000-01-01", "2026-12-31"


@cache
def xnys() -> pd.DatetimeIndex:
    """All XNYS sessions from 2000 to at least one year from today."""
    import exchange_calendars

    next_year = clock.now().tz_localize(None).normalize() + pd.DateOffset(years=1)
    exchange = exchange_calendars.get_calendar("XNYS", start=FIRST, end=max(next_year, pd.Timestamp(KNOWN_UNTIL)))
    return pd.DatetimeIndex(exchange.sessions).tz_localize(None).as_unit("ns")


@cache
def xnys_days() -> np.ndarray:
    """The sessions of `xnys()` as a sorted array of `datetime64[D]`, for fast counting."""
    return xnys().to_numpy().astype("datetime64[D]")


def sessions_between(start: str | pd.Timestamp, end: str | pd.Timestamp) -> pd.DatetimeIndex:
    """The sessions from `start` to `end`, both included."""
    days = xnys()
    return days[(days >= pd.Timestamp(start)) & (days <= pd.Timestamp(end))]


def is_session(date: str | pd.Timestamp) -> bool:
    """Whether the exchange is open on `date`."""
    return pd.Timestamp(date) in xnys()


def sessions_before(day: np.datetime64) -> int:
    """Number of sessions before `day` since `FIRST`; for a session, its index in `xnys()`."""
    return int(xnys_days().searchsorted(day))


def calendar_index(date: str | pd.Timestamp) -> int:
    """Index of `date` in the session calendar; of the next session if the exchange is closed."""
    return sessions_before(np.datetime64(pd.Timestamp(date), "D"))


def offset(session: str | pd.Timestamp, count: int) -> pd.Timestamp:
    """The session `count` sessions after `session` (before it if negative).

    Raises RequestError if `session` is not a session, or the result lies outside the calendar.
    """
    target = calendar_index(require_session(session)) + count
    if 0 <= target < len(xnys()):
        return xnys()[target]
    raise RequestError(
        f"the exchange calendar ({xnys()[0]:%Y-%m-%d} to {xnys()[-1]:%Y-%m-%d}) does not reach {count:+d} sessions "
        f"from {session}; choose a date further from its ends"
    )


def require_session(date: str | pd.Timestamp) -> pd.Timestamp:
    """Return `date` as a Timestamp if it is a session; otherwise raise RequestError, naming its neighbours."""
    day = pd.Timestamp(date).normalize()
    if is_session(day):
        return day
    index = calendar_index(day)
    if index in (0, len(xnys())):
        raise RequestError(
            f"{day:%Y-%m-%d} lies outside the exchange calendar ({xnys()[0]:%Y-%m-%d} to {xnys()[-1]:%Y-%m-%d}); "
            "choose a date inside it"
        )
    before, after = xnys()[index - 1], xnys()[index]
    raise RequestError(
        f"{day:%Y-%m-%d} ({day:%A}) is not a session of the New York Stock Exchange; "
        f"use {after:%Y-%m-%d} (the next one) or {before:%Y-%m-%d} (the one before)"
    )
