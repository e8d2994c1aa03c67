"""Where tables and lines for people are printed: no text of others is obeyed, neither by rich nor by the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import table
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from data.text import escape_unprintable

WIDEST = 40  # cells of a name in a table, which leaves room for the others


class PlainConsole(Console):
    """A console that takes `[red]` and `:bomb:` for words, colours nothing by itself, and prints no control."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed of anything, tables and their cells too; rich's own moves of the cursor pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_unprintable(segment.text))


class PlainTable(table.Table):
    """A table of texts, each of them as wide as it is printed."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """A row of texts, see rich."""
        super().add_row(*map(_printable, cells), **options)


def _printable(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(escape_unprintable(cell.plain), cell.style)
    return escape_unprintable(cell) if isinstance(cell, str) else cell
