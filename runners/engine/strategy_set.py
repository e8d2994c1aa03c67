"""The strategy set of an event: the readings whose p-values are adjusted together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import strategies
from data.errors import RequestError, StrategyError
from data.events import catalog
from data.events.event import Event, EventReading
from runners.engine.author_code import author_code
from runners.engine.parameters import declared_parameters
from runners.engine.study import Study, prepare
from runners.engine.tracebacks import AUTHOR_ERRORS
from strategies.base.general_form import RoleWeights


def reading_names(event: Event) -> tuple[str, ...]:
    """Names of the event's readings; without any, all registered strategies."""
    return tuple(member.name for member in event.readings) or strategies.names()


def required_names(event: Event) -> tuple[str, ...]:
    """Names of a complete set: the event's readings; without any, the files in strategies/.

    Raises RequestError if an event file of the user names a primary reading that is not among them.
    """
    names = tuple(member.name for member in event.readings) or strategies.reading_files()
    if _has_file(event):  # of a bundled event, a reading may have been removed
        event.require_primary(names)
    return names


def event_member(event: Event, name: str) -> EventReading | None:
    """The event's reading of that name, if there is one."""
    return next((member for member in event.readings if member.name == name), None)


def is_path_of_others(strategy: str) -> bool:
    """Whether the strategy of an event's reading is given by a path that leads outside this project."""
    return ":" in strategy and not strategy.startswith("strategies.")


def load_strategy(event: Event, name: str) -> type[Any]:
    """The class of one of the event's readings, or of any name or path that `strategies.load` takes.

    Raises RequestError for an unknown name.
    """
    if member := event_member(event, name):
        try:
            return strategies.load(_relative_to_event(event, member.strategy))
        except StrategyError:
            raise
        except RequestError as error:
            raise RequestError(f"{event.locate(member)}: strategy: {error}") from None
    if ":" not in name and name not in strategies.names() and (other := _other_event(event, name)):
        raise RequestError(f"{name!r} is a reading of another event; add --event {other}")
    if event.readings and ":" not in name and name not in strategies.names():
        close = difflib.get_close_matches(name, reading_names(event), n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose from {', '.join(reading_names(event))}"
        raise RequestError(f"the event {event.name!r} has no reading {name!r}; {hint}")
    return strategies.load(name)


def _other_event(event: Event, name: str) -> str | None:
    """Name of another bundled event that has a reading of that name."""
    others = (other for other in catalog.event_names() if other != event.origin)
    return next((other for other in others if event_member(catalog.load_event(other), name)), None)


def _relative_to_event(event: Event, path: str) -> str:
    """The path of a strategy; a file is relative to the folder of the event file that names it."""
    file, _, name = path.rpartition(":")
    if not file.endswith(".py") or not _has_file(event):
        return path
    return f"{Path(event.origin).parent / file}:{name}"


def _has_file(event: Event) -> bool:
    """Whether the event was read from a file of the user's; `origin` is a name for bundled ones."""
    return event.origin.endswith(".toml")


def load_study(event: Event, name: str, benchmark: str, symbols: tuple[str, ...] = ()) -> Study:
    """The study of an event's reading or of any other strategy. `symbols` are for a plain one that declares none.

    Raises RequestError for an unknown name or parameters that the strategy does not take.
    """
    strategy, member = load_strategy(event, name), event_member(event, name)
    if member is None:
        return prepare(name, strategy, benchmark, symbols)
    parameters = typed_parameters(event, member, strategy)
    try:
        study = prepare(member.name, strategy, benchmark, symbols, parameters)
    except RequestError as error:
        raise RequestError(f"{event.locate(member)}: {error}") from None
    universe = event.universe if member.chooses else ()
    if universe and not set(universe) & set(study.symbols):
        raise RequestError(f"{event.locate(member)}: chooses: it trades none of the universe; list its symbols there")
    form = general_form(event, member)
    return replace(study, title=member.title, claim=member.claim, universe=universe, form=form)


def general_form(event: Event, member: EventReading) -> RoleWeights | None:
    """The general form that an event file gives one of its readings."""
    if not member.roles:
        return None
    try:
        return RoleWeights(**dict(member.roles), against=member.against)  # type: ignore[arg-type]  # checked there
    except RequestError as error:
        raise RequestError(f"{event.locate(member)}: {error}") from None


def loadable_studies(event: Event, benchmark: str) -> Iterator[Study]:
    """Every reading of the event whose code can be loaded."""
    for name in reading_names(event):
        try:
            with author_code():
                study = load_study(event, name, benchmark)
        except AUTHOR_ERRORS:
            continue
        yield study


def typed_parameters(event: Event, member: EventReading, strategy: type[Any]) -> Mapping[str, object]:
    """Parameters of an event's reading, converted to the types of their defaults; baskets become their symbols."""
    declared = declared_parameters(strategy)  # the schedule is that of the run
    parameters = {}
    for name, value in member.parameters:
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(declared) or 'none'}"
            raise RequestError(
                f"{event.locate(member)}: parameters.{name}: {member.strategy} has no such parameter; {hint}"
            )
        parameters[name] = _typed(event, member, name, value, declared[name])
    return parameters


def _typed(event: Event, member: EventReading, name: str, value: object, default: object) -> object:
    if isinstance(default, list | tuple):
        return _symbols(event, member, name, value)
    if default is None or type(value) is type(default):
        return value
    if isinstance(default, float) and type(value) is int:
        return float(value)
    problem = f"{value!r} has a different type than its default; give a value like {default!r}"
    raise RequestError(f"{event.locate(member)}: parameters.{name}: {problem}")


def _symbols(event: Event, member: EventReading, name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, tuple):
        return value
    baskets = dict(event.baskets)
    if isinstance(value, str) and value in baskets:
        return baskets[value]
    close = difflib.get_close_matches(str(value), baskets, n=2)
    hint = f"did you mean {' or '.join(close)}?" if close else f"the baskets are {', '.join(baskets) or 'none'}"
    raise RequestError(f"{event.locate(member)}: parameters.{name}: {value!r} is not a basket; {hint}")
