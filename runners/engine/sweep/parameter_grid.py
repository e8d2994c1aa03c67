"""The parameters of a sweep: their names, how their values are written, and the variants that they span."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import product
from math import isfinite, prod
from typing import Any, TypeGuard, TypeVar

import pandas as pd

from data.errors import RequestError
from data.events.event import Event
from data.text import LONGEST, shorten
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.parameters import declared_parameters
from runners.engine.request import Request, parse_session
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import Scenario
from strategies.base.comparator import comparator_symbols
from strategies.base.schedule import Schedule

T = TypeVar("T")
MOST_VARIANTS = 1_000_000  # variants that run without --yes
FRICTIONS = ("commission_bps", "half_spread_bps", "borrow_rate", "cash_rate", "lag")
STRATEGY_PREFIX, SCHEDULE_PREFIX = "strategy.", "launch."  # before a name with two meanings
DOTS = ".."  # between the ends of a range


@dataclass(frozen=True)
class ValueKind:
    """A kind of parameter value: its description, how it is read from text, and whether a range is possible."""

    expects: str
    read: Callable[[str], object]
    ranged: bool = False


@dataclass(frozen=True)
class DeclaredParameter:
    """A parameter that can be swept: its name, target (the setting it changes), group, default and kind of value."""

    name: str
    target: str
    group: str
    default: object
    kind: ValueKind | None

    @property
    def scheduled(self) -> str:
        """The setting of the schedule that it changes; empty for any other parameter, whatever its name."""
        return self.target if self.group == "schedule" else ""

    @property
    def default_label(self) -> str:
        """Its default as text."""
        return self.label(self.default)

    def label(self, value: object) -> str:
        """A value as text; None as the schedule names it."""
        if value is None:
            return {"hold": "end", "rebalance": "never"}.get(self.scheduled, "none")
        return value_label(value)


@dataclass(frozen=True)
class EntryChoice:
    """An entry as written on the command line, with its session and that of the shock."""

    text: str
    entry: pd.Timestamp
    shock: pd.Timestamp | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ParameterRange:
    """All numbers from `low` to `high`; whole numbers where both are whole."""

    low: float
    high: float

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __str__(self) -> str:
        return f"{value_label(self.low)}..{value_label(self.high)}"


@dataclass(frozen=True)
class GridParameter:
    """A parameter with its values in a grid, or its range in a search."""

    declared: DeclaredParameter
    values: tuple[object, ...] | ParameterRange

    @property
    def name(self) -> str:
        """The name as written on the command line."""
        return self.declared.name


@dataclass(frozen=True)
class ParameterSpace:
    """A study and its swept parameters. A variant is a tuple with one value for each of `parameters`, in order.

    `history` is that of EntrySchedule.
    """

    study: Study
    entry: EntryChoice
    parameters: tuple[GridParameter, ...]
    frictions: Frictions = field(default_factory=Frictions)
    history: int | None = 1

    @property
    def size(self) -> int:
        """Number of variants of the grid. Raises RequestError where a parameter has a range."""
        return prod(len(parameter_values(parameter)) for parameter in self.parameters)

    @property
    def entries(self) -> tuple[pd.Timestamp, ...]:
        """The entries of all variants."""
        return tuple(choice.entry for choice in self._choices)

    @property
    def shocks(self) -> tuple[pd.Timestamp | None, ...]:
        """The shocks of all variants."""
        return (*(choice.shock for choice in self._choices), *self._swept(pd.Timestamp))

    @property
    def _choices(self) -> tuple[EntryChoice, ...]:
        return self._swept(EntryChoice) or (self.entry,)

    def _swept(self, kind: type[T]) -> tuple[T, ...]:
        """All values of this kind in the grid."""
        values = (value for each in self.parameters if isinstance(each.values, tuple) for value in each.values)
        return tuple(value for value in values if isinstance(value, kind))

    def variants(self) -> Iterator[tuple[object, ...]]:
        """Every variant of the grid, the last parameter varying fastest."""
        return product(*(parameter_values(parameter) for parameter in self.parameters))

    def scenario(self, variant: Sequence[object]) -> Scenario:
        """The scenario of a variant."""
        given: dict[str, dict[str, Any]] = {"parameter": {}, "schedule": {}, "friction": {}}
        for parameter, value in zip(self.parameters, variant, strict=True):
            given[parameter.declared.group][parameter.declared.target] = value
        schedule = given["schedule"]
        chosen: EntryChoice = schedule.pop("entry", self.entry)
        return Scenario(
            chosen.entry,
            schedule.get("hold", EntrySchedule.hold),
            schedule.get("rebalance", EntrySchedule.rebalance),
            schedule.get("shock", chosen.shock),
            replace(self.frictions, **given["friction"]) if given["friction"] else self.frictions,
            {**self.study.parameters, **given["parameter"]},
            self.history,
        )

    def text(self, variant: Sequence[object]) -> str:
        """A variant as text, which is unique to it."""
        return " ".join(
            f"{parameter.name}={label}" for parameter, label in zip(self.parameters, self.labels(variant), strict=True)
        )

    def labels(self, variant: Sequence[object]) -> tuple[str, ...]:
        """The values of a variant as text."""
        return tuple(parameter.declared.label(value) for parameter, value in zip(self.parameters, variant, strict=True))


def parameter_values(parameter: GridParameter) -> tuple[object, ...]:
    """The values of a parameter. Raises RequestError for a range."""
    if isinstance(parameter.values, ParameterRange):
        raise RequestError(
            f"-p {parameter.name}={parameter.values} is a range, which only a search can draw from; "
            f"add --search optuna, or list values: "
            f"-p {parameter.name}={value_label(parameter.values.low)},{value_label(parameter.values.high)}"
        )
    return parameter.values


def value_label(value: object) -> str:
    """A value as it is written on the command line; floats to the last bit."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case date():
            return f"{value:%Y-%m-%d}"
        case list() | tuple():
            return "+".join(map(value_label, value))
    return str(value)


