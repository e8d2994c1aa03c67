"""Launches side by side where a walk takes a short way: still those of Backtrader."""

from __future__ import annotations

import pytest

from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights

FREE = Frictions(0, 0, 0, 0)


class Pair(Reading):
    """Long A, short B."""

    params = (("long", 0.5), ("short", 0.5))
    symbols = ("A", "B")

    def weights(self, past: Past) -> Weights:
        return {"A": self.p.long, "B": -self.p.short}


class Watched(Pair):
    """Asked at every close."""

    watches = True


def require_law(reading, prices, *scenarios: Scenario) -> None:
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    for place, each in enumerate(scenarios):
        launch = EntrySchedule(each.entry, each.hold, each.rebalance)
        alone = run_backtest(reading, prices, launch, each.frictions, each.parameters)
        assert batch.equity[place, : len(alone.equity)] == pytest.approx(alone.equity, abs=0.01)
        traded = sum(abs(fill.size) * fill.price for fill in alone.fills)
        assert batch.turnover[place] == pytest.approx(traded / 1e6)


@pytest.mark.parametrize("holds", [(6,), (3, 6)])
@pytest.mark.parametrize("reading", [Pair, Watched])
def test_nobody_is_asked_at_the_close_of_the_closing_decision(make_prices, reading, holds):
    # Prices move every day, so that whoever is asked at the end of a hold trades before positions are closed.
    prices = make_prices({"A": [100.0 + n * n for n in range(12)], "B": [100.0 - n for n in range(12)]})
    require_law(reading, prices, *(Scenario(prices.sessions[3], hold, 3, None, FREE) for hold in holds))


def test_shorts_that_outgrow_the_cash_within_a_block_earn_no_interest_on_it(make_prices):
    # A million in cash beside 5,000 A and -5,000 B: from 100 B goes to 250, which leaves nothing of the cash free.
    prices = make_prices({"A": [100.0] * 5 + [300.0] * 5, "B": [100.0] * 5 + [250.0] * 5})
    scenario = Scenario(prices.sessions[3], None, None, None, Frictions(0, 0, 0, 1.0))
    require_law(Pair, prices, scenario)
    # Sold and bought at 100 on Thursday the 30th: to Friday and over the weekend 500,000 are not free, then nothing is.
    told = run_batch(Pair, prices, Scenarios.of([scenario])).equity[0]
    thursday = 1e6 * (1 + 1 / 365)
    friday = thursday + (thursday - 500_000) / 365
    monday = friday + (friday - 500_000) * 3 / 365 + 250_000
    assert told[1:5].tolist() == pytest.approx([thursday, friday, monday, monday], abs=1e-6)


def test_half_a_dollar_is_no_ruin_beside_one_who_is_ruined(make_prices):
    # Short 5,000 at 100 beside 1,500,000 in cash, 299.9999 leaves 0.50 USD; short 9,000 it leaves a debt.
    prices = make_prices({"A": [1.0] * 8, "B": [100.0] * 5 + [299.9999, 100.0, 100.0]})
    shorts = ({"long": 0.0, "short": share} for share in (0.5, 0.9))
    several = [Scenario(prices.sessions[4], None, None, None, FREE, each) for each in shorts]
    told = run_batch(Pair, prices, Scenarios.of(several))
    assert told.ruined.tolist() == [False, True]
    assert told.equity[0].tolist() == pytest.approx([1e6, 1e6, 0.5, 1e6, 1e6], abs=1e-6)
