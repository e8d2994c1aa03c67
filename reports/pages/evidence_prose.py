"""The evidence in sentences: the verdict, the results of the tests, and what effect they could have found."""

from __future__ import annotations

from collections.abc import Iterable
from math import expm1, isfinite

from reports.records.evidence import Evidence, EvidenceReport
from reports.rendering.numbers import bounds, excess_percent, probability, wealth
from reports.statistics.availability import Missing
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import SIZE, PlaceboRank, Power
from reports.statistics.verdict import (
    BOUND,
    BOUNDED,
    CHANCE,
    EXPLORATORY,
    HORIZON,
    MONTH,
    REFUTED,
    STOCKS,
    SUPPORTED,
    UNDERPOWERED,
    YEAR,
    Verdict,
    Word,
)
from reports.statistics.year_timing import AFTER, BEFORE, YearTiming

SHORT: dict[Word, str] = {
    SUPPORTED: "supported",
    REFUTED: "refuted",
    BOUNDED: "bounded",
    UNDERPOWERED: "underpowered",
    CHANCE: "chance",
    EXPLORATORY: "exploratory",
}
RANKING: dict[Word, float] = {  # for sorting
    SUPPORTED: 3,
    BOUNDED: 2,
    CHANCE: 1,
    UNDERPOWERED: 0,
    EXPLORATORY: -1,
    REFUTED: -2,
}


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
    """The readings by verdict: named where supported, refuted or without a verdict, else counted."""
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
    if not sentences and names_by_word.keys() & {BOUNDED, UNDERPOWERED, CHANCE}:
        sentences = [
            "The reading is neither supported nor refuted."
            if count == 1
            else "No reading is supported, none is refuted."
        ]
    sentences += [
        f"{word.capitalize()}: {len(names_by_word[word])} of {count} readings."
        for word in (BOUNDED, UNDERPOWERED, CHANCE, EXPLORATORY)
        if word in names_by_word
    ]
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
    return rank_sentence(
        rank, "with market, chips and software taken out of all returns, randomly drawn stocks", "of {n} draws"
    )


def year_sentence(timing: YearTiming) -> str:
    """Result of the timing test over the year."""
    if timing.difference is None or timing.after is None or timing.before is None:
        return not_available(timing.reason)
    p, adjusted, cyclic = year_p_values(timing)
    return (
        f"In the {AFTER} months after the entry the mean excess was {excess_percent(timing.after)}, in the {BEFORE} "
        f"before it {excess_percent(timing.before)}. Months in random order differ as much this way in "
        f"{probability(p)} of the cases (adjusted {probability(adjusted)}), months shifted in a circle in "
        f"{probability(cyclic)}."
    )


def year_p_values(timing: YearTiming) -> tuple[float | None, float | None, float | None]:
    """p, adjusted p and the share of cyclic shifts, on the side of the difference."""
    if (timing.difference or 0.0) > 0:
        return timing.p, timing.p_family, timing.cyclic
    return timing.p_lower, timing.p_family_lower, timing.cyclic_lower


def conclusion(evidence: Evidence, comparator: str) -> str:
    """The verdict in one sentence for somebody who knows no statistics."""
    verdict, month = evidence.verdict, evidence.headline
    found = found_words(verdict.by, comparator, is_better=verdict.word == SUPPORTED)
    sentences: dict[Word | None, str] = {
        SUPPORTED: f"{found}: too well to put it down to luck.",
        REFUTED: f"{found}: too badly to put it down to bad luck.",
        BOUNDED: (
            f"If the event moved it at all, then by less than {BOUND:.0%} in a month: the effect over {HORIZON} "
            f"trading days lies in {bounds(month.low, month.high, excess_percent)} (95%)."
        ),
        UNDERPOWERED: (
            f"Nobody can tell: over {HORIZON} trading days only effects {detectable_words(evidence)} would have been "
            f"found in four of five cases, and one of {BOUND:.0%} would matter."
        ),
        EXPLORATORY: f"Only a look, no test: {verdict.reason}.",
        CHANCE: (
            "It did neither better nor worse than luck allows"
            + (
                "."
                if evidence.long_run
                else f", and an effect of {BOUND:.0%} in a month would probably have been found."
            )
        ),
    }
    return sentences.get(verdict.word, f"There is no verdict: {verdict.reason}.")