def parameter_space(event: Event, study: Study, entry: str, texts: Sequence[str]) -> ParameterSpace:
    """The space that `texts` span, each NAME=VALUE,VALUE or NAME=LOW..HIGH, for a study entered at `entry` of `event`.

    Raises RequestError for an unknown name, a value of the wrong type, a value or a name given twice, or none at all.
    """
    if not texts:
        raise RequestError("an empty grid: vary at least one parameter, for example -p hold=20,60,120")
    declared = sweepable_parameters(study, event)
    parameters = tuple(_grid_parameter(study, declared, text) for text in texts)
    targets = [(parameter.declared.group, parameter.declared.target) for parameter in parameters]
    for index, parameter in enumerate(parameters):
        if targets[index] in targets[:index]:
            raise RequestError(
                f"-p {parameter.name} is given twice; list all of its values in one, separated by commas"
            )
    if entry != "published" and ("schedule", "entry") in targets:
        raise RequestError(f"--entry {entry} and -p entry both name the entry; leave one of them out")
    _require_same_symbols(study, parameters)
    return ParameterSpace(study, parse_entry(entry, event), parameters)


def _require_same_symbols(study: Study, parameters: Sequence[GridParameter]) -> None:
    """Raise RequestError unless all variants share their symbols and their comparator's."""
    for parameter in (parameter for parameter in parameters if parameter.declared.group == "parameter"):
        for value in (parameter.values.low,) if isinstance(parameter.values, ParameterRange) else parameter.values:
            changed = study.with_parameters({parameter.declared.target: value})
            same_comparator = comparator_symbols(changed.comparator) == comparator_symbols(study.comparator)
            if not (same_comparator and set(changed.symbols) <= set(study.symbols)):
                raise RequestError(
                    f"-p {parameter.name}: {value_label(value)} changes the symbols of {study.name} or of its "
                    f"comparator; make it a reading of its own in an event file"
                )


def require_affordable(size: int, confirmed: bool, remedy: str) -> None:
    """Raise RequestError for more than a million variants without confirmation."""
    if size > MOST_VARIANTS and not confirmed:
        raise RequestError(f"{size:,} variants are more than {MOST_VARIANTS:,}; {remedy}, or confirm with --yes")


