"""Methods and timers that a run on daily bars never calls; a stock Cerebro does not call them either."""

from __future__ import annotations

from datetime import time, timedelta

import backtrader as bt
import pandas as pd
import pytest

from data.errors import StrategyError
from runners.engine.backtest.hooks import DailyCerebro, require_callable_hooks, uncalled_hooks


class Plain(bt.Strategy):
    def next(self):
        pass


class AtOpen(bt.Strategy):
    def next_open(self):
        pass


class Both(Plain):
    def next_open(self):
        pass

    def notify_data(self, data, status, *args, **kwargs):
        pass


class AtTimer(bt.Strategy):
    params = (("when", bt.timer.SESSION_START), ("options", {}))

    def start(self):
        self.calls = 0
        self.add_timer(self.p.when, **self.p.options)

    def notify_timer(self, timer, when, *args, **kwargs):
        self.calls += 1


def calls_of(cerebro: bt.Cerebro, **parameters: object) -> int:
    """Calls of a timer on five daily bars, as pandas has them: at midnight."""
    days = pd.bdate_range("2025-01-27", periods=5)
    bars = pd.DataFrame(1.0, days, ["open", "high", "low", "close", "volume"])
    cerebro.adddata(bt.feeds.PandasData(dataname=bars))
    cerebro.addstrategy(AtTimer, **parameters)
    return cerebro.run()[0].calls


def test_hooks_that_are_overridden_and_never_called_are_named():
    assert uncalled_hooks(Plain) == uncalled_hooks(AtTimer) == ()
    open_hook = "next_open is never called here: decide in next, whose orders fill at the next open"
    assert uncalled_hooks(AtOpen) == (f"AtOpen.{open_hook}",)
    assert uncalled_hooks(Both) == (f"Both.{open_hook}", "Both.notify_data is never called here: there is no live feed")
    assert uncalled_hooks(object.__new__(Both)) == uncalled_hooks(Both)


def test_only_a_strategy_that_could_never_trade_is_refused():
    for strategy in (Plain, Both, AtTimer):
        require_callable_hooks(strategy)
    with pytest.raises(StrategyError, match=r"AtOpen\.next_open is never called here: decide in next"):
        DailyCerebro().addstrategy(AtOpen)


@pytest.mark.parametrize(
    ("when", "options", "named"),
    [
        (bt.timer.SESSION_END, {}, "SESSION_END"),
        (time(15, 30), {}, "15:30:00"),
        (bt.timer.SESSION_START, {"offset": timedelta(hours=1)}, "1:00:00"),
        (bt.timer.SESSION_END, {"monthdays": [1], "monthcarry": True}, "SESSION_END"),
    ],
    ids=["end", "time", "offset", "monthly"],
)
def test_a_timer_that_never_fires_is_refused(when, options, named):
    assert calls_of(bt.Cerebro(), when=when, options=options) == 0
    with pytest.raises(StrategyError, match=f"a timer at {named} never fires, since daily bars have no time of day"):
        calls_of(DailyCerebro(), when=when, options=options)


@pytest.mark.parametrize(
    ("when", "options", "calls"),
    [
        (bt.timer.SESSION_START, {}, 5),
        (time(0), {}, 5),
        (bt.timer.SESSION_START, {"weekdays": [3]}, 1),
    ],
    ids=["start", "midnight", "weekly"],
)
def test_a_timer_that_fires_is_left_alone(when, options, calls):
    assert calls_of(bt.Cerebro(), when=when, options=options) == calls
    assert calls_of(DailyCerebro(), when=when, options=options) == calls
