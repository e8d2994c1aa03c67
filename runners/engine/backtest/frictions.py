"""Costs of trading and holding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Literal

import numpy as np
import pandas as pd

from data import fomc

BASIS_POINT = 1e-4
CREDIT_SPREAD = 0.0050  # a year: cash earns this much less than the policy range, credit costs this much more
DAYS_A_YEAR = 365

MAX_BPS = 10_000.0  # the whole traded value
MAX_RATE = 100.0  # a year, 10,000 %


@dataclass(frozen=True)
class Frictions:
    """Costs of trading and holding, one-way.

    `commission_bps` and `half_spread_bps` are basis points of |shares| * open. `borrow_rate` is a fraction of the
    market value of shorts a year. `cash_rate` is "policy" (free cash earns the lower bound of the Fed's target range
    less 0.50 percentage points, never below zero; negative cash pays the upper bound plus 0.50) or one fraction a year
    for both. `lag` counts sessions from a decision to its fill, 1 for the next open.
    """

    commission_bps: float = 1.0
    half_spread_bps: float = 2.0
    borrow_rate: float = 0.0030
    cash_rate: Literal["policy"] | float = "policy"
    lag: int = 1

    def __post_init__(self) -> None:
        for name, maximum in (("commission_bps", MAX_BPS), ("half_spread_bps", MAX_BPS), ("borrow_rate", MAX_RATE)):
            self._require_amount(name, getattr(self, name), maximum)
        if self.cash_rate != "policy":
            self._require_amount("cash_rate", self.cash_rate, MAX_RATE)
        if isinstance(self.lag, bool) or not isinstance(self.lag, int) or self.lag < 1:
            raise ValueError(f"lag is {self.lag!r}; give whole sessions, 1 for a fill at the next open")

    @staticmethod
    def _require_amount(name: str, value: object, maximum: float) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
            raise ValueError(f"{name} is {value!r}; give a finite number, 0 or more")
        if value > maximum:
            raise ValueError(f"{name} is {value!r}; give {maximum:g} or less")

    @property
    def commission(self) -> float:
        """Commission as a fraction of the traded value."""
        return self.commission_bps * BASIS_POINT

    @property
    def half_spread(self) -> float:
        """Half-spread as a fraction of the traded value."""
        return self.half_spread_bps * BASIS_POINT

    def cash_rates(self, sessions: pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        """Rates earned on cash and paid on credit: fractions a year, two arrays of shape (n_sessions,)."""
        if self.cash_rate == "policy":
            lower, upper = fomc.policy_range(sessions)
            return np.maximum(lower - CREDIT_SPREAD, 0.0), upper + CREDIT_SPREAD
        rate = np.full(len(sessions), float(self.cash_rate))
        return rate, rate

    def as_dict(self) -> dict[str, object]:
        """The settings by name, for reports."""
        return asdict(self)
