"""A Backtrader feed that fills its lines from arrays at once.

Backtrader's pandas feed reads row by row, which takes half of the time of a backtest; most of the other half goes into
moving seven pointers per feed and bar through layers of calls. Here all bars are complete, so nothing is built up tick
by tick, and the pointers are moved directly. The numbers are equal to the last digit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import cache
from typing import Any

import backtrader as bt
import numpy as np
from backtrader.linebuffer import LineBuffer, _LineForward

from data.errors import StrategyError
from data.prices import FIELDS, Prices
from strategies.base.reading import ORDINAL_1970


class PastLine:
    """A line that gives access to the past only.

    All bars are loaded from the start, so `close[1]` would be tomorrow's close, and before the first bar `close[0]`
    would be the very last one, since Python counts negative indices from the end.
    """

    array: Any
    _idx: int

    def __getitem__(self, ago: int) -> float:
        index = self._idx + ago
        if ago > 0 or index < 0:
            raise _unavailable(ago)
        value: float = self.array[index]
        return value

    def get(self, ago: int = 0, size: int = 1) -> Any:
        if ago > 0:
            raise _unavailable(ago)
        stop = self._idx + ago + 1
        return self.array[max(0, stop - size) : max(0, stop)]


class FutureLine(PastLine):
    """A line computed from future values, such as `close(5)`."""

    def __getitem__(self, ago: int) -> float:
        raise StrategyError("a line such as close(5) is computed from future values; use past ones, as in close(-5)")


def _unavailable(ago: int) -> StrategyError:
    if ago > 0:
        return StrategyError(f"line[{ago}] lies in the future: [0] is this bar and [-{ago}] {ago} back; look back only")
    return StrategyError(f"line[{ago}] lies before the first bar; check len(data) first")


@cache
def _past_only(kind: Any, past: Any = PastLine) -> Any:
    """The class of line `kind`, restricted to the past."""
    return kind if issubclass(kind, past) else type(kind)(kind.__name__, (past, kind), {"__module__": kind.__module__})


def block_future_lines(strategy: Any) -> None:
    """Restrict every line of a strategy's indicators, and of their indicators, to the past.

    Backtrader computes them in advance. A line computed from the future, such as `close(5)` or Ichimoku's chikou span,
    may exist but cannot be read.
    """
    for line in _indicator_lines(strategy):
        if isinstance(line, _LineForward):
            for bound in line.bindings:
                bound.__class__ = _past_only(bound.__class__, FutureLine)
            line.__class__ = _past_only(line.__class__, FutureLine)
        elif isinstance(line, LineBuffer):
            line.__class__ = _past_only(line.__class__)


def _indicator_lines(owner: Any) -> Iterator[Any]:
    """All lines of the indicators of `owner` and of their indicators, recursively."""
    for indicator in getattr(owner, "_lineiterators", {}).get(bt.LineIterator.IndType, ()):
        yield from indicator.lines
        yield from _indicator_lines(indicator)


class PriceFeed(bt.feed.DataBase):
    """One symbol of `prices`, from row `start` (or its listing) to the last row.

    `prices` stays accessible for readings, whose history starts before `start`. `moments` are its sessions as
    Backtrader day numbers, a list of length n_sessions that the feeds share.
    """

    params = (("prices", None), ("column", 0), ("start", 0), ("moments", ()))

    def __init__(self) -> None:
        super().__init__()
        self.prices: Prices = self.p.prices
        first = max(self.p.start, int(self.prices.listed[self.p.column]))
        bars = {name: getattr(self.prices, name)[first:, self.p.column] for name in FIELDS}
        bars["datetime"] = np.array(self.p.moments[first:])
        bars["openinterest"] = np.zeros(len(bars["close"]))
        self.bars: dict[str, np.ndarray] = bars
        self.count = len(bars["close"])
        self._loaded = 0
        self._first, self._moments = first, self.p.moments
        # Created in their final class: an object whose class changes loses its fast attributes.
        for index, alias in enumerate(self.getlinealiases()):
            if alias in FIELDS:
                self.lines.lines[index] = _past_only(LineBuffer)()
        self._pointers = [getattr(self.lines, alias) for alias in self.getlinealiases()]
        # As attributes, lines need no lookup through LineSeries.__getattr__ on every access.
        self.open, self.high, self.low, self.close = (getattr(self.lines, name) for name in FIELDS[:4])
        self.volume, self.datetime = self.lines.volume, self.lines.datetime

    def __len__(self) -> int:
        return int(self._pointers[0].lencount)

    def advance_peek(self) -> float:
        """Day number of the next bar, infinity after the last."""
        index = self._first + self._pointers[0].lencount
        return self._moments[index] if index < len(self._moments) else float("inf")

    def advance(self, size: int = 1, datamaster: object = None, ticks: bool = True) -> None:
        """Move on by `size` bars; lines are unbounded, so indices need no check."""
        for line in self._pointers:
            line._idx += size
            line.lencount += size

    def preload(self) -> None:
        for alias, values in self.bars.items():
            line = getattr(self.lines, alias)
            line.array = array("d", np.ascontiguousarray(values).tobytes())
            line.idx, line.lencount = len(values) - 1, len(values)
        self._loaded = self.count
        self.bars = {}  # the lines hold them now
        self.home()

    def _load(self) -> bool:
        if self._loaded == self.count:
            return False
        for alias, values in self.bars.items():
            getattr(self.lines, alias)[0] = values[self._loaded]
        self._loaded += 1
        return True

    # Without ticks the broker uses the bar's prices.
    tick_open = tick_high = tick_low = tick_close = tick_volume = tick_openinterest = tick_last = None

    def _tick_nullify(self) -> None: ...

    def _tick_fill(self, force: bool = False) -> None: ...


def price_feeds(prices: Prices, start: int) -> list[Any]:
    """One feed per symbol, in the order of `prices.symbols`; without bars for a symbol listed later."""
    make: Any = PriceFeed  # Backtrader's metaclass turns the parameters into keywords
    shared = {
        "prices": prices,
        "start": start,
        "moments": (prices.days.astype(np.int64) + float(ORDINAL_1970)).tolist(),
    }
    return [make(**shared, column=column, name=symbol) for symbol, column in prices.columns.items()]
