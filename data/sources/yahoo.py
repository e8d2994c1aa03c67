"""Yahoo's prices, kept in a cache: raw bars, dividends and splits are stored, the adjustment is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data import clock, quality
from data.adjustment import adjusted_close, check_adjustment
from data.calendar import calendar_index, xnys
from data.errors import DataError, RequestError, SourceError
from data.sources.cache import COLUMNS, Cache, CacheEntry

if TYPE_CHECKING:
    from data.sources.downloader import Downloader

# Enough history for every rule, event or placebo of the readings.
HISTORY = pd.Timestamp("2019-05-01")
# Sessions fetched again with each update, to see whether Yahoo has restated what we hold.
OVERLAP = 10
# A restatement moves a price by a cent or a split ratio; two downloads of the same bar differ in the seventh digit.
SAME = 1e-5
# Sessions that a symbol may lag behind the others because Yahoo publishes it late.
LATE = 2
# The bar of a session is final this long after midnight in New York: half an hour after the close.
FINAL = pd.Timedelta(hours=16, minutes=30)


@dataclass(frozen=True)
class Span:
    """Sessions to be held: from `first` to at least `needed`; what is fetched is fetched up to `final`."""

    first: pd.Timestamp
    needed: pd.Timestamp
    final: pd.Timestamp

    @classmethod
    def of(cls, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None, now: pd.Timestamp) -> Span:
        """The span of a request for `start` to `end` that is made at `now`. Raises SourceError for a wrong clock."""
        final = last_session(now)
        first = HISTORY if start is None else min(HISTORY, pd.Timestamp(start))
        if final < HISTORY:
            raise SourceError(
                f"the clock of this computer says {now:%Y-%m-%d}, when there was nothing to download: set it right, or "
                f"use --source sample or --source DIR"
            )
        return cls(first, final if end is None else min(final, _session_by(pd.Timestamp(end))), final)

    def begun_by(self, entry: CacheEntry) -> bool:
        """Whether `entry` was fetched from `first` or earlier."""
        return entry.start <= self.first


@dataclass(eq=False)
class YahooSource:
    """Daily bars from Yahoo through yfinance; what is cached is not asked for again.

    Only sessions that are missing are fetched, with some overlap; where the overlap disagrees (a later split, a
    dividend that was added) the symbol is fetched whole. With `refresh` everything is fetched whole. When Yahoo fails,
    or has less than it once had, or the cache takes no more, and the cache knows every symbol, the cache is used and
    `notes` says so; after a refresh it is an error. With `shorter` too, what Yahoo has replaces more that was held, and
    `notes` says so. Bars that fail a check are never kept. `now` is the clock, in any time zone.
    """

    cache: Cache = field(default_factory=Cache)
    refresh: bool = False
    shorter: bool = False
    now: Callable[[], pd.Timestamp] = clock.now
    downloader: Downloader | None = None
    name: str = "yahoo"
    origin: str = "Yahoo through yfinance"
    real: bool = True
    notes: tuple[str, ...] = ()
    _stale: bool = False
    _damaged: list[str] = field(default_factory=list, init=False, repr=False)

    def bars(
        self,
        symbols: Iterable[str],
        start: str | pd.Timestamp | None = None,
        end: str | pd.Timestamp | None = None,
    ) -> dict[str, pd.DataFrame]:
        """One frame a symbol: Open High Low Close (USD, split-adjusted), Adj Close, Volume, Dividends, Stock Splits.

        They begin at HISTORY, at `start` when that is earlier, or at the listing, and end at the last session that is
        over, or at `end` (included; a symbol that was listed later comes whole). NaN is only what Yahoo itself left
        empty. Raises SourceError when Yahoo fails and the cache cannot stand in, RequestError for a symbol that Yahoo
        does not know, and DataError when Yahoo's adjusted prices contradict its dividends.
        """
        self.notes, self._stale = (), False
        span = Span.of(start, end, self.now())
        entries = self._entries(tuple(dict.fromkeys(symbols)), span)
        last = min(span.needed, self._common_last(entries))
        self.origin = f"Yahoo through yfinance, to {last:%Y-%m-%d}"
        return {symbol: _adjusted(entry.until(last)) for symbol, entry in entries.items()}

    def _entries(self, symbols: tuple[str, ...], span: Span) -> dict[str, CacheEntry]:
        entries = self._cached(symbols)
        if not self._missing(symbols, entries, span):
            return entries
        try:
            with self.cache.locked():
                # Another process may have fetched them while we waited.
                entries = self._cached(symbols)
                self._update(self._missing(symbols, entries, span), entries, span)
        except SourceError as error:
            self._stand_in(symbols, entries, span, error)
        return {symbol: entries[symbol] for symbol in symbols}

    def _cached(self, symbols: tuple[str, ...]) -> dict[str, CacheEntry]:
        self._damaged.clear()
        read = {symbol: self._read(symbol) for symbol in symbols}
        self.notes = tuple(f"{damage} and were fetched again" for damage in self._damaged)
        return {symbol: entry for symbol, entry in read.items() if entry is not None}

    def _read(self, symbol: str) -> CacheEntry | None:
        try:
            return self.cache.read(symbol)
        except DataError as error:
            self._damaged.append(str(error).rpartition(": ")[0])
            return None

    def _missing(self, symbols: tuple[str, ...], entries: dict[str, CacheEntry], span: Span) -> list[str]:
        def complete(symbol: str) -> bool:
            entry = entries.get(symbol)
            return entry is not None and span.begun_by(entry) and entry.last >= span.needed

        return [symbol for symbol in symbols if self.refresh or not complete(symbol)]

    def _update(self, symbols: list[str], entries: dict[str, CacheEntry], span: Span) -> None:
        """Fetch `symbols` into `entries`, each stored at once so that a failure loses nothing.

        What fails a check is passed on for its fault to be told, and not stored: the next run asks again.
        """
        if not symbols:
            return
        downloader = self._connected()
        for symbol in symbols:
            before = entries.get(symbol)
            entries[symbol] = self._fetched(downloader, symbol, before, span)
            if _passes(symbol, entries[symbol]):
                self.cache.write(symbol, entries[symbol])
                lost = () if before is None else _less(symbol, before, entries[symbol])
                self.notes = (*self.notes, *(f"{less}: replaced, as was asked" for less in lost))

    def _connected(self) -> Downloader:
        if self.downloader is None:
            from data.sources.downloader import Downloader

            self.downloader = Downloader(self.cache.root / "yfinance")
        self.downloader.reach()
        return self.downloader

    def _fetched(self, downloader: Downloader, symbol: str, entry: CacheEntry | None, span: Span) -> CacheEntry:
        if entry is None:
            return _whole(downloader, symbol, span.first, span.final)
        final = max(span.final, entry.last)  # whatever the clock says, what is held was over
        start = min(span.first, entry.start)
        if self.refresh and self.shorter:
            return _whole(downloader, symbol, start, final)
        longer = _extended(downloader, symbol, entry, final) if span.begun_by(entry) and not self.refresh else None
        return longer or _again(downloader, symbol, entry, start, final)

    def _stand_in(
        self, symbols: tuple[str, ...], entries: dict[str, CacheEntry], span: Span, error: SourceError
    ) -> None:
        """Accept what the cache holds when it holds every symbol from the first session on; else raise `error`."""
        if self.refresh or not all(symbol in entries and span.begun_by(entries[symbol]) for symbol in symbols):
            raise SourceError("; ".join((*self._damaged, str(error)))) from error
        self._stale = True
        oldest = min(entry.last for entry in entries.values())
        self.notes = (*self.notes, f"cached prices, to {oldest:%Y-%m-%d}: {str(error).rpartition(': ')[0]}")

    def _common_last(self, entries: dict[str, CacheEntry]) -> pd.Timestamp:
        """The last session that all hold, where some lag a little (Yahoo publishes some late) or stand in.

        A symbol that lags further is left as it is, for the quality check to name.
        """
        lasts = [entry.last for entry in entries.values()]
        behind = calendar_index(max(lasts)) - calendar_index(min(lasts))
        return min(lasts) if self._stale or behind <= LATE else max(lasts)


def last_session(now: pd.Timestamp) -> pd.Timestamp:
    """The last session whose bar is final at `now` (time-zone aware)."""
    york = now.tz_convert("America/New_York").tz_localize(None)
    return _session_by((york - FINAL).normalize())


def _session_by(date: pd.Timestamp) -> pd.Timestamp:
    days = xnys()
    return pd.Timestamp(days[max(int(days.searchsorted(date, side="right")) - 1, 0)])


def _adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(**{"Adj Close": adjusted_close(bars)})


def _whole(downloader: Downloader, symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> CacheEntry:
    bars = downloader.history(symbol, start, end)
    if bars.empty:
        raise RequestError(
            f"Yahoo has no prices for {symbol!r} by {end:%Y-%m-%d}: unknown or delisted; check the symbol"
        )
    check_adjustment(symbol, bars)
    return CacheEntry(start, bars)


def _again(
    downloader: Downloader, symbol: str, entry: CacheEntry, start: pd.Timestamp, end: pd.Timestamp
) -> CacheEntry:
    """All of a symbol that is held. Raises SourceError where Yahoo knows less of it than before: that is a mood."""
    try:
        whole = _whole(downloader, symbol, start, end)
    except RequestError:
        raise SourceError(
            f"Yahoo has no prices for {symbol} any more (it was delisted, or it fails), of which the cache holds those "
            f"to {entry.last:%Y-%m-%d}: try later, or stop there with --end {entry.last:%Y-%m-%d}"
        ) from None
    for less in _less(symbol, entry, whole):
        raise SourceError(
            f"{less}: try later, or take what it has with python -m runners.prices {symbol} --source yahoo --refresh"
        )
    return whole


def _less(symbol: str, entry: CacheEntry, whole: CacheEntry) -> Iterator[str]:
    """What the cache holds of a symbol that a new answer does not have."""
    begins, before = whole.bars.index[0], entry.bars.index[0]
    if begins > before:
        yield (
            f"Yahoo left out the prices of {symbol} before {begins:%Y-%m-%d}, of which the cache holds those from "
            f"{before:%Y-%m-%d}"
        )
    if whole.last < entry.last:
        yield (
            f"Yahoo left out the prices of {symbol} after {whole.last:%Y-%m-%d}, of which the cache holds those to "
            f"{entry.last:%Y-%m-%d}"
        )


def _passes(symbol: str, entry: CacheEntry) -> bool:
    try:
        quality.check_bars(symbol, _adjusted(entry.bars))
    except DataError:
        return False
    return True


def _extended(downloader: Downloader, symbol: str, entry: CacheEntry, end: pd.Timestamp) -> CacheEntry | None:
    """`entry` with the sessions to `end`, or None when Yahoo has restated what it holds."""
    held = entry.bars.iloc[-OVERLAP:]
    fresh = downloader.history(symbol, held.index[0], end)
    if not _agree(held, fresh):
        return None
    check_adjustment(symbol, fresh)
    return CacheEntry(entry.start, pd.concat([entry.bars.iloc[:-OVERLAP], fresh[list(COLUMNS)]]))


def _agree(held: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether a new answer repeats the sessions that are held, prices, dividends and splits alike."""
    if not held.index.isin(fresh.index).all():
        return False
    columns = ["Open", "High", "Low", "Close", "Dividends", "Stock Splits"]
    again = fresh.loc[held.index, columns].to_numpy(dtype=float)
    return bool(np.allclose(held[columns].to_numpy(), again, rtol=SAME, atol=0, equal_nan=True))
