"""The vectorised simulator: each rule of cash by hand, and all of them together against Backtrader."""

from __future__ import annotations

import numpy as np
import pytest

from data import calendar
from data.prices import Prices
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.vectorized import simulator
from runners.engine.vectorized.batch import Batch, run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights

FREE = Frictions(0, 0, 0, 0)
DAYS = 40


class Swinging(Reading):
    """Long what rose and short what fell, with all of equity, on scheduled dates only."""

    params = (("gross", 1.0),)
    symbols = ("A", "B", "LATE")

    def weights(self, past: Past) -> Weights:
        names = past.tradable(self.symbols, closes=2)
        return {name: self.p.gross / len(names) * np.sign(past.growth(name, 1) - 1) for name in names}


class Swaying(Swinging):
    """Watches every close; trades on scheduled dates and every third session."""

    watches = True

    def weights(self, past: Past) -> Weights:
        return super().weights(past) if past.scheduled or past.held % 3 == 0 else None


class Dated(Swinging):
    """Watches every close; trades on even days of the month, whatever its entry."""

    watches = True

    def weights(self, past: Past) -> Weights:
        return None if past.session.day % 2 else super().weights(past)


class Rising(Swinging):
    """Long what rose."""

    def weights(self, past: Past) -> Weights:
        rose = [name for name in past.tradable(self.symbols, closes=2) if past.growth(name, 1) > 1]
        return dict.fromkeys(rose, 1 / max(len(rose), 1))


class Held(Reading):
    """A fixed weight of a single stock."""

    params = (("weight", 0.0),)
    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        return {"A": self.p.weight}


def market(seed: int, wild: float, listed: int) -> Prices:
    """Random walks with dividends and gaps at the open; the third symbol is listed at the row `listed`."""
    rng = np.random.default_rng(seed)
    close = [0.7, 20.0, 900.0] * np.exp(np.cumsum(rng.normal(0, wild, (DAYS, 3)), axis=0))
    opened = close * np.exp(rng.normal(0, wild, close.shape))
    factor = np.cumprod(1 + rng.exponential(0.002, close.shape), axis=0)
    for field in (close, opened, factor):
        field[:listed, 2] = np.nan
    index = calendar.calendar_index("2024-11-01")
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    days, volume = calendar.xnys()[index : index + DAYS], np.where(np.isnan(close), np.nan, 1.0)
    return Prices(days, Swaying.symbols, opened, high, low, close, volume, factor)


def scenarios_of(
    prices: Prices, costs: list[Frictions], rebalances=(None, 1, 2, 7), holds=(1, 4, 9, 25)
) -> list[Scenario]:
    """Scenarios that differ in every setting, some of them beyond the end of the prices."""
    rng = np.random.default_rng(5)
    inside = [
        Scenario(
            prices.sessions[int(rng.integers(2, 30))],
            holds[index % len(holds)],
            rebalances[int(rng.integers(len(rebalances)))],
            None,
            costs[index % len(costs)],
        )
        for index in range(8)
    ]
    beyond = [Scenario(prices.sessions[row], holds[-1], rebalances[0], None, costs[0]) for row in (20, 39)]
    return [*inside, *beyond]


def require_law(reading: type[Reading], prices: Prices, scenarios: list[Scenario]) -> Batch:
    """Each scenario equals Backtrader: equity to a cent, ratios to the ninth digit."""
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    for index, each in enumerate(scenarios):
        schedule = EntrySchedule(each.entry, each.hold, each.rebalance)
        backtest = run_backtest(reading, prices, schedule, each.frictions, each.parameters)
        length = len(backtest.equity)
        assert batch.sessions[index] == length - 1
        assert batch.equity[index, :length] == pytest.approx(backtest.equity, abs=0.01), each
        assert batch.terminal[index] == batch.equity[index, length - 1]
        assert np.isnan(batch.equity[index, length:]).all()
        assert batch.ruined[index] == (backtest.ruined is not None)
        assert batch.truncated[index] == (each.hold is None or length - 1 < each.hold + each.frictions.lag)
        assert batch.costs[index] == pytest.approx(sum(fill.commission + fill.spread_cost for fill in backtest.fills))
        assert batch.turnover[index] == pytest.approx(sum(abs(f.size) * f.price for f in backtest.fills) / CAPITAL)
        assert batch.exposure[index] == pytest.approx(backtest.gross[1:].mean(), abs=1e-9)
    return batch


RATES = [Frictions(1, 2, 0.5, "policy"), Frictions(0, 9, 0.0, 2.0, lag=3), Frictions(20, 0, 0.1, 0.0, lag=2)]


@pytest.mark.parametrize("reading", [Swinging, Swaying, Dated, Rising])
@pytest.mark.parametrize(
    ("wild", "costs"),
    [(0.03, RATES), (0.3, RATES), (0.03, [FREE]), (0.2, [Frictions(5, 5, 0, "policy")])],
    ids=["calm", "ruinous", "free", "policy"],
)
def test_every_scenario_equals_backtrader(reading, wild, costs):
    prices = market(8, wild, listed=12)
    batch = require_law(reading, prices, scenarios_of(prices, costs))
    assert batch.ruined.any() == (wild == 0.3)


@pytest.mark.parametrize(("reading", "rebalance"), [(Swinging, None), (Swaying, 6), (Rising, 6)])
@pytest.mark.parametrize("costs", [RATES[:2], RATES[2:], [FREE]], ids=["two lags", "a lag of two", "free"])
def test_scenarios_with_the_same_schedule_equal_backtrader(reading, rebalance, costs):
    # Between few decisions lie long blocks, in which shorts outgrow the cash, and equity ends.
    prices = market(0, 0.25, listed=0)
    batch = require_law(reading, prices, scenarios_of(prices, costs, (rebalance,), holds=(15,)))
    assert (batch.ruined.any() and not batch.ruined.all()) == (reading is not Rising)


