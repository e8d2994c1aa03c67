"""Result of a sweep: every variant with its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from reports.records.evidence import SharpeEvidence
from reports.records.result import HORIZONS, Story
from reports.statistics.availability import Missing

# Objectives by name, as pages call them.
OBJECTIVES = {
    "d": "excess return",
    "net": "net return",
    "sharpe": "Sharpe ratio",
    "drawdown": "maximum drawdown",
    **{f"d_{horizon}": f"d after {horizon} sessions" for horizon in HORIZONS},
}
FIGURES = (
    *("net", "excess", "d", "sharpe", "drawdown", "turnover", "costs", "exposure"),
    *("truncated", "ruined", "refused", "hindsight"),
    *(f"return_{horizon}" for horizon in HORIZONS),
    *(f"d_{horizon}" for horizon in HORIZONS),
    *("sessions", "skewness", "kurtosis"),
)


@dataclass(frozen=True)
class SweptParameter:
    """A parameter of a sweep: its values as text, in their order, and the declared one."""

    name: str
    labels: tuple[str, ...]
    default: str


@dataclass(frozen=True)
class SearchRecord:
    """A search instead of a whole grid: `budget` trials by a sampler, `batch` at a time, from these ranges.

    `distinct` counts the different variants among the trials.
    """

    sampler: str
    budget: int
    batch: int
    seed: int
    distinct: int
    ranges: Mapping[str, str]


@dataclass(frozen=True)
class CrossValidation:
    """Combinatorial cross-validation of the variants (PBO) on the sessions `first` to `last` that they share.

    `specs` variants took part, of `sampled` that were drawn evenly from all; the others were held too shortly, ruined
    or not run.
    """

    probability: float
    specs: int
    sampled: int
    sessions: int
    first: str
    last: str


@dataclass(frozen=True, eq=False)
class SweepResult:
    """All variants of a sweep, n of them, in their order.

    `codes`, shape (n, n_parameters), indexes the labels of `parameters`, which have more than one value; `fixed` holds
    the other choices. `figures` holds arrays of shape (n,) by the names in FIGURES, NaN where undefined: `net` and
    `excess` (over the benchmark) are fractions, `d` as in Result, `sharpe` that of excess returns a year, `turnover`
    the value traded over the starting capital, `costs` USD, `exposure` the mean gross exposure; `truncated`, `ruined`
    and `hindsight` are 0 or 1, `refused` counts orders of the window that were not filled; `skewness` and raw
    `kurtosis` are those of excess returns. `failed` holds, by index of the variant, why it could not be run; `days`,
    shape (n, 2), holds ISO dates of the entry session and of the last one. `sharpe` is evidence on the best variant.
    `publication` is what the strategy reads. `changed` is True where a choice in `fixed` is not the declared one, so
    that no variant is the declared setting.
    """

    name: str
    story: Story
    comparator: str
    benchmark: str
    parameters: tuple[SweptParameter, ...]
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
        """The objective of every variant, shape (n,)."""
        return self.figures[self.objective]

    def labels(self, index: int) -> tuple[str, ...]:
        """Parameter values of a variant, as text."""
        codes = self.codes[index].tolist()
        return tuple(parameter.labels[code] for parameter, code in zip(self.parameters, codes, strict=True))

    def text(self, index: int) -> str:
        """A variant as `name=value` pairs."""
        pairs = zip(self.parameters, self.labels(index), strict=True)
        return " ".join(f"{parameter.name}={label}" for parameter, label in pairs)
