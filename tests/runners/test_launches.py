"""Many launches at once give the figures of one study after the other."""

from __future__ import annotations

import numpy as np
import pytest

import strategies
from data.errors import RequestError
from reports.result import HORIZONS
from runners.engine.backtest import Launch
from runners.engine.frictions import Frictions
from runners.engine.launches import Terms, comparator, differences
from runners.engine.pipeline import benchmark_returns
from runners.engine.study import Study, prepare, study
from strategies.base import Cash
from tests.resources.workers import Crossing


def studied(subject: Study, prices, row: int, terms: Terms) -> list[float]:
    """d at the horizons and at the end of one launch, through Backtrader."""
    launch = Launch(prices.sessions[row], terms.hold, terms.rebalance)
    benchmark = benchmark_returns(prices, "SPY", row - 1, min(row + 260, len(prices.sessions)))
    result = study(subject, prices, launch, terms.frictions, benchmark)
    return [*(result.horizons[n].d if n in result.horizons else np.nan for n in HORIZONS), result.d]


@pytest.mark.parametrize("name", strategies.names())
def test_d_of_many_launches_is_that_of_each_study(name, real_prices):
    subject = prepare(name, strategies.load(name), "SPY")
    terms = Terms(hold=70, rebalance=15, frictions=Frictions(2, 3, 0.01, lag=2))
    entries = np.array([150, 640, 1436, len(real_prices.sessions) - 30])
    found = differences(subject, real_prices, entries, terms)
    expected = [studied(subject, real_prices, row, terms) for row in entries.tolist()]
    assert found == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)
    assert np.isnan(found[:, HORIZONS.index(120) : -1]).all(), "beyond the hold"
    assert not np.isnan(found[:3, :3]).any()


def test_a_longer_hold_changes_nothing_at_a_horizon_inside_the_shorter(real_prices):
    subject = prepare("two_shocks", strategies.load("two_shocks"), "SPY")
    entries = np.arange(200, 1200, 100)
    short = differences(subject, real_prices, entries, Terms(hold=20))
    whole = differences(subject, real_prices, entries, Terms(hold=252))
    assert whole[:, :2] == pytest.approx(short[:, :2], abs=1e-12)


def test_a_plain_strategy_has_launches_too(random_prices):
    prices = random_prices(("A", "B"), 120)
    subject = Study("Crossing", Crossing, ("A", "B"), Cash())
    found = differences(subject, prices, np.array([30, 60]), Terms(hold=20))
    assert np.isfinite(found[:, :2]).all() and np.isnan(found[:, 2:-1]).all()
    assert comparator(subject, prices, np.array([30]), Terms()).tolist() == [[0.0] * (len(HORIZONS) + 1)]


def test_an_entry_before_the_history_is_refused(real_prices):
    subject = prepare("fomc_tilt", strategies.load("fomc_tilt"), "SPY")
    with pytest.raises(RequestError, match="fomc_tilt needs 90 closes before its entry; row 50 has fewer"):
        differences(subject, real_prices, np.array([200, 50]), Terms())
