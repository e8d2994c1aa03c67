"""Readings, one strategy a file; `strategies.registry` finds and loads them."""

from strategies.registry import load, names, reading_files, require_valid_name

__all__ = ["load", "names", "reading_files", "require_valid_name"]
