"""Figures against hand arithmetic, plain pandas and QuantStats."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.figures.metrics import compute_metrics, daily_risk_free_rate, mean_risk_free
from reports.statistics.returns import market_line, max_drawdown, sharpe_ratio, sortino_ratio


def test_a_year_of_steady_growth_by_hand(result_of, run_of):
    index = pd.bdate_range("2025-01-30", periods=253)
    equity = pd.Series(1e6 * 1.001 ** np.arange(253), index)
    metrics = compute_metrics(result_of(sessions=index, equity=equity), run_of(result_of(sessions=index)))
    assert metrics.total_return == pytest.approx(1.001**252 - 1)
    assert metrics.cagr == pytest.approx(1.001**252 - 1)
    assert metrics.max_drawdown == 0
    assert metrics.calmar is None, "no drawdown, no ratio"


def test_drawdown_is_from_the_highest_peak_before():
    assert max_drawdown(np.array([100.0, 120, 90, 110, 130, 117])) == pytest.approx(90 / 120 - 1)


def test_costs_and_turnover_by_hand(result_of, run_of):
    result = result_of()
    metrics = compute_metrics(result, run_of(result))
    assert metrics.costs == pytest.approx(0.5 + 0.6 + 1.0 + 1.2)
    years = len(result.returns) / 252
    assert metrics.turnover == pytest.approx((5000 + 6000) / years / result.equity.mean())
    assert metrics.time_in_market == 1.0


def test_undefined_ratios_are_none():
    assert sharpe_ratio(np.zeros(10)) is None
    assert sortino_ratio(np.full(10, 0.01)) is None
    assert market_line(np.ones(5), np.ones(5)) == (None, None)


def test_beta_and_alpha_of_a_levered_benchmark():
    market = np.random.default_rng(1).normal(0, 0.01, 100)
    beta, alpha = market_line(2 * market + 0.001, market)
    assert beta == pytest.approx(2)
    assert alpha == pytest.approx(0.252)


def test_figures_equal_those_of_quantstats(result_of, run_of):
    stats = pytest.importorskip("quantstats").stats
    result = result_of()
    run = run_of(result)
    metrics, returns = compute_metrics(result, run), result.returns
    assert metrics.total_return == pytest.approx(stats.comp(returns), rel=1e-12)
    assert metrics.cagr == pytest.approx(stats.cagr(returns), rel=1e-12)
    assert metrics.volatility == pytest.approx(stats.volatility(returns), rel=1e-12)
    assert metrics.sharpe == pytest.approx(stats.sharpe(returns, rf=0.041), rel=1e-12)
    assert metrics.sortino == pytest.approx(stats.sortino(returns, rf=0.041), rel=1e-12)
    assert metrics.max_drawdown == pytest.approx(stats.max_drawdown(returns), rel=1e-12)
    assert metrics.calmar == pytest.approx(stats.calmar(returns), rel=1e-12)
    # A constant taken from both sides changes no slope.
    assert metrics.beta == pytest.approx(stats.greeks(returns, run.benchmark)["beta"], rel=1e-9)


@pytest.mark.parametrize("sessions", [2, 20])
def test_few_sessions_are_not_annualised(result_of, run_of, sessions):
    result = result_of(sessions=pd.bdate_range("2025-01-30", periods=sessions))
    metrics = compute_metrics(result, run_of(result))
    assert (metrics.cagr, metrics.volatility, metrics.sharpe, metrics.sortino, metrics.calmar) == (None,) * 5
    assert (metrics.turnover, metrics.beta, metrics.alpha_annual) == (None,) * 3
    assert metrics.total_return == pytest.approx(result.equity.iloc[-1] / 1e6 - 1)


def test_after_ruin_there_are_no_ratios(result_of, run_of):
    index = pd.bdate_range("2025-01-30", periods=5)
    ruined = result_of(sessions=index, equity=pd.Series([1e6, 5e5, -1e4, -1e4, -1e4], index))
    metrics = compute_metrics(ruined, run_of(ruined))
    assert (metrics.total_return, metrics.max_drawdown) == pytest.approx((-1.01, -1.01))
    assert (metrics.cagr, metrics.volatility, metrics.sharpe, metrics.sortino, metrics.calmar, metrics.beta) == (
        None,
    ) * 6


def test_figures_of_excess_returns_by_hand(result_of, run_of):
    result = result_of()
    run = run_of(result)
    metrics, daily = compute_metrics(result, run), 1.041 ** (1 / 252) - 1
    own, benchmark = result.returns.to_numpy() - daily, run.benchmark.to_numpy() - daily
    slope, level = np.polyfit(benchmark, own, 1)
    assert (metrics.beta, metrics.alpha_annual) == pytest.approx((slope, level * 252), rel=1e-9)
    assert metrics.volatility == pytest.approx(own.std(ddof=1) * np.sqrt(252))
    assert metrics.sharpe == pytest.approx(own.mean() / own.std(ddof=1) * np.sqrt(252))
    downside = np.sqrt(np.mean(np.where(own < 0, own, 0) ** 2))
    assert metrics.sortino == pytest.approx(own.mean() / downside * np.sqrt(252))
    assert (mean_risk_free(run), daily_risk_free_rate(run)) == pytest.approx((0.041, daily), rel=1e-12)


def test_twenty_returns_are_enough_for_a_year(result_of, run_of):
    result = result_of(sessions=pd.bdate_range("2025-01-30", periods=21))
    metrics = compute_metrics(result, run_of(result))
    assert metrics.cagr == pytest.approx((result.equity.iloc[-1] / 1e6) ** (252 / 20) - 1)
    assert None not in (
        metrics.volatility,
        metrics.sharpe,
        metrics.sortino,
        metrics.calmar,
        metrics.turnover,
        metrics.beta,
    )


@pytest.mark.parametrize(("lowest", "defined"), [(0.0, False), (0.5, True)])
def test_zero_equity_has_no_ratios_but_half_a_dollar_has(result_of, run_of, lowest, defined):
    index = pd.bdate_range("2025-01-30", periods=30)
    equity = pd.Series(np.linspace(1e6, 5e5, 30), index)
    equity.iloc[10] = lowest
    result = result_of(sessions=index, equity=equity)
    assert (compute_metrics(result, run_of(result)).cagr is not None) == defined


def test_time_in_market_counts_from_the_entry_on(result_of, run_of):
    index = pd.bdate_range("2025-01-30", periods=5)
    gross = pd.Series([0.7, 0.0, 0.5, 1.0, 0.0], index)
    result = result_of(sessions=index, equity=pd.Series(1e6, index), gross=gross)
    assert compute_metrics(result, run_of(result)).time_in_market == 0.5


def test_repr_has_one_line_per_metric(result_of, run_of):
    index = pd.bdate_range("2025-01-30", periods=3)
    metrics = repr(
        compute_metrics(result_of(sessions=index, equity=pd.Series([1e6, 1.1e6, 1.234567e6], index)), run_of())
    )
    lines = metrics.splitlines()
    assert lines[0] == "total_return      0.234567" and lines[1] == "cagr                     -"
    assert len(lines) == 12 and lines[9] == "costs                  3.3"
