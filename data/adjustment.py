"""Total-return adjustment of closing prices, computed from payments (dividends and distributed capital gains).

f_T = 1 at the last session T and f_(t-1) = f_t * (1 - D_t / C_(t-1)) before it, where D_t is the cash paid on the
ex-date t and C the split-adjusted close; the adjusted close is C_t * f_t. This is the convention of CRSP and Yahoo.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from data.price_fault import PriceFault, fault_error

# Relative error of Adj Close / Close: Yahoo rounds its adjusted closes to about six digits. In 47 files from Yahoo,
# rounding moved a step of the ratio by at most 1.3e-6; the smallest dividend (BIL, 2021) was 3.3e-5 of the price.
NOISE = 5e-6
SHARE_OF_DIVIDEND = 0.05
# The digits to which prices may be rounded; more do not matter for prices above 0.1 USD.
DIGITS = range(2, 6)
# Price moves tell whether dividends include capital gains if the difference is this many times the usual daily move.
CLEARLY = 2.0
MISTRUST = (
    "these prices cannot be trusted: download them again later (yfinance corrects known mistakes of Yahoo with "
    "repair=True), or use another source"
)


class RatioBounds(NamedTuple):
    """Adj Close / Close of each session and the limits to which rounding may have moved it, shape (n_sessions,)."""

    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray


def ratio_bounds(bars: pd.DataFrame) -> RatioBounds:
    """The adjustment of each session. All checks of adjustments use these limits."""
    close, adjusted = (bars[field].to_numpy(dtype=float) for field in ("Close", "Adj Close"))
    ratio = adjusted / close
    error = ratio * (NOISE + _rounding(close) / close + _rounding(adjusted) / adjusted)
    return RatioBounds(ratio, ratio - error, ratio + error)


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
    """Raise DataError at the first session where `Adj Close` does not fit `Dividends`; see `check_payments`."""
    if fault := check_payments(bars):
        raise fault_error(symbol, bars, fault)


def check_payments(bars: pd.DataFrame) -> PriceFault | None:
    """Compare the source's `Adj Close` with its dividends, if it lists them.

    They disagree if raw prices are in fact adjusted, adjusted prices in fact raw, or a dividend is missing or counted
    twice on one side. NaN is not compared.
    """
    if "Dividends" not in bars or len(bars) < 2:
        return None
    close, dividends = bars["Close"].to_numpy(dtype=float), bars["Dividends"].to_numpy(dtype=float)
    ours, (ratio, low, high) = adjustment_steps(close, dividends), ratio_bounds(bars)
    paid = dividends[1:] > 0
    allowed = np.maximum(SHARE_OF_DIVIDEND * dividends[1:], _rounding(dividends) * paid) / close[:-1]
    mismatches = np.flatnonzero((low[:-1] / high[1:] > ours + allowed) | (high[:-1] / low[1:] < ours - allowed))
    if not mismatches.size:
        return None
    row = int(mismatches[0]) + 1
    problem = (
        f"the dividend of {dividends[row]:g} calls for an adjustment of {ours[row - 1]:.6f}, but Adj Close was "
        f"adjusted by {ratio[row - 1] / ratio[row]:.6f}"
    )
    return PriceFault(bars.index[row], "Dividends", problem, MISTRUST)


def total_payments(bars: pd.DataFrame) -> pd.Series:
    """Cash paid on each ex-date (USD): `Dividends` and `Capital Gains`, each payment once; NaN where one is NaN.

    Yahoo lists some distributions twice: `Dividends` includes the gains that `Capital Gains` lists (and its adjusted
    closes count them twice). The falls of the price on the ex-dates tell which it is; where they are too small to tell,
    the reading that fits `Adj Close` is taken.
    """
    dividends, gains = bars["Dividends"], bars["Capital Gains"]
    both = dividends + gains
    # Dividends smaller than the gains of that day cannot include them.
    twice = np.flatnonzero((gains > 0) & (dividends >= gains))
    twice = twice[twice > 0]
    if not twice.size:
        return both
    once = both.where(~np.isin(np.arange(len(bars)), twice), dividends)
    with np.errstate(all="ignore"):  # closes are not checked yet
        better = _unexplained(bars, both, twice) - _unexplained(bars, once, twice)
        if not abs(better) > CLEARLY * _usual_move(bars, both):
            better = _misfit(bars, both, twice) - _misfit(bars, once, twice)
    return once if better > 0 else both


def _unexplained(bars: pd.DataFrame, payments: pd.Series, rows: np.ndarray) -> float:
    """The sum over `rows` of the size of the total return, as a logarithm."""
    close, paid = bars["Close"].to_numpy(dtype=float), payments.to_numpy(dtype=float)
    left = np.maximum(close[rows - 1] - paid[rows], close[rows - 1] * NOISE)
    return float(np.abs(np.log(close[rows] / left)).sum())


def _misfit(bars: pd.DataFrame, payments: pd.Series, rows: np.ndarray) -> float:
    """The sum over `rows` of the difference between the adjustment of `Adj Close` and that for `payments`."""
    close = bars["Close"].to_numpy(dtype=float)
    ratio, steps = bars["Adj Close"].to_numpy(dtype=float) / close, adjustment_steps(close, payments.to_numpy())
    return float(np.abs(ratio[rows - 1] / ratio[rows] - steps[rows - 1]).sum())


def _usual_move(bars: pd.DataFrame, payments: pd.Series) -> float:
    """The median size of the daily log return on days without payments."""
    moves = np.abs(np.diff(np.log(bars["Close"].to_numpy(dtype=float))))[payments.to_numpy()[1:] == 0]
    return float(np.median(moves)) if moves.size else 0.0


def _rounding(values: np.ndarray) -> float:
    """The largest error of `values` if they are rounded to cents or a few digits more, else 0."""
    for digits in DIGITS:
        if round(float(values[0]), digits) == values[0] and (np.round(values, digits) == values).all():
            return 0.5 * 10.0**-digits
    return 0.0