def parse_entry(text: str, event: Event) -> EntryChoice:
    """The entry that `text` names: published, shock or a date. Raises RequestError for a date without a session."""
    schedule = Request(entry=text, event=event).schedule
    return EntryChoice(text, schedule.entry, schedule.shock)


def sweepable_parameters(study: Study, event: Event) -> dict[str, DeclaredParameter]:
    """Every parameter that can be swept, by name: those of the strategy, of its schedule and of its frictions."""
    own = declared_parameters(study.strategy) | study.parameters
    entries = ValueKind("published, shock or a session, YYYY-MM-DD", partial(parse_entry, event=event))
    kinds = {**KINDS, "entry": entries}
    schedule = {
        "entry": "published",
        **{name: getattr(EntrySchedule, name) for name in ("hold", "rebalance")},
        "shock": None,
    }
    others = [
        *(("schedule", name, value) for name, value in schedule.items() if name not in study.ignores),
        *(("friction", name, getattr(Frictions, name)) for name in FRICTIONS if name not in study.ignores),
    ]
    ambiguous = own.keys() & {name for _, name, _ in others}
    parameters = [
        DeclaredParameter(
            f"{STRATEGY_PREFIX}{name}" if name in ambiguous else name, name, "parameter", default, value_kind(default)
        )
        for name, default in own.items()
    ]
    parameters += [
        DeclaredParameter(f"{SCHEDULE_PREFIX}{name}" if name in ambiguous else name, name, group, default, kinds[name])
        for group, name, default in others
    ]
    return {parameter.name: parameter for parameter in parameters}


def value_kind(default: object) -> ValueKind | None:
    """The kind of value of a parameter, by the type of its default; None where text cannot express it."""
    if isinstance(default, list | tuple):
        return _joined(default)
    return next((kind for types, kind in TYPES if isinstance(default, types)), None)


def _grid_parameter(study: Study, declared: Mapping[str, DeclaredParameter], text: str) -> GridParameter:
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals:
        raise RequestError(f"-p {text} names no values; write NAME=VALUE,VALUE, for example -p hold=20,60,120")
    parameter = _declared(study, declared, name)
    if parameter.kind is None:
        raise RequestError(
            f"-p {name}: its default is {parameter.default!r}, which cannot be written on a command line; "
            f"write a subclass for each value"
        )
    parts = tuple(part.strip() for part in values.split(","))
    if not all(parts):
        raise RequestError(
            f"-p {text}: an empty grid, since a value of {name} is missing; expected: {parameter.kind.expects}"
        )
    if parameter.kind.ranged and len(parts) == 1 and DOTS in parts[0]:
        return GridParameter(parameter, _range(parameter, parts[0]))
    return GridParameter(parameter, _distinct(parameter, [_read(parameter, part) for part in parts]))


