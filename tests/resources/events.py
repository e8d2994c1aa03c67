"""The bundled events."""

from __future__ import annotations

from dataclasses import replace

from data.events.catalog import load_event
from data.events.event import Event, EventReading

DEEPSEEK = load_event("deepseek")
TARIFFS = load_event("tariffs")


def deepseek_of(*names: str) -> Event:
    """The event as if these readings were its whole set, so that evidence need not run the others."""
    primary = tuple(name for name in DEEPSEEK.primary if name in names)
    return replace(DEEPSEEK, readings=tuple(map(EventReading, names)), primary=primary)
