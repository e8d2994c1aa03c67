"""Alpha, betas and their errors against hand arithmetic, numpy and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.statistics.availability import Unavailable
from reports.statistics.regression import lag_rule, regress
from reports.statistics.returns import market_line


@pytest.fixture(scope="module")
def sample():
    """A reading and two correlated benchmarks, a year of daily excess returns."""
    spy, other, noise = np.random.default_rng(2).standard_t(5, size=(3, 253)) * 0.008
    qqq = 1.1 * spy + 0.5 * other
    return 0.001 + 0.4 * spy + 0.7 * qqq + noise, {"SPY": spy, "QQQ": qqq}


def newey_west(y, columns, lags):
    """Coefficients and errors in the textbook's words: Bartlett weights, n/(n-k)."""
    x = np.column_stack([np.ones(len(y)), *columns])
    n, k = x.shape
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    scores = x * (y - x @ coefficients)[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        product = scores[lag:].T @ scores[:-lag]
        middle += (1 - lag / (lags + 1)) * (product + product.T)
    outer = np.linalg.inv(x.T @ x)
    return coefficients, np.sqrt(np.diag(outer @ middle @ outer) * n / (n - k))


@pytest.mark.parametrize(("observations", "lags"), [(20, 2), (100, 4), (253, 4), (300, 5), (1000, 6)])
def test_lags_grow_slowly(observations, lags):
    # 4 x 0.2^(2/9) = 2.8, 4, 4.9, 5.1, 6.7
    assert lag_rule(observations) == lags


@pytest.mark.parametrize("lags", [None, 0, 7])
def test_estimates_errors_and_intervals_by_hand(sample, lags):
    excess, benchmarks = sample
    result = regress(excess, benchmarks, lags)
    coefficients, errors = newey_west(excess, benchmarks.values(), result.lags)
    assert result.lags == (4 if lags is None else lags)
    rows = [result.alpha, result.betas["SPY"], result.betas["QQQ"]]
    year = np.array([252, 1, 1])
    assert [row.estimate for row in rows] == pytest.approx(coefficients * year, rel=1e-9)
    assert [row.error for row in rows] == pytest.approx(errors * year, rel=1e-9)
    student = stats.t(253 - 3)
    reach = student.ppf(0.975) * errors * year
    assert [row.low for row in rows] == pytest.approx(coefficients * year - reach, rel=1e-9)
    assert [row.high for row in rows] == pytest.approx(coefficients * year + reach, rel=1e-9)
    assert [row.p for row in rows] == pytest.approx(2 * student.sf(abs(coefficients / errors)), rel=1e-9)


def test_regression_on_one_benchmark_equals_the_market_line(sample):
    excess, benchmarks = sample
    result = regress(excess, {"SPY": benchmarks["SPY"]})
    beta, alpha = market_line(excess, benchmarks["SPY"])
    assert (result.betas["SPY"].estimate, result.alpha.estimate) == pytest.approx((beta, alpha))
    assert result.r_squared == pytest.approx(np.corrcoef(excess, benchmarks["SPY"])[0, 1] ** 2)
    assert result.observations == 253


def test_a_level_of_99_percent_is_wider(sample):
    usual, wide = regress(*sample), regress(*sample, level=0.99)
    assert wide.alpha.low < usual.alpha.low < usual.alpha.estimate < usual.alpha.high < wide.alpha.high
    assert wide.level == 0.99


def test_dependence_raises_the_error_of_alpha():
    rng = np.random.default_rng(4)
    shocks, benchmark = rng.normal(0, 0.01, (2, 1000))
    dependent = np.convolve(shocks, [1, 0.8, 0.6, 0.4])[:1000] + benchmark
    plain, robust = (regress(dependent, {"SPY": benchmark}, lags).alpha.error for lags in (0, 20))
    # Long-run against one-day deviation of the moving average: 2.8 / sqrt(2.16) = 1.9.
    assert 1.4 < robust / plain < 2.2


def test_coverage_is_as_stated():
    rng, sets, covered = np.random.default_rng(6), 300, 0
    for _ in range(sets):
        benchmark, noise = rng.normal(0, 0.01, (2, 253))
        alpha = regress(0.0005 + 0.8 * benchmark + noise, {"SPY": benchmark}).alpha
        covered += alpha.low < 0.126 < alpha.high
    assert covered / sets == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / sets))


@given(leverage=st.floats(0.05, 20))
def test_leverage_scales_estimates_and_leaves_p(leverage, sample):
    excess, benchmarks = sample
    plain, levered = regress(excess, benchmarks), regress(leverage * excess, benchmarks)
    assert levered.alpha.estimate == pytest.approx(leverage * plain.alpha.estimate)
    assert levered.alpha.error == pytest.approx(leverage * plain.alpha.error)
    assert levered.alpha.p == pytest.approx(plain.alpha.p)
    assert levered.betas["QQQ"].estimate == pytest.approx(leverage * plain.betas["QQQ"].estimate)


def test_a_benchmark_in_other_units_scales_its_beta(sample):
    excess, benchmarks = sample
    result, small = regress(excess, benchmarks), regress(excess, {**benchmarks, "SPY": 1e-9 * benchmarks["SPY"]})
    assert small.betas["SPY"].estimate == pytest.approx(1e9 * result.betas["SPY"].estimate, rel=1e-5)


def test_unavailable_results_give_a_reason(sample):
    excess, benchmarks = sample
    spy = benchmarks["SPY"]
    with pytest.raises(Unavailable, match="excess returns: 20 observations; 21 are needed"):
        regress(excess[:20], {"SPY": spy[:20]})
    with pytest.raises(Unavailable, match="excess returns: all 253"):
        regress(np.zeros(253), benchmarks)
    with pytest.raises(Unavailable, match="SPY: all 253 observations are the same"):
        regress(excess, {"SPY": np.zeros(253)})
    with pytest.raises(Unavailable, match="SPY: 1 of 253 observations are missing"):
        regress(excess, {"SPY": np.append(spy[1:], np.nan)})
    with pytest.raises(Unavailable, match="SPY, double are combinations of each other"):
        regress(excess, {"SPY": spy, "double": 2 * spy})
    result = "^alpha: SPY and QQQ explain every return; use other benchmarks$"
    with pytest.raises(Unavailable, match=result):
        regress(0.0001 + 2 * spy, benchmarks)


def test_wrong_arguments_are_refused(sample):
    excess, benchmarks = sample
    with pytest.raises(ValueError, match=r"^no benchmark; name at least one$"):
        regress(excess, {})
    with pytest.raises(ValueError, match="252 excess returns and 253"):
        regress(excess[1:], benchmarks)
    with pytest.raises(ValueError, match="SPY, QQQ have unequal lengths"):
        regress(excess, {"SPY": benchmarks["SPY"], "QQQ": benchmarks["QQQ"][1:]})
    for level in (0, 1, 1.5, 95, np.nan):
        with pytest.raises(ValueError, match=rf"^level {level} is not between 0 and 1; 0\.95 is usual$"):
            regress(excess, benchmarks, level=level)
