"""Quality checks that prices must pass before anything is computed from them.

Each check takes the bars of one symbol (columns as in `data.sources.source.Source.bars`) and returns the first fault,
or None. What is unusual but may be true is a notice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from data import calendar
from data.adjustment import check_payments, ratio_bounds
from data.line_numbers import unreadable_cells
from data.price_fault import AGAIN, PriceFault

PRICES = ("Open", "High", "Low", "Close", "Adj Close")
# A listed split of 1 marks a large move as real; no source lists a split of one to one.
REAL_MOVE = 1.0
CONFIRM = "if the move is real, add a column Stock Splits with 1 that day and 0 on all others"
POINT = "write it as 1234.56, or download the file again"
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
# A larger single rise of Adj Close / Close must be explained by a listed payment or by the fall of the price. Seven
# special dividends in 225 files from Yahoo, 2000 to 2026, were larger.
LARGEST_STEP = 0.10
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
# High / Low - 1. Narrower bars repeat by chance: those of Treasury-bill funds do on one day out of ten.
WIDE = 0.002


def first_fault(bars: pd.DataFrame) -> PriceFault | None:
    """The fault of the first check that `bars` fail."""
    return next((fault for check in CHECKS if (fault := check(bars))), None)


def repeated_bars(bars: pd.DataFrame) -> pd.DatetimeIndex:
    """Sessions whose open, high, low and close are those of the session before, though the stock moved.

    A bar without volume is left out, and so is a narrow one unless its volume repeats too.
    """
    rows = np.flatnonzero(_repeats(bars)) + 1
    volume, before = (bars["Volume"].to_numpy(dtype=float)[each] for each in (rows, rows - 1))
    width = bars["High"].to_numpy(dtype=float)[rows] / bars["Low"].to_numpy(dtype=float)[rows] - 1
    telling = (width > WIDE) | ((width > 0) & (volume == before))
    return pd.DatetimeIndex(bars.index[rows[telling & (volume != 0)]])


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
        if field not in bars:
            continue
        texts = unreadable_cells(bars, field)
        if field == "Volume" and not texts and bars[field].isna().all():
            continue
        values = bars[field].to_numpy(dtype=float)
        row = _first(~((values >= lowest) & (values <= highest)))
        if row is not None:
            session = bars.index[row]
            if session in texts:
                return PriceFault(session, field, f"{texts[session]} is not a number", POINT)
            return PriceFault(session, field, f"{values[row]:g} {complaint}")
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
    return _jump(bars, "Close", _moves(bars))


def check_adjusted_jumps(bars: pd.DataFrame) -> PriceFault | None:
    """As `check_jumps`, for prices adjusted for dividends."""
    return _jump(bars, "Adj Close", _adjusted_moves(bars, _moves(bars)))


def _jump(bars: pd.DataFrame, field: str, moves: Moves) -> PriceFault | None:
    """The first move, of `field`, that is not credible."""
    at_open, by_close = (np.where(moves.opened > 1, move, 1 / move) for move in moves)
    whole = np.maximum(np.rint(at_open), 2)
    row = _first(_matches_split(at_open / whole, by_close / whole) & (_listed_splits(bars) == 0))
    if row is not None:
        terms = f"1:{whole[row]:g}" if moves.opened[row] > 1 else f"{whole[row]:g}:1"
        return _jump_fault(bars, row, f"looks like a {terms} split that was not adjusted for", DIVIDE, field)
    largest = np.maximum(moves.closed, 1 / moves.closed)
    row = _first((largest > LARGEST_MOVE) & (_listed_splits(bars) != REAL_MOVE))
    return None if row is None else _jump_fault(bars, row, "is not credible", f"{AGAIN}; {CONFIRM}", field)


def check_splits(bars: pd.DataFrame) -> PriceFault | None:
    """Prices are adjusted for the splits that the source lists.

    They are not if open and close both lie near the previous close divided by the ratio, and nearer to that than to the
    previous close itself. Ratios below SMALLEST_SPLIT are not checked.
    """
    ratio = np.where(_listed_splits(bars) > 0, _listed_splits(bars), 1.0)
    opened, closed = _moves(bars)
    undivided = _matches_split(opened * ratio, closed * ratio)
    undivided &= _smaller(opened * ratio, opened) & _smaller(closed * ratio, closed)
    row = _first(undivided & (np.maximum(ratio, 1 / ratio) > SMALLEST_SPLIT))
    return (
        None
        if row is None
        else _jump_fault(bars, row, f"was not adjusted for the split of {ratio[row]:g} listed that day", DIVIDE)
    )


def check_adjusted_close(bars: pd.DataFrame) -> PriceFault | None:
    """Adj Close / Close never falls, since a dividend can only lower the prices before it, and never exceeds 1."""
    ratio, low, high = ratio_bounds(bars)
    highest = np.maximum.accumulate(low)
    row = _first(high < highest)
    if row is not None:
        fall = f"from {ratio[: row + 1].max():.6f} to {ratio[row]:.6f}"
        problem = f"its ratio to Close falls {fall}, but dividends can only raise it"
        return PriceFault(bars.index[row], "Adj Close", problem)
    row = _first(low > 1)
    if row is None:
        return None
    problem = f"it is {ratio[row]:.6f} times the Close, but dividends can only lower it"
    remedy = f"divide all adjusted closes by {ratio[-1]:.6f}, or {AGAIN}"
    return PriceFault(bars.index[row], "Adj Close", problem, remedy)


def check_steps(bars: pd.DataFrame) -> PriceFault | None:
    """A large rise of Adj Close / Close comes from a payment, listed or seen in a fall of the price.

    It is seen if the payment makes the move of the day, to the open or to the close, smaller. A listed payment is
    believed too if it leaves a move to the open that could be a day's news.
    """
    ratio = _ratio(bars)
    step = ratio[1:] / ratio[:-1]
    if _first(step > 1 + LARGEST_STEP) is None:
        return None
    prices = _moves(bars)
    adjusted = _adjusted_moves(bars, prices)
    seen = _smaller(adjusted.opened, prices.opened) | _smaller(adjusted.closed, prices.closed)
    listed = np.asarray(bars["Dividends"])[1:] > 0 if "Dividends" in bars else np.zeros(len(step), dtype=bool)
    credible = listed & (np.abs(adjusted.opened - 1) < AT_OPEN)
    row = _first((step > 1 + LARGEST_STEP) & ~seen & ~credible)
    if row is None:
        return None
    problem = (
        f"its ratio to Close rises from {ratio[row]:.6f} to {ratio[row + 1]:.6f}, as for a payment of "
        f"{1 - 1 / step[row]:.0%} of the price, but the price moved by {prices.closed[row] - 1:+.1%}"
    )
    return PriceFault(bars.index[row + 1], "Adj Close", problem)


def check_stale(bars: pd.DataFrame) -> PriceFault | None:
    """No bar repeats unchanged for ten sessions."""
    same = _repeats(bars)
    if same.sum() < STALE - 1:
        return None
    row = _first(np.lib.stride_tricks.sliding_window_view(same, STALE - 1).all(axis=1))
    if row is None:
        return None
    length = _first(~same[row:]) or len(same) - row
    problem = f"{bars['Close'].iloc[row]:g} and the rest of the bar repeat for {STALE} sessions or more"
    return PriceFault(bars.index[row], "Close", problem, until=bars.index[row + length])


CHECKS: tuple[Callable[[pd.DataFrame], PriceFault | None], ...] = (
    *(check_order, check_sessions, check_numbers, check_ranges),
    *(check_jumps, check_splits, check_adjusted_jumps, check_adjusted_close, check_payments),
    *(check_steps, check_stale),
)


class Moves(NamedTuple):
    """Open and close as multiples of the previous close, each of shape (n_sessions - 1,)."""

    opened: np.ndarray
    closed: np.ndarray


def _first(mask: Any) -> int | None:
    """The first true row of a mask of shape (n_rows,), or None."""
    return int(np.argmax(mask)) if np.any(mask) else None


def _moves(bars: pd.DataFrame) -> Moves:
    opened, close = (bars[field].to_numpy(dtype=float) for field in ("Open", "Close"))
    return Moves(opened[1:] / close[:-1], close[1:] / close[:-1])


def _adjusted_moves(bars: pd.DataFrame, prices: Moves) -> Moves:
    """The moves of prices adjusted for dividends, from those of the `prices` themselves."""
    ratio = _ratio(bars)
    return Moves(*(move * (ratio[1:] / ratio[:-1]) for move in prices))


def _ratio(bars: pd.DataFrame) -> np.ndarray:
    return np.asarray(bars["Adj Close"].to_numpy(dtype=float) / bars["Close"].to_numpy(dtype=float))


def _smaller(move: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether moves are smaller in size than others."""
    return np.asarray(np.abs(np.log(move)) < np.abs(np.log(other)))


