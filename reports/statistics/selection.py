"""The permutation test of stock selection: is what was held better than other stocks at the same weights?

Stocks of one sector are compared with stocks of others, so what the market and the sectors did is taken out of every
return first, and the result is divided by its own standard deviation (studentised), without which the test is not valid
for stocks of unequal volatility (Chung & Romano 2013, Ann. Stat. 41:484).
"""

from __future__ import annotations

from collections.abc import Sequence
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
    bounds = [*starts, sessions]
    return FactorReturns(
        np.array([np.prod(1 + kept[start:stop], axis=0) - 1 for start, stop in pairwise(bounds)]),
        np.atleast_2d(np.cov(residuals, rowvar=False)),
        np.diff(bounds),
    )


def selection_statistics(weights: np.ndarray, returns: FactorReturns) -> np.ndarray:
    """The studentised log return T of every basket, shape (n_baskets,).

    `weights`, shape (n_baskets, n_blocks, n_symbols), are held from the start of each block. With block returns R_b and
    the residual covariance S of n sessions, T = sum_b log(1 + w_b' R_b) / sqrt(sum_b n_b w_b' S w_b). NaN for a basket
    without risk or that loses everything.
    """
    gains = np.einsum("kbs,bs->kb", weights, returns.blocks)
    variances = np.einsum("kbs,st,kbt->kb", weights, returns.covariance, weights, optimize=True) @ returns.lengths
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log1p(np.where(gains > -1, gains, np.nan)).sum(axis=1)
        return np.asarray(np.where(variances > 0, logs / np.sqrt(variances), np.nan))
