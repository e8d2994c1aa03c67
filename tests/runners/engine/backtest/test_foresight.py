"""Strategies that know the future are refused; those that look back, and those with a line nobody reads, run."""

from __future__ import annotations

import os

import backtrader as bt
import numpy as np
import pytest

from data.errors import StrategyError
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.foresight import foresight_notices
from runners.engine.backtest.frictions import Frictions

ICHIMOKU = {"tenkan": 3, "kijun": 5, "senkou": 8, "senkou_lead": 5, "chikou": 5}


class Follows(bt.Strategy):
    """Holds the stock while its signal is above zero."""

    def signal(self):
        return self.up[0]

    def next(self):
        signal = self.signal()
        if signal > 0 and not self.position:
            self.order_target_percent(target=0.9)
        elif signal <= 0 and self.position:
            self.close()


class Ahead(bt.Indicator):
    """Tomorrow's close, by arrays; bar by bar it has no value."""

    lines = ("value",)

    def once(self, start, end):
        closes = self.data.close.array
        for place in range(start, end):
            self.lines.value.array[place] = closes[min(place + 1, len(closes) - 1)]


class AheadOrNow(Ahead):
    """Tomorrow's close, by arrays; bar by bar today's."""

    def next(self):
        self.lines.value[0] = self.data.close[0]


class Wrapped(bt.Indicator):
    """A line of its own that is bound to a future one."""

    lines = ("value",)

    def __init__(self):
        self.lines.value = self.data.close(1)


def strategy(make):
    def init(self):
        self.up = make(self)

    return type("Made", (Follows,), {"__init__": init, "__module__": __name__})


REFUSED_BY_NAME = {
    "a difference": (lambda self: self.data.close(1) - self.data.close, r"self\.up is computed from close\(1\)"),
    "a ratio of a ratio": (lambda self: self.data.close(1) / self.data.close - 1.0, r"an expression is .* close\(1\)"),
    "the whole feed": (lambda self: self.data(1) - self.data.close, r"self\.up is computed from close\(1\)"),
    "an average": (
        lambda self: bt.ind.SMA(self.data.close(3), period=3) - self.data.close,
        r"SMA is computed from close\(3\)",
    ),
    "a maximum": (
        lambda self: bt.ind.Highest(self.data.high(5), period=5) - self.data.high,
        r"Highest is computed from high\(5\)",
    ),
    "a crossing": (lambda self: bt.ind.CrossOver(self.data.close(2), self.data.close), r"is computed from close\(2\)"),
    "a condition": (lambda self: bt.If(self.data.close(1) > self.data.close, 1, -1), r"is computed from close\(1\)"),
    "a logic": (lambda self: bt.And(self.data.close(1) > 0, self.data.close > 0), r"is computed from close\(1\)"),
    "an absolute value": (lambda self: abs(self.data.close(1)) - 50, r"is computed from close\(1\)"),
    "chikou": (
        lambda self: bt.ind.Ichimoku(self.data, **ICHIMOKU).chikou_span - self.data.close,
        r"self\.up is computed from chikou_span of Ichimoku",
    ),
    "a bound line": (lambda self: Wrapped() - self.data.close, r"self\.up is computed from value of Wrapped"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED_BY_NAME.values(), ids=REFUSED_BY_NAME)
def test_a_line_computed_from_the_future_is_refused_by_name(random_prices, make, message):
    prices = random_prices(("A",), 120)
    with pytest.raises(StrategyError, match=rf"{message}, which lies in the future; use past values"):
        run_backtest(strategy(make), prices, EntrySchedule(prices.sessions[60]))


class ByArray(Follows):
    """Reads tomorrow's close from the array of the line."""

    def signal(self):
        closes, now = self.data.close.array, len(self.data) - 1
        return closes[now + 1] - closes[now] if now + 1 < len(closes) else 0.0


class ByStart(ByArray):
    """Copies the array before the first bar, which bar by bar is empty, so that it cannot run so."""

    def start(self):
        self.closes = np.array(self.data.close.array)
        self.first = self.closes[0]

    def signal(self):
        now = len(self.data) - 1
        return self.closes[now + 1] - self.closes[now] if now + 1 < len(self.closes) else 0.0


UNNAMED = {
    "an indicator by arrays": strategy(lambda self: Ahead() - self.data.close),
    "an indicator with two ways": strategy(lambda self: AheadOrNow() - self.data.close(-1)),
    "an array": ByArray,
    "a copy of an array": ByStart,
}


@pytest.mark.parametrize("looks", UNNAMED.values(), ids=UNNAMED)
def test_orders_that_depend_on_later_prices_are_found(random_prices, looks):
    prices = random_prices(("A",), 120)
    schedule = EntrySchedule(prices.sessions[60], hold=None)
    assert len(run_backtest(looks, prices, schedule).fills) > 10
    with pytest.raises(StrategyError, match=r"looks ahead: its orders up to \d{4}-\d\d-\d\d change with the prices"):
        foresight_notices(looks, prices, schedule, Frictions(), {})


HONEST = {
    "averages": strategy(lambda self: bt.ind.SMA(period=5) - bt.ind.EMA(period=12)),
    "a chikou span that is not read": strategy(
        lambda self: (span := bt.ind.Ichimoku(self.data, **ICHIMOKU)).tenkan_sen - span.kijun_sen
    ),
    "yesterday": strategy(lambda self: self.data.close - self.data.close(-1)),
    "a parabolic": strategy(lambda self: self.data.close - bt.ind.ParabolicSAR()),
}


@pytest.mark.parametrize("honest", HONEST.values(), ids=HONEST)
def test_strategies_that_look_back_run_without_a_word(random_prices, honest):
    prices = random_prices(("A",), 120)
    schedule = EntrySchedule(prices.sessions[60], hold=None)
    run = run_backtest(honest, prices, schedule)
    assert len(run.fills) > 5
    assert foresight_notices(honest, prices, schedule, Frictions(), {}, run) == ()


class Restless(Follows):
    """Draws from the operating system."""

    def signal(self):
        return os.urandom(1)[0] - 127.5


class TwoWays(bt.Indicator):
    """Gives one number by arrays and another bar by bar, of the past only."""

    lines = ("value",)

    def once(self, start, end):
        closes = self.data.close.array
        for place in range(max(start, 1), end):
            self.lines.value.array[place] = closes[place] - closes[place - 1]

    def next(self):
        self.lines.value[0] = 1.0


@pytest.mark.parametrize(
    ("odd", "notice"),
    [
        (Restless, "its orders differ from run to run"),
        (strategy(lambda self: TwoWays() * 1.0), "bar by bar its indicators have other values"),
    ],
)
def test_what_is_not_foresight_is_told_and_not_refused(random_prices, odd, notice):
    prices = random_prices(("A",), 120)
    schedule = EntrySchedule(prices.sessions[60], hold=None)
    (told,) = foresight_notices(odd, prices, schedule, Frictions(), {})
    assert told.startswith(notice)


class Peeks(bt.Strategy):
    """Looks for prices in its feed before and between the bars."""

    def __init__(self):
        self.known = [len(line.array) for line in self.data.lines]

    def next(self):
        hidden = [
            value for value in vars(self.data).values() if isinstance(value, np.ndarray | list) and len(value) > 9
        ]
        assert self.known == [0] * 7
        assert not hasattr(self.data, "prices")
        assert hidden == [self.data.p.moments]  # dates only


def test_a_feed_holds_no_prices_but_its_lines(random_prices):
    prices = random_prices(("A",), 120)
    run_backtest(Peeks, prices, EntrySchedule(prices.sessions[60]))
