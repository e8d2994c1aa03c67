"""Confidence intervals of Sharpe ratio, CAGR and alpha by the stationary bootstrap.

Resamples are as long as the sample and made of blocks of geometric length that wrap around its end (Politis & Romano
1994, JASA 89:1303), so that short-run dependence survives; the mean length is Politis & White's (2004, Econometric
Reviews 23:53; corrected by Patton, Politis & White 2009, 28:372). Intervals are percentile intervals (Efron 1981,
Canadian J. of Statistics 9:139).

Draw once and use the same resamples for every figure of a reading:

    draws = resample_positions(len(returns), block_length(returns, benchmark), seed=1)
    sharpe_interval(returns - risk_free, draws)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.statistics.availability import NOISE, Unavailable, require_observations
from reports.statistics.returns import PERIODS, cagr

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and the bounds that contain the share `level` of its resamples."""

    estimate: float
    low: float
    high: float
    level: float = LEVEL


def block_length(*series: np.ndarray) -> int:
    """Mean length of a block in sessions: the longest optimal length over the `series`, rounded up.

    Each series has the shape (n_sessions,). Blocks that are too long widen an interval a little; blocks that are too
    short make it wrong.

    Raises Unavailable for a series that is too short, has missing values or does not vary.
    """
    from arch.bootstrap import optimal_block_length

    checked = np.column_stack([require_observations(values) for values in series])
    return max(1, int(np.ceil(optimal_block_length(checked)["stationary"].max())))


def resample_positions(sessions: int, block: int, seed: int, count: int = RESAMPLES) -> np.ndarray:
    """Indices into the sample for each resample, shape (count, sessions).

    `block` is the mean length of a block in sessions; equal arguments give equal indices.

    Raises ValueError for a count, a block or a sample of less than one.
    """
    from arch.bootstrap import StationaryBootstrap

    if min(sessions, block, count) < 1:
        raise ValueError(f"{count} resamples of {sessions} sessions in blocks of {block}; none may be below 1")
    resamples = StationaryBootstrap(block, np.arange(sessions), seed=seed).bootstrap(count)
    return np.array([positional[0] for positional, _ in resamples])


def sharpe_interval(excess: np.ndarray, draws: np.ndarray, level: float = LEVEL) -> Interval:
    """Annual Sharpe ratio of daily `excess` returns, shape (n_sessions,), with its interval.

    Raises Unavailable for too few, missing or constant returns, and for a resample that is constant.
    """
    checked = require_observations(excess, "excess returns")
    return _interval(_sharpe(checked), _sharpe(checked[_fitting(draws, checked)]), level)


def cagr_interval(returns: np.ndarray, draws: np.ndarray, level: float = LEVEL) -> Interval:
    """Compound annual growth of daily simple `returns`, shape (n_sessions,), with its interval; fractions.

    Raises Unavailable for too few, missing or constant returns, and after ruin (a return of -1 or less).
    """
    checked = require_observations(returns)
    if checked.min() <= -1:
        raise Unavailable(f"growth: a return of {checked.min():.0%}; every one must be above -100%")
    growth = np.log1p(checked)[_fitting(draws, checked)].sum(axis=1)
    estimate = cagr(float(np.prod(1 + checked)), len(checked))
    return _interval(estimate, np.expm1(growth * PERIODS / len(checked)), level)


def alpha_interval(excess: np.ndarray, benchmark: np.ndarray, draws: np.ndarray, level: float = LEVEL) -> Interval:
    """Annual intercept of the least-squares line of `excess` on `benchmark`, with its interval; fractions.

    Both are daily excess returns of shape (n_sessions,), resampled in pairs.

    Raises Unavailable for too few, missing or constant returns on either side, and for a constant resample of the
    benchmark; ValueError for unequal lengths.
    """
    y, x = require_observations(excess, "excess returns"), require_observations(benchmark, "benchmark")
    if len(y) != len(x):
        raise ValueError(f"{len(y)} excess returns and {len(x)} of the benchmark; use the same sessions")
    rows = _fitting(draws, y)
    return _interval(_alpha(y, x), _alpha(y[rows], x[rows]), level)


def _sharpe(excess: np.ndarray) -> np.ndarray:
    deviation = np.std(excess, axis=-1, ddof=1)
    return np.asarray(np.mean(excess, axis=-1) / _varying(deviation, "excess returns") * np.sqrt(PERIODS))


def _alpha(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    mean_y, mean_x = np.mean(y, axis=-1), np.mean(x, axis=-1)
    centred = x - mean_x[..., None]
    deviation = _varying(np.sqrt(np.mean(centred**2, axis=-1)), "benchmark")
    beta = np.mean(centred * y, axis=-1) / deviation**2
    return np.asarray((mean_y - beta * mean_x) * PERIODS)


def _varying(deviation: np.ndarray, what: str) -> np.ndarray:
    if flat := int(np.sum(deviation <= NOISE)):
        raise Unavailable(f"{what}: constant in {flat} of {deviation.size} resamples; each must vary")
    return deviation


def _fitting(draws: np.ndarray, values: np.ndarray) -> np.ndarray:
    if draws.ndim != 2 or draws.shape[1] != len(values):
        raise ValueError(f"resamples of shape {draws.shape} do not fit {len(values)} returns; draw them for these")
    return draws


def _interval(estimate: float | np.ndarray, values: np.ndarray, level: float) -> Interval:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1; 0.95 is usual")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(estimate), float(low), float(high), level)
