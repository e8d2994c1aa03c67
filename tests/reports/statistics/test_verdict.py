"""The words of a verdict: each row of the table, the declared bound, and who decides where tests disagree."""

from __future__ import annotations

from math import log1p, nextafter

import pytest

from reports.statistics.placebo import PlaceboRank
from reports.statistics.verdict import (
    BOUND,
    BOUNDED,
    CHANCE,
    HORIZON,
    MONTH,
    REFUTED,
    STOCKS,
    SUPPORTED,
    UNDERPOWERED,
    YEAR,
    DeclaredTest,
    Sensitivity,
    Verdict,
    decide_verdict,
    placebo_test,
    year_test,
)
from reports.statistics.year_timing import YearTiming

UP, DOWN = log1p(0.05), -log1p(-0.05)  # sizes of the log returns of plus and minus 5 %
STRONG = Sensitivity(-0.2, 0.2, 0.02, 0.02)  # finds small effects, and its interval excludes none
WEAK = Sensitivity(-0.2, 0.2, 0.3, 0.3)


def rank(effect: float, p_family: float = 0.5, lower: float = 0.5, n: int = 64) -> PlaceboRank:
    return PlaceboRank(n, effect, 0.0, 0.1, effect / 0.1, p_family, lower, p_family, lower)


def verdict(month=None, stocks=None, sensitivity=STRONG) -> Verdict:
    tests = [placebo_test(name, each) for name, each in ((MONTH, month), (STOCKS, stocks)) if each is not None]
    return decide_verdict(tests, sensitivity)


def test_the_declared_bound_and_horizon():
    assert (BOUND, HORIZON) == (0.05, 20)


@pytest.mark.parametrize(
    ("month", "stocks", "expected"),
    [
        (rank(0.2, 1 / 65), None, Verdict(SUPPORTED, (MONTH,))),
        (rank(0.2, 2 / 65), None, Verdict(CHANCE)),
        (rank(-0.2, lower=1 / 65), rank(-0.1, lower=0.001), Verdict(REFUTED, (MONTH, STOCKS))),
        (rank(0.1), rank(0.3, 0.002), Verdict(SUPPORTED, (STOCKS,))),
        # The sign must agree.
        (rank(-0.01, 0.01), None, Verdict(CHANCE)),
        (rank(0.01, lower=0.01), None, Verdict(CHANCE)),
        (rank(0.0, 1 / 65), None, Verdict(CHANCE)),
        (rank(0.0, lower=1 / 65), None, Verdict(REFUTED, (MONTH,))),
        # p must be below 2.5 %, not at it.
        (rank(0.2, 0.025), None, Verdict(CHANCE)),
        (rank(-0.2, lower=0.025), None, Verdict(CHANCE)),
        # Tests that contradict each other.
        (
            rank(-0.2, lower=1 / 65),
            rank(0.3, 0.002),
            Verdict(SUPPORTED, (STOCKS,), "timing over a month says refuted; the smaller p decides"),
        ),
        (
            rank(0.3, 0.002),
            rank(-0.2, lower=1 / 65),
            Verdict(SUPPORTED, (MONTH,), "stock selection says refuted; the smaller p decides"),
        ),
        # Tests that cannot decide.
        (
            PlaceboRank(5, 0.1, reason="5 placebos"),
            PlaceboRank(3, 0.1, reason="3 names"),
            Verdict(None, reason="timing over a month: 5 placebos; stock selection: 3 names"),
        ),
        (PlaceboRank(5, 0.1, reason="5 placebos"), rank(0.3, 0.002), Verdict(SUPPORTED, (STOCKS,))),
        (PlaceboRank(5, 0.1, reason="5 placebos"), None, Verdict(None, reason="timing over a month: 5 placebos")),
        (
            rank(0.5, 1 / 40, 1.0, n=39),
            None,
            Verdict(
                None, reason="timing over a month: with 39 placebos no p can fall below 0.025, but 0.025 is needed"
            ),
        ),
        (rank(0.5, 1 / 41, 1.0, n=40), None, Verdict(SUPPORTED, (MONTH,))),
        (None, None, Verdict(None, reason="there is no test")),
    ],
)
def test_supported_refuted_and_chance(month, stocks, expected):
    assert verdict(month, stocks) == expected


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.02, 0.03, BOUNDED),
        (nextafter(-DOWN, 0), nextafter(UP, 0), BOUNDED),
        (-DOWN, 0.03, CHANCE),
        (-0.02, UP, CHANCE),
        (-0.06, 0.03, CHANCE),
        (-0.02, 0.05, CHANCE),  # a log return of 0.05 is 5.1 %
        (None, None, CHANCE),
    ],
)
def test_bounded_needs_an_interval_strictly_within_five_per_cent(low, high, word):
    expected = Verdict(word, (MONTH,) if word == BOUNDED else ())
    assert verdict(rank(0.01), sensitivity=Sensitivity(low, high, 0.02, 0.02)) == expected


