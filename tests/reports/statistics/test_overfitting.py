"""Corrections of the Sharpe ratio against the papers' examples, QuantStats, scipy and simulated nulls."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics.availability import Unavailable
from reports.statistics.overfitting import (
    ReturnMoments,
    deflated_sharpe,
    expected_maximum,
    minimum_track_record,
    overfitting_probability,
    probabilistic_sharpe,
    return_moments,
)

PAPER = ReturnMoments(sharpe=2.5 / sqrt(250), periods=1250, skewness=-3, kurtosis=10)


def test_deflated_sharpe_of_the_paper():
    deviation = sqrt(0.5 / 250)
    assert expected_maximum(100, deviation) == pytest.approx(0.113172, abs=5e-7)
    assert deflated_sharpe(PAPER, 100, deviation) == pytest.approx(0.9003968, abs=5e-8)
    assert deflated_sharpe(PAPER, 46, deviation) == pytest.approx(0.95050, abs=5e-6)


@pytest.mark.parametrize(
    ("sample", "expected", "digit"),
    [
        (ReturnMoments(1.585 / sqrt(12), 24, -2.448, 10.164), 0.91323431, 1e-8),
        (ReturnMoments(0.458, 24), 0.981675, 1e-6),
        (ReturnMoments(0.458, 24, -2.448, 10.164), 0.913361, 1e-6),
    ],
)
def test_probabilistic_sharpe_of_the_paper(sample, expected, digit):
    assert probabilistic_sharpe(sample) == pytest.approx(expected, abs=digit / 2)


@pytest.mark.parametrize(
    ("year", "tails", "expected"),
    [
        (250, (0, 3), 2.7312),
        (52, (0, 3), 2.8288),
        (12, (0, 3), 3.2398),
        (12, (-0.72, 5.78), 4.9913),
    ],
)
def test_minimum_track_record_of_the_paper_in_years(year, tails, expected):
    sample = ReturnMoments(2 / sqrt(year), 24, *tails)
    assert minimum_track_record(sample, 1 / sqrt(year)) / year == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("trials", "expected"), [(8, 1.45901), (10, 1.57460), (100, 2.53060)])
def test_expected_maximum_of_normals(trials, expected):
    assert expected_maximum(trials) == pytest.approx(expected, abs=5e-6)
    drawn = np.random.default_rng(1).standard_normal((20_000, trials)).max(axis=1)
    assert drawn.mean() == pytest.approx(expected, abs=0.05), "the formula is an approximation"


def test_probabilistic_sharpe_equals_that_of_quantstats():
    stats = pytest.importorskip("quantstats").stats
    returns = pd.Series(
        0.0004 + 0.01 * np.random.default_rng(4).standard_t(4, 253), pd.bdate_range("2025-01-30", periods=253)
    )
    expected = stats.probabilistic_sharpe_ratio(returns)
    assert probabilistic_sharpe(return_moments(returns.to_numpy())) == pytest.approx(expected, rel=1e-12)


def test_moments_equal_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    excess = 0.01 * np.random.default_rng(4).standard_t(4, 100) + 0.001
    result = return_moments(excess)
    assert result.periods == 100
    assert result.sharpe == pytest.approx(excess.mean() / stats.tstd(excess), rel=1e-12)
    assert result.skewness == pytest.approx(stats.skew(excess, bias=False), rel=1e-9)
    assert result.kurtosis == pytest.approx(stats.kurtosis(excess, bias=False) + 3, rel=1e-9)


def test_minimum_track_record_is_just_long_enough():
    needed = minimum_track_record(ReturnMoments(0.1, 24, -0.5, 6), 0.02, 0.975)
    assert probabilistic_sharpe(ReturnMoments(0.1, round(needed), -0.5, 6), 0.02) == pytest.approx(0.975, abs=1e-3)


def test_a_sharpe_ratio_of_1_needs_more_than_two_and_a_half_years():
    assert minimum_track_record(ReturnMoments(1 / sqrt(252), 252)) / 252 == pytest.approx(2.7, abs=0.05)


SAMPLES = st.builds(
    ReturnMoments,
    sharpe=st.floats(-0.5, 0.5),
    periods=st.integers(20, 2000),
    skewness=st.floats(-1.4, 1.4),
    kurtosis=st.floats(3, 20),  # above 1 + skewness^2, as every distribution's
)


@given(SAMPLES, st.integers(1, 10_000), st.floats(0, 1))
def test_deflating_never_raises_the_probability(sample, trials, deviation):
    assert deflated_sharpe(sample, trials, deviation) <= probabilistic_sharpe(sample)
    assert deflated_sharpe(sample, trials + 1, deviation) <= deflated_sharpe(sample, trials, deviation) + 1e-12


@given(SAMPLES)
def test_a_probability_lies_between_0_and_1(sample):
    assert 0 <= probabilistic_sharpe(sample) <= 1
    assert probabilistic_sharpe(sample, sample.sharpe) == pytest.approx(0.5)


@given(st.floats(0.001, 1000))
def test_leverage_changes_no_moment(leverage):
    excess = 0.01 * np.random.default_rng(4).standard_t(4, 100) + 0.001
    plain, levered = return_moments(excess), return_moments(leverage * excess)
    assert (levered.sharpe, levered.skewness, levered.kurtosis) == pytest.approx(
        (plain.sharpe, plain.skewness, plain.kurtosis)
    )


def null(rng, periods, trials):
    return rng.normal(0, 0.01, (periods, trials))


def by_hand(returns, blocks):
    """CSCV as the paper words it, a split at a time."""
    from itertools import combinations

    parts, logits = np.split(returns, blocks), []
    for half in combinations(range(blocks), blocks // 2):
        inside = np.vstack([parts[i] for i in half])
        outside = np.vstack([parts[i] for i in range(blocks) if i not in half])
        best = np.argmax(inside.mean(0) / inside.std(0, ddof=1))
        ratios = outside.mean(0) / outside.std(0, ddof=1)
        share = (np.sum(ratios <= ratios[best])) / (len(ratios) + 1)
        logits.append(np.log(share / (1 - share)))
    return np.array(logits)


def test_overfitting_probability_equals_a_plain_implementation():
    returns = null(np.random.default_rng(8), 120, 7) + np.linspace(0, 0.002, 7)
    result, expected = overfitting_probability(returns, 6), by_hand(returns, 6)
    assert result.logits == pytest.approx(expected)
    assert result.probability == np.mean(expected <= 0)


def test_overfitting_probability_without_skill_is_a_half():
    rng = np.random.default_rng(21)
    found = np.array([overfitting_probability(null(rng, 400, 50), 10).probability for _ in range(100)])
    assert found.mean() == pytest.approx(0.5, abs=3 * found.std(ddof=1) / sqrt(len(found)))


@pytest.mark.slow
def test_overfitting_probability_without_skill_is_a_half_at_full_size():
    rng = np.random.default_rng(22)
    found = np.array([overfitting_probability(null(rng, 1000, 200)).probability for _ in range(100)])
    assert found.mean() == pytest.approx(0.5, abs=3 * found.std(ddof=1) / sqrt(len(found)))
    assert found.std(ddof=1) == pytest.approx(0.14, abs=0.03)


def test_an_injected_edge_holds_out_of_sample():
    returns = null(np.random.default_rng(23), 1000, 200)
    returns[:, 7] += 0.003
    result = overfitting_probability(returns)
    assert result.probability < 0.01
    assert result.logits.shape == (comb(16, 8),)


def test_the_oldest_periods_beyond_whole_blocks_are_left_out():
    returns = null(np.random.default_rng(9), 103, 5)
    assert np.array_equal(overfitting_probability(returns, 4).logits, overfitting_probability(returns[3:], 4).logits)


def test_a_calm_trial_beside_volatile_ones_is_not_constant():
    returns = null(np.random.default_rng(9), 100, 3)
    calm = overfitting_probability(returns * (1e-7, 1, 1), 4)
    assert calm.logits == pytest.approx(overfitting_probability(returns, 4).logits)


def test_identical_settings_count_once():
    returns = null(np.random.default_rng(9), 100, 3)
    once = overfitting_probability(returns, 4)
    again = overfitting_probability(returns[:, [0, 1, 1, 2, 0]], 4)
    assert np.array_equal(again.logits, once.logits) and again.probability == once.probability
    with pytest.raises(Unavailable, match=r"^overfitting: all trials are the same; 2 that differ are needed$"):
        overfitting_probability(np.repeat(returns[:, :1], 5, axis=1), 4)


@pytest.mark.parametrize("scale", [0.01, 100])
def test_scale_and_order_of_settings_do_not_matter(scale):
    returns = null(np.random.default_rng(9), 100, 6)
    plain = overfitting_probability(returns, 6).logits
    assert overfitting_probability(scale * returns, 6).logits == pytest.approx(plain)
    assert overfitting_probability(returns[:, ::-1], 6).logits == pytest.approx(plain)


def test_unavailable_results_give_a_reason():
    fine = null(np.random.default_rng(9), 100, 4)
    with pytest.raises(Unavailable, match=r"^Sharpe ratio: 1 periods; 2 are needed$"):
        ReturnMoments(0.1, 1)
    assert ReturnMoments(0.1, 2).spread == pytest.approx(1.005), "two are enough"
    with pytest.raises(Unavailable, match="has no standard error"):
        ReturnMoments(1.0, 24, skewness=2, kurtosis=5)  # 1 - 2 + 1 = 0
    with pytest.raises(Unavailable, match="1 trials; 2 are needed"):
        overfitting_probability(fine[:, :1], 4)
    with pytest.raises(Unavailable, match="39 periods; 4 blocks of 10 are needed"):
        overfitting_probability(fine[:39], 4)
    assert len(overfitting_probability(fine[:40, :2], 4).logits) == 6, "forty of two trials are enough"
    assert len(overfitting_probability(1e-5 * fine, 4).logits) == 6, "moves of a thousandth of a basis point are moves"
    with pytest.raises(Unavailable, match="1 of 400 returns are missing"):
        overfitting_probability(np.where(np.arange(400).reshape(100, 4) == 17, np.nan, fine), 4)
    with pytest.raises(Unavailable, match="trial 2 is constant in some half"):
        overfitting_probability(np.where((np.arange(100)[:, None] < 50) & (np.arange(4) == 2), 0, fine), 4)
    with pytest.raises(Unavailable, match="trial 0 is constant in some half"):
        overfitting_probability(1e-11 * fine + 0.01, 4)
    with pytest.raises(Unavailable, match=r"^excess returns: 19 observations; 20 are needed$"):
        return_moments(fine[:19, 0])
    with pytest.raises(Unavailable, match=r"^excess returns: all 100 observations are the same"):
        return_moments(np.zeros(100))
    for threshold in (0.1, 0.2):
        with pytest.raises(Unavailable, match=rf"of 0\.1 must be above {threshold}$"):
            minimum_track_record(ReturnMoments(0.1, 24), threshold)
    with pytest.raises(Unavailable, match="has no standard error"):
        ReturnMoments(0.5, 24, skewness=4, kurtosis=3)
    with pytest.raises(Unavailable, match="has no standard error"):
        ReturnMoments(float("nan"), 24)
    for deviation in (float("nan"), float("inf"), -0.1):
        with pytest.raises(Unavailable, match=f"deviation across 3 trials: {deviation}; the Sharpe ratios of 2 are n"):
            deflated_sharpe(PAPER, 3, deviation)
    assert deflated_sharpe(PAPER, 1, float("nan")) == probabilistic_sharpe(PAPER), "one trial was not selected"


@pytest.mark.parametrize("idle", [0.0, 0.0001, 0.01])
def test_a_trial_that_is_constant_in_a_half_is_refused(idle):
    # Its variance in that half is what rounding leaves, above zero or below; idle at 0.01 its ratio would be millions.
    for seed in range(40):
        returns = null(np.random.default_rng(seed), 120, 4)
        returns[:60, 2] = idle
        with pytest.raises(
            Unavailable, match=r"^overfitting: trial 2 is constant in some half; each must vary in all$"
        ):
            overfitting_probability(returns, 4)


def test_a_calm_half_is_accepted():
    # A thousandth of the moves of the other half: the figures are those of single halves, by the paper's words.
    returns = null(np.random.default_rng(8), 120, 5)
    returns[:60, 2] *= 0.001
    assert overfitting_probability(returns, 4).logits == pytest.approx(by_hand(returns, 4))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="5 blocks; an even number"):
        overfitting_probability(np.zeros((100, 4)), 5)
    with pytest.raises(ValueError, match=r"\(n_periods, n_trials\) is needed"):
        overfitting_probability(np.zeros(100))
    with pytest.raises(ValueError, match="0 trials"):
        expected_maximum(0)
    for level in (0.5, 1, 1.5, 95, float("nan")):
        with pytest.raises(ValueError, match=rf"^level {level} is not between 0\.5 and 1; 0\.95 is usual$"):
            minimum_track_record(PAPER, level=level)
