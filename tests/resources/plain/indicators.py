"""Plain Backtrader strategies that follow indicators: built in, recursive, and their own."""

from __future__ import annotations

import backtrader as bt


class Following(bt.Strategy):
    """Holds the stock while `self.up` is above zero."""

    symbols = ("SPY",)

    def next(self):
        if self.up[0] > 0 and not self.position:
            self.order_target_percent(target=0.9)
        elif self.up[0] <= 0 and self.position:
            self.close()


class GoldenCross(Following):
    """A fast above a slow average."""

    def __init__(self):
        self.up = bt.ind.SMA(period=4) - bt.ind.SMA(period=12)


class Exponential(Following):
    """Averages whose value depends on all bars before."""

    def __init__(self):
        self.up = bt.ind.EMA(period=5) - bt.ind.EMA(period=13)


class Averages(Following):
    """Averages of averages."""

    def __init__(self):
        averages = (bt.ind.TEMA(period=4), bt.ind.HMA(period=6), bt.ind.KAMA(period=5), bt.ind.WMA(period=7))
        self.up = bt.ind.ZeroLagIndicator(period=6) - bt.Max(*averages) * 0.999


class Rsi(bt.Strategy):
    """Buys what was oversold and sells it when it is overbought."""

    symbols = ("SPY",)

    def __init__(self):
        self.rsi = bt.ind.RSI(period=6)

    def next(self):
        if self.rsi[0] < 40 and self.position.size <= 0:
            self.order_target_percent(target=0.9)
        elif self.rsi[0] > 60 and self.position.size >= 0:
            self.order_target_percent(target=-0.5)


class Macd(Following):
    """The MACD above its signal."""

    def __init__(self):
        self.up = bt.ind.MACDHisto(period_me1=5, period_me2=12, period_signal=4).histo


class Bollinger(bt.Strategy):
    """Buys at the lower band and sells at the upper one."""

    symbols = ("SPY",)

    def __init__(self):
        self.bands = bt.ind.BollingerBands(period=10, devfactor=1.2)

    def next(self):
        if not self.position and self.data.close < self.bands.bot:
            self.buy(size=1500)
        elif self.position and self.data.close > self.bands.top:
            self.close()


class Donchian(bt.Strategy):
    """Breakouts from the channel of the bars before, with a narrower channel as exit."""

    symbols = ("SPY",)

    def __init__(self):
        self.top = bt.ind.Highest(self.data.high(-1), period=10)
        self.bottom = bt.ind.Lowest(self.data.low(-1), period=4)

    def next(self):
        if not self.position and self.data.close[0] > self.top[0]:
            self.buy(size=1200)
        elif self.position and self.data.close[0] < self.bottom[0]:
            self.close()


class Chandelier(bt.Strategy):
    """A stop at three average true ranges below the highest high since the entry."""

    symbols = ("SPY",)

    def __init__(self):
        self.range, self.mean, self.highest = bt.ind.ATR(period=7), bt.ind.EMA(period=5), 0.0

    def next(self):
        if not self.position:
            if self.data.close[0] > self.mean[0]:
                self.buy(size=int(5_000 / self.range[0]))
                self.highest = self.data.high[0]
            return
        self.highest = max(self.highest, self.data.high[0])
        if self.data.close[0] < self.highest - 1.5 * self.range[0]:
            self.close()


class Crossover(bt.Strategy):
    """Acts on crossings only, both ways."""

    symbols = ("SPY",)

    def __init__(self):
        self.cross = bt.ind.CrossOver(self.data.close, bt.ind.SMA(period=6))
        self.above = bt.ind.CrossUp(bt.ind.RSI(period=5), self.data.close * 0 + 50)

    def next(self):
        if self.cross[0]:
            self.order_target_value(target=400_000 * self.cross[0] + 100_000 * self.above[0])


class Parabolic(Following):
    """The close above the parabolic stop."""

    def __init__(self):
        self.up = self.data.close - bt.ind.ParabolicSAR()


class Ichimoku(bt.Strategy):
    """The cloud as it is drawn today, and today's close against that of the day at which its chikou span is drawn."""

    symbols = ("SPY",)
    lead = 8

    def __init__(self):
        self.cloud = bt.ind.Ichimoku(tenkan=3, kijun=6, senkou=12, senkou_lead=self.lead, chikou=self.lead)

    def next(self):
        cloud, close = self.cloud, self.data.close
        above = close[0] > max(cloud.senkou_span_a[0], cloud.senkou_span_b[0])
        if cloud.tenkan_sen[0] > cloud.kijun_sen[0] and close[0] > close[-self.lead] and above:
            self.order_target_percent(target=0.9)
        elif cloud.tenkan_sen[0] < cloud.kijun_sen[0]:
            self.order_target_percent(target=0.0)


