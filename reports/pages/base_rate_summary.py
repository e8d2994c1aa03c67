"""The base rate of one reading in a table cell, a sentence and a section, for the pages of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from reports.pages import base_rates_prose, evidence_prose
from reports.pages.base_rates import base_rate_section
from reports.records.base_rates import DecisionClass
from reports.records.result import Run
from reports.rendering.template import template

PAGE = "base-rates.html"


@dataclass(frozen=True)
class BaseRateSummary:
    """Mean excess after `n` comparable events (a fraction), what they are called, the verdict's word and a sentence."""

    mean: float
    n: int
    events: str
    word: str | None
    sentence: str


def base_rate_summaries(run: Run) -> Mapping[str, BaseRateSummary]:
    """By name of a reading; empty for a run without base rates."""
    if run.base_rates is None:
        return {}
    found = {
        name: BaseRateSummary(
            rate.headline.mean,
            rate.headline.n,
            "shocks",
            evidence_prose.short_verdict(rate.verdict),
            base_rates_prose.base_rate_sentence(rate),
        )
        for name, rate in run.base_rates.readings.items()
        if rate.headline.mean is not None
    }
    decisions = run.base_rates.decisions
    if isinstance(decisions, DecisionClass) and decisions.name in {result.name for result in run.results}:
        sentence = base_rates_prose.decisions_sentence(decisions)
        found[decisions.name] = BaseRateSummary(decisions.mean, len(decisions.outcomes), "decisions", None, sentence)
    return found


def reading_section(name: str, run: Run) -> Markup:
    """The section of one reading on its tearsheet and evidence page; empty for a run without evidence."""
    if not run.with_evidence:
        return Markup()
    rates = run.base_rates
    if rates is not None and name in rates.readings:
        return base_rate_section(rates.readings[name], rates, PAGE)
    decisions = None if rates is None else rates.decisions
    is_about = isinstance(decisions, DecisionClass) and decisions.name == name
    section = template("base-rate-text.html").render(
        prose=base_rates_prose,
        decisions=decisions if is_about else None,
        note=run.base_rates_note if rates is None else "",
        address=PAGE,
    )
    return Markup(section)  # noqa: S704  (escaped by the template)
