"""Plain Backtrader strategies made of signals."""

from __future__ import annotations

import backtrader as bt


class Above(bt.Indicator):
    """The close less its mean, as a signal."""

    lines = ("signal",)
    params = (("period", 8),)

    def __init__(self):
        self.lines.signal = self.data.close - bt.ind.SMA(self.data.close, period=self.p.period)


class LongOnly(bt.SignalStrategy):
    """Long above the mean, flat below."""

    symbols = ("SPY",)

    def __init__(self):
        self.signal_add(bt.SIGNAL_LONG, Above())


class ShortOnly(bt.SignalStrategy):
    """Short below the mean, flat above."""

    symbols = ("SPY",)

    def __init__(self):
        self.signal_add(bt.SIGNAL_SHORT, Above())


class BothWays(bt.SignalStrategy):
    """Long above the mean, short below, with a sizer of its own."""

    symbols = ("SPY",)

    def __init__(self):
        self.setsizer(bt.sizers.FixedSize(stake=500))
        self.signal_add(bt.SIGNAL_LONGSHORT, Above())


class WithExits(bt.SignalStrategy):
    """Long and short signals, each with an exit signal of its own."""

    symbols = ("SPY",)

    def __init__(self):
        self.signal_add(bt.SIGNAL_LONG, Above(period=12))
        self.signal_add(bt.SIGNAL_SHORT, Above(period=10))
        self.signal_add(bt.SIGNAL_LONGEXIT, Above(period=3))
        self.signal_add(bt.SIGNAL_SHORTEXIT, Above(period=4))


class Accumulating(bt.SignalStrategy):
    """Adds to a position while the signal lasts; signals by an expression, with orders in parallel."""

    symbols = ("SPY",)
    params = (("_accumulate", True), ("_concurrent", True))

    def __init__(self):
        self.signal_add(bt.SIGNAL_LONGSHORT, bt.ind.RSI(period=5) - 50.0)


class ByParameter(bt.SignalStrategy):
    """Signals as parameters, as `cerebro.add_signal` passes them, and a `next` of its own."""

    symbols = ("SPY", "IEF")
    params = (("signals", [(bt.SIGNAL_LONG, Above, (), {"period": 5})]), ("_data", 1))

    def next(self):
        if len(self) % 9 == 0:
            self.order_target_size(self.data0, target=100 if not self.getposition(self.data0).size else 0)
