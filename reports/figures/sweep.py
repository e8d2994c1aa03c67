"""Figures of a sweep: ranks of variants, effects of single parameters, heatmaps of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from reports.records.sweep import SweepResult

MOST_LEVELS = 20  # values of a parameter that are shown one by one; more are grouped
GROUPS = 10
FEW = 10  # best and worst variants that files and terminal name


@dataclass(frozen=True)
class ParameterLevel:
    """The objective over all variants with one value (or group of values) of a parameter: NaN where none is finite."""

    label: str
    declared: bool
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ParameterEffect:
    """Effect of one parameter by itself: `share` of the variance of the objective lies between its levels."""

    parameter: str
    share: float
    levels: tuple[ParameterLevel, ...]


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Mean objective by two parameters, over all others, shape (n_rows, n_columns); NaN where there is no variant.

    `row` and `column` index the parameters, `n` counts the variants of each cell.
    """

    row: int
    column: int
    mean: np.ndarray
    n: np.ndarray


def rank_variants(sweep: SweepResult) -> np.ndarray:
    """Indices of all variants, the best first; ties in their order, those without an objective last."""
    values = sweep.values
    undefined = np.isnan(values)
    return np.lexsort((np.arange(len(values)), np.where(undefined, 0.0, -values), undefined))


def ranked_count(sweep: SweepResult) -> int:
    """Number of variants that have an objective."""
    return int(np.sum(~np.isnan(sweep.values)))


def declared_variant(sweep: SweepResult) -> int | None:
    """Index of the variant with every parameter at its declared value; None if there is none."""
    if sweep.changed or not sweep.parameters:
        return None
    defaults = [
        parameter.labels.index(parameter.default) if parameter.default in parameter.labels else -1
        for parameter in sweep.parameters
    ]
    matches = np.flatnonzero((sweep.codes == np.array(defaults, dtype=int)).all(axis=1))
    return int(matches[0]) if len(matches) else None


def parameter_levels(sweep: SweepResult, index: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the levels of a parameter and the level of each variant; many values are grouped in their order."""
    labels, codes = sweep.parameters[index].labels, sweep.codes[:, index]
    if len(labels) <= MOST_LEVELS:
        return labels, codes
    groups = np.array_split(np.arange(len(labels)), GROUPS)
    group_of = np.repeat(np.arange(GROUPS), [len(members) for members in groups])
    return tuple(f"{labels[members[0]]} to {labels[members[-1]]}" for members in groups), group_of[codes]


def parameter_effects(sweep: SweepResult) -> list[ParameterEffect]:
    """The effect of each parameter, the largest first."""
    effects = [_effect(sweep, index) for index in range(len(sweep.parameters))]
    return sorted(effects, key=lambda effect: -effect.share if np.isfinite(effect.share) else 1.0)


def parameter_heatmaps(sweep: SweepResult) -> list[Heatmap]:
    """Every pair of parameters; the one with fewer values goes across."""
    pairs = combinations(range(len(sweep.parameters)), 2)
    return [_heatmap(sweep, *sorted(pair, key=lambda index: -len(parameter_levels(sweep, index)[0]))) for pair in pairs]


def _effect(sweep: SweepResult, index: int) -> ParameterEffect:
    labels, codes = parameter_levels(sweep, index)
    parameter, known = sweep.parameters[index], np.isfinite(sweep.values)
    values, codes = sweep.values[known], codes[known]
    by_level = [values[codes == level] for level in range(len(labels))]
    levels = tuple(
        ParameterLevel(label, label == parameter.default, len(members), *_mean_and_range(members))
        for label, members in zip(labels, by_level, strict=True)
    )
    return ParameterEffect(parameter.name, _between_share(values, by_level), levels)


def _mean_and_range(values: np.ndarray) -> tuple[float, float, float]:
    if not len(values):
        return (float("nan"),) * 3
    return float(values.mean()), float(values.min()), float(values.max())


def _between_share(values: np.ndarray, by_level: list[np.ndarray]) -> float:
    """Sum of squares between levels over the total (eta squared); NaN where nothing varies."""
    if not len(values) or np.ptp(values) == 0:
        return float("nan")
    mean = values.mean()
    between = sum(len(members) * (members.mean() - mean) ** 2 for members in by_level if len(members))
    return float(between / np.sum((values - mean) ** 2))


def _heatmap(sweep: SweepResult, row: int, column: int) -> Heatmap:
    (rows, row_codes), (columns, column_codes) = parameter_levels(sweep, row), parameter_levels(sweep, column)
    known = np.isfinite(sweep.values)
    cells = row_codes[known] * len(columns) + column_codes[known]
    size = len(rows) * len(columns)
    n = np.bincount(cells, minlength=size)
    total = np.bincount(cells, weights=sweep.values[known], minlength=size)
    mean = np.divide(total, n, out=np.full(size, np.nan), where=n > 0)
    shape = len(rows), len(columns)
    return Heatmap(row, column, mean.reshape(shape), n.reshape(shape))
