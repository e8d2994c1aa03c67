"""A run from Python: what `runners.run` does, with the parts that the command is made of."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike, fspath
from typing import Any

from data import events
from data.errors import DataError, RequestError
from data.prices import Prices
from data.printable import printable
from data.sources import Source, open_source
from reports.pool import ignore
from reports.result import Failure, Run
from runners import deepseek, job
from runners.engine.frictions import Frictions
from runners.engine.parameters import declared_parameters
from runners.engine.pool import Executor, Processes, Serial
from runners.engine.study import Study


@dataclass(frozen=True)
class Asked:
    """The options of `runners.run`, see there."""

    source: str | PathLike[str] | Source | Prices
    start: str | None
    end: str | None
    entry: str
    hold: int | None
    rebalance: int
    benchmark: str
    symbols: tuple[str, ...]
    parameters: Mapping[str, object]
    frictions: Frictions | None
    event: str


def run(readings: Sequence[str | type[Any]], asked: Asked, judged: bool, jobs: int | None) -> Run:
    """See `runners.run`."""
    with _options_as_in_python():
        classes = {_path(reading): reading for reading in readings if not isinstance(reading, str)}
        names = tuple(reading if isinstance(reading, str) else _path(reading) for reading in readings)
        request = job.Request(
            *(names, asked.entry, asked.hold, asked.rebalance, asked.benchmark, asked.symbols),
            frictions=asked.frictions or Frictions(),
            event=events.load(asked.event),
        )
        executor = _executor(names, jobs) if judged else None
        found, stopped = job.gathered(request, classes)
        subjects = _changed(found, asked.parameters)
        supply = _supply(request, subjects, asked, judged, stopped)
        return deepseek.gather(request, supply, _command(request, asked, judged), executor, lambda *_: ignore)


def several(readings: object) -> tuple[str | type[Any], ...]:
    """What was given as several readings. Raises RequestError for none, and for what is neither names nor classes."""
    found = tuple(readings) if isinstance(readings, Iterable) else (readings,)
    if not found:
        raise RequestError("no reading is named: give names or classes, or leave them out for all readings")
    for reading in found:
        if not isinstance(reading, str | type):
            raise RequestError(f"{reading!r} is no reading; give a name or a strategy class")
    return found


def _path(strategy: type[Any]) -> str:
    return f"{strategy.__module__}:{strategy.__qualname__}"


def _is_at_hand(name: str) -> bool:
    """Whether a class lives in this process alone."""
    return name.startswith("__main__:") or "<locals>" in name


def _executor(names: Sequence[str], jobs: int | None) -> Executor:
    """Without a number of jobs this process: workers import `__main__`, which a script may not be ready for."""
    if jobs is None:
        return Serial()
    if here := [name for name in names if _is_at_hand(name)]:
        raise RequestError(
            f"{here[0].partition(':')[2]} is defined where worker processes cannot import it; "
            "leave jobs out, or put it into a module of its own"
        )
    return Processes(jobs)


def _changed(subjects: tuple[Study, ...], parameters: Mapping[str, object]) -> tuple[Study, ...]:
    """The study with other parameters."""
    if not parameters:
        return subjects
    if len(subjects) != 1:
        raise RequestError(f"parameters are for one strategy, and {len(subjects)} were asked for; run them one by one")
    (subject,) = subjects
    own = declared_parameters(subject.strategy)
    if unknown := [name for name in parameters if name not in own]:
        raise RequestError(f"{subject.name} has no parameter {unknown[0]!r}; it has {', '.join(own) or 'none'}")
    return (subject.with_parameters(parameters),)


def _supply(
    request: job.Request, subjects: Sequence[Study], asked: Asked, judged: bool, stopped: Mapping[str, Failure]
) -> deepseek.Supply:
    """The studies with their prices, and what has to be said of them."""
    source = asked.source
    if isinstance(source, Prices):
        if asked.start or asked.end:
            raise RequestError("start and end are for a source that is read; these prices were: load others")
        supply = deepseek.load(request, subjects, source.select, judged, stopped)
        notes: tuple[str, ...] = () if source.real else (f"Prices are no history but {source.origin}",)
        return replace(supply, notices=(*notes, *supply.notices))
    opened = open_source(source) if isinstance(source, str | PathLike) else source
    window = deepseek.Window(opened.name, asked.start, asked.end)
    reader: Callable[[Sequence[str]], Prices] = partial(deepseek.read, window, opened)
    supply = deepseek.load(request, subjects, reader, judged, stopped)
    return replace(supply, notices=(*opened.notes, *supply.notices))


def _command(request: job.Request, asked: Asked, judged: bool) -> str | None:
    """The command that gives the same run; None where no command can ask for it."""
    source = asked.source
    if not isinstance(source, str | PathLike) or asked.parameters or request.frictions != Frictions():
        return None
    if any(map(_is_at_hand, request.readings)):
        return None
    return deepseek.command_line(request, deepseek.Window(fspath(source), asked.start, asked.end), judged)


@contextmanager
def _options_as_in_python() -> Iterator[None]:
    """Errors name options as the command spells them; here they are arguments."""
    try:
        yield
    except (RequestError, DataError) as error:
        message = printable(re.sub(r"--([a-z]+)", r"\1", str(error)))
        raise type(error)(message).with_traceback(sys.exc_info()[2]) from None
