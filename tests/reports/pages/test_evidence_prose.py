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
NONE = "No reading is supported, none is refuted."


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            (CHANCE, CHANCE),
            f"{NONE} Not distinguishable from chance: 2 of 2 readings.",
        ),
        (
            ("supported", "refuted", CHANCE, "supported", None),
            f"Supported: r0 and r3. Refuted: r1. {CHANCE.capitalize()}: 1 of 5 readings. Without a verdict: r4.",
        ),
        (
            ("bounded", "exploratory", "underpowered", "bounded", CHANCE),
            (
                f"{NONE} Bounded: 2 of 5 readings. Underpowered: 1 of 5 readings. Not distinguishable from chance: "
                "1 of 5 readings. Exploratory: 1 of 5 readings."
            ),
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
        "With market, chips and software taken out of all returns, randomly drawn stocks did at least as well in 61 of "
        "5,000 draws; with the real one that is 62 of 5,001, p = 0.012."
    )
    assert evidence_prose.timing_sentence(PlaceboRank(3, 0.1, reason="3 placebos")) == "Not available: 3 placebos."


def test_too_few_placebos_for_a_decision_are_said(rank_of):
    # 1/40 is 0.025, which is not below it; 1/41 is.
    assert evidence_prose.timing_sentence(rank_of(39)).endswith(
        "With 39 others no p can fall below 0.025: the test cannot decide."
    )
    assert evidence_prose.timing_sentence(rank_of(40)).endswith("Adjusted for all readings of its family, p = 0.600.")


@pytest.mark.parametrize(
    ("power", "part"),
    [
        (Power((0.02, 0.05), (0.9, 1.0), 0.02), "in 90.0% of the cases, at least four in five; this is the"),
        (Power((0.02, 0.05), (0.1, 0.3), None), "even an effect of 5.1% more wealth than its comparator after 20"),
        (Missing("no aligned entries"), "The power of the timing test upward is not available: no aligned entries."),
    ],
)
def test_power_in_words(power, part):
    assert part in evidence_prose.power_sentence(power)


def test_power_against_a_loss_in_words():
    # exp(-0.05) = 0.9512
    text = evidence_prose.power_sentence(Power((0.02, 0.05), (0.1, 0.3), None), downward=True)
    assert text.startswith("The timing test is weak downward: even an effect of 4.9% less wealth than its comparator")
    missing = evidence_prose.power_sentence(Missing("no aligned entries"), downward=True)
    assert missing == "The power of the timing test downward is not available: no aligned entries."


MONTH, YEAR, STOCKS = "timing over a month", "timing over the year", "stock selection"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (
            Verdict("supported", (MONTH,)),
            "Over 20 trading days it did better than cash: too well to put it down to luck.",
        ),
        (
            Verdict("refuted", (MONTH, STOCKS)),
            (
                "Over 20 trading days it did no better than cash and its stocks did worse than others at the same "
                "weights, apart from market, chips and software: too badly to put it down to bad luck."
            ),
        ),
        # The excess over the comparator may have the other sign: the stocks are compared with others.
        (
            Verdict("supported", (STOCKS,)),
            (
                "Its stocks did better than others at the same weights, apart from market, chips and software: too "
                "well to put it down to luck."
            ),
        ),
        (
            Verdict("supported", (YEAR,)),
            "Against cash it did better than in the months before: too well to put it down to luck.",
        ),
        (
            Verdict("refuted", (YEAR,)),
            "Against cash it did no better than in the months before: too badly to put it down to bad luck.",
        ),
        (
            Verdict("bounded", (MONTH,)),
            (
                "If the event moved it at all, then by less than 5% in a month: the effect over 20 trading days lies "
                "in −3.0% to +12.7% (95%)."
            ),  # logs of -0.03 and 0.12
        ),
        (
            # exp(0.1) = 1.1052, exp(-0.1) = 0.9048
            Verdict("underpowered", (MONTH,)),
            (
                "Nobody can tell: over 20 trading days only effects above 11% or below minus 10% would have been found "
                "in four of five cases, and one of 5% would matter."
            ),
        ),
        (
            Verdict("not distinguishable from chance"),
            (
                "It did neither better nor worse than luck allows, and an effect of 5% in a month would probably have "
                "been found."
            ),
        ),
        (
            Verdict("exploratory", reason="its costs are not the declared ones"),
            "Only a look, no test: its costs are not the declared ones.",
        ),
        (Verdict(None, reason="it never took a position"), "There is no verdict: it never took a position."),
    ],
)
def test_the_conclusion_is_one_sentence(evidence_of, verdict, text):
    assert evidence_prose.conclusion(evidence_of(verdict=verdict), "cash") == text


def test_a_conclusion_claims_no_power_that_is_unknown(evidence_of):
    blind = evidence_of(verdict=Verdict("underpowered", (MONTH,)), power=Missing("why"))
    assert "only effects above a size that was not tried or below minus 10%" in evidence_prose.conclusion(blind, "cash")
    long_run = evidence_of(verdict=Verdict("not distinguishable from chance"), long_run=True)
    assert evidence_prose.conclusion(long_run, "cash") == "It did neither better nor worse than luck allows."


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
