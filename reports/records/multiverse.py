"""The multiverse: one reading under every defensible choice, as a specification curve.

Whoever tests one specification has chosen it among many. Here all that can be defended are run, and what is told is
the curve of all of them: its median, the share of specifications with its sign, and which choice moves it most. The
joint placebo asks of the whole curve what a placebo asks of one result: it is made again at other launches, and the
real median, and the real share, are ranked among theirs (Simonsohn, Simmons & Nelson 2020, Nature Human Behaviour
4:1208). Thousands of specifications on one history are one observation, not thousands; the ranks know that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from reports.records.result import Failure, Story
from reports.statistics.availability import NOISE, Missing
from reports.statistics.placebo import DIGITS, PlaceboRank, placebo_ranks

RECONSTRUCTED = "the prices are a reconstruction, which gives no p on history"


@dataclass(frozen=True)
class Choice:
    """One defensible value of a dimension, and why. `value` is what is run; pages show the other parts.

    `declared` is the one that was written down with the reading. `hindsight` cannot be defended, and is drawn only.
    `tested` says whether the joint placebo may hold it: its windows must fit between launches.
    """

    label: str
    reason: str
    value: Any = field(default=None, repr=False)
    declared: bool = False
    hindsight: bool = False
    tested: bool = True


@dataclass(frozen=True)
class Dimension:
    """Something that had to be chosen: its name, what is asked, and the choices."""

    name: str
    asks: str
    choices: tuple[Choice, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of its choices."""
        return tuple(choice.label for choice in self.choices)


@dataclass(frozen=True, eq=False)
class RollingMedians:
    """The median of the curve at every launch date: ISO dates and medians, shape (n,). They overlap: no p-value."""

    sessions: tuple[str, ...]
    medians: np.ndarray


@dataclass(frozen=True, eq=False)
class Multiverse:
    """One reading under all choices.

    `codes`, shape (n_specs, n_dimensions), says which choice of each of `dimensions` a spec has; `d`, shape (n_specs,),
    is its d, NaN where the prices end before its horizon. `launched`, shape (n_launches, n_tested), holds d of the
    tested specs, in their order, at the real entry (first) and at the launches of `sessions` (ISO dates) beside it.
    `fixed` are choices that this reading does not have, by dimension, with the reason.
    """

    name: str
    story: Story
    comparator: str
    dimensions: tuple[Dimension, ...]
    fixed: tuple[tuple[str, str], ...]
    codes: np.ndarray
    d: np.ndarray
    launched: np.ndarray
    sessions: tuple[str, ...]
    everywhere: RollingMedians | Missing

    def __len__(self) -> int:
        return len(self.d)

    def where(self, mark: str) -> np.ndarray:
        """Whether every choice (for `hindsight`: any choice) of each spec carries this mark, shape (n_specs,)."""
        marks = [
            np.array([getattr(choice, mark) for choice in dimension.choices])[codes]
            for dimension, codes in zip(self.dimensions, self.codes.T, strict=True)
        ]
        return np.asarray((np.any if mark == "hindsight" else np.all)(marks, axis=0))

    @cached_property
    def honest(self) -> np.ndarray:
        """Specs without hindsight."""
        return np.asarray(~self.where("hindsight"))

    @cached_property
    def tested(self) -> np.ndarray:
        """Specs that the joint placebo holds."""
        return np.asarray(self.honest & self.where("tested"))

    @cached_property
    def declared(self) -> np.ndarray:
        """The spec that was written down with the reading."""
        return self.where("declared")

    def labels(self, place: int) -> tuple[str, ...]:
        """The choices of one spec."""
        return tuple(
            dimension.labels[code] for dimension, code in zip(self.dimensions, self.codes[place].tolist(), strict=True)
        )


