"""Makes foreign text safe to print: no control sequences that a terminal or a browser would execute.

Docstrings, exception messages, paths, parameters and files by other authors pass through here on their way to a
terminal (`runners.cli.console`, `runners.cli.tables`) and to a page (`reports.rendering.template`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

LONGEST = 300  # characters of a text quoted on one line

# Some scripts need the joiners; newlines and tabs belong to blocks of text.
KEPT = "\n\t\u200c\u200d"
SUSPECT = re.compile(r"[^ -~\n\t]")
LINE_ESCAPES = str.maketrans({"\n": "\\n", "\t": "\\t"})


def escape_unprintable(text: str) -> str:
    """`text` with unprintable characters escaped, for example U+202E as a backslash, u and 202e.

    Unprintable are control characters, which begin terminal sequences, marks that change the direction of writing,
    lone surrogates, and unassigned code points. Right-to-left text and line ends are kept.
    """
    return text if text.isprintable() else SUSPECT.sub(_escape, text)


def shorten(text: str, most: int = LONGEST) -> str:
    """`text` on one line, printable, cut after `most` characters."""
    line = escape_unprintable(text).translate(LINE_ESCAPES)
    return line if len(line) <= most else f"{line[:most]}\u2026"


def quote_message(message: object, most: int = 160) -> str:
    """A foreign message (of an exception, a file or a server) as quoted in our own errors: one short line."""
    return shorten(" ".join(str(message).split()), most)


def is_printable_line(text: str) -> bool:
    """Whether `text` is a single printable line."""
    return escape_unprintable(text).translate(LINE_ESCAPES) == text


def escape_all(data: Any) -> Any:
    """`data` with every text, keys of mappings included, made printable; tuples become lists."""
    if isinstance(data, str):
        return escape_unprintable(data)
    if isinstance(data, dict):
        return {escape_all(key): escape_all(value) for key, value in data.items()}
    return [escape_all(value) for value in data] if isinstance(data, list | tuple) else data


def escape_json(text: str) -> str:
    """Equivalent JSON in which unprintable characters are escaped."""
    return SUSPECT.sub(_escape_utf16, text)


def _escape(match: re.Match[str]) -> str:
    return match[0] if _is_harmless(match[0]) else ascii(match[0])[1:-1]


def _escape_utf16(match: re.Match[str]) -> str:
    if _is_harmless(match[0]):
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def _is_harmless(character: str) -> bool:
    return character.isprintable() or character in KEPT or unicodedata.category(character) == "Zs"
