"""The events that are bundled, a TOML file each in `facts/events`, and those of users."""

from __future__ import annotations

import difflib
from importlib.resources import files
from os import PathLike
from pathlib import Path

from data.errors import RequestError
from data.events.event import Event
from data.events.toml_reader import MOST_BYTES, parse_event

DEFAULT = "deepseek"
_FOLDER = files("data") / "facts" / "events"


def event_names() -> tuple[str, ...]:
    """Names of the bundled events, the default first."""
    found = sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))
    return (DEFAULT, *(name for name in found if name != DEFAULT))


def load_event(name: str | PathLike[str]) -> Event:
    """The bundled event of that name, or the one in the TOML file at that path; docs/events.md tells the format.

    Raises RequestError for a name that is not bundled, a file that cannot be read, or anything wrong in it.
    """
    text = str(name)
    if text in event_names():
        return parse_event((_FOLDER / f"{text}.toml").read_bytes(), text)
    if not text.endswith(".toml"):
        close = difflib.get_close_matches(text[:40].lower(), event_names(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(event_names())}"
        raise RequestError(f"no event {text!r}; {hint} Or give the path of a TOML file, FILE.toml")
    return parse_event(_content(Path(text)), text)


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():  # a pipe would be waited for
            there = "is not a file" if path.exists() else "does not exist"
            raise RequestError(f"event file {str(path)!r} {there}; give the path of a TOML file")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, RequestError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise RequestError(f"event file {str(path)!r} cannot be read ({reason}); allow it, or give another") from None
