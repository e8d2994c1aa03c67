"""Performance statistics of a series of returns."""

from __future__ import annotations

from math import isfinite, sqrt

import numpy as np

PERIODS = 252  # sessions a year
LEAST = 20  # sessions: shorter series are not annualised
ROUNDING = 1e-7  # a smaller standard deviation of daily returns comes from the digits of prices
STILL = 1e-15  # a smaller denominator is rounding


def cagr(growth: float, sessions: int) -> float:
    """Compound annual growth rate of wealth that grew by the factor `growth` over `sessions`."""
    return float(growth ** (PERIODS / sessions) - 1)


def sharpe_ratio(excess: np.ndarray) -> float | None:
    """Mean over standard deviation of daily excess returns, annualised (Sharpe 1994)."""
    deviation = float(np.std(excess, ddof=1))
    return float(np.mean(excess)) * sqrt(PERIODS) / deviation if deviation > ROUNDING else None


def sortino_ratio(excess: np.ndarray) -> float | None:
    """Mean over downside deviation (root mean square of the losses over all sessions), annualised."""
    return _ratio(float(np.mean(excess)) * sqrt(PERIODS), sqrt(float(np.mean(np.minimum(excess, 0.0) ** 2))))


def max_drawdown(equity: np.ndarray) -> float:
    """The deepest fall from an earlier peak, a fraction in [-1, 0]; below -1 if ruin left a debt."""
    return float(np.min(equity / np.maximum.accumulate(equity)) - 1)


def market_line(returns: np.ndarray, benchmark: np.ndarray) -> tuple[float | None, float | None]:
    """Slope and annual intercept of the least-squares line of `returns` on `benchmark`."""
    covariance = np.cov(returns, benchmark)
    if not covariance[1, 1] > ROUNDING**2:
        return None, None
    beta = float(covariance[0, 1] / covariance[1, 1])
    return beta, float((np.mean(returns) - beta * np.mean(benchmark)) * PERIODS)


def _ratio(numerator: float | None, denominator: float) -> float | None:
    if numerator is None or denominator <= STILL or not isfinite(numerator):
        return None
    return numerator / denominator


def sharpe_moments(excess: np.ndarray, ruined: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sharpe ratio per session, skewness and raw kurtosis (corrected for bias) of each row, shape (n,) each.

    NaN after ruin, for fewer than LEAST returns, and where returns do not vary.
    """
    n = np.sum(~np.isnan(excess), axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        mean = np.nansum(excess, axis=1) / n
        centred = excess - mean[:, None]
        second, third, fourth = (np.nansum(centred**power, axis=1) / n for power in (2, 3, 4))
        deviation = np.sqrt(second * n / (n - 1))
        skewness = np.sqrt(n * (n - 1.0)) / (n - 2) * third / second**1.5
        kurtosis = (n - 1) / ((n - 2.0) * (n - 3)) * ((n + 1) * (fourth / second**2 - 3) + 6) + 3
        known = (n >= LEAST) & ~ruined & (deviation > ROUNDING)
        ratio = mean / deviation
    sharpe, skewness, kurtosis = (np.where(known, values, np.nan) for values in (ratio, skewness, kurtosis))
    return sharpe, skewness, kurtosis
