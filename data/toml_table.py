"""Tables of TOML files, read key by key, with errors that name the file, the key, the value and the remedy."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import NoReturn, TypeVar

from data.errors import RequestError
from data.text import quote_message
from data.universe import SYMBOL

MOST_BYTES = 64 * 1024
MOST_LINE = 8 * 1024  # bytes; tomllib takes many seconds to parse a dotted key of 32,000 parts
MOST_TEXT = 300  # characters of one text
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


@dataclass(frozen=True)
class TomlTable:
    """A table of a TOML file, with its position for errors: `document`, as in "event file X", and `prefix`."""

    document: str
    prefix: str
    values: Mapping[str, object]

    def refuse(self, key: str, problem: str) -> NoReturn:
        """Raise RequestError for a key of this table."""
        raise RequestError(f"{self.document}: {self.prefix}{quoted_key(key)}: {problem}")

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
        return TomlTable(self.document, f"{self.prefix}{quoted_key(key)}.", self.take(key, dict, remedy))


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


def parse_toml(content: bytes, document: str, guide: str) -> TomlTable:
    """The table in the TOML `content`. `guide` names the page of the documentation with an example.

    Raises RequestError for content that is too large, no UTF-8 or no TOML.
    """
    if len(content) > MOST_BYTES:
        raise RequestError(f"{document} is larger than {MOST_BYTES:,} bytes; a few thousand are enough")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise RequestError(f"{document} begins with a byte order mark; save it as UTF-8 without one")
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) > MOST_LINE:
            raise RequestError(f"{document}: line {number} is longer than {MOST_LINE:,} bytes; break it up")
    try:
        return TomlTable(document, "", tomllib.loads(content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise RequestError(f"{document}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise RequestError(f"{document}: lists or tables are nested too deeply; make them flat") from None
    except ValueError as error:
        raise RequestError(
            f"{document} is not valid TOML: {quote_message(error)}; see {guide} for an example"
        ) from None


def read_toml_file(path: Path, kind: str) -> bytes:
    """The content of a TOML file; `kind` says what it holds, for errors. Raises RequestError if it cannot be read."""
    try:
        if not path.is_file():  # reading a pipe could block
            problem = "is not a file" if path.exists() else "does not exist"
            raise RequestError(f"{kind} {str(path)!r} {problem}; give the path of a TOML file")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise RequestError(
            f"{kind} {str(path)!r} cannot be read ({reason}); check its permissions, or give another"
        ) from None
