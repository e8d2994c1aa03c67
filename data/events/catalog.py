"""Bundled events, one TOML file each in `data/facts/events`, and event files of users."""

from __future__ import annotations

import difflib
from importlib.resources import files
from os import PathLike
from pathlib import Path

from data.errors import RequestError
from data.events.event import Event
from data.events.toml_reader import parse_event
from data.toml_table import read_toml_file

DEFAULT = "deepseek"
_FOLDER = files("data") / "facts" / "events"


def event_names() -> tuple[str, ...]:
    """Names of the bundled events, the default first."""
    names = sorted(file.name.removesuffix(".toml") for file in _FOLDER.iterdir() if file.name.endswith(".toml"))
    return (DEFAULT, *(name for name in names if name != DEFAULT))


def load_event(name: str | PathLike[str]) -> Event:
    """Load a bundled event by name, or an event file by path (format: docs/events.md).

    Raises RequestError for an unknown name, a file that cannot be read, or any fault in it.
    """
    text = str(name)
    if text in event_names():
        return parse_event((_FOLDER / f"{text}.toml").read_bytes(), text)
    if not text.endswith(".toml"):
        close = difflib.get_close_matches(text[:40].lower(), event_names(), n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(event_names())}."
        raise RequestError(f"no event {text!r}; {hint} Or give the path of a TOML file, FILE.toml")
    return parse_event(read_toml_file(Path(text), "event file"), text)
