"""Edge cases of the broker: dates of interest, refused orders, the end of the window."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from data.errors import RequestError
from runners.engine.backtest.broker import BrokerFill, CreditBroker, RefusedOrder
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest, window_rows
from runners.engine.backtest.frictions import Frictions
from strategies.base import Past, Reading, Weights
from tests.resources.rules import Fixed

FREE = Frictions(0, 0, 0, 0)
ENTRY = pd.Timestamp("2025-01-31")  # a Friday; the decision falls at the close of the 30th


class Plain(bt.Strategy):
    """Runs `plan[n]` at the close of the n-th day from 2025-01-27 on."""

    plan: tuple = ()

    def next(self) -> None:
        for day, deed in self.plan:
            if day == len(self):
                deed(self)


def run(prices, target, frictions=FREE, **schedule):
    schedule = EntrySchedule(**{"entry": ENTRY, "hold": None, "rebalance": None, **schedule})
    return run_backtest(Fixed, prices, schedule, frictions, {"target": tuple(target.items())})


def run_plain(prices, *plan, hold=None):
    schedule = EntrySchedule(ENTRY, hold, history=None)
    return run_backtest(type("Planned", (Plain,), {"plan": plan}), prices, schedule, FREE)


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp(2025, 2, number)


def test_a_cut_counts_from_the_night_after_it_takes_effect_and_interest_adds_up(make_prices):
    # The range fell from 4.50-4.75 to 4.25-4.50 % with effect on Thursday 19 December 2024: cash earns 4.00 %, then
    # 3.75 %. The night before the 19th belongs to the 18th.
    prices = make_prices({"A": [100.0] * 5}, first="2024-12-16")
    idle = run(prices, {"A": 0.0}, Frictions(0, 0, 0), entry=pd.Timestamp("2024-12-17"))
    nights = [0.0400, 0.0400, 0.0400, 0.0375]
    expected = 1_000_000 * np.cumprod([1, *(1 + rate / 365 for rate in nights)])
    assert idle.equity.tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert idle.interest == pytest.approx({"cash": expected[-1] - 1_000_000, "debit": 0, "borrow": 0}, abs=1e-6)


def test_a_holding_below_one_dollar_is_no_short(make_prices):
    # One share of 0.50 USD; at 10,000 % a year one extra dollar of free cash would earn 27 cents a night.
    prices = make_prices({"A": [0.5] * 5 + [0.5]})
    held = run(prices, {"A": 0.6e-6}, Frictions(0, 0, 0, 100.0))
    assert held.fills[0].size == 1
    friday = 1_000_000 * (1 + 100 / 365)
    assert held.equity[-1] == pytest.approx(friday + (friday - 0.5) * 300 / 365, abs=1e-6)


def test_gross_and_holdings_are_fractions_of_equity_at_the_close(make_prices):
    prices = make_prices({"A": [100.0] * 4 + [110.0], "B": [50.0] * 4 + [40.0]}, {"A": [100.0] * 5, "B": [50.0] * 5})
    held = run(prices, {"A": 0.5, "B": -0.4})
    # 5,000 A at 110 and -8,000 B at 40 and 900,000 in cash: equity 1,130,000
    assert held.equity.tolist() == [1_000_000, 1_130_000] and held.equity.dtype == float
    assert held.gross.tolist() == pytest.approx([0, 870 / 1130])
    assert held.holdings.ravel().tolist() == pytest.approx([0, 0, 550 / 1130, -320 / 1130])
    assert held.entry == ENTRY


@pytest.mark.parametrize(("close", "left"), [(300.0, 0.0), (299.9999, 0.5)])
def test_zero_equity_is_ruin_and_half_a_dollar_is_not(make_prices, close, left):
    # Short 5,000 at 100, proceeds and capital are 1,500,000: at 300 a share equity is zero.
    prices = make_prices({"A": [100.0] * 4 + [close] * 2}, {"A": [100.0] * 5 + [close]})
    held = run(prices, {"A": -0.5})
    assert held.equity[1] == pytest.approx(left, abs=1e-6)
    assert held.ruined == (None if left else ENTRY)


def test_credit_is_repaid_and_does_not_grow_with_the_number_of_orders(make_prices):
    class Alternating(Reading):
        symbols = ("A", "B")

        def weights(self, past: Past) -> Weights:
            return {"AB"[past.held % 2]: 1.0}

    # At constant prices without costs, two hundred switches leave exactly one million.
    prices = make_prices({"A": [10.0] * 200, "B": [20.0] * 200})
    traded = run_backtest(Alternating, prices, EntrySchedule(ENTRY, None, 1), FREE)
    assert len(traded.fills) == 391 and set(traded.equity.tolist()) == {1_000_000.0}


def test_the_broker_shows_cash_without_credit_and_positions_unchanged(make_prices):
    records = []

    class Asking(Fixed):
        def next(self) -> None:
            super().next()
            broker, data = self.broker, self.data
            records.append(
                (broker.get_cash(), broker.get_value(), broker.get_value([data]), broker.get_value(mkt=True))
            )

    prices = make_prices({"A": [100.0] * 4 + [110.0]}, {"A": [100.0] * 4 + [120.0]})
    run_backtest(Asking, prices, EntrySchedule(ENTRY, None, None), FREE, {"target": (("A", 1.0),)})
    # 10,000 shares bought at 120 on credit are worth 110 each at the close.
    assert records[-1] == (-200_000, 900_000, 1_100_000, 1_100_000)


def test_refusals_have_session_symbol_size_and_reason(make_prices):
    prices = make_prices({"A": [100.0] * 8, "B": [100.0] * 8})
    result = run_plain(
        prices,
        (2, lambda self: self.buy(size=7)),
        (4, lambda self: self.buy(data=self.data1, size=20_000)),
        (5, lambda self: self.sell(data=self.data1, size=3, exectype=bt.Order.Limit, price=500)),
        (8, lambda self: self.buy(size=5)),
    )
    assert not result.fills
    assert result.refusals == (
        RefusedOrder(pd.Timestamp("2025-01-28"), "A", 7, "before the entry"),
        RefusedOrder(pd.Timestamp("2025-01-30"), "B", 20_000, "margin"),
        RefusedOrder(day(5), "A", 5, "still open"),
        RefusedOrder(ENTRY, "B", -3, "still open"),
    )


def test_after_the_hold_open_orders_are_cancelled_and_new_ones_refused(make_prices):
    prices = make_prices({"A": [100.0] * 10, "B": [100.0] * 10})
    result = run_plain(
        prices,
        (4, lambda self: self.sell(size=1)),
        (4, lambda self: self.buy(data=self.data1, size=0.5)),
        (4, lambda self: self.buy(size=4, exectype=bt.Order.Limit, price=50)),
        (6, lambda self: self.buy(size=2)),
        (7, lambda self: self.buy(size=3)),
        hold=2,
    )
    # Closing orders are sent at the close of Monday the 3rd, the second session; half a share long is sold first.
    assert result.fills == (
        BrokerFill(ENTRY, "A", -1, 100, 0, 0),
        BrokerFill(ENTRY, "B", 0.5, 100, 0, 0),
        BrokerFill(day(4), "B", -0.5, 100, 0, 0),
        BrokerFill(day(4), "A", 1, 100, 0, 0),
    )
    assert result.exit == day(4)
    assert result.refusals == (
        RefusedOrder(day(3), "A", 2, "after the hold"),
        RefusedOrder(pd.Timestamp("2025-01-30"), "A", 4, "canceled"),
        RefusedOrder(day(4), "A", 3, "after the hold"),
    )


def test_a_plain_order_too_large_at_the_close_is_refused_though_the_open_is_lower(make_prices):
    prices = make_prices({"A": [100.0] * 4 + [80.0]}, {"A": [100.0] * 4 + [80.0]})
    result = run_plain(prices, (4, lambda self: self.buy(size=11_000)))
    assert not result.fills and [refusal.reason for refusal in result.refusals] == ["margin"]


@pytest.mark.parametrize("hold", [4, 5, 6])
def test_a_hold_as_long_as_the_prices_stays_open(make_prices, hold):
    # There are five sessions from the 30th: a hold of 4 has its closing decision on the last.
    result = run_plain(make_prices({"A": [100.0] * 8}), (4, lambda self: self.buy(size=1)), hold=hold)
    assert (len(result.fills), result.exit, len(result.sessions)) == (1, None, 5)


@pytest.mark.parametrize(("history", "first"), [(None, 1), (1, 4), (3, 4)])
def test_a_plain_strategy_is_called_from_the_entry_on_or_on_all_bars(make_prices, history, first):
    seen = []

    class Counting(bt.Strategy):
        params = (("size", 1),)

        def next(self) -> None:
            seen.append((self.data.close[0], len(self.data), self.p.size))

    schedule = EntrySchedule(ENTRY, history=history)
    run_backtest(Counting, make_prices({"A": [1.0, 2.0, 3.0, 4.0, 5.0]}), schedule, FREE, {"size": 9})
    bars = 5 if history is None else history + 1
    assert seen == [(float(close), close + bars - 5, 9) for close in range(first, 6)]


def test_a_reading_gets_its_schedule_and_records_its_decisions(make_prices):
    seen = []

    class Told(Reading):
        symbols = ("A", "LATE")

        def weights(self, past: Past) -> Weights:
            seen.append((past.session, past.held, past.shock, past.scheduled))
            return dict.fromkeys(past.tradable(self.symbols), 0.5)

    prices = make_prices({"A": [100.0] * 8, "LATE": [np.nan] * 4 + [1.0] * 4}, first="2025-02-03")
    schedule = EntrySchedule(day(6), hold=3, rebalance=2, shock=pd.Timestamp("2025-01-29"))
    result = run_backtest(Told, prices, schedule, FREE)
    shock = np.datetime64("2025-01-29")
    assert seen == [(day(5), 0, shock, True), (day(7), 2, shock, True)]
    assert [(each.session, each.weights) for each in result.decisions] == [
        (day(5), {"A": 0.5}),
        (day(7), {"A": 0.5, "LATE": 0.5}),
    ]
    assert result.left_out == {"LATE": day(5)}


def test_a_plain_strategy_has_no_decisions_and_leaves_no_stock_out(make_prices):
    result = run_plain(make_prices({"A": [100.0] * 8}))
    assert (result.decisions, result.left_out, result.fills, result.refusals) == ((), {}, (), ())


def test_a_stock_listed_at_the_close_of_the_decision_can_be_held(make_prices):
    prices = make_prices({"A": [np.nan] * 3 + [10.0, 10.0]})
    assert [fill.size for fill in run(prices, {"A": 1.0}).fills] == [100_000]
    later = make_prices({"A": [np.nan] * 4 + [10.0], "B": [np.nan] * 4 + [10.0]})
    with pytest.raises(RequestError, match=r"^none of A, B has a close on 2025-01-30; enter later$"):
        run(later, {"A": 0.5, "B": 0.5})


@pytest.mark.parametrize(("lag", "sessions"), [(1, 4), (2, 5), (3, 5)])
def test_the_window_ends_with_the_fill_of_the_closing_decision_or_with_the_prices(make_prices, lag, sessions):
    # Held over the 31st and the 3rd; the prices end on the 5th.
    prices = make_prices({"A": [100.0] * 8})
    result = run(prices, {"A": 0.5}, Frictions(0, 0, 0, 0, lag), hold=2)
    assert len(result.sessions) == sessions
    assert result.exit == {1: day(4), 2: day(5), 3: None}[lag]


def test_the_window_of_a_schedule_by_rows(make_prices):
    prices = make_prices({"A": [100.0] * 8})
    assert window_rows(prices, EntrySchedule(ENTRY, hold=2)) == (3, 7)
    assert window_rows(prices, EntrySchedule(ENTRY, hold=2), lag=2) == (3, 8)
    assert window_rows(prices, EntrySchedule(pd.Timestamp("2025-01-28"), hold=None)) == (0, 8)
    with pytest.raises(RequestError) as error:
        window_rows(prices, EntrySchedule(pd.Timestamp("2025-01-27")))
    assert str(error.value) == (
        "entry 2025-01-27 is the first session with prices; the first decision needs the close before it: enter later "
        "or load earlier prices"
    )


@pytest.mark.parametrize("wrong", [{"hold": 0}, {"rebalance": 0}, {"hold": 1.5}])
def test_a_schedule_without_whole_sessions_is_refused(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} is .*; give a whole number of sessions"):
        EntrySchedule(ENTRY, **wrong)


def new_account() -> CreditBroker:
    return CreditBroker(capital=1_000.0, sessions=pd.DatetimeIndex([ENTRY]), symbols=("A",))


def test_before_the_run_the_broker_accepts_what_backtraders_does():
    account = new_account()
    account.setcommission(0.5, name="A")
    half = account.comminfo["A"]
    assert half.p.commission == 0.5
    account.addcommissioninfo(half, name="B")
    account.addcommissioninfo(half)
    assert account.comminfo["B"] is half and account.comminfo[None] is half
    account.set_coc(True)
    account.set_coo(True)
    assert account.p.coc is True and account.p.coo is True
    account.set_cash(70.0)
    account.add_cash(5.0)
    assert account.get_cash() == account.get_value() == 70.0 and list(account._cash_addition) == [5.0]


def test_after_the_start_costs_cannot_be_changed(make_prices):
    class Cheap(bt.Strategy):
        def start(self) -> None:
            self.broker.addcommissioninfo(bt.CommInfoBase(commission=0.0))

    with pytest.raises(RequestError, match=r"calls broker.addcommissioninfo: capital, costs and fills belong to"):
        run_backtest(Cheap, make_prices({"A": [100.0] * 8}), EntrySchedule(ENTRY), FREE)


class Group(bt.Strategy):
    """Sends a group of orders, of which the first fill cancels the others, and a separate order."""

    params = (("others", 2),)

    def next(self):
        if len(self) == 4:
            self.buy(size=7, exectype=bt.Order.Limit, price=90.0)
            first = self.buy(size=100, exectype=bt.Order.Limit, price=101.0)
            for size, kind, price in ((200, bt.Order.Stop, 105.0), (300, bt.Order.Limit, 90.0))[: self.p.others]:
                self.buy(size=size, exectype=kind, price=price, oco=first)


@pytest.mark.parametrize("others", [0, 1, 2])
def test_one_of_several_oco_orders_is_filled(make_prices, others):
    # At 100 the first fills; 110 would fill the stop, and 80 fills the separate order.
    prices = make_prices({"A": [100.0] * 6 + [110.0, 80.0, 100.0]})
    ran = run_backtest(Group, prices, EntrySchedule(prices.sessions[3], None, history=None), FREE, {"others": others})
    assert [fill.size for fill in ran.fills] == [100, 7]
    assert [(order.size, order.reason) for order in ran.refusals] == [(300, "canceled"), (200, "canceled")][
        2 - others :
    ]