def found_words(tests: Iterable[str], comparator: str, is_better: bool) -> str:
    """What each of the tests behind a verdict found, in words."""
    better, than = ("better", "better than") if is_better else ("worse", "no better than")
    words = {
        MONTH: f"over {HORIZON} trading days it did {than} {comparator}",
        YEAR: f"against {comparator} it did {than} in the months before",
        STOCKS: f"its stocks did {better} than others at the same weights, apart from market, chips and software",
    }
    text = listed_names([words[test] for test in tests] or [""])
    return text[:1].upper() + text[1:]


def detectable_words(evidence: Evidence) -> str:
    """The smallest effects over a month that are found with 80 % power, on both sides, in words."""
    words = [
        f"{sign} {abs(expm1(direction * power.detectable)):.0%}"
        if not isinstance(power, Missing) and power.detectable is not None
        else f"{sign} a size that was not tried"
        for sign, direction, power in (("above", 1, evidence.power), ("below minus", -1, evidence.power_down))
    ]
    return " or ".join(words)


def families_sentence(evidence_report: EvidenceReport) -> str:
    """The members of each family; the primary one comes first."""
    families = [", ".join(family) for family in evidence_report.families]
    names = ("First family", "Second family") if len(families) > 1 else ("The family",)
    return " ".join(f"{name}: {family}." for name, family in zip(names, families, strict=False))


def error_rates_sentence(evidence_report: EvidenceReport) -> str:
    """What is promised for each test and family, and the joint rate that follows."""
    tests = 2 + evidence_report.year_declared
    families = len(evidence_report.families)
    return (
        f"Each test is wrong in at most {SIZE:.1%} of the cases on each side, in each family of readings; {tests} "
        f"tests and {families} {'family' if families == 1 else 'families'} together in at most "
        f"{min(1.0, tests * families * SIZE):.1%} a side."
    )


def rank_sentence(rank: PlaceboRank, who: str, among: str) -> str:
    """Rank of the real entry among its placebos."""
    if rank.p is None:
        return not_available(rank.reason)
    p, adjusted = map(probability, tail_p_values(rank))
    count, how = as_extreme_count(rank)
    text = f"{who} did at least as {how} in {count:,} {among}".format(n=f"{rank.n:,}")
    return (
        f"{text[0].upper()}{text[1:]}; with the real one that is {count + 1:,} of {rank.n + 1:,}, p = {p}. "
        f"Adjusted for all readings of its family, p = {adjusted}.{few_placebos_sentence(rank.n)}"
    )


def few_placebos_sentence(n: int) -> str:
    """A warning if `n` placebos are too few for a p below SIZE; otherwise empty."""
    smallest = 1 / (n + 1)
    if smallest < SIZE:
        return ""
    return f" With {n} others no p can fall below {probability(smallest)}: the test cannot decide."


def power_sentence(power: Power | Missing, downward: bool = False) -> str:
    """The smallest effect on one side that the timing test finds in four of five cases."""
    side, sign = ("downward", -1) if downward else ("upward", 1)
    if isinstance(power, Missing):
        return f"The power of the timing test {side} is not available: {power.reason}."
    if power.detectable is None:
        able, often = ("is weak", f"only {power.shares[-1]:.1%}") if power.shares[-1] else ("can find nothing", "none")
        return (
            f"The timing test {able} {side}: even an effect of {_effect(sign * power.effects[-1])}, the largest "
            f"tried, would have been found in {often} of the cases."
        )
    index = power.effects.index(power.detectable)
    text = (
        f"The timing test would have found an effect of {_effect(sign * power.detectable)} in "
        f"{power.shares[index]:.1%} of the cases, at least four in five"
    )
    if index == 0:
        return f"{text}; this is the smallest effect tried."
    return f"{text}; one of {excess_percent(sign * power.effects[index - 1])} in {power.shares[index - 1]:.1%}."


def _effect(d: float) -> str:
    """An injected log excess return in words."""
    return f"{wealth(d, 'its comparator')} after {HORIZON} trading days"


def outcome_sentence(evidence: Evidence, comparator: str) -> str:
    """Result at the end of the holding period, as a description."""
    if not isfinite(evidence.d):
        return "At the end of the holding period the excess is undefined: the reading or its comparator was ruined."
    text = f"At the end of its holding period the reading had {wealth(evidence.d, comparator)}."
    if evidence.refuted is None:
        return text
    return f"{text} By its own criterion it is {'refuted' if evidence.refuted else 'not refuted'}."


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