@pytest.mark.parametrize(
    ("upward", "downward", "word"),
    [
        (UP, DOWN, CHANCE),  # an effect of 5 % exactly is found
        (nextafter(UP, 1), 0.02, UNDERPOWERED),
        (0.02, nextafter(DOWN, 1), UNDERPOWERED),
        (0.05, 0.02, UNDERPOWERED),  # upward a log return of 0.05 is 5.1 %, downward 4.9 %
        (0.02, 0.05, CHANCE),
        (None, 0.02, UNDERPOWERED),
        (0.02, None, UNDERPOWERED),
        (None, None, UNDERPOWERED),
    ],
)
def test_underpowered_where_five_per_cent_is_not_found_on_either_side(upward, downward, word):
    expected = Verdict(word, (MONTH,) if word == UNDERPOWERED else ())
    assert verdict(rank(0.01), sensitivity=Sensitivity(-0.2, 0.2, upward, downward)) == expected


def test_a_decided_test_comes_before_bounded_and_bounded_before_underpowered():
    narrow = Sensitivity(-0.01, 0.01, 0.3, 0.3)
    assert verdict(rank(0.2, 1 / 65), sensitivity=narrow).word == SUPPORTED
    assert verdict(rank(-0.2, lower=1 / 65), sensitivity=WEAK).word == REFUTED
    assert verdict(rank(0.01), rank(1.0, 0.001), narrow) == Verdict(SUPPORTED, (STOCKS,))
    assert verdict(rank(0.01), sensitivity=narrow).word == BOUNDED
    assert verdict(rank(0.01), rank(1.0), WEAK).word == UNDERPOWERED


def test_without_a_timing_test_nothing_is_bounded_or_underpowered():
    assert decide_verdict([placebo_test(STOCKS, rank(1.0))], None) == Verdict(CHANCE)


def timing(difference: float, p: float, cyclic: float) -> YearTiming:
    """A test over the year with these p-values on the side of the difference, and their opposites on the other."""
    mean = difference / 2
    above = difference > 0
    p_upper, c_upper = (p, cyclic) if above else (1 - p, 1 - cyclic)
    return YearTiming(mean, -mean, 2.0, p_upper, 1 - p_upper, p_upper, 1 - p_upper, c_upper, 1 - c_upper)


@pytest.mark.parametrize(
    ("difference", "p", "cyclic", "word"),
    [
        (0.04, 0.01, 0.013, SUPPORTED),
        (0.04, 0.01, 0.039, CHANCE),  # both must agree
        (0.04, 0.03, 0.013, CHANCE),
        (0.04, 0.01, 0.025, CHANCE),
        (-0.04, 0.01, 0.013, REFUTED),
        (-0.04, 0.01, 0.039, CHANCE),
        (-0.04, 0.03, 0.013, CHANCE),
    ],
)
def test_the_year_needs_permutations_and_cyclic_shifts(difference, p, cyclic, word):
    test = year_test(timing(difference, p, cyclic))
    assert (test.name, test.word) == (YEAR, word) and test.effect == pytest.approx(difference)
    assert test.p == pytest.approx(max(p, cyclic))


def test_the_family_decides_over_the_year_not_the_reading_alone():
    alone = YearTiming(0.02, -0.02, 2.0, 0.01, 0.99, 0.03, 1.0, 0.013, 1.0)
    assert year_test(alone).word == CHANCE


def test_a_year_that_cannot_be_tested_gives_its_reason():
    test = year_test(YearTiming(reason="too few windows"))
    assert test == DeclaredTest(YEAR, reason="too few windows") and test.word == CHANCE
    assert decide_verdict([test], None) == Verdict(None, reason="timing over the year: too few windows")


def test_a_rank_without_p_decides_nothing():
    for without in (
        PlaceboRank(64, None, p_family=0.001, p_family_lower=0.001, reason="no effect"),
        PlaceboRank(64, 0.1, p_family_lower=0.001, reason="no upper p"),
        PlaceboRank(64, -0.1, p_family=0.001, reason="no lower p"),
    ):
        assert placebo_test(MONTH, without) == DeclaredTest(MONTH, reason=without.reason)


@pytest.mark.parametrize(("effect", "p"), [(0.2, 0.01), (-0.2, 0.6), (0.0, 0.6)])
def test_p_is_on_the_side_of_the_effect(effect, p):
    assert DeclaredTest(MONTH, effect, 0.01, 0.6).p == p


def test_text_of_a_verdict_names_its_tests():
    assert Verdict(SUPPORTED, (MONTH, STOCKS)).text == "supported by timing over a month and stock selection"
    assert Verdict(BOUNDED, (MONTH,)).text == "bounded by timing over a month"
    assert Verdict(CHANCE).text == "not distinguishable from chance"
    assert Verdict(None).text == "no verdict"
