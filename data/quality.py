"""Quality checks that prices must pass before anything is computed from them.

Each check takes the bars of one symbol (columns as in `data.sources.source.Source.bars`) and returns the first fault,
or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data import calendar, line_numbers
from data.adjustment import check_adjustment
from data.errors import DataError

PRICES = ("Open", "High", "Low", "Close", "Adj Close")
AGAIN = "download this symbol again or take it from another source"
# A listed split of 1 marks a large move as real; no source lists a split of one to one.
REAL_MOVE = 1.0
CONFIRM = "if the move is real, add a column Stock Splits with 1 that day and 0 on all others"
DIVIDE = f"divide all earlier prices by the ratio; {CONFIRM}"
# Smallest and largest valid value of each column, both included, and the complaint about others. Real prices lie far
# inside, and results computed from such values stay finite.
LIMITS: Mapping[str, tuple[float, float, str]] = {
    **dict.fromkeys(PRICES, (1e-9, 1e12, "is not a price")),
    "Volume": (0.0, 1e15, "is not a number of shares"),
    "Dividends": (0.0, 1e12, "is not a dividend"),
    "Stock Splits": (0.0, 1e6, "is not the ratio of a split"),
}
# Relative: prices computed from other prices differ in the last digit.
ROUNDING = 1e-6
# Relative: Yahoo rounds adjusted closes to about six digits.
ADJUSTMENT_NOISE = 1e-5
# An unadjusted split shows as a gap at the open that lies within this share of a whole number ...
AT_OPEN = 0.10
# ... and that the close does not undo (TSLA rose by 13 % on the day of its split in 2020).
BY_CLOSE = 0.20
# A smaller listed ratio (a stock dividend of 5 %, say) cannot be distinguished from a day's ordinary move.
SMALLEST_SPLIT = 1.09
# The largest credible close-to-close move, as a multiple; the largest of 27 January 2025 was 1.4.
LARGEST_MOVE = 10.0
# Bars of Treasury-bill funds, the calmest securities, repeat for up to 5 sessions.
STALE = 10


class PriceFault(NamedTuple):
    """A fault in prices: where it is, what is wrong, and the remedy."""

    session: pd.Timestamp
    field: str
    problem: str
    remedy: str = AGAIN


def check_bars(symbol: str, bars: pd.DataFrame) -> None:
    """Raise DataError for the first check that the bars of `symbol` fail."""
    for check in CHECKS:
        if fault := check(bars):
            where = line_numbers.line_note(bars, fault.session)
            raise DataError(
                f"{symbol} on {fault.session:%Y-%m-%d}, {fault.field}: {fault.problem}{where}; {fault.remedy}"
            )
    if "Dividends" in bars:
        check_adjustment(symbol, bars)


def check_order(bars: pd.DataFrame) -> PriceFault | None:
    """Dates increase, without duplicates."""
    dates = bars.index.to_numpy()
    row = _first(dates[1:] <= dates[:-1])
    if row is None:
        return None
    before, after = bars.index[row], bars.index[row + 1]
    if before == after:
        return PriceFault(after, "Date", "the date occurs twice", "keep one of the two rows")
    return PriceFault(after, "Date", f"it follows {before:%Y-%m-%d}, which is later", "sort the rows by date")


def check_sessions(bars: pd.DataFrame) -> PriceFault | None:
    """The rows are exactly the sessions of the exchange from the first row to the last.

    Rows before the exchange calendar begins (2000) are not checked, but its first session must follow them.
    """
    older = bars.index < pd.Timestamp(calendar.FIRST)
    dates = bars.index[~older]
    later = _first(dates > calendar.xnys()[-1])
    if later is not None:
        problem = f"it lies after the exchange calendar, which ends on {calendar.xnys()[-1]:%Y-%m-%d}"
        return PriceFault(dates[later], "Date", problem, "remove the row")
    row = calendar.xnys().get_indexer(dates)
    closed = _first(row < 0)
    if closed is not None:
        return PriceFault(dates[closed], "Date", f"the exchange was closed ({dates[closed]:%A})", "remove the row")
    row = np.append(-1, row) if older.any() else row
    gap = _first(np.diff(row) > 1)
    if gap is None:
        return None
    session, missing = calendar.xnys()[row[gap] + 1], int(row[-1] - row[0]) + 1 - len(row)
    return PriceFault(session, "Date", f"this session has no row ({missing} missing in all)", f"add it, or {AGAIN}")


def check_numbers(bars: pd.DataFrame) -> PriceFault | None:
    """Every number lies within the limits of its column; NaN is allowed only if the whole volume column is NaN."""
    for field, (lowest, highest, complaint) in LIMITS.items():
        if field not in bars or (field == "Volume" and bars[field].isna().all()):
            continue
        values = bars[field].to_numpy(dtype=float)
        row = _first(~((values >= lowest) & (values <= highest)))
        if row is not None:
            return PriceFault(bars.index[row], field, f"{values[row]:g} {complaint}")
    return None


def check_ranges(bars: pd.DataFrame) -> PriceFault | None:
    """Open and close lie between low and high."""
    high, low = (bars[field].to_numpy(dtype=float) for field in ("High", "Low"))
    row = _first(high < low * (1 - ROUNDING))
    if row is not None:
        return PriceFault(bars.index[row], "High", f"{high[row]:g} is below the low of {low[row]:g}")
    for field in ("Open", "Close"):
        values = bars[field].to_numpy(dtype=float)
        row = _first((values > high * (1 + ROUNDING)) | (values < low * (1 - ROUNDING)))
        if row is not None:
            return PriceFault(bars.index[row], field, f"{values[row]:g} lies outside {low[row]:g} to {high[row]:g}")
    return None


def check_jumps(bars: pd.DataFrame) -> PriceFault | None:
    """No move looks like an unadjusted split or a misplaced decimal point.

    Sessions with a listed split are left to `check_splits`; a listed split of 1 marks the move as real.
    """
    opened, closed = _moves(bars)
    at_open, by_close = (np.where(opened > 1, move, 1 / move) for move in (opened, closed))
    whole = np.maximum(np.rint(at_open), 2)
    row = _first(_matches_split(at_open / whole, by_close / whole) & (_listed_splits(bars) == 0))
    if row is not None:
        terms = f"1:{whole[row]:g}" if opened[row] > 1 else f"{whole[row]:g}:1"
        return _jump_fault(bars, row, f"looks like a {terms} split that was not adjusted for", DIVIDE)
    row = _first((np.maximum(closed, 1 / closed) > LARGEST_MOVE) & (_listed_splits(bars) != REAL_MOVE))
    return None if row is None else _jump_fault(bars, row, "is not credible", f"{AGAIN}; {CONFIRM}")


def check_splits(bars: pd.DataFrame) -> PriceFault | None:
    """Prices are adjusted for the splits that the source lists.

    They are not if open and close both lie near the previous close divided by the ratio, and nearer to that than to the
    previous close itself. Ratios below SMALLEST_SPLIT are not checked.
    """
    ratio = np.where(_listed_splits(bars) > 0, _listed_splits(bars), 1.0)
    opened, closed = _moves(bars)
    undivided = _matches_split(opened * ratio, closed * ratio) & _nearer(opened, ratio) & _nearer(closed, ratio)
    row = _first(undivided & (np.maximum(ratio, 1 / ratio) > SMALLEST_SPLIT))
    return (
        None
        if row is None
        else _jump_fault(bars, row, f"was not adjusted for the split of {ratio[row]:g} listed that day", DIVIDE)
    )


def check_adjusted_close(bars: pd.DataFrame) -> PriceFault | None:
    """Adj Close / Close never falls: a dividend can only lower the prices before it."""
    close, adjusted = (bars[field].to_numpy(dtype=float) for field in ("Close", "Adj Close"))
    ratio = adjusted / close
    highest = np.maximum.accumulate(ratio)
    row = _first(ratio < highest * (1 - ADJUSTMENT_NOISE - _rounding_unit(adjusted) / adjusted.min()))
    if row is None:
        return None
    fall = f"from {highest[row]:.6f} to {ratio[row]:.6f}"
    return PriceFault(bars.index[row], "Adj Close", f"its ratio to Close falls {fall}, but dividends can only raise it")


def check_stale(bars: pd.DataFrame) -> PriceFault | None:
    """No bar repeats unchanged for ten sessions."""
    values = bars[["Open", "High", "Low", "Close"]].to_numpy(dtype=float)
    if len(values) < STALE:
        return None
    same = (values[1:] == values[:-1]).all(axis=1)
    row = _first(np.lib.stride_tricks.sliding_window_view(same, STALE - 1).all(axis=1))
    if row is None:
        return None
    problem = f"{values[row, 3]:g} and the rest of the bar repeat for {STALE} sessions or more"
    return PriceFault(bars.index[row], "Close", problem)


CHECKS: tuple[Callable[[pd.DataFrame], PriceFault | None], ...] = (
    *(check_order, check_sessions, check_numbers, check_ranges),
    *(check_jumps, check_splits, check_adjusted_close, check_stale),
)


def _first(mask: Any) -> int | None:
    """The first true row of a mask of shape (n_rows,), or None."""
    return int(np.argmax(mask)) if np.any(mask) else None


def _moves(bars: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Open and close as multiples of the previous close, each of shape (n_sessions - 1,)."""
    opened, close = (bars[field].to_numpy(dtype=float) for field in ("Open", "Close"))
    return opened[1:] / close[:-1], close[1:] / close[:-1]


