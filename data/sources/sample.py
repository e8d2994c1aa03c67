"""The bundled sample of prices, for machines that cannot reach Yahoo.

3 January 2022 to 30 April 2026. The closes on the pinned dates (`facts/pinned-closes.csv`; its first row is the close
before the sample) are real, everything else is simulated. The bars are the same on every machine and for every request.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache

import numpy as np
import pandas as pd

from data import calendar, fomc
from data.errors import RequestError
from data.pinned import pinned_closes
from data.prices import FIELDS, Prices
from data.synthetic import factor_model, simulator

SEED = 20250127
CENTS = 2

# Symbols that joined later: they are drawn after all others, whose prices thereby stay what they were.
LATER = ("QTEC", "XLK", "AAPL")

# First sessions of stocks listed after the sample begins (NASDAQ); the first pin of ARM is two weeks later.
LISTED = {"ARM": "2023-09-14"}

# Assumed effective annual yields, close to what these funds paid on average; the pins carry no dividends.
YIELDS = {"TLT": 0.035, "IEF": 0.030, "SHY": 0.030, "VNQ": 0.040, "XLU": 0.030}

NOTICE = (
    "real closes on 46 dates, simulated in between; dividends are assumed: BIL earns the middle of the policy range, "
    + ", ".join(f"{symbol} {rate:.1%}" for symbol, rate in YIELDS.items())
    + " a year, the others pay none"
)


@dataclass(frozen=True)
class SampleSource:
    """The symbols of the factor model, all with pinned closes."""

    name: str = "sample"
    origin: str = "bundled sample"
    real: bool = False
    notes: tuple[str, ...] = (NOTICE,)

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> dict[str, pd.DataFrame]:
        """All bars of `symbols`; `start` and `end` are ignored, and ARM begins with its listing."""
        del start, end
        prices = reconstruct_sample()
        if missing := [symbol for symbol in symbols if symbol not in prices.columns]:
            raise RequestError(_missing_message(missing, prices.symbols))
        return {symbol: _frame(prices, symbol) for symbol in symbols}


def _missing_message(missing: Sequence[str], symbols: Sequence[str]) -> str:
    close = {symbol: get_close_matches(symbol.upper(), symbols, n=1) for symbol in missing}
    guesses = [f"{symbol} (did you mean {close[symbol][0]}?)" if close[symbol] else symbol for symbol in missing]
    return (
        f"no prices for {', '.join(guesses)} in the bundled sample, which has {len(symbols)} symbols: "
        "use --source yahoo or --source DIR, a folder of CSV files"
    )


def _frame(prices: Prices, symbol: str) -> pd.DataFrame:
    column = prices.columns[symbol]
    traded = slice(int(prices.listed[column]), None)
    # Six digits, as Yahoo prints them; rounding also hides the last bits, which differ between machines.
    adjusted = np.round(prices.close * prices.factor, 6)
    fields = {"Open": prices.open, "High": prices.high, "Low": prices.low, "Close": prices.close}
    table = {**fields, "Adj Close": adjusted, "Volume": prices.volume}
    columns = {name: values[traded, column] for name, values in table.items()}
    return pd.DataFrame(columns, pd.DatetimeIndex(prices.sessions[traded], name="Date"))


@cache
def reconstruct_sample() -> Prices:
    """Prices of the whole sample; the factor is 1 at the last session."""
    days = calendar.sessions_between(pinned_closes().index[0], pinned_closes().index[-1])
    first = factor_model.sample_model(tuple(symbol for symbol in factor_model.ASSETS if symbol not in LATER))
    later, rng = factor_model.sample_model(LATER), simulator.random_generator(SEED)
    shocks = simulator.draw_shocks(first, len(days) - 1, rng)
    bars = _pinned_bars(first, days, shocks, rng)
    own = simulator.draw_shocks(later, len(days) - 1, rng)
    factors = len(factor_model.FACTORS)
    own[:, :factors] = shocks[:, :factors]
    return _finish(_side_by_side(bars, _pinned_bars(later, days, own, rng)))


def _pinned_bars(
    model: simulator.MarketModel, days: pd.DatetimeIndex, shocks: np.ndarray, rng: np.random.Generator
) -> Prices:
    """Bars after the first of `days` whose closes pass through the pins."""
    returns, deviation = simulator.log_returns(model, shocks)
    path = _pinned_path(model.symbols, days, returns, deviation)
    return simulator.simulate_bars(model, days[1:], path, deviation, rng)


def _side_by_side(one: Prices, other: Prices) -> Prices:
    """The symbols of both, which have the same sessions."""
    opened, high, low, close, volume, factor = (
        np.hstack((getattr(one, name), getattr(other, name))) for name in (*FIELDS, "factor")
    )
    return Prices(one.sessions, (*one.symbols, *other.symbols), opened, high, low, close, volume, factor)


def _pinned_path(
    symbols: tuple[str, ...], days: pd.DatetimeIndex, returns: np.ndarray, deviation: np.ndarray
) -> np.ndarray:
    """Log closes on `days` that pass through the pins, shape (n_days, n_symbols)."""
    start = np.zeros((1, returns.shape[1]))
    path = np.vstack((start, np.cumsum(returns, axis=0)))
    clock = np.vstack((start, np.cumsum(deviation**2, axis=0)))
    targets = pinned_closes().reindex(index=days, columns=list(symbols)).to_numpy()
    return simulator.bridge_to_pins(path, np.log(targets), clock)


def _finish(bars: Prices) -> Prices:
    """`bars` rounded to cents, with dividends, and NaN before a listing."""
    first = np.array([LISTED.get(symbol, bars.sessions[0]) for symbol in bars.symbols], dtype="datetime64[D]")
    is_listed = bars.days[:, None] >= first
    opened, high, low, close = (
        np.where(is_listed, np.round(values, CENTS), np.nan) for values in (bars.open, bars.high, bars.low, bars.close)
    )
    factor = np.where(is_listed, _factors(bars, close), np.nan)
    volume = np.where(is_listed, bars.volume, np.nan)
    return Prices(
        bars.sessions, bars.symbols, opened, high, low, close, volume, factor, origin=SampleSource.origin, real=False
    )


def _factors(bars: Prices, close: np.ndarray) -> np.ndarray:
    """Adjusted close over close, shape (n_sessions, n_symbols): grows with dividends and ends at 1."""
    factor = np.ones(close.shape)
    for symbol, rate in YIELDS.items():
        factor[:, bars.columns[symbol]] = accrued_growth(bars.sessions, np.full(len(close), rate))
    # The real price of BIL accumulates interest and falls when it is paid out; pins lie anywhere in between. So its
    # total return is the accrued interest, and its dividends are the amount by which the price falls behind that.
    bills = bars.columns["BIL"]
    accrued = accrued_growth(bars.sessions, np.mean(fomc.policy_range(bars.sessions), axis=0))
    factor[:, bills] = np.maximum.accumulate(accrued / close[:, bills])
    return np.asarray(factor / factor[-1])


def accrued_growth(sessions: pd.DatetimeIndex, rate: np.ndarray) -> np.ndarray:
    """Value of 1 USD invested at the first session, earning the previous session's `rate` by calendar days.

    `rate`, shape (n_sessions,), is an effective annual rate (365 days), as a fraction.
    """
    days = np.diff(sessions.to_numpy()) / np.timedelta64(1, "D")
    return np.exp(np.concatenate(([0.0], np.cumsum(np.log1p(rate[:-1]) * days / 365))))
