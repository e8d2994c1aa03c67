"""Launches that walk side by side: each rule of money by hand, and all of them together against Backtrader."""

from __future__ import annotations

import numpy as np
import pytest

from data import calendar
from data.prices import Prices
from runners.engine.backtest import CAPITAL, Launch, backtest
from runners.engine.batch import Batch, run_batch
from runners.engine.frictions import Frictions
from runners.engine.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights

FREE = Frictions(0, 0, 0, 0)
DAYS = 40


class Swaying(Reading):
    """Long what rose, short what fell, all of equity; asked at every close, it moves by schedule or every third."""

    params = (("gross", 1.0),)
    symbols = ("A", "B", "LATE")
    watches = True

    def weights(self, past: Past) -> Weights:
        if not past.scheduled and past.held % 3:
            return None
        names = past.tradable(self.symbols, closes=2)
        return {name: self.p.gross / len(names) * np.sign(past.growth(name, 1) - 1) for name in names}


class Rising(Reading):
    """Long what rose, by schedule alone."""

    symbols = Swaying.symbols

    def weights(self, past: Past) -> Weights:
        rose = [name for name in past.tradable(self.symbols, closes=2) if past.growth(name, 1) > 1]
        return dict.fromkeys(rose, 1 / max(len(rose), 1))


def market(seed: int, wild: float, listed: int) -> Prices:
    """Walks that pay dividends and open with a gap, the third one listed at the row `listed`."""
    rng = np.random.default_rng(seed)
    close = [0.7, 20.0, 900.0] * np.exp(np.cumsum(rng.normal(0, wild, (DAYS, 3)), axis=0))
    opened = close * np.exp(rng.normal(0, wild, close.shape))
    factor = np.cumprod(1 + rng.exponential(0.002, close.shape), axis=0)
    for field in (close, opened, factor):
        field[:listed, 2] = np.nan
    place = calendar.position("2024-11-01")
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    days, volume = calendar.xnys()[place : place + DAYS], np.where(np.isnan(close), np.nan, 1.0)
    return Prices(days, Swaying.symbols, opened, high, low, close, volume, factor)


def launches(prices: Prices, costs: list[Frictions], seed: int, count: int = 16) -> list[Scenario]:
    """Launches that differ in all that a walk must tell apart, two of them beyond the end of the prices."""
    rng = np.random.default_rng(seed)
    drawn = [
        Scenario(
            prices.sessions[int(rng.integers(2, 30))],
            [1, 4, 9, 25][place % 4],
            [None, 1, 2, 7][int(rng.integers(4))],
            None,
            costs[place % len(costs)],
        )
        for place in range(count)
    ]
    return [*drawn, Scenario(prices.sessions[20], None, 3, None, costs[0]), Scenario(prices.sessions[39], 5, 1)]


def require_law(reading: type[Reading], prices: Prices, scenarios: list[Scenario]) -> Batch:
    """To a cent, and to the tenth digit where a figure is a ratio."""
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    for place, each in enumerate(scenarios):
        launch = Launch(each.entry, each.hold, each.rebalance)
        alone = backtest(reading, prices, launch, each.frictions, each.parameters)
        length = len(alone.equity)
        assert batch.sessions[place] == length - 1
        assert batch.equity[place, :length] == pytest.approx(alone.equity, abs=0.01), each
        assert batch.terminal[place] == batch.equity[place, length - 1]
        assert np.isnan(batch.equity[place, length:]).all()
        assert batch.ruined[place] == (alone.ruined is not None)
        assert batch.truncated[place] == (each.hold is None or length - 1 < each.hold + each.frictions.lag)
        assert batch.costs[place] == pytest.approx(sum(fill.commission + fill.spread_cost for fill in alone.fills))
        assert batch.turnover[place] == pytest.approx(sum(abs(f.size) * f.price for f in alone.fills) / CAPITAL)
        assert batch.exposure[place] == pytest.approx(alone.gross[1:].mean(), abs=1e-9)
    return batch


RATES = [Frictions(1, 2, 0.5, "policy"), Frictions(0, 9, 0.0, 2.0, lag=3), Frictions(20, 0, 0.1, 0.0, lag=2)]


@pytest.mark.parametrize("reading", [Swaying, Rising])
@pytest.mark.parametrize(
    ("wild", "costs"),
    [(0.03, RATES), (0.3, RATES), (0.03, [FREE]), (0.2, [Frictions(5, 5, 0, "policy")])],
    ids=["calm", "ruinous", "free", "policy"],
)
def test_every_launch_is_that_of_backtrader(reading, wild, costs):
    prices = market(3, wild, listed=12)
    batch = require_law(reading, prices, launches(prices, costs, seed=5))
    assert batch.ruined.any() == (wild == 0.3)


def test_many_launches_of_one_session_share_its_prices():
    prices = market(4, 0.05, listed=0)
    entry = prices.sessions[5]
    several = [Scenario(entry, hold, 4, None, RATES[0], {"gross": 0.1 * hold}) for hold in (3, 5, 8, 9)]
    require_law(Swaying, prices, several)
    require_law(Rising, prices, [Scenario(entry, hold, 4) for hold in (3, 5, 30)])
