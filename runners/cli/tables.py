"""Console and tables that print any text literally, without rich markup or terminal control sequences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich import table
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from data.text import escape_unprintable

WIDEST = 40  # columns of a name in a table, to leave room for other cells


class PlainConsole(Console):
    """A console without markup, emoji and highlighting, which escapes control characters."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments with control characters escaped, in tables too; rich's cursor control passes."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_unprintable(segment.text))


class PlainTable(table.Table):
    """A table whose cells are escaped, so that columns are as wide as what is printed."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row of escaped cells, see rich."""
        super().add_row(*map(_printable, cells), **options)


def _printable(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(escape_unprintable(cell.plain), cell.style)
    return escape_unprintable(cell) if isinstance(cell, str) else cell
