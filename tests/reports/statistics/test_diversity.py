"""Diversity against hand arithmetic, and its laws as properties."""

from __future__ import annotations

from math import inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reports.statistics.availability import Unavailable
from reports.statistics.diversity import diversity_weights, fernholz_diversity, hill_number, master_equation

GOLDEN = np.array([0.5, 0.3, 0.2])
SHARES = arrays(float, st.integers(1, 12), elements=st.floats(1e-6, 1))
EXPONENTS = st.floats(0.05, 0.999)


@pytest.mark.parametrize(
    ("shares", "order", "expected"),
    [
        ((0.5, 0.25, 0.25), 0, 3),
        ((0.5, 0.25, 0.25), 1, 2.828427),
        ((0.5, 0.25, 0.25), 2, 2.666667),
        ((0.5, 0.25, 0.25), inf, 2),
        ((0.5, 0.3, 0.2), 0, 3),
        ((0.5, 0.3, 0.2), 1, 2.800094),
        ((0.5, 0.3, 0.2), 2, 2.631579),
        ((0.5, 0.3, 0.2), inf, 2),
    ],
)
def test_hill_numbers(shares, order, expected):
    assert hill_number(np.array(shares), order) == pytest.approx(expected, abs=5e-7)


def test_diversity_and_weights_of_fernholz():
    assert fernholz_diversity(GOLDEN, 0.5) == pytest.approx(2.896950, abs=5e-7)
    assert diversity_weights(GOLDEN, 0.5) == pytest.approx([0.41544591, 0.32180302, 0.26275107], abs=5e-9)


def test_master_equation_of_one_step():
    told = master_equation(GOLDEN, np.array([[-0.17, 0.02, 0.05]]), 0.5)
    assert told.relative == pytest.approx([0.0190945], abs=5e-8)
    assert told.diversity == pytest.approx([0.0162069], abs=5e-8)
    assert told.drift == pytest.approx([0.0028876], abs=5e-8)


def test_relative_return_is_that_of_two_accounts():
    returns = np.random.default_rng(2).normal(0, 0.05, (10, 3))
    told, shares, expected = master_equation(GOLDEN, returns, 0.7), GOLDEN, []
    for step in 1 + returns:
        weights = shares**0.7 / np.sum(shares**0.7)
        expected.append(log(weights @ step) - log(shares @ step))
        shares = shares * step / (shares @ step)
    assert told.relative == pytest.approx(expected)
    # Only the ends count for the diversity of the whole.
    assert told.diversity.sum() == pytest.approx(log(fernholz_diversity(shares, 0.7) / fernholz_diversity(GOLDEN, 0.7)))


def test_drift_of_short_steps_is_the_excess_growth_rate():
    daily = np.random.default_rng(3).normal(0, 0.001, (2000, 3))
    weights = diversity_weights(GOLDEN, 0.5)
    # Uncorrelated names of equal variance: half of (weighted variances less the portfolio's own), times 1-p.
    excess_growth = 0.5 * 1e-6 * (1 - weights @ weights)
    drift = master_equation(GOLDEN, daily, 0.5).drift.mean()
    assert drift == pytest.approx(0.5 * excess_growth, rel=0.1)


def test_shares_at_the_edge_of_floats_have_weights_too():
    assert diversity_weights(np.array([1e-300, 3e-300]), 1) == pytest.approx([0.25, 0.75])


@given(SHARES)
def test_hill_numbers_fall_with_their_order_between_all_names_and_one(shares):
    orders = (0, 0.3, 1 - 1e-5, 1, 1 + 1e-5, 1.5, 2, 10, 500, inf)
    found = np.array([hill_number(shares, order) for order in orders])
    assert np.all(np.diff(found) <= 1e-7 * len(shares))
    assert found[0] == pytest.approx(len(shares))
    assert found[-1] >= 1 - 1e-12


@given(st.integers(1, 12), st.floats(0, 50))
def test_equal_shares_count_in_full(names, order):
    assert hill_number(np.full(names, 0.1), order) == pytest.approx(names)


