"""Strips of dots: many values on one horizontal axis, as paths of an SVG that can be stretched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

WIDTH, HEIGHT = 1000, 100
COLUMNS = 90  # in which dots are stacked
MOST_TICKS = 5
STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class DotStrip:
    """SVG paths of dots above zero (`up`), at zero (`flat`), below (`down`) and of the real one, `own`.

    They are in a box of WIDTH by HEIGHT. A dot is a line without length. `zero`, `low`, `mean` and `high` are x
    coordinates, None where there is none; `ticks` pairs shares of the width with values.
    """

    up: str
    flat: str
    down: str
    own: str
    zero: float
    low: float | None
    mean: float | None
    high: float | None
    ticks: tuple[tuple[float, float], ...]


def dot_strip(
    values: Sequence[float],
    own: float | None = None,
    mean: float | None = None,
    bounds: tuple[float | None, float | None] = (None, None),
) -> DotStrip:
    """The strip of `values`, without the real one; `bounds` are the ends of an interval of the mean.

    The axis holds zero and every number given.
    """
    given = [value for value in (*values, own, mean, *bounds, 0.0) if value is not None]
    low, high = min(given), max(given)
    margin = 0.03 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def x(value: float | None) -> float | None:
        return None if value is None else round(WIDTH * (value - low) / (high - low), 1)

    rows = _stacked([WIDTH * (value - low) / (high - low) for value in values])
    dots = {"up": "", "flat": "", "down": ""}
    for value, row in zip(values, rows, strict=True):
        dots[side(value)] += f"M{x(value)} {row}h0"
    return DotStrip(
        **dots,
        own="" if own is None else f"M{x(own)} {HEIGHT / 2:g}h0",
        zero=round(WIDTH * -low / (high - low), 1),
        low=x(bounds[0]),
        mean=x(mean),
        high=x(bounds[1]),
        ticks=tuple(((tick - low) / (high - low), tick) for tick in round_ticks(low, high)),
    )


def side(value: float) -> str:
    """The class of a dot, by which it is coloured: up, flat or down."""
    return "up" if value > 0 else "down" if value < 0 else "flat"


def _stacked(places: Sequence[float]) -> list[float]:
    """The y coordinate of each dot: those in the same column go up and down from the middle in turn."""
    columns = [floor(place * COLUMNS / WIDTH) for place in places]
    step = min(16.0, 0.9 * HEIGHT / max(Counter(columns).values(), default=1))
    seen = Counter[int]()
    rows = []
    for column in columns:
        level = (seen[column] + 1) // 2 * (1 if seen[column] % 2 else -1)
        seen[column] += 1
        rows.append(round(HEIGHT / 2 + level * step, 1))
    return rows


def round_ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high` in equal steps, at most MOST_TICKS + 1 of them."""
    rough = (high - low) / MOST_TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in STEPS if factor * power >= rough * (1 - 1e-9))
    first = -floor(-low / step)
    return [step * n for n in range(first, floor(high / step) + 1)]
