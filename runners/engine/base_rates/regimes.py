"""The state of interest rates at each session, by which shocks are told apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data import calendar, fomc
from data.histories import Histories
from reports.statistics.pooled import UNTESTED

POLICY_SESSIONS = 252  # within which the last change of the policy range counts
TREND_SESSIONS = 60  # over which IEF is compared with BIL
NEAR = 5  # sessions from a scheduled decision
FIRST, SECOND, NEITHER = 1, 0, -1


@dataclass(frozen=True)
class Regime:
    """Two kinds of sessions, named for sentences, and the function that tells each session's kind.

    `of_entry`: the kind is that of the entry session itself, not of what is known at the close before it. `untested`
    says why the difference of their means is not tested, if it is not.
    """

    name: str
    first: str
    second: str
    kinds: Callable[[Histories], np.ndarray]
    of_entry: bool = False
    untested: str = ""


def policy_kinds(histories: Histories) -> np.ndarray:
    """FIRST where the last change of the policy range within a year was a cut, SECOND where it was a rise."""
    days = histories.prices.days
    changes = [each for each in fomc.fomc_decisions() if each.change_bps]
    dates = np.array([each.date for each in changes])
    latest = dates.searchsorted(days, side="right") - 1
    rows = calendar.xnys_days().searchsorted(days)
    since = rows - calendar.xnys_days().searchsorted(dates)[np.maximum(latest, 0)]
    is_cut = np.array([(each.change_bps or 0) < 0 for each in changes])[np.maximum(latest, 0)]
    return np.where((latest < 0) | (since > POLICY_SESSIONS), NEITHER, np.where(is_cut, FIRST, SECOND))


def trend_kinds(histories: Histories) -> np.ndarray:
    """FIRST where IEF beat BIL over 60 sessions, SECOND where it did not, NEITHER where one has no price."""
    kinds = np.full(len(histories.sessions), NEITHER)
    if not {"IEF", "BIL"} <= set(histories.prices.columns):
        return kinds
    prices = histories.common(("IEF", "BIL"))
    values = prices.close * prices.factor
    growth = values[TREND_SESSIONS:] / values[:-TREND_SESSIONS]
    known = ~np.isnan(growth).any(axis=1)
    leads = np.where(growth[:, 0] > growth[:, 1], FIRST, SECOND)
    kinds[TREND_SESSIONS : len(values)] = np.where(known, leads, NEITHER)
    return kinds


def decision_kinds(histories: Histories) -> np.ndarray:
    """FIRST within NEAR sessions of a scheduled FOMC decision, before or after; else SECOND."""
    rows = calendar.xnys_days().searchsorted(histories.prices.days)
    decisions, _ = fomc.scheduled_decisions()
    after = np.minimum(decisions.searchsorted(rows), len(decisions) - 1)
    distance = np.minimum(np.abs(decisions[after] - rows), np.abs(rows - decisions[np.maximum(after - 1, 0)]))
    return np.where(distance <= NEAR, FIRST, SECOND)


REGIMES = (
    Regime("policy", "after the last change of the policy rate was a cut", "after it was a rise", policy_kinds),
    Regime("trend", "while Treasuries (IEF) beat bills (BIL) over 60 trading days", "while they did not", trend_kinds),
    Regime(
        "decision",
        "within 5 trading days of a scheduled FOMC decision",
        "further from one",
        decision_kinds,
        of_entry=True,
        untested=UNTESTED,
    ),
)


def kinds_at_shocks(regime: Regime, histories: Histories, lead: int) -> np.ndarray:
    """Kind of the entry that follows a shock at each session, shape (n_sessions,).

    Rates are those known at the close before the entry; the distance to a decision is that of the entry itself.
    """
    kinds = regime.kinds(histories)
    ahead = lead if regime.of_entry else lead - 1
    shifted = np.full(len(kinds), NEITHER)
    shifted[: len(kinds) - ahead] = kinds[ahead:]
    return shifted
