"""Tests of several readings at once: superior predictive ability with adjustment for their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reports.statistics.availability import Unavailable, require_observations
from reports.statistics.bootstrap import RESAMPLES, block_length

if TYPE_CHECKING:
    from arch.bootstrap import SPA

SIZE = 0.05


@dataclass(frozen=True)
class Superiority:
    """Readings that beat their benchmark, adjusted for the number of readings.

    `p` is the consistent p-value of the best reading (superior predictive ability), between its bounds `p_lower` and
    `p_upper`. `superior` names the readings that stepwise testing finds better, at a family-wise error rate of `size`.
    `left_out` gives the reason for each reading that could not be tested. `block` is the mean length of a block in
    sessions.
    """

    p: float
    p_lower: float
    p_upper: float
    superior: tuple[str, ...]
    left_out: Mapping[str, str]
    size: float
    block: int
    resamples: int


def superiority_test(
    excess: Mapping[str, np.ndarray], seed: int, size: float = SIZE, count: int = RESAMPLES, block: int | None = None
) -> Superiority:
    """Test of superior predictive ability, and the set of superior readings, on returns less the benchmark's.

    `excess` holds an array of shape (n_sessions,) for each reading, all on the same sessions. SPA: Hansen 2005, JBES
    23:365; stepwise (StepM): Romano & Wolf 2005, Econometrica 73:1237; both on a stationary bootstrap with blocks of
    `block` sessions, by default as in `block_length`. Every reading is scaled to unit volatility first, so that
    information ratios are compared and not volatilities: arch accepts `studentize` but does not use it in its
    statistic.

    Raises Unavailable if no reading can be tested; ValueError for unequal lengths, a block below 1 or a size not
    between 0 and 1.
    """
    from arch.bootstrap import SPA

    if not 0 < size < 1:
        raise ValueError(f"size {size} is not between 0 and 1; 0.05 is usual")
    if block is not None and block < 1:
        raise ValueError(f"block of {block} sessions; at least 1 is needed")
    usable, left_out = _usable(excess)
    length = block_length(*usable.values()) if block is None else block
    scaled = np.column_stack([values / np.std(values, ddof=1) for values in usable.values()])
    # arch compares losses, hence the minus.
    spa = SPA(np.zeros(len(scaled)), -scaled, block_size=length, reps=count, seed=seed)
    spa.compute()
    p = spa.pvalues
    superior = _stepwise(spa, size)
    names = tuple(name for name, better in zip(usable, superior, strict=True) if better)
    return Superiority(
        float(p["consistent"]), float(p["lower"]), float(p["upper"]), names, left_out, size, length, count
    )


def _usable(excess: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Readings that can be tested, and the reasons why the others cannot."""
    lengths = {len(values) for values in excess.values()}
    if len(lengths) > 1:
        raise ValueError(f"readings of {min(lengths)} to {max(lengths)} sessions; use the same sessions for all")
    usable: dict[str, np.ndarray] = {}
    left_out: dict[str, str] = {}
    for name, values in excess.items():
        try:
            usable[name] = require_observations(values, "excess returns")
        except Unavailable as error:
            left_out[name] = str(error)
    if not usable:
        raise Unavailable(f"family: none of {len(excess)} readings can be tested; 1 is needed")
    return usable, left_out


def _stepwise(spa: SPA, size: float) -> np.ndarray:
    """Whether each column is superior: superior columns are removed until the test finds no more.

    arch's own StepM takes the same steps, but fails if the last remaining reading is superior.
    """
    remaining = np.ones(spa.k, dtype=np.bool_)
    while remaining.any():
        spa.subset(remaining)
        spa.compute()
        better = spa.better_models(size)
        if not len(better):
            break
        remaining = remaining & ~np.isin(np.arange(spa.k), better)
    return ~remaining
