"""The bundled events."""

from __future__ import annotations

from data.events.catalog import load_event

DEEPSEEK = load_event("deepseek")
TARIFFS = load_event("tariffs")
