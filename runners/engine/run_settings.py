"""Settings of a run in plain words, dates marked in its charts, and notices shown on every page."""

from __future__ import annotations

import pandas as pd

from data import calendar, fomc
from data.events.event import FOMC, NEW_YORK, Event
from runners.engine.request import Request

Mark = tuple[pd.Timestamp, str, str]


def run_settings(request: Request, sessions: pd.DatetimeIndex) -> dict[str, str]:
    """The settings of a run in plain words, by label."""
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
    """Dates to mark in charts, from the event and its calendar, each with a label and a kind.

    The shock is marked if it lies at most five sessions before the window. A day in both gets the calendar's label.
    """
    first, last = calendar.offset(sessions[0], -5), sessions[-1]
    recurring = (
        _fomc_decisions()
        if isinstance(event.calendar, str)
        else [(pd.Timestamp(day), text) for day, text in event.calendar]
    )
    taken = {day for day, _ in recurring}
    marks = [(pd.Timestamp(day), label, "event") for day, label in event.marks if pd.Timestamp(day) not in taken]
    dates = [(day, label, FOMC if event.calendar == FOMC else "calendar") for day, label in recurring]
    return tuple(sorted(mark for mark in (*marks, *dates) if first <= mark[0] <= last))


def claims_note(event: Event) -> str:
    """What the numbers of claims refer to; empty for an event without numbered claims."""
    return event.claims and f"{event.claims} number the claims of {event.publication} that the readings take literally."


def hindsight_notice(request: Request) -> tuple[str, ...]:
    """A notice if the entry comes before the publication."""
    if not request.hindsight:
        return ()
    entry, first = request.schedule.entry, request.event.entry
    return (f"With hindsight: the entry on {entry:%Y-%m-%d} comes before {first:%Y-%m-%d}, the first honest session.",)


def unknown_rates_notice(last: str) -> tuple[str, ...]:
    """A notice if prices reach beyond the last known Fed decision; `last` is an ISO date."""
    unknown = str(fomc.first_unknown_decision())
    if last < unknown:
        return ()
    return (f"Fed decisions from {unknown} on are unknown to this version; the last known policy range is used.",)


def _fomc_decisions() -> list[tuple[pd.Timestamp, str]]:
    """Scheduled FOMC decisions with a known outcome."""
    return [
        (pd.Timestamp(decision.date), _change(decision.change_bps))
        for decision in fomc.fomc_decisions()
        if decision.scheduled and decision.change_bps is not None
    ]


def _change(change_bps: float | None) -> str:
    if not change_bps:
        return "FOMC holds"
    return f"FOMC {'cuts' if change_bps < 0 else 'hikes'} {abs(change_bps):.0f} bp"
