"""Before the entry indicators warm up, and nothing of the author's is called."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pytest

from data.errors import RequestError, StrategyError
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest

FIRST = 60  # row of the close before the entry


class Recorder(bt.Strategy):
    """Records which of its methods are called, with the date."""

    params = (("period", 1), ("record", None))

    def __init__(self):
        if self.p.period > 1:
            self.mean = bt.ind.SMA(period=self.p.period)
        self.add_timer(when=bt.timer.SESSION_START)

    def note(self, name):
        self.p.record.append((name, self.data.datetime.date(0), len(self)))

    def prenext(self):
        self.note("prenext")

    def nextstart(self):
        self.note("nextstart")

    def next(self):
        self.note("next")

    def notify_timer(self, timer, when, *args, **kwargs):
        self.note("timer")


@pytest.mark.parametrize(
    ("period", "history", "bars"), [(1, 1, 1), (20, 1, 20), (20, 50, 50), (20, 5, 20), (61, 1, 61), (1, 1000, 61)]
)
def test_the_first_call_is_at_the_close_before_the_entry(random_prices, period, history, bars):
    prices = random_prices(("A",), 70)
    schedule, record = EntrySchedule(prices.sessions[FIRST + 1], hold=None, history=history), []
    run_backtest(Recorder, prices, schedule, parameters={"period": period, "record": record})
    calls = [call for call in record if call[0] != "timer"]
    days = [session.date() for session in prices.sessions[FIRST:]]
    names = ["nextstart"] + ["next"] * 9
    assert calls == list(zip(names, days, range(bars, bars + 10), strict=True))
    timers = [day for name, day, _ in record if name == "timer"]
    assert timers == days


def test_with_too_little_history_prenext_waits_for_the_minimum_period(random_prices):
    prices, record = random_prices(("A",), 70), []
    parameters = {"period": 64, "record": record}
    run_backtest(Recorder, prices, EntrySchedule(prices.sessions[FIRST + 1], hold=None), parameters=parameters)
    assert [call[0] for call in record if call[0] != "timer"] == ["prenext"] * 3 + ["nextstart"] + ["next"] * 6


def test_all_bars_call_everything_from_the_first(random_prices):
    prices, record = random_prices(("A",), 70), []
    schedule = EntrySchedule(prices.sessions[FIRST + 1], hold=None, history=None)
    run_backtest(Recorder, prices, schedule, parameters={"period": 20, "record": record})
    names = [call[0] for call in record if call[0] != "timer"]
    assert names == ["prenext"] * 19 + ["nextstart"] + ["next"] * 50


class ThreeDown(bt.Strategy):
    """Looks two bars back without a minimum period."""

    def next(self):
        close = self.data.close
        if close[0] < close[-1] < close[-2] and not self.position:
            self.buy(size=100)
        elif self.position and close[0] > close[-1]:
            self.close()


def test_a_strategy_that_looks_back_by_itself_gets_the_bars_it_reads(random_prices):
    prices = random_prices(("A",), 160)
    run = run_backtest(ThreeDown, prices, EntrySchedule(prices.sessions[FIRST + 1], hold=None))
    close, held, expected = prices.close[:, 0], False, []
    for row in range(FIRST, 159):
        if not held and close[row] < close[row - 1] < close[row - 2]:
            held = True
            expected.append((prices.sessions[row + 1], 100))
        elif held and close[row] > close[row - 1]:
            held = False
            expected.append((prices.sessions[row + 1], -100))
    assert [(fill.session, fill.size) for fill in run.fills] == expected
    assert len(expected) > 10


class TooFar(bt.Strategy):
    def next(self):
        self.data.close[-70]


def test_bars_before_the_first_price_are_told_as_such(random_prices):
    prices = random_prices(("A",), 70)
    with pytest.raises(StrategyError, match=r"^line\[-70\] lies before the first bar of the prices; .*earlier prices$"):
        run_backtest(TooFar, prices, EntrySchedule(prices.sessions[FIRST + 1]))


def test_history_is_at_least_one_close(random_prices):
    with pytest.raises(RequestError, match="--history 0 is too short"):
        EntrySchedule(random_prices(("A",)).sessions[9], history=0)


class Orders(bt.Strategy):
    """Holds one share, and records what it is told of orders and trades."""

    params = (("record", None),)

    def notify_order(self, order):
        self.p.record.append((order.getstatusname(), order.executed.size))

    def next(self):
        if not self.position and len(self) == 1:
            self.buy(size=1)


def test_a_strategy_is_not_told_of_the_closing_order(make_prices):
    record = []
    prices = make_prices({"A": [100.0] * 9})
    run = run_backtest(Orders, prices, EntrySchedule(prices.sessions[2], hold=3), parameters={"record": record})
    assert record == [("Submitted", 0), ("Accepted", 0), ("Completed", 1)]
    assert [fill.size for fill in run.fills] == [1, -1]
    assert len(run.sent) == 1


class Numbers(bt.Strategy):
    """Checks the types of what it reads of its broker and feed."""

    def next(self):
        broker = self.broker
        public = (broker.cash, broker.get_cash(), broker.getvalue(), broker.startingcash, broker.get_fundvalue())
        assert [type(number) for number in public] == [float] * 5
        assert self.stats.broker.value[-1] != 0 and np.isnan(self.data.openinterest[0])
        assert broker.cash / self.data.close > 1  # a numpy number would take the line for an array
        if not self.position:
            self.order_target_percent(target=0.5)


def test_what_a_strategy_reads_of_its_broker_are_python_numbers(random_prices):
    prices = random_prices(("A",), 90)
    assert run_backtest(Numbers, prices, EntrySchedule(prices.sessions[FIRST + 1])).interest["cash"] > 0
