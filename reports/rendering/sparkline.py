"""A curve the size of a word, as the points of an SVG polyline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 240, 56
POINTS = 80  # more cannot be told apart at that size


@dataclass(frozen=True)
class Sparkline:
    """Points of `wealth` and of `benchmark` on one scale, and the height of 1, where both begin."""

    wealth: str
    benchmark: str
    level: float


def sparkline(wealth: np.ndarray, benchmark: np.ndarray) -> Sparkline:
    """Both curves in a box of WIDTH by HEIGHT. They have one shape, (n_sessions,), and begin with 1."""
    places = np.unique(np.linspace(0, len(wealth) - 1, POINTS).round().astype(int))
    curves = np.vstack([wealth, benchmark])[:, places]
    low, high = min(curves.min(), 1.0), max(curves.max(), 1.0)
    high = high if high > low else low + 1.0
    x = places / max(len(wealth) - 1, 1) * WIDTH
    first, second = (_points(x, HEIGHT * (high - curve) / (high - low)) for curve in curves)
    return Sparkline(first, second, round(HEIGHT * (high - 1) / (high - low), 1))


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, y, strict=True))
