"""Round trips from fills, against hand arithmetic and the account of a real backtest."""

from __future__ import annotations

import pandas as pd
import pytest

import strategies
from reports.figures.round_trips import RoundTrip, TradeSummary, foremost_trades, round_trips, summarize_trades
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions

COLUMNS = ["session", "symbol", "size", "price", "commission", "spread_cost"]


def fills(*rows):
    return pd.DataFrame([(pd.Timestamp(day), *rest) for day, *rest in rows], columns=COLUMNS)


def test_a_long_trade_is_net_of_its_costs():
    (trade,) = round_trips(fills(("2025-02-03", "A", 10, 5.0, 1.0, 0.5), ("2025-02-10", "A", -10, 7.0, 1.0, 0.5)))
    assert (trade.side, trade.shares, trade.entry_price, trade.exit_price) == ("long", 10, 5.0, 7.0)
    assert (trade.cost, trade.pnl) == (3.0, 10 * 2 - 3.0)
    assert trade.closed == pd.Timestamp("2025-02-10")


def test_a_short_trade_gains_when_the_price_falls():
    (trade,) = round_trips(fills(("2025-02-03", "A", -10, 5.0, 0.0, 0.0), ("2025-02-10", "A", 10, 4.0, 0.0, 0.0)))
    assert (trade.side, trade.pnl) == ("short", 10.0)


def test_adding_and_reducing_stay_in_one_trade():
    (trade,) = round_trips(
        fills(
            ("2025-02-03", "A", 10, 5.0, 0, 0),
            ("2025-02-04", "A", 30, 6.0, 0, 0),
            ("2025-02-05", "A", -20, 8.0, 0, 0),
            ("2025-02-06", "A", -20, 4.0, 0, 0),
        )
    )
    assert (trade.shares, trade.entry_price, trade.exit_price) == (40, (50 + 180) / 40, 6.0)
    assert trade.pnl == 240 - 230


def test_a_fill_that_crosses_zero_closes_one_trade_and_opens_the_next():
    first, second = round_trips(
        fills(
            ("2025-02-03", "A", 10, 5.0, 0, 0),
            ("2025-02-04", "A", -40, 6.0, 4.0, 0),
            ("2025-02-05", "A", 30, 6.0, 0, 0),
        )
    )
    assert (first.side, first.pnl, first.cost) == ("long", 10.0 - 1.0, 1.0)
    assert (second.side, second.shares, second.pnl, second.cost) == ("short", 30, -3.0, 3.0)


def test_an_open_trade_has_no_result_yet():
    (trade,) = round_trips(fills(("2025-02-03", "A", 10, 5.0, 1.0, 0.5), ("2025-02-04", "A", -4, 6.0, 0, 0)))
    assert (trade.closed, trade.pnl, trade.exit_price) == (None, None, 6.0)


def test_no_fills_give_no_trades():
    result = summarize_trades(round_trips(fills()))
    assert (result.closed, result.still_open, result.average_win, result.profit_factor) == (0, 0, None, None)


def test_the_summary_counts_trades_not_days():
    result = summarize_trades(
        round_trips(
            fills(
                ("2025-02-03", "A", 10, 5.0, 0, 0),
                ("2025-02-03", "B", 10, 5.0, 0, 0),
                ("2025-02-03", "C", 10, 5.0, 0, 0),
                ("2025-02-10", "A", -10, 8.0, 0, 0),
                ("2025-02-10", "B", -10, 4.0, 0, 0),
            )
        )
    )
    assert (result.closed, result.still_open, result.won, result.pnl) == (2, 1, 1, 20.0)
    assert (result.average_win, result.average_loss, result.profit_factor) == (30.0, -10.0, 3.0)


def test_foremost_trades_are_open_or_large_and_in_order():
    trades = round_trips(
        fills(
            ("2025-02-03", "A", 1, 5.0, 0, 0),
            ("2025-02-04", "A", -1, 6.0, 0, 0),
            ("2025-02-05", "A", 1, 5.0, 0, 0),
            ("2025-02-06", "A", -1, 1.0, 0, 0),
            ("2025-02-07", "A", 1, 5.0, 0, 0),
        )
    )
    assert [trade.opened.day for trade in foremost_trades(trades, 2)] == [5, 7]


