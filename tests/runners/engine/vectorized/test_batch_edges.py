"""Batches at their edges: refusals and their messages, chunks, and strategies without a rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, RequestError
from data.prices import Prices
from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.execution.executor import Serial
from runners.engine.vectorized import batch
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights

FREE = Frictions(0, 0, 0, 0)


class Share(Reading):
    """A share of equity in stocks that are parameters."""

    params = (("share", 0.5), ("names", ("A",)))
    history = 3

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.p.names)

    def weights(self, past: Past) -> Weights:
        return dict.fromkeys(self.p.names, self.p.share / len(self.p.names))


class Once(bt.Strategy):
    """Buys once, on a day that is a parameter, and never sells by itself."""

    params = (("day", 4), ("size", -5_000))

    def next(self) -> None:
        if len(self) == self.p.day:
            self.buy(size=self.p.size) if self.p.size > 0 else self.sell(size=-self.p.size)


@pytest.fixture
def prices(make_prices) -> Prices:
    """Ten sessions from 27 January 2025: A rises by one a day, B stands still."""
    return make_prices({"A": [100.0 + n for n in range(10)], "B": [50.0] * 10})


def refusal(strategy, prices, *scenarios: Scenario) -> str:
    with pytest.raises((RequestError, DataError)) as error:
        run_batch(strategy, prices, Scenarios.of(scenarios), executor=Serial())
    return str(error.value)


def test_the_first_scenario_that_reaches_a_missing_price_is_named(make_prices):
    gap = make_prices({"A": [100.0] * 10, "B": [50.0] * 7 + [float("nan")] + [50.0] * 2})
    entry = pd.Timestamp("2025-01-30")
    short, long = (Scenario(entry, hold, parameters={"names": ("B",)}) for hold in (3, 4))
    run_batch(Share, gap, Scenarios.of([short, short]))
    assert refusal(Share, gap, short, long, short).startswith("scenario 1: B on 2025-02-05, open: nan is not a price")


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp(2025, 2, number)


def test_entries_without_their_history_or_without_prices_are_refused(prices):
    good = Scenario(prices.sessions[3], 2)
    message = "earlier closes, and prices run from 2025-01-27 to 2025-02-07; enter inside them, or load earlier prices"
    early = Scenario(prices.sessions[2], 2)
    assert refusal(Share, prices, good, early, early) == f"scenario 1: entry 2025-01-29 needs 3 {message}"
    assert refusal(Share, prices, good, Scenario(day(10), 2)) == f"scenario 1: entry 2025-02-10 needs 3 {message}"
    first = Scenario(prices.sessions[0], 2)
    assert refusal(Once, prices, first) == f"scenario 0: entry 2025-01-27 needs 1 {message}"
    run_batch(Share, prices, Scenarios.of([good]))


def test_unknown_parameters_are_refused_with_the_scenario(prices):
    good, wrong = Scenario(day(3), 2), Scenario(day(3), 2, parameters={"sharee": 1})
    assert refusal(Share, prices, good, wrong).startswith("scenario 1: parameters: Share has no parameter 'sharee'; it")
    message = "scenario 1: parameters: Once has no parameter 'sharee'; it has day, size"
    assert refusal(Once, prices, good, wrong) == message

    class Bare(bt.Strategy):
        pass

    assert refusal(Bare, prices, wrong) == "scenario 0: parameters: Bare has no parameter 'sharee'; it has none"
    nobody = replace(Scenarios.of([good, wrong]).take(np.array([0])))
    with pytest.raises(RequestError, match=r"^scenario \?: parameters: Share has no parameter 'sharee'"):
        run_batch(Share, prices, nobody)


def test_scenarios_of_different_symbols_are_refused(prices):
    several = [Scenario(day(3), 2, parameters={"names": names}) for names in (("A",), ("A", "B"), ("B",))]
    assert refusal(Share, prices, *several) == (
        "scenario 1: parameters: trades other symbols than the first scenario; "
        "run scenarios with equal symbols together"
    )


def test_a_reading_that_changes_how_it_trades_is_refused(prices):
    class Timed(Share):
        def next(self) -> None:
            super().next()

        def helper(self) -> None: ...

    assert refusal(Timed, prices, Scenario(day(3), 2)) == (
        "Timed overrides next, which changes when or how it trades, and only Backtrader can follow; take it out, or "
        "derive from bt.Strategy"
    )


def test_a_lag_is_refused_for_a_plain_strategy(prices):
    late = Scenario(day(3), 2, frictions=Frictions(lag=2))
    assert refusal(Once, prices, late) == "lag is 2: Once sends its own orders, which fill next open"


@pytest.mark.parametrize("field", ["open", "close"])
@pytest.mark.parametrize(("row", "inside"), [(2, True), (3, True), (6, True), (7, True), (8, False)])
def test_a_missing_price_is_refused_where_a_window_needs_it(prices, field, row, inside):
    # Entered on the 31st, row 4, for three sessions: to the open of row 7; rules look at earlier rows.
    holed = np.where((np.arange(10)[:, None] == row) & (np.arange(2) == 1), np.nan, getattr(prices, field))
    several = [Scenario(prices.sessions[9], 1), Scenario(prices.sessions[4], 3)]
    several = [replace(each, parameters={"names": ("A", "B")}) for each in several]
    gappy = replace(prices, **{field: holed})
    if not inside:
        run_batch(Share, gappy, Scenarios.of(several[1:]))
        return
    assert refusal(Share, gappy, *several) == (
        f"scenario 0: B on {prices.sessions[row]:%Y-%m-%d}, {field}: nan is not a price; "
        "correct it, or end the run earlier"
    )


@pytest.mark.parametrize("size", [1, 2, 3, 8192])
def test_results_do_not_depend_on_the_size_of_chunks(monkeypatch, prices, size):
    monkeypatch.setattr(batch, "CHUNK", size)
    several = [
        Scenario(prices.sessions[row], hold, None, None, FREE, {"share": share})
        for row, hold, share in ((3, 1, 0.5), (5, 9, 0.2), (4, 2, 0.5), (6, 1, 0.2), (3, 4, 1.0))
    ]
    result = run_batch(Share, prices, Scenarios.of(several))
    expected = []
    for each in several:
        row = prices.row(each.entry)
        shares = np.floor(each.parameters["share"] * 1e6 / (99 + row) + 1e-6)
        last = min(row + each.hold, 9)
        expected.append(1e6 + shares * (last - row))  # bought and sold at opens, which are the closes here
    assert result.terminal.tolist() == expected
    assert result.sessions.tolist() == [2, 5, 3, 2, 5]
    assert result.equity.shape == (5, 6)
    for curve, length in zip(result.equity, result.sessions, strict=True):
        assert not np.isnan(curve[: length + 1]).any() and np.isnan(curve[length + 1 :]).all()
    assert result.refused.tolist() == [0] * 5 and result.refused.dtype == int
    assert result.horizons.shape == (5, len(HORIZONS))
    assert run_batch(Share, prices, Scenarios.of(several), curves=False).equity is None


class Greedy(bt.Strategy):
    """Buys more than it can pay for, once a session from the third on."""

    def next(self):
        if len(self) > 2:
            self.buy(size=1_000_000)


def test_unfilled_orders_are_counted_inside_the_window_only(prices):
    result = run_batch(
        Greedy, prices, Scenarios.of([Scenario(prices.sessions[5], 2, None, None, FREE, history=None)]), True, Serial()
    )
    backtest = run_backtest(Greedy, prices, EntrySchedule(prices.sessions[5], 2, history=None), FREE)
    reasons = Counter(order.reason for order in backtest.refusals)
    assert reasons == {"before the entry": 2, "margin": 2, "after the hold": 2}
    assert result.refused.tolist() == [2]


def test_a_plain_strategy_has_the_same_columns(prices):
    # Short 5,000 A at 104 on the 31st, covered at 107 on 5 February: 15,000 lost, 1,055,000 traded.
    finished: list[str] = []
    costs = Frictions(1, 2, 0, 0)
    several = [
        Scenario(prices.sessions[4], 3, None, None, costs, history=None),
        Scenario(prices.sessions[4], None, None, None, costs, {"day": 6}, None),
        Scenario(prices.sessions[7], 2, None, None, costs, history=None),
    ]
    result = run_batch(Once, prices, Scenarios.of(several), True, Serial(), finished.append)
    assert len(finished) == 3
    paid = 1_055_000 * 0.0003
    assert result.terminal.tolist() == pytest.approx([1e6 - 15_000 - paid, 1e6 - 5_000 * 3 - 530_000 * 0.0003, 1e6])
    assert result.costs.tolist() == pytest.approx([paid, 159, 0])
    assert result.turnover.tolist() == pytest.approx([1.055, 0.53, 0])
    assert (result.sessions.tolist(), result.truncated.tolist()) == ([4, 6, 3], [False, True, False])
    assert (result.ruined.tolist(), result.refused.tolist()) == ([False] * 3, [0, 0, 0])
    backtest = run_backtest(Once, prices, several[0].schedule, costs)
    assert result.equity[0, :5].tolist() == backtest.equity.tolist()
    assert result.exposure[0] == pytest.approx(backtest.gross[1:].mean())
    assert np.isnan(result.horizons[[0, 2]]).all() and result.horizons[1, 0] == result.equity[1, 5] / 1e6 - 1
    assert run_batch(Once, prices, Scenarios.of(several), False, Serial()).equity is None


def test_a_plain_strategy_can_be_ruined(make_prices):
    prices = make_prices({"A": [100.0] * 5 + [400.0] * 3})
    result = run_batch(
        Once, prices, Scenarios.of([Scenario(prices.sessions[4], 3, None, None, FREE, history=None)]), executor=Serial()
    )
    assert result.ruined.tolist() == [True] and result.terminal.tolist() == [1e6 - 5_000 * 300]


def test_a_plain_strategy_trades_its_symbols_or_else_all(prices):
    class Second(Once):
        symbols = ("B",)

    class Both(Once):
        params = (("size", 1_000),)

        def next(self) -> None:
            super().next()
            assert [data._name for data in self.datas] == list(prices.symbols)

    scenarios = Scenarios.of([Scenario(prices.sessions[4], 3, None, None, FREE, history=None)])
    assert run_batch(Second, prices, scenarios, executor=Serial()).turnover.tolist() == [5_000 * 100 / 1e6]
    assert run_batch(Both, prices, scenarios, executor=Serial()).terminal.tolist() == [1_003_000]


def test_a_plain_strategy_whose_prices_end_with_its_hold_is_truncated(prices):
    # Entered on 3 February: a hold of five sessions ends with the prices, on the 7th, before the closing fills.
    entry = prices.sessions[5]
    several = Scenarios.of([Scenario(entry, hold, None, None, FREE) for hold in (4, 5, 6)])
    result = run_batch(Once, prices, several, executor=Serial())
    assert (result.sessions.tolist(), result.truncated.tolist()) == ([5, 5, 5], [False, True, True])


def test_a_missing_open_on_the_day_of_listing_is_refused(make_prices):
    nothing = float("nan")
    late = make_prices({"A": [1.0] * 6, "B": [*[nothing] * 3, 2.0, 2.0, 2.0]}, {"B": [*[nothing] * 4, 2.0, 2.0]})
    with pytest.raises(DataError, match=r"^scenario 0: B on 2025-01-30, open: nan is not a price"):
        run_batch(Share, late, Scenarios.of([Scenario(late.sessions[3], 1, parameters={"names": ("A", "B")})]))
