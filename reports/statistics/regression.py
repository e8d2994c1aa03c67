"""Alpha and betas by least squares on one or more benchmarks, with HAC standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reports.statistics.availability import NOISE, Unavailable, require_observations
from reports.statistics.bootstrap import LEVEL
from reports.statistics.returns import LEAST, PERIODS


@dataclass(frozen=True)
class Coefficient:
    """An estimate, its standard error, its interval, and the two-sided p-value of zero."""

    estimate: float
    error: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Regression:
    """Linear regression of daily excess returns.

    `alpha` is annual (252 sessions), a fraction; `betas` are by benchmark. `lags` is the number of autocovariances
    in the standard errors, `observations` the number of sessions, `level` the level of the intervals.
    """

    alpha: Coefficient
    betas: Mapping[str, Coefficient]
    r_squared: float
    lags: int
    observations: int
    level: float


def regress(
    excess: np.ndarray, benchmarks: Mapping[str, np.ndarray], lags: int | None = None, level: float = LEVEL
) -> Regression:
    """Alpha and betas of daily `excess` returns on those of named `benchmarks`, each of shape (n_sessions,).

    Errors are robust to heteroskedasticity and autocorrelation (Newey & West 1987, Econometrica 55:703: Bartlett
    weights), with n/(n-k) as correction and Student's t with n-k degrees of freedom; `lags` as in `lag_rule`.

    Raises Unavailable for too few, missing or constant returns, for benchmarks that are combinations of each other,
    and if the benchmarks explain every return; ValueError for no benchmark, unequal lengths or a level not in (0, 1).
    """
    from statsmodels.regression.linear_model import OLS

    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1; 0.95 is usual")
    y, design = require_observations(excess, "excess returns", LEAST + len(benchmarks)), _design(benchmarks)
    if len(y) != len(design):
        raise ValueError(f"{len(y)} excess returns and {len(design)} of the benchmarks; use the same sessions")
    lags = lag_rule(len(y)) if lags is None else lags
    fit = OLS(y, design).fit(cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True)
    if np.std(fit.resid) <= NOISE:
        raise Unavailable(f"alpha: {' and '.join(benchmarks)} explain every return; use other benchmarks")
    rows = np.column_stack((fit.params, fit.bse, fit.conf_int(1 - level), fit.pvalues)).tolist()
    betas = {name: Coefficient(*row) for name, row in zip(benchmarks, rows[1:], strict=True)}
    return Regression(_annual(Coefficient(*rows[0])), betas, float(fit.rsquared), lags, len(y), level)


def lag_rule(observations: int) -> int:
    """Lags of the errors: floor(4 (T/100)^(2/9)) (Newey & West 1994, RES 61:631, for Bartlett weights)."""
    return int(4 * (observations / 100) ** (2 / 9))


def _design(benchmarks: Mapping[str, np.ndarray]) -> np.ndarray:
    """A column of ones and one for each benchmark, shape (n_sessions, 1 + n_benchmarks)."""
    if not benchmarks:
        raise ValueError("no benchmark; name at least one")
    columns = [require_observations(values, name) for name, values in benchmarks.items()]
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"{', '.join(benchmarks)} have unequal lengths; use the same sessions")
    scaled = np.column_stack([np.ones(len(columns[0])), *(column / np.std(column) for column in columns)])
    if np.linalg.matrix_rank(scaled) < scaled.shape[1]:
        raise Unavailable(f"alpha: {', '.join(benchmarks)} are combinations of each other; leave one out")
    return np.column_stack([np.ones(len(columns[0])), *columns])


def _annual(daily: Coefficient) -> Coefficient:
    year = PERIODS
    return Coefficient(daily.estimate * year, daily.error * year, daily.low * year, daily.high * year, daily.p)
