"""The simulated market against the model it is drawn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data import calendar
from data.synthetic import factor_model, simulator
from data.synthetic.simulator import (
    MarketModel,
    bridge_to_pins,
    draw_shocks,
    log_returns,
    random_generator,
    simulate_bars,
    simulate_prices,
)

SESSIONS = calendar.sessions_between("2000-01-03", "2019-12-31")
MODEL = factor_model.sample_model()


def one(volatility=0.16, **changes):
    return MarketModel(("X",), np.array([volatility]), np.zeros((1, 1)), np.array([1e8]), **changes)


@pytest.fixture(scope="module")
def returns():
    return log_returns(MODEL, draw_shocks(MODEL, len(SESSIONS), random_generator(1)))[0]


def column(values, symbol):
    return values[:, MODEL.symbols.index(symbol)]


def correlation(values, *symbols):
    return np.corrcoef([column(values, symbol) for symbol in symbols])[0, 1]


def test_returns_have_the_volatility_of_the_model(returns):
    assert returns.std(axis=0) * np.sqrt(252) == pytest.approx(MODEL.volatility, rel=0.3)


def test_returns_have_fat_tails(returns):
    assert (stats.kurtosis(returns, fisher=False) > 3.5).all()


def test_volatility_is_clustered(returns):
    squares = np.minimum(np.abs(returns), 5 * returns.std(axis=0)) ** 2
    clustering = [np.corrcoef(squares[1:, name], squares[:-1, name])[0, 1] for name in range(squares.shape[1])]
    assert min(clustering) > 0


def test_variance_follows_the_recursion_by_hand():
    # h_1 = .02 + (.05 * 4 + .93) * 1 = 1.15, h_2 = .02 + (.05 * 0 + .93) * 1.15 = 1.0895
    scale = simulator._garch(np.array([[2.0], [0.0], [9.0]]), 0.05, 0.93)
    assert scale[:, 0] ** 2 == pytest.approx([1.0, 1.15, 1.0895])


def test_semiconductors_move_with_each_other_and_not_with_bonds(returns):
    assert correlation(returns, "NVDA", "AMD") > 0.5
    assert correlation(returns, "SMH", "SOXX") > 0.9
    assert abs(correlation(returns, "NVDA", "IEF")) < 0.2


def test_bonds_move_together(returns):
    assert correlation(returns, "IEF", "TLT") > 0.8
    assert correlation(returns, "SHY", "TLT") > 0.5


def test_the_market_fund_moves_with_the_growth_fund(returns):
    assert correlation(returns, "SPY", "QQQ") > 0.9


def test_correlations_are_the_products_of_loadings():
    # Without GARCH and near a normal distribution the sample correlation is close to the sum of products.
    model = replace(MODEL, tails=1000.0, reaction=0.0, persistence=0.0)
    values = log_returns(model, draw_shocks(model, 20000, random_generator(2)))[0]
    expected = model.loadings @ model.loadings.T
    np.fill_diagonal(expected, 1.0)
    assert np.corrcoef(values.T) == pytest.approx(expected, abs=0.04)


def test_expected_returns_are_zero(returns):
    growth = np.expm1(returns)
    assert (np.abs(growth.mean(axis=0) / (growth.std(axis=0) / np.sqrt(len(growth)))) < 4).all()


def test_the_seed_determines_the_market():
    days = SESSIONS[:50]
    assert simulate_prices(MODEL, days, 5).fingerprint == simulate_prices(MODEL, days, 5).fingerprint
    assert simulate_prices(MODEL, days, 5).fingerprint != simulate_prices(MODEL, days, 6).fingerprint


def test_a_market_starts_at_its_first_close():
    quiet = simulate_prices(one(1e-9), SESSIONS[:3], 1, first=250.0)
    assert quiet.close == pytest.approx(250.0)


def test_injected_returns_are_added_to_the_log_returns():
    injected = np.zeros((30, len(MODEL.symbols)))
    injected[10, 0], injected[20, 0] = 0.05, -0.02
    null, changed = (
        simulate_prices(MODEL, SESSIONS[:30], 3),
        simulate_prices(MODEL, SESSIONS[:30], 3, injected=injected),
    )
    gain = np.log(changed.close / null.close)
    assert gain[[9, 10, 19, 20, 29], 0] == pytest.approx([0, 0.05, 0.05, 0.03, 0.03])
    assert np.allclose(gain[:, 1:], 0)


def test_open_and_close_lie_between_low_and_high():
    prices = simulate_prices(MODEL, SESSIONS[:500], 4)
    assert (prices.low <= np.minimum(prices.open, prices.close)).all()
    assert (prices.high >= np.maximum(prices.open, prices.close)).all()
    assert (prices.volume % 100 == 0).all() and (prices.volume > 0).all()


def test_the_high_is_that_of_a_brownian_bridge():
    # From 0 to 0 in unit time P(max > m) = exp(-2 m^2): a Rayleigh law with mean sqrt(2 pi) / 4.
    n = len(SESSIONS)
    day = simulate_bars(one(overnight=0.0), SESSIONS, np.zeros((n + 1, 1)), np.full((n, 1), 0.01), random_generator(1))
    assert np.log(day.high).mean() / 0.01 == pytest.approx(np.sqrt(2 * np.pi) / 4, rel=0.02)
    assert np.log(day.low).mean() / 0.01 == pytest.approx(-np.sqrt(2 * np.pi) / 4, rel=0.02)


def test_the_share_of_variance_before_the_open():
    n = len(SESSIONS)
    path = np.concatenate(([0.0], np.cumsum(random_generator(1).normal(0, 0.01, n))))[:, None]
    day = simulate_bars(one(overnight=0.4), SESSIONS, path, np.full((n, 1), 0.01), random_generator(2))
    gap = np.log(day.open[:, 0]) - path[:-1, 0]
    assert gap.var() / 0.01**2 == pytest.approx(0.4, rel=0.1)


def test_a_bridge_interpolates_the_gap_in_cumulative_variance():
    pins = np.array([[0.0], [np.nan], [np.nan], [3.0]])
    clock = np.array([[0.0], [1.0], [1.5], [2.0]])
    assert bridge_to_pins(np.zeros((4, 1)), pins, clock)[:, 0] == pytest.approx([0, 1.5, 2.25, 3])


def test_a_bridge_keeps_the_moves_outside_the_pins():
    path = np.array([[1.0], [1.2], [1.1], [1.4]])
    pins = np.array([[np.nan], [0.2], [np.nan], [np.nan]])
    assert bridge_to_pins(path, pins, np.arange(4.0)[:, None])[:, 0] == pytest.approx([0, 0.2, 0.1, 0.4])


@given(st.dictionaries(st.integers(0, 19), st.floats(-3, 3), min_size=1), st.integers(0, 99))
def test_a_bridge_goes_through_every_pin(targets, seed):
    path = np.cumsum(random_generator(seed).normal(0, 0.02, (20, 1)), axis=0)
    pins = np.full((20, 1), np.nan)
    pins[list(targets), 0] = list(targets.values())
    bent = bridge_to_pins(path, pins, np.arange(1.0, 21.0)[:, None])
    assert bent[list(targets), 0] == pytest.approx(list(targets.values()), abs=1e-12)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tails": 2.0}, "above 2 degrees"),
        ({"reaction": 0.1}, "less than 1"),
        ({"reaction": -0.1}, "less than 1"),
        ({"overnight": 1.5}, "between 0 and 1"),
        ({"loadings": np.array([[1.1]])}, "squared loadings of X"),
        ({"volatility": np.array([0.1, 0.2])}, "one row for each of 1 symbols"),
    ],
)
def test_invalid_parameters_are_rejected(changes, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(one(), **changes)


def test_every_kind_of_asset_has_a_loading_for_each_factor():
    assert {len(loadings) for loadings in factor_model.LOADINGS.values()} == {len(factor_model.FACTORS)}
    assert {kind for kind, *_ in factor_model.ASSETS.values()} == set(factor_model.LOADINGS)
