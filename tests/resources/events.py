"""The bundled events."""

from __future__ import annotations

from data.events import load

DEEPSEEK = load("deepseek")
TARIFFS = load("tariffs")
