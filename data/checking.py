"""All checks of one symbol from one source: what a run uses must pass, what it does not use is only noted."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from data import quality
from data.date_window import DateWindow
from data.line_numbers import order_note, select_rows
from data.pinned import REMEDY, PinnedComparison
from data.price_fault import PriceFault, describe_fault, fault_error
from data.prices import PriceNotice


@dataclass(frozen=True, eq=False)
class CheckedBars:
    """The bars of a symbol without a fault, whether they are its market prices, and what the user must know.

    `left_out` is the error for whoever needs earlier bars, where some were left out for a fault; else empty.
    """

    symbol: str
    bars: pd.DataFrame = field(repr=False)
    real: bool
    notices: tuple[PriceNotice, ...] = ()
    left_out: str = ""


@dataclass(frozen=True, eq=False)
class LastFault:
    """The last fault of the bars of a symbol, and the `bars` after it, which have none; empty if there are none."""

    fault: PriceFault
    bars: pd.DataFrame = field(repr=False)


def check_symbol(
    symbol: str, bars: pd.DataFrame, window: DateWindow, real: bool, needed_from: pd.Timestamp | None = None
) -> CheckedBars:
    """Check the bars inside `window`; a fault outside is a notice.

    So is a fault before the session `needed_from`: the bars then begin after the last one. Only `real` prices are
    compared with the known closes. Raises DataError for any other fault inside.
    """
    fault, needed = find_fault(symbol, bars, real), window.since(needed_from)
    if fault is None:
        return _passed(symbol, bars, needed, real)
    used = select_rows(bars, window.holds(bars.index))
    if used.empty:
        raise fault_error(symbol, bars, fault)
    inside = fault if len(used) == len(bars) else find_fault(symbol, used, real)
    if inside is None:
        text = f"Outside the window, and not used: {describe_fault(symbol, bars, fault)}"
        return _with_notice(_passed(symbol, used, needed, real), text)
    last = last_fault(symbol, used, real)
    later = _later_start(used, last)
    if needed_from is None:
        raise fault_error(symbol, used, inside, later)
    error = fault_error(symbol, used, _blocking_fault(symbol, used, needed, real) or last.fault, later)
    if last.bars.empty or last.bars.index[0] > needed_from:
        raise error
    text = (
        f"{symbol}: rows before {last.bars.index[0]:%Y-%m-%d} have faults, and the run does not use them: "
        f"{describe_fault(symbol, used, inside)}"
    )
    return _with_notice(replace(_passed(symbol, last.bars, needed, real), left_out=str(error)), text)


def _blocking_fault(symbol: str, used: pd.DataFrame, needed: DateWindow, real: bool) -> PriceFault | None:
    """The first fault among the bars that are needed."""
    bars = select_rows(used, needed.holds(used.index))
    return None if bars.empty else find_fault(symbol, bars, real)


def _with_notice(checked: CheckedBars, text: str) -> CheckedBars:
    """`checked` with a notice about bars that are not used."""
    return replace(checked, notices=(PriceNotice(checked.symbol, text, quiet=True), *checked.notices))


def find_fault(symbol: str, bars: pd.DataFrame, real: bool) -> PriceFault | None:
    """The first fault of `bars`."""
    return quality.first_fault(bars) or _known_fault(symbol, bars, real)


def _known_fault(symbol: str, bars: pd.DataFrame, real: bool) -> PriceFault | None:
    compared = PinnedComparison.of(symbol, bars) if real else None
    return None if compared is None else compared.fault()


def last_fault(symbol: str, bars: pd.DataFrame, real: bool) -> LastFault:
    """The last fault of `bars`, which have one."""
    days = bars.index.unique().sort_values()

    def since(row: int) -> pd.DataFrame:
        return select_rows(bars, np.asarray(bars.index >= days[row]))

    clean = bisect_left(range(len(days)), True, lo=1, key=lambda row: find_fault(symbol, since(row), real) is None)
    with np.errstate(all="ignore"):  # not all closes are prices
        known = _known_fault(symbol, bars.sort_index(), real)
    faults = [find_fault(symbol, since(clean - 1), real), known]
    ends = [fault.until or fault.session for fault in faults if fault]
    rest = select_rows(bars, np.asarray(bars.index > max(ends)))
    sound = len(rest) and find_fault(symbol, rest, real) is None
    return LastFault(next(fault for fault in faults if fault), rest if sound else rest[:0])


def _passed(symbol: str, bars: pd.DataFrame, window: DateWindow, real: bool) -> CheckedBars:
    """Bars without a fault, with the notices about those inside `window`."""
    compared = PinnedComparison.of(symbol, bars) if real else None
    notices = (
        PriceNotice(symbol, compared.notice() if compared else ""),
        PriceNotice(symbol, _repetition(symbol, bars, window), quiet=True),
        PriceNotice(symbol, order_note(bars), quiet=True),
    )
    told = tuple(notice for notice in notices if notice.text)
    return CheckedBars(symbol, bars, real and not (compared and compared.unrelated), told)


def _repetition(symbol: str, bars: pd.DataFrame, window: DateWindow) -> str:
    sessions = quality.repeated_bars(bars)
    sessions = sessions[window.holds(sessions)]
    if sessions.empty:
        return ""
    more = f" (and {len(sessions) - 1} more such bars)" if len(sessions) > 1 else ""
    return f"{symbol}: the bar of {sessions[0]:%Y-%m-%d} repeats that of the day before{more}: check that it is no copy"


def _later_start(bars: pd.DataFrame, last: LastFault) -> str:
    """The remedy to begin after the faults, if most bars are later; else empty.

    A close that differs from a known one does not tell where its fault ends, so it has no such remedy.
    """
    if len(last.bars) <= len(bars) / 2 or last.fault.remedy == REMEDY:
        return ""
    return f"leave the bad rows out with --start {last.bars.index[0]:%Y-%m-%d}"
