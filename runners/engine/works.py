"""Many settings of one strategy: run in parts, each kept as soon as it is finished.

A part of a reading holds a thousand specs, a part of any other strategy is one spec. Parts go to an executor; what is
found depends on nothing but the part, and parts depend on nothing but the specs, so that a sweep that was interrupted
gives the same as one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from itertools import islice
from time import monotonic

import numpy as np

from data.errors import RequestError
from reports.pool import DeathError
from runners.engine.grid import Space
from runners.engine.kept import Kept
from runners.engine.parts import COLUMNS, PLACE, Bench, Outcome, Part, run_part
from runners.engine.pool import Done, Executor, Processes, Serial, outlived

PART = 1024  # specs of a reading that walk side by side
ROUND = 64  # parts of a round at least, so that slow ones keep many workers busy; a quick one is followed by its double
FEW = 2  # parts of a reading that are done before a worker process has started
SECONDS = 5.0  # a round should take about so long, so that it has work for many workers and memory for its outcomes
VALIDATED = 1000  # specs that are cross-validated against each other, at most: memory grows with them


@dataclass(frozen=True, eq=False)
class Found:
    """All specs of a sweep in their order, with what they gave; places count from 0.

    `table` has shape (n_specs, n_columns), in the order of COLUMNS; of the `sampled` specs those in `curves` could be
    run, and their equity is there.
    """

    specs: tuple[tuple[object, ...], ...]
    table: np.ndarray
    sampled: int
    failed: Mapping[int, str]
    curves: Mapping[int, np.ndarray]

    def column(self, name: str) -> np.ndarray:
        """One of COLUMNS, shape (n_specs,)."""
        return np.asarray(self.table[:, PLACE[name]])


@dataclass(eq=False)
class Works:
    """Runs parts on `executor` and keeps each one; `identity` says what decides the outcomes beside the specs."""

    space: Space
    bench: Bench
    executor: Executor
    kept: Kept
    identity: str
    done: Done
    _round: int = field(default=ROUND, init=False)

    def parts(self, specs: Iterable[tuple[object, ...]], sampled: frozenset[int], first: int = 0) -> Iterator[Part]:
        """The parts of `specs`, whose first has the number `first`; `sampled` are numbers whose curve is wanted."""
        size = PART if self.bench.is_reading else 1
        waiting = iter(specs)
        while chosen := list(islice(waiting, size)):
            places = range(first, first + len(chosen))
            curves = tuple(place - first for place in places if place in sampled)
            texts = tuple(map(self.space.text, chosen))
            yield Part(first, texts, tuple(map(self.space.scenario, chosen)), curves)
            first += len(chosen)

    def outcomes(self, parts: Iterable[Part]) -> Iterator[Outcome]:
        """The outcome of each part in turn: as it was kept, or as it is found now."""
        waiting = iter(parts)
        while chosen := list(islice(waiting, self._round)):
            keys = [self.key(part) for part in chosen]
            missing = [part for part, key in zip(chosen, keys, strict=True) if key not in self.kept.contents]
            found = iter(self._run(missing))
            for part, key in zip(chosen, keys, strict=True):
                if key in self.kept.contents:
                    self.done(str(part))
                    yield Outcome.of_text(self.kept.contents[key])
                else:
                    yield next(found)

    def key(self, part: Part) -> str:
        """SHA-256 (hexadecimal) of all that decides the outcome of a part."""
        return sha256(json.dumps([self.identity, part.texts, part.curves]).encode()).hexdigest()

    def _run(self, parts: Sequence[Part]) -> list[Outcome]:
        if not parts:
            return []
        began = monotonic()
        here = self.bench.is_reading and len(parts) <= FEW and isinstance(self.executor, Processes)
        executor = Serial() if here else self.executor
        keep = partial(self._keep, parts)
        found: list[Outcome] = outlived(executor, run_part, (self.bench,), parts, _dead, self.done, keep)
        took = monotonic() - began
        self._round = (
            2 * self._round if took < SECONDS else max(ROUND, self._round // 2) if took > 2 * SECONDS else self._round
        )
        return found

    def _keep(self, parts: Sequence[Part], place: int, outcome: Outcome) -> None:
        self.kept.add(self.key(parts[place]), outcome.as_text())


def _dead(part: Part, error: DeathError) -> Outcome:
    """What is told of a part of which the worker process died; not kept, so that a resumed sweep tries it again."""
    size = len(part.texts)
    return Outcome(np.full((size, len(COLUMNS)), np.nan), dict.fromkeys(range(size), error.summary))


def run_grid(works: Works) -> Found:
    """Every spec of the grid."""
    size = works.space.size
    sampled = frozenset(evenly(size, VALIDATED))
    specs = tuple(works.space.specs())
    return gathered(specs, works.outcomes(works.parts(specs, sampled)), len(sampled))


def gathered(specs: tuple[tuple[object, ...], ...], outcomes: Iterable[Outcome], sampled: int) -> Found:
    """What the parts of all specs gave, as one. Raises RequestError where not one of the specs could be run."""
    size = len(specs)
    table = np.full((size, len(COLUMNS)), np.nan)
    failed: dict[int, str] = {}
    curves: dict[int, np.ndarray] = {}
    first = 0
    for outcome in outcomes:
        table[first : first + len(outcome.table)] = outcome.table
        failed |= {first + place: reason for place, reason in outcome.failed.items()}
        curves |= {first + place: curve for place, curve in outcome.curves.items()}
        first += len(outcome.table)
    if len(failed) == size:
        raise RequestError(f"not one of {size:,} specs could be run; the first: {failed[0]}")
    return Found(specs, table, sampled, failed, curves)


def evenly(size: int, most: int) -> list[int]:
    """Places of at most `most` of `size`, evenly spread, the first and the last among them."""
    return [int(place) for place in np.unique(np.round(np.linspace(0, size - 1, min(size, most))))]
