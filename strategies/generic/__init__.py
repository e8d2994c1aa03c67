"""Readings for any event: the event file gives their symbols (docs/events.md)."""
