"""Ranges of dates that the charts of a run can be zoomed to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from reports.records.result import Run

WEEK = 5  # trading days


@dataclass(frozen=True)
class ZoomRange:
    """A range from `first` to `last` (ISO dates), with the key, label and note of its button; the note may be empty."""

    key: str
    label: str
    first: str
    last: str
    note: str = ""


def zoom_ranges(run: Run) -> list[dict[str, str]]:
    """Ranges shorter than the window: the week of the shock, 60 trading days and one year; and the whole window."""
    sessions = pd.DatetimeIndex(run.results[0].equity.index)
    periods = [
        ZoomRange(key, label, _day(sessions[0]), _day(sessions[n]))
        for key, label, n in (("sixty", "60 trading days", 60), ("year", "One year", 252))
        if n < len(sessions) - 1
    ]
    shocks = [date for date, _, kind in run.marks if kind == "event"]
    everything = ZoomRange(
        "all", "All", _day(min((sessions[0], *(date for date, _, _ in run.marks)))), _day(sessions[-1])
    )
    return [asdict(each) for each in (_week(sessions, min(shocks, default=None)), *periods, everything)]


def _week(sessions: pd.DatetimeIndex, shock: pd.Timestamp | None) -> ZoomRange:
    """Trading days around the shock, or the first week if the window has no shock.

    Before the entry nothing is held, so nothing is drawn there.
    """
    fifth = _day(sessions[min(WEEK, len(sessions) - 1)])
    if shock is None or shock > sessions[-1]:
        return ZoomRange("week", "First week", _day(sessions[0]), fifth)
    if shock <= sessions[0]:
        return ZoomRange(
            "week",
            "Shock week",
            _day(shock),
            fifth,
            f"From the shock on {_day(shock)} to the fifth trading day after the entry. Nothing was held before the "
            f"open of {_day(sessions[1])}, so no reading earned the move of the shock and no curve is drawn there.",
        )
    at = int(sessions.searchsorted(shock))
    last = sessions[min(at + WEEK - 1, len(sessions) - 1)]
    return ZoomRange("week", "Shock week", _day(sessions[at - 1]), _day(last))


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
