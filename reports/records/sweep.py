"""What a sweep hands to its page, and what can be said of it: ranks, effects of single knobs, pairs of knobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from reports.records.evidence import SharpeEvidence
from reports.records.result import HORIZONS, Story
from reports.statistics.availability import Missing

# By name: what a spec is judged by, and how it is called.
OBJECTIVES = {
    "d": "excess return",
    "net": "net return",
    "sharpe": "Sharpe ratio",
    "drawdown": "maximum drawdown",
    **{f"d_{horizon}": f"excess return after {horizon} trading days" for horizon in HORIZONS},
}
FIGURES = (
    *("net", "excess", "d", "sharpe", "drawdown", "turnover", "costs", "exposure"),
    *("truncated", "ruined", "refused", "hindsight"),
    *(f"return_{horizon}" for horizon in HORIZONS),
    *(f"d_{horizon}" for horizon in HORIZONS),
    *("sessions", "skewness", "kurtosis"),
)
MOST_LEVELS = 20  # values of a knob that are shown one by one; more are put into groups
GROUPS = 10
FEW = 10  # best and worst specs that files and terminal name


@dataclass(frozen=True)
class SweptParameter:
    """A knob that was turned: its values as they are written, in their order, and the declared one."""

    name: str
    labels: tuple[str, ...]
    default: str


@dataclass(frozen=True)
class SearchRecord:
    """A search instead of a whole grid: `budget` trials asked of a sampler, `batch` at a time; what it could draw from.

    `distinct` of them were different specs.
    """

    sampler: str
    budget: int
    batch: int
    seed: int
    distinct: int
    ranges: Mapping[str, str]


@dataclass(frozen=True)
class CrossValidation:
    """Cross-validation of the specs against each other (PBO), on the sessions `first` to `last` that they share.

    `specs` took part, `sampled` were looked at, evenly drawn from all of them; the rest of those was left out: held too
    shortly, ruined, or not run.
    """

    probability: float
    specs: int
    sampled: int
    sessions: int
    first: str
    last: str


@dataclass(frozen=True, eq=False)
class SweepResult:
    """All specs of a sweep, n of them, in their order.

    `codes`, shape (n, n_knobs), are places in the labels of `knobs`, those of more than one value; `fixed` are the
    other choices. `figures` are arrays of shape (n,) by the names in FIGURES, NaN where undefined: `net` and `excess`
    (over the benchmark) are fractions, `d` as in Result, `sharpe` that of excess returns a year, `turnover` the value
    traded over the starting capital, `costs` USD, `exposure` the mean gross exposure; `truncated`, `ruined` and
    `hindsight` are 0 or 1, `refused` counts orders of the window that were not filled; `skewness` and raw `kurtosis`
    are those of excess returns. `failed` says why a spec, by its place, could not be run; `days`, shape (n, 2), are ISO
    dates of the entry session and of the last one. `sharpe` is about the best spec, `publication` is what the strategy
    reads. `changed` says that a choice in `fixed` is not the declared one, so that no spec is the declared setting.
    """

    name: str
    story: Story
    comparator: str
    benchmark: str
    knobs: tuple[SweptParameter, ...]
    codes: np.ndarray
    fixed: Mapping[str, str]
    figures: Mapping[str, np.ndarray]
    days: np.ndarray
    failed: Mapping[int, str]
    objective: str
    validation: CrossValidation | Missing
    sharpe: SharpeEvidence | Missing
    origin: str
    real: bool
    search: SearchRecord | None = None
    notices: tuple[str, ...] = ()
    manifest: Mapping[str, object] = field(default_factory=dict)
    publication: str = "the reading"
    changed: bool = False

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def values(self) -> np.ndarray:
        """The objective of every spec, shape (n,)."""
        return self.figures[self.objective]

    def labels(self, place: int) -> tuple[str, ...]:
        """The values of a spec as they are written."""
        return tuple(knob.labels[code] for knob, code in zip(self.knobs, self.codes[place].tolist(), strict=True))

    def text(self, place: int) -> str:
        """A spec in words."""
        return " ".join(f"{knob.name}={label}" for knob, label in zip(self.knobs, self.labels(place), strict=True))


@dataclass(frozen=True)
class ParameterLevel:
    """The objective over all specs with one value of a knob (or one group of values): NaN where none is finite."""

    label: str
    declared: bool
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ParameterEffect:
    """What turning one knob does by itself: `share` of the variance of the objective lies between its levels."""

    knob: str
    share: float
    levels: tuple[ParameterLevel, ...]


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Two knobs at a time: mean objective over all other knobs, shape (n_rows, n_columns), NaN where there is none."""

    row: int
    column: int
    mean: np.ndarray
    n: np.ndarray


