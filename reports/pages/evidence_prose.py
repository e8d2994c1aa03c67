"""The evidence in sentences: the verdict, the results of the tests, and what effect they could have found."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from reports.records.evidence import Evidence, EvidenceReport
from reports.rendering.numbers import excess_percent, probability, wealth
from reports.statistics.availability import Missing
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import SIZE, PlaceboRank, Power
from reports.statistics.verdict import CHANCE, HORIZON, REFUTED, SUPPORTED, Verdict

SHORT = {SUPPORTED: "supported", REFUTED: "refuted", CHANCE: "chance"}
RANKING = {SUPPORTED: 1, CHANCE: 0, REFUTED: -1}  # for sorting


def short_verdict(verdict: Verdict) -> str | None:
    """The verdict as one word for a table; None if there is no verdict."""
    return None if verdict.word is None else SHORT[verdict.word]


def listed_names(names: Iterable[str]) -> str:
    """Names joined by commas and a final "and"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def not_available(reason: str) -> str:
    """Text in place of a missing number."""
    return f"Not available: {reason}."


def verdict_counts(evidence_report: EvidenceReport) -> str:
    """The readings by verdict: named where supported, refuted or without a verdict, counted where chance."""
    names_by_word: dict[str | None, list[str]] = {}
    for name, evidence in evidence_report.readings.items():
        names_by_word.setdefault(evidence.verdict.word, []).append(name)
    count, undecided = len(evidence_report.readings), names_by_word.get(None, [])
    if len(undecided) == count:
        return "No reading has a verdict."
    sentences = [
        f"{word.capitalize()}: {listed_names(names_by_word[word])}."
        for word in (SUPPORTED, REFUTED)
        if word in names_by_word
    ]
    if CHANCE in names_by_word:
        sentences.append(f"{CHANCE.capitalize()}: {len(names_by_word[CHANCE])} of {count} readings.")
    if undecided:
        sentences.append(f"Without a verdict: {listed_names(undecided)}.")
    return " ".join(sentences)


def as_extreme_count(rank: PlaceboRank) -> tuple[int, str]:
    """Number of placebos at least as extreme as the real entry, and on which side ("well" or "badly")."""
    above = (rank.effect or 0.0) > 0
    p = rank.p if above else rank.p_lower
    return (round((p or 0.0) * (rank.n + 1)) - 1), "well" if above else "badly"


def tail_p_values(rank: PlaceboRank) -> tuple[float | None, float | None]:
    """p and adjusted p on the side of the effect: the upper tail if it is above zero, else the lower."""
    return (rank.p, rank.p_family) if (rank.effect or 0.0) > 0 else (rank.p_lower, rank.p_family_lower)


def timing_sentence(rank: PlaceboRank) -> str:
    """Result of the timing test."""
    return rank_sentence(rank, "the same rule, entered at {n} other dates whose windows do not overlap,", "of them")


def selection_sentence(rank: PlaceboRank) -> str:
    """Result of the stock-selection test."""
    return rank_sentence(rank, "with randomly drawn stocks from the same universe, the same rule", "of {n} draws")


def rank_sentence(rank: PlaceboRank, who: str, among: str) -> str:
    """Rank of the real entry among its placebos."""
    if rank.p is None:
        return not_available(rank.reason)
    p, adjusted = map(probability, tail_p_values(rank))
    count, how = as_extreme_count(rank)
    text = f"{who} did at least as {how} in {count:,} {among}".format(n=f"{rank.n:,}")
    return (
        f"{text[0].upper()}{text[1:]}; with the real one that is {count + 1:,} of {rank.n + 1:,}, p = {p}. "
        f"Adjusted for all readings, p = {adjusted}.{few_placebos_sentence(rank.n)}"
    )


def few_placebos_sentence(n: int) -> str:
    """A warning if `n` placebos are too few for a p below SIZE; otherwise empty."""
    smallest = 1 / (n + 1)
    if smallest < SIZE:
        return ""
    return f" With {n} others no p can fall below {probability(smallest)}: the test cannot decide."


def power_sentence(power: Power | Missing) -> str:
    """The smallest effect that the timing test finds in four of five cases."""
    if isinstance(power, Missing):
        return f"The power of the timing test is not available: {power.reason}."
    if power.detectable is None:
        return _weak_power_sentence(power)
    index = power.effects.index(power.detectable)
    text = (
        f"The timing test would have found an effect of {_effect(power.detectable)} in "
        f"{power.shares[index]:.1%} of the cases, at least four in five"
    )
    if index == 0:
        return f"{text}; this is the smallest effect tried."
    return f"{text}; one of {excess_percent(power.effects[index - 1])} in {power.shares[index - 1]:.1%}."


def _weak_power_sentence(power: Power) -> str:
    able, often = ("is weak", f"only {power.shares[-1]:.1%}") if power.shares[-1] else ("can find nothing", "none")
    return (
        f"The timing test {able} here: even an effect of {_effect(power.effects[-1])}, the largest "
        f"tried, would have been found in {often} of the cases."
    )


def _effect(d: float) -> str:
    """An injected log excess return in words."""
    return f"{wealth(d, 'its comparator')} after {HORIZON} trading days"


def outcome_sentence(evidence: Evidence, comparator: str) -> str:
    """Result at the end of the holding period, as a description."""
    if not isfinite(evidence.d):
        return "At the end of the holding period the excess is undefined: the reading or its comparator was ruined."
    text = f"At the end of its holding period the reading had {wealth(evidence.d, comparator)}."
    if evidence.occurred is None:
        return text
    return f"{text} By its own criterion it is {'refuted' if evidence.occurred else 'not refuted'}."


def superiority_sentence(result: Superiority | Missing) -> str:
    """Result of the joint test of all readings against their comparators."""
    if isinstance(result, Missing):
        return not_available(result.reason)
    better = listed_names(result.superior) if result.superior else "no reading"
    left_out = "".join(f" {name} could not take part: {reason}." for name, reason in result.left_out.items())
    p, low, high = map(probability, (result.p, result.p_lower, result.p_upper))
    return (
        "Is the best reading better than its comparator, judged by daily returns and adjusted for all readings? "
        f"p = {p} (superior predictive ability; between {low} and {high}). A stepwise test with a family-wise error "
        f"rate of {result.size:.0%} finds {better} to be better.{left_out}"
    )
