"""The knobs of a sweep: which there are, how their values are written, and the specs that they make together."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from itertools import product
from math import isfinite, prod
from typing import Any, TypeGuard

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

MOST = 1_000_000  # specs that are run without being asked twice
FRICTIONS = ("commission_bps", "half_spread_bps", "borrow_rate", "cash_rate", "lag")
SCHEDULE = ("entry", "hold", "rebalance", "lag", "shock")
STRATEGY, LAUNCH = "strategy.", "launch."  # in front of a name that means two things
DOTS = ".."  # between the ends of a range


@dataclass(frozen=True)
class ValueKind:
    """What values of a knob look like: in words, how one is read, and whether they can be a range."""

    expects: str
    read: Callable[[str], object]
    ranged: bool = False


@dataclass(frozen=True)
class DeclaredParameter:
    """A knob before it is turned: its name, the name that it sets, whose it is, its default and kind."""

    name: str
    target: str
    group: str
    default: object
    kind: ValueKind | None

    @property
    def scheduled(self) -> str:
        """What it sets of the schedule; empty for a knob that sets something else, whatever that is called."""
        return self.target if self.group == "schedule" else ""

    @property
    def usual(self) -> str:
        """Its default for people."""
        return self.told(self.default)

    def told(self, value: object) -> str:
        """A value for people: what None means to a schedule."""
        if value is None:
            return {"hold": "end", "rebalance": "never"}.get(self.scheduled, "none")
        return value_label(value)


@dataclass(frozen=True)
class EntryChoice:
    """An entry as it was written, with its session and that of the shock."""

    text: str
    entry: pd.Timestamp
    shock: pd.Timestamp | None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class ParameterRange:
    """All numbers from `low` to `high`, whole ones where both are."""

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
    """A knob with the values that it takes, or the range that is searched."""

    declared: DeclaredParameter
    values: tuple[object, ...] | ParameterRange

    @property
    def name(self) -> str:
        """As it was written on the command line."""
        return self.declared.name


@dataclass(frozen=True)
class ParameterSpace:
    """A strategy and the knobs that are turned on it. A spec is a tuple with a value for each knob, in their order."""

    subject: Study
    moment: EntryChoice
    knobs: tuple[GridParameter, ...]
    frictions: Frictions = field(default_factory=Frictions)

    @property
    def size(self) -> int:
        """Specs of the grid. Raises RequestError where a knob has a range."""
        return prod(len(parameter_values(knob)) for knob in self.knobs)

    def specs(self) -> Iterator[tuple[object, ...]]:
        """Every spec of the grid, the last knob varying fastest."""
        return product(*(parameter_values(knob) for knob in self.knobs))

    def scenario(self, spec: Sequence[object]) -> Scenario:
        """What a spec runs."""
        given: dict[str, dict[str, Any]] = {"parameter": {}, "schedule": {}, "friction": {}}
        for knob, value in zip(self.knobs, spec, strict=True):
            given[knob.declared.group][knob.declared.target] = value
        schedule = given["schedule"]
        moment: EntryChoice = schedule.pop("entry", self.moment)
        return Scenario(
            moment.entry,
            schedule.get("hold", EntrySchedule.hold),
            schedule.get("rebalance", EntrySchedule.rebalance),
            schedule.get("shock", moment.shock),
            replace(self.frictions, **given["friction"]) if given["friction"] else self.frictions,
            {**self.subject.parameters, **given["parameter"]},
        )

    def text(self, spec: Sequence[object]) -> str:
        """A spec in words: equal for equal specs only."""
        return " ".join(f"{knob.name}={told}" for knob, told in zip(self.knobs, self.labels(spec), strict=True))

    def labels(self, spec: Sequence[object]) -> tuple[str, ...]:
        """The values of a spec as they are written."""
        return tuple(knob.declared.told(value) for knob, value in zip(self.knobs, spec, strict=True))


def parameter_values(knob: GridParameter) -> tuple[object, ...]:
    """The values of a knob. Raises RequestError for a range."""
    if isinstance(knob.values, ParameterRange):
        raise RequestError(
            f"-p {knob.name}={knob.values} is a range, which only a search can draw from; "
            f"add --search optuna, or list values: "
            f"-p {knob.name}={value_label(knob.values.low)},{value_label(knob.values.high)}"
        )
    return knob.values


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


def parameter_space(event: Event, subject: Study, entry: str, wanted: Sequence[str]) -> ParameterSpace:
    """The space of `wanted`, each NAME=VALUE,VALUE or NAME=LOW..HIGH, on one strategy entered at `entry` of `event`.

    Raises RequestError for an unknown name, a value of the wrong type, a value or a name given twice, or none at all.
    """
    if not wanted:
        raise RequestError("an empty grid: turn at least one knob, for example -p hold=20,60,120")
    known = sweepable_parameters(subject, event)
    knobs = tuple(_knob(subject, known, text) for text in wanted)
    targets = [(knob.declared.group, knob.declared.target) for knob in knobs]
    for place, knob in enumerate(knobs):
        if targets[place] in targets[:place]:
            raise RequestError(f"-p {knob.name} is given twice; list all of its values in one, separated by commas")
    if entry != "published" and ("schedule", "entry") in targets:
        raise RequestError(f"--entry {entry} and -p entry both name the entry; leave one of them out")
    _require_same_names(subject, knobs)
    return ParameterSpace(subject, parse_entry(entry, event), knobs)


def _require_same_names(subject: Study, knobs: Sequence[GridParameter]) -> None:
    """Specs of a reading share their prices and what they must beat."""
    for knob in (knob for knob in knobs if knob.declared.group == "parameter"):
        for value in (knob.values.low,) if isinstance(knob.values, ParameterRange) else knob.values:
            changed = subject.with_parameters({knob.declared.target: value})
            same_comparator = comparator_symbols(changed.comparator) == comparator_symbols(subject.comparator)
            if not (same_comparator and set(changed.symbols) <= set(subject.symbols)):
                raise RequestError(
                    f"-p {knob.name}: {value_label(value)} changes what {subject.name} trades or must beat; "
                    f"make it a reading of its own in an event file"
                )


def require_affordable(size: int, confirmed: bool, remedy: str) -> None:
    """Raise RequestError for more than a million specs that nobody has confirmed."""
    if size > MOST and not confirmed:
        raise RequestError(f"{size:,} specs are more than {MOST:,}; {remedy}, or confirm with --yes")


def parse_entry(text: str, event: Event) -> EntryChoice:
    """The entry that `text` names: published, shock or a date. Raises RequestError for a date without a session."""
    launch = Request(entry=text, event=event).schedule
    return EntryChoice(text, launch.entry, launch.shock)


def sweepable_parameters(subject: Study, event: Event) -> dict[str, DeclaredParameter]:
    """Every knob of a strategy by name: its own parameters, its schedule, and what trading costs."""
    own = declared_parameters(subject.strategy) | subject.parameters
    entries = ValueKind("published, shock or a session, YYYY-MM-DD", partial(parse_entry, event=event))
    kinds = {**KINDS, "entry": entries}
    schedule = {
        "entry": "published",
        **{name: getattr(EntrySchedule, name) for name in ("hold", "rebalance")},
        "shock": None,
    }
    others = [
        *(("schedule", name, value) for name, value in schedule.items() if name not in subject.ignores),
        *(("friction", name, getattr(Frictions, name)) for name in FRICTIONS if name not in subject.ignores),
    ]
    twice = own.keys() & {name for _, name, _ in others}
    found = [
        DeclaredParameter(
            f"{STRATEGY}{name}" if name in twice else name, name, "parameter", default, value_kind(default)
        )
        for name, default in own.items()
    ]
    found += [
        DeclaredParameter(f"{LAUNCH}{name}" if name in twice else name, name, group, default, kinds[name])
        for group, name, default in others
    ]
    return {knob.name: knob for knob in found}


def value_kind(default: object) -> ValueKind | None:
    """What values of a parameter look like, by the type of its default; None for what no text can be."""
    if isinstance(default, list | tuple):
        return _joined(default)
    return next((kind for types, kind in TYPES if isinstance(default, types)), None)


def _knob(subject: Study, known: Mapping[str, DeclaredParameter], text: str) -> GridParameter:
    name, equals, values = text.partition("=")
    name = name.strip()
    if not equals:
        raise RequestError(f"-p {text} names no values; write NAME=VALUE,VALUE, for example -p hold=20,60,120")
    knob = _declared(subject, known, name)
    if knob.kind is None:
        raise RequestError(
            f"-p {name}: its default is {knob.default!r}, which cannot be written on a command line; "
            f"make a class of its own for each value"
        )
    parts = tuple(part.strip() for part in values.split(","))
    if not all(parts):
        raise RequestError(
            f"-p {text}: an empty grid, since a value of {name} is missing; expected: {knob.kind.expects}"
        )
    if knob.kind.ranged and len(parts) == 1 and DOTS in parts[0]:
        return GridParameter(knob, _range(knob, parts[0]))
    return GridParameter(knob, _distinct(knob, [_read(knob, part) for part in parts]))


def _declared(subject: Study, known: Mapping[str, DeclaredParameter], name: str) -> DeclaredParameter:
    if name in known:
        return known[name]
    if f"{STRATEGY}{name}" in known:
        raise RequestError(
            f"-p {name} can mean two things: write {STRATEGY}{name} for the parameter of {subject.name}, "
            f"or {LAUNCH}{name} for how long and at what cost it is run"
        )
    if name in subject.ignores:
        raise RequestError(f"-p {name}: {subject.name} is a plain strategy and has no {name}; {subject.ignores[name]}")
    close = difflib.get_close_matches(name.lower(), known, n=3)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    raise RequestError(f"-p {name}: {subject.name} has no parameter {name!r}; {hint}it has {', '.join(known)}")


def _read(knob: DeclaredParameter, text: str) -> object:
    if knob.kind is None:
        raise AssertionError("refused before")
    try:
        return knob.kind.read(text)
    except ValueError as error:
        reason = f" ({error})" if isinstance(error, RequestError) else ""
        raise RequestError(
            f"-p {knob.name}: {text!r} is no value for {knob.name}{reason}; "
            f"expected: {knob.kind.expects}, such as its default {knob.usual or '(empty)'}"
        ) from None


def _distinct(knob: DeclaredParameter, values: Sequence[object]) -> tuple[object, ...]:
    seen = set[object]()
    for value in values:
        same = (value.entry, value.shock) if isinstance(value, EntryChoice) else value_label(value)
        if same in seen:
            raise RequestError(f"-p {knob.name}: {knob.told(value)} is given twice; leave one out")
        seen.add(same)
    return tuple(values)


def _range(knob: DeclaredParameter, text: str) -> ParameterRange:
    low, high = (_read(knob, end.strip()) for end in text.split(DOTS, 1))
    if not (_is_number(low) and _is_number(high) and low < high):
        raise RequestError(f"-p {knob.name}={text} is no range; write LOW..HIGH with a lower and a higher number")
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
    if shorten(text) != text:  # it heads tables and stands in files
        raise ValueError
    return text


def _date(text: str) -> pd.Timestamp:
    if text in ("published", "shock"):  # names of entries, not dates
        raise ValueError
    return parse_session(text)


def _guessed(text: str) -> object:
    """What a text most likely means where the default tells no type."""
    if text.lower() == "none":
        return None
    for read in (_boolean, _whole, _number):
        try:
            return read(text)
        except ValueError:
            continue
    return _text(text)


def _joined(default: Sequence[object]) -> ValueKind | None:
    """Several values in one, as many as one likes; their type is that of the first one of the default."""
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
    (bool, ValueKind("true or false", _boolean)),  # before int, which it is one of
    (int, ValueKind("a whole number", _whole, ranged=True)),
    (float, ValueKind("a number", _number, ranged=True)),
    (str, ValueKind(f"text of {LONGEST} printable signs at most", _text)),
    (type(None), ValueKind("a number, true, false, none or text", _guessed, ranged=True)),
    (date, ValueKind("a session, YYYY-MM-DD", _date)),
)
