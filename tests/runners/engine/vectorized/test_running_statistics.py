"""Reductions of curves by hand, however they come in blocks."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL
from runners.engine.vectorized.running_statistics import TOGETHER, RunningStatistics, running_peaks

NAN = float("nan")


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (4, 4), (1, 5), (5, 1)])
def test_peaks_run_down_the_sessions_and_know_what_was_before(shape):
    equity = np.random.default_rng(1).normal(100, 10, shape)
    before = np.linspace(90, 110, shape[1])
    expected = np.maximum.accumulate(np.vstack((before, equity)), axis=0)[1:]
    out = np.empty(shape)
    assert running_peaks(equity, before, out) is out
    assert out.tolist() == expected.tolist()


def test_two_curves_by_hand():
    # Of a million the first makes 1.1, 0.99 and 1.188 million, 10 % up, 10 % down and 20 % up; the second ends a day
    # earlier, and stands still.
    tally = RunningStatistics(np.array([3, 2]), np.array([2, 2]), curves=True)
    tally.note(1, CAPITAL * np.array([[1, 1], [1.1, 1], [0.99, 1]]), np.array([[0.5, 0.0], [1.0, 0.25]]))
    tally.note(3, CAPITAL * np.array([[0.99], [1.188]]), np.array([[0.3]]))
    told = tally.columns()
    mean, deviation = 0.2 / 3, sqrt(((0.1 - 0.2 / 3) ** 2 + (0.1 + 0.2 / 3) ** 2 + (0.2 - 0.2 / 3) ** 2) / 2)
    assert told["sessions"].tolist() == [3, 2]
    assert told["terminal"].tolist() == [1_188_000, 1_000_000] and told["terminal"].dtype == float
    assert told["sharpe"].tolist() == pytest.approx([mean / deviation * sqrt(252), NAN], nan_ok=True)
    assert told["sharpe"].dtype == float
    assert told["max_drawdown"].tolist() == pytest.approx([-0.1, 0])
    assert told["exposure"].tolist() == pytest.approx([0.6, 0.125])
    assert told["horizons"].shape == (2, len(HORIZONS)) and np.isnan(told["horizons"]).all()
    millions = [[1, 1.1, 0.99, 1.188], [1, 1, 1, NAN]]
    assert (told["equity"] / CAPITAL).tolist() == [pytest.approx(row, nan_ok=True) for row in millions]
    assert "equity" not in RunningStatistics(np.array([3]), np.array([2]), curves=False).columns()


def test_sharpe_ratios_of_curves_that_come_in_blocks_are_those_of_numpy():
    rng = np.random.default_rng(3)
    returns = rng.normal(0.001, 0.02, (TOGETHER, 3)) * (1, 2, 0.5)  # each of two blocks is large enough for itself
    curve = CAPITAL * np.cumprod(np.vstack((np.ones(3), 1 + returns)), axis=0)
    tally = RunningStatistics(np.full(3, TOGETHER), np.full(3, TOGETHER), curves=False)
    middle = TOGETHER // 2
    tally.note(1, curve[: middle + 1].copy(), np.ones((middle, 3)))
    tally.note(middle + 1, curve[middle:].copy(), np.ones((TOGETHER - middle, 3)))
    expected = returns.mean(axis=0) / returns.std(axis=0, ddof=1) * sqrt(252)
    assert tally.columns()["sharpe"] == pytest.approx(expected, rel=1e-9)


def test_after_ruin_there_is_no_sharpe_ratio_and_a_last_dollar_is_no_ruin():
    tally = RunningStatistics(np.array([2, 2, 2]), np.array([2, 2, 2]), curves=False)
    ends = np.array([-1.0, 0.0, 0.5])
    tally.note(1, np.array([[CAPITAL] * 3, [CAPITAL / 2] * 3, ends]), np.ones((2, 3)))
    assert np.isnan(tally.columns()["sharpe"]).tolist() == [True, True, False]


def test_equal_returns_have_no_sharpe_ratio():
    tally = RunningStatistics(np.array([2]), np.array([2]), curves=False)
    tally.note(1, CAPITAL * np.array([[1.0], [1.5], [2.25]]), np.ones((2, 1)))
    assert np.isnan(tally.columns()["sharpe"]).all()


def test_a_single_session_has_no_sharpe_ratio():
    tally = RunningStatistics(np.array([1, 1]), np.array([1, 1]), curves=False)
    tally.note(1, CAPITAL * np.array([[1.0, 1.0], [1.1, 1.0]]), np.ones((1, 2)))
    assert np.isnan(tally.columns()["sharpe"]).all()


def test_a_drawdown_is_from_the_highest_of_all_blocks():
    tally = RunningStatistics(np.array([4]), np.array([4]), curves=False)
    tally.note(1, CAPITAL * np.array([[1.0], [2.0], [1.5]]), np.ones((2, 1)))
    tally.columns()  # ends the block
    tally.note(3, CAPITAL * np.array([[1.5], [1.2], [1.9]]), np.ones((2, 1)))
    assert tally.columns()["max_drawdown"].tolist() == pytest.approx([-0.4])


@pytest.mark.parametrize("block", [1, 2, 5, 30])
@pytest.mark.parametrize("width", [2, TOGETHER])
def test_horizons_are_found_wherever_blocks_begin_and_end(block, width):
    # Equity grows by 100 USD a session; the hold of the last reaches the third horizon and no further.
    length = HORIZONS[3] + 1
    hold = np.full(width, length)
    hold[-1] = HORIZONS[2]
    tally = RunningStatistics(np.full(width, length), hold, curves=False)
    curve = CAPITAL + 100.0 * np.arange(length + 1)
    for first in range(1, length + 1, block):
        part = np.repeat(curve[first - 1 : first + block][:, None], width, axis=1)
        tally.note(first, part, np.ones((len(part) - 1, width)))
    told = tally.columns()["horizons"]
    expected = [horizon * 100 / CAPITAL for horizon in HORIZONS[:4]]
    assert told[0, :4].tolist() == pytest.approx(expected)
    assert told[-1, :3].tolist() == pytest.approx(expected[:3]) and np.isnan(told[-1, 3:]).all()
    assert np.isnan(told[:, 4:]).all()
