"""Readings, one strategy per file, and functions to list and load them."""

from strategies.registry import load, names, reading_files, require_valid_name

__all__ = ["load", "names", "reading_files", "require_valid_name"]
