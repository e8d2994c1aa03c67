"""Comparisons that describe a reading and test nothing: its own variants, and entries after a fall."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.prices import Prices
from reports.records.evidence import END, Description
from reports.statistics import placebo
from reports.statistics.verdict import HORIZON
from runners.engine.author_code import author_code
from runners.engine.comparators import excess_log_returns
from runners.engine.research.evidence_plan import KEYS, EvidencePlan
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS
from runners.engine.vectorized.scenarios import TradingConditions

DEEPEST = 0.1  # share of sessions that count as falls


def descriptions(prices: Prices, plan: EvidencePlan, study: Study) -> tuple[Description, ...]:
    """The reading against variants that it declares, and against entries after a fall of the symbol it reacts to."""
    try:
        with author_code(study.strategy.__module__):
            return (*variant_descriptions(prices, plan, study), *after_fall_descriptions(prices, plan, study))
    except AUTHOR_ERRORS:  # a description must not stop the tests
        return ()


def variant_descriptions(prices: Prices, plan: EvidencePlan, study: Study) -> list[Description]:
    """The reading against itself with other parameters, at the real entry."""
    rows: list[Description] = []
    for heading, settings in study.strategy.variants.items():
        variants = [replace(study, parameters={**study.parameters, **setting}) for setting in settings]
        others = [_real_d(prices, plan, variant) for variant in variants]
        rows += compare_with_others(heading, _real_d(prices, plan, study), np.array(others))
    return rows


def after_fall_descriptions(prices: Prices, plan: EvidencePlan, study: Study) -> list[Description]:
    """The real entry against those whose shock session was among the worst tenth of the symbol it reacts to."""
    symbol = study.strategy.reacts_to
    if not symbol:
        return []
    entries = np.arange(plan.first, len(prices.sessions))
    close = prices.rebased(0).close[:, prices.columns[symbol]]
    shocks = entries - plan.conditions.shock_lead
    returns = close[shocks] / close[shocks - 1] - 1
    after_fall = entries[(returns <= np.nanquantile(returns, DEEPEST)) & (entries != plan.entry)]
    others = excess_log_returns(study, prices, after_fall, plan.conditions)
    others[_cut_short(after_fall, prices, plan.conditions), -1] = np.nan  # their holds have other lengths
    heading = f"entries after the worst tenth of {symbol}'s sessions (they overlap)"
    return compare_with_others(heading, _real_d(prices, plan, study), others)


def compare_with_others(heading: str, real: np.ndarray, others: np.ndarray) -> list[Description]:
    """The real d, shape (6,), among others, shape (n, 6): at the horizon of the verdict, at 60 sessions, at the end."""
    rows = []
    for key in (str(HORIZON), "60", END):
        column = KEYS.index(key)
        finite = others[:, column][np.isfinite(others[:, column])]
        if np.isfinite(real[column]) and len(finite):
            share = float(np.mean(np.round(finite, placebo.DIGITS) >= round(real[column], placebo.DIGITS)))
            rows.append(Description(heading, key, len(finite), float(real[column]), float(np.median(finite)), share))
    return rows


def _real_d(prices: Prices, plan: EvidencePlan, study: Study) -> np.ndarray:
    """d at the real entry, shape (6,)."""
    return np.asarray(excess_log_returns(study, prices, np.array([plan.entry]), plan.conditions)[0])


def _cut_short(entries: np.ndarray, prices: Prices, conditions: TradingConditions) -> np.ndarray:
    """Whether the prices end before the hold of each entry does, shape (n_entries,)."""
    hold = len(prices.sessions) if conditions.hold is None else conditions.hold
    return np.asarray(len(prices.sessions) - entries < hold + conditions.frictions.lag)
