"""A Backtrader feed that fills its lines from arrays at once.

Backtrader's pandas feed reads row by row, which takes half of the time of a backtest; most of the other half goes into
moving seven pointers per feed and bar through layers of calls. Here all bars are complete, so nothing is built up tick
by tick, and the pointers are moved directly. The numbers are equal to the last digit.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from typing import Any

import backtrader as bt
import numpy as np
from backtrader.linebuffer import LineBuffer

from data.prices import FIELDS, Prices
from runners.engine.backtest.past_lines import past_only
from strategies.base.reading import ORDINAL_1970


class PriceFeed(bt.feed.DataBase):
    """One symbol of `prices`, from the row given to `begin_at` (or its listing) to the last row.

    Nothing is loaded before `begin_at`, so a strategy sees no prices in its `__init__`. `moments` are the sessions as
    Backtrader day numbers, a list of length n_sessions that the feeds share.
    """

    params: Any = (("source", None), ("moments", ()))

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._first, self._moments = 0, self.p.moments
        self._preloads = False
        self._columns: list[np.ndarray] = []  # bars not loaded yet, by line
        self._bars: Iterator[tuple[float, ...]] = iter(())
        # Created in their final class: an object whose class changes loses its fast attributes.
        for index, alias in enumerate(self.getlinealiases()):
            if alias in FIELDS:
                self.lines.lines[index] = past_only(LineBuffer)()
        self._pointers = [getattr(self.lines, alias) for alias in self.getlinealiases()]
        # As attributes, lines need no lookup through LineSeries.__getattr__ on every access.
        self.open, self.high, self.low, self.close = (getattr(self.lines, name) for name in FIELDS[:4])
        self.volume, self.datetime = self.lines.volume, self.lines.datetime

    def __len__(self) -> int:
        return int(self._pointers[0].lencount)

    def begin_at(self, row: int) -> None:
        """Deliver the bars from `row` of the prices on, or from the symbol's first close if that is later.

        Raises DataError if earlier bars of the symbol were left out for a fault.
        """
        self._first, bars = self.p.source(row)
        self.count = len(bars["close"])
        missing = np.full(self.count, np.nan)
        self._columns = [bars.get(alias, missing) for alias in self.getlinealiases()]
        if self._preloads:
            self._fill()

    def preload(self) -> None:
        """Load all bars at once, now or when it is known where they begin."""
        self._preloads = True
        if self._columns:
            self._fill()

    def _fill(self) -> None:
        for line, values in zip(self._pointers, self._columns, strict=True):
            line.array = array("d", np.ascontiguousarray(values).tobytes())
            line.idx, line.lencount = self.count - 1, self.count
        self._columns = []  # the lines hold them now
        self.home()

    def _load(self) -> bool:
        if self._columns:
            self._bars = iter(zip(*(column.tolist() for column in self._columns), strict=True))
            self._columns = []
        if (bar := next(self._bars, None)) is None:
            return False
        for line, value in zip(self._pointers, bar, strict=True):
            line[0] = value
        return True

    def advance_peek(self) -> float:
        """Day number of the next bar, infinity after the last."""
        index = self._first + self._pointers[0].lencount
        return self._moments[index] if index < len(self._moments) else float("inf")

    def advance(self, size: int = 1, datamaster: object = None, ticks: bool = True) -> None:
        """Move on by `size` bars; lines are unbounded, so indices need no check."""
        for line in self._pointers:
            line._idx += size
            line.lencount += size

    # Without ticks the broker uses the bar's prices.
    tick_open = tick_high = tick_low = tick_close = tick_volume = tick_openinterest = tick_last = None

    def _tick_nullify(self) -> None: ...

    def _tick_fill(self, force: bool = False) -> None: ...


class ReadingFeed(PriceFeed):
    """A feed for readings, whose history starts before its first bar: they find it in `prices`."""

    params: Any = (("prices", None),)

    def __init__(self) -> None:
        super().__init__()
        self.prices: Prices = self.p.prices


def price_feeds(prices: Prices) -> list[Any]:
    """A feed per symbol for a strategy that may know nothing of `prices` but the bars delivered so far.

    In the order of `prices.symbols`. A symbol that is not listed by the end has a feed without bars.
    """
    return _feeds(PriceFeed, prices)


def reading_feeds(prices: Prices, start: int) -> list[Any]:
    """A feed per symbol for a reading, from row `start` of `prices` on."""
    feeds = _feeds(ReadingFeed, prices, {"prices": prices})
    for feed in feeds:
        feed.begin_at(start)
    return feeds


def _feeds(kind: Any, prices: Prices, parameters: Mapping[str, object] = {}) -> list[Any]:
    moments = (prices.days.astype(np.int64) + float(ORDINAL_1970)).tolist()

    def source(column: int) -> Any:
        def bars(row: int) -> tuple[int, dict[str, np.ndarray]]:
            prices.require_kept(prices.symbols[column], row)
            first = max(0, row, int(prices.listed[column]))
            values = {name: getattr(prices, name)[first:, column] for name in FIELDS}
            return first, {**values, "datetime": np.array(moments[first:])}

        return bars

    return [
        kind(source=source(column), moments=moments, name=symbol, **parameters)
        for symbol, column in prices.columns.items()
    ]
