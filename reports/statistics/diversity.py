"""How many names lead, and what a change of that number does to portfolios.

Shares are parts of a total (market values, leadership), shape (n_names,): at least one above zero, none below. They
are divided by their sum first; a name with a share of zero does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf

import numpy as np

from reports.statistics.availability import Unavailable

NEAR_ONE = 1e-8  # orders this close to 1 take the limit: 1/(1-q) would blow up rounding
LEAST_EXPONENT = 0.01  # below it the diversity of many names leaves the range of floats


def hill_number(shares: np.ndarray, order: float) -> float:
    """Effective number of names, between 1 and n_names (Hill 1973, Ecology 54:427).

    D_q = (sum p_i^q)^(1/(1-q)); q = 0 counts names, 1 is exp(Shannon's entropy), 2 is 1/Herfindahl, inf is 1/max p.

    Raises Unavailable for shares that are missing or all zero; ValueError for negative ones or an order below 0.
    """
    if not order >= 0:
        raise ValueError(f"order {order} is below 0; 0, 1, 2 and inf are usual")
    present = _shares(shares)
    if order == inf:
        return float(1 / present.max())
    if abs(order - 1) < NEAR_ONE:
        return float(np.exp(-np.sum(present * np.log(present))))
    return exp(_log_sum_power(present, order) / (1 - order))


def fernholz_diversity(shares: np.ndarray, p: float) -> float:
    """Diversity of a market, from 1 (one name) to n^((1-p)/p) (all equal).

    D_p = (sum mu_i^p)^(1/p), the Hill number of order p to the power (1-p)/p (Fernholz 2002, Stochastic Portfolio
    Theory, example 3.4.4).

    Raises Unavailable for shares that are missing or all zero; ValueError for negative ones or p not in [0.01, 1].
    """
    _exponent(p)
    return exp(_log_sum_power(_shares(shares), p) / p)


def diversity_weights(shares: np.ndarray, p: float) -> np.ndarray:
    """Weights of the portfolio that D_p generates, shape (n_names,), summing to 1; a share of zero has weight zero.

    pi_i = mu_i^p / sum mu_j^p: p = 1 is the market, p near 0 equal weight (Fernholz, Garvy & Hannon 1998,
    JPM 24(2):74). Errors as in `fernholz`.
    """
    _exponent(p)
    _shares(shares)
    array = np.asarray(shares, dtype=float)
    parts = (array / array.max()) ** p
    return np.asarray(parts / parts.sum())


@dataclass(frozen=True, eq=False)
class MasterEquation:
    """Return of the diversity-weighted portfolio over the market's, in two parts, each of shape (n_steps,).

    `relative`, the log of the portfolio's growth over the market's, equals `diversity`, the change of log D_p, plus
    `drift`, which is not negative beyond rounding: (1-p) times the excess growth rate when steps are short.
    """

    relative: np.ndarray
    diversity: np.ndarray
    drift: np.ndarray


def master_equation(shares: np.ndarray, returns: np.ndarray, p: float) -> MasterEquation:
    """Fernholz's decomposition, step by step, of a portfolio brought back to its weights before each step.

    `shares`, shape (n_names,), are those before the first step and move with the simple `returns`, shape
    (n_steps, n_names). log(V_pi/V_mu) = log D_p(T)/D_p(0) + (1-p) integral of excess growth (Fernholz 1999,
    J. Math. Econ. 31:393, and 2002, section 3.1); in discrete time the drift is what is left, not negative since D_p is
    concave. A NaN may stand where the share is zero; no return may be NaN, or -1 and below, where it is not.

    Raises Unavailable for such returns and as in `fernholz`; ValueError for shapes that do not fit.
    """
    _exponent(p)
    growth = _growth(np.asarray(shares, dtype=float), np.asarray(returns, dtype=float))
    values = np.vstack((np.ones(growth.shape[1]), np.cumprod(growth, axis=0))) * _shares(shares)
    market = values / values.sum(axis=1, keepdims=True)
    powers = market[:-1] ** p
    weights = powers / powers.sum(axis=1, keepdims=True)
    relative = np.log((weights * market[1:] / market[:-1]).sum(axis=1))
    diversity = np.diff(np.log((market**p).sum(axis=1)) / p)
    return MasterEquation(relative, diversity, relative - diversity)


def _growth(shares: np.ndarray, returns: np.ndarray) -> np.ndarray:
    """Growth factors of the names that exist, shape (n_steps, n_existing)."""
    if returns.ndim != 2 or shares.shape != returns.shape[1:]:
        raise ValueError(f"shares of shape {shares.shape} and returns of {returns.shape}; names must be the columns")
    if not len(returns):
        raise Unavailable("diversity: 0 steps; 1 is needed")
    growth = 1 + returns[:, shares > 0]
    if wrong := int(np.sum(~(np.isfinite(growth) & (growth > 0)))):
        raise Unavailable(f"diversity: {wrong} of {growth.size} returns are missing or not above -100%; none may be")
    return growth


def _shares(shares: np.ndarray) -> np.ndarray:
    """Shares above zero, divided by their sum."""
    array = np.asarray(shares, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"shares of shape {array.shape}; one value a name is needed")
    if missing := int(np.sum(~np.isfinite(array))):
        raise Unavailable(f"diversity: {missing} of {len(array)} shares are missing or infinite; none may be")
    if np.any(array < 0):
        raise ValueError(f"a share of {array.min():.3g}; none may be below 0")
    present = array[array > 0]
    if not len(present):
        raise Unavailable(f"diversity: none of {len(array)} shares is above zero; 1 is needed")
    return np.asarray(present / present.sum())


def _log_sum_power(present: np.ndarray, power: float) -> float:
    """log(sum p_i^q), safe for powers that would underflow."""
    largest = present.max()
    return float(power * np.log(largest) + np.log(np.sum((present / largest) ** power)))


def _exponent(p: float) -> None:
    if not LEAST_EXPONENT <= p <= 1:
        raise ValueError(f"p {p} is not in [{LEAST_EXPONENT}, 1]; 1 is the market, near 0 equal weight")
