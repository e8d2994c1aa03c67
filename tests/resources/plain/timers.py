"""Plain Backtrader strategies that trade when a timer tells them to."""

from __future__ import annotations

import backtrader as bt


class Timed(bt.Strategy):
    """Turns a position on and off at each call of its timer."""

    symbols = ("SPY",)

    def when(self):
        return {}

    def __init__(self):
        self.calls = 0
        self.add_timer(when=bt.timer.SESSION_START, **self.when())

    def notify_timer(self, timer, when, *args, **kwargs):
        self.calls += 1
        if self.position:
            self.close()
        else:
            self.buy(size=100 + self.calls)


class EverySession(Timed):
    """At the start of every session."""


class MonthDays(Timed):
    """On some days of the month, or on the next session after them."""

    def when(self):
        return {"monthdays": [1, 8, 15, 22], "monthcarry": True}


class MonthDaysWithoutCarry(Timed):
    """On some days of the month, if the exchange is open."""

    def when(self):
        return {"monthdays": [3, 5, 10, 18, 25], "monthcarry": False}


class Weekdays(Timed):
    """On Tuesdays and Fridays, or on the session after them."""

    def when(self):
        return {"weekdays": [2, 5], "weekcarry": True}


class Allowed(Timed):
    """On days that a function of the author's allows."""

    def when(self):
        return {"allow": lambda day: day.day % 3 == 0}


class Cheating(Timed):
    """Called before the broker looks at the orders of the session."""

    def when(self):
        return {"cheat": True}


class WithArguments(bt.Strategy):
    """Two timers, told apart by what they pass on."""

    symbols = ("SPY", "IEF")

    def __init__(self):
        self.add_timer(bt.timer.SESSION_START, weekdays=[1], weekcarry=True, data="SPY", target=0.5)
        self.add_timer(bt.timer.SESSION_START, weekdays=[3], weekcarry=True, data="IEF", target=0.4)
        self.add_timer(bt.timer.SESSION_START, monthdays=[15], data="SPY", target=-0.3)

    def notify_timer(self, timer, when, *args, data, target):
        self.order_target_percent(self.getdatabyname(data), target=target)


class TimedByMean(bt.Strategy):
    """A timer and an indicator: on Mondays it looks where the price is."""

    symbols = ("SPY",)

    def __init__(self):
        self.mean = bt.ind.SMA(period=10)
        self.add_timer(bt.timer.SESSION_START, weekdays=[1, 4], weekcarry=True)

    def notify_timer(self, timer, when, *args, **kwargs):
        if len(self) > 10:  # timers run before the minimum period, too
            self.order_target_percent(target=0.8 if self.data.close[0] > self.mean[-1] else 0.1)
