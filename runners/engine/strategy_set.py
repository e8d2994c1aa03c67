"""The strategy set of an event: the readings that are run and judged together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import strategies
from data.errors import RequestError, StrategyError
from data.events import catalog
from data.events.event import Event, EventReading
from runners.engine.parameters import declared_parameters
from runners.engine.study import Study, prepare
from runners.engine.tracebacks import AUTHOR_ERRORS


def reading_names(event: Event) -> tuple[str, ...]:
    """Names of the event's own readings; the files of strategies/ where it has none."""
    return tuple(member.name for member in event.readings) or strategies.names()


def required_names(event: Event) -> tuple[str, ...]:
    """Names without which the set is not complete: the event's own readings, else the files of strategies/."""
    return tuple(found.name for found in event.readings) or strategies.reading_files()


def event_member(event: Event, name: str) -> EventReading | None:
    """The event's own reading of that name."""
    return next((found for found in event.readings if found.name == name), None)


def load_strategy(event: Event, name: str) -> type[Any]:
    """The class behind a name of the event's own readings, or behind whatever `strategies.load` takes.

    Raises RequestError for an unknown name.
    """
    if own := event_member(event, name):
        try:
            return strategies.load(_placed(event, own.strategy))
        except StrategyError:
            raise
        except RequestError as error:
            raise RequestError(f"{event.place(own)}: strategy: {error}") from None
    if ":" not in name and name not in strategies.names() and (other := _of_another(event, name)):
        raise RequestError(f"{name!r} is a reading of another event; add --event {other}")
    if event.readings and ":" not in name and name not in strategies.names():
        close = difflib.get_close_matches(name, reading_names(event), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(reading_names(event))}"
        raise RequestError(f"the event {event.name!r} has no reading {name!r}; {hint}")
    return strategies.load(name)


def _of_another(event: Event, name: str) -> str | None:
    """The bundled event that has a reading of that name."""
    others = (other for other in catalog.event_names() if other != event.origin)
    return next((other for other in others if event_member(catalog.load_event(other), name)), None)


def _placed(event: Event, path: str) -> str:
    """A strategy's file as an event file names it: from its own folder on."""
    file, _, name = path.rpartition(":")
    if not file.endswith(".py") or not event.origin.endswith(".toml"):
        return path
    return f"{Path(event.origin).parent / file}:{name}"


def load_study(event: Event, name: str, benchmark: str, symbols: tuple[str, ...] = ()) -> Study:
    """A reading of the event, or any other strategy, ready to run. `symbols` are for a plain one that declares none.

    Raises RequestError for an unknown name, or parameters that the strategy does not take.
    """
    strategy, own = load_strategy(event, name), event_member(event, name)
    if own is None:
        return prepare(name, strategy, benchmark, symbols)
    given = typed_parameters(event, own, strategy)
    try:
        study = prepare(own.name, strategy, benchmark, symbols, given)
    except RequestError as error:
        raise RequestError(f"{event.place(own)}: {error}") from None
    universe = event.universe if own.chooses else ()
    if universe and not set(universe) & set(study.symbols):
        raise RequestError(f"{event.place(own)}: chooses: it trades none of the universe; list its symbols there")
    return replace(study, title=own.title, claim=own.claim, universe=universe)


def loadable_studies(event: Event, benchmark: str) -> Iterator[Study]:
    """Every reading of the event that can be loaded; what its own code stops is left out, as it is by every run."""
    for name in reading_names(event):
        with suppress(*AUTHOR_ERRORS):
            yield load_study(event, name, benchmark)


def typed_parameters(event: Event, own: EventReading, strategy: type[Any]) -> Mapping[str, object]:
    """The parameters of an event's reading, each of the type of its default, baskets as their symbols."""
    known = declared_parameters(strategy)  # the schedule is that of the run
    found = {}
    for name, value in own.parameters:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(known) or 'none'}"
            raise RequestError(f"{event.place(own)}: parameters.{name}: {own.strategy} has no such parameter; {hint}")
        found[name] = _typed(event, own, name, value, known[name])
    return found


def _typed(event: Event, own: EventReading, name: str, value: object, default: object) -> object:
    if isinstance(default, list | tuple):
        return _symbols(event, own, name, value)
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    problem = f"{value!r} is of another kind than its default; give a value like {default!r}"
    raise RequestError(f"{event.place(own)}: parameters.{name}: {problem}")


def _symbols(event: Event, own: EventReading, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    baskets = dict(event.baskets)
    if isinstance(value, str) and value in baskets:
        return baskets[value]
    close = difflib.get_close_matches(str(value), baskets, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else f"the baskets are {', '.join(baskets) or 'none'}"
    raise RequestError(f"{event.place(own)}: parameters.{name}: {value!r} is no basket; {hint}")