def _declared(study: Study, declared: Mapping[str, DeclaredParameter], name: str) -> DeclaredParameter:
    if name in declared:
        return declared[name]
    if f"{STRATEGY_PREFIX}{name}" in declared:
        raise RequestError(
            f"-p {name} can mean two things: write {STRATEGY_PREFIX}{name} for the parameter of {study.name}, "
            f"or {SCHEDULE_PREFIX}{name} for the schedule and the costs of the run"
        )
    if name in study.ignores:
        raise RequestError(f"-p {name}: {study.name} is a plain strategy and has no {name}; {study.ignores[name]}")
    close = difflib.get_close_matches(name.lower(), declared, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise RequestError(f"-p {name}: {study.name} has no parameter {name!r}; {hint}it has {', '.join(declared)}")


def _read(parameter: DeclaredParameter, text: str) -> object:
    if parameter.kind is None:
        raise AssertionError("refused before")
    try:
        return parameter.kind.read(text)
    except ValueError as error:
        reason = f" ({error})" if isinstance(error, RequestError) else ""
        raise RequestError(
            f"-p {parameter.name}: {text!r} is no value for {parameter.name}{reason}; "
            f"expected: {parameter.kind.expects}, such as its default {parameter.default_label or '(empty)'}"
        ) from None


def _distinct(parameter: DeclaredParameter, values: Sequence[object]) -> tuple[object, ...]:
    seen = set[object]()
    for value in values:
        same = (value.entry, value.shock) if isinstance(value, EntryChoice) else value_label(value)
        if same in seen:
            raise RequestError(f"-p {parameter.name}: {parameter.label(value)} is given twice; leave one out")
        seen.add(same)
    return tuple(values)


def _range(parameter: DeclaredParameter, text: str) -> ParameterRange:
    low, high = (_read(parameter, end.strip()) for end in text.split(DOTS, 1))
    if not (_is_number(low) and _is_number(high) and low < high):
        raise RequestError(f"-p {parameter.name}={text} is no range; write LOW..HIGH with a lower and a higher number")
    return ParameterRange(low, high)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError
    return text.lower() == "true"


def _whole(text: str) -> int:
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    value = float(text)
    if not isfinite(value) or "_" in text:
        raise ValueError
    return value


def _text(text: str) -> str:
    if shorten(text) != text:  # it appears in tables and files
        raise ValueError
    return text


def _date(text: str) -> pd.Timestamp:
    if text in ("published", "shock"):  # entry names, not dates
        raise ValueError
    return parse_session(text)


def _guessed(text: str) -> object:
    """The most likely value of a text whose default has no type."""
    if text.lower() == "none":
        return None
    for read in (_boolean, _whole, _number):
        try:
            return read(text)
        except ValueError:
            continue
    return _text(text)


def _joined(default: Sequence[object]) -> ValueKind | None:
    """Several values joined by +, of any number; their type is that of the first value of the default."""
    item = value_kind(default[0]) if default else ValueKind("text", _guessed)
    if item is None:
        return None
    read, make = item.read, type(default)
    return ValueKind(f"values joined by + ({item.expects})", lambda text: make(map(read, text.split("+"))))  # type: ignore[call-arg]


def _hold(text: str) -> int | None:
    return None if text == "end" else _scheduled("hold", text)


def _rebalance(text: str) -> int | None:
    return None if text == "never" else _scheduled("rebalance", text)


def _scheduled(name: str, text: str) -> int:
    value = _whole(text)
    Schedule(**{name: value})
    return value


def _lag(text: str) -> int:
    return Frictions(lag=_whole(text)).lag


def _cost(name: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = _number(text)
        Frictions(**{name: value})  # type: ignore[arg-type]
        return value

    return read


def _cash(text: str) -> float | str:
    return text if text == "policy" else _cost("cash_rate")(text)


KINDS = {
    "hold": ValueKind("sessions, 1 to 100,000, or end", _hold, ranged=True),
    "rebalance": ValueKind("sessions, 1 to 100,000, or never", _rebalance, ranged=True),
    "shock": ValueKind("a session, YYYY-MM-DD", _date),
    "lag": ValueKind("sessions, 1 or more", _lag, ranged=True),
    "commission_bps": ValueKind("basis points, 0 to 10,000", _cost("commission_bps"), ranged=True),
    "half_spread_bps": ValueKind("basis points, 0 to 10,000", _cost("half_spread_bps"), ranged=True),
    "borrow_rate": ValueKind("a fraction a year, 0 to 100", _cost("borrow_rate"), ranged=True),
    "cash_rate": ValueKind("policy, or a fraction a year, 0 to 100", _cash, ranged=True),
}

TYPES: tuple[tuple[type, ValueKind], ...] = (
    (bool, ValueKind("true or false", _boolean)),  # before int, of which bool is a subclass
    (int, ValueKind("a whole number", _whole, ranged=True)),
    (float, ValueKind("a number", _number, ranged=True)),
    (str, ValueKind(f"text of at most {LONGEST} printable characters", _text)),
    (type(None), ValueKind("a number, true, false, none or text", _guessed, ranged=True)),
    (date, ValueKind("a session, YYYY-MM-DD", _date)),
)
