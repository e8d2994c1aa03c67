"""Feeds and indicators show a strategy only the past, in every Backtrader mode."""

from __future__ import annotations

from itertools import product

import backtrader as bt
import pandas as pd
import pytest

from data.errors import StrategyError
from runners.engine.backtest.cerebro import CerebroModes, EntrySchedule, run_backtest

FUTURE = (
    r"^(line\[(1|2)\] lies in the future: \[0\] is this bar and \[-\2\] \2 back; look back only"
    r"|a line such as close\(5\) is computed from future values; use past ones, as in close\(-5\))$"
)
MODES = [CerebroModes(*switches) for switches in product((True, False), repeat=2)]


class Looks(bt.Strategy):
    """Creates a line in `__init__` and reads it or another one in `next`."""

    params = (("made", None), ("read", None))

    def __init__(self):
        self.line = self.p.made(self)

    def next(self):
        self.p.read(self, self.line)


def ichimoku(self):
    return bt.indicators.Ichimoku(self.data, tenkan=3, kijun=5, senkou=8, senkou_lead=5, chikou=5)


LOOKS = {
    "tomorrow": (lambda _: None, lambda self, _: self.data.close[1]),
    "a window": (lambda _: None, lambda self, _: self.data.close.get(ago=1, size=5)),
    "an indicator": (
        lambda self: bt.indicators.SMA(bt.indicators.RSI(self.data, period=3), period=3),
        lambda _, line: line[1],
    ),
    "an operation": (lambda self: self.data.close - self.data.close(-1), lambda _, line: line[2]),
    "a logic": (
        lambda self: bt.And(self.data.close > self.data.close(-1), self.data.close > 0),
        lambda _, line: line[1],
    ),
    "a coupler": (lambda self: self.data1.close(), lambda _, line: line[1]),
    "made of the future": (lambda self: self.data.close(2), lambda _, line: line[0]),
    "a window of the future": (lambda self: self.data.close(2), lambda _, line: line.get(ago=-1, size=5)),
    "a bar too early": (lambda self: self.data.close(2), lambda _, line: line[-1]),
    "chikou": (ichimoku, lambda _, line: line.chikou_span[0]),
}


@pytest.mark.parametrize("modes", MODES, ids=str)
@pytest.mark.parametrize(("made", "read"), LOOKS.values(), ids=LOOKS)
def test_the_future_cannot_be_read(random_prices, made, read, modes):
    prices = random_prices(("A", "B"), 120)
    with pytest.raises(StrategyError, match=FUTURE):
        run_backtest(
            Looks, prices, EntrySchedule(prices.sessions[60]), parameters={"made": made, "read": read}, modes=modes
        )


class Early(bt.Strategy):
    """Reads a stock that is not listed yet."""

    def prenext(self):
        self.data1.close[0]


def test_before_its_first_bar_a_line_cannot_be_read(make_prices):
    prices = make_prices({"A": [10.0] * 9, "LATE": [None] * 6 + [20.0, 21.0, 22.0]})
    with pytest.raises(StrategyError, match=r"^line\[0\] lies before the first bar of the prices; check len"):
        run_backtest(Early, prices, EntrySchedule(prices.sessions[2]))


class Usual(bt.Strategy):
    """Uses all ways of looking back."""

    def __init__(self):
        span = ichimoku(self)
        self.cross = bt.indicators.CrossOver(span.tenkan_sen, span.kijun_sen)
        self.both = bt.And(self.data.close > self.data.close(-1), bt.indicators.RSI(self.data, period=5) < 70)

    def next(self):
        close = self.data.close
        assert list(close.get(size=3)) == [close[-2], close[-1], close[0]]
        assert list(close.get(ago=-1, size=2)) == [close[-2], close[-1]]
        assert list(close.get()) == [close[0]]
        assert len(close.get(size=10_000)) == len(self.data)
        assert list(close.get(ago=-len(self.data), size=3)) == []
        if self.both[0] and self.cross[-1] >= 0 and not self.position:
            self.buy(size=100)
        elif self.position and not self.both[0]:
            self.close()


class Counted(Usual):
    def nextstart(self):
        self.first = len(self)


def stock_run(strategy, table):
    """A strategy after its run in Backtrader's own Cerebro, with its transactions."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(1_000_000)
    cerebro.adddata(bt.feeds.PandasData(dataname=table))
    cerebro.addstrategy(strategy)
    cerebro.addanalyzer(bt.analyzers.Transactions, _name="fills")
    return cerebro.run()[0]


def test_looking_back_gives_the_values_of_a_plain_cerebro(random_prices):
    """Fills equal those of Backtrader's own feed on the sessions of the window."""
    prices = random_prices(("A",), 160)
    first = 60
    runs = [
        run_backtest(Usual, prices, EntrySchedule(prices.sessions[first], hold=None), modes=modes) for modes in MODES
    ]
    assert all((run.equity == runs[0].equity).all() for run in runs)
    ours = [(fill.session, fill.size) for fill in runs[0].fills]
    assert len(ours) > 10

    based = prices.rebased(first - 1)
    names = ("open", "high", "low", "close", "volume")
    table = pd.DataFrame({name: getattr(based, name)[:, 0] for name in names}, based.sessions)
    needed = stock_run(Counted, table).first
    fills = stock_run(Usual, table.iloc[first - needed :]).analyzers.fills.get_analysis()
    assert ours == [(pd.Timestamp(moment.date()), size) for moment, rows in fills.items() for size, *_ in rows]


class Ends(bt.Strategy):
    """Stops the run on a given bar; 0 means `start`, -1 means `__init__`."""

    params = (("bar", 0),)

    def __init__(self):
        if self.p.bar < 0:
            self.env.runstop()

    def start(self):
        if not self.p.bar:
            self.env.runstop()

    def next(self):
        if len(self) == self.p.bar:
            self.env.runstop()


@pytest.mark.parametrize(("bar", "row"), [(-1, 0), (0, 0), (1, 0), (20, 19), (60, 59), (63, 62)])
def test_a_strategy_that_stops_its_run_is_an_error_with_the_session(random_prices, bar, row):
    prices = random_prices(("A",), 80)
    last = f"{prices.sessions[65]:%Y-%m-%d}"
    message = f"^Ends stopped the run on {prices.sessions[row]:%Y-%m-%d}, before its end on {last}; close"
    with pytest.raises(StrategyError, match=f"{message} positions instead of calling runstop$"):
        run_backtest(Ends, prices, EntrySchedule(prices.sessions[60], 5, history=None), parameters={"bar": bar})


def test_stopping_on_the_last_session_is_no_error(random_prices):
    prices = random_prices(("A",), 80)
    assert (
        len(run_backtest(Ends, prices, EntrySchedule(prices.sessions[60], hold=5), parameters={"bar": 7}).equity) == 7
    )


class Skips(bt.Strategy):
    def __init__(self):
        raise bt.errors.StrategySkipError


def test_a_strategy_that_skips_its_run_is_an_error(random_prices):
    prices = random_prices(("A",), 80)
    message = r"^Skips skipped the run \(StrategySkipError\); give parameters with which it runs$"
    with pytest.raises(StrategyError, match=message):
        run_backtest(Skips, prices, EntrySchedule(prices.sessions[60]))
