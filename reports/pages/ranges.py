"""The stretches of a run that its charts can be zoomed to."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd

from reports.records.result import Run

WEEK = 5  # sessions


@dataclass(frozen=True)
class ZoomRange:
    """A stretch of sessions, first and last (ISO dates), under the key and label of its button.

    `told` says what a reader must know about it; empty where there is nothing to say.
    """

    key: str
    label: str
    first: str
    last: str
    told: str = ""


def zoom_ranges(run: Run) -> list[dict[str, str]]:
    """The buttons: the week of the shock, 60 sessions, one year, all; those that are shorter than the window."""
    sessions = pd.DatetimeIndex(run.results[0].equity.index)
    held = [
        ZoomRange(key, label, _day(sessions[0]), _day(sessions[n]))
        for key, label, n in (("sixty", "60 sessions", 60), ("year", "One year", 252))
        if n < len(sessions) - 1
    ]
    shocks = [date for date, _, kind in run.marks if kind == "event"]
    everything = ZoomRange(
        "all", "All", _day(min((sessions[0], *(date for date, _, _ in run.marks)))), _day(sessions[-1])
    )
    return [asdict(each) for each in (_week(sessions, min(shocks, default=None)), *held, everything)]


def _week(sessions: pd.DatetimeIndex, shock: pd.Timestamp | None) -> ZoomRange:
    """The days around the shock. Where it lies before the window, nothing was held then, and nothing is drawn."""
    fifth = _day(sessions[min(WEEK, len(sessions) - 1)])
    if shock is None or shock > sessions[-1]:
        return ZoomRange("week", "First week", _day(sessions[0]), fifth)
    if shock <= sessions[0]:
        return ZoomRange(
            "week",
            "Shock week",
            _day(shock),
            fifth,
            f"From the shock on {_day(shock)} to the fifth session held. Nothing was held before the open of "
            f"{_day(sessions[1])}, so nothing is drawn there: the move of the shock was nobody's.",
        )
    at = int(sessions.searchsorted(shock))
    last = sessions[min(at + WEEK - 1, len(sessions) - 1)]
    return ZoomRange("week", "Shock week", _day(sessions[at - 1]), _day(last))


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
