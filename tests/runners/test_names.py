"""Exchanged names: the identity is the reading itself, and every draw is what a strategy of those names would do."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import strategies
from data.universe import AI_UNIVERSE
from runners.engine.backtest import Launch, backtest
from runners.engine.frictions import Frictions
from runners.engine.launches import Terms, comparator, differences, growth
from runners.engine.names import Draws, baskets, decisions, exchanged, tradable
from runners.engine.study import prepare
from strategies.base import Past, Reading, Weights

CHOOSING = [name for name in strategies.names() if strategies.load(name).chooses]
TERMS = Terms(hold=70, rebalance=20, frictions=Frictions(2, 3, 0.01, lag=2))


@pytest.fixture(scope="module")
def entry(real_prices):
    return real_prices.row("2025-01-31")


def test_the_five_whose_claim_is_a_choice_of_names_say_so():
    five = {"gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"}
    assert set(CHOOSING) == five


@pytest.mark.parametrize("name", CHOOSING)
def test_the_draw_that_changes_nothing_is_the_reading_itself(name, real_prices, entry):
    subject = prepare(name, strategies.load(name), "SPY")
    draws = Draws.of(tradable(AI_UNIVERSE, real_prices, entry - 1), 5, seed=1)
    own = growth(baskets(subject, real_prices, entry, TERMS, draws))[0]
    own = own - comparator(subject, real_prices, np.array([entry]), TERMS)[0]
    real = differences(subject, real_prices, np.array([entry]), TERMS)[0]
    assert own == pytest.approx(real, abs=1e-12, nan_ok=True)


def test_a_draw_is_what_backtrader_makes_of_those_names(real_prices, entry):
    class Drawn(Reading):
        params = (("told", ()),)
        symbols = (*AI_UNIVERSE, "SMH")

        def weights(self, past: Past) -> Weights:
            return dict(self.p.told)

    subject = prepare("midrange_challengers", strategies.load("midrange_challengers"), "SPY")
    draws = Draws.of(AI_UNIVERSE, 3, seed=2)
    run = baskets(subject, real_prices, entry, TERMS, draws)
    (first, *_), names = decisions(subject, real_prices, entry, TERMS).values(), (*AI_UNIVERSE, "SMH")
    launch = Launch(real_prices.sessions[entry], TERMS.hold, TERMS.rebalance)
    for place, vector in enumerate(exchanged(first, names, draws)):
        told = tuple((name, weight) for name, weight in zip(names, vector.tolist(), strict=True) if weight)
        ran = backtest(Drawn, real_prices.select(names), launch, TERMS.frictions, {"told": told})
        assert run.terminal[place] == pytest.approx(ran.equity[-1], abs=0.01)


def test_draws_keep_the_shape_and_leave_funds_alone():
    draws = Draws.of(AI_UNIVERSE, 200, seed=3)
    names = (*AI_UNIVERSE, "SMH")
    drawn = exchanged({"AMD": 0.3, "INTC": 0.2, "NVDA": -0.4, "SMH": -0.1}, names, draws)
    assert (drawn[:, -1] == -0.1).all()
    for vector in drawn:
        assert Counter(vector[:-1][vector[:-1] != 0].tolist()) == Counter([0.3, 0.2, -0.4]), "legs are disjoint"
    # Every name is as likely as any other: 201 draws of one name among 26, 7.7 each on average.
    assert np.count_nonzero(drawn[:, :-1] == -0.4, axis=0).max() < 25


def test_one_draw_serves_all_readings_and_later_picks_are_fresh():
    draws = Draws.of(AI_UNIVERSE, 50, seed=4)
    assert (draws.order[0] == np.arange(26)).all() and (draws.again(1).order[0] == np.arange(26)).all()
    assert (Draws.of(AI_UNIVERSE, 50, seed=4).order == draws.order).all()
    assert (draws.again(1).order[1:] != draws.order[1:]).any() and (draws.again(2).order != draws.again(1).order).any()
    assert (np.sort(draws.again(3).order, axis=1) == np.arange(26)).all()


def test_names_that_are_not_listed_at_the_entry_are_not_drawn(make_prices):
    prices = make_prices({"A": [1.0] * 5, "B": [np.nan, np.nan, 1.0, 1.0, 1.0], "C": [np.nan] * 4 + [1.0]})
    assert [tradable(("A", "B", "C", "D"), prices, row) for row in (1, 2, 4)] == [("A",), ("A", "B"), ("A", "B", "C")]