def _repeats(bars: pd.DataFrame) -> np.ndarray:
    """Whether open, high, low and close are those of the session before, for every session but the first."""
    same = np.ones(len(bars) - 1, dtype=bool)
    for field in ("Close", "Open", "High", "Low"):  # the close alone is rarely the same
        if same.any():
            values = bars[field].to_numpy(dtype=float)
            same &= values[1:] == values[:-1]
    return same


def _listed_splits(bars: pd.DataFrame) -> np.ndarray:
    """The listed split ratio of each session but the first, 0 if there is none; shape (n_sessions - 1,)."""
    return np.asarray(bars["Stock Splits"], dtype=float)[1:] if "Stock Splits" in bars else np.zeros(len(bars) - 1)


def _matches_split(at_open: np.ndarray, by_close: np.ndarray) -> np.ndarray:
    """Whether moves, divided by the ratio of a split, are close to 1."""
    return np.asarray((np.abs(at_open - 1) < AT_OPEN) & (np.abs(by_close - 1) < BY_CLOSE))


def _jump_fault(bars: pd.DataFrame, row: int, complaint: str, remedy: str, field: str = "Close") -> PriceFault:
    before, after = bars[field].iloc[row], bars[field].iloc[row + 1]
    return PriceFault(bars.index[row + 1], field, f"the move from {before:g} to {after:g} {complaint}", remedy)
