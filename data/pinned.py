"""Known closing prices on 46 dates, and the comparison of a source's closes with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
import pandas as pd

from data.price_fault import PriceFault

# Relative. Known closes are rounded to cents; a wrong file is usually off by more than a day's move.
TOLERANCE = 0.005
# Closes are unrelated to the known ones if the rank correlation of their changes, of which more than ENOUGH, is lower.
RELATED, ENOUGH = 0.5, 5
REMEDY = (
    "download this symbol again, with closes not adjusted for dividends (yfinance: auto_adjust=False), or take it from "
    "another source with --source"
)


@cache
def pinned_closes() -> pd.DataFrame:
    """Real closes (USD, adjusted for splits, not for dividends), dates x symbols; NaN before a listing."""
    with (files("data") / "facts" / "pinned-closes.csv").open() as file:
        closes = pd.read_csv(file, index_col="date", parse_dates=["date"])
    return closes.set_axis(pd.DatetimeIndex(closes.index).as_unit("ns"), axis=0)


@dataclass(frozen=True, eq=False)
class PinnedComparison:
    """The closes of a symbol and the known ones on the days that both have, at least one.

    Later splits and spin-offs multiply all closes of a file by one factor. Any factor is allowed that is the same on
    all days, since it changes no return (and spin-offs give odd ratios).
    """

    symbol: str
    days: pd.Index
    closes: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, symbol: str, bars: pd.DataFrame) -> PinnedComparison | None:
        """None if no known close lies within `bars`, whose sessions are sorted."""
        if symbol not in pinned_closes():
            return None
        known, days = pinned_closes()[symbol].to_numpy(), bars.index.to_numpy()
        rows = np.minimum(days.searchsorted(pinned_closes().index.to_numpy()), len(days) - 1)
        shared = (days[rows] == pinned_closes().index.to_numpy()) & ~np.isnan(known)
        if not shared.any():
            return None
        closes = bars["Close"].to_numpy(dtype=float)[rows[shared]]
        return cls(symbol, pinned_closes().index[shared], closes, known[shared])

    @cached_property
    def ratio(self) -> np.ndarray:
        """The closes as multiples of the known ones."""
        return np.asarray(self.closes / self.known)

    @cached_property
    def factor(self) -> float:
        """1 if that fits on two days, so that a partly damaged file is measured by its good part.

        Otherwise the ratio that most days share.
        """
        candidates = np.append(1.0, self.ratio)
        agreeing = (np.abs(self.ratio / candidates[:, None] - 1) <= TOLERANCE).sum(axis=1)
        return 1.0 if agreeing[0] > 1 else float(candidates[agreeing.argmax()])

    @cached_property
    def wrong(self) -> np.ndarray:
        """Indices of the days on which the factor is another."""
        return np.flatnonzero(np.abs(self.ratio / self.factor - 1) > TOLERANCE)

    @cached_property
    def unrelated(self) -> bool:
        """Whether the closes have nothing to do with the known ones of any symbol, as invented ones have not.

        Damaged files and those of another symbol are related: they are refused.
        """
        if len(self.days) <= ENOUGH or len(self.wrong) <= len(self.days) / 2:
            return False
        moves = pd.DataFrame({"ours": np.diff(np.log(self.closes)), "known": np.diff(np.log(self.known))})
        others = pinned_closes().loc[self.days].to_numpy()
        another = (np.abs(self.closes[:, None] / others - 1) <= TOLERANCE).all(axis=0).any()
        return bool(moves.rank().corr().to_numpy()[0, 1] < RELATED and not another)

    def fault(self) -> PriceFault | None:
        """The first day on which the close is wrong; prices may be wrong until the day before all are right again.

        None if no close is wrong, or if the closes are unrelated.
        """
        if not self.wrong.size or self.unrelated:
            return None
        problem = f"{self._first_wrong()} ({len(self.wrong)} of {len(self.days)} known closes differ)"
        right = self.days[self.wrong[-1] + 1 :]
        until = right[0] - pd.Timedelta(days=1) if len(right) else pd.Timestamp.max
        return PriceFault(self.days[self.wrong[0]], "Close", problem, REMEDY, until)

    def notice(self) -> str:
        """What the user must know about closes without a fault; empty if they equal the known ones."""
        if self.unrelated:
            day = f"{self.days[self.wrong[0]]:%Y-%m-%d}"
            return (
                f"{self.symbol}: these closes are unrelated to the known ones of {self.symbol} (on {day}, "
                f"{self._first_wrong()}), so they are not taken for market prices"
            )
        if self.wrong.size or self.factor == 1:
            return ""
        return (
            f"{self.symbol}: on all known days ({len(self.days)}) the close is {self.factor:.4g} times the known one, "
            "as after a later split or in another unit; this changes no return"
        )

    def _first_wrong(self) -> str:
        row = self.wrong[0]
        scale = "" if self.factor == 1 else f" times {self.factor:.4g}, the factor of most days"
        return f"{self.closes[row]:g} is not the known close of {self.known[row]:g}{scale}"