def rank_variants(sweep: SweepResult) -> np.ndarray:
    """Places of all specs, the best first; equal ones in their order, those without an objective last."""
    values = sweep.values
    unknown = np.isnan(values)
    return np.lexsort((np.arange(len(values)), np.where(unknown, 0.0, -values), unknown))


def judged_count(sweep: SweepResult) -> int:
    """How many specs have an objective."""
    return int(np.sum(~np.isnan(sweep.values)))


def declared_variant(sweep: SweepResult) -> int | None:
    """The place of the spec with every choice at its default, None where it is not among them."""
    if sweep.changed:
        return None
    defaults = [knob.labels.index(knob.default) if knob.default in knob.labels else -1 for knob in sweep.knobs]
    places = np.flatnonzero((sweep.codes == np.array(defaults, dtype=int)).all(axis=1))
    return int(places[0]) if len(places) and len(sweep.knobs) else None


def parameter_levels(sweep: SweepResult, place: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels of the levels of a knob and which level each spec has; many values are put into groups, in their order."""
    knob, codes = sweep.knobs[place], sweep.codes[:, place]
    if len(knob.labels) <= MOST_LEVELS:
        return knob.labels, codes
    groups = np.array_split(np.arange(len(knob.labels)), GROUPS)
    group = np.repeat(np.arange(GROUPS), [len(members) for members in groups])
    return tuple(f"{knob.labels[members[0]]} to {knob.labels[members[-1]]}" for members in groups), group[codes]


def parameter_effects(sweep: SweepResult) -> list[ParameterEffect]:
    """The effect of each knob, the one that matters most first."""
    found = [_effect(sweep, place) for place in range(len(sweep.knobs))]
    return sorted(found, key=lambda effect: -effect.share if np.isfinite(effect.share) else 1.0)


def parameter_heatmaps(sweep: SweepResult) -> list[Heatmap]:
    """Every pair of knobs; the one with fewer values goes across."""
    pairs = combinations(range(len(sweep.knobs)), 2)
    return [_heatmap(sweep, *sorted(pair, key=lambda place: -len(parameter_levels(sweep, place)[0]))) for pair in pairs]


def _effect(sweep: SweepResult, place: int) -> ParameterEffect:
    labels, codes = parameter_levels(sweep, place)
    default = sweep.knobs[place].default
    known = np.isfinite(sweep.values)
    values, codes = sweep.values[known], codes[known]
    by_level = [values[codes == level] for level in range(len(labels))]
    found = tuple(
        ParameterLevel(
            label,
            label == default,
            len(those),
            *((float(those.mean()), float(those.min()), float(those.max())) if len(those) else (np.nan,) * 3),
        )
        for label, those in zip(labels, by_level, strict=True)
    )
    return ParameterEffect(sweep.knobs[place].name, _share(values, by_level), found)


def _share(values: np.ndarray, by_level: list[np.ndarray]) -> float:
    """Sum of squares between levels over the whole (eta squared); NaN where nothing varies."""
    if not len(values) or np.ptp(values) == 0:
        return float("nan")
    between = sum(len(those) * (those.mean() - values.mean()) ** 2 for those in by_level if len(those))
    return float(between / np.sum((values - values.mean()) ** 2))


def _heatmap(sweep: SweepResult, row: int, column: int) -> Heatmap:
    (rows, at), (columns, across) = parameter_levels(sweep, row), parameter_levels(sweep, column)
    known = np.isfinite(sweep.values)
    cell = at[known] * len(columns) + across[known]
    size = len(rows) * len(columns)
    n = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=sweep.values[known], minlength=size)
    mean = np.divide(total, n, out=np.full(size, np.nan), where=n > 0)
    shape = len(rows), len(columns)
    return Heatmap(row, column, mean.reshape(shape), n.reshape(shape))
