"""Event files in TOML, rejected with key and remedy unless every line is understood.

The format is documented in docs/events.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from math import isfinite

import pandas as pd

from data.events.event import FOMC, NEW_YORK, Dated, Event, EventReading
from data.toml_table import TomlTable, parse_toml, quoted_value

YEARS = range(2000, 2100)
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
READING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
BASKET_NAME = EVENT_NAME


def parse_event(content: bytes, file: str) -> Event:
    """Parse the event in the TOML `content`; `file` names it in errors and is its `origin`.

    Raises RequestError, a single line with the file, the key, the value and the remedy, for anything that breaks the
    format in docs/events.md.
    """
    table = parse_toml(content, f"event file {file!r}", "docs/events.md")
    table.require_keys(KEYS)
    fields = {key: take(table, key) for key, take in KEYS.items() if key in REQUIRED or key in table.values}
    return Event(**fields, origin=file)  # type: ignore[arg-type]


def _session(table: TomlTable, key: str) -> pd.Timestamp:
    day = table.take(key, date, "write a session without quotes, for example 2025-01-27")
    _require_year(table, key, day)
    return pd.Timestamp(day).as_unit("ns")


def _moment(table: TomlTable, key: str) -> pd.Timestamp:
    remedy = "write date, time and UTC offset without quotes, for example 2025-01-31T03:16:00-05:00"
    moment = table.take(key, datetime, remedy)
    if moment.tzinfo is None:
        table.refuse(key, f"{quoted_value(moment)} has no time zone; {remedy}")
    _require_year(table, key, moment)
    return pd.Timestamp(moment).tz_convert(NEW_YORK)


def _require_year(table: TomlTable, key: str, day: date) -> None:
    if day.year not in YEARS:
        table.refuse(key, f"{quoted_value(day)} is out of range; give a year from {YEARS[0]} to {YEARS[-1]}")


def _dated(table: TomlTable, key: str) -> Dated:
    below = table.below(key, 'make it a table of dates with texts, for example 2025-01-29 = "the FOMC holds"')
    return tuple(sorted((_day(below, day), below.text(day, "say in one line what happened")) for day in below.values))


def _day(table: TomlTable, text: str) -> str:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date() if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else None  # noqa: DTZ007
    except ValueError:
        day = None
    if day is None:
        table.refuse(text, "it is not a date; write YYYY-MM-DD, for example 2025-01-29")
    _require_year(table, text, day)
    return text


def _calendar(table: TomlTable, key: str) -> str | Dated:
    if isinstance(table.values[key], dict):
        return _dated(table, key)
    if table.take(key, str, f'write "{FOMC}", or a table of dates with texts') != FOMC:
        table.refuse(
            key, f'{quoted_value(table.values[key])} is not a calendar; write "{FOMC}", or a table of dates with texts'
        )
    return FOMC


def _baskets(table: TomlTable, key: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    below = table.below(key, 'make it a table of lists, for example chips = ["SMH", "SOXX"]')
    for name in below.values:
        if not BASKET_NAME.fullmatch(name):
            below.refuse(name, "it is not a basket name; use lower-case letters, digits and _, starting with a letter")
    return tuple((name, below.symbols(name)) for name in below.values)


def _readings(table: TomlTable, key: str) -> tuple[EventReading, ...]:
    listed: Sequence[object] = table.take(key, list, "write each reading under a line [[readings]]")
    readings = []
    for number, values in enumerate(listed, 1):
        if not isinstance(values, dict):
            table.refuse(key, f"{quoted_value(values)} is not a table; write each reading under a line [[readings]]")
        readings.append(_member(TomlTable(table.document, f"{key} {number}: ", values)))
    if not readings:
        table.refuse(key, "the list is empty; omit it to use the readings of strategies/")
    return tuple(readings)


def _member(table: TomlTable) -> EventReading:
    table.require_keys(MEMBER)
    fields = {key: take(table, key) for key, take in MEMBER.items() if key == "strategy" or key in table.values}
    return EventReading(**fields)  # type: ignore[arg-type]


def _parameters(table: TomlTable, key: str) -> tuple[tuple[str, object], ...]:
    below = table.below(key, 'make it a table, for example { long = "chips", short = ["SPY"] }')
    return tuple((name, _parameter(below, name)) for name in below.values)


def _parameter(table: TomlTable, key: str) -> object:
    value = table.values[key]
    if type(value) is list:
        return table.symbols(key)
    if type(value) is str:
        return table.text(key, "give one line of text, or the name of a basket")
    if type(value) not in (bool, int, float) or not (abs(value) < 2**53 and isfinite(value)):  # type: ignore[arg-type]
        table.refuse(
            key, f"{quoted_value(value)} is not a parameter value; give text, a finite number, true, false or symbols"
        )
    return value


def _roles(table: TomlTable, key: str) -> tuple[tuple[str, float], ...]:
    below = table.below(key, "make it a table of weights, for example { leader = -0.5, challengers = 0.5 }")
    below.require_keys(ROLES)
    for role, weight in below.values.items():
        if type(weight) not in (int, float) or not isfinite(weight):  # type: ignore[arg-type]
            below.refuse(role, f"{quoted_value(weight)} is not a weight; give a fraction of equity, such as -0.5")
    weights = tuple((role, float(weight)) for role, weight in below.values.items())  # type: ignore[arg-type]
    if not 0 < (gross := sum(abs(weight) for _, weight in weights)) <= 1:
        table.refuse(key, f"the absolute weights add up to {gross:g}; let them add up to more than 0 and at most 1")
    return weights


def _against(table: TomlTable, key: str) -> str:
    text = table.text(key, 'write "cash" or "market"')
    if text not in ("cash", "market"):
        table.refuse(key, f'{quoted_value(text)} is no comparator of a general form; write "cash" or "market"')
    return text


def _strategy(table: TomlTable, key: str) -> str:
    return table.text(key, 'name a file of strategies/, or "package.module:Class"')


def _text(remedy: str) -> Callable[[TomlTable, str], str]:
    return lambda table, key: table.text(key, remedy)


def _symbols(table: TomlTable, key: str) -> tuple[str, ...]:
    return table.symbols(key)


def _names(table: TomlTable, key: str) -> tuple[str, ...]:
    names = table.take(key, list, 'list names of readings, as in ["gpu_bubble", "fomc_tilt"]')
    for name in names:
        if not isinstance(name, str) or not READING_NAME.fullmatch(name):
            table.refuse(key, f"{quoted_value(name)} is not the name of a reading; use letters, digits and _")
    return tuple(names)


def _named(pattern: re.Pattern[str], remedy: str) -> Callable[[TomlTable, str], str]:
    return lambda table, key: table.named(key, pattern, remedy)


def _flag(table: TomlTable, key: str) -> bool:
    return table.take(key, bool, "write true or false without quotes")


ROLES = ("leader", "challengers", "lower", "group", "market")
REQUIRED = ("name", "title", "shock", "published")
KEYS: Mapping[str, Callable[[TomlTable, str], object]] = {
    "name": _named(EVENT_NAME, "use up to 40 lower-case letters, digits and _, starting with a letter"),
    "title": _text("say in one line what happened; it is the heading of every page"),
    "shock": _session,
    "published": _moment,
    "publication": _text('say what was published, for example "the essay"'),
    "claims": _text('say how the claims are numbered, for example "C1 to C18"'),
    "quiet_until": _session,
    "universe": _symbols,
    "calendar": _calendar,
    "baskets": _baskets,
    "marks": _dated,
    "confounders": _dated,
    "readings": _readings,
    "primary": _names,
}
MEMBER: Mapping[str, Callable[[TomlTable, str], object]] = {
    "strategy": _strategy,
    "name": _named(READING_NAME, "use up to 40 letters, digits and _, starting with a letter"),
    "title": _text("say in one line what it does"),
    "claim": _text("say in one line what it claims"),
    "parameters": _parameters,
    "chooses": _flag,
    "roles": _roles,
    "against": _against,
}
