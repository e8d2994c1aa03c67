"""Files that may have been written by anyone: read strictly, every fault one RequestError that names the file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import NoReturn, TypeVar

from data.errors import RequestError
from data.printable import said

MOST_BYTES = 64 * 2**20  # a run of all readings with evidence takes less than one of them
LARGEST = 1e15  # of any number in a table: USD, shares, returns
AGAIN = "move that folder away and run it again"
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
DEEPEST = 40  # levels of JSON

Kind = TypeVar("Kind")


def refuse(path: Path, problem: str, remedy: str = AGAIN) -> NoReturn:
    """Raise the RequestError of a file that cannot be read; the problem may repeat what the file says."""
    raise RequestError(f"{path}: {said(problem, 300)}; {remedy}")


def text(path: Path) -> str:
    """A file of UTF-8 without a byte-order mark, of a size that a run writes."""
    try:
        if not path.is_file():
            refuse(path, "no such file" if not path.exists() else "not a file", "name the folder of a finished run")
        if path.stat().st_size > MOST_BYTES:
            refuse(path, f"larger than {MOST_BYTES >> 20} MiB, which no run writes")
        content = path.read_bytes()
    except OSError as error:
        refuse(path, f"cannot be read ({error.strerror})", "name a folder that can be read")
    if content.startswith(b"\xef\xbb\xbf"):
        refuse(path, "begins with a byte-order mark", "save it as UTF-8 without one, or run it again")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        refuse(path, f"not UTF-8 (byte {error.start})")


def json_object(path: Path) -> dict[str, object]:
    """The object that a JSON file holds: finite numbers, no key twice, no text that cannot be written again."""
    try:
        content = json.loads(
            text(path),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
        _check(content, 0)
    except RequestError:
        raise
    except json.JSONDecodeError as error:
        refuse(path, f"not JSON ({error.msg}, line {error.lineno})")
    except RecursionError:
        refuse(path, "nested too deeply")
    except ValueError as error:
        refuse(path, str(error))
    if not isinstance(content, dict):
        refuse(path, "holds no JSON object")
    return content


def csv_rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file which has at least these columns, none of them twice; every row is complete."""
    try:
        rows = list(csv.reader(StringIO(text(path), newline=""), strict=True))
    except csv.Error as error:
        refuse(path, f"not CSV ({error})")
    if not rows:
        refuse(path, "empty")
    head, *body = rows
    if twice := [name for place, name in enumerate(head) if name in head[:place]]:
        refuse(path, f"the column {twice[0]!r} is there twice")
    if missing := [name for name in columns if name not in head]:
        refuse(path, f"no column {missing[0]!r}")
    for line, row in enumerate(body, 2):
        if len(row) != len(head):
            refuse(path, f"line {line} has {len(row)} cells, the header {len(head)}")
    return [dict(zip(head, row, strict=True)) for row in body]


def number(written: str) -> float:
    """A finite number of a table, in plain digits. Raises ValueError."""
    if not NUMBER.fullmatch(written):
        raise ValueError(f"{written[:40]!r} is no finite number")
    return within(float(written))


def within(value: float) -> float:
    """A number that may stand in a table. Raises ValueError."""
    if not abs(value) <= LARGEST:
        raise ValueError(f"{value:g} is larger than any figure of a run")
    return value


def day(written: object) -> date:
    """A date as YYYY-MM-DD. Raises ValueError."""
    if not isinstance(written, str) or not DAY.fullmatch(written):
        raise ValueError(f"{str(written)[:40]!r} is no date; expected: YYYY-MM-DD")
    try:
        return date.fromisoformat(written)
    except ValueError:
        raise ValueError(f"{written!r} is no date of the calendar") from None


def taken(holder: Mapping[str, object], key: str, kind: type[Kind], where: str = "") -> Kind:
    """The value of a key, of the kind that it must have. Raises ValueError."""
    place = f"{where}.{key}" if where else key
    if key not in holder:
        raise ValueError(f"no key {place!r}")
    value = holder[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"{place} is {_called(value)}, expected {NAMES.get(kind, kind.__name__)}")
    return value


NAMES: Mapping[type, str] = {dict: "an object", list: "a list", str: "a text", int: "a whole number"}


def each(path: Path, rows: Sequence[dict[str, str]], make: Callable[[dict[str, str]], Kind]) -> tuple[Kind, ...]:
    """Something made of every row; what is wrong with one is told with its line."""
    made = []
    for line, row in enumerate(rows, 2):
        try:
            made.append(make(row))
        except ValueError as error:
            refuse(path, f"line {line}: {error}")
    return tuple(made)


def _called(value: object) -> str:
    return {type(None): "null", bool: "true or false", float: "a number", **NAMES}.get(type(value), "something else")


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"holds {word}, which is no number")


def _finite(written: str) -> float:
    value = float(written)
    if not isfinite(value):
        raise ValueError(f"{written[:40]} is too large a number")
    return value


def _whole(written: str) -> int:
    if len(written) > 18:
        raise ValueError(f"{written[:40]} is too large a whole number")
    return int(written)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:80]!r} is there twice")
        found[key] = value
    return found


def _check(content: object, depth: int) -> None:
    """Raise ValueError for what could not be shown or written again."""
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(content, str) and any("\ud800" <= sign <= "\udfff" for sign in content):
        raise ValueError(f"{ascii(content)[:40]} is half a character")
    if isinstance(content, dict):
        for key, value in content.items():
            _check(key, depth + 1)
            _check(value, depth + 1)
    elif isinstance(content, list):
        for value in content:
            _check(value, depth + 1)
