"""A sweep in sentences: what was run, what matters, and why the best of many settings is no evidence."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from reports.figures.sweep import ParameterEffect, declared_variant, parameter_effects, rank_variants, ranked_count
from reports.records.sweep import OBJECTIVES, SweepResult
from reports.rendering.numbers import log_ratio, percent, probability, ratio
from reports.statistics.availability import Missing

FLAGS = {
    "hindsight": "with hindsight",
    "ruined": "ruined",
    "truncated": "still open",
    "refused": "orders not filled",
}
NO_EVIDENCE = (
    "A sweep describes one history. The best of many settings, chosen after the fact, looks good by luck alone: it is "
    "no evidence, and no forecast."
)


def objective_writer(objective: str) -> Callable[[float | None], str]:
    """How values of an objective are written."""
    return {"net": percent, "drawdown": percent, "sharpe": ratio}.get(objective, log_ratio)


def count_sentence(sweep: SweepResult) -> str:
    """How many specs there are."""
    told = f"{len(sweep):,} spec{'' if len(sweep) == 1 else 's'}"
    if sweep.search is not None:
        told += f" from {sweep.search.budget:,} trials of {sweep.search.sampler}"
    return f"{told}, by {OBJECTIVES[sweep.objective]}"


def variant_flags(sweep: SweepResult, place: int) -> list[str]:
    """What must be said beside the figures of a spec."""
    return [word for name, word in FLAGS.items() if sweep.figures[name][place] > 0]


def sweep_summary(sweep: SweepResult) -> list[tuple[str, str]]:
    """Lines under labels: what could not be run, the declared setting, what matters, and what chance makes of it."""
    lines = [
        ("not run", failure_sentence(sweep)),
        ("declared", declared_rank_sentence(sweep)),
        ("matters", effect_sentence(parameter_effects(sweep))),
        ("chance", f"{overfitting_sentence(sweep)} {deflated_sharpe_sentence(sweep)}"),
        ("mind", NO_EVIDENCE),
    ]
    return [(label, words) for label, words in lines if words]


def failure_sentence(sweep: SweepResult) -> str:
    """How many specs could not be run, and why the first could not."""
    if not sweep.failed:
        return ""
    place, reason = next(iter(sorted(sweep.failed.items())))
    return f"{len(sweep.failed):,} of {len(sweep):,} specs could not be run, the first ({sweep.text(place)}): {reason}"


def declared_rank_sentence(sweep: SweepResult) -> str:
    """Where the setting ranks that was declared before any result was seen."""
    at = declared_variant(sweep)
    if at is None:
        setting = " ".join(f"{knob.name}={knob.default}" for knob in sweep.parameters)
        return f"the declared setting ({setting}) is not among the specs" if sweep.parameters else ""
    value = float(sweep.values[at])
    if not isfinite(value):
        return f"the declared setting has no {OBJECTIVES[sweep.objective]}"
    rank = rank_variants(sweep).tolist().index(at) + 1
    told = objective_writer(sweep.objective)(value)
    return f"the declared setting ranks {rank:,} of {ranked_count(sweep):,} ({OBJECTIVES[sweep.objective]} {told})"


def effect_sentence(found: list[ParameterEffect]) -> str:
    """Which knob moves the objective most."""
    shares = [(effect.parameter, effect.share) for effect in found if isfinite(effect.share)]
    if not shares:
        return "no knob moves it" if found else ""
    told = ", ".join(f"{knob} {share:.0%}" for knob, share in shares[:4])
    return f"share of the variance that lies between the values of one knob: {told}"


def overfitting_sentence(sweep: SweepResult) -> str:
    """The probability of backtest overfitting."""
    found = sweep.validation
    if isinstance(found, Missing):
        return f"The probability of overfitting is not available: {found.reason}."
    who = f"{found.specs:,} specs" if found.specs == len(sweep) else f"{found.specs:,} of {len(sweep):,} specs"
    return (
        f"Probability of overfitting {probability(found.probability)} ({who}, {found.sessions} sessions that they "
        f"share, {found.first} to {found.last}); 1/2 is what no skill in choosing gives."
    )


def deflated_sharpe_sentence(sweep: SweepResult) -> str:
    """The Sharpe ratio of the best spec after chance and trying."""
    found = sweep.sharpe
    if isinstance(found, Missing):
        return f"The deflated Sharpe ratio of the best is not available: {found.reason}."
    if isinstance(found.annual, Missing) or isinstance(found.deflated, Missing):
        reason = next(each.reason for each in (found.annual, found.deflated) if isinstance(each, Missing))
        return f"The deflated Sharpe ratio of the best is not available: {reason}."
    by_luck = "" if isinstance(found.expected_best, Missing) else f" ({ratio(found.expected_best)} a year)"
    gone = f", {found.forgotten:,} more deleted," if found.forgotten else ""
    return (
        f"The best has a Sharpe ratio of {ratio(found.annual)} a year; it is above what the best of {found.trials:,} "
        f"worthless trials{gone} shows by luck{by_luck} with probability {probability(found.deflated)}."
    )
