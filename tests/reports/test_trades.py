"""Round trips from fills, against hand arithmetic and the account of a real backtest."""

from __future__ import annotations

import pandas as pd
import pytest

import strategies
from reports.trades import foremost, round_trips, summary
from runners.engine.backtest import Launch, backtest
from runners.engine.frictions import Frictions

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


def test_no_fills_are_no_trades():
    told = summary(round_trips(fills()))
    assert (told.closed, told.still_open, told.average_win, told.profit_factor) == (0, 0, None, None)


def test_the_summary_counts_trades_not_days():
    told = summary(
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
    assert (told.closed, told.still_open, told.won, told.pnl) == (2, 1, 1, 20.0)
    assert (told.average_win, told.average_loss, told.profit_factor) == (30.0, -10.0, 3.0)


def test_the_foremost_are_open_or_large_and_keep_their_order():
    trades = round_trips(
        fills(
            ("2025-02-03", "A", 1, 5.0, 0, 0),
            ("2025-02-04", "A", -1, 6.0, 0, 0),
            ("2025-02-05", "A", 1, 5.0, 0, 0),
            ("2025-02-06", "A", -1, 1.0, 0, 0),
            ("2025-02-07", "A", 1, 5.0, 0, 0),
        )
    )
    assert [trade.opened.day for trade in foremost(trades, 2)] == [5, 7]


def test_trades_and_interest_add_up_to_the_equity(random_prices):
    reading = strategies.load("gpu_bubble")
    prices = random_prices(("NVDA", "AMD", "INTC"))
    run = backtest(reading, prices, Launch(prices.sessions[200], hold=60, rebalance=7), Frictions())
    told = summary(round_trips(pd.DataFrame([vars(fill) for fill in run.fills], columns=COLUMNS)))
    interest = run.interest["cash"] - run.interest["debit"] - run.interest["borrow"]
    assert told.still_open == 0
    assert told.pnl + interest == pytest.approx(run.equity[-1] - 1e6, abs=0.01)
