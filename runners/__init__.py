"""How it is run: the commands, the engine below them, and `run`, the main command from Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runners.api import run

__all__ = ["run"]


def __getattr__(name: str) -> object:
    """`run`, imported at first use, so that the commands start without pandas."""
    if name == "run":
        from runners.api import run

        return run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