def _listed_splits(bars: pd.DataFrame) -> np.ndarray:
    """The listed split ratio of each session but the first, 0 if there is none; shape (n_sessions - 1,)."""
    return np.asarray(bars["Stock Splits"], dtype=float)[1:] if "Stock Splits" in bars else np.zeros(len(bars) - 1)


def _matches_split(at_open: np.ndarray, by_close: np.ndarray) -> np.ndarray:
    """Whether moves, divided by the ratio of a split, are close to 1."""
    return np.asarray((np.abs(at_open - 1) < AT_OPEN) & (np.abs(by_close - 1) < BY_CLOSE))


def _nearer(move: np.ndarray, ratio: np.ndarray) -> np.ndarray:
    """Whether moves lie nearer to 1 / `ratio` than to 1."""
    return np.asarray(np.abs(np.log(move * ratio)) < np.abs(np.log(move)))


def _jump_fault(bars: pd.DataFrame, row: int, complaint: str, remedy: str) -> PriceFault:
    before, after = bars["Close"].iloc[row], bars["Close"].iloc[row + 1]
    return PriceFault(bars.index[row + 1], "Close", f"the move from {before:g} to {after:g} {complaint}", remedy)


def _rounding_unit(values: np.ndarray) -> float:
    """The unit to which `values` were rounded if it is a cent or a tenth of a cent, else 0."""
    return next((10.0**-digits for digits in (2, 3) if (np.round(values, digits) == values).all()), 0.0)
