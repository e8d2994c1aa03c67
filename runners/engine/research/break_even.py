"""The costs at which a reading stops beating its comparator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from data.prices import Prices
from reports.records.evidence import BreakEven
from reports.statistics.availability import Missing
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import excess_log_returns
from runners.engine.research import permutation
from runners.engine.research.evidence_plan import EvidencePlan
from runners.engine.study import Study

MOST_BPS = 1000.0  # one-way trading costs up to which the break-even is searched
MOST_BORROW = 5.0  # borrow rate a year, likewise
LOG_OF_RUIN = -10.0  # finite, since a root is searched


def break_even_costs(prices: Prices, plan: EvidencePlan, study: Study) -> BreakEven:
    """One-way trading costs and the borrow rate at which d at the end is zero."""
    frictions = plan.conditions.frictions
    decisions = permutation.decisions_at_entry(study, prices, plan.entry, plan.conditions)
    short = any(weight < 0 for weights in decisions.values() for weight in weights.values())

    def d(changed: Frictions) -> float:
        conditions = replace(plan.conditions, frictions=changed)
        return max(float(excess_log_returns(study, prices, np.array([plan.entry]), conditions)[0, -1]), LOG_OF_RUIN)

    def d_with_costs(bps: float) -> float:
        return d(replace(frictions, commission_bps=bps, half_spread_bps=0.0))

    def d_with_borrow(rate: float) -> float:
        return d(replace(frictions, borrow_rate=rate))

    return BreakEven(
        break_even_cost(d_with_costs, MOST_BPS, "{:,.0f} bp"),
        break_even_cost(d_with_borrow, MOST_BORROW, "{:.0%} a year") if short else Missing("nothing is sold short"),
        frictions.commission_bps + frictions.half_spread_bps,
        frictions.borrow_rate,
    )


def break_even_cost(d: Callable[[float], float], most: float, unit: str) -> float | Missing:
    """The cost at which d falls to zero."""
    from scipy.optimize import brentq

    known = cache(d)  # the search asks for both ends again
    if known(0.0) <= 0:
        return Missing("d is not above zero even without this cost")
    if known(most) > 0:
        return Missing(f"d stays above zero up to {unit.format(most)}, the highest cost tried")
    return float(brentq(known, 0.0, most, xtol=most * 1e-6))
