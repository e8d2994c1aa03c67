"""The permutation test of stock selection: is what was held better than other stocks at the same weights?

Stocks of one sector are compared with stocks of others, so what the market and the sectors did is taken out of every
return first, and the result is divided by its own standard deviation (studentised), without which the test is not valid
for stocks of unequal volatility (Chung & Romano 2013, Ann. Stat. 41:484).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reports.statistics.availability import Unavailable


@dataclass(frozen=True, eq=False)
class FactorReturns:
    """Returns with factor exposures taken out.

    `blocks`, shape (n_blocks, n_symbols), compounds them between decisions; `covariance`, shape (n_symbols, n_symbols),
    is that of the daily residuals; `lengths`, shape (n_blocks,), counts the sessions of each block.
    """

    blocks: np.ndarray
    covariance: np.ndarray
    lengths: np.ndarray


def without_factors(returns: np.ndarray, factors: np.ndarray, starts: Sequence[int]) -> FactorReturns:
    """Take the exposure to `factors` out of daily simple `returns`.

    `returns` has shape (n_sessions, n_symbols), `factors` (n_sessions, n_factors). Each symbol is regressed on the
    factors with an intercept over the whole window: r - f'B keeps the intercept. `starts` are the first sessions of the
    blocks, the first of them 0. Raises Unavailable where the sessions do not exceed the coefficients.
    """
    sessions, design = len(returns), np.column_stack((np.ones(len(factors)), factors))
    if sessions <= design.shape[1]:
        raise Unavailable(f"the regression on {factors.shape[1]} factors needs more than {sessions} sessions")
    coefficients = np.linalg.lstsq(design, returns, rcond=None)[0]
    residuals = returns - design @ coefficients
    kept = returns - factors @ coefficients[1:]
    covariance = np.atleast_2d(np.cov(residuals, rowvar=False))
    return FactorReturns(compounded(kept, starts), covariance, np.diff([*starts, sessions]))


def compounded(returns: np.ndarray, starts: Sequence[int]) -> np.ndarray:
    """Simple returns compounded over blocks that begin at the sessions `starts`, shape (n_blocks, n_symbols)."""
    bounds = [*starts, len(returns)]
    return np.array([np.prod(1 + returns[start:stop], axis=0) - 1 for start, stop in pairwise(bounds)])


def selection_statistics(weights: Iterable[np.ndarray], returns: FactorReturns) -> np.ndarray:
    """The studentised log return T of every basket, shape (n_baskets,).

    `weights` are those held from the start of each block, each of shape (n_baskets, n_symbols). With block returns R_b
    of n_b sessions and the daily residual covariance S, T = sum_b log(1 + w_b' R_b) / sqrt(sum_b n_b w_b' S w_b). NaN
    for a basket without risk or that loses everything.
    """
    logs: np.ndarray | float = 0.0
    variance: np.ndarray | float = 0.0
    previous = risk = np.zeros(0)
    for held, block, sessions in zip(weights, returns.blocks, returns.lengths, strict=True):
        gains = held @ block
        logs = logs + np.log1p(np.where(gains > -1, gains, np.nan))
        if held is not previous:  # the same array where a decision repeats the one before
            previous, risk = held, np.sum((held @ returns.covariance) * held, axis=1)
        variance = variance + sessions * risk
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(np.asarray(variance) > 0, logs / np.sqrt(variance), np.nan))


def raw_log_returns(weights: Iterable[np.ndarray], blocks: np.ndarray) -> np.ndarray:
    """The log return of every basket with factors left in and not studentised, which is no valid test statistic.

    `blocks` are simple returns, shape (n_blocks, n_symbols). Calibration shows what it would have found.
    """
    gains = np.array([held @ block for held, block in zip(weights, blocks, strict=True)])
    return np.asarray(np.log1p(np.where(gains > -1, gains, np.nan)).sum(axis=0))
