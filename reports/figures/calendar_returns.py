"""Returns of an equity curve in calendar months and years, within the curve."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd


class CalendarYear(NamedTuple):
    """Returns in a calendar year, fractions."""

    year: int
    benchmark: float
    reading: float


def period_returns(equity: pd.Series[float], frequency: str) -> pd.Series[float]:
    """Returns by calendar period ("W-FRI", "M", "Q", "Y"), from each one's last close to the next one's.

    The first period begins at the first value of the curve; the first and the last one may be incomplete. Periods
    after ruin, which begin without equity, are left out.
    """
    later = equity.iloc[1:]
    closes = later.groupby(pd.DatetimeIndex(later.index).to_period(frequency)).last()
    earlier = closes.shift(fill_value=equity.iloc[0])
    return (closes / earlier - 1)[earlier > 0]


def calendar_years(benchmark: pd.Series[float], reading: pd.Series[float]) -> Iterator[CalendarYear]:
    """Returns of both curves in each calendar year in which the reading had equity."""
    theirs, own = period_returns(benchmark, "Y"), period_returns(reading, "Y")
    for year in own.index:
        yield CalendarYear(year.year, float(theirs[year]), float(own[year]))
