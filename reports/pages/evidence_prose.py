"""The evidence in sentences: what the verdict is, what the tests found, and what they could have found."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from reports.records.evidence import Evidence, EvidenceReport
from reports.rendering.numbers import log_ratio, probability, wealth
from reports.statistics.availability import Missing
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import SIZE, PlaceboRank, Power
from reports.statistics.verdict import CHANCE, HORIZON, REFUTED, SUPPORTED, Verdict

SHORT = {SUPPORTED: "supported", REFUTED: "refuted", CHANCE: "chance"}
RANKING = {SUPPORTED: 1, CHANCE: 0, REFUTED: -1}  # for sorting


def short_verdict(verdict: Verdict) -> str | None:
    """The verdict as one word for a column; None where there is none."""
    return None if verdict.word is None else SHORT[verdict.word]


def listed_names(names: Iterable[str]) -> str:
    """Names in a sentence."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def not_available(reason: str) -> str:
    """What stands in the place of a number."""
    return f"Not available: {reason}."


def verdict_counts(evidence_report: EvidenceReport) -> str:
    """How the readings came out, all of them counted."""
    by_word: dict[str | None, list[str]] = {}
    for name, evidence in evidence_report.readings.items():
        by_word.setdefault(evidence.verdict.word, []).append(name)
    count, none = len(evidence_report.readings), by_word.get(None, [])
    if len(none) == count:
        return "No reading has a verdict."
    found = [f"{word.capitalize()}: {listed_names(by_word[word])}." for word in (SUPPORTED, REFUTED) if word in by_word]
    chance = len(by_word.get(CHANCE, []))
    rest = f"{CHANCE.capitalize()}: {chance} of {count} readings." if chance else ""
    without = f"Without a verdict: {listed_names(none)}." if none else ""
    return " ".join(filter(None, (*found, rest, without)))


def as_extreme_count(rank: PlaceboRank) -> tuple[int, str]:
    """How many of the placebos did at least as well, or as badly where d is not above zero; and which of both."""
    above = (rank.effect or 0.0) > 0
    p = rank.p if above else rank.p_lower
    return (round((p or 0.0) * (rank.n + 1)) - 1), "well" if above else "badly"


def p_value_sentence(rank: PlaceboRank) -> tuple[float | None, float | None]:
    """p and family-wise p of the side on which d lies: that of doing as well above zero, else of doing as badly."""
    return (rank.p, rank.p_family) if (rank.effect or 0.0) > 0 else (rank.p_lower, rank.p_family_lower)


def timing_sentence(rank: PlaceboRank) -> str:
    """What the placebo in time found."""
    return rank_sentence(rank, "the same rule, entered at {n} other dates whose windows do not overlap,", "of them")


def selection_sentence(rank: PlaceboRank) -> str:
    """What the placebo in space found."""
    return rank_sentence(rank, "with names drawn by lot from the same universe, the same rule", "of {n} draws")


def rank_sentence(rank: PlaceboRank, who: str, among: str) -> str:
    """The rank of the real launch among the others as a sentence."""
    if rank.p is None:
        return not_available(rank.reason)
    p, family = map(probability, p_value_sentence(rank))
    count, how = as_extreme_count(rank)
    told = f"{who} did at least as {how} in {count:,} {among}".format(n=f"{rank.n:,}")
    return (
        f"{told[0].upper()}{told[1:]}; with the real one that is {count + 1:,} of {rank.n + 1:,}, p = {p}. "
        f"With all readings counted, the family-wise p is {family}.{few_placebos_sentence(rank.n)}"
    )


def few_placebos_sentence(n: int) -> str:
    """What has to be said where so few placebos cannot give a p that counts."""
    least = 1 / (n + 1)
    return "" if least < SIZE else f" With {n} others no p can fall below {probability(least)}: the test cannot decide."


def power_sentence(found: Power | Missing) -> str:
    """What effect the timing test would have found four times in five."""
    if isinstance(found, Missing):
        return f"The power of the timing test is not available: {found.reason}."
    if found.detectable is None:
        able, often = ("is weak", f"only {found.shares[-1]:.1%}") if found.shares[-1] else ("can find nothing", "none")
        return (
            f"The timing test {able} here: even an effect of {effect_sentence_for_d(found.effects[-1])}, the largest "
            f"tried, would have been found in {often} of the launches."
        )
    place = found.effects.index(found.detectable)
    told = (
        f"The timing test would have found an effect of {effect_sentence_for_d(found.detectable)} in "
        f"{found.shares[place]:.1%} of the launches, at least four times in five"
    )
    if place == 0:
        return f"{told}; it is the smallest effect tried."
    return f"{told}; one of {effect_sentence_for_d(found.effects[place - 1])} in {found.shares[place - 1]:.1%}."


def effect_sentence_for_d(d: float) -> str:
    """A planted effect with what it means."""
    return f"d = {log_ratio(d)} ({wealth(d, 'its comparator')} after {HORIZON} sessions)"


def outcome_sentence(evidence: Evidence, comparator: str) -> str:
    """What happened over the whole hold, as description."""
    if not isfinite(evidence.d):
        return "Over its whole hold d is not a number: the reading or what it must beat was ruined."
    told = f"Over its whole hold the reading made d = {log_ratio(evidence.d)}: {wealth(evidence.d, comparator)}."
    if evidence.occurred is None:
        return told
    return f"{told} Its own criterion of refutation {'came' if evidence.occurred else 'did not come'} true."


def superiority_sentence(found: Superiority | Missing) -> str:
    """The test of all readings together against what each must beat."""
    if isinstance(found, Missing):
        return not_available(found.reason)
    better = (
        f"holds {listed_names(found.superior)} to be better"
        if found.superior
        else "holds none of the readings to be better"
    )
    out = "".join(f" {name} could not take part: {reason}." for name, reason in found.left_out.items())
    p, low, high = map(probability, (found.p, found.p_lower, found.p_upper))
    return (
        "On their daily returns over the window, all readings together against what each must beat: p = "
        f"{p} for the best of them (superior predictive ability; between {low} and {high}). "
        f"Step-down testing at a family-wise {found.size:.0%} {better}.{out}"
    )
