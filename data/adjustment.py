"""Total-return adjustment of closing prices, computed from dividends.

f_T = 1 at the last session T and f_(t-1) = f_t * (1 - D_t / C_(t-1)) before it, where D_t is the cash paid on the
ex-date t and C the split-adjusted close; the adjusted close is C_t * f_t. This is the convention of CRSP and Yahoo.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from data import line_numbers
from data.errors import DataError

# Yahoo rounds its adjusted closes to about six digits. In 47 files from Yahoo, rounding moved the ratio of adjusted to
# raw close by at most 1.3e-6 a session; the smallest dividend (BIL, 2021) was 3.3e-5 of the price.
NOISE = 1e-5
SHARE_OF_DIVIDEND = 0.05


def adjustment_steps(close: np.ndarray, dividends: np.ndarray) -> np.ndarray:
    """1 - D_t / C_(t-1) for every session but the first, shape (n_sessions - 1,)."""
    return np.asarray(1.0 - dividends[1:] / close[:-1])


def adjusted_close(bars: pd.DataFrame) -> pd.Series:
    """Total-return closes (USD, equal to `Close` on the last session) from the columns `Close` and `Dividends`."""
    close = bars["Close"].to_numpy(dtype=float)
    reversed_steps = adjustment_steps(close, bars["Dividends"].to_numpy(dtype=float))[::-1]
    factor = np.append(np.cumprod(reversed_steps)[::-1], 1.0)[-len(close) :]
    return pd.Series(close * factor, index=bars.index, name="Adj Close")


def check_adjustment(symbol: str, bars: pd.DataFrame) -> None:
    """Compare the source's `Adj Close` with its dividends.

    Raises DataError at the first session where they disagree: raw prices that are in fact adjusted, adjusted prices
    that are in fact raw, or a dividend missing on one side. NaN is not compared.
    """
    if len(bars) < 2:
        return
    close, dividends = bars["Close"].to_numpy(dtype=float), bars["Dividends"].to_numpy(dtype=float)
    ratio = bars["Adj Close"].to_numpy(dtype=float) / close
    ours, theirs = adjustment_steps(close, dividends), ratio[:-1] / ratio[1:]
    allowed = NOISE + SHARE_OF_DIVIDEND * dividends[1:] / close[:-1]
    mismatches = np.flatnonzero(np.abs(theirs - ours) > allowed)
    if mismatches.size:
        row = int(mismatches[0]) + 1
        raise DataError(
            f"{symbol} on {bars.index[row]:%Y-%m-%d}: the dividend of {dividends[row]:g} calls for an adjustment of "
            f"{ours[row - 1]:.6f}, but Adj Close was adjusted by {theirs[row - 1]:.6f}"
            f"{line_numbers.line_note(bars, bars.index[row])}; these prices cannot be trusted: download them again "
            "later, or use another source"
        )
