"""Runners: the commands, their engine, and `run`, the main command as a function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.api import run

__all__ = ["run"]


def __getattr__(name: str) -> object:
    """Import `run` at first use, so that commands start without pandas."""
    if name == "run":
        from runners.api import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
