"""The resumable runner of a sweep: variants run in chunks, and each outcome is kept as soon as it is finished.

A chunk holds about a thousand variants of a reading, or a single variant of any other strategy. The outcome of a chunk
depends on its variants only, so that a resumed sweep equals one that was never interrupted.
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
from runners.engine.sweep.chunk import COLUMN, ChunkInputs, ChunkOutcome, VariantChunk, run_chunk
from runners.engine.sweep.parameter_grid import ParameterSpace

CHUNK = 1024  # variants of a reading that are simulated together
ROUND = 64  # fewest chunks in a round, so that slow ones keep many workers busy; after a quick round it doubles
FEW = 2  # chunks of a reading that take less time than starting a worker process
MOST_DEATHS = 8  # of variants, while none has survived
SECONDS = 5.0  # target length of a round: enough work for many workers, few enough outcomes for memory
VALIDATED = 1000  # most variants that are cross-validated, since memory grows with their number


@dataclass(frozen=True, eq=False)
class SweepOutcome:
    """The results of all variants of a sweep, in order; indices count from 0.

    `table` has shape (n_variants, n_columns), in the order of COLUMNS. `sampled` variants were drawn for
    cross-validation; `curves` holds the equity of those that ran. `dead` are the variants whose worker process died.
    """

    variants: tuple[tuple[object, ...], ...]
    table: np.ndarray
    sampled: int
    failed: Mapping[int, str]
    curves: Mapping[int, np.ndarray]
    dead: frozenset[int] = frozenset()

    def column(self, name: str) -> np.ndarray:
        """One of COLUMNS, shape (n_variants,)."""
        return np.asarray(self.table[:, COLUMN[name]])


@dataclass(eq=False)
class ResumableRunner:
    """Runs chunks on `executor` and keeps their outcomes; `identity` is all else that outcomes depend on."""

    space: ParameterSpace
    inputs: ChunkInputs
    executor: Executor
    checkpoint: Checkpoint
    identity: str
    done: Progress
    _round: int = field(default=ROUND, init=False)
    _survived: bool = field(default=False, init=False)
    _deaths: int = field(default=0, init=False)

    def chunks(
        self, variants: Iterable[tuple[object, ...]], sampled: frozenset[int], first: int = 0
    ) -> Iterator[VariantChunk]:
        """The variants in chunks, numbered from `first`; `sampled` are the numbers whose equity curves are kept."""
        size = CHUNK if self.inputs.study.has_rule else 1
        waiting = iter(variants)
        while chosen := list(islice(waiting, size)):
            indices = range(first, first + len(chosen))
            curves = tuple(index - first for index in indices if index in sampled)
            texts = tuple(map(self.space.text, chosen))
            yield VariantChunk(first, texts, tuple(map(self.space.scenario, chosen)), curves)
            first += len(chosen)

    def outcomes(self, chunks: Iterable[VariantChunk]) -> Iterator[ChunkOutcome]:
        """The outcome of each chunk in turn, from the checkpoint or from a run."""
        waiting = iter(chunks)
        while chosen := list(islice(waiting, self._round)):
            keys = [self.key(chunk) for chunk in chosen]
            missing = [chunk for chunk, key in zip(chosen, keys, strict=True) if key not in self.checkpoint.contents]
            self._survived |= len(missing) < len(chosen)
            fresh = iter(self._run(missing))
            for chunk, key in zip(chosen, keys, strict=True):
                if key in self.checkpoint.contents:
                    self.done(str(chunk))
                    yield ChunkOutcome.of_text(self.checkpoint.contents[key])
                else:
                    yield next(fresh)

    def key(self, chunk: VariantChunk) -> str:
        """SHA-256 (hexadecimal) of everything on which the outcome of a chunk depends."""
        return sha256(json.dumps([self.identity, chunk.texts, chunk.curves]).encode()).hexdigest()

    def _run(self, chunks: Sequence[VariantChunk]) -> list[ChunkOutcome]:
        if not chunks:
            return []
        began = monotonic()
        few = self.inputs.study.has_rule and len(chunks) <= FEW and isinstance(self.executor, Processes)
        # A variant that killed the last process would kill this one; a worker is replaced, and its death reported.
        executor = Serial() if few and not self.checkpoint.interrupted else self.executor
        keep = partial(self._keep, chunks)
        # `_deadly` detects workers that cannot live at all.
        arguments = (executor, run_chunk, (self.inputs,), chunks, self._rerun, self.done, keep)
        outcomes: list[ChunkOutcome] = map_surviving(*arguments, workers_live=True)
        took = monotonic() - began
        self._round = (
            2 * self._round if took < SECONDS else max(ROUND, self._round // 2) if took > 2 * SECONDS else self._round
        )
        return outcomes

    def _rerun(self, chunk: VariantChunk, _: WorkerDiedError) -> ChunkOutcome:
        """The outcome of a chunk whose worker died: run again, then by halves, down to the variant that kills it.

        A single worker runs it, with all the memory. The deadly variant is not kept: a resumed sweep tries it again.
        """
        return ChunkOutcome.joined(
            outcome for _, outcome in isolated(chunk, self._alone, VariantChunk.halves, self._deadly)
        )

    def _alone(self, chunk: VariantChunk) -> ChunkOutcome:
        if (key := self.key(chunk)) in self.checkpoint.contents:
            self._survived = True
            return ChunkOutcome.of_text(self.checkpoint.contents[key])
        keep = partial(self._keep, [chunk])
        outcomes: list[ChunkOutcome] = Processes(1).map(run_chunk, (self.inputs,), [chunk], on_result=keep)
        return outcomes[0]

    def _deadly(self, chunk: VariantChunk, error: WorkerDiedError) -> ChunkOutcome:
        """The outcome of a variant that kills its worker. Raises `error` after MOST_DEATHS without a survivor."""
        self._deaths += 1
        if self._deaths >= MOST_DEATHS and not self._survived:
            raise error
        return ChunkOutcome.without(error.summary, dead=True)

    def _keep(self, chunks: Sequence[VariantChunk], index: int, outcome: ChunkOutcome) -> None:
        self._survived = True
        self.checkpoint.add(self.key(chunks[index]), outcome.as_text())


def run_grid(runner: ResumableRunner) -> SweepOutcome:
    """Run every variant of the grid."""
    size = runner.space.size
    sampled = frozenset(evenly_spaced(size, VALIDATED))
    variants = tuple(runner.space.variants())
    return join_outcomes(variants, runner.outcomes(runner.chunks(variants, sampled)), len(sampled))


def join_outcomes(
    variants: tuple[tuple[object, ...], ...], outcomes: Iterable[ChunkOutcome], sampled: int
) -> SweepOutcome:
    """The outcomes of all chunks as that of the sweep.

    Raises RequestError where none of the variants could be run, WorkError where worker processes died of some of them.
    """
    joined = ChunkOutcome.joined(outcomes)
    if len(joined.failed) == len(variants):
        error = WorkError if joined.dead else RequestError
        raise error(f"none of {len(variants):,} variants could be run; the first failed: {joined.failed[0]}")
    return SweepOutcome(variants, joined.table, sampled, joined.failed, joined.curves, joined.dead)


def evenly_spaced(size: int, most: int) -> list[int]:
    """Indices of at most `most` of `size` items, evenly spaced, including the first and the last."""
    return [int(index) for index in np.unique(np.round(np.linspace(0, size - 1, min(size, most))))]
