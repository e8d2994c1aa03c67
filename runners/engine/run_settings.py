"""A run in words: its settings, the dates that its charts mark, and the notices that every page shows."""

from __future__ import annotations

import pandas as pd

from data import calendar, fomc
from data.events.event import FOMC, NEW_YORK, Event
from runners.engine.request import Request

Mark = tuple[pd.Timestamp, str, str]


def run_settings(request: Request, sessions: pd.DatetimeIndex) -> dict[str, str]:
    """The choices of the run in plain words, by label."""
    schedule, costs = request.schedule, request.frictions
    published = request.event.published.tz_convert(NEW_YORK)
    cash = (
        "free cash earns the lower bound of the policy range less 0.50 points, credit costs the upper bound plus 0.50"
        if costs.cash_rate == "policy"
        else f"cash earns and credit costs {costs.cash_rate:.2%}"
    )
    return {
        "Entry": f"open of {schedule.entry:%Y-%m-%d}, decided at the close of {sessions[0]:%Y-%m-%d}",
        "Known": f"from {published:%Y-%m-%d %H:%M} New York time on, when {request.event.publication} was published",
        "Hold": "to the end of the prices" if request.hold is None else f"{request.hold} sessions",
        "Rebalancing": f"every {request.rebalance} sessions",
        "Window": f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}",
        "Capital": "1,000,000 USD, whole shares, total-return adjusted prices",
        "Trading costs": f"{costs.commission_bps:g} bp commission, {costs.half_spread_bps:g} bp half-spread, one way",
        "Holding costs": f"shorts {costs.borrow_rate:.2%} a year; {cash}",
        "Benchmark": f"{request.benchmark}, held without costs from the close before the entry to the last close",
    }


def chart_marks(event: Event, sessions: pd.DatetimeIndex) -> tuple[Mark, ...]:
    """Dates for the charts, each with a label and a kind: those of the event and of its calendar.

    The shock is marked where it lies up to five sessions before the window. A day that both name gets the calendar's
    label.
    """
    first, last = calendar.offset(sessions[0], -5), sessions[-1]
    recurring = (
        _fomc_decisions()
        if isinstance(event.calendar, str)
        else [(pd.Timestamp(day), text) for day, text in event.calendar]
    )
    known = {day for day, _ in recurring}
    own = [(pd.Timestamp(day), label, "event") for day, label in event.marks if pd.Timestamp(day) not in known]
    dates = [(day, label, FOMC if event.calendar == FOMC else "calendar") for day, label in recurring]
    return tuple(sorted(mark for mark in (*own, *dates) if first <= mark[0] <= last))


def claims_note(event: Event) -> str:
    """What the numbers of claims mean; empty for an event whose claims have none."""
    return event.claims and f"{event.claims} number the claims of {event.publication} that the readings take literally."


def hindsight_notice(request: Request) -> tuple[str, ...]:
    """A notice where the entry comes before the publication."""
    if not request.hindsight:
        return ()
    entry, known = request.schedule.entry, request.event.entry
    return (f"With hindsight: the entry on {entry:%Y-%m-%d} comes before {known:%Y-%m-%d}, the first honest session.",)


def unknown_rates_notice(last: str) -> tuple[str, ...]:
    """A notice where prices reach beyond the last decision of the Fed that is known; `last` is an ISO date."""
    unknown = str(fomc.first_unknown_decision())
    if last < unknown:
        return ()
    return (f"The Fed's decisions from {unknown} on are not known to this version; the last range stays.",)


def _fomc_decisions() -> list[tuple[pd.Timestamp, str]]:
    """Scheduled decisions of the FOMC whose outcome is known."""
    return [
        (pd.Timestamp(decision.date), _change(decision.change_bps))
        for decision in fomc.fomc_decisions()
        if decision.scheduled and decision.change_bps is not None
    ]


def _change(change_bps: float | None) -> str:
    if not change_bps:
        return "FOMC holds"
    return f"FOMC {'cuts' if change_bps < 0 else 'hikes'} {abs(change_bps):.0f} bp"