class Chikou(bt.Strategy):
    """Reads the chikou span where it is known: at the bars at which it was drawn with the last closes."""

    symbols = ("SPY",)
    lag = 6

    def __init__(self):
        self.cloud = bt.ind.Ichimoku(tenkan=3, kijun=6, senkou=12, senkou_lead=6, chikou=self.lag)
        self.later = self.data.close(2)

    def next(self):
        span, close = self.cloud.chikou_span, self.data.close
        if span[-self.lag] > close[-self.lag] and self.later[-2] > self.data.open[0]:
            self.order_target_percent(target=0.7)
        elif min(span.get(ago=-self.lag, size=3)) < close[-self.lag]:
            self.order_target_percent(target=-0.1)


class Oscillators(Following):
    """Several oscillators at once, combined by logic."""

    def __init__(self):
        strong = bt.ind.ADX(period=5) > 15
        rising = bt.ind.Stochastic(period=7, period_dfast=3).percK > 45
        upward = bt.ind.AroonOscillator(period=8) > -60
        self.up = bt.If(bt.And(strong, bt.Or(rising, upward)), bt.ind.CCI(period=8), -1.0)


class Ranks(Following):
    """Ranks, deviations and sums over windows."""

    def __init__(self):
        change = self.data.close / self.data.close(-1) - 1.0
        score = bt.ind.SumN(change, period=5) / (bt.ind.StdDev(change, period=9) + 1e-9)
        self.up = bt.ind.PercentRank(score, period=11) - 0.5


class Supertrend(bt.Indicator):
    """A band below or above the price that never moves against the trend; `next` reads its own last value."""

    lines = ("trend", "band")
    params = (("period", 5), ("width", 1.0))

    def __init__(self):
        self.range = bt.ind.ATR(period=self.p.period)
        self.middle = (self.data.high + self.data.low) / 2.0

    def nextstart(self):
        self.lines.trend[0], self.lines.band[0] = 1.0, self.middle[0] - self.p.width * self.range[0]

    def next(self):
        trend, band = self.lines.trend[-1], self.lines.band[-1]
        distance = self.p.width * self.range[0]
        if (self.data.close[0] - band) * trend < 0:
            trend = -trend
            band = self.middle[0] - trend * distance
        elif trend > 0:
            band = max(band, self.middle[0] - distance)
        else:
            band = min(band, self.middle[0] + distance)
        self.lines.trend[0], self.lines.band[0] = trend, band


class SupertrendBand(Following):
    """Holds the stock while its own indicator says so."""

    def __init__(self):
        self.up = Supertrend().trend


class Drift(bt.Indicator):
    """An indicator with `next` only, that keeps state of its own."""

    lines = ("drift",)

    def __init__(self):
        self.addminperiod(3)
        self.slow = 0.0

    def next(self):
        self.slow += 0.3 * (self.data.close[0] - self.data.close[-2] - self.slow)
        self.lines.drift[0] = self.slow


class OwnNext(Following):
    """Follows an indicator that is computed bar by bar."""

    def __init__(self):
        self.up = Drift()


class Slope(bt.Indicator):
    """An indicator with `once` only, by arrays; with runonce=False it has no values, in stock Backtrader as well."""

    lines = ("slope",)

    def __init__(self):
        self.addminperiod(5)

    def once(self, start, end):
        closes, slope = self.data.close.array, self.lines.slope.array
        for bar in range(start, end):
            slope[bar] = closes[bar] - closes[bar - 4]


class OwnOnce(Following):
    """Follows an indicator that is computed at once."""

    def __init__(self):
        self.up = Slope()


class OwnLines(bt.Indicator):
    """An indicator made of expressions in its `__init__`, with two lines."""

    lines = ("fast", "slow")

    def __init__(self):
        typical = (self.data.high + self.data.low + self.data.close) / 3.0
        self.lines.fast = bt.ind.EMA(typical, period=3)
        self.lines.slow = bt.ind.SMA(self.lines.fast, period=8)


class OwnExpressions(Following):
    """Follows lines that are made of expressions."""

    def __init__(self):
        own = OwnLines()
        self.up = own.fast - own.slow


class LookBack(bt.Strategy):
    """No indicator: it counts the bars and looks back by itself."""

    symbols = ("SPY",)

    def next(self):
        if len(self.data) < 6:
            return
        closes = self.data.close.get(ago=0, size=6)
        highs = [self.data.high[-bar] for bar in range(1, 6)]
        if not self.position and closes[-1] > sum(closes) / len(closes):
            self.buy(size=900)
        elif self.position and (closes[-1] < min(closes[:-1]) or self.data.close[0] > max(highs)):
            self.close()
