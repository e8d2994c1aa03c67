"""Event files in TOML, rejected with key and remedy unless every line is understood.

The format is documented in docs/events.md.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from math import isfinite
from typing import NoReturn, TypeVar

import pandas as pd

from data.errors import RequestError
from data.events.event import FOMC, NEW_YORK, Dated, Event, EventReading
from data.text import quote_message
from data.universe import SYMBOL

MOST_BYTES = 64 * 1024
MOST_LINE = 8 * 1024  # bytes; tomllib takes many seconds to parse a dotted key of 32,000 parts
MOST_TEXT = 300  # characters of one text
YEARS = range(2000, 2100)
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
READING_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
BASKET_NAME = EVENT_NAME
TYPES: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "a table",
    datetime: "a date with a time",
    date: "a date",
    time: "a time of day",
}

T = TypeVar("T")


def parse_event(content: bytes, file: str) -> Event:
    """Parse the event in the TOML `content`; `file` names it in errors and is its `origin`.

    Raises RequestError, a single line with the file, the key, the value and the remedy, for anything that breaks the
    format in docs/events.md.
    """
    table = TomlTable(file, "", _toml(content, file))
    table.require_keys(KEYS)
    fields = {key: take(table, key) for key, take in KEYS.items() if key in REQUIRED or key in table.values}
    return Event(**fields, origin=file)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TomlTable:
    """A table of a TOML file, with its position for errors."""

    file: str
    prefix: str
    values: Mapping[str, object]

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise RequestError for a key of this table."""
        raise RequestError(f"event file {self.file!r}: {self.prefix}{quoted_key(key)}: {problem}")

    def require_keys(self, keys: Iterable[str]) -> None:
        """Raise RequestError for a key of the table that is not in `keys`."""
        for key in self.values:
            if key not in keys:
                close = difflib.get_close_matches(key[:40].lower(), keys, n=2)
                hint = f"did you mean {' or '.join(close)}?" if close else f"the keys are {', '.join(keys)}"
                self.refuse(key, f"unknown key; {hint}")

    def take(self, key: str, kind: type[T], remedy: str) -> T:
        """The value of a key. Raises RequestError if it is missing or not exactly of type `kind`."""
        if key not in self.values:
            self.refuse(key, f"it is missing; {remedy}")
        value = self.values[key]
        if type(value) is not kind:
            self.refuse(key, f"{quoted_value(value)} is {TYPES.get(type(value), 'something else')}; {remedy}")
        return value

    def text(self, key: str, remedy: str) -> str:
        """A text of one printable line."""
        text = self.take(key, str, remedy)
        if not text.strip() or not text.isprintable() or len(text) > MOST_TEXT:
            self.refuse(
                key, f"{quoted_value(text)} is not a line of text; {remedy}, {MOST_TEXT} printable characters at most"
            )
        return text.strip()

    def named(self, key: str, pattern: re.Pattern[str], remedy: str) -> str:
        """A text that matches the pattern of a name."""
        text = self.text(key, remedy)
        if not pattern.fullmatch(text):
            self.refuse(key, f"{quoted_value(text)} is not a name; {remedy}")
        return text

    def symbols(self, key: str) -> tuple[str, ...]:
        """A list of distinct symbols, at least one."""
        listed: Sequence[object] = self.take(key, list, 'list symbols, for example ["SPY", "TLT"]')
        if not listed:
            self.refuse(key, "the list is empty; name at least one symbol, or omit the key")
        symbols: dict[str, None] = {}
        for symbol in listed:
            if not isinstance(symbol, str) or not SYMBOL.fullmatch(symbol):
                self.refuse(
                    key, f"{quoted_value(symbol)} is not a symbol; write it as Yahoo does, for example NVDA or BRK-B"
                )
            if symbol in symbols:
                self.refuse(key, f"{symbol} is listed twice; remove one")
            symbols[symbol] = None
        return tuple(symbols)

    def below(self, key: str, remedy: str) -> TomlTable:
        """A table inside this one."""
        return TomlTable(self.file, f"{self.prefix}{quoted_key(key)}.", self.take(key, dict, remedy))


def quoted_value(value: object) -> str:
    """A value as quoted in errors: on one line, at most 60 characters."""
    try:
        text = repr(value) if not isinstance(value, date) else str(value)
    except (ValueError, RecursionError):  # an integer with thousands of digits; deeply nested lists
        return "the value"
    return text if len(text) <= 60 else f"{text[:57]}..."


def quoted_key(key: str) -> str:
    """A key as TOML writes it."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", key) else quoted_value(key)


def _toml(content: bytes, file: str) -> Mapping[str, object]:
    if len(content) > MOST_BYTES:
        raise RequestError(f"event file {file!r} is larger than {MOST_BYTES:,} bytes; an event needs a few thousand")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise RequestError(f"event file {file!r} begins with a byte order mark; save it as UTF-8 without one")
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) > MOST_LINE:
            raise RequestError(f"event file {file!r}: line {number} is longer than {MOST_LINE:,} bytes; break it up")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise RequestError(f"event file {file!r}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise RequestError(f"event file {file!r}: lists or tables are nested too deeply; make them flat") from None
    except ValueError as error:
        raise RequestError(
            f"event file {file!r} is not valid TOML: {quote_message(error)}; see docs/events.md for an example"
        ) from None


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
        readings.append(_member(TomlTable(table.file, f"{key} {number}: ", values)))
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
}
