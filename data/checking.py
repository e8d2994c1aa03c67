"""All checks of one symbol from one source: what a run uses must pass, what it does not use is only noted."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from data import quality
from data.date_window import DateWindow
from data.line_numbers import select_rows
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
    fault = find_fault(symbol, bars, real)
    if fault is None:
        return _passed(symbol, bars, window.since(needed_from), real)
    used = select_rows(bars, window.holds(bars.index))
    if used.empty:
        raise fault_error(symbol, bars, fault)
    inside = fault if len(used) == len(bars) else find_fault(symbol, used, real)
    if inside is None:
        checked = _passed(symbol, used, window.since(needed_from), real)
        notice = f"Outside the window, and not used: {describe_fault(symbol, bars, fault)}"
        return replace(checked, notices=(PriceNotice(symbol, notice, quiet=True), *checked.notices))
    last = last_fault(symbol, used, real)
    remedy = _later_start(used, last)
    if needed_from is None or last.bars.empty or last.bars.index[0] > needed_from:
        needed = select_rows(used, window.since(needed_from).holds(used.index))
        blocking = find_fault(symbol, needed, real) or last.fault if needed_from is not None else inside
        raise fault_error(symbol, used, blocking, remedy)
    checked = _passed(symbol, last.bars, window.since(needed_from), real)
    begin = last.bars.index[0]
    notice = f"{symbol}: rows before {begin:%Y-%m-%d} have faults, and the run does not use them: "
    return replace(
        checked,
        notices=(PriceNotice(symbol, notice + describe_fault(symbol, used, inside), quiet=True), *checked.notices),
        left_out=str(fault_error(symbol, used, last.fault, remedy)),
    )


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
    faults = [find_fault(symbol, since(clean - 1), real), _known_fault(symbol, bars.sort_index(), real)]
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
