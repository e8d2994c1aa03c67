"""The Executor protocol, its serial back end, and the handling of items that kill their worker.

The result of an item depends only on the item and the shared arguments, and results keep the order of the items, so all
executors give the same results.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import FunctionType
from typing import Any, Protocol, TypeVar

from data.errors import RequestError, WorkError

Work = Callable[..., Any]  # work(*shared, item)
Progress = Callable[[str], None]  # called with the text of each finished item
OnResult = Callable[[int, Any], None]  # called with the index of each finished item and its result

Chunk = TypeVar("Chunk")
Outcome = TypeVar("Outcome")


def no_progress(text: str) -> None:
    """Ignore progress."""


def no_action(index: int, result: Any) -> None:
    """Ignore a result as it arrives; it is still returned."""


class WorkerDiedError(WorkError):
    """The worker of an item died; `item` is the text of the item and `index` its index."""

    summary = "its worker process died: it was killed or ran out of memory"

    def __init__(self, item: str, index: int = 0) -> None:
        self.item, self.index = item, index
        super().__init__(
            f"{item}: {self.summary}; in a script of your own, start the work under `if __name__ == '__main__':`, so "
            f"that workers can import it"
        )

    def __reduce__(self) -> tuple[type[WorkerDiedError], tuple[str, int]]:
        return type(self), (self.item, self.index)  # by default pickle would pass the whole message as `item`


class Executor(Protocol):
    """Runs `work(*shared, item)` for every item."""

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        items: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """Results in the order of `items`; `on_result` and `progress` are called as items finish, in any order.

        Raises WorkError, naming the item, if one fails or its worker dies, once the items in progress are finished and
        passed to `on_result`.
        """


@dataclass(frozen=True)
class Serial:
    """Runs one item after the other in this process; errors pass through unchanged."""

    def map(
        self,
        work: Work,
        shared: tuple[Any, ...],
        items: Sequence[Any],
        progress: Progress = no_progress,
        on_result: OnResult = no_action,
    ) -> list[Any]:
        """See Executor."""
        results = []
        for index, item in enumerate(items):
            results.append(work(*shared, item))
            on_result(index, results[index])
            progress(str(item))
        return results


def map_surviving(
    executor: Executor,
    work: Work,
    shared: tuple[Any, ...],
    items: Sequence[Any],
    substitute: Callable[[Any, WorkerDiedError], Any],
    progress: Progress = no_progress,
    on_result: OnResult = no_action,
    workers_live: bool = False,
) -> list[Any]:
    """`executor.map`, but an item that kills its worker gets the result of `substitute` and the others still run.

    Raises WorkerDiedError at the second death if no item has finished, since then no worker can start. Not so with
    `workers_live`, for callers who know that workers start, or check it themselves.
    """
    results: dict[int, Any] = {}
    substituted: set[int] = set()
    while waiting := [index for index in range(len(items)) if index not in results]:

        def store(position: int, result: Any, waiting: Sequence[int] = waiting) -> None:
            results[waiting[position]] = result
            on_result(waiting[position], result)

        try:
            executor.map(work, shared, [items[index] for index in waiting], progress, store)
        except WorkerDiedError as error:
            if substituted and not workers_live and len(results) == len(substituted):
                raise
            index = waiting[error.index]
            results[index] = substitute(items[index], error)
            substituted.add(index)
            progress(str(items[index]))
    return [results[index] for index in range(len(items))]


def isolated(
    chunk: Chunk,
    run: Callable[[Chunk], Outcome],
    split: Callable[[Chunk], Sequence[Chunk]],
    deadly: Callable[[Chunk, WorkerDiedError], Outcome],
) -> Iterator[tuple[Chunk, Outcome]]:
    """Run a chunk of items; if its worker dies, split it with `split` and repeat, down to the item that kills.

    Yields each piece with its result, in order. A piece that `split` returns whole gets the result of `deadly`.
    """
    try:
        outcome = run(chunk)
    except WorkerDiedError as error:
        pieces = split(chunk)
        if len(pieces) > 1:
            for piece in pieces:
                yield from isolated(piece, run, split, deadly)
            return
        outcome = deadly(chunk, error)
    yield chunk, outcome


class _Pickler(pickle.Pickler):
    """Collects the modules of the classes and functions that a pickle refers to."""

    def __init__(self, file: BytesIO) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.modules: set[str] = set()

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, type | FunctionType):
            self.modules.add(value.__module__)
        return NotImplemented


def pickled(value: object) -> tuple[bytes, frozenset[str]]:
    """A pickle, and the modules of the classes and functions that it refers to.

    Raises RequestError for values that cannot be pickled or are defined in `__main__`, which workers do not have.
    """
    file = BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(value)
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise RequestError(
            f"the work cannot be sent to workers ({' '.join(str(error).split())}); use values, classes and "
            f"functions at the top level of an importable module, or run it with Serial()"
        ) from None
    if "__main__" in pickler.modules:
        raise RequestError(
            "workers do not have __main__; move its classes and functions into a module, or run the work with Serial()"
        )
    return file.getvalue(), frozenset(pickler.modules)
