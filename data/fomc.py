"""Decisions of the Federal Open Market Committee, February 2000 to December 2026.

Source: statements of the Federal Reserve, carried in `facts/fomc-decisions.csv` (percent a year). A decision is public
at 14:00 New York time on its date, before the close; a change of the range counts from its effective date.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from data import calendar


@dataclass(frozen=True)
class FomcDecision:
    """One decision: its date, whether it was scheduled, and the change in basis points (None if unknown)."""

    date: np.datetime64
    scheduled: bool
    change_bps: float | None


@cache
def _table() -> pd.DataFrame:
    with (files("data") / "facts" / "fomc-decisions.csv").open() as file:
        return pd.read_csv(file, parse_dates=["decision_date", "effective_date"])


@cache
def fomc_decisions() -> tuple[FomcDecision, ...]:
    """All decisions by date; `change_bps` is None where the outcome is unknown."""
    return tuple(
        FomcDecision(date, bool(scheduled), None if np.isnan(change) else float(change))
        for date, scheduled, change in zip(
            _table()["decision_date"].to_numpy().astype("datetime64[D]"),
            _table()["scheduled"],
            _table()["change_bps"],
            strict=True,
        )
    )


@cache
def scheduled_decisions() -> tuple[np.ndarray, tuple[FomcDecision, ...]]:
    """Session indices in the exchange calendar, shape (n_scheduled,), and the scheduled decisions themselves."""
    scheduled = tuple(decision for decision in fomc_decisions() if decision.scheduled)
    return calendar.xnys_days().searchsorted(np.array([decision.date for decision in scheduled])), scheduled


def first_unknown_decision() -> np.datetime64:
    """Date of the first decision whose outcome is not in the table; the range after it is unknown."""
    unknown = [decision.date for decision in fomc_decisions() if decision.change_bps is None]
    return unknown[0] if unknown else fomc_decisions()[-1].date + np.timedelta64(1, "D")


def policy_range(sessions: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of the target range in force on each session, as fractions a year.

    Returns two arrays of shape (n_sessions,). Sessions before the first decision have the range that it replaced;
    sessions after the last known decision have its outcome.
    """
    effective, bounds = _ranges()
    index = effective.searchsorted(sessions.to_numpy().astype("datetime64[D]"), side="right")
    return bounds[0][index], bounds[1][index]


@cache
def _ranges() -> tuple[np.ndarray, np.ndarray]:
    """Effective dates of the known decisions, and both bounds: before the first, then after each."""
    decided = _table().dropna(subset=["target_lower_after"])
    bounds = [
        np.concatenate(([decided[f"target_{side}_before"].iloc[0]], decided[f"target_{side}_after"])) / 100
        for side in ("lower", "upper")
    ]
    return decided["effective_date"].to_numpy().astype("datetime64[D]"), np.array(bounds)
