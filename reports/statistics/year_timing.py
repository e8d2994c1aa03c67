"""The timing test over a year: are the months after the entry better than the months before it?

A month alone shows only effects of several standard deviations. Here windows of one month before the entry are compared
with those after it. Two p-values are needed, since one of them alone is not valid for every dependence: windows are
permuted, and they are shifted cyclically, which keeps their order (Chernozhukov, Wuthrich & Zhu 2021, JASA 116:1849).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.statistics.placebo import DIGITS

BEFORE, AFTER = 64, 12  # windows before and after the entry
PERMUTATIONS = 9_999


@dataclass(frozen=True)
class YearTiming:
    """The months after the entry against those before it.

    `after` and `before` are mean excess log returns of a window, `z` is their difference over its standard error.
    `p` and `p_lower` are the shares of permutations at or above and at or below z, `p_family` and `p_family_lower`
    adjusted for all readings by the largest and the smallest z of a permutation; `cyclic` and `cyclic_lower` are the
    shares of the cyclic shifts. Values that are not available are None, and `reason` says why.
    """

    after: float | None = None
    before: float | None = None
    z: float | None = None
    p: float | None = None
    p_lower: float | None = None
    p_family: float | None = None
    p_family_lower: float | None = None
    cyclic: float | None = None
    cyclic_lower: float | None = None
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Mean excess of a window after the entry less that before it; None if not available."""
        return None if self.after is None or self.before is None else self.after - self.before


def window_entries(entry: int, window: int, first: int, last: int) -> np.ndarray:
    """Rows of the entries of all windows in order of time, shape (n_windows,).

    BEFORE windows of `window` sessions end before row `entry`, AFTER follow from it; fewer where they would begin
    before row `first` or end after row `last`.
    """
    entries = entry + window * np.arange(-BEFORE, AFTER)
    return np.asarray(entries[(entries >= first) & (entries + window - 1 <= last)])


def year_timings(values: np.ndarray, after: int, seed: int, permutations: int = PERMUTATIONS) -> list[YearTiming]:
    """The test of each reading.

    `values`, shape (n_windows, n_readings), are excess log returns in order of time, the last `after` of them after the
    entry. A reading with a missing or infinite value, or whose values are all equal, has no p and does not count in the
    adjustment; nor has any with fewer windows than BEFORE and AFTER.
    """
    rounded = np.round(np.asarray(values, dtype=float), DIGITS)
    reasons = [_reason(column, after) for column in rounded.T]
    testable = np.array([not reason for reason in reasons], dtype=bool)
    if not testable.any():
        return [YearTiming(reason=reason) for reason in reasons]
    known = rounded[:, testable]
    drawn, shifted = _permuted(known, after, seed, permutations), _shifted(known, after)
    tests = iter(_tests(known, after, drawn, shifted))
    return [YearTiming(reason=reason) if reason else next(tests) for reason in reasons]


def standardized_difference(values: np.ndarray, is_after: np.ndarray) -> np.ndarray:
    """z = (mean after - mean before) / (sd sqrt(1 / n_after + 1 / n_before)), sd over all windows.

    `values` has shape (n_windows, n_readings), `is_after` shape (n_arrangements, n_windows); the result has shape
    (n_arrangements, n_readings).
    """
    after = is_after.sum(axis=1)[:, None]
    before = is_after.shape[1] - after
    sums = is_after @ values
    difference = sums / after - (values.sum(axis=0) - sums) / before
    error = values.std(axis=0, ddof=1) * np.sqrt(1 / after + 1 / before)
    return np.asarray(np.round(difference / error, DIGITS))


def _permuted(values: np.ndarray, after: int, seed: int, permutations: int) -> np.ndarray:
    """z of the windows as they are, and of random permutations, the same for all readings."""
    last = np.arange(len(values)) >= len(values) - after
    shuffled = np.random.default_rng(seed).permuted(np.tile(last, (permutations, 1)), axis=1)
    return standardized_difference(values, np.vstack((last, shuffled)).astype(float))


def _shifted(values: np.ndarray, after: int) -> np.ndarray:
    """z of every cyclic shift of the windows, the first of them none."""
    last = np.arange(len(values)) >= len(values) - after
    return standardized_difference(values, np.array([np.roll(last, shift) for shift in range(len(last))], dtype=float))


def _tests(values: np.ndarray, after: int, drawn: np.ndarray, shifted: np.ndarray) -> list[YearTiming]:
    highest, lowest = drawn.max(axis=1), drawn.min(axis=1)
    return [
        YearTiming(
            after=float(values[-after:, column].mean()),
            before=float(values[:-after, column].mean()),
            z=float(z),
            p=float(np.mean(drawn[:, column] >= z)),
            p_lower=float(np.mean(drawn[:, column] <= z)),
            p_family=float(np.mean(highest >= z)),
            p_family_lower=float(np.mean(lowest <= z)),
            cyclic=float(np.mean(shifted[:, column] >= z)),
            cyclic_lower=float(np.mean(shifted[:, column] <= z)),
        )
        for column, z in enumerate(drawn[0])
    ]


def _reason(column: np.ndarray, after: int) -> str:
    """Why a reading has no p; empty if it has."""
    before = len(column) - after
    if before < BEFORE or after < AFTER:
        return f"it needs {BEFORE} windows before the entry and {AFTER} after it, and there are {before} and {after}"
    if not np.isfinite(column).all():
        return "a window lacks a value"
    return "all windows are equal" if np.ptp(column) == 0 else ""
