"""Pooled results after events, against counting by hand and resampling by hand on small calendars."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from reports.statistics.pooled import (
    FLIPS,
    LEAST_EVENTS,
    RESAMPLES,
    Calendar,
    ShiftRange,
    flipped_statistics,
    mean_differences,
    pooled_excesses,
    quarter_interval,
    shifted_means,
)

LENGTH, GROUPS = 90, 3
USABLE = ShiftRange(5, 84, 8)  # 80 sessions, of which shifts of 9 to 71 are used
EVENTS = Calendar(
    np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0]),
    np.array([6, 7, 20, 26, 33, 40, 47, 52, 60, 66, 72, 80, 84]),
    np.array([1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 10, 11]),
)


def excesses(seed: int = 0, readings: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(4, (GROUPS, LENGTH, readings)) * 0.05


def by_hand(values: np.ndarray, events: Calendar, usable: ShiftRange) -> list[list[dict[int, list[float]]]]:
    """The known results of the events by quarter, at every shift, the real ones first, by reading."""
    length, calendars = usable.last - usable.first + 1, []
    for shift in [0, *range(usable.gap + 1, length - usable.gap)]:
        readings = []
        for reading in range(values.shape[2]):
            found: dict[int, list[float]] = {}
            for group, row, quarter in zip(events.groups, events.rows, events.quarters, strict=True):
                moved = row + shift
                value = values[group, moved - length if moved > usable.last else moved, reading]
                found.setdefault(int(quarter), []).extend([] if np.isnan(value) else [float(value)])
            readings.append(found)
        calendars.append(readings)
    return calendars


def mean_by_hand(found: dict[int, list[float]]) -> float:
    return float(np.mean([value for quarter in found.values() for value in quarter]))


def error_by_hand(found: dict[int, list[float]]) -> float:
    mean, n = mean_by_hand(found), sum(map(len, found.values()))
    return float(np.sqrt(sum(sum(value - mean for value in quarter) ** 2 for quarter in found.values())) / n)


def statistics_by_hand(calendars: list[list[dict[int, list[float]]]]) -> np.ndarray:
    means = np.array([[mean_by_hand(found) for found in readings] for readings in calendars])
    errors = np.array([[error_by_hand(found) for found in readings] for readings in calendars])
    return (means - means.mean(axis=0)) / errors


def test_shifts_whose_windows_touch_the_real_ones_are_left_out():
    assert USABLE.shifts.tolist() == list(range(9, 72))  # 80 - 9 = 71 is a shift by -9
    assert len(ShiftRange(0, 10, 5).shifts) == 0


def test_means_and_errors_of_all_shifts_by_hand():
    values = excesses()
    values[1, 30:50] = np.nan
    values[2, 5:9, 1] = np.nan
    calendars = by_hand(values, EVENTS, USABLE)
    means, errors = shifted_means(values, EVENTS, USABLE)
    assert means == pytest.approx(np.array([[mean_by_hand(found) for found in each] for each in calendars]))
    assert errors == pytest.approx(np.array([[error_by_hand(found) for found in each] for each in calendars]))


def test_the_error_is_that_of_statsmodels_for_clusters():
    values = excesses(11, 1)
    real = values[EVENTS.groups, EVENTS.rows, 0]
    theirs = OLS(real, np.ones(len(real))).fit(
        cov_type="cluster", cov_kwds={"groups": EVENTS.quarters, "use_correction": False}
    )
    means, errors = shifted_means(values, EVENTS, USABLE)
    assert (means[0, 0], errors[0, 0]) == pytest.approx((theirs.params[0], theirs.bse[0]))


def test_p_values_by_hand():
    values = excesses(1)
    values[EVENTS.groups, EVENTS.rows] += 0.03
    first, second = pooled_excesses(values, EVENTS, USABLE, seed=1)
    calendars = by_hand(values, EVENTS, USABLE)
    t = statistics_by_hand(calendars)
    scores = (t - t.mean(axis=0)) / t.std(axis=0, ddof=1)
    flips = [shares_of_flips(values, EVENTS, column, calendars) for column in range(2)]
    for column, (pooled, flip) in enumerate(zip((first, second), flips, strict=True)):
        assert pooled.mean == pooled.rank.effect == round(mean_by_hand(calendars[0][column]), 12)
        assert pooled.rank.n == 63
        assert pooled.rank.p == max(sum(t[:, column] >= t[0, column]) / 64, flip["p"])
        assert pooled.rank.p_lower == max(sum(t[:, column] <= t[0, column]) / 64, flip["p_lower"])
        assert pooled.rank.p_family == max(sum(scores.max(axis=1) >= scores[0, column]) / 64, flip["p_family"])
        assert pooled.rank.p_family_lower == max(
            sum(scores.min(axis=1) <= scores[0, column]) / 64, flip["p_family_lower"]
        )


def shares_of_flips(values, events, column, calendars) -> dict[str, float]:
    """Shares of the flipped statistics beyond the real one, by the name of the p-value."""
    centre = np.mean([[mean_by_hand(found) for found in readings] for readings in calendars], axis=0)
    flipped = flipped_statistics(values[events.groups, events.rows] - centre, events.quarters)
    own, real = flipped[:, column], flipped[0, column]
    return {
        "p": np.mean(own >= real),
        "p_lower": np.mean(own <= real),
        "p_family": np.mean(flipped.max(axis=1) >= real),
        "p_family_lower": np.mean(flipped.min(axis=1) <= real),
    }


def test_flipped_signs_against_all_combinations():
    real = excesses(1, 1)[EVENTS.groups, EVENTS.rows] + 0.02
    flipped = flipped_statistics(real, EVENTS.quarters)[:, 0]
    sums = np.array([real[EVENTS.quarters == quarter].sum() for quarter in range(1, 12)])
    every = []
    for signs in product((1, -1), repeat=11):
        turned = sums * signs
        every.append(turned.sum() / np.sqrt(np.sum((turned - turned.mean()) ** 2)))
    assert flipped[0] == pytest.approx(every[0])
    exact = np.mean(np.array(every) >= every[0] - 1e-9)
    assert np.mean(flipped >= flipped[0]) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / FLIPS))


def test_a_shift_that_keeps_fewer_than_half_of_the_events_is_left_out():
    values = excesses(2)
    values[:, 45:72] = np.nan
    early = Calendar(EVENTS.groups, np.arange(6, 45, 3), EVENTS.quarters)
    known = [[sum(map(len, found.values())) for found in each] for each in by_hand(values, early, USABLE)]
    kept = [counts for counts in known[1:] if min(counts) >= known[0][0] / 2]
    means, errors = shifted_means(values, early, USABLE)
    assert len(means) == len(errors) == 1 + len(kept) < len(known)
    assert not np.isnan(means).any()


def test_a_reading_without_any_result_leaves_the_others_their_p():
    values = excesses(12)
    alone, without = values[..., :1], np.where([True, False], values, np.nan)
    (expected,) = pooled_excesses(alone, EVENTS, USABLE, seed=1)
    first, second = pooled_excesses(without, EVENTS, USABLE, seed=1)
    assert (first.mean, first.rank.p, first.rank.p_family) == (expected.mean, expected.rank.p, expected.rank.p)
    assert (second.n, second.mean, second.rank.reason) == (0, None, "0 events have a result; 5 are needed")


def test_events_in_few_quarters_have_a_mean_and_no_p():
    events = EVENTS.take(EVENTS.quarters < 10)
    pooled, _ = pooled_excesses(excesses(13), events, USABLE, seed=1)
    assert pooled.mean is not None and pooled.low is not None
    assert (pooled.rank.p, pooled.rank.reason) == (None, "the events lie in 9 quarters; 10 are needed")


def test_figures_of_the_real_events():
    values = excesses(3)
    values[2, 80] = np.nan
    pooled, _ = pooled_excesses(values, EVENTS, USABLE, seed=1)
    known = np.delete(values[EVENTS.groups, EVENTS.rows, 0], 11)
    assert (pooled.n, pooled.dates) == (12, 12)
    assert pooled.mean == pytest.approx(known.mean()) and pooled.median == np.median(known)
    assert pooled.positive == sum(known > 0) / 12


def test_events_on_one_day_are_one_date_and_events_outside_the_range_are_left_out():
    events = Calendar(np.array([0, 1, 2, 0, 1, 2, 0]), np.array([2, 20, 20, 20, 60, 80, 86]), np.arange(7))
    pooled, _ = pooled_excesses(excesses(4), events, USABLE, seed=1)
    assert (pooled.n, pooled.dates) == (5, 3)


def test_too_few_events_have_no_mean_and_say_why():
    events = EVENTS.take(np.arange(LEAST_EVENTS - 1))
    pooled, _ = pooled_excesses(excesses(5), events, USABLE, seed=1)
    assert (pooled.n, pooled.mean, pooled.low, pooled.rank.p, pooled.upward) == (4, None, None, None, None)
    assert pooled.rank.reason == "4 events have a result; 5 are needed"


def test_a_range_without_shifts_has_no_p():
    pooled, _ = pooled_excesses(excesses(6), EVENTS, ShiftRange(5, 84, 40), seed=1)
    assert pooled.rank.p is None and pooled.upward is None and "0 placebos" in pooled.rank.reason
    assert pooled.mean is not None and pooled.low is not None  # what happened is told


def test_ruin_counts_as_the_loss_of_everything():
    values = excesses(7)
    values[0, 6, 0] = -1.0
    pooled, _ = pooled_excesses(values, EVENTS, USABLE, seed=1)
    rest = np.delete(values[EVENTS.groups, EVENTS.rows, 0], 0)
    assert pooled.mean == pytest.approx((rest.sum() - 1) / 13)


@settings(max_examples=10)
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


def test_the_smallest_effect_lifts_four_of_five_statistics_past_the_bound_of_the_family():
    values = excesses(8)
    t = statistics_by_hand(by_hand(values, EVENTS, USABLE))
    error = [error_by_hand(found) for found in by_hand(values, EVENTS, USABLE)[0]]
    shifted, pooled = t[1:], pooled_excesses(values, EVENTS, USABLE, seed=1)
    scores = (shifted - shifted.mean(axis=0)) / shifted.std(axis=0, ddof=1)
    centre = np.mean([[mean_by_hand(found) for found in each] for each in by_hand(values, EVENTS, USABLE)], axis=0)
    flipped = flipped_statistics(values[EVENTS.groups, EVENTS.rows] - centre, EVENTS.quarters)[1:]
    for column, each in enumerate(pooled):
        top = shifted[:, column].mean() + shifted[:, column].std(ddof=1) * np.quantile(scores.max(axis=1), 0.975)
        top = max(top, np.quantile(flipped.max(axis=1), 0.975))
        bottom = shifted[:, column].mean() + shifted[:, column].std(ddof=1) * np.quantile(scores.min(axis=1), 0.025)
        bottom = min(bottom, np.quantile(flipped.min(axis=1), 0.025))
        assert np.mean(shifted[:, column] + each.upward / error[column] >= top) == pytest.approx(0.8, abs=1 / 63)
        assert np.mean(shifted[:, column] - each.downward / error[column] <= bottom) == pytest.approx(0.8, abs=1 / 63)


def test_differences_between_kinds_by_hand():
    values = excesses(9, 1)
    kinds = np.where(np.arange(LENGTH) % 2 == 0, 1, 0)
    kinds[40] = -1
    events = Calendar(np.tile([0, 1, 2], 8), np.arange(5, 77, 3), np.repeat(np.arange(12), 2))
    (rank,), figures = mean_differences(values, kinds, events, USABLE)
    t, sides = [], []
    for shift in [0, *range(9, 72)]:
        moved = 5 + (events.rows - 5 + shift) % 80
        result, kind = values[events.groups, moved, 0], kinds[moved]
        # The difference of the means is the slope of a regression on the kind, with its clustered standard error.
        told = kind >= 0
        fit = OLS(result[told], np.column_stack((np.ones(told.sum()), kind[told]))).fit(
            cov_type="cluster", cov_kwds={"groups": events.quarters[told], "use_correction": False}
        )
        t.append((fit.params[1], fit.bse[1]))
        sides.append((result[kind == 1], result[kind == 0]))
    slopes, errors = np.array(t).T
    statistics = (slopes - slopes.mean()) / errors
    assert figures[:, 0, 0].tolist() == [len(side) for side in sides[0]]
    assert figures[:, 1, 0] == pytest.approx([side.mean() for side in sides[0]])
    assert rank.effect == pytest.approx(slopes[0])
    assert rank.p == sum(statistics >= statistics[0] - 1e-9) / 64
    assert rank.p_lower == sum(statistics <= statistics[0] + 1e-9) / 64


def test_a_kind_with_too_few_events_has_no_p():
    kinds = np.where(np.arange(LENGTH) == 6, 1, 0)
    (rank, _), figures = mean_differences(excesses(10), kinds, EVENTS, USABLE)
    assert figures[0, 0].tolist() == [1, 1] and rank.p is None and rank.reason


def test_what_is_not_tested_is_described():
    pooled, _ = pooled_excesses(excesses(14), EVENTS, USABLE, seed=1, untested="too long")
    tested, _ = pooled_excesses(excesses(14), EVENTS, USABLE, seed=1)
    assert (pooled.n, pooled.mean, pooled.low, pooled.high) == (tested.n, tested.mean, tested.low, tested.high)
    assert (pooled.rank.p, pooled.rank.p_family, pooled.rank.reason, pooled.upward) == (None, None, "too long", None)
    kinds = np.where(np.arange(LENGTH) % 2 == 0, 1, 0)
    ranks, figures = mean_differences(excesses(14), kinds, EVENTS, USABLE, untested="too few")
    same = mean_differences(excesses(14), kinds, EVENTS, USABLE)[1]
    assert {(rank.p, rank.reason) for rank in ranks} == {(None, "too few")} and np.array_equal(figures, same)
