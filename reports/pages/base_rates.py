"""Page of base rates: the finding, a table of readings, the splits by interest rates, and the limits."""

from __future__ import annotations

from reports.pages import base_rates_prose, evidence_prose
from reports.records.base_rates import BaseRates, DecisionClass
from reports.records.result import HORIZONS
from reports.rendering.numbers import bounds, percent, probability
from reports.rendering.template import template


def render(rates: BaseRates) -> str:
    """The page as HTML."""
    filters = {
        "percent": percent,
        "probability": probability,
        "interval": lambda pooled: bounds(pooled.low, pooled.high, percent),
        "verdict": lambda verdict: evidence_prose.short_verdict(verdict) or "none",
    }
    decisions = rates.decisions if isinstance(rates.decisions, DecisionClass) else None
    page = template("base-rates.html", **filters)
    return page.render(rates=rates, prose=base_rates_prose, horizons=HORIZONS, decisions=decisions)
