"""Readings, one strategy a file; `strategies.base.registry` finds and loads them."""

from strategies.base.registry import load, names, reading_files, require_valid_name

__all__ = ["load", "names", "reading_files", "require_valid_name"]
