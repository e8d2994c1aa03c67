"""Plain Backtrader strategies on several symbols."""

from __future__ import annotations

import math
import statistics
from itertools import pairwise

import backtrader as bt


class Pair(bt.Strategy):
    """Trades the ratio of two stocks back to its mean, long one and short the other."""

    symbols = ("SPY", "IEF")

    def __init__(self):
        ratio = self.data0.close / self.data1.close
        self.score = (ratio - bt.ind.SMA(ratio, period=15)) / bt.ind.StdDev(ratio, period=15)

    def next(self):
        score, held = self.score[0], self.getposition(self.data0).size
        if abs(score) > 1 and held * score >= 0:
            side = -0.4 if score > 0 else 0.4
            self.order_target_percent(self.data0, target=side)
            self.order_target_percent(self.data1, target=-side)
        elif abs(score) < 0.3 and held:
            self.close(self.data0)
            self.close(self.data1)


class Rotation(bt.Strategy):
    """The best two of four by return, each half of the equity, every fortnight; sells come first."""

    symbols = ("SPY", "IEF", "GLD", "NVDA")

    def __init__(self):
        self.returns = {data: bt.ind.ROC(data.close, period=12) for data in self.datas}

    def next(self):
        if len(self) % 10:
            return
        best = sorted(self.datas, key=lambda data: self.returns[data][0], reverse=True)[:2]
        for data in self.datas:
            if data not in best and self.getposition(data).size:
                self.close(data)
        for data in best:
            self.order_target_percent(data, target=0.48)


class DualMomentum(bt.Strategy):
    """The better of two stocks if it has risen, or else the third."""

    symbols = ("SPY", "NVDA", "IEF")

    def __init__(self):
        self.momentum = [bt.ind.Momentum(data, period=15) / data.close(-15) for data in self.datas[:2]]

    def next(self):
        if len(self) % 5:
            return
        best = max((0, 1), key=lambda place: self.momentum[place][0])
        chosen = self.datas[best] if self.momentum[best][0] > 0 else self.data2
        for data in self.datas:
            if data is not chosen:
                self.order_target_percent(data, target=0)
        self.order_target_percent(chosen, target=0.95)


class InverseVolatility(bt.Strategy):
    """Weights that are inverse to volatility, kept within a band."""

    symbols = ("SPY", "IEF", "GLD")

    def __init__(self):
        self.volatility = [
            bt.ind.StdDev(data.close / data.close(-1), period=12, movav=bt.ind.MovAv.Smoothed) for data in self.datas
        ]

    def next(self):
        inverse = [1 / line[0] for line in self.volatility]
        for data, each in zip(self.datas, inverse, strict=True):
            target = 0.97 * each / sum(inverse)
            held = self.broker.get_value([data]) / self.broker.get_value()
            if abs(held - target) > 0.03:
                self.order_target_percent(data, target=target)


class LongShort(bt.Strategy):
    """Long what fell most within five days, short what rose most."""

    symbols = ("SPY", "IEF", "GLD", "NVDA")

    def __init__(self):
        self.change = {data._name: data.close / data.close(-5) for data in self.datas}

    def next(self):
        if len(self) % 5 == 0:
            ranked = sorted(self.getdatanames(), key=lambda name: self.change[name][0])
            for name, target in zip(ranked, (0.3, 0.0, 0.0, -0.3), strict=True):
                self.order_target_percent(self.getdatabyname(name), target=target)


class RiskOff(bt.Strategy):
    """Orders for one symbol that depend on another, with a limit and the other symbol's range as size."""

    symbols = ("SPY", "IEF")

    def __init__(self):
        self.range = bt.ind.ATR(self.data1, period=8)
        self.calm = self.data0.close > bt.ind.SMA(self.data0, period=20)

    def next(self):
        if self.calm[0] and not self.getposition(self.data1):
            self.buy(self.data1, size=int(2_000 / self.range[0]), exectype=bt.Order.Limit, price=self.data1.close[0])
        elif not self.calm[0] and self.getpositionbyname("IEF"):
            self.sell(data=self.data1, size=self.getposition(self.data1).size, exectype=bt.Order.Close)


class WaitsForAll(bt.Strategy):
    """One symbol is listed after the entry: `next` waits for it."""

    symbols = ("SPY", "ARM")

    def __init__(self):
        self.up = [bt.ind.SMA(data, period=5) - bt.ind.SMA(data, period=10) for data in self.datas]

    def next(self):
        for data, up in zip(self.datas, self.up, strict=True):
            self.order_target_percent(data, target=0.4 if up[0] > 0 else 0.0)


class JoinsLater(bt.Strategy):
    """One symbol is listed after the entry: `prenext` trades those that have bars."""

    symbols = ("SPY", "ARM", "GLD")

    def prenext(self):
        self.next()

    def next(self):
        listed = [data for data in self.datas if len(data)]
        if len(self) % 5 == 1:
            for data in listed:
                self.order_target_percent(data, target=0.9 / len(listed))


class AsksForUnlisted(bt.Strategy):
    """Asks for the position in a symbol that has no bar yet, and for its value."""

    symbols = ("SPY", "ARM")

    def prenext(self):
        self.next()

    def next(self):
        held = [self.getposition(data).size * self.broker.get_value([data]) for data in self.datas]
        if len(self) % 4 == 0:
            self.order_target_percent(self.data0, target=0.3 if any(held) else 0.5)
        if len(self.data1) > 5 and len(self) % 4 == 2:
            self.order_target_percent(self.data1, target=0.4 if not held[1] else 0.1)


class LateFirst(bt.Strategy):
    """The first symbol is the one that is listed after the entry."""

    symbols = ("ARM", "SPY")

    def __init__(self):
        self.above = self.data1.close > bt.ind.EMA(self.data1, period=6)

    def prenext(self):
        if len(self.data1) >= 6:
            self.order_target_percent(self.data1, target=0.6 if self.above[0] else 0.0)

    def next(self):
        self.order_target_percent(self.data1, target=0.3 if self.above[0] else 0.0)
        self.order_target_percent(self.data0, target=0.3 if self.data0.close[0] > self.data0.open[0] else 0.1)


class Coupled(bt.Strategy):
    """Compares lines of two symbols through couplers, which have no value unless Backtrader runs bar by bar."""

    symbols = ("SPY", "IEF")

    def __init__(self):
        self.above = self.data0.close / self.data1.close() > bt.ind.SMA(self.data0 / self.data1, period=4)

    def next(self):
        if len(self) % 3 == 0:
            self.order_target_percent(self.datas[1 - int(self.above[0])], target=0.5)
            self.order_target_percent(self.datas[int(self.above[0])], target=0.1)


class MeanVariance(bt.Strategy):
    """Computes correlations by itself from the last closes."""

    symbols = ("SPY", "IEF")

    def returns(self, data):
        closes = data.close.get(size=16)
        return [math.log(after / before) for before, after in pairwise(closes)]

    def next(self):
        if len(self) < 16 or len(self) % 8:
            return
        first, second = map(self.returns, self.datas)
        correlation = statistics.correlation(first, second)
        self.order_target_percent(self.data0, target=0.5 - 0.3 * correlation)
        self.order_target_percent(self.data1, target=0.4 + 0.3 * min(0.0, correlation))
