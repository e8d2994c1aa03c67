"""Strict readers of JSON and CSV files from any author.

Every fault is a RequestError of one line that names the file, the problem and the remedy.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from data.errors import RequestError
from data.text import quote_message

LARGEST_FILE = 64 * 2**20  # bytes; a run of all readings with evidence takes less than one MiB
LARGEST_NUMBER = 1e15  # in any unit: USD, shares, returns
LONGEST_INTEGER = 18  # digits
DEEPEST = 40  # levels of JSON
RUN_AGAIN = "move that folder away and run it again"
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Row = TypeVar("Row")


def refuse(path: Path, problem: object, remedy: str = RUN_AGAIN) -> NoReturn:
    """Raise RequestError for a file that cannot be read; `problem` may quote its content."""
    raise RequestError(f"{path}: {quote_message(problem, 300)}; {remedy}")


def read_content(path: Path) -> bytes:
    """Content of a regular file of at most 64 MiB. Raises RequestError."""
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            refuse(path, "not a file" if path.exists() else "no such file", "name the folder of a finished run")
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        refuse(path, f"cannot be read ({error.strerror})", "name a folder that can be read")
    if len(content) > LARGEST_FILE:
        refuse(path, f"larger than {LARGEST_FILE >> 20} MiB, which no run writes")
    return content


def read_text(path: Path) -> str:
    """Content of a UTF-8 file without a byte-order mark. Raises RequestError."""
    content = read_content(path)
    if content.startswith(b"\xef\xbb\xbf"):
        refuse(path, "begins with a byte-order mark", "save it as UTF-8 without one, or run it again")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(path, f"not UTF-8 (byte {error.start})")


def read_object(path: Path) -> dict[str, Any]:
    """The object in a JSON file with finite numbers, unique keys and at most 40 levels. Raises RequestError."""
    text = read_text(path)
    try:
        content = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_unique_keys,
        )
        _require_writable(content)
    except json.JSONDecodeError as error:
        refuse(path, f"not JSON ({error.msg}, line {error.lineno})")
    except RecursionError:
        refuse(path, "nested too deeply")
    except ValueError as error:
        refuse(path, error)
    if not isinstance(content, dict):
        refuse(path, "holds no JSON object")
    return content


def read_rows(path: Path, columns: Sequence[str], parse: Callable[[dict[str, str]], Row]) -> list[Row]:
    """Parsed rows of a CSV file that has at least these columns; a ValueError of `parse` is reported with its line.

    Raises RequestError for other faults, too: columns that occur twice, incomplete rows.
    """
    try:
        header, *body = list(csv.reader(StringIO(read_text(path), newline=""), strict=True)) or [[]]
    except csv.Error as error:
        refuse(path, f"not CSV ({error})")
    if not header:
        refuse(path, "empty")
    counts = Counter(header)
    if len(counts) < len(header):
        refuse(path, f"the column {counts.most_common(1)[0][0]!r} occurs twice")
    if missing := [name for name in columns if name not in counts]:
        refuse(path, f"no column {missing[0]!r}")
    rows = []
    for line, cells in enumerate(body, 2):
        if len(cells) != len(header):
            refuse(path, f"line {line} has {len(cells)} cells, the header {len(header)}")
        try:
            rows.append(parse(dict(zip(header, cells, strict=True))))
        except ValueError as error:
            refuse(path, f"line {line}: {error}")
    return rows


def number(text: str) -> float:
    """A finite number in plain digits, at most 1e15 in absolute value. Raises ValueError."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not a finite number")
    return require_size(float(text))


def require_size(value: float) -> float:
    """The number, unchanged. Raises ValueError if it is larger than any figure of a run."""
    if not abs(value) <= LARGEST_NUMBER:
        raise ValueError(f"{value:g} is larger than any figure of a run")
    return value


def day(text: object) -> str:
    """A date, YYYY-MM-DD. Raises ValueError."""
    if not isinstance(text, str) or not DAY.fullmatch(text):
        raise ValueError(f"{str(text)[:40]!r} is not a date; expected: YYYY-MM-DD")
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text!r} is not in the calendar") from None


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"holds {word}, which is not a number in JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _integer(text: str) -> int:
    if len(text) > LONGEST_INTEGER:
        raise ValueError(f"{text[:40]} is too large a whole number")
    return int(text)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    content: dict[str, object] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {key[:80]!r} occurs twice")
        content[key] = value
    return content


def _require_writable(content: object, depth: int = 0) -> None:
    """Raise ValueError for content that could not be written as JSON again: lone surrogates, too many levels."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(content, str):
        if any("\ud800" <= sign <= "\udfff" for sign in content):
            raise ValueError(f"{ascii(content)[:40]} is a lone surrogate, not a character")
    elif isinstance(content, dict):
        for item in (*content, *content.values()):
            _require_writable(item, depth + 1)
    elif isinstance(content, list):
        for item in content:
            _require_writable(item, depth + 1)
