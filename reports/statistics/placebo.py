"""Placebo tests: the rank of the real result among results of the same rule where nothing happened.

Placebos of the timing test are past entries, placebos of the selection test are random baskets of stocks. In both, the
real value and its placebos are exchangeable under the null, so that its rank among all of them, itself included, is an
exact p-value (Fisher 1935; Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9:39, on why it is never zero). For
several readings, p-values are adjusted by ranking among the largest z at each placebo (Westfall & Young 1993,
Resampling-Based Multiple Testing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.availability import NOISE, Missing
from reports.statistics.bootstrap import LEVEL

LEAST_PLACEBOS = 19  # fewer cannot give a p of 5 %
SIZE = 0.025  # of each declared test, adjusted for all readings
POWER = 0.8  # power at which an effect counts as detectable
DIGITS = 12  # of d: smaller differences are ties, so that ranks are equal on every machine


@dataclass(frozen=True)
class PlaceboRank:
    """Rank of the real d among `n` placebos.

    `effect` is the real d (a difference of logs); `mean` and `deviation` are those of all n + 1 values, the real one
    included, and `z` is its distance from the mean in deviations. `p` is the share of the n + 1 values at or above it,
    `p_lower` the share at or below it; `p_family` and `p_family_lower` are the adjusted p-values, from the largest and
    the smallest z over all readings. `low` and `high` bound the effect at 95 %: the shifts that the placebos do not
    reject. Values that are not available are None, and `reason` says why; it is empty otherwise.
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
    """Placeholder of the power where d cannot be above zero: the test can refute the reading, but never support it."""


@dataclass(frozen=True)
class Power:
    """Power of the timing test against injected effects.

    `shares` of the placebos are called supported, with adjusted p-values, when raised by each of `effects` (in d).
    `detectable` is the first effect that is detected in four of five placebos; None if there is none.
    """

    effects: tuple[float, ...]
    shares: tuple[float, ...]
    detectable: float | None


def aligned_entries(entry: int, horizon: int, first: int) -> np.ndarray:
    """Rows of the past entries e - j * h, j = 1, 2, ..., not below `first`, in falling order.

    `entry` is the row of the real entry session and `horizon` counts sessions. The windows are disjoint and end before
    the real one; entries at every session would give overlapping windows, whose ranks are no p-values.
    """
    return np.arange(entry - horizon, first - 1, -horizon)


def placebo_ranks(values: np.ndarray) -> list[PlaceboRank]:
    """The rank of each reading. `values` has shape (n_placebos + 1, n_readings), the real d in the first row.

    A reading with a NaN (horizon not reached) or infinite value (ruin), or whose values are all equal, has no p and
    does not count in the adjustment; below LEAST_PLACEBOS placebos no reading has a p.
    """
    rounded = np.round(np.asarray(values, dtype=float), DIGITS)
    n = len(rounded) - 1
    reasons = [_reason(column, n) for column in rounded.T]
    testable = np.array([not reason for reason in reasons], dtype=bool)
    scores = standardize(rounded[:, testable])
    highest, lowest = (np.sort(side(scores, axis=1)) for side in (np.max, np.min)) if testable.any() else (None, None)
    columns = iter(zip(rounded.T[testable], scores.T, strict=True))
    return [
        PlaceboRank(n, _finite(column[0]), reason=reason) if reason else _rank(*next(columns), highest, lowest)
        for column, reason in zip(rounded.T, reasons, strict=True)
    ]


def standardize(values: np.ndarray) -> np.ndarray:
    """z-scores of every column, with the real value included in mean and deviation; shape as given."""
    deviation = values.std(axis=0, ddof=1) if len(values) > 1 else np.ones(values.shape[1])
    return np.round(np.asarray((values - values.mean(axis=0)) / deviation), DIGITS)


def placebo_power(
    values: np.ndarray, column: int, effects: Sequence[float], size: float = SIZE, wanted: float = POWER
) -> Power | None:
    """Power of the adjusted test against effects injected into one reading; None if that reading has no p.

    Each placebo in turn is raised by the effect and ranked among the other placebos. `values` as in `placebo_ranks`;
    the real row is not used.
    """
    if len(values) < 2:
        return None
    placebos = np.round(np.asarray(values, dtype=float)[1:], DIGITS)
    reasons = [_reason(values, len(placebos) - 1) for values in placebos.T]
    if reasons[column]:
        return None
    others = [index for index, reason in enumerate(reasons) if not reason and index != column]
    highest = standardize(placebos[:, others]).max(axis=1) if others else np.full(len(placebos), -np.inf)
    shares = tuple(_detected_share(placebos[:, column], highest, effect, size) for effect in effects)
    detected = [effect for effect, share in zip(effects, shares, strict=True) if share >= wanted]
    return Power(tuple(effects), shares, detected[0] if detected else None)


def _detected_share(placebos: np.ndarray, highest: np.ndarray, effect: float, size: float) -> float:
    """Share of the placebos whose adjusted p falls below `size` when raised by `effect`.

    `highest` is the largest z of the other readings at each placebo, shape (n_placebos,).
    """
    n = len(placebos)
    raised = np.tile(placebos, (n, 1)) + effect * np.eye(n)  # in row i, placebo i takes the part of the real entry
    scores = standardize(raised.T).T
    p = (np.maximum(scores, highest) >= np.diag(scores)[:, None]).mean(axis=1)
    return float(np.mean((p < size) & (np.diag(raised) > 0)))


def _rank(column: np.ndarray, scores: np.ndarray, highest: np.ndarray | None, lowest: np.ndarray | None) -> PlaceboRank:
    n, real = len(column) - 1, scores[0]
    if highest is None or lowest is None:
        raise AssertionError("a reading with a p has scores")
    placebos, tail = np.sort(column[1:]), int((1 - LEVEL) / 2 * (n + 1))
    bounded = tail >= 1
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
        low=float(column[0] - placebos[-tail]) if bounded else None,
        high=float(column[0] - placebos[tail - 1]) if bounded else None,
    )


def _reason(column: np.ndarray, n: int) -> str:
    if np.isnan(column[0]):
        return "the hold or the prices end before this horizon"
    if n < LEAST_PLACEBOS:
        return f"{n} placebos that do not overlap; {LEAST_PLACEBOS} are needed"
    if missing := int(np.sum(np.isnan(column))):
        return f"{missing} of {n} placebos do not reach this horizon"
    if ruined := int(np.sum(~np.isfinite(column))):
        return f"{ruined} of {n + 1} entries ended in ruin, where d is undefined"
    if column.std() <= NOISE:
        return "all placebos are equal"
    return ""


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
