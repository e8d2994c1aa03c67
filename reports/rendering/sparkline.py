"""Sparklines: small curves as points of SVG polylines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 240, 56
POINTS = 80  # more are indistinguishable at this size


@dataclass(frozen=True)
class Sparkline:
    """SVG points of `wealth` and `benchmark` on one scale, and the y coordinate (`level`) of 1, where both start."""

    wealth: str
    benchmark: str
    level: float


def sparkline(wealth: np.ndarray, benchmark: np.ndarray) -> Sparkline:
    """Sparkline of two curves of shape (n_sessions,) that start at 1, in a box of WIDTH by HEIGHT."""
    sampled = np.unique(np.linspace(0, len(wealth) - 1, POINTS).round().astype(int))
    curves = np.vstack([wealth, benchmark])[:, sampled]
    low, high = min(curves.min(), 1.0), max(curves.max(), 1.0)
    high = high if high > low else low + 1.0
    x = sampled / max(len(wealth) - 1, 1) * WIDTH
    first, second = (_points(x, HEIGHT * (high - curve) / (high - low)) for curve in curves)
    return Sparkline(first, second, round(HEIGHT * (high - 1) / (high - low), 1))


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{px:.1f},{py:.1f}" for px, py in zip(x, y, strict=True))
