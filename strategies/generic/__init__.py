"""Readings of no event in particular: an event file gives them their symbols, see docs/events.md."""
