"""Result of a multiverse: one reading under every defensible choice, as a specification curve.

A single specification is one choice among many. A multiverse runs all defensible ones and reports their curve: its
median, the share of specifications with its sign, and the choice that moves it most. The joint placebo repeats the
whole curve at past entry dates and ranks the real median, and the real share, among the repeats (Simonsohn, Simmons &
Nelson 2020, Nature Human Behaviour 4:1208). Thousands of specifications on one history are one observation, not
thousands, which these ranks allow for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from reports.records.result import Failure, Story
from reports.statistics.availability import Missing
from reports.statistics.placebo import PlaceboRank
from reports.statistics.specification_curve import JointPlacebo, joint_placebo

RECONSTRUCTED = "the prices are a reconstruction, which gives no p on history"


@dataclass(frozen=True)
class Choice:
    """One defensible value of a dimension, with the reason for it. `value` is what is run; pages show label and reason.

    `declared` marks the choice that was published with the reading. A choice with `hindsight` cannot be defended and is
    only plotted. `tested` says whether the joint placebo includes it: its windows must fit between past entries.
    """

    label: str
    reason: str
    value: Any = field(default=None, repr=False)
    declared: bool = False
    hindsight: bool = False
    tested: bool = True


@dataclass(frozen=True)
class Dimension:
    """A decision: its name, the question it answers, and the choices."""

    name: str
    asks: str
    choices: tuple[Choice, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the choices."""
        return tuple(choice.label for choice in self.choices)


@dataclass(frozen=True, eq=False)
class RollingMedians:
    """Median of the curve at every entry date: ISO dates and medians, shape (n,). They overlap: no p-value."""

    sessions: tuple[str, ...]
    medians: np.ndarray


@dataclass(frozen=True, eq=False)
class Multiverse:
    """One reading under all choices.

    `codes`, shape (n_specs, n_dimensions), indexes the choices of `dimensions`; `d`, shape (n_specs,), is NaN where the
    prices end before the horizon. `d_by_entry`, shape (n_entries, n_tested), holds d of the tested specifications, in
    their order, at the entries of `sessions` (ISO dates): the real one first, then past entries. `fixed` holds, by
    dimension, why the reading has no such choice. `rolling` is the median of the curve at every entry date.
    """

    name: str
    story: Story
    comparator: str
    dimensions: tuple[Dimension, ...]
    fixed: tuple[tuple[str, str], ...]
    codes: np.ndarray
    d: np.ndarray
    d_by_entry: np.ndarray
    sessions: tuple[str, ...]
    rolling: RollingMedians | Missing

    def __len__(self) -> int:
        return len(self.d)

    def where(self, mark: str) -> np.ndarray:
        """Whether every choice (for `hindsight`: any choice) of each specification carries a mark, shape (n_specs,)."""
        marks = [
            np.array([getattr(choice, mark) for choice in dimension.choices])[codes]
            for dimension, codes in zip(self.dimensions, self.codes.T, strict=True)
        ]
        return np.asarray((np.any if mark == "hindsight" else np.all)(marks, axis=0))

    @cached_property
    def honest(self) -> np.ndarray:
        """Whether each specification is without hindsight."""
        return np.asarray(~self.where("hindsight"))

    @cached_property
    def tested(self) -> np.ndarray:
        """Whether the joint placebo includes each specification."""
        return np.asarray(self.honest & self.where("tested"))

    @cached_property
    def declared(self) -> np.ndarray:
        """Whether each specification is the one published with the reading."""
        return self.where("declared")

    def labels(self, index: int) -> tuple[str, ...]:
        """Labels of the choices of one specification."""
        return tuple(
            dimension.labels[code] for dimension, code in zip(self.dimensions, self.codes[index].tolist(), strict=True)
        )


@dataclass(frozen=True, eq=False)
class MultiverseRun:
    """All multiverses of a run, tested together.

    `dimensions` are those that all readings share; past entries lie `step` sessions apart. `real` is False for
    reconstructed prices, on which nothing is tested. `others` holds the other readings of the strategy set: not shown,
    but counted; `missing` names those that could not be counted. `publication` is what the readings read. `failed`
    holds the readings that were stopped, by name.
    """

    multiverses: tuple[Multiverse, ...]
    dimensions: tuple[Dimension, ...]
    step: int
    origin: str
    real: bool
    notices: tuple[str, ...] = ()
    manifest: Mapping[str, object] = field(default_factory=dict)
    publication: str = "the reading"
    failed: Mapping[str, Failure] = field(default_factory=dict)
    others: tuple[Multiverse, ...] = ()
    missing: tuple[str, ...] = ()

    @cached_property
    def joint(self) -> Mapping[str, JointPlacebo]:
        """The joint placebo of each reading, by name; without p where the prices are a reconstruction."""
        placebos = joint_placebo([multiverse.d_by_entry for multiverse in (*self.multiverses, *self.others)])
        if not self.real:
            placebos = [JointPlacebo(_untested(each.median), _untested(each.share)) for each in placebos]
        return {multiverse.name: placebo for multiverse, placebo in zip(self.multiverses, placebos, strict=False)}

    @property
    def hindsight(self) -> bool:
        """Whether some choice enters before the reading could be known."""
        return any(choice.hindsight for dimension in self.dimensions for choice in dimension.choices)

    @property
    def counted(self) -> int:
        """Number of readings for which p-values are adjusted."""
        return len(self.multiverses) + len(self.others)

    @property
    def placebos(self) -> int:
        """Number of past entries."""
        return len(self.multiverses[0].sessions) - 1


def _untested(rank: PlaceboRank) -> PlaceboRank:
    return PlaceboRank(rank.n, rank.effect, reason=RECONSTRUCTED)
