"""Prices from Yahoo with a cache. Raw bars, dividends and splits are stored; adjusted closes are computed from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from data import clock
from data.adjustment import adjusted_close, check_adjustment
from data.calendar import calendar_index, xnys
from data.checking import find_fault
from data.errors import DataError, RequestError, SourceError
from data.price_fault import with_remedy
from data.sources.cache import COLUMNS, Cache, CacheEntry

if TYPE_CHECKING:
    from data.sources.downloader import Downloader

# Enough history for all rules, events and placebos of the readings.
HISTORY = pd.Timestamp("2019-05-01")
# Sessions fetched again with each update, to detect whether Yahoo has restated cached bars.
OVERLAP = 10
# Relative. A restatement moves prices by at least a cent; two downloads of a bar differ only in the seventh digit.
SAME = 1e-5
# Sessions by which a symbol may lag behind the others because Yahoo publishes late.
LATE = 2
# The bar of a session is final this long after midnight in New York: half an hour after the close.
FINAL = pd.Timedelta(hours=16, minutes=30)


@dataclass(frozen=True)
class Span:
    """Sessions that the cache must hold, from `first` to at least `needed`; downloads go on to `final`."""

    first: pd.Timestamp
    needed: pd.Timestamp
    final: pd.Timestamp

    @classmethod
    def of(cls, start: str | pd.Timestamp | None, end: str | pd.Timestamp | None, now: pd.Timestamp) -> Span:
        """The span of a request for `start` to `end` made at `now`. Raises SourceError if the clock is wrong."""
        final = last_session(now)
        first = HISTORY if start is None else min(HISTORY, pd.Timestamp(start))
        if final < HISTORY:
            raise SourceError(
                f"the clock of this computer says {now:%Y-%m-%d}, before any price to download: set it right, or "
                f"use --source sample or --source DIR"
            )
        return cls(first, final if end is None else min(final, _session_by(pd.Timestamp(end))), final)

    def begun_by(self, entry: CacheEntry) -> bool:
        """Whether `entry` was fetched from `first` or earlier."""
        return entry.start <= self.first


@dataclass(eq=False)
class YahooSource:
    """Daily bars from Yahoo through yfinance, downloaded only if they are not cached.

    Missing sessions are fetched with some overlap. If the overlap disagrees (a later split, an added dividend), the
    whole history of the symbol is fetched. If Yahoo fails or has less than before, or the cache cannot be written, the
    cached bars are used, provided the cache has every symbol, and `notes` says so.

    With `refresh` whole histories are fetched, and such a failure is an error. With `shorter` too, a shorter history
    from Yahoo replaces the cached one, and `notes` says so. Bars that fail a check are never cached. With `cached_only`
    nothing is fetched, and a symbol that is not cached from the first session on counts as unknown. `now` is the clock,
    in any time zone.
    """

    cache: Cache = field(default_factory=Cache)
    refresh: bool = False
    shorter: bool = False
    cached_only: bool = False
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
        """One frame per symbol: Open High Low Close (USD, split-adjusted), Adj Close, Volume, Dividends, Stock Splits.

        Bars begin at HISTORY, at an earlier `start`, or at the listing, and end at the last completed session or at
        `end` (included; a symbol listed after `end` is returned whole). NaN marks values missing at Yahoo. Raises
        SourceError if Yahoo fails and the cache is not enough, RequestError for a symbol unknown to Yahoo, and
        DataError if Yahoo's adjusted prices contradict its dividends.
        """
        self.notes, self._stale = (), False
        span = Span.of(start, end, self.now())
        entries = self._entries(tuple(dict.fromkeys(symbols)), span)
        last = min(span.needed, self._common_last(entries))
        self.origin = f"Yahoo through yfinance, to {last:%Y-%m-%d}"
        return {symbol: _adjusted(symbol, entry.until(last)) for symbol, entry in entries.items()}

    def _entries(self, symbols: tuple[str, ...], span: Span) -> dict[str, CacheEntry]:
        entries = self._cached(symbols)
        if self.cached_only:
            return self._require_cached(symbols, entries, span)
        if not self._missing(symbols, entries, span):
            return entries
        try:
            with self.cache.locked():
                # Another process may have fetched them in the meantime.
                entries = self._cached(symbols)
                self._update(self._missing(symbols, entries, span), entries, span)
        except SourceError as error:
            self._fall_back(symbols, entries, span, error)
        return {symbol: entries[symbol] for symbol in symbols}

    def _require_cached(
        self, symbols: tuple[str, ...], entries: dict[str, CacheEntry], span: Span
    ) -> dict[str, CacheEntry]:
        if absent := [symbol for symbol in symbols if symbol not in entries or not span.begun_by(entries[symbol])]:
            raise RequestError(
                f"no cached prices of {absent[0]} from {span.first:%Y-%m-%d} on; fetch them with "
                f"python -m runners.prices {absent[0]} --source yahoo --start {span.first:%Y-%m-%d}"
            )
        return entries

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
        """Fetch `symbols` into `entries`, caching each at once so that a failure loses nothing.

        Bars that fail a check are returned, so that the fault is reported, but not cached.
        """
        if not symbols:
            return
        downloader = self._connected()
        for symbol in symbols:
            cached = entries.get(symbol)
            entries[symbol] = self._fetch(downloader, symbol, cached, span)
            if _passes(symbol, entries[symbol]):
                self.cache.write(symbol, entries[symbol])
                losses = () if cached is None else _losses(symbol, cached, entries[symbol])
                self.notes = (*self.notes, *(f"{loss}: replaced, as requested" for loss in losses))

    def _connected(self) -> Downloader:
        if self.downloader is None:
            from data.sources.downloader import Downloader

            self.downloader = Downloader(self.cache.root / "yfinance")
        self.downloader.reach()
        return self.downloader

    def _fetch(self, downloader: Downloader, symbol: str, entry: CacheEntry | None, span: Span) -> CacheEntry:
        if entry is None:
            return _fetch_whole(downloader, symbol, span.first, span.final)
        final = max(span.final, entry.last)  # cached sessions were complete, whatever the clock says now
        start = min(span.first, entry.start)
        if self.refresh and self.shorter:
            return _fetch_whole(downloader, symbol, start, final)
        extended = _extend(downloader, symbol, entry, final) if span.begun_by(entry) and not self.refresh else None
        return extended or _fetch_again(downloader, symbol, entry, start, final)

    def _fall_back(
        self, symbols: tuple[str, ...], entries: dict[str, CacheEntry], span: Span, error: SourceError
    ) -> None:
        """Accept the cached bars if the cache has every symbol from the first session on; else raise `error`."""
        if self.refresh or not all(symbol in entries and span.begun_by(entries[symbol]) for symbol in symbols):
            raise SourceError("; ".join((*self._damaged, str(error)))) from error
        self._stale = True
        oldest = min(entry.last for entry in entries.values())
        self.notes = (*self.notes, f"cached prices, to {oldest:%Y-%m-%d}: {str(error).rpartition(': ')[0]}")

    def _common_last(self, entries: dict[str, CacheEntry]) -> pd.Timestamp:
        """The last session of all symbols if they differ by little (Yahoo publishes late) or the cache is stale.

        Otherwise the last session of any: a symbol that lags further is left for the quality check to report.
        """
        lasts = [entry.last for entry in entries.values()]
        behind = calendar_index(max(lasts)) - calendar_index(min(lasts))
        return min(lasts) if self._stale or behind <= LATE else max(lasts)


def last_session(now: pd.Timestamp) -> pd.Timestamp:
    """The last session whose bar is final at `now` (with a time zone)."""
    york = now.tz_convert("America/New_York").tz_localize(None)
    return _session_by((york - FINAL).normalize())


def _session_by(date: pd.Timestamp) -> pd.Timestamp:
    days = xnys()
    return pd.Timestamp(days[max(int(days.searchsorted(date, side="right")) - 1, 0)])


def _adjusted(symbol: str, bars: pd.DataFrame) -> pd.DataFrame:
    adjusted = bars.assign(**{"Adj Close": adjusted_close(bars)})
    again = f"fetch it again with python -m runners.prices {symbol} --source yahoo --refresh"
    return with_remedy(adjusted, f"{again}, or give a file of your own with --source DIR")


def _fetch_whole(downloader: Downloader, symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> CacheEntry:
    bars = downloader.history(symbol, start, end)
    if bars.empty:
        raise RequestError(
            f"Yahoo has no prices for {symbol!r} up to {end:%Y-%m-%d}: unknown or delisted; check the symbol"
        )
    check_adjustment(symbol, bars)
    return CacheEntry(start, bars)


def _fetch_again(
    downloader: Downloader, symbol: str, entry: CacheEntry, start: pd.Timestamp, end: pd.Timestamp
) -> CacheEntry:
    """Fetch the whole history of a cached symbol. Raises SourceError if Yahoo now has less of it."""
    try:
        whole = _fetch_whole(downloader, symbol, start, end)
    except RequestError:
        raise SourceError(
            f"Yahoo no longer has prices for {symbol} (delisted, or Yahoo fails); the cache has them to "
            f"{entry.last:%Y-%m-%d}: try later, or stop there with --end {entry.last:%Y-%m-%d}"
        ) from None
    for loss in _losses(symbol, entry, whole):
        raise SourceError(
            f"{loss}: try later, or accept what it has with python -m runners.prices {symbol} --source yahoo --refresh"
        )
    return whole


def _losses(symbol: str, entry: CacheEntry, whole: CacheEntry) -> Iterator[str]:
    """Sessions of a symbol that are cached but missing from a new download, in words."""
    new_first, cached_first = whole.bars.index[0], entry.bars.index[0]
    if new_first > cached_first:
        yield (
            f"Yahoo left out the prices of {symbol} before {new_first:%Y-%m-%d}; the cache has them from "
            f"{cached_first:%Y-%m-%d}"
        )
    if whole.last < entry.last:
        yield (
            f"Yahoo left out the prices of {symbol} after {whole.last:%Y-%m-%d}; the cache has them to "
            f"{entry.last:%Y-%m-%d}"
        )


def _passes(symbol: str, entry: CacheEntry) -> bool:
    return find_fault(symbol, _adjusted(symbol, entry.bars), real=True) is None


def _extend(downloader: Downloader, symbol: str, entry: CacheEntry, end: pd.Timestamp) -> CacheEntry | None:
    """`entry` extended to `end`, or None if Yahoo has restated the cached bars."""
    overlap = entry.bars.iloc[-OVERLAP:]
    fresh = downloader.history(symbol, overlap.index[0], end)
    if not _agree(overlap, fresh):
        return None
    check_adjustment(symbol, fresh)
    return CacheEntry(entry.start, pd.concat([entry.bars.iloc[:-OVERLAP], fresh[list(COLUMNS)]]))


def _agree(cached: pd.DataFrame, fresh: pd.DataFrame) -> bool:
    """Whether a new download repeats the cached sessions with equal prices, dividends and splits."""
    if not cached.index.isin(fresh.index).all():
        return False
    columns = ["Open", "High", "Low", "Close", "Dividends", "Stock Splits"]
    repeated = fresh.loc[cached.index, columns].to_numpy(dtype=float)
    return bool(np.allclose(cached[columns].to_numpy(), repeated, rtol=SAME, atol=0, equal_nan=True))
