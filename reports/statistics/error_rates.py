"""Error rates and power of a test in simulated markets: shares with exact intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import floor

import numpy as np

from reports.statistics.bootstrap import LEVEL
from reports.statistics.placebo import POWER, SIZE


@dataclass(frozen=True)
class ErrorRate:
    """`count` of `n` markets."""

    count: int
    n: int

    @property
    def share(self) -> float:
        """The rate as a fraction."""
        return self.count / self.n

    @property
    def bounds(self) -> tuple[float, float]:
        """The exact interval of Clopper & Pearson (1934, Biometrika 26:404) at LEVEL."""
        return _exact_interval(self.count, self.n)

    def as_dict(self) -> dict[str, float]:
        """The rate with its interval, for files."""
        low, high = self.bounds
        return {"count": self.count, "of": self.n, "share": self.share, "low": low, "high": high}


@dataclass(frozen=True)
class PowerPoint:
    """A point of a power curve: the share of markets in which an effect was detected, and the growth of d it caused.

    `gained` is the mean over markets.
    """

    effect: float
    rate: ErrorRate
    gained: float


@cache
def _exact_interval(count: int, n: int) -> tuple[float, float]:
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(LEVEL, "exact")
    return float(interval.low), float(interval.high)


def error_rate(hits: np.ndarray) -> ErrorRate:
    """The rate at which `hits`, booleans of shape (n_markets,), are true."""
    return ErrorRate(int(np.sum(hits)), len(hits))


def detectable_effect(points: Sequence[PowerPoint]) -> float | None:
    """The smallest injected effect that is detected in four of five markets; None if there is none."""
    return next((point.effect for point in points if point.rate.share >= POWER), None)


def attainable_size(placebos: int) -> float:
    """The true size of a test: p moves in steps of 1 / (placebos + 1) and must fall below SIZE."""
    steps = floor(SIZE * (placebos + 1))
    return (steps - (steps == SIZE * (placebos + 1))) / (placebos + 1)
