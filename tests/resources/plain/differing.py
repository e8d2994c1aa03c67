"""Plain Backtrader strategies that do in a run something else than in stock Backtrader, on purpose."""

from __future__ import annotations

import backtrader as bt


class EagerPrenext(bt.Strategy):
    """Trades in prenext, which stock Backtrader calls while the indicator warms up."""

    symbols = ("SPY",)

    def __init__(self):
        self.mean = bt.ind.SMA(period=20)

    def prenext(self):
        self.next()

    def next(self):
        if len(self) % 3 == 0:
            self.order_target_size(target=100 * (len(self) % 4))


class EagerTimer(bt.Strategy):
    """Trades at a timer, which stock Backtrader calls while the indicator warms up."""

    symbols = ("SPY",)

    def __init__(self):
        self.mean = bt.ind.SMA(period=20)
        self.add_timer(bt.timer.SESSION_START, weekdays=[2, 4])

    def notify_timer(self, timer, when, *args, **kwargs):
        self.order_target_size(target=0 if self.position else 100 + len(self))


class LooksBack(bt.Strategy):
    """Reads two bars back at its first bar, where stock Backtrader gives the last bars of the table."""

    symbols = ("SPY",)

    def next(self):
        close = self.data.close
        if not self.position and close[0] < close[-2]:
            self.buy(size=int(close[-1]))
        elif self.position and close[0] > close[-1]:
            self.close()


class Windows(bt.Strategy):
    """Buys as many shares as it is given closes, of seven that it asks for."""

    symbols = ("SPY",)

    def next(self):
        self.buy(size=len(self.data.close.get(size=7)))


class Ruined(bt.Strategy):
    """Is short forty times its equity, and goes on when it has lost everything."""

    symbols = ("SPY",)

    def next(self):
        if len(self) % 3 == 0:
            self.order_target_percent(target=-40)