def test_trades_and_interest_add_up_to_the_equity(random_prices):
    reading = strategies.load("gpu_bubble")
    prices = random_prices(("NVDA", "AMD", "INTC"))
    run = run_backtest(reading, prices, EntrySchedule(prices.sessions[200], hold=60, rebalance=7), Frictions())
    result = summarize_trades(round_trips(pd.DataFrame([vars(fill) for fill in run.fills], columns=COLUMNS)))
    interest = run.interest["cash"] - run.interest["debit"] - run.interest["borrow"]
    assert result.still_open == 0
    assert result.pnl + interest == pytest.approx(run.equity[-1] - 1e6, abs=0.01)


def test_all_fields_of_a_trade():
    result = round_trips(
        fills(
            ("2025-02-04", "B", -10, 5.0, 1.0, 0.5),
            ("2025-02-03", "C", 8, 2.0, 0.25, 0.0),
            ("2025-02-03", "A", 4, 3.0, 0.0, 0.5),
            ("2025-02-10", "B", 10, 7.0, 1.0, 0.25),
        )
    )
    first, later, end = (pd.Timestamp(2025, 2, day) for day in (3, 4, 10))
    assert result == (
        RoundTrip("A", "long", first, None, 4, 3.0, None, 0.5, None),
        RoundTrip("C", "long", first, None, 8, 2.0, None, 0.25, None),
        RoundTrip("B", "short", later, end, 10, 5.0, 7.0, 2.75, -20 - 2.75),
    )
    assert summarize_trades(result) == TradeSummary(1, 2, 0, None, -22.75, 0.0, 3.5, -22.75)


def test_a_rounding_error_is_flat_but_a_thousandth_of_a_share_is_not():
    bought = ("2025-02-03", "A", 0.3, 5.0, 0, 0)
    (flat,) = round_trips(fills(bought, ("2025-02-04", "A", -0.1 - 0.2, 6.0, 0, 0)))
    assert flat.closed == pd.Timestamp("2025-02-04") and flat.shares == 0.3
    (left,) = round_trips(fills(bought, ("2025-02-04", "A", -0.299, 6.0, 0, 0)))
    assert left.closed is None
    first, second = round_trips(fills(bought, ("2025-02-04", "A", -0.301, 6.0, 0, 0)))
    assert (first.closed, second.side, second.shares) == (pd.Timestamp("2025-02-04"), "short", pytest.approx(0.001))


def test_a_trade_without_gain_is_not_won():
    result = summarize_trades(round_trips(fills(("2025-02-03", "A", 1, 5.0, 0, 0), ("2025-02-04", "A", -1, 5.0, 0, 0))))
    assert result == TradeSummary(1, 0, 0, None, 0.0, None, 0.0, 0.0)
    won = summarize_trades(round_trips(fills(("2025-02-03", "A", 1, 5.0, 0, 0), ("2025-02-04", "A", -1, 5.5, 0, 0))))
    assert won == TradeSummary(1, 0, 1, 0.5, None, None, 0.0, 0.5)


def test_averages_are_per_trade():
    rows = []
    for symbol, price in (("A", 8.0), ("B", 6.0), ("C", 4.0), ("D", 1.0), ("E", 4.0)):
        rows += [("2025-02-03", symbol, 10, 5.0, 0, 0), ("2025-02-10", symbol, -10, price, 0, 0)]
    # 30 and 10 won; 10, 40 and 10 lost.
    assert summarize_trades(round_trips(fills(*rows))) == TradeSummary(5, 0, 2, 20.0, -20.0, 40 / 60, 0.0, -20.0)


def test_fractional_shares_are_added():
    (trade,) = round_trips(fills(("2025-02-03", "A", 0.25, 5.0, 0, 0), ("2025-02-04", "A", 0.5, 8.0, 0, 0)))
    assert (trade.shares, trade.entry_price, trade.exit_price) == (0.75, 7.0, None)
