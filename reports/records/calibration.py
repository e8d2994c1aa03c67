"""Result of a calibration: error rates and power curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, sqrt
from typing import Any

import numpy as np

from reports.statistics.bootstrap import LEVEL
from reports.statistics.placebo import SIZE

SCHEMA = 1
TESTS = ("timing", "names", "verdict")
SIDES = {"supported": 1, "refuted": -1}
TRUTHS = ("Sharpe ratio", "CAGR", "alpha")
PROMISED = 2 * SIZE  # of all markets, on either side, both tests together
WANTED = 0.8  # share of markets in which an effect counts as found reliably
VAGUE = 2 * PROMISED  # an interval that reaches this far says little


@dataclass(frozen=True)
class ErrorRate:
    """`count` of `n` markets."""

    count: int
    n: int

    @property
    def share(self) -> float:
        """As a fraction."""
        return self.count / self.n

    @property
    def bounds(self) -> tuple[float, float]:
        """The exact interval of Clopper & Pearson (1934, Biometrika 26:404) at LEVEL."""
        from scipy.stats import binomtest

        found = binomtest(self.count, self.n).proportion_ci(LEVEL, "exact")
        return float(found.low), float(found.high)

    def as_dict(self) -> dict[str, float]:
        """For files."""
        low, high = self.bounds
        return {"count": self.count, "of": self.n, "share": self.share, "low": low, "high": high}


def error_rate(hits: Any) -> ErrorRate:
    """How many of `hits`, shape (n_markets,), are true."""
    return ErrorRate(int(np.sum(hits)), len(hits))


@dataclass(frozen=True)
class PowerPoint:
    """A point of a power curve: in how many markets an effect was found, and the mean growth of d that it caused."""

    effect: float
    rate: ErrorRate
    gained: float


@dataclass(frozen=True, eq=False)
class PowerCurve:
    """Effects planted over `sessions` sessions, by market, effect and reading.

    `found` (whether the test called it supported) and `gained` (by how much d grew) have shape
    (n_markets, n_effects, n_readings).
    """

    readings: tuple[str, ...]
    effects: tuple[float, ...]
    sessions: int
    found: np.ndarray
    gained: np.ndarray

    @property
    def markets(self) -> int:
        """In how many they were planted."""
        return len(self.found)

    def points(self, name: str) -> list[PowerPoint]:
        """The curve of one reading."""
        column = self.readings.index(name)
        return [
            PowerPoint(effect, error_rate(self.found[:, row, column]), float(self.gained[:, row, column].mean()))
            for row, effect in enumerate(self.effects)
        ]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What came out of simulated markets.

    `words`, shape (n_markets, len(TESTS), n_readings), is 1 for supported, -1 for refuted, 0 otherwise. `sides`, shape
    (n_resampled, len(TRUTHS)), says where the true figure lies: -1 below its interval, 0 inside, 1 above. `resampled`
    is the name whose returns were resampled, its benchmark, sessions and resamples; `years` the first and last session
    of the longer markets; `notes` say why an effect moves d by less than was planted; `left_out` are readings that
    could not be simulated, `event` is what all of them read.
    """

    readings: tuple[str, ...]
    seed: int
    draws: int
    placebos: int
    words: np.ndarray
    timing: PowerCurve
    names: PowerCurve
    sides: np.ndarray
    resampled: tuple[str, str, int, int]
    years: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    event: str = ""

    @property
    def markets(self) -> int:
        """How many were simulated."""
        return len(self.words)

    def any(self, test: str, side: str) -> ErrorRate:
        """Markets in which a test says so of any reading."""
        return error_rate(self._said(test, side).any(axis=1))

    def each(self, test: str, side: str) -> dict[str, ErrorRate]:
        """The same of every reading that has the test."""
        said = self._said(test, side)
        held = self.names.readings if test == "names" else self.readings
        return {name: error_rate(said[:, self.readings.index(name)]) for name in held}

    def power(self, test: str) -> dict[str, list[PowerPoint]]:
        """The power curve of every reading that has the test; its first point is that of no effect, in all markets."""
        planted = self.timing if test == "timing" else self.names
        none = self.each(test, "supported")
        return {name: [PowerPoint(0.0, none[name], 0.0), *planted.points(name)] for name in planted.readings}

    @property
    def covered(self) -> dict[str, ErrorRate]:
        """Markets in which an interval holds the true figure."""
        return {name: error_rate(self.sides[:, column] == 0) for column, name in enumerate(TRUTHS)}

    def missed(self, name: str) -> tuple[int, int]:
        """Markets in which the true figure lies below its interval, and above it."""
        found = self.sides[:, TRUTHS.index(name)]
        return int(np.sum(found < 0)), int(np.sum(found > 0))

    @property
    def holds(self) -> bool:
        """Whether false positives of the verdict are as rare as promised, up to two standard errors."""
        most = PROMISED + 2 * sqrt(PROMISED * (1 - PROMISED) / self.markets)
        return all(self.any("verdict", side).share <= most for side in SIDES)

    def _said(self, test: str, side: str) -> np.ndarray:
        return np.asarray(self.words[:, TESTS.index(test)] == SIDES[side])


def detectable_effect(points: Sequence[PowerPoint]) -> float | None:
    """The smallest planted effect that is found in four of five markets; None where none is."""
    return next((point.effect for point in points if point.rate.share >= WANTED), None)


def attainable_size(placebos: int) -> float:
    """The size that a test really has: p moves in steps of 1 / (placebos + 1) and must fall below SIZE."""
    steps = floor(SIZE * (placebos + 1))
    return (steps - (steps == SIZE * (placebos + 1))) / (placebos + 1)
