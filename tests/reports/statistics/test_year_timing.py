"""The timing test over a year, against scipy, counting by hand, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from reports.statistics.year_timing import AFTER, BEFORE, window_entries, year_timings

WINDOWS = BEFORE + AFTER


def draws(seed=0, readings=1):
    return np.random.default_rng(seed).standard_t(5, (WINDOWS, readings)) * 0.05


def test_the_permutation_p_is_scipys_within_simulation_error():
    values = draws()
    values[BEFORE:] += 0.03
    (test,) = year_timings(values, AFTER, seed=1)

    def difference(after, before, axis=-1):
        return after.mean(axis=axis) - before.mean(axis=axis)

    for side, p in (("greater", test.p), ("less", test.p_lower)):
        theirs = permutation_test(
            (values[BEFORE:, 0], values[:BEFORE, 0]), difference, alternative=side, n_resamples=20_000, rng=2
        ).pvalue
        assert abs(p - theirs) < 4 * np.sqrt(theirs * (1 - theirs) * (1 / 9_999 + 1 / 20_000)) + 1e-4


def test_z_and_cyclic_p_by_hand():
    values = draws(3)
    (test,) = year_timings(values, AFTER, seed=1)
    column = values[:, 0]
    after, before = column[BEFORE:].mean(), column[:BEFORE].mean()
    assert (test.after, test.before) == pytest.approx((after, before))
    assert test.z == pytest.approx((after - before) / (column.std(ddof=1) * np.sqrt(1 / AFTER + 1 / BEFORE)))
    shifts = []
    for shift in range(WINDOWS):
        inside = [(BEFORE + n + shift) % WINDOWS for n in range(AFTER)]
        outside = [n for n in range(WINDOWS) if n not in inside]
        shifts.append(column[inside].mean() - column[outside].mean())
    assert test.cyclic == np.mean([shift >= shifts[0] - 1e-12 for shift in shifts])
    assert test.cyclic_lower == np.mean([shift <= shifts[0] + 1e-12 for shift in shifts])


def test_the_family_p_is_at_least_the_readings_own_and_one_reading_is_its_family():
    values = draws(4, 5)
    for test in year_timings(values, AFTER, seed=1):
        assert test.p_family >= test.p and test.p_family_lower >= test.p_lower
    (alone,) = year_timings(values[:, :1], AFTER, seed=1)
    assert (alone.p_family, alone.p_family_lower) == (alone.p, alone.p_lower)


def test_scale_and_shift_change_no_p_and_the_sign_changes_sides():
    values = draws(5)
    (plain,), (moved,), (turned,) = (
        year_timings(changed, AFTER, seed=1) for changed in (values, 3 * values + 1, -values)
    )
    assert (moved.p, moved.cyclic) == (plain.p, plain.cyclic)
    assert (turned.p, turned.p_lower, turned.cyclic) == (plain.p_lower, plain.p, plain.cyclic_lower)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.full((WINDOWS, 1), 0.1), "all windows are equal"),
        (np.where(np.arange(WINDOWS)[:, None] == 3, np.nan, draws()), "a window lacks a value"),
        (np.where(np.arange(WINDOWS)[:, None] == 3, -np.inf, draws()), "a window lacks a value"),
        (draws()[5:], "it needs 64 windows before the entry and 12 after it, and there are 59 and 12"),
    ],
)
def test_without_values_there_is_a_reason_and_others_have_theirs(values, reason):
    (test,) = year_timings(values, AFTER, seed=1)
    assert test.reason == reason and test.p is None and test.difference is None
    if len(values) == WINDOWS:
        _, other = year_timings(np.column_stack((values, draws(6))), AFTER, seed=1)
        (alone,) = year_timings(draws(6), AFTER, seed=1)
        assert other == alone


def test_windows_are_disjoint_and_touch_the_entry():
    entries = window_entries(1500, 20, first=148, last=1800)
    assert len(entries) == WINDOWS and set(np.diff(entries)) == {20}
    assert 1500 in entries and entries[BEFORE] == 1500
    assert window_entries(1500, 20, first=148, last=1738)[-1] == 1700  # the last would end with row 1739
