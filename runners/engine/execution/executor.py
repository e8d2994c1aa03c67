"""The Executor protocol, its serial back end, and what all back ends do about a spec that kills its worker.

A spec's result depends on nothing but the spec and what all specs share, and results come back in the order of the
specs: every executor gives the same.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import FunctionType
from typing import Any, Protocol, TypeVar

from data.errors import RequestError, WorkError

Work = Callable[..., Any]  # work(*shared, spec)
Progress = Callable[[str], None]  # called with the text of each spec that is finished
OnResult = Callable[[int, Any], None]  # called with the place of a spec and its result, once that is there

Chunk = TypeVar("Chunk")
Found = TypeVar("Found")


def no_progress(text: str) -> None:
    """Progress that nobody watches."""


def no_action(place: int, result: Any) -> None:
    """A result that only goes into the list of all results."""


class WorkerDiedError(WorkError):
    """The worker of a spec died; `place` is the index of the spec."""

    summary = "its worker process died, killed from outside or for want of memory"

    def __init__(self, spec: str, place: int = 0) -> None:
        self.spec, self.place = spec, place
        super().__init__(
            f"{spec}: {self.summary}; in a script of your own, start the work under `if __name__ == '__main__':`, so "
            f"that workers can import it"
        )

    def __reduce__(self) -> tuple[type[WorkerDiedError], tuple[str, int]]:
        return type(self), (self.spec, self.place)  # by default pickle passes the whole message as `spec`


class Executor(Protocol):
    """Runs `work(*shared, spec)` for every spec."""

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        specs: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """Results in the order of `specs`; `on_result` and `progress` are called as specs finish, in any order.

        Raises WorkError that names the spec where one fails or its worker dies, once the specs in progress are finished
        and handed to `on_result`.
        """


@dataclass(frozen=True)
class Serial:
    """One spec after the other, in this process; errors come through as they are."""

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        specs: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor."""
        results = []
        for place, spec in enumerate(specs):
            results.append(work(*shared, spec))
            on_result(place, results[place])
            progress(str(spec))
        return results


def map_surviving(
    executor: Executor,
    work: Work,
    shared: tuple[Any, ...],
    specs: Sequence[Any],
    substitute: Callable[[Any, WorkerDiedError], Any],
    progress: Progress = no_progress,
    on_result: OnResult = no_action,
    workers_live: bool = False,
) -> list[Any]:
    """`executor.map`, where a spec that kills its worker gets the result of `substitute` and stops no other spec.

    Raises WorkerDiedError at the second death where no spec has been finished: then workers cannot live at all. Not
    so with `workers_live`, for callers who know that they can, or find out themselves.
    """
    results: dict[int, Any] = {}
    substituted: set[int] = set()
    while waiting := [place for place in range(len(specs)) if place not in results]:

        def store(at: int, result: Any, waiting: Sequence[int] = waiting) -> None:
            results[waiting[at]] = result
            on_result(waiting[at], result)

        try:
            executor.map(work, shared, [specs[place] for place in waiting], progress, store)
        except WorkerDiedError as error:
            if substituted and not workers_live and len(results) == len(substituted):
                raise
            place = waiting[error.place]
            results[place] = substitute(specs[place], error)
            substituted.add(place)
            progress(str(specs[place]))
    return [results[place] for place in range(len(specs))]


def isolated(
    chunk: Chunk,
    run: Callable[[Chunk], Found],
    split: Callable[[Chunk], Sequence[Chunk]],
    deadly: Callable[[Chunk, WorkerDiedError], Found],
) -> Iterator[tuple[Chunk, Found]]:
    """Run a chunk of specs; where its worker dies, run what `split` makes of it, down to the spec that kills.

    Gives each piece with its result, in order. A piece that `split` leaves whole gets the result of `deadly`.
    """
    try:
        found = run(chunk)
    except WorkerDiedError as error:
        pieces = split(chunk)
        if len(pieces) > 1:
            for piece in pieces:
                yield from isolated(piece, run, split, deadly)
            return
        found = deadly(chunk, error)
    yield chunk, found


class _Pickler(pickle.Pickler):
    """Notes the modules of the classes and functions that a pickle names."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, type | FunctionType):
            self.modules.add(value.__module__)
        return NotImplemented


def pickled(value: object) -> tuple[bytes, frozenset[str]]:
    """A pickle, and the modules whose classes and functions it names.

    Raises RequestError for what cannot be pickled and for what is defined in `__main__`, which workers do not have.
    """
    file = BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(value)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise RequestError(
            f"workers cannot be sent this ({' '.join(str(error).split())}); make it of values, and of classes and "
            f"functions at the top of an importable module, or run it with Serial()"
        ) from None
    if "__main__" in pickler.modules:
        raise RequestError(
            "workers do not have __main__; put what is defined there into a module of its own, or run it with Serial()"
        )
    return file.getvalue(), frozenset(pickler.modules)
