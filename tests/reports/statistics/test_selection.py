"""The permutation test of stock selection, against plain loops, an exhaustive enumeration and its laws."""

from __future__ import annotations

from itertools import combinations
from math import log, prod, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.universe import AI_UNIVERSE
from reports.statistics.availability import Unavailable
from reports.statistics.placebo import placebo_ranks
from reports.statistics.selection import selection_statistics, without_factors

FACTORS = ("SPY", "SMH", "IGV")
SOFTWARE = ("PLTR", "CRM", "NOW", "SNOW", "ADBE", "DDOG", "MDB", "WDAY", "PANW", "CRWD")
HIGH_END = ("NVDA", "AVGO", "TSM", "MU", "ANET", "VRT")
BASKETS = {
    "ai_software": dict.fromkeys(SOFTWARE, 0.1),
    "high_end_demand": dict.fromkeys(HIGH_END, 1 / 6),
    "midrange_challengers": dict.fromkeys(("AMD", "INTC", "QCOM", "ARM", "MRVL"), 0.1) | {"SMH": -0.5},
    "gpu_bubble": {"NVDA": -0.5, "AMD": 0.25, "INTC": 0.25},
}


@pytest.fixture(scope="module")
def year(real_prices):
    """Daily returns of the universe, SMH and the factors over the 252 sessions of the hold."""
    symbols = (*AI_UNIVERSE, "SMH")
    entry = real_prices.row("2025-01-31")
    close = real_prices.rebased(0).select((*AI_UNIVERSE, *FACTORS)).close[entry - 1 : entry + 252]
    returns = close[1:] / close[:-1] - 1
    stocks, factors = returns[:, : len(AI_UNIVERSE)], returns[:, len(AI_UNIVERSE) :]
    return symbols, without_factors(np.column_stack((stocks, factors[:, 1])), factors, range(0, 252, 20))


def statistic(year, basket):
    symbols, returns = year
    weights = np.array([basket.get(symbol, 0.0) for symbol in symbols])
    return selection_statistics([weights[None]] * len(returns.blocks), returns)[0]


@pytest.mark.parametrize(
    ("name", "golden"),
    [("ai_software", 1.2502), ("high_end_demand", 1.2950), ("midrange_challengers", -1.6805), ("gpu_bubble", 0.4755)],
)
def test_golden_statistics_of_real_prices(year, name, golden):
    assert statistic(year, BASKETS[name]) == pytest.approx(golden, abs=5e-5)


def test_plain_loops_give_the_same_statistic():
    rng = np.random.default_rng(1)
    factors = rng.normal(0, 0.01, (45, 2))
    returns = 0.001 + factors @ rng.normal(1, 0.3, (2, 3)) + rng.normal(0, 0.02, (45, 3))
    held = [[0.5, -0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]]
    made = without_factors(returns, factors, (0, 20, 40))

    design = np.column_stack((np.ones(45), factors))
    slopes = [np.linalg.solve(design.T @ design, design.T @ returns[:, stock]) for stock in range(3)]
    residual = np.array([returns[:, stock] - design @ slopes[stock] for stock in range(3)])
    kept = [returns[:, stock] - factors @ slopes[stock][1:] for stock in range(3)]
    logs, variance = 0.0, 0.0
    for weights, start, stop in zip(held, (0, 20, 40), (20, 40, 45), strict=True):
        gains = [prod(1 + value for value in kept[stock][start:stop]) - 1 for stock in range(3)]
        logs += log(1 + sum(w * gain for w, gain in zip(weights, gains, strict=True)))
        for i in range(3):
            for j in range(3):
                covariance = sum(
                    (residual[i][t] - residual[i].mean()) * (residual[j][t] - residual[j].mean()) for t in range(45)
                )
                variance += (stop - start) * weights[i] * weights[j] * covariance / 44
    assert selection_statistics([np.array([weights]) for weights in held], made)[0] == pytest.approx(
        logs / sqrt(variance), rel=1e-10
    )


def test_the_count_among_all_baskets_of_six(real_prices):
    """Every one of the 230,230 baskets, on raw returns of 20 sessions: the counting against an enumeration."""
    entry = real_prices.row("2025-01-31")
    prices = real_prices.rebased(0).select(AI_UNIVERSE)
    returns = prices.close[entry + 19] / prices.open[entry] - 1
    real = tuple(sorted(AI_UNIVERSE.index(stock) for stock in HIGH_END))
    baskets = np.array([real, *(basket for basket in combinations(range(26), 6) if basket != real)])
    assert len(baskets) == 230_230
    (rank,) = placebo_ranks(np.log1p(returns[baskets].mean(axis=1))[:, None])
    assert (rank.p, rank.p_lower) == pytest.approx((0.790774, 0.209230), abs=5e-7)


def test_an_exposure_added_to_all_stocks_changes_nothing_but_rounding():
    rng = np.random.default_rng(2)
    factors, own = rng.normal(0, 0.01, (252, 3)), rng.normal(0.0005, 0.02, (252, 8))
    weights = [rng.dirichlet(np.ones(8), 50)] * 13
    starts = range(0, 252, 20)
    plain, exposed = (
        selection_statistics(weights, without_factors(own + factors @ added, factors, starts))
        for added in (np.zeros((3, 8)), rng.normal(1, 1, (3, 1)) * np.ones(8))
    )
    assert exposed == pytest.approx(plain, abs=1e-9)


def test_half_the_weights_move_p_by_less_than_one_hundredth(year):
    symbols, returns = year
    order = np.random.default_rng(3).permuted(np.tile(np.arange(26), (4000, 1)), axis=1)
    p = []
    for scale in (1.0, 0.5):
        weights = np.zeros((4001, len(symbols)))
        stocks = np.array([[BASKETS["gpu_bubble"].get(symbol, 0.0) * scale for symbol in AI_UNIVERSE]])
        weights[:, :26] = np.vstack((stocks, stocks[0][order]))
        p.append(placebo_ranks(selection_statistics([weights] * len(returns.blocks), returns)[:, None])[0].p)
    assert abs(p[0] - p[1]) < 0.01


@given(st.permutations(range(6)))
def test_the_statistic_knows_no_names(order):
    rng = np.random.default_rng(4)
    factors, returns = rng.normal(0, 0.01, (60, 2)), rng.normal(0, 0.02, (60, 6))
    weights = np.array([[0.5, 0.25, 0.25, -0.5, -0.5, 0.0]])
    (named,) = selection_statistics([weights] * 3, without_factors(returns, factors, (0, 20, 40)))
    renamed = without_factors(returns[:, order], factors, (0, 20, 40))
    assert selection_statistics([weights[:, order]] * 3, renamed)[0] == pytest.approx(named, abs=1e-9)


def test_a_basket_without_risk_or_that_loses_everything_has_no_statistic():
    rng = np.random.default_rng(5)
    factors, returns = rng.normal(0, 0.01, (40, 1)), rng.normal(0, 0.02, (40, 2))
    returns[30, 1] = -3.0
    made = without_factors(returns, factors, (0, 20))
    weights = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert np.isnan(selection_statistics([weights] * 2, made)).tolist() == [True, True, False]


def test_too_few_sessions_for_the_regression_are_unavailable():
    with pytest.raises(Unavailable, match="needs more than 4 sessions"):
        without_factors(np.zeros((4, 2)), np.zeros((4, 3)), (0,))
