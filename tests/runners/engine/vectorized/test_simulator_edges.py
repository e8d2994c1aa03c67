"""The shortcuts of the vectorised simulator against Backtrader."""

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
    """Decides at every close."""

    watches = True


def require_law(reading, prices, *scenarios: Scenario) -> None:
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    for index, each in enumerate(scenarios):
        schedule = EntrySchedule(each.entry, each.hold, each.rebalance)
        backtest = run_backtest(reading, prices, schedule, each.frictions, each.parameters)
        assert batch.equity[index, : len(backtest.equity)] == pytest.approx(backtest.equity, abs=0.01)
        traded = sum(abs(fill.size) * fill.price for fill in backtest.fills)
        assert batch.turnover[index] == pytest.approx(traded / 1e6)


@pytest.mark.parametrize("holds", [(6,), (3, 6)])
@pytest.mark.parametrize("reading", [Pair, Watched])
def test_no_rule_decides_at_the_close_of_the_closing_decision(make_prices, reading, holds):
    # Prices move every day, so that a rule that decides at the end of a hold would trade before positions are closed.
    prices = make_prices({"A": [100.0 + n * n for n in range(12)], "B": [100.0 - n for n in range(12)]})
    require_law(reading, prices, *(Scenario(prices.sessions[3], hold, 3, None, FREE) for hold in holds))


def test_no_interest_where_shorts_outgrow_the_cash_within_a_block(make_prices):
    # A million in cash with 5,000 A and -5,000 B: B goes from 100 to 250, after which no cash is free.
    prices = make_prices({"A": [100.0] * 5 + [300.0] * 5, "B": [100.0] * 5 + [250.0] * 5})
    scenario = Scenario(prices.sessions[3], None, None, None, Frictions(0, 0, 0, 1.0))
    require_law(Pair, prices, scenario)
    # Sold and bought at 100 on Thursday the 30th: until Monday 500,000 are not free, then nothing is.
    equity = run_batch(Pair, prices, Scenarios.of([scenario])).equity[0]
    thursday = 1e6 * (1 + 1 / 365)
    friday = thursday + (thursday - 500_000) / 365
    monday = friday + (friday - 500_000) * 3 / 365 + 250_000
    assert equity[1:5].tolist() == pytest.approx([thursday, friday, monday, monday], abs=1e-6)


def test_half_a_dollar_is_no_ruin_while_another_scenario_is_ruined(make_prices):
    # Short 5,000 at 100 beside 1,500,000 in cash, 299.9999 leaves 0.50 USD; short 9,000 it leaves a debt.
    prices = make_prices({"A": [1.0] * 8, "B": [100.0] * 5 + [299.9999, 100.0, 100.0]})
    shorts = ({"long": 0.0, "short": share} for share in (0.5, 0.9))
    several = [Scenario(prices.sessions[4], None, None, None, FREE, each) for each in shorts]
    batch = run_batch(Pair, prices, Scenarios.of(several))
    assert batch.ruined.tolist() == [False, True]
    assert batch.equity[0].tolist() == pytest.approx([1e6, 1e6, 0.5, 1e6, 1e6], abs=1e-6)
