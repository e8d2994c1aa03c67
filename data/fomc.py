"""Decisions of the Federal Open Market Committee, May 2019 to December 2026.

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
    """One decision: its date, whether it was scheduled, and the change in basis points (None while unknown)."""

    date: np.datetime64
    scheduled: bool
    change_bps: float | None


@cache
def _table() -> pd.DataFrame:
    with (files("data") / "facts" / "fomc-decisions.csv").open() as file:
        return pd.read_csv(file, parse_dates=["decision_date", "effective_date"])


@cache
def fomc_decisions() -> tuple[FomcDecision, ...]:
    """All decisions in order of their dates; those without an outcome have `change_bps` None."""
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
    """The scheduled decisions and their places in the exchange calendar, shape (n_scheduled,)."""
    planned = tuple(decision for decision in fomc_decisions() if decision.scheduled)
    return calendar.xnys_days().searchsorted(np.array([decision.date for decision in planned])), planned


def first_unknown_decision() -> np.datetime64:
    """The first decision whose outcome is not known here; the range after it cannot be known either."""
    unknown = [decision.date for decision in fomc_decisions() if decision.change_bps is None]
    return unknown[0] if unknown else fomc_decisions()[-1].date + np.timedelta64(1, "D")


def policy_range(sessions: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper bound of the target range in force on each session, as fractions a year.

    Returns two arrays of shape (n_sessions,). Before the first decision the range that it changed is in force; after
    the last known one its outcome stays.
    """
    effective, bounds = _ranges()
    place = effective.searchsorted(sessions.to_numpy().astype("datetime64[D]"), side="right")
    return bounds[0][place], bounds[1][place]


@cache
def _ranges() -> tuple[np.ndarray, np.ndarray]:
    """Effective dates of the known decisions, and both bounds before the first and after each of them."""
    known = _table().dropna(subset=["target_lower_after"])
    bounds = [
        np.concatenate(([known[f"target_{side}_before"].iloc[0]], known[f"target_{side}_after"])) / 100
        for side in ("lower", "upper")
    ]
    return known["effective_date"].to_numpy().astype("datetime64[D]"), np.array(bounds)
