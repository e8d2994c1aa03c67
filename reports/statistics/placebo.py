"""Placebos: the same rule where nothing happened, and where the real result stands among them.

In time the placebos are launches at other dates, in space baskets of other names. Both times the real value and its
placebos are exchangeable under the null, so that its rank among all of them, itself included, is an exact p-value
(Fisher 1935; Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39, on why it is never zero). Over several readings
the rank is that of the largest z at each placebo (Westfall & Young 1993, Resampling-Based Multiple Testing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.availability import NOISE, Missing

LEAST_PLACEBOS = 19  # fewer cannot give a p of 5 %
SIZE = 0.025  # of each declared test, family-wise
LEVEL = 0.95
DIGITS = 12  # of d: what differs less is a tie, on every machine


@dataclass(frozen=True)
class PlaceboRank:
    """The real d among `n` placebos.

    `effect` is the real d (a difference of logs); `mean` and `deviation` are of all n + 1 values, the real one
    included, and `z` its distance from the mean in deviations. `p` is the share of the n + 1 values at or above it,
    `p_lower` at or below it; `p_family` and `p_family_lower` the same for the largest and the smallest z of all
    readings of the family. `low` and `high` bound the effect at 95 %: the shifts that the placebos would not reject.
    What is not available is None, and `reason` says why; it is empty where nothing is missing.
    """

    n: int
    effect: float | None
    mean: float | None = None
    deviation: float | None = None
    z: float | None = None
    p: float | None = None
    p_lower: float | None = None
    p_family: float | None = None
    p_family_lower: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class OneSidedPower(Missing):
    """What stands in the place of a power where d cannot be above zero: the test can refute, and never support."""


@dataclass(frozen=True)
class Power:
    """How often a planted effect is found.

    `shares` of the placebos come out as supported, at the family-wise size, when they are raised by each of `effects`
    (in d). `detectable` is the first effect that is found in four of five, None beyond them.
    """

    effects: tuple[float, ...]
    shares: tuple[float, ...]
    detectable: float | None


def aligned_entries(entry: int, horizon: int, first: int) -> np.ndarray:
    """Rows of the placebo entries e - j * h, j = 1, 2, ..., not below `first`; the nearest first.

    `entry` is the row of the real entry session and `horizon` counts sessions. The windows are disjoint and end before
    the real one: launching at every session instead gives overlapping windows, whose ranks are no p-values.
    """
    return np.arange(entry - horizon, first - 1, -horizon)


def placebo_ranks(values: np.ndarray) -> list[PlaceboRank]:
    """One Rank a reading. `values` has shape (n_placebos + 1, n_readings), the real d in the first row.

    A reading without a number in some row (NaN: not reached; infinite: ruined), or whose values are all the same, has
    no p and is left out of the family; below LEAST_PLACEBOS placebos no reading has one.
    """
    known = np.round(np.asarray(values, dtype=float), DIGITS)
    n = len(known) - 1
    reasons = [_reason(column, n) for column in known.T]
    fit = np.array([not reason for reason in reasons], dtype=bool)
    scores = standardize(known[:, fit])
    highest, lowest = (np.sort(side(scores, axis=1)) for side in (np.max, np.min)) if fit.any() else (None, None)
    found = iter(zip(known.T[fit], scores.T, strict=True))
    return [
        PlaceboRank(n, _finite(column[0]), reason=reason) if reason else _rank(*next(found), highest, lowest)
        for column, reason in zip(known.T, reasons, strict=True)
    ]


def standardize(values: np.ndarray) -> np.ndarray:
    """z of every value among its column's, the real one included; shape as given."""
    deviation = values.std(axis=0, ddof=1) if len(values) > 1 else np.ones(values.shape[1])
    return np.round(np.asarray((values - values.mean(axis=0)) / deviation), DIGITS)


def placebo_power(
    values: np.ndarray, column: int, effects: Sequence[float], size: float = SIZE, wanted: float = 0.8
) -> Power | None:
    """What the family-wise test finds of an effect planted in one reading; None where that reading has no p.

    Every placebo in turn stands in for the real launch, raised by the effect, among the other placebos. `values` as in
    `ranks`; the real row is left out.
    """
    if len(values) < 2:
        return None
    placebos = np.round(np.asarray(values, dtype=float)[1:], DIGITS)
    reasons = [_reason(own, len(placebos) - 1) for own in placebos.T]
    if reasons[column]:
        return None
    others = [place for place, reason in enumerate(reasons) if not reason and place != column]
    rival = standardize(placebos[:, others]).max(axis=1) if others else np.full(len(placebos), -np.inf)
    shares = tuple(_found(placebos[:, column], rival, effect, size) for effect in effects)
    enough = [effect for effect, share in zip(effects, shares, strict=True) if share >= wanted]
    return Power(tuple(effects), shares, enough[0] if enough else None)


def _found(own: np.ndarray, rival: np.ndarray, effect: float, size: float) -> float:
    """Share of the placebos whose family-wise p falls below `size` when they are raised by `effect`."""
    n = len(own)
    raised = np.tile(own, (n, 1)) + effect * np.eye(n)  # row i: launch i stands in for the real one
    scores = standardize(raised.T).T
    p = (np.maximum(scores, rival) >= np.diag(scores)[:, None]).mean(axis=1)
    return float(np.mean((p < size) & (np.diag(raised) > 0)))


def _rank(column: np.ndarray, scores: np.ndarray, highest: np.ndarray | None, lowest: np.ndarray | None) -> PlaceboRank:
    n, real = len(column) - 1, scores[0]
    if highest is None or lowest is None:
        raise AssertionError("a reading that has a p is a family of one at least")
    placebos, outside = np.sort(column[1:]), int((1 - LEVEL) / 2 * (n + 1))
    bounded = outside >= 1
    return PlaceboRank(
        n,
        float(column[0]),
        float(column.mean()),
        float(column.std(ddof=1)),
        float(real),
        p=float(np.mean(scores >= real)),
        p_lower=float(np.mean(scores <= real)),
        p_family=float((n + 1 - highest.searchsorted(real, side="left")) / (n + 1)),
        p_family_lower=float(lowest.searchsorted(real, side="right") / (n + 1)),
        low=float(column[0] - placebos[-outside]) if bounded else None,
        high=float(column[0] - placebos[outside - 1]) if bounded else None,
    )


def _reason(column: np.ndarray, n: int) -> str:
    if np.isnan(column[0]):
        return "the hold or the prices end before this horizon"
    if n < LEAST_PLACEBOS:
        return f"{n} placebos that do not overlap; {LEAST_PLACEBOS} are needed"
    if missing := int(np.sum(np.isnan(column))):
        return f"{missing} of {n} placebos do not reach this horizon"
    if ruined := int(np.sum(~np.isfinite(column))):
        return f"{ruined} of {n + 1} launches ended in ruin, the log of which is not a number"
    if column.std() <= NOISE:
        return "every placebo came out the same"
    return ""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
