"""Families of readings, for which p-values are adjusted together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from data.events.event import Event
from reports.statistics.placebo import PlaceboRank, placebo_ranks

AS_DECLARED = ", as declared"  # ends the label of a rival with the name of a reading of the run

Families = tuple[tuple[str, ...], ...]


def reading_families(event: Event, names: Sequence[str], long_run: Collection[str]) -> Families:
    """The readings of an event by family: its primary ones, then the others.

    Readings in `long_run`, with a claim about the long run only, are in none, since they have no test over a month.
    """
    tested = [name for name in names if name not in long_run]
    primary = tuple(name for name in tested if name.removesuffix(AS_DECLARED) in event.primary)
    others = tuple(name for name in tested if name not in primary)
    return tuple(filter(None, (primary, others)))


def grouped(names: Sequence[str], families: Families) -> Families:
    """The names by family; one that is in none is a family of its own."""
    members = [tuple(name for name in family if name in names) for family in families]
    known = {name for family in members for name in family}
    return (*filter(None, members), *((name,) for name in names if name not in known))


def ranks_by_family(values: np.ndarray, names: Sequence[str], families: Families) -> dict[str, PlaceboRank]:
    """The rank of each reading, adjusted within its family; columns of `values` as `names`, see `placebo_ranks`."""
    ranks: dict[str, PlaceboRank] = {}
    for family in grouped(names, families):
        columns = [names.index(name) for name in family]
        ranks |= dict(zip(family, placebo_ranks(values[:, columns]), strict=True))
    return ranks
