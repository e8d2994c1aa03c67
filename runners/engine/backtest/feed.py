"""A Backtrader feed that fills its lines from arrays in one go.

Backtrader's pandas feed reads row by row, which is half of the time of a backtest; most of the other half goes into
moving seven pointers a feed and bar through layers of calls. Here the bars are complete and known, so there is nothing
to build up tick by tick, and the pointers are moved directly. The numbers are the same to the last digit.
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
    """A line that shows nothing but the past.

    All bars are there from the beginning: `close[1]` would be tomorrow's close, and before the first bar `close[0]`
    the last one of all, since Python counts from the end there.
    """

    array: Any
    _idx: int

    def __getitem__(self, ago: int) -> float:
        place = self._idx + ago
        if ago > 0 or place < 0:
            raise _unseen(ago)
        value: float = self.array[place]
        return value

    def get(self, ago: int = 0, size: int = 1) -> Any:
        if ago > 0:
            raise _unseen(ago)
        stop = self._idx + ago + 1
        return self.array[max(0, stop - size) : max(0, stop)]


class AheadLine(PastLine):
    """A line that is computed from what comes later, such as `close(5)`."""

    def __getitem__(self, ago: int) -> float:
        raise StrategyError("a line such as close(5) is made of what comes later; make lines of the past, as close(-5)")


def _unseen(ago: int) -> StrategyError:
    if ago > 0:
        return StrategyError(f"line[{ago}] lies in the future: [0] is this bar and [-{ago}] {ago} back; look back only")
    return StrategyError(f"line[{ago}] lies before the first bar: there are fewer yet; ask len(data) before")


@cache
def _blinded(kind: Any, past: Any = PastLine) -> Any:
    """The same kind of line, which shows nothing but the past."""
    return kind if issubclass(kind, past) else type(kind)(kind.__name__, (past, kind), {"__module__": kind.__module__})


def block_future_lines(strategy: Any) -> None:
    """Let no line of a strategy's indicators, and of theirs, show the future.

    They are computed in advance, as its feeds are. What is made of the future, such as `close(5)` or Ichimoku's chikou
    span, may stand there and cannot be read.
    """
    for line in _below(strategy):
        if isinstance(line, _LineForward):
            for shown in line.bindings:
                shown.__class__ = _blinded(shown.__class__, AheadLine)
            line.__class__ = _blinded(line.__class__, AheadLine)
        elif isinstance(line, LineBuffer):
            line.__class__ = _blinded(line.__class__)


def _below(owner: Any) -> Iterator[Any]:
    """Every line of the indicators of `owner` and of theirs; the line of an operation on lines is itself."""
    for indicator in getattr(owner, "_lineiterators", {}).get(bt.LineIterator.IndType, ()):
        yield from indicator.lines
        yield from _below(indicator)


class PriceFeed(bt.feed.DataBase):
    """One symbol of `prices`, from row `start` (or its listing) to the last row.

    `prices` stays at hand for readings, whose history reaches back before `start`. `moments` are all its sessions in
    Backtrader's count of days, a list of length n_sessions that the feeds share.
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
        # Made as what they are: an object that changes its class loses its fast attributes.
        for place, alias in enumerate(self.getlinealiases()):
            if alias in FIELDS:
                self.lines.lines[place] = _blinded(LineBuffer)()
        self._pointers = [getattr(self.lines, alias) for alias in self.getlinealiases()]
        # Found here, a line need not be looked up through LineSeries.__getattr__ on every access.
        self.open, self.high, self.low, self.close = (getattr(self.lines, name) for name in FIELDS[:4])
        self.volume, self.datetime = self.lines.volume, self.lines.datetime

    def __len__(self) -> int:
        return int(self._pointers[0].lencount)

    def advance_peek(self) -> float:
        """The moment of the next bar, infinity after the last."""
        place = self._first + self._pointers[0].lencount
        return self._moments[place] if place < len(self._moments) else float("inf")

    def advance(self, size: int = 1, datamaster: object = None, ticks: bool = True) -> None:
        """Move on by `size` bars; the lines are unbounded, so their indexes need no check."""
        for line in self._pointers:
            line._idx += size
            line.lencount += size

    def preload(self) -> None:
        for alias, values in self.bars.items():
            line = getattr(self.lines, alias)
            line.array = array("d", np.ascontiguousarray(values).tobytes())
            line.idx, line.lencount = len(values) - 1, len(values)
        self._loaded = self.count
        self.bars = {}  # the lines have them now
        self.home()

    def _load(self) -> bool:
        if self._loaded == self.count:
            return False
        for alias, values in self.bars.items():
            getattr(self.lines, alias)[0] = values[self._loaded]
        self._loaded += 1
        return True

    # The broker takes a bar's own prices where no tick says otherwise.
    tick_open = tick_high = tick_low = tick_close = tick_volume = tick_openinterest = tick_last = None

    def _tick_nullify(self) -> None: ...

    def _tick_fill(self, force: bool = False) -> None: ...


def price_feeds(prices: Prices, start: int) -> list[Any]:
    """One feed a symbol in the order of `prices.symbols`; without bars where it is listed later."""
    make: Any = PriceFeed  # Backtrader's metaclass turns the parameters into keywords
    shared = {
        "prices": prices,
        "start": start,
        "moments": (prices.days.astype(np.int64) + float(ORDINAL_1970)).tolist(),
    }
    return [make(**shared, column=column, name=symbol) for symbol, column in prices.columns.items()]
