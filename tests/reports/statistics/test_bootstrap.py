"""Bootstrap intervals against arch, the metrics, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.availability import Unavailable
from reports.statistics.bootstrap import (
    alpha_interval,
    block_length,
    cagr_interval,
    resample_positions,
    sharpe_interval,
)
from reports.statistics.returns import cagr, market_line, sharpe_ratio


@pytest.fixture(scope="module")
def pair():
    """A reading and its benchmark, a year of daily returns."""
    benchmark, noise = np.random.default_rng(3).standard_t(5, size=(2, 253)) * 0.009
    return 0.0008 + 1.3 * benchmark + noise, benchmark


def autoregressive(coefficient, length=1000, seed=5):
    shocks = np.random.default_rng(seed).normal(0, 0.01, length)
    values = np.zeros(length)
    for i in range(1, length):
        values[i] = coefficient * values[i - 1] + shocks[i]
    return values


def test_resamples_are_full_length_and_repeatable():
    draws = resample_positions(253, 4, seed=9, count=50)
    assert draws.shape == (50, 253)
    assert (draws.min(), draws.max()) == (0, 252)
    assert np.array_equal(draws, resample_positions(253, 4, seed=9, count=50))
    assert not np.array_equal(draws, resample_positions(253, 4, seed=10, count=50))


@pytest.mark.parametrize("block", [1, 4, 20])
def test_blocks_have_the_mean_length_and_wrap_around(block):
    draws = resample_positions(100, block, seed=2, count=2000)
    follows = draws[:, 1:] == (draws[:, :-1] + 1) % 100
    # A block continues with probability 1 - 1/b, or a new block starts at the next position by chance.
    expected = 1 - 1 / block + 1 / (100 * block)
    assert follows.mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / follows.size))
    if block > 1:
        assert (follows & (draws[:, 1:] == 0)).any(), "the first session follows the last"


def test_dependent_returns_have_longer_blocks():
    assert block_length(np.random.default_rng(1).normal(0, 0.01, 1000)) <= 3
    assert block_length(autoregressive(0.7)) >= 10
    assert block_length(autoregressive(0.0), autoregressive(0.7)) == block_length(autoregressive(0.7))


def test_a_block_has_at_least_one_session():
    # The optimal block of this white noise is 0.27 sessions, but a block has at least one.
    noise = np.random.default_rng(10).normal(0, 0.01, 500)
    assert optimal_block_length(noise)["stationary"].max() < 1
    assert block_length(noise) == 1


def test_intervals_equal_those_of_arch(pair):
    reading, benchmark = pair
    draws = resample_positions(253, 3, seed=4, count=300)

    def of_arch(statistic, *data):
        drawn = StationaryBootstrap(3, *data, seed=4)
        return tuple(drawn.conf_int(statistic, 300, method="percentile").ravel())

    def bounds(interval):
        return interval.low, interval.high

    assert bounds(sharpe_interval(reading, draws)) == pytest.approx(of_arch(sharpe_ratio, reading), rel=1e-9)
    growth = of_arch(lambda r: cagr(np.prod(1 + r), 253), reading)
    assert bounds(cagr_interval(reading, draws)) == pytest.approx(growth, rel=1e-9)
    alpha = of_arch(lambda y, x: market_line(y, x)[1], reading, benchmark)
    assert bounds(alpha_interval(reading, benchmark, draws)) == pytest.approx(alpha, rel=1e-9)


def test_estimates_equal_the_metrics(pair):
    reading, benchmark = pair
    draws = resample_positions(253, 3, seed=4, count=200)
    result = sharpe_interval(reading, draws), alpha_interval(reading, benchmark, draws), cagr_interval(reading, draws)
    figures = sharpe_ratio(reading), market_line(reading, benchmark)[1], cagr(np.prod(1 + reading), 253)
    assert tuple(interval.estimate for interval in result) == pytest.approx(figures, rel=1e-12)
    assert all(interval.low < interval.estimate < interval.high for interval in result)


def test_reading_and_benchmark_are_resampled_in_pairs(pair):
    benchmark = pair[1]
    interval = alpha_interval(0.0001 + 2 * benchmark, benchmark, resample_positions(253, 3, seed=4, count=100))
    assert (interval.low, interval.estimate, interval.high) == pytest.approx((0.0252,) * 3)


def test_a_wider_level_gives_a_wider_interval(pair):
    draws = resample_positions(253, 3, seed=4, count=500)
    narrow, wide = sharpe_interval(pair[0], draws, 0.5), sharpe_interval(pair[0], draws, 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert (narrow.level, wide.level) == (0.5, 0.99)


def test_dependence_widens_the_interval():
    returns = autoregressive(0.5)
    alone, together = (sharpe_interval(returns, resample_positions(1000, block, 1, 500)) for block in (1, 20))
    # The long-run deviation of an AR(1) is sqrt((1 + a)/(1 - a)) = 1.73 times that of independent returns.
    assert 1.3 < (together.high - together.low) / (alone.high - alone.low) < 1.9


def test_coverage_is_as_stated_on_independent_returns():
    rng, sets, covered = np.random.default_rng(11), 200, np.zeros(3)
    draws = resample_positions(120, 1, seed=6, count=400)
    for _ in range(sets):
        benchmark, noise = rng.normal(0, 0.01, (2, 120))
        reading = 0.001 + benchmark + noise
        sharpe, alpha = sharpe_interval(reading, draws), alpha_interval(reading, benchmark, draws)
        growth = cagr_interval(reading, draws)
        covered += [
            sharpe.low < 0.001 / np.sqrt(0.0002) * np.sqrt(252) < sharpe.high,
            alpha.low < 0.252 < alpha.high,
            growth.low < np.exp(252 * (0.001 - 0.0001)) - 1 < growth.high,  # mean log return: m - s^2/2
        ]
    error = np.sqrt(0.95 * 0.05 / sets)
    assert np.all(np.abs(covered / sets - 0.95) < 3 * error)


@given(leverage=st.floats(0.1, 10))
def test_leverage_leaves_sharpe_and_scales_alpha(leverage, pair):
    reading, benchmark = pair
    draws = resample_positions(253, 3, seed=4, count=20)
    plain, levered = sharpe_interval(reading, draws), sharpe_interval(leverage * reading, draws)
    assert (levered.low, levered.high) == pytest.approx((plain.low, plain.high))
    plain, levered = (alpha_interval(k * reading, benchmark, draws) for k in (1, leverage))
    assert (levered.low, levered.high) == pytest.approx((leverage * plain.low, leverage * plain.high))


@pytest.mark.parametrize(
    ("returns", "reason"),
    [
        (np.full(12, 0.01), "12 observations; 20 are needed"),
        (np.full(30, 0.01), "all 30 observations are the same"),
        (np.append(np.linspace(0, 0.01, 29), np.nan), "1 of 30 observations are missing"),
        (np.append(np.linspace(0, 0.01, 29), np.inf), "1 of 30 observations are missing"),
    ],
)
def test_unusable_returns_give_a_reason(returns, reason):
    draws, other = resample_positions(len(returns), 2, seed=1, count=5), np.linspace(-0.01, 0.01, len(returns))
    with pytest.raises(Unavailable, match=f"^excess returns: {reason}"):
        sharpe_interval(returns, draws)
    with pytest.raises(Unavailable, match=f"^returns: {reason}"):
        cagr_interval(returns, draws)
    with pytest.raises(Unavailable, match=f"^excess returns: {reason}"):
        alpha_interval(returns, other, draws)
    with pytest.raises(Unavailable, match=reason):
        block_length(returns)


def test_one_day_with_a_return_gives_no_sharpe_interval():
    returns = np.zeros(30)
    returns[7] = 0.01
    with pytest.raises(Unavailable, match=r"excess returns: constant in \d+ of 200 resamples"):
        sharpe_interval(returns, resample_positions(30, 1, seed=1, count=200))


def test_a_benchmark_with_one_return_gives_no_alpha(pair):
    spike = np.where(np.arange(253) == 7, 0.01, 0.0)
    with pytest.raises(Unavailable, match=r"^benchmark: constant in \d+ of 200 resamples; each must vary$"):
        alpha_interval(pair[0], spike, resample_positions(253, 1, seed=1, count=200))


def test_a_flat_benchmark_gives_no_alpha(pair):
    with pytest.raises(Unavailable, match="benchmark: all 253"):
        alpha_interval(pair[0], np.zeros(253), resample_positions(253, 1, seed=1, count=5))


@pytest.mark.parametrize("ruin", [-1.2, -1.0])
def test_ruin_has_no_growth_interval(ruin):
    with pytest.raises(Unavailable, match=f"a return of {ruin:.0%}"):
        cagr_interval(np.append(np.linspace(0, 0.01, 29), ruin), resample_positions(30, 1, seed=1, count=5))


def test_wrong_arguments_are_refused(pair):
    draws = resample_positions(252, 1, seed=1, count=5)
    with pytest.raises(ValueError, match="do not fit 253 returns"):
        sharpe_interval(pair[0], draws)
    with pytest.raises(ValueError, match="use the same sessions"):
        alpha_interval(pair[0], pair[1][1:], draws)
    for level in (0, 1, 1.5, 95, np.nan):
        with pytest.raises(ValueError, match=rf"^level {level} is not between 0 and 1; 0\.95 is usual$"):
            sharpe_interval(pair[0][1:], draws, level)
    with pytest.raises(ValueError, match="one value an observation"):
        sharpe_interval(np.ones((5, 5)), draws)
    for sessions, block, count in ((0, 1, 5), (10, 0, 5), (10, 1, 0)):
        result = f"^{count} resamples of {sessions} sessions in blocks of {block}; none may be below 1$"
        with pytest.raises(ValueError, match=result):
            resample_positions(sessions, block, seed=1, count=count)