@given(SHARES, EXPONENTS)
def test_diversity_is_a_power_of_the_hill_number(shares, p):
    assert fernholz_diversity(shares, p) == pytest.approx(hill_number(shares, p) ** ((1 - p) / p), rel=1e-9)


@given(SHARES, EXPONENTS, st.floats(0.01, 100))
def test_scale_and_names_without_a_share_change_nothing(shares, p, scale):
    padded = np.concatenate((scale * shares, [0.0]))
    assert hill_number(padded, p) == pytest.approx(hill_number(shares, p))
    assert fernholz_diversity(padded, p) == pytest.approx(fernholz_diversity(shares, p))
    assert diversity_weights(padded, p) == pytest.approx([*diversity_weights(shares, p), 0.0])


@given(SHARES)
def test_weights_run_from_the_market_to_equal(shares):
    assert diversity_weights(shares, 1) == pytest.approx(shares / shares.sum())
    assert fernholz_diversity(shares, 1) == pytest.approx(1)
    assert np.ptp(diversity_weights(shares, 0.01)) <= 0.15
    weights = diversity_weights(shares, 0.5)
    assert weights.sum() == pytest.approx(1)
    assert weights.max() <= shares.max() / shares.sum() + 1e-12, "never more in the largest than the market"


@given(st.data(), SHARES, st.floats(0.05, 1))
def test_drift_is_never_negative(data, shares, p):
    returns = data.draw(arrays(float, (4, len(shares)), elements=st.floats(-0.9, 2)))
    told = master_equation(shares, returns, p)
    assert np.all(told.drift >= -1e-9)
    assert told.relative == pytest.approx(told.diversity + told.drift)


@given(st.data(), SHARES, EXPONENTS)
def test_a_move_of_the_whole_market_is_no_relative_return(data, shares, p):
    move = data.draw(st.floats(-0.9, 2))
    told = master_equation(shares, np.full((1, len(shares)), move), p)
    assert (told.relative[0], told.diversity[0], told.drift[0]) == pytest.approx((0, 0, 0), abs=1e-9)


def test_a_gap_matters_only_where_there_is_a_share():
    returns = np.array([[0.01, np.nan]])
    assert master_equation(np.array([1.0, 0.0]), returns, 0.5).relative == pytest.approx([0])
    with pytest.raises(Unavailable, match="1 of 2 returns are missing"):
        master_equation(np.array([0.6, 0.4]), returns, 0.5)


def test_what_cannot_be_known_is_told():
    with pytest.raises(Unavailable, match="1 of 2 shares are missing"):
        hill_number(np.array([0.5, np.nan]), 1)
    with pytest.raises(Unavailable, match="none of 2 shares is above zero"):
        fernholz_diversity(np.zeros(2), 0.5)
    with pytest.raises(Unavailable, match="none of 0 shares"):
        diversity_weights(np.zeros(0), 0.5)
    with pytest.raises(Unavailable, match=r"^diversity: 0 steps; 1 is needed$"):
        master_equation(GOLDEN, np.zeros((0, 3)), 0.5)
    with pytest.raises(Unavailable, match="not above -100%"):
        master_equation(GOLDEN, np.array([[-1.0, 0, 0]]), 0.5)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"a share of -0\.5"):
        hill_number(np.array([1.5, -0.5]), 1)
    with pytest.raises(ValueError, match="order -1 is below 0"):
        hill_number(GOLDEN, -1)
    with pytest.raises(ValueError, match="order nan"):
        hill_number(GOLDEN, float("nan"))
    for function in (fernholz_diversity, diversity_weights):
        for p in (0, 0.009, 1.001, 1.5, float("nan")):
            with pytest.raises(
                ValueError, match=rf"^p {p} is not in \[0\.01, 1\]; 1 is the market, near 0 equal weight"
            ):
                function(GOLDEN, p)
    for returns in (np.zeros(3), np.zeros((2, 4))):
        with pytest.raises(ValueError, match="names must be the columns"):
            master_equation(GOLDEN, returns, 0.5)
    with pytest.raises(ValueError, match="one value a name"):
        hill_number(np.ones((2, 2)), 1)
