"""Console and table that print every text literally, so that no text can send codes to rich or to the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from math import expm1, isfinite
from typing import Any

from rich import table
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from data.text import escape_unprintable
from runners.cli.console import silence

WIDEST = 40  # characters of a name in a table, to leave room for the other columns


def excess_cell(d: float) -> str:
    """A log excess return as a percentage of wealth, exp(d) - 1, in ASCII; "-" where undefined."""
    return f"{expm1(d):+.1%}" if isfinite(d) else "-"


class PlainConsole(Console):
    """A console without markup (`[red]`), emoji codes (`:bomb:`), automatic colours and control characters."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)

    def on_broken_pipe(self) -> None:
        """Print no more, and go on: rich would end the command with status 1."""
        silence(self.file)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape everything that is printed, table cells included; rich's own control segments pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_unprintable(segment.text))


class PlainTable(table.Table):
    """A table that escapes its cells before it measures them, so that columns stay aligned."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; see rich."""
        super().add_row(*map(_printable, cells), **options)


def _printable(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(escape_unprintable(cell.plain), cell.style)
    return escape_unprintable(cell) if isinstance(cell, str) else cell