@dataclass(frozen=True, eq=False)
class MultiverseRun:
    """The multiverses of a run, which are one family.

    `dimensions` are those that all readings share; launches lie `step` sessions apart. `real` is False for
    reconstructed prices, on which nothing is tested. `beside` are the other readings of the family: not shown, but
    counted; `missing` names those that could not be counted. `publication` is what the readings read. `failed` are
    readings that were stopped, by name.
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
    beside: tuple[Multiverse, ...] = ()
    missing: tuple[str, ...] = ()

    @cached_property
    def joint(self) -> Mapping[str, JointPlacebo]:
        """The joint placebo of each reading, by name."""
        found = joint_placebo([multiverse.launched for multiverse in (*self.multiverses, *self.beside)])
        found = found[: len(self.multiverses)]
        if not self.real:
            found = [JointPlacebo(_untested(one.median), _untested(one.share)) for one in found]
        return {multiverse.name: one for multiverse, one in zip(self.multiverses, found, strict=True)}

    @property
    def hindsight(self) -> bool:
        """Whether there are specs that enter before anybody could read it."""
        return any(choice.hindsight for dimension in self.dimensions for choice in dimension.choices)

    @property
    def counted(self) -> int:
        """Readings that the family-wise values count."""
        return len(self.multiverses) + len(self.beside)

    @property
    def placebos(self) -> int:
        """Launches beside the real one."""
        return len(self.multiverses[0].sessions) - 1


@dataclass(frozen=True)
class CurveSummary:
    """A set of specs: how many have a d, their median, the share with its sign, the share above zero, and the range.

    NaN where none has one.
    """

    n: int
    median: float
    same_sign: float
    above: float
    low: float
    high: float


@dataclass(frozen=True)
class JointPlacebo:
    """The real curve among those of the placebo launches: its median, and the share of specs with its sign."""

    median: PlaceboRank
    share: PlaceboRank


@dataclass(frozen=True)
class VarianceShare:
    """How much of the variance of d one dimension explains by itself; NaN where nothing varies."""

    name: str
    share: float


def nan_safe_median(values: np.ndarray) -> np.ndarray:
    """Median along the last axis; NaN where one of the values is NaN, or there is none."""
    known = np.asarray(values, dtype=float)
    if not known.shape[-1]:
        return np.full(known.shape[:-1], np.nan)
    holes = np.isnan(known).any(axis=-1)
    with np.errstate(invalid="ignore"):  # ruin on both sides has no middle
        return np.asarray(np.where(holes, np.nan, np.median(np.where(holes[..., None], 0.0, known), axis=-1)))


def same_sign_share(values: np.ndarray) -> np.ndarray:
    """Share of the values along the last axis that have the sign of their median; NaN where the median is."""
    known = np.round(np.asarray(values, dtype=float), DIGITS)
    middle = nan_safe_median(known)
    shares = np.mean(np.sign(known) == np.sign(middle)[..., None], axis=-1) if known.shape[-1] else middle
    return np.where(np.isnan(middle), np.nan, shares)


def curve_summary(values: np.ndarray) -> CurveSummary:
    """What a set of specs says together, shape (n_specs,); those without a d are left out."""
    known = values[~np.isnan(values)]
    if not len(known):
        return CurveSummary(0, *[float("nan")] * 5)
    return CurveSummary(
        len(known),
        float(nan_safe_median(known)),
        float(same_sign_share(known)),
        float(np.mean(np.round(known, DIGITS) > 0)),
        float(known.min()),
        float(known.max()),
    )


def variance_shares(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Main effects: the share of the variance of `values` that each column of `codes` explains alone.

    Between-group over total sum of squares of a one-way analysis of variance, shape (n_dimensions,). What choices do
    only together is in none of them, so that the shares of a full grid add up to less than 1; where some combinations
    are missing they may overlap. Values that are not finite are left out; NaN where nothing varies.
    """
    known = np.isfinite(values)
    d, groups = values[known], codes[known]
    if not len(d) or np.std(d) <= NOISE:
        return np.full(codes.shape[1], np.nan)
    centred = d - d.mean()
    between = np.array([_between(centred, column) for column in groups.T])
    return np.asarray(between / np.dot(centred, centred))


def joint_placebo(curves: Sequence[np.ndarray]) -> list[JointPlacebo]:
    """The joint placebo of several readings, each a curve of shape (n_launches, n_specs), the real launch first.

    p is one-sided: the share of launches, the real one included, whose median (or share) is at least as high; the
    family-wise p is that of the largest z over all readings. The share has no direction: it is of whichever sign the
    median of its launch has.
    """
    medians = np.column_stack([nan_safe_median(curve) for curve in curves])
    shares = np.column_stack([same_sign_share(curve) for curve in curves])
    return [JointPlacebo(*both) for both in zip(placebo_ranks(medians), placebo_ranks(shares), strict=True)]


def variance_by_dimension(multiverse: Multiverse) -> list[VarianceShare]:
    """Which choice matters: every dimension with its share of the variance of all specs without hindsight."""
    those = multiverse.honest
    shares = variance_shares(multiverse.d[those], multiverse.codes[those])
    return [
        VarianceShare(dimension.name, share)
        for dimension, share in zip(multiverse.dimensions, shares.tolist(), strict=True)
    ]


def summary_by_choice(multiverse: Multiverse) -> list[tuple[Dimension, list[tuple[Choice, CurveSummary]]]]:
    """What the specs of each choice say, whatever the other choices are; those with hindsight under their own only."""
    found = []
    for place, dimension in enumerate(multiverse.dimensions):
        rows = []
        for code, choice in enumerate(dimension.choices):
            those = multiverse.codes[:, place] == code
            rows.append((choice, curve_summary(multiverse.d[those if choice.hindsight else those & multiverse.honest])))
        found.append((dimension, rows))
    return found


def specification_rank(multiverse: Multiverse, place: int) -> int:
    """Where a spec stands among all that have a d and no hindsight, 1 for the highest d."""
    known = multiverse.d[multiverse.honest]
    return int(np.sum(known > multiverse.d[place])) + 1


def _untested(rank: PlaceboRank) -> PlaceboRank:
    return PlaceboRank(rank.n, rank.effect, reason=RECONSTRUCTED)


def _between(centred: np.ndarray, column: np.ndarray) -> float:
    counts = np.bincount(column)
    sums = np.bincount(column, weights=centred)
    return float(np.sum(sums[counts > 0] ** 2 / counts[counts > 0]))
