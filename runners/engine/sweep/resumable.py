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

from data.errors import RequestError, WorkError
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import (
    Executor,
    Progress,
    Serial,
    WorkerDiedError,
    isolated,
    map_surviving,
)
from runners.engine.execution.processes import Processes
from runners.engine.sweep.chunk import PLACE, ChunkInputs, ChunkOutcome, SpecChunk, run_chunk
from runners.engine.sweep.parameter_grid import ParameterSpace

PART = 1024  # specs of a reading that walk side by side
ROUND = 64  # parts of a round at least, so that slow ones keep many workers busy; a quick one is followed by its double
FEW = 2  # parts of a reading that are done before a worker process has started
MOST_DEATHS = 8  # of specs, while none has lived
SECONDS = 5.0  # a round should take about so long, so that it has work for many workers and memory for its outcomes
VALIDATED = 1000  # specs that are cross-validated against each other, at most: memory grows with them


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """All specs of a sweep in their order, with what they gave; places count from 0.

    `table` has shape (n_specs, n_columns), in the order of COLUMNS; of the `sampled` specs those in `curves` could be
    run, and their equity is there. `dead` are those that failed because their worker process died.
    """

    specs: tuple[tuple[object, ...], ...]
    table: np.ndarray
    sampled: int
    failed: Mapping[int, str]
    curves: Mapping[int, np.ndarray]
    dead: frozenset[int] = frozenset()

    def column(self, name: str) -> np.ndarray:
        """One of COLUMNS, shape (n_specs,)."""
        return np.asarray(self.table[:, PLACE[name]])


@dataclass(eq=False)
class ResumableRunner:
    """Runs parts on `executor` and keeps each one; `identity` says what decides the outcomes beside the specs."""

    space: ParameterSpace
    bench: ChunkInputs
    executor: Executor
    kept: Checkpoint
    identity: str
    done: Progress
    _round: int = field(default=ROUND, init=False)
    _lived: bool = field(default=False, init=False)
    _deaths: int = field(default=0, init=False)

    def parts(
        self, specs: Iterable[tuple[object, ...]], sampled: frozenset[int], first: int = 0
    ) -> Iterator[SpecChunk]:
        """The parts of `specs`, whose first has the number `first`; `sampled` are numbers whose curve is wanted."""
        size = PART if self.bench.subject.has_rule else 1
        waiting = iter(specs)
        while chosen := list(islice(waiting, size)):
            places = range(first, first + len(chosen))
            curves = tuple(place - first for place in places if place in sampled)
            texts = tuple(map(self.space.text, chosen))
            yield SpecChunk(first, texts, tuple(map(self.space.scenario, chosen)), curves)
            first += len(chosen)

    def outcomes(self, parts: Iterable[SpecChunk]) -> Iterator[ChunkOutcome]:
        """The outcome of each part in turn: as it was kept, or as it is found now."""
        waiting = iter(parts)
        while chosen := list(islice(waiting, self._round)):
            keys = [self.key(part) for part in chosen]
            missing = [part for part, key in zip(chosen, keys, strict=True) if key not in self.kept.contents]
            self._lived |= len(missing) < len(chosen)
            found = iter(self._run(missing))
            for part, key in zip(chosen, keys, strict=True):
                if key in self.kept.contents:
                    self.done(str(part))
                    yield ChunkOutcome.of_text(self.kept.contents[key])
                else:
                    yield next(found)

    def key(self, part: SpecChunk) -> str:
        """SHA-256 (hexadecimal) of all that decides the outcome of a part."""
        return sha256(json.dumps([self.identity, part.texts, part.curves]).encode()).hexdigest()

    def _run(self, parts: Sequence[SpecChunk]) -> list[ChunkOutcome]:
        if not parts:
            return []
        began = monotonic()
        few = self.bench.subject.has_rule and len(parts) <= FEW and isinstance(self.executor, Processes)
        # What ended a process before would end this one; in a worker it is told.
        executor = Serial() if few and not self.kept.interrupted else self.executor
        keep = partial(self._keep, parts)
        # `_deadly` finds out whether workers can live at all.
        work = (executor, run_chunk, (self.bench,), parts, self._again, self.done, keep)
        found: list[ChunkOutcome] = map_surviving(*work, workers_live=True)
        took = monotonic() - began
        self._round = (
            2 * self._round if took < SECONDS else max(ROUND, self._round // 2) if took > 2 * SECONDS else self._round
        )
        return found

    def _again(self, part: SpecChunk, _: WorkerDiedError) -> ChunkOutcome:
        """The outcome of a part that killed its worker: run again, then by halves, down to the spec that kills.

        One worker runs it, which has all the memory. What kills is not kept, and tried again when the sweep is resumed.
        """
        return ChunkOutcome.joined(found for _, found in isolated(part, self._alone, SpecChunk.halves, self._deadly))

    def _alone(self, part: SpecChunk) -> ChunkOutcome:
        if (key := self.key(part)) in self.kept.contents:
            self._lived = True
            return ChunkOutcome.of_text(self.kept.contents[key])
        keep = partial(self._keep, [part])
        found: list[ChunkOutcome] = Processes(1).map(run_chunk, (self.bench,), [part], on_result=keep)
        return found[0]

    def _deadly(self, part: SpecChunk, error: WorkerDiedError) -> ChunkOutcome:
        """The outcome of one spec that kills. Raises its error where MOST_DEATHS specs died and none has lived."""
        self._deaths += 1
        if self._deaths >= MOST_DEATHS and not self._lived:
            raise error
        return ChunkOutcome.without(error.summary, dead=True)

    def _keep(self, parts: Sequence[SpecChunk], place: int, outcome: ChunkOutcome) -> None:
        self._lived = True
        self.kept.add(self.key(parts[place]), outcome.as_text())


def run_grid(works: ResumableRunner) -> SweepOutcome:
    """Every spec of the grid."""
    size = works.space.size
    sampled = frozenset(evenly_spaced(size, VALIDATED))
    specs = tuple(works.space.specs())
    return join_outcomes(specs, works.outcomes(works.parts(specs, sampled)), len(sampled))


def join_outcomes(
    specs: tuple[tuple[object, ...], ...], outcomes: Iterable[ChunkOutcome], sampled: int
) -> SweepOutcome:
    """What the parts of all specs gave, as one.

    Raises RequestError where not one of the specs could be run, WorkError where worker processes died of some.
    """
    found = ChunkOutcome.joined(outcomes)
    if len(found.failed) == len(specs):
        error = WorkError if found.dead else RequestError
        raise error(f"not one of {len(specs):,} specs could be run; the first: {found.failed[0]}")
    return SweepOutcome(specs, found.table, sampled, found.failed, found.curves, found.dead)


def evenly_spaced(size: int, most: int) -> list[int]:
    """Places of at most `most` of `size`, evenly spread, the first and the last among them."""
    return [int(place) for place in np.unique(np.round(np.linspace(0, size - 1, min(size, most))))]
