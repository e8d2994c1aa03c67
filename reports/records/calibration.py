"""Result of a calibration: verdicts in simulated markets without effects, and detections of injected effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from reports.statistics.error_rates import ErrorRate, PowerPoint, error_rate
from reports.statistics.placebo import SIZE

SCHEMA = 2
TESTS = ("timing", "year", "stocks", "equal", "former", "verdict")
STOCK_TESTS = ("stocks", "equal", "former")  # of readings that select stocks
SIDES = {"supported": 1, "refuted": -1}
TRUTHS = ("Sharpe ratio", "CAGR", "alpha")


@dataclass(frozen=True, eq=False)
class PowerCurve:
    """Outcomes of effects injected over `sessions` trading days.

    `detected` (whether the test said supported) and `gained` (by how much d grew) have shape
    (n_markets, n_effects, n_readings).
    """

    readings: tuple[str, ...]
    effects: tuple[float, ...]
    sessions: int
    detected: np.ndarray
    gained: np.ndarray

    @property
    def markets(self) -> int:
        """Number of markets."""
        return len(self.detected)

    def points(self, name: str) -> list[PowerPoint]:
        """The power curve of one reading."""
        column = self.readings.index(name)
        return [
            PowerPoint(effect, error_rate(self.detected[:, row, column]), float(self.gained[:, row, column].mean()))
            for row, effect in enumerate(self.effects)
        ]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Outcomes of all tests in simulated markets.

    `stocks` and `timing` are power curves. `families` are the readings for which p-values are adjusted together.
    `outcomes`, shape (n_markets, len(TESTS), n_readings), is 1 for supported, -1 for refuted, 0 otherwise. `sides`,
    shape (n_resampled, len(TRUTHS)), locates the true value: -1 below its interval, 0 inside, 1 above. `resampled`
    holds the name whose returns were resampled, its benchmark, and the numbers of sessions and resamples; `years` holds
    the first and the last session of the longer markets. `notes` explains, by reading, why an effect moves d by less
    than was injected. `left_out` are readings that could not be simulated. `event` is the event that all of them read.
    """

    readings: tuple[str, ...]
    families: tuple[tuple[str, ...], ...]
    seed: int
    draws: int
    placebos: int
    outcomes: np.ndarray
    timing: PowerCurve
    stocks: PowerCurve
    sides: np.ndarray
    resampled: tuple[str, str, int, int]
    years: tuple[str, ...]
    notes: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    event: str = ""

    @property
    def markets(self) -> int:
        """Number of simulated markets."""
        return len(self.outcomes)

    def any(self, test: str, side: str, family: tuple[str, ...] = ()) -> ErrorRate:
        """Share of markets in which a test gives this outcome for at least one reading (of a family)."""
        columns = [self.readings.index(name) for name in family or self.readings]
        return error_rate(np.any(self._outcomes(test, side)[:, columns], axis=1))

    def each(self, test: str, side: str) -> dict[str, ErrorRate]:
        """Share of markets in which a test gives this outcome, by reading that has the test."""
        outcomes = self._outcomes(test, side)
        readings = self.stocks.readings if test in STOCK_TESTS else self.readings
        return {name: error_rate(outcomes[:, self.readings.index(name)]) for name in readings}

    def power(self, test: str) -> dict[str, list[PowerPoint]]:
        """Power curve by reading that has the test; the first point is the false-positive rate without an effect."""
        curve = self.timing if test == "timing" else self.stocks
        no_effect = self.each(test, "supported")
        return {name: [PowerPoint(0.0, no_effect[name], 0.0), *curve.points(name)] for name in curve.readings}

    @property
    def covered(self) -> dict[str, ErrorRate]:
        """Share of resampled markets whose interval contains the true value, by figure."""
        return {name: error_rate(self.sides[:, column] == 0) for column, name in enumerate(TRUTHS)}

    def missed(self, name: str) -> tuple[int, int]:
        """Number of markets in which the true value lies below its interval, and above it."""
        sides = self.sides[:, TRUTHS.index(name)]
        return int(np.sum(sides < 0)), int(np.sum(sides > 0))

    @property
    def holds(self) -> bool:
        """Whether false positives of each test in each family, and of the verdict, are as rare as promised.

        Within two standard errors; the former test of stock selection promises nothing any more.
        """
        tests = [test for test in TESTS if test not in ("former", "verdict")]
        rates = [(self.any(test, side, family), SIZE) for test in tests for side in SIDES for family in self.families]
        rates += [(self.any("verdict", side), self.promised) for side in SIDES]
        return all(rate.share <= limit + 2 * sqrt(limit * (1 - limit) / self.markets) for rate, limit in rates)

    @property
    def promised(self) -> float:
        """Largest share of markets with a false verdict on one side: both declared tests in all families together."""
        choosing = [family for family in self.families if set(family) & set(self.stocks.readings)]
        return SIZE * (len(self.families) + len(choosing))

    def _outcomes(self, test: str, side: str) -> np.ndarray:
        """Whether a test gives this outcome, shape (n_markets, n_readings)."""
        return np.asarray(self.outcomes[:, TESTS.index(test)] == SIDES[side])
