"""How often the declared tests speak where nothing is to be found, and how often they find what was planted.

The page needs no scripts: its tables are plain HTML and its curves are drawn in SVG by the template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, sqrt
from pathlib import Path
from typing import Any

import numpy as np

from reports import folder
from reports.evidence.bootstrap import LEVEL
from reports.evidence.placebo import SIZE
from reports.evidence.verdict import HORIZON
from reports.numbers import log_ratio, share
from reports.template import template

SCHEMA = 1
PAGE, TABLE = "index.html", "results.json"
TESTS = ("timing", "names", "verdict")
SIDES = {"supported": 1, "refuted": -1}
TRUTHS = ("Sharpe ratio", "CAGR", "alpha")
PROMISED = 2 * SIZE  # of all markets, on either side, both tests together
WANTED = 0.8  # share of markets in which an effect counts as found reliably
VAGUE = 2 * PROMISED  # an interval that reaches this far says little

# Of a chart, in the units of its drawing.
LEFT, RIGHT, TOP, BOTTOM = 38.0, 312.0, 10.0, 132.0


@dataclass(frozen=True)
class Rate:
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

    @property
    def told(self) -> str:
        """With its interval."""
        low, high = self.bounds
        return f"{share(self.share)} ({share(low)} to {share(high)})"

    def as_dict(self) -> dict[str, float]:
        """For files."""
        low, high = self.bounds
        return {"count": self.count, "of": self.n, "share": self.share, "low": low, "high": high}


def rate(hits: Any) -> Rate:
    """How many of `hits`, shape (n_markets,), are true."""
    return Rate(int(np.sum(hits)), len(hits))


@dataclass(frozen=True)
class Point:
    """A point of a power curve: in how many markets an effect was found, and the mean growth of d that it caused."""

    effect: float
    rate: Rate
    gained: float


@dataclass(frozen=True, eq=False)
class Curve:
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

    def points(self, name: str) -> list[Point]:
        """The curve of one reading."""
        column = self.readings.index(name)
        return [
            Point(effect, rate(self.found[:, row, column]), float(self.gained[:, row, column].mean()))
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
    timing: Curve
    names: Curve
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

    def any(self, test: str, side: str) -> Rate:
        """Markets in which a test says so of any reading."""
        return rate(self._said(test, side).any(axis=1))

    def each(self, test: str, side: str) -> dict[str, Rate]:
        """The same of every reading that has the test."""
        said = self._said(test, side)
        held = self.names.readings if test == "names" else self.readings
        return {name: rate(said[:, self.readings.index(name)]) for name in held}

    def power(self, test: str) -> dict[str, list[Point]]:
        """The power curve of every reading that has the test; its first point is that of no effect, in all markets."""
        planted = self.timing if test == "timing" else self.names
        none = self.each(test, "supported")
        return {name: [Point(0.0, none[name], 0.0), *planted.points(name)] for name in planted.readings}

    @property
    def covered(self) -> dict[str, Rate]:
        """Markets in which an interval holds the true figure."""
        return {name: rate(self.sides[:, column] == 0) for column, name in enumerate(TRUTHS)}

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


def detectable(points: Sequence[Point]) -> float | None:
    """The smallest planted effect that is found in four of five markets; None where none is."""
    return next((point.effect for point in points if point.rate.share >= WANTED), None)


def possible(placebos: int) -> float:
    """The size that a test really has: p moves in steps of 1 / (placebos + 1) and must fall below SIZE."""
    steps = floor(SIZE * (placebos + 1))
    return (steps - (steps == SIZE * (placebos + 1))) / (placebos + 1)


def conclusion(calibration: Calibration) -> str:
    """What the false positives say, in a sentence or two."""
    found = {side: calibration.any("verdict", side) for side in SIDES}
    told = " and ".join(f"{side} in {rate.told}" for side, rate in found.items())
    promise = f"at most {PROMISED:.0%} was promised for each"
    kept = "which these markets do not contradict" if calibration.holds else "which is NOT kept"
    vague = max(rate.bounds[1] for rate in found.values()) > VAGUE
    few = " So few markets say little; simulate more." if vague and calibration.holds else ""
    return f"Where nothing is to be found, some reading was called {told} of markets; {promise}, {kept}.{few}"


def results(calibration: Calibration) -> dict[str, object]:
    """What results.json holds; shares are fractions."""
    return {
        "schema": SCHEMA,
        "kind": "calibration",
        "markets": calibration.markets,
        "seed": calibration.seed,
        "draws": calibration.draws,
        "placebos": calibration.placebos,
        "level": LEVEL,
        "promised": PROMISED,
        "kept": calibration.holds,
        "false_positives": {
            test: {
                side: {
                    "any": calibration.any(test, side).as_dict(),
                    "readings": {name: rate.as_dict() for name, rate in calibration.each(test, side).items()},
                }
                for side in SIDES
            }
            for test in TESTS
        },
        "power": {
            test: {
                "sessions": planted.sessions,
                "markets": planted.markets,
                "readings": {
                    name: [_point(point) for point in points] for name, points in calibration.power(test).items()
                },
            }
            for test, planted in (("timing", calibration.timing), ("names", calibration.names))
        },
        "intervals": {
            name: {**held.as_dict(), **dict(zip(("true_below", "true_above"), calibration.missed(name), strict=True))}
            for name, held in calibration.covered.items()
        },
        "resampled": dict(zip(("name", "benchmark", "sessions", "resamples"), calibration.resampled, strict=True)),
        "notes": dict(calibration.notes),
        "left_out": list(calibration.left_out),
    }


def _point(point: Point) -> dict[str, object]:
    return {"effect": point.effect, **point.rate.as_dict(), "gained": point.gained}


@dataclass(frozen=True)
class Drawing:
    """A power curve in the units of the chart."""

    name: str
    line: str
    band: str
    dots: tuple[tuple[str, str, str], ...]
    told: str


def drawing(name: str, points: Sequence[Point]) -> Drawing:
    """Where a power curve runs, with its interval."""
    widest = points[-1].effect
    across = [f"{LEFT + (RIGHT - LEFT) * point.effect / widest:.1f}" for point in points]
    low, high = zip(*(point.rate.bounds for point in points), strict=True)
    upper = [f"{x},{height(value)}" for x, value in zip(across, high, strict=True)]
    lower = [f"{x},{height(value)}" for x, value in zip(across, low, strict=True)]
    dots = tuple(
        (x, height(point.rate.share), f"{effect_size(point.effect)}: {point.rate.told}")
        for x, point in zip(across, points, strict=True)
    )
    found = detectable(points)
    told = "below 80% throughout" if found is None else f"80% from {effect_size(found)}"
    return Drawing(name, " ".join(f"{x},{y}" for x, y, _ in dots), " ".join((*upper, *lower[::-1])), dots, told)


def effect_size(effect: float) -> str:
    """A planted effect as it is written."""
    return f"{effect:+.2f}"


def height(fraction: float) -> str:
    """Where a share lies in a chart."""
    return f"{BOTTOM - (BOTTOM - TOP) * fraction:.1f}"


def ticks(effects: Sequence[float]) -> list[tuple[str, str]]:
    """Where the marks below a chart lie, and what they say: quarters of its width."""
    return [(f"{LEFT + (RIGHT - LEFT) * part / 4:.1f}", f"{effects[-1] * part / 4:.1f}") for part in range(5)]


def render(calibration: Calibration) -> str:
    """The page. Equal inputs give equal bytes."""
    power = {test: calibration.power(test) for test in ("timing", "names")}
    return template("calibration.html", share=share, log=log_ratio, effect=effect_size).render(
        calibration=calibration,
        conclusion=conclusion(calibration),
        tests=TESTS,
        sides=list(SIDES),
        power=power,
        drawings={test: [drawing(*each) for each in curves.items()] for test, curves in power.items()},
        curves={"timing": calibration.timing, "names": calibration.names},
        ticks=ticks,
        marks=[(height(value), f"{value:.0%}") for value in (0.0, 0.5, WANTED, 1.0)],
        frame={"left": LEFT, "right": RIGHT, "top": TOP, "bottom": BOTTOM},
        possible={"timing": possible(calibration.placebos), "names": possible(calibration.draws)},
        size=SIZE,
        promised=PROMISED,
        level=LEVEL,
        horizon=HORIZON,
    )


def write(calibration: Calibration, out: Path) -> None:
    """Write the folder of a calibration, whole or not at all: built beside `out`, then exchanged with it.

    An earlier calibration or run in `out` is replaced; until the exchange it stays as it is. Raises RequestError where
    `out` holds something else or is being written by another run, WorkError where the disk takes no more.
    """
    made = {PAGE: render(calibration).encode(), TABLE: folder.as_json(results(calibration))}
    settings = {
        "event": calibration.event,
        "markets": len(calibration.words),
        "draws": calibration.draws,
        "seed": calibration.seed,
    }
    folder.write(folder.with_manifest(made, {"calibration": settings}), out)
