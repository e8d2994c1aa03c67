"""Plain Backtrader strategies that leave the size of their orders to a sizer."""

from __future__ import annotations

import backtrader as bt


class Sized(bt.Strategy):
    """Enters and leaves every few bars; how much is the sizer's."""

    symbols = ("SPY",)

    def sizing(self):
        return bt.sizers.FixedSize()

    def __init__(self):
        self.setsizer(self.sizing())

    def next(self):
        if len(self) % 6 == 1:
            self.buy()
        elif len(self) % 6 == 4:
            self.close()


class OneShare(Sized):
    """Backtrader's default."""


class Tranches(Sized):
    """A third of the stake with each order."""

    def sizing(self):
        return bt.sizers.FixedSize(stake=900, tranches=3)


class Percent(Sized):
    """Two fifths of the cash, in fractions of a share."""

    def sizing(self):
        return bt.sizers.PercentSizer(percents=40)


class AllIn(Sized):
    """Nearly all of the cash, in whole shares; a gap at the open may refuse the order."""

    def sizing(self):
        return bt.sizers.AllInSizerInt(percents=99)


class Reverser(bt.Strategy):
    """Turns a position around with each order."""

    symbols = ("SPY",)

    def __init__(self):
        self.sizer = bt.sizers.FixedReverser(stake=400)
        self.sizer.set(self, self.broker)
        self._sizer = self.sizer

    def next(self):
        if len(self) % 5 == 0:
            (self.sell if self.position.size > 0 else self.buy)()


class RiskSizer(bt.Sizer):
    """As many shares as lose a given part of the equity in a move of one average range."""

    params = (("risk", 0.01),)

    def _getsizing(self, comminfo, cash, data, isbuy):
        position = self.broker.getposition(data).size
        if not isbuy and position > 0:
            return position
        size = self.p.risk * self.broker.getvalue() / self.strategy.range[0]
        return min(int(size), int(0.9 * cash / data.close[0]))


class OwnSizer(bt.Strategy):
    """Sets a sizer of its own in its `__init__`."""

    symbols = ("SPY",)

    def __init__(self):
        self.range = bt.ind.ATR(period=5)
        self.setsizer(RiskSizer(risk=0.02))

    def next(self):
        if not self.position and self.data.close[0] > self.data.open[0]:
            self.buy()
        elif self.position and self.data.close[0] < self.data.open[0]:
            self.sell()