@pytest.mark.parametrize("room", [1, 17, 200])
@pytest.mark.parametrize("reading", [Swinging, Swaying])
def test_results_do_not_depend_on_the_size_of_blocks(monkeypatch, room, reading):
    prices = market(8, 0.1, listed=5)
    scenarios = scenarios_of(prices, RATES, (None, 9))
    reference = run_batch(reading, prices, Scenarios.of(scenarios))
    monkeypatch.setattr(simulator, "BLOCK", room)
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    assert batch.equity == pytest.approx(reference.equity, abs=1e-6, nan_ok=True)
    assert batch.horizons == pytest.approx(reference.horizons, abs=1e-12, nan_ok=True)


def test_scenarios_entered_on_the_same_session_equal_backtrader():
    prices = market(4, 0.05, listed=0)
    entry = prices.sessions[5]
    several = [Scenario(entry, hold, 4, None, RATES[0], {"gross": 0.1 * hold}) for hold in (3, 5, 8, 9)]
    require_law(Swaying, prices, several)
    require_law(Swinging, prices, several)
    require_law(Rising, prices, [Scenario(entry, hold, 4) for hold in (3, 5, 30)])
    require_law(Rising, prices, [Scenario(entry, 30, 4)])
    require_law(Swinging, prices, [Scenario(entry, hold, 4, None, FREE) for hold in (3, 9)])


def test_a_symbol_that_is_never_listed_is_ignored():
    prices = market(4, 0.05, listed=DAYS)
    require_law(Swinging, prices, scenarios_of(prices, RATES[:1]))


def test_a_hold_that_ends_with_the_prices_is_truncated(make_prices):
    # Six sessions: entered at the second, four of hold end with the fifth close, and are sold at the open of the sixth.
    prices = make_prices({"A": [100.0] * 6})
    entry = prices.sessions[1]
    batch = run_batch(Held, prices, Scenarios.of([Scenario(entry, hold, 1, None, FREE) for hold in (3, 4, 5, 6)]))
    assert batch.truncated.tolist() == [False, False, True, True]
    assert batch.sessions.tolist() == [4, 5, 5, 5]


@pytest.mark.parametrize(("close", "left"), [(300.0, 0.0), (299.9999, 0.5)])
def test_zero_equity_is_ruin_and_half_a_dollar_is_not(make_prices, close, left):
    # Short 5,000 at 100: at 300 a share equity is zero; back at 100 it would have been a million.
    prices = make_prices({"A": [100.0] * 5 + [close, close, 100.0, 100.0]})
    batch = run_batch(
        Held, prices, Scenarios.of([Scenario(prices.sessions[4], None, None, None, FREE, {"weight": -0.5})])
    )
    assert batch.ruined.tolist() == [left == 0]
    assert batch.equity[0, :4].tolist() == pytest.approx([1_000_000, 1_000_000, left, left], abs=1e-6)
    assert batch.terminal[0] == (0 if left == 0 else 1_000_000)
    assert batch.exposure[0] == pytest.approx(0.5 / 5 if left == 0 else (3 * 0.5 + 2 * 1_499_999.5 / 0.5) / 5)


def test_a_pending_order_is_not_filled_after_ruin(make_prices):
    # Decided at every close and filled three opens later; ruin comes in between, then prices fall back.
    prices = make_prices({"A": [100.0] * 7 + [400.0, 50.0, 50.0, 50.0, 50.0]})
    late = Frictions(0, 0, 0, 0, lag=3)
    several = [Scenario(prices.sessions[row], 8, 1, None, late, {"weight": -0.9}) for row in (2, 3, 4, 5)]
    assert require_law(Held, prices, several).ruined.tolist() == [True, True, True, False]


def test_credit_costs_three_quarters_of_a_percent_where_cash_earns_nothing(make_prices):
    # In January 2021 the range was 0.00 to 0.25 %. 10,000 shares at 110: 100,000 on credit from Tuesday to Thursday.
    prices = make_prices({"A": [100.0, 100.0, 110.0, 110.0, 110.0]}, first="2021-01-08")
    costs = Frictions(0, 0, 0, "policy")
    (equity,) = run_batch(
        Held, prices, Scenarios.of([Scenario(prices.sessions[2], None, None, None, costs, {"weight": 1.0})])
    ).equity
    assert equity.tolist() == pytest.approx(
        [1e6, 1e6, 1e6 - 1e5 * 0.0075 / 365, 1e6 - 1e5 * ((1 + 0.0075 / 365) ** 2 - 1)]
    )


def test_the_first_night_earns_the_rate_of_the_evening_before_it(make_prices):
    # The range fell with effect on 19 December 2024; the night from the 18th to the 19th still earns 4.00 %.
    prices = make_prices({"A": [100.0] * 3}, first="2024-12-18")
    costs = Frictions(0, 0, 0, "policy")
    (equity,) = run_batch(Held, prices, Scenarios.of([Scenario(prices.sessions[1], None, None, None, costs)])).equity
    assert equity.tolist() == pytest.approx(1e6 * np.cumprod([1, 1 + 0.04 / 365, 1 + 0.0375 / 365]))


def test_rows_of_sessions_without_prices_are_minus_one(make_prices):
    arrays = simulator.PriceArrays(make_prices({"A": [1.0] * 5}))
    days = ["2025-01-24", "2025-01-27", "2025-01-30", "2025-01-31", "2025-02-01", "2025-02-03", "2026-06-01"]
    assert arrays.rows(np.array(days, dtype="datetime64[D]")).tolist() == [-1, 0, 3, 4, -1, -1, -1]
