"""The grid of specifications of a reading: every combination of its choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.events.event import Event
from reports.records.multiverse import Choice, Dimension
from runners.engine.research import specification
from runners.engine.research.specification import AGAINST, BASKET, ReadingVariant
from runners.engine.study import Study
from strategies.base.comparator import comparator_symbols

CALENDAR = "SPY"  # past entries begin after its first session, whatever the readings trade
AXES = ("entry", "horizon", "rebalance", "lag", "costs", "borrow", BASKET, AGAINST)  # of every grid


@dataclass(frozen=True)
class SpecificationSpace:
    """A reading with its dimensions in the order of AXES, including those with a single choice."""

    study: Study
    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return int(self.distinct.sum())

    def choices(self, name: str) -> tuple[Choice, ...]:
        """The choices of one dimension."""
        return self.dimensions[AXES.index(name)].choices

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of choices of each dimension."""
        return tuple(len(dimension.choices) for dimension in self.dimensions)

    @property
    def codes(self) -> np.ndarray:
        """The choice of every point of the grid in each dimension, shape (n_points, n_dimensions)."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T

    @property
    def distinct(self) -> np.ndarray:
        """Whether a point of the grid repeats no other one, shape (n_points,).

        A decision at or after the horizon does not change d at it: among rebalancing intervals that reach the horizon,
        only the shortest counts, and so among turns of a reading.
        """
        codes = self.codes
        horizons, intervals = (
            np.array([choice.value for choice in self.choices(name)])[codes[:, AXES.index(name)]]
            for name in ("horizon", "rebalance")
        )
        distinct, turns = shortest_beyond(intervals, horizons), [each.value.turn for each in self.choices(BASKET)]
        if None in turns:
            return distinct
        return np.asarray(distinct & shortest_beyond(np.array(turns)[codes[:, AXES.index(BASKET)]], horizons))

    @property
    def needed(self) -> tuple[str, ...]:
        """All symbols whose prices are needed."""
        symbols = [*self.study.required_symbols]
        for choice in (*self.choices(BASKET), *self.choices(AGAINST)):
            variant: ReadingVariant = choice.value
            symbols += [] if variant.perturbation is None else variant.perturbation.added
            symbols += [] if variant.comparator is None else comparator_symbols(variant.comparator)
        return tuple(dict.fromkeys(symbols))


def shortest_beyond(intervals: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """Whether an interval ends before its horizon or is the shortest one that does not; all shapes are (n,)."""
    ordered = np.unique(intervals)
    shortest = np.append(ordered, ordered[-1])[ordered.searchsorted(horizons)]
    return np.asarray((intervals < horizons) | (intervals == shortest))


def specification_spaces(studies: Sequence[Study], event: Event) -> tuple[SpecificationSpace, ...]:
    """The spaces of the studies that have a rule."""
    return tuple(
        SpecificationSpace(study, specification.all_dimensions(study, event)) for study in studies if study.has_rule
    )


def count_tasks(spaces: Sequence[SpecificationSpace]) -> int:
    """Number of tasks, for a display of progress."""
    return sum(len(space.choices(BASKET)) for space in spaces)


def own_dimensions(space: SpecificationSpace) -> tuple[Dimension, ...]:
    """The dimensions that only this reading has: its baskets (or sprints) and comparators, where there are several."""
    return tuple(each for each in space.dimensions[AXES.index(BASKET) :] if len(each.choices) > 1)


def multiverse_symbols(spaces: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """All symbols whose prices the run needs, in order of first mention."""
    return tuple(dict.fromkeys([*(symbol for space in spaces for symbol in space.needed), CALENDAR]))


def essential_symbols(spaces: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """Symbols that the declared baskets and all comparators need."""
    return multiverse_symbols([narrow_to_prices(space, space.study.required_symbols) for space in spaces])


def narrow_to_prices(space: SpecificationSpace, symbols: Sequence[str]) -> SpecificationSpace:
    """The space without the baskets that need other symbols than `symbols`."""
    baskets = tuple(choice for choice in space.choices(BASKET) if set(_added(choice)) <= set(symbols))
    return SpecificationSpace(
        space.study,
        tuple(
            replace(each, choices=baskets) if axis == BASKET else each
            for axis, each in zip(AXES, space.dimensions, strict=True)
        ),
    )


def _added(choice: Choice) -> tuple[str, ...]:
    variant: ReadingVariant = choice.value
    return () if variant.perturbation is None else variant.perturbation.added
