"""Where specs are worked on: in this process or in several.

An executor gives back results in the order of the specs, whatever the number of workers and the order in which they
finish; since a spec's result depends on nothing but the spec and what all share, any executor gives the same.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from data.errors import RequestError
from reports import pool
from reports.pool import DeathError, ignore

Work = Callable[..., Any]
Done = Callable[[str], None]
Keep = Callable[[int, Any], None]


def forget(place: int, result: Any) -> None:
    """A result that is kept nowhere but in the list of all."""


class Executor(Protocol):
    """Runs `work(*shared, spec)` for every spec."""

    def map(
        self, work: Work, shared: tuple[Any, ...], specs: Sequence[Any], done: Done = ignore, keep: Keep = forget
    ) -> list[Any]:
        """Results in the order of `specs`; when one is finished `keep` is told its place and result, `done` its text.

        Raises WorkError that names the spec where one fails or its worker dies, once what is being worked on elsewhere
        is finished and kept; nothing is lost silently.
        """


@dataclass(frozen=True)
class Serial:
    """One spec after the other, in this process; errors come through as they are."""

    def map(
        self, work: Work, shared: tuple[Any, ...], specs: Sequence[Any], done: Done = ignore, keep: Keep = forget
    ) -> list[Any]:
        """See Executor."""
        results = []
        for place, spec in enumerate(specs):
            results.append(work(*shared, spec))
            keep(place, results[place])
            done(str(spec))
        return results


@dataclass(frozen=True)
class Processes:
    """Worker processes on this machine, `jobs` of them (None: one a processor).

    `shared` is sent once a worker. Ctrl-C finishes what is being worked on and drops what waits.
    """

    jobs: int | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and (isinstance(self.jobs, bool) or not isinstance(self.jobs, int) or self.jobs < 1):
            raise ValueError(f"jobs is {self.jobs!r}; give a whole number of processes, 1 or more, or None")

    def map(
        self, work: Work, shared: tuple[Any, ...], specs: Sequence[Any], done: Done = ignore, keep: Keep = forget
    ) -> list[Any]:
        """See Executor. Raises RequestError for what cannot be sent to another process."""
        require_sendable(work, shared)
        results: list[Any] = [None] * len(specs)
        tasks = {_Numbered(place, spec): (spec,) for place, spec in enumerate(specs)}
        for task, result in pool.outcomes(work, tasks, self.jobs, shared):
            results[task.place] = result
            keep(task.place, result)
            done(str(task))
        return results


def outlived(
    executor: Executor,
    work: Work,
    shared: tuple[Any, ...],
    specs: Sequence[Any],
    lost: Callable[[Any, DeathError], Any],
    done: Done = ignore,
    keep: Keep = forget,
    lived: bool = False,
) -> list[Any]:
    """`executor.map`, where a spec of which a worker process dies gives what `lost` says of it, and stops no other.

    Where two die and none has lived, here or before (`lived`), the fault is not theirs: raises DeathError.
    """
    found: dict[int, Any] = {}
    dead: dict[int, Any] = {}
    while waiting := [place for place in range(len(specs)) if place not in found and place not in dead]:

        def found_at(at: int, result: Any, waiting: Sequence[int] = waiting) -> None:
            found[waiting[at]] = result
            keep(waiting[at], result)

        try:
            executor.map(work, shared, [specs[place] for place in waiting], done, found_at)
        except DeathError as error:
            if not isinstance(error.name, _Numbered) or (dead and not found and not lived):
                raise
            place = waiting[error.name.place]
            dead[place] = lost(specs[place], error)
            done(str(specs[place]))
    return [dead[place] if place in dead else found[place] for place in range(len(specs))]


@dataclass(frozen=True, eq=False)
class _Numbered:
    """A spec under its number: equal specs stay apart."""

    place: int
    spec: Any

    def __str__(self) -> str:
        return str(self.spec)


def require_sendable(work: Work, shared: tuple[Any, ...]) -> None:
    """Raise RequestError for what cannot be sent to another process, with the remedy."""
    for part in (work, *shared):
        if getattr(part, "__module__", "") == "__main__":
            raise RequestError(
                f"{part.__qualname__} is defined in __main__, which worker processes do not have; "
                f"put it into a module of its own, or run it with Serial()"
            )
        try:
            pickle.dumps(part, protocol=pickle.HIGHEST_PROTOCOL)
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise RequestError(
                f"worker processes cannot be sent {part!r} ({error}); "
                f"define it at the top of an importable module, or run it with Serial()"
            ) from None
