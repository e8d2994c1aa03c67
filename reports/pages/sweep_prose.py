"""Sentences about a sweep: its size, which parameters matter, and why the best of many variants is no evidence."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from reports.figures.sweep import ParameterEffect, declared_variant, parameter_effects, rank_variants, ranked_count
from reports.records.sweep import OBJECTIVES, SweepResult
from reports.rendering.numbers import excess_percent, percent, probability, ratio
from reports.statistics.availability import Missing

FLAGS = {
    "hindsight": "with hindsight",
    "ruined": "ruined",
    "truncated": "still open",
    "refused": "orders not filled",
}
MOST_EFFECTS = 4  # parameters named in a sentence
NO_EVIDENCE = (
    "A sweep describes one history. The best of many variants, chosen after the fact, looks good by luck alone: it is "
    "no evidence, and no forecast."
)


def objective_writer(objective: str) -> Callable[[float | None], str]:
    """The function that formats values of an objective."""
    return {"net": percent, "drawdown": percent, "sharpe": ratio}.get(objective, excess_percent)


def count_sentence(sweep: SweepResult) -> str:
    """Number of variants, and the objective by which they are ranked."""
    text = f"{len(sweep):,} variant{'' if len(sweep) == 1 else 's'}"
    if sweep.search is not None:
        text += f" from {sweep.search.budget:,} trials of {sweep.search.sampler}"
    return f"{text}, by {OBJECTIVES[sweep.objective]}"


def variant_flags(sweep: SweepResult, variant: int) -> list[str]:
    """Warnings about one variant, given by its index."""
    return [flag for name, flag in FLAGS.items() if sweep.figures[name][variant] > 0]


def sweep_summary(sweep: SweepResult) -> list[tuple[str, str]]:
    """Labelled sentences: failures, the declared variant, which parameters matter, luck, and a caution."""
    lines = [
        ("not run", failure_sentence(sweep)),
        ("declared", declared_rank_sentence(sweep)),
        ("matters", effect_sentence(parameter_effects(sweep))),
        ("chance", f"{overfitting_sentence(sweep)} {deflated_sharpe_sentence(sweep)}"),
        ("caution", NO_EVIDENCE),
    ]
    return [(label, text) for label, text in lines if text]


def failure_sentence(sweep: SweepResult) -> str:
    """Number of variants that failed, and the first with its reason; empty if none did."""
    if not sweep.failed:
        return ""
    variant, reason = min(sweep.failed.items())
    first = sweep.text(variant)
    return f"{len(sweep.failed):,} of {len(sweep):,} variants could not be run, the first ({first}): {reason}"


def declared_rank_sentence(sweep: SweepResult) -> str:
    """Rank of the variant that was declared before any result was seen."""
    variant = declared_variant(sweep)
    if variant is None:
        values = " ".join(f"{parameter.name}={parameter.default}" for parameter in sweep.parameters)
        return f"the declared variant ({values}) is not part of the sweep" if sweep.parameters else ""
    value = float(sweep.values[variant])
    if not isfinite(value):
        return f"the declared variant has no {OBJECTIVES[sweep.objective]}"
    rank = rank_variants(sweep).tolist().index(variant) + 1
    text = objective_writer(sweep.objective)(value)
    return f"the declared variant ranks {rank:,} of {ranked_count(sweep):,} ({OBJECTIVES[sweep.objective]} {text})"


def effect_sentence(effects: list[ParameterEffect]) -> str:
    """Share of the objective's variance explained by each of the leading parameters; empty without parameters."""
    shares = [(effect.parameter, effect.share) for effect in effects if isfinite(effect.share)]
    if not shares:
        return "no parameter changes the result" if effects else ""
    listed = ", ".join(f"{parameter} {share:.0%}" for parameter, share in shares[:MOST_EFFECTS])
    return f"share of the variance of the results that each parameter explains: {listed}"


def overfitting_sentence(sweep: SweepResult) -> str:
    """The probability of backtest overfitting, or why there is none."""
    validation = sweep.validation
    if isinstance(validation, Missing):
        return f"The probability of overfitting is not available: {validation.reason}."
    total = "" if validation.specs == len(sweep) else f" of {len(sweep):,}"
    return (
        f"Probability of overfitting: {probability(validation.probability)} ({validation.specs:,}{total} variants, "
        f"{validation.sessions} trading days that they share, {validation.first} to {validation.last}). Choosing at "
        "random would give 1/2."
    )


def deflated_sharpe_sentence(sweep: SweepResult) -> str:
    """The Sharpe ratio of the best variant against the best ratio that luck alone would give."""
    sharpe = sweep.sharpe
    if isinstance(sharpe, Missing):
        return f"The deflated Sharpe ratio of the best variant is not available: {sharpe.reason}."
    if isinstance(sharpe.annual, Missing) or isinstance(sharpe.deflated, Missing):
        reason = next(value.reason for value in (sharpe.annual, sharpe.deflated) if isinstance(value, Missing))
        return f"The deflated Sharpe ratio of the best variant is not available: {reason}."
    lucky = "" if isinstance(sharpe.expected_best, Missing) else f" ({ratio(sharpe.expected_best)} a year)"
    deleted = f" ({sharpe.forgotten:,} more were deleted)" if sharpe.forgotten else ""
    return (
        f"The best variant has a Sharpe ratio of {ratio(sharpe.annual)} a year. So far {sharpe.trials:,} variants were "
        f"tried{deleted}. The probability that its true ratio exceeds the best that so many worthless variants would "
        f"show by luck{lucky} is {probability(sharpe.deflated)}."
    )
