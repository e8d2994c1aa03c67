"""Placebo ranks against plain counting, and their size under the null."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from reports.statistics.placebo import PlaceboRank, Power, aligned_entries, placebo_power, placebo_ranks, standardize


def counted(values: np.ndarray, column: int) -> tuple[float, float, float, float]:
    """p, p_lower and both adjusted p-values, by loops."""
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    real, rows = z[0, column], range(len(z))
    upper = sum(z[row, column] >= real for row in rows)
    lower = sum(z[row, column] <= real for row in rows)
    family = sum(max(z[row]) >= real for row in rows)
    family_lower = sum(min(z[row]) <= real for row in rows)
    return tuple(count / len(z) for count in (upper, lower, family, family_lower))


@pytest.mark.parametrize("seed", range(5))
def test_ranks_equal_plain_counting(seed):
    values = np.random.default_rng(seed).standard_t(4, (65, 12)) * np.linspace(0.01, 0.2, 12)
    for column, rank in enumerate(placebo_ranks(values)):
        result = (rank.p, rank.p_lower, rank.p_family, rank.p_family_lower)
        assert result == pytest.approx(counted(values, column), abs=1e-12)
        assert rank.n == 64 and rank.effect == pytest.approx(values[0, column], abs=1e-12)
        assert rank.p_family >= rank.p and rank.p_family_lower >= rank.p_lower


def test_the_best_among_64_placebos_has_p_1_65():
    values = np.arange(65.0)[::-1, None]
    (rank,) = placebo_ranks(values)
    assert rank.p == rank.p_family == pytest.approx(1 / 65)
    assert rank.p_lower == 1.0
    # The interval: shifts that leave the real value (64) at or inside the outermost placebos (63 and 0).
    assert (rank.low, rank.high) == (1.0, 64.0)


@pytest.mark.parametrize(("placebos", "outermost"), [(38, None), (39, 1), (78, 1), (79, 2), (119, 3)])
def test_moments_and_interval_of_a_rank(placebos, outermost):
    values = np.random.default_rng(placebos).normal(0.02, 0.1, (placebos + 1, 1)).round(6)
    (rank,) = placebo_ranks(values)
    real, others = values[0, 0], sorted(values[1:, 0])
    assert (rank.mean, rank.deviation) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert rank.z == pytest.approx((real - np.mean(values)) / np.std(values, ddof=1))
    # 95 % of n + 1 = 80 entries: two lie outside on either side.
    expected = (real - others[-outermost], real - others[outermost - 1]) if outermost else (None, None)
    assert (rank.low, rank.high) == (pytest.approx(expected) if outermost else expected)


def test_z_by_hand():
    # 1, 2, 6: mean 3, variance (4 + 1 + 9) / 2 = 7.
    column = np.array([-2.0, -1.0, 3.0]) / np.sqrt(7)
    np.testing.assert_allclose(standardize(np.array([[1.0, 0], [2.0, 1], [6.0, 5]]))[:, 0], column, atol=1e-9)
    np.testing.assert_allclose(standardize(np.array([[1.0], [3.0]]))[:, 0], np.array([-1, 1]) / np.sqrt(2), atol=1e-9)
    assert standardize(np.array([[2.0, 5.0, 7.0]])).tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize(("first", "rows"), [(50, [90, 80, 70, 60, 50]), (51, [90, 80, 70, 60]), (91, [])])
def test_the_first_admissible_row_is_a_past_entry(first, rows):
    assert aligned_entries(100, 10, first).tolist() == rows


def test_aligned_entries_on_real_prices():
    # Sessions from May 2019: the entry is row 1436, the first admissible one has 148 before it.
    counts = {horizon: len(aligned_entries(1436, horizon, 148)) for horizon in (5, 20, 60, 120, 252)}
    assert counts == {5: 257, 20: 64, 60: 21, 120: 10, 252: 5}
    rows = aligned_entries(1436, 60, 148)
    assert rows[0] == 1376 and rows[-1] >= 148 and set(np.diff(rows)) == {-60}


@settings(max_examples=25)
@given(
    values=arrays(np.float64, (25, 3), elements=st.floats(-1, 1, width=32).map(lambda x: round(x, 3)), unique=True),
    scale=st.floats(0.01, 100),
    shift=st.floats(-5, 5),
)
def test_p_is_invariant_to_scale_and_shift(values, scale, shift):
    plain, moved = placebo_ranks(values), placebo_ranks(values * scale + shift)
    for one, other in zip(plain, moved, strict=True):
        assert (other.p, other.p_lower) == (one.p, one.p_lower)


def test_p_is_uniform_under_the_null():
    rng = np.random.default_rng(11)
    found = [placebo_ranks(rng.standard_t(5, (65, 1)))[0].p for _ in range(2000)]
    # p has steps of 1/65: within each step it is uniform.
    assert kstest(np.array(found) - rng.random(2000) / 65, "uniform").pvalue > 0.01


@pytest.mark.parametrize("sets", [500, pytest.param(2000, marks=pytest.mark.slow)])
def test_family_wise_error_rate_holds_under_correlation(sets):
    rng = np.random.default_rng(12)
    loud = {"upper": 0, "lower": 0}
    for _ in range(sets):
        shared = rng.standard_t(5, (65, 1))
        result = placebo_ranks(shared + 0.7 * rng.standard_t(5, (65, 12)))
        loud["upper"] += any(rank.p_family < 0.05 for rank in result)
        loud["lower"] += any(rank.p_family_lower < 0.05 for rank in result)
    allowed = 0.05 + 2 * np.sqrt(0.05 * 0.95 / sets)
    assert all(0.02 < count / sets <= allowed for count in loud.values())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda values: values[:15], "14 placebos that do not overlap; 19 are needed"),
        (lambda values: np.where(np.arange(30)[:, None] == 7, np.nan, values), "1 of 29 placebos do not reach"),
        (lambda values: np.where(np.arange(30)[:, None] == 0, np.nan, values), "the hold or the prices end before"),
        (lambda values: np.where(np.arange(30)[:, None] == 7, -np.inf, values), "1 of 30 entries ended in ruin"),
        (lambda values: values * 0 + 0.25, "all placebos are equal"),
    ],
)
def test_an_unrankable_reading_gives_a_reason_and_does_not_affect_the_others(spoil, reason):
    values = np.random.default_rng(3).normal(size=(30, 2))
    spoilt = np.column_stack([spoil(values[:, :1])[:, 0], values[: len(spoil(values[:, :1])), 1]])
    first, second = placebo_ranks(spoilt)
    effect = None if np.isnan(spoilt[0, 0]) else pytest.approx(spoilt[0, 0])
    assert first == PlaceboRank(len(spoilt) - 1, effect, reason=first.reason) and first.reason.startswith(reason)
    if len(spoilt) == 30:
        assert second.p == second.p_family == placebo_ranks(values[:, 1:])[0].p


def test_nineteen_placebos_are_enough():
    (rank,) = placebo_ranks(np.arange(20.0)[::-1, None])
    assert rank.p == pytest.approx(1 / 20) and rank.reason == ""


def test_reasons_are_complete():
    values = np.random.default_rng(3).normal(size=(30, 3))
    values[0, 0], values[:, 1], values[0, 2] = np.nan, 0.25, -np.inf
    assert [(rank.effect, rank.reason) for rank in placebo_ranks(values)] == [
        (None, "the hold or the prices end before this horizon"),
        (0.25, "all placebos are equal"),
        (None, "1 of 30 entries ended in ruin, where d is undefined"),
    ]


def test_ties_count_against_the_reading():
    values = np.array([0.0, *[0.0] * 30, *[-1.0] * 30])[:, None] + 1e-15 * np.arange(61)[:, None]
    (rank,) = placebo_ranks(values)
    assert rank.p == pytest.approx(31 / 61)


def test_power_grows_with_the_effect_and_equals_the_size_at_zero():
    values = np.random.default_rng(5).normal(size=(65, 4)) * 0.1
    found = placebo_power(values, 2, (0.0, 0.1, 0.3, 0.6, 2.0))
    assert found is not None
    assert found.shares[0] <= 0.05
    assert list(found.shares) == sorted(found.shares) and found.shares[-1] == 1.0
    assert found.detectable in (0.6, 2.0)
    by_hand = 0
    placebos = values[1:]
    for row in range(64):
        raised = placebos.copy()
        raised[row, 2] += 0.3
        raised[[0, row]] = raised[[row, 0]]
        rank = placebo_ranks(raised)[2]
        by_hand += rank.p_family < 0.025 and rank.effect > 0
    assert found.shares[2] == pytest.approx(by_hand / 64)
    assert placebo_power(np.ones((65, 2)), 0, (0.1,)) is None


def test_power_of_a_single_reading_by_hand():
    # -20 to 20: raised by 41 each of 41 placebos is alone on top, p = 1 / 41; raised by 0 only the 20 is.
    values = np.arange(-21.0, 21.0)[:, None]
    alone = Power((0.0, 41.0), (1 / 41, 1.0), 41.0)
    assert placebo_power(values, 0, (0.0, 41.0)) == alone
    beside_a_dead_one = np.column_stack([values, np.ones(42)])
    assert placebo_power(beside_a_dead_one, 0, (0.0, 41.0)) == alone
    assert placebo_power(beside_a_dead_one, 1, (0.0, 41.0)) is None
    assert placebo_power(values, 0, (0.0,)) == Power((0.0,), (1 / 41,), None)
    assert placebo_power(values, 0, (0.0, 41.0), wanted=1.0) == alone
    assert placebo_power(values, 0, (0.0, 41.0), wanted=1 / 41).detectable == 0.0


def test_a_raised_placebo_at_zero_or_at_the_size_is_not_detected():
    # -41 to -1: raised by 1 the last is highest, with a p of 1 / 41, and its d is zero.
    below = np.arange(-42.0, 0.0)[:, None]
    assert placebo_power(below, 0, (1.0, 1.5)) == Power((1.0, 1.5), (0.0, 1 / 41), None)
    assert placebo_power(np.arange(-21.0, 21.0)[:, None], 0, (41.0,), size=1 / 41) == Power((41.0,), (0.0,), None)


def test_another_reading_counts_only_at_the_same_placebo():
    # At a size of 10 % of 40 placebos up to three may be as high: those at which the other reading is highest.
    values = np.random.default_rng(6).normal(size=(41, 2)) * 0.1
    found = placebo_power(values, 0, (0.25,), size=0.1)
    placebos, count = values[1:], 0
    z = standardize(placebos[:, 1:])[:, 0]
    for row in range(40):
        raised = placebos[:, 0].copy()
        raised[row] += 0.25
        own = standardize(raised[:, None])[:, 0]
        count += np.mean(np.maximum(own, z) >= own[row]) < 0.1 and raised[row] > 0
    assert found.shares == (count / 40,)
    assert found.shares[0] > np.mean([standardize(placebos[:, :1])[row, 0] > z.max() for row in range(40)])


@pytest.mark.parametrize(("rows", "held"), [(1, False), (2, False), (20, False), (21, True)])
def test_power_needs_nineteen_other_placebos(rows, held):
    found = placebo_power(np.arange(float(rows))[:, None], 0, (100.0,), size=0.1)
    assert found == (Power((100.0,), (1.0,), 100.0) if held else None)
