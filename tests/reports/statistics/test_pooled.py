"""Pooled results after events, against counting by hand and resampling by hand on small calendars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.statistics.pooled import (
    LEAST_EVENTS,
    RESAMPLES,
    Calendar,
    ShiftRange,
    mean_differences,
    pooled_excesses,
    quarter_interval,
    shifted_means,
    smallest_effects,
)

LENGTH, GROUPS = 90, 3
USABLE = ShiftRange(5, 84, 8)  # 80 sessions, of which shifts of 9 to 71 are used
EVENTS = Calendar(
    np.array([0, 1, 2, 0, 1, 2, 0]), np.array([6, 20, 21, 40, 60, 80, 84]), np.array([1, 1, 1, 2, 3, 3, 3])
)


def excesses(seed: int = 0, readings: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, (GROUPS, LENGTH, readings)) * 0.05


def by_hand(values: np.ndarray, events: Calendar, usable: ShiftRange) -> list[list[list[float]]]:
    """The known results of the events at every shift, the real ones first, by reading."""
    length, calendars = usable.last - usable.first + 1, []
    for shift in [0, *range(usable.gap + 1, length - usable.gap)]:
        cells = []
        for group, row in zip(events.groups.tolist(), events.rows.tolist(), strict=True):
            moved = row + shift
            cells.append((group, moved - length if moved > usable.last else moved))
        calendars.append(
            [[values[cell][r] for cell in cells if not np.isnan(values[cell][r])] for r in range(values.shape[2])]
        )
    return calendars


def test_shifts_whose_windows_touch_the_real_ones_are_left_out():
    assert USABLE.shifts.tolist() == list(range(9, 72))  # 80 - 9 = 71 is a shift by -9
    moved = USABLE.shifted(np.array([6, 84]), np.array([9, 79]))
    assert moved.tolist() == [[15, 13], [5, 83]]
    assert len(ShiftRange(0, 10, 5).shifts) == 0


def test_means_of_all_shifts_by_hand():
    values = excesses()
    values[1, 30:50] = np.nan
    values[2, 5:9, 1] = np.nan
    expected = [[np.mean(known) for known in each] for each in by_hand(values, EVENTS, USABLE)]
    assert shifted_means(values, EVENTS, USABLE) == pytest.approx(np.array(expected))


def test_p_values_by_hand():
    values = excesses(1)
    values[EVENTS.groups, EVENTS.rows] += 0.03
    first, second = pooled_excesses(values, EVENTS, USABLE, seed=1)
    means = np.array([[np.mean(known) for known in each] for each in by_hand(values, EVENTS, USABLE)])
    scores = (means - means.mean(axis=0)) / means.std(axis=0, ddof=1)
    for column, pooled in enumerate((first, second)):
        assert pooled.mean == pytest.approx(means[0, column])
        assert pooled.rank.n == 63
        assert pooled.rank.p == sum(means[:, column] >= means[0, column]) / 64
        assert pooled.rank.p_lower == sum(means[:, column] <= means[0, column]) / 64
        assert pooled.rank.p_family == sum(scores.max(axis=1) >= scores[0, column]) / 64
        assert pooled.rank.p_family_lower == sum(scores.min(axis=1) <= scores[0, column]) / 64


def test_a_shift_that_keeps_fewer_than_half_of_the_events_is_left_out():
    values = excesses(2)
    values[:, 30:60] = np.nan
    known = [[len(reading) for reading in each] for each in by_hand(values, EVENTS, USABLE)]
    kept = [counts for counts in known[1:] if min(counts) >= known[0][0] / 2]
    means = shifted_means(values, EVENTS, USABLE)
    assert len(means) == 1 + len(kept) < len(known)
    assert not np.isnan(means).any()


def test_figures_of_the_real_events():
    values = excesses(3)
    values[2, 80] = np.nan
    pooled, _ = pooled_excesses(values, EVENTS, USABLE, seed=1)
    known = np.delete(values[EVENTS.groups, EVENTS.rows, 0], 5)
    assert (pooled.n, pooled.dates) == (6, 6)
    assert pooled.mean == pytest.approx(known.mean()) and pooled.median == np.median(known)
    assert pooled.positive == sum(known > 0) / 6


def test_events_on_one_day_are_one_date_and_events_outside_the_range_are_left_out():
    events = Calendar(np.array([0, 1, 2, 0, 1, 2, 0]), np.array([2, 20, 20, 20, 60, 80, 86]), np.arange(7))
    pooled, _ = pooled_excesses(excesses(4), events, USABLE, seed=1)
    assert (pooled.n, pooled.dates) == (5, 3)


def test_too_few_events_have_no_mean_and_say_why():
    events = EVENTS.take(np.arange(LEAST_EVENTS - 1))
    pooled, _ = pooled_excesses(excesses(5), events, USABLE, seed=1)
    assert (pooled.n, pooled.mean, pooled.low, pooled.rank.p, pooled.upward) == (4, None, None, None, None)
    assert pooled.rank.reason


def test_a_range_without_shifts_has_no_p():
    pooled, _ = pooled_excesses(excesses(6), EVENTS, ShiftRange(5, 84, 40), seed=1)
    assert pooled.rank.p is None and pooled.upward is None and "0 placebos" in pooled.rank.reason
    assert pooled.mean is not None and pooled.low is not None  # what happened is told


def test_ruin_counts_as_the_loss_of_everything():
    values = excesses(7)
    values[0, 6, 0] = -1.0
    pooled, _ = pooled_excesses(values, EVENTS, USABLE, seed=1)
    rest = np.delete(values[EVENTS.groups, EVENTS.rows, 0], 0)
    assert pooled.mean == pytest.approx((rest.sum() - 1) / 7)


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_the_sign_changes_sides_and_a_constant_changes_no_p(seed):
    values = excesses(seed)
    plain, turned, moved = (pooled_excesses(each, EVENTS, USABLE, seed=1) for each in (values, -values, values + 0.25))
    for ours, other, third in zip(plain, turned, moved, strict=True):
        assert (ours.rank.p, ours.rank.p_family) == (other.rank.p_lower, other.rank.p_family_lower)
        assert (ours.rank.p, ours.rank.p_family_lower) == (third.rank.p, third.rank.p_family_lower)
        assert (ours.upward, ours.low) == pytest.approx((other.downward, -other.high), abs=2e-3)


def test_an_interval_by_hand_resamples_whole_quarters():
    values, quarters = np.array([0.1, 0.3, -0.2, 0.05, 0.0, 0.4]), np.array([7, 7, 9, 9, 9, 11])
    low, high = quarter_interval(values, quarters, seed=3)
    rng, means = np.random.default_rng(0), []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([values[quarters == quarter] for quarter in rng.choice([7, 9, 11], 3)])
        means.append(drawn.mean())
    assert (low, high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    assert quarter_interval(values, quarters, seed=3) == (low, high)


def test_one_quarter_has_an_interval_of_one_point():
    assert quarter_interval(np.array([0.1, 0.3]), np.array([5, 5]), seed=1) == pytest.approx((0.2, 0.2))


def test_the_smallest_effect_lifts_four_of_five_shifts_past_the_bound_of_the_family():
    values = excesses(8)
    means = shifted_means(values, EVENTS, USABLE)
    pooled = pooled_excesses(values, EVENTS, USABLE, seed=1)
    sizes = smallest_effects(means, [each.rank for each in pooled])
    shifted = means[1:]
    scores = (shifted - shifted.mean(axis=0)) / shifted.std(axis=0, ddof=1)
    for column, (upward, downward) in enumerate(sizes):
        top = shifted[:, column].mean() + shifted[:, column].std(ddof=1) * np.quantile(scores.max(axis=1), 0.975)
        bottom = shifted[:, column].mean() + shifted[:, column].std(ddof=1) * np.quantile(scores.min(axis=1), 0.025)
        assert np.mean(shifted[:, column] + upward >= top) == pytest.approx(0.8, abs=1 / 63)
        assert np.mean(shifted[:, column] - downward <= bottom) == pytest.approx(0.8, abs=1 / 63)


def test_differences_between_kinds_by_hand():
    values = excesses(9, 1)
    kinds = np.where(np.arange(LENGTH) % 2 == 0, 1, 0)
    kinds[40] = -1
    events = Calendar(np.tile([0, 1, 2], 8), np.arange(5, 77, 3), np.repeat(np.arange(8), 3))
    (rank,), figures = mean_differences(values, kinds, events, USABLE)
    length, differences, real = 80, [], None
    for shift in [0, *range(9, 72)]:
        sides: dict[int, list[float]] = {1: [], 0: [], -1: []}
        for group, row in zip(events.groups, events.rows, strict=True):
            moved = 5 + (row - 5 + shift) % length
            sides[kinds[moved]].append(values[group, moved, 0])
        real = real or sides
        differences.append(np.mean(sides[1]) - np.mean(sides[0]))
    assert figures[:, 0, 0].tolist() == [len(real[1]), len(real[0])]
    assert figures[:, 1, 0] == pytest.approx([np.mean(real[1]), np.mean(real[0])])
    assert rank.p == sum(np.array(differences) >= differences[0] - 1e-12) / 64
    assert rank.p_lower == sum(np.array(differences) <= differences[0] + 1e-12) / 64
    assert rank.effect == pytest.approx(differences[0])


def test_a_kind_with_too_few_events_has_no_p():
    kinds = np.where(np.arange(LENGTH) == 6, 1, 0)
    (rank, _), figures = mean_differences(excesses(10), kinds, EVENTS, USABLE)
    assert figures[0, 0].tolist() == [1, 1] and rank.p is None and rank.reason
