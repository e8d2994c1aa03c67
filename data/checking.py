"""All checks of one symbol from one source: what a run uses must pass, what it does not use is only noted."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from data import quality
from data.date_window import DateWindow
from data.line_numbers import select_rows
from data.pinned import PinnedComparison
from data.price_fault import PriceFault, describe_fault, fault_error
from data.prices import PriceNotice


@dataclass(frozen=True, eq=False)
class CheckedBars:
    """The bars of a symbol without a fault, whether they are its market prices, and what the user must know."""

    symbol: str
    bars: pd.DataFrame = field(repr=False)
    real: bool
    notices: tuple[PriceNotice, ...] = ()


def check_symbol(symbol: str, bars: pd.DataFrame, window: DateWindow, real: bool) -> CheckedBars:
    """Check the bars inside `window`; a fault outside is a notice.

    Only `real` prices are compared with the known closes. Raises DataError for a fault inside.
    """
    fault = find_fault(symbol, bars, real)
    if fault is None:
        return _passed(symbol, bars, window, real)
    used = select_rows(bars, window.holds(bars.index))
    inside = find_fault(symbol, used, real) if 0 < len(used) < len(bars) else fault
    if inside is not None:
        raise fault_error(symbol, used if len(used) else bars, inside, _later_start(symbol, used, real))
    checked = _passed(symbol, used, window, real)
    notice = PriceNotice(symbol, f"Outside the window, and not used: {describe_fault(symbol, bars, fault)}")
    return replace(checked, notices=(notice, *checked.notices))


def find_fault(symbol: str, bars: pd.DataFrame, real: bool) -> PriceFault | None:
    """The first fault of `bars`."""
    fault = quality.first_fault(bars)
    compared = PinnedComparison.of(symbol, bars) if real and fault is None else None
    return fault if compared is None else compared.fault()


def _passed(symbol: str, bars: pd.DataFrame, window: DateWindow, real: bool) -> CheckedBars:
    """Bars without a fault, with the notices about those inside `window`."""
    compared = PinnedComparison.of(symbol, bars) if real else None
    texts = (
        compared.notice() if compared else "",
        _repetition(symbol, bars, window),
    )
    notices = tuple(PriceNotice(symbol, text) for text in texts if text)
    return CheckedBars(symbol, bars, real and not (compared and compared.unrelated), notices)


def _repetition(symbol: str, bars: pd.DataFrame, window: DateWindow) -> str:
    sessions = quality.repeated_bars(bars)
    sessions = sessions[window.holds(sessions)]
    if sessions.empty:
        return ""
    more = f" (and {len(sessions) - 1} more such bars)" if len(sessions) > 1 else ""
    return f"{symbol}: the bar of {sessions[0]:%Y-%m-%d} repeats that of the day before{more}: check that it is no copy"


def _later_start(symbol: str, bars: pd.DataFrame, real: bool) -> str:
    """The remedy to begin after the faults, if most bars are later and pass; else empty.

    A close that differs from a known one does not tell where its fault ends, so it has no such remedy.
    """
    later = bars
    if len(bars) and quality.first_fault(bars.iloc[(len(bars) - 1) // 2 :]) is not None:
        return ""  # the latest start that keeps most bars still has a fault, so each has
    while len(later) > len(bars) / 2:
        fault = quality.first_fault(later)
        if fault is None:
            wrong = find_fault(symbol, later, real)
            return "" if wrong else f"leave the bad rows out with --start {later.index[0]:%Y-%m-%d}"
        later = select_rows(later, np.asarray(later.index > (fault.until or fault.session)))
    return ""
