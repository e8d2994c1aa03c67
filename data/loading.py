"""From the bars of a source to `Prices`: validated, aligned to the exchange's sessions, cut to a window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike

import numpy as np
import pandas as pd

from data import calendar, clock
from data.checking import CheckedBars, check_symbol
from data.date_window import DateWindow
from data.errors import DataError, RequestError
from data.histories import Histories
from data.histories_cache import HistoriesCache
from data.prices import FIELDS, PriceNotice, Prices
from data.sources import open_source
from data.sources.automatic import AutomaticSource
from data.sources.csv_folder import FolderSource
from data.sources.source import Source
from data.universe import SYMBOL

Date = str | pd.Timestamp


def load_checked(
    symbols: Iterable[str],
    start: Date | None,
    end: Date | None,
    source: str | PathLike[str] | Source,
    needed_from: pd.Timestamp | None = None,
    now: Callable[[], pd.Timestamp] = clock.now,
) -> Prices:
    """The implementation of `data.load_prices`; `now` is the clock, in any time zone."""
    requested = _symbols(symbols)
    first, last = _date("--start", start), _date("--end", end)
    window = _window(first, last)
    opened = open_source(source) if isinstance(source, str | PathLike) else source
    frames = opened.bars(requested, first, last)
    checked = [check_symbol(symbol, frames[symbol], window, opened.real, needed_from) for symbol in requested]
    real = opened.real and all(each.real for each in checked)
    prices = align_bars({each.symbol: each.bars for each in checked}, window, opened.origin, real)
    notices = (notice for each in checked for notice in each.notices)
    left_out = {each.symbol: each.left_out for each in checked if each.left_out}
    return replace(prices, notices=(*_future_notice(window, prices, now), *notices), left_out=left_out)


def _future_notice(window: DateWindow, prices: Prices, now: Callable[[], pd.Timestamp]) -> tuple[PriceNotice, ...]:
    last = window.last
    if last is None or last <= now().tz_convert("America/New_York").tz_localize(None):
        return ()
    text = f"--end {last:%Y-%m-%d} lies in the future; prices end on {prices.sessions[-1]:%Y-%m-%d}"
    return (PriceNotice("", text),)


def load_histories(
    symbols: Iterable[str],
    start: Date | None = None,
    end: Date | None = None,
    source: str | PathLike[str] | Source = "auto",
    done: Callable[[str], None] = lambda symbol: None,
) -> Histories:
    """Load symbols that need not end together, and leave out those that the source does not have.

    `done` is called with each symbol. Raises RequestError if the source has none of them; see `data.load_prices` for
    the arguments and other errors.
    """
    requested, window = _symbols(symbols), _window(_date("--start", start), _date("--end", end))
    opened = open_source(source) if isinstance(source, str | PathLike) else source
    if not isinstance(opened, FolderSource):
        return _read_histories(requested, window, opened, done)
    kept = HistoriesCache.of(((symbol, opened.file(symbol)) for symbol in requested), window.text, opened.origin)
    histories = kept.read()
    if histories is None:
        histories = _read_histories(requested, window, opened, done)
        kept.write(histories)
    return histories


def _read_histories(
    symbols: Sequence[str], window: DateWindow, source: Source, done: Callable[[str], None]
) -> Histories:
    checked, missing, refusal = list[CheckedBars](), list[str](), RequestError("")
    for symbol in symbols:
        try:
            frame = source.bars((symbol,), window.first, window.last)[symbol]
        except RequestError as error:
            refusal = error
            missing.append(symbol)
        else:
            each = check_symbol(symbol, frame, window, source.real)
            if window.holds(each.bars.index).any():
                checked.append(each)
            else:
                missing.append(symbol)
        if isinstance(source, AutomaticSource):
            source = source.chosen  # histories of one source are not continued with those of another
        done(symbol)
    if not checked:
        raise refusal
    bars = {each.symbol: each.bars for each in checked}
    prices = _on_sessions(bars, window, _last_session(bars, window.last), source.origin)
    real = source.real and all(each.real for each in checked)
    notices = tuple(notice for each in checked for notice in each.notices)
    return Histories(replace(prices, real=real, notices=notices), tuple(missing))


def align_bars(bars: Mapping[str, pd.DataFrame], window: DateWindow, origin: str, real: bool) -> Prices:
    """Align validated bars on the sessions of `window` that they cover.

    NaN before a symbol's first bar. Raises DataError if one symbol ends before the others, and RequestError if no
    session is left.
    """
    return replace(_on_sessions(bars, window, _common_end(bars, window.last), origin), real=real)


def _on_sessions(bars: Mapping[str, pd.DataFrame], window: DateWindow, final: pd.Timestamp, origin: str) -> Prices:
    """Bars on the sessions of `window` up to `final`; NaN where a symbol has none."""
    begin = min(frame.index[0] for frame in bars.values())
    sessions = calendar.sessions_between(begin if window.first is None else max(begin, window.first), final)
    if sessions.empty:
        covered = f"{begin:%Y-%m-%d} to {max(frame.index[-1] for frame in bars.values()):%Y-%m-%d}"
        raise RequestError(f"no prices in the window {window.text}: {origin} has them from {covered}")
    grid = [frame.reindex(sessions) for frame in bars.values()]
    columns = {name: np.column_stack([frame[name.title()] for frame in grid]) for name in FIELDS}
    adjusted = np.column_stack([frame["Adj Close"] for frame in grid])
    columns["factor"] = adjusted / columns["close"]
    return Prices(sessions, tuple(bars), **columns, origin=origin, real=True, notices=(), left_out={})


def _last_session(bars: Mapping[str, pd.DataFrame], last: pd.Timestamp | None) -> pd.Timestamp:
    """The last session of any symbol, at most `last`."""
    longest = max(pd.Timestamp(frame.index[-1]) for frame in bars.values())
    return longest if last is None else min(longest, last)


def _common_end(bars: Mapping[str, pd.DataFrame], last: pd.Timestamp | None) -> pd.Timestamp:
    """The last session of all symbols, at most `last`. Raises DataError if one symbol ends before another."""
    ends = {symbol: pd.Timestamp(frame.index[-1]) for symbol, frame in bars.items()}
    longest = max(ends, key=lambda symbol: ends[symbol])
    final = ends[longest] if last is None else min(ends[longest], last)
    # Compared by session: for a `last` on a Sunday, prices to Friday are enough.
    target = calendar.calendar_index(final + pd.Timedelta(days=1))
    for symbol, end in ends.items():
        if calendar.calendar_index(end + pd.Timedelta(days=1)) < target:
            raise DataError(
                f"{symbol} ends on {end:%Y-%m-%d} but {longest} on {ends[longest]:%Y-%m-%d}: "
                f"refresh the prices of {symbol}, or stop there with --end {end:%Y-%m-%d}"
            )
    return final


def _symbols(symbols: Iterable[str]) -> tuple[str, ...]:
    distinct = tuple(dict.fromkeys([symbols] if isinstance(symbols, str) else symbols))
    if not distinct:
        raise RequestError("no symbols given; name at least one, for example SPY")
    for symbol in distinct:
        if not SYMBOL.fullmatch(symbol):
            raise RequestError(f"{symbol!r} is not a symbol; write it as Yahoo does, for example NVDA, BRK-B or ^GSPC")
    return distinct


def _date(option: str, date: Date | None) -> pd.Timestamp | None:
    if date is None:
        return None
    try:
        day = pd.Timestamp(pd.to_datetime(date, format="%Y-%m-%d") if isinstance(date, str) else date)
    except ValueError:
        raise RequestError(f"{option} {date!r} is not a date; write YYYY-MM-DD, for example 2025-01-31") from None
    if pd.isna(day) or day.tzinfo is not None:
        raise RequestError(f"{option} {date!r} is not a plain date; give one without a time zone")
    return day.normalize()


def _window(first: pd.Timestamp | None, last: pd.Timestamp | None) -> DateWindow:
    """The window of a request. Raises RequestError if it holds no session."""
    if first is None or last is None:
        return DateWindow(first, last)
    if first > last:
        raise RequestError(f"--start {first:%Y-%m-%d} comes after --end {last:%Y-%m-%d}; swap them")
    window = DateWindow(first, last)
    if calendar.sessions_between(first, last).empty:
        raise RequestError(f"the exchange is closed on every day {window.text}; choose a longer window")
    return window
