"""Statistics of a specification curve: its median, sign, variance by dimension, and joint placebo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.availability import NOISE
from reports.statistics.placebo import DIGITS, PlaceboRank, placebo_ranks


@dataclass(frozen=True)
class CurveSummary:
    """Summary of a set of specifications: number with a d, median, share with its sign, share above zero, range.

    All but `n` are NaN for an empty set.
    """

    n: int
    median: float
    same_sign: float
    above: float
    low: float
    high: float


@dataclass(frozen=True)
class JointPlacebo:
    """Ranks of the real curve among the curves at past entries: its median, and the share with the median's sign."""

    median: PlaceboRank
    share: PlaceboRank


def nan_safe_median(values: np.ndarray) -> np.ndarray:
    """Median along the last axis; NaN where a value is NaN, or there is none."""
    array = np.asarray(values, dtype=float)
    if not array.shape[-1]:
        return np.full(array.shape[:-1], np.nan)
    missing = np.isnan(array).any(axis=-1)
    with np.errstate(invalid="ignore"):  # ruin on both sides has no middle
        return np.asarray(np.where(missing, np.nan, np.median(np.where(missing[..., None], 0.0, array), axis=-1)))


def same_sign_share(values: np.ndarray) -> np.ndarray:
    """Share of the values along the last axis that have the sign of their median; NaN where the median is."""
    rounded = np.round(np.asarray(values, dtype=float), DIGITS)
    median = nan_safe_median(rounded)
    shares = np.mean(np.sign(rounded) == np.sign(median)[..., None], axis=-1) if rounded.shape[-1] else median
    return np.where(np.isnan(median), np.nan, shares)


def curve_summary(values: np.ndarray) -> CurveSummary:
    """Summary of d over specifications, shape (n_specs,); NaN values are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return CurveSummary(0, *[float("nan")] * 5)
    return CurveSummary(
        len(known),
        float(nan_safe_median(known)),
        float(same_sign_share(known)),
        float(np.mean(np.round(known, DIGITS) > 0)),
        float(known.min()),
        float(known.max()),
    )


def variance_shares(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Main effects: the share of the variance of `values` that each column of `codes` explains alone.

    Between-group over total sum of squares of a one-way analysis of variance, shape (n_dimensions,). Interactions are
    in none of the shares, so that those of a full grid add up to less than 1; where combinations are missing, shares
    may overlap. Values that are not finite are left out; NaN where nothing varies.
    """
    known = np.isfinite(values)
    d, groups = values[known], codes[known]
    if not len(d) or np.std(d) <= NOISE:
        return np.full(codes.shape[1], np.nan)
    centred = d - d.mean()
    between = np.array([_between(centred, column) for column in groups.T])
    return np.asarray(between / np.dot(centred, centred))


def joint_placebo(curves: Sequence[np.ndarray]) -> list[JointPlacebo]:
    """The joint placebo of several readings, each a curve of shape (n_entries, n_specs) with the real entry first.

    p is one-sided: the share of entries, the real one included, whose median (or share) is at least as high. The
    adjusted p-value uses the largest z over all readings. The share has no direction: it counts whichever sign the
    median at its entry has.
    """
    medians = np.column_stack([nan_safe_median(curve) for curve in curves])
    shares = np.column_stack([same_sign_share(curve) for curve in curves])
    return [JointPlacebo(*ranks) for ranks in zip(placebo_ranks(medians), placebo_ranks(shares), strict=True)]


def _between(centred: np.ndarray, column: np.ndarray) -> float:
    counts = np.bincount(column)
    sums = np.bincount(column, weights=centred)
    return float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]))
