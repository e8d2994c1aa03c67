"""The evidence in sentences."""

# The signs of the pages are typed as they stand there.
# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from reports.pages import evidence_prose
from reports.rendering import numbers
from reports.statistics.availability import Missing
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.verdict import Verdict


def court_of(judged, evidence_of, *words):
    return judged(
        *(evidence_of(f"r{index}", verdict=Verdict(word)) for index, word in enumerate(words))
    ).evidence_report


CHANCE = "not distinguishable from chance"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((CHANCE, CHANCE), "Not distinguishable from chance: 2 of 2 readings."),
        (
            ("supported", "refuted", CHANCE, "supported", None),
            f"Supported: r0 and r3. Refuted: r1. {CHANCE.capitalize()}: 1 of 5 readings. Without a verdict: r4.",
        ),
        ((None, None), "No reading has a verdict."),
    ],
)
def test_the_verdicts_together(judged, evidence_of, words, text):
    assert evidence_prose.verdict_counts(court_of(judged, evidence_of, *words)) == text


def test_p_is_on_the_side_of_the_effect(rank_of):
    assert evidence_prose.tail_p_values(rank_of(effect=0.01)) == (7 / 65, 0.6)
    assert evidence_prose.tail_p_values(rank_of(effect=0.0)) == (59 / 65, 1.0)
    assert evidence_prose.timing_sentence(rank_of(effect=-0.01)).startswith(
        "The same rule, entered at 64 other dates whose windows do not overlap, did at least as badly in 58 of them; "
        "with the real one that is 59 of 65, p = 0.908."
    )
    assert evidence_prose.selection_sentence(rank_of(5000, p=62 / 5001)).startswith(
        "With randomly drawn stocks from the same universe, the same rule did at least as well in 61 of 5,000 draws; "
        "with the real one that is 62 of 5,001, p = 0.012."
    )
    assert evidence_prose.timing_sentence(PlaceboRank(3, 0.1, reason="3 placebos")) == "Not available: 3 placebos."


def test_too_few_placebos_for_a_decision_are_said(rank_of):
    # 1/40 is 0.025, which is not below it; 1/41 is.
    assert evidence_prose.timing_sentence(rank_of(39)).endswith(
        "With 39 others no p can fall below 0.025: the test cannot decide."
    )
    assert evidence_prose.timing_sentence(rank_of(40)).endswith("Adjusted for all readings, p = 0.600.")


@pytest.mark.parametrize(
    ("power", "part"),
    [
        (Power((0.02, 0.05), (0.9, 1.0), 0.02), "in 90.0% of the cases, at least four in five; this is the"),
        (Power((0.02, 0.05), (0.1, 0.3), None), "even an effect of 5.1% more wealth than its comparator after 20"),
        (Missing("no aligned entries"), "The power of the timing test is not available: no aligned entries."),
    ],
)
def test_power_in_words(power, part):
    assert part in evidence_prose.power_sentence(power)


def test_superiority_in_words():
    result = Superiority(0.01, 0.009, 0.2, ("one", "two"), {"three": "all are the same"}, 0.05, 6, 2000)
    assert evidence_prose.superiority_sentence(result) == (
        "Is the best reading better than its comparator, judged by daily returns and adjusted for all readings? "
        "p = 0.010 (superior predictive ability; between 0.009 and 0.200). A stepwise test with a family-wise error "
        "rate of 5% finds one and two to be better. three could not take part: all are the same."
    )
    assert evidence_prose.superiority_sentence(Missing("none can")) == "Not available: none can."


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (0.0, "<0.0001"), (0.0002, "0.0002"), (0.0123, "0.012"), (1.0, "1.000")],
)
def test_a_probability_is_never_a_bare_zero(value, text):
    assert numbers.probability(value) == text


def test_differences_of_logs_as_wealth():
    assert numbers.wealth(0.1, "cash") == "10.5% more wealth than cash"
    assert numbers.wealth(-0.1, "cash") == "9.5% less wealth than cash"
    assert numbers.wealth(0.0001, "cash") == "as much wealth as cash"
    assert numbers.bounds(None, 0.1, numbers.percent) == "–"
