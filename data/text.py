"""Texts of others as people may read them: there is nothing in them that a terminal or a browser would obey.

Docstrings, messages of exceptions, paths, parameters and files that someone else wrote come through here on their way
to a terminal (`runners.cli.console`, `runners.cli.tables`) and to a page (`reports.rendering.template`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

LONGEST = 300  # signs of a text that is quoted on a line

# Without the joiners some scripts cannot be written; ends of lines and tabs belong to blocks of text.
KEPT = "\n\t\u200c\u200d"
SUSPECT = re.compile(r"[^ -~\n\t]")
ENDS = str.maketrans({"\n": "\\n", "\t": "\\t"})


def escape_unprintable(text: str) -> str:
    """A text with escapes, such as that of U+202E, for what is obeyed rather than read.

    That is controls, with which the sequences of terminals begin, marks that turn the direction of what follows, halves
    of characters, and what no character is assigned to. Text from right to left stays, and so do ends of lines.
    """
    return text if text.isprintable() else SUSPECT.sub(_shown, text)


def shorten(text: str, most: int = LONGEST) -> str:
    """A text on one line, printable, of which no more than `most` signs are shown."""
    line = escape_unprintable(text).translate(ENDS)
    return line if len(line) <= most else f"{line[:most]}\u2026"


def quote_message(words: object, most: int = 160) -> str:
    """What an error, a file or a server says, as one of our own errors may repeat it."""
    return shorten(" ".join(str(words).split()), most)


def is_printable_line(text: str) -> bool:
    """Whether a text is printable as it is, on one line."""
    return escape_unprintable(text).translate(ENDS) == text


def escape_all(data: Any) -> Any:
    """Lists, tuples and mappings in which every text, names of keys too, is printable."""
    if isinstance(data, str):
        return escape_unprintable(data)
    if isinstance(data, dict):
        return {escape_all(key): escape_all(value) for key, value in data.items()}
    return [escape_all(value) for value in data] if isinstance(data, list | tuple) else data


def escape_json(text: str) -> str:
    """JSON of the same meaning that is printable: programs get what they would, and a terminal obeys nothing."""
    return SUSPECT.sub(_unit, text)


def _shown(found: re.Match[str]) -> str:
    return found[0] if _is_harmless(found[0]) else ascii(found[0])[1:-1]


def _unit(found: re.Match[str]) -> str:
    if _is_harmless(found[0]):
        return found[0]
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def _is_harmless(sign: str) -> bool:
    return sign.isprintable() or sign in KEPT or unicodedata.category(sign) == "Zs"
