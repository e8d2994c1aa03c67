"""A window of dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data import calendar


@dataclass(frozen=True)
class DateWindow:
    """The days from `first` to `last`, both included; None is no limit."""

    first: pd.Timestamp | None = None
    last: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError(f"a window from {self.first} to {self.last} holds no day")

    def holds(self, days: pd.Index) -> np.ndarray:
        """Whether each of `days` lies inside."""
        inside = np.ones(len(days), dtype=bool)
        if self.first is not None:
            inside &= days >= self.first
        if self.last is not None:
            inside &= days <= self.last
        return inside

    def since(self, day: pd.Timestamp | None) -> DateWindow:
        """The part from `day` on, at least the last day; the whole window for None."""
        if day is None:
            return self
        first = day if self.first is None else max(self.first, day)
        return DateWindow(first if self.last is None else min(first, self.last), self.last)

    @property
    def text(self) -> str:
        """The limits in words, from the first session of the exchange calendar if there is none."""
        limits = {"from": self.first or pd.Timestamp(calendar.FIRST), "to": self.last}
        return " ".join(f"{word} {day:%Y-%m-%d}" for word, day in limits.items() if day is not None)
