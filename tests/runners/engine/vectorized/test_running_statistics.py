"""Streaming statistics against figures by hand, in blocks of any size."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL
from runners.engine.vectorized.running_statistics import LEAST_VALUES, RunningStatistics, running_peaks

NAN = float("nan")


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (4, 4), (1, 5), (5, 1)])
def test_running_peaks_include_the_peak_before_the_block(shape):
    equity = np.random.default_rng(1).normal(100, 10, shape)
    before = np.linspace(90, 110, shape[1])
    expected = np.maximum.accumulate(np.vstack((before, equity)), axis=0)[1:]
    out = np.empty(shape)
    assert running_peaks(equity, before, out) is out
    assert out.tolist() == expected.tolist()


def test_two_curves_by_hand():
    # The first curve goes from 1 to 1.1, 0.99 and 1.188 million (+10 %, -10 %, +20 %); the second is flat and ends a
    # day earlier.
    statistics = RunningStatistics(np.array([3, 2]), np.array([2, 2]), curves=True)
    statistics.add_block(1, CAPITAL * np.array([[1, 1], [1.1, 1], [0.99, 1]]), np.array([[0.5, 0.0], [1.0, 0.25]]))
    statistics.add_block(3, CAPITAL * np.array([[0.99], [1.188]]), np.array([[0.3]]))
    columns = statistics.columns()
    mean, deviation = 0.2 / 3, sqrt(((0.1 - 0.2 / 3) ** 2 + (0.1 + 0.2 / 3) ** 2 + (0.2 - 0.2 / 3) ** 2) / 2)
    assert columns["sessions"].tolist() == [3, 2]
    assert columns["terminal"].tolist() == [1_188_000, 1_000_000] and columns["terminal"].dtype == float
    assert columns["sharpe"].tolist() == pytest.approx([mean / deviation * sqrt(252), NAN], nan_ok=True)
    assert columns["sharpe"].dtype == float
    assert columns["max_drawdown"].tolist() == pytest.approx([-0.1, 0])
    assert columns["exposure"].tolist() == pytest.approx([0.6, 0.125])
    assert columns["horizons"].shape == (2, len(HORIZONS)) and np.isnan(columns["horizons"]).all()
    millions = [[1, 1.1, 0.99, 1.188], [1, 1, 1, NAN]]
    assert (columns["equity"] / CAPITAL).tolist() == [pytest.approx(row, nan_ok=True) for row in millions]
    assert "equity" not in RunningStatistics(np.array([3]), np.array([2]), curves=False).columns()


def test_sharpe_ratios_of_curves_in_blocks_equal_numpy():
    rng = np.random.default_rng(3)
    returns = rng.normal(0.001, 0.02, (LEAST_VALUES, 3)) * (1, 2, 0.5)  # each of the two blocks is reduced by itself
    curve = CAPITAL * np.cumprod(np.vstack((np.ones(3), 1 + returns)), axis=0)
    statistics = RunningStatistics(np.full(3, LEAST_VALUES), np.full(3, LEAST_VALUES), curves=False)
    middle = LEAST_VALUES // 2
    statistics.add_block(1, curve[: middle + 1].copy(), np.ones((middle, 3)))
    statistics.add_block(middle + 1, curve[middle:].copy(), np.ones((LEAST_VALUES - middle, 3)))
    expected = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * sqrt(252)
    assert statistics.columns()["sharpe"] == pytest.approx(expected, rel=1e-9)


def test_no_sharpe_ratio_after_ruin_but_one_with_a_last_half_dollar():
    statistics = RunningStatistics(np.array([2, 2, 2]), np.array([2, 2, 2]), curves=False)
    ends = np.array([-1.0, 0.0, 0.5])
    statistics.add_block(1, np.array([[CAPITAL] * 3, [CAPITAL / 2] * 3, ends]), np.ones((2, 3)))
    assert np.isnan(statistics.columns()["sharpe"]).tolist() == [True, True, False]


def test_equal_returns_have_no_sharpe_ratio():
    statistics = RunningStatistics(np.array([2]), np.array([2]), curves=False)
    statistics.add_block(1, CAPITAL * np.array([[1.0], [1.5], [2.25]]), np.ones((2, 1)))
    assert np.isnan(statistics.columns()["sharpe"]).all()


def test_a_single_session_has_no_sharpe_ratio():
    statistics = RunningStatistics(np.array([1, 1]), np.array([1, 1]), curves=False)
    statistics.add_block(1, CAPITAL * np.array([[1.0, 1.0], [1.1, 1.0]]), np.ones((1, 2)))
    assert np.isnan(statistics.columns()["sharpe"]).all()


def test_a_drawdown_is_measured_from_the_peak_of_all_blocks():
    statistics = RunningStatistics(np.array([4]), np.array([4]), curves=False)
    statistics.add_block(1, CAPITAL * np.array([[1.0], [2.0], [1.5]]), np.ones((2, 1)))
    statistics.columns()  # ends the block
    statistics.add_block(3, CAPITAL * np.array([[1.5], [1.2], [1.9]]), np.ones((2, 1)))
    assert statistics.columns()["max_drawdown"].tolist() == pytest.approx([-0.4])


@pytest.mark.parametrize("block", [1, 2, 5, 30])
@pytest.mark.parametrize("width", [2, LEAST_VALUES])
def test_horizons_do_not_depend_on_the_blocks(block, width):
    # Equity grows by 100 USD a session; the hold of the last reaches the third horizon and no further.
    length = HORIZONS[3] + 1
    hold = np.full(width, length)
    hold[-1] = HORIZONS[2]
    statistics = RunningStatistics(np.full(width, length), hold, curves=False)
    curve = CAPITAL + 100.0 * np.arange(length + 1)
    for first in range(1, length + 1, block):
        part = np.repeat(curve[first - 1 : first + block][:, None], width, axis=1)
        statistics.add_block(first, part, np.ones((len(part) - 1, width)))
    horizons = statistics.columns()["horizons"]
    expected = [horizon * 100 / CAPITAL for horizon in HORIZONS[:4]]
    assert horizons[0, :4].tolist() == pytest.approx(expected)
    assert horizons[-1, :3].tolist() == pytest.approx(expected[:3]) and np.isnan(horizons[-1, 3:]).all()
    assert np.isnan(horizons[:, 4:]).all()
