"""Console and table that print every text literally, so that no text can send codes to rich or to the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from math import expm1, isfinite
from typing import Any

from rich import table
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.text import Text

from data.text import escape_unprintable
from reports.rendering.numbers import MINUS
from runners.cli.console import silence

UNLIMITED = 100_000  # characters of a line
WIDEST = 40  # characters of a name in a table, to leave room for the other columns


def ascii_minus(text: str) -> str:
    """A text of pages for terminals, where the minus sign of pages may be missing."""
    return text.replace(MINUS, "-")


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

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; lines that are too long are whole, see PlainTable."""
        super().print(*objects, **{"crop": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Escape everything that is printed, table cells included; rich's own control segments pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape_unprintable(segment.text))


class PlainTable(table.Table):
    """A table that escapes its cells before it measures them, so that columns stay aligned.

    It is wider than the console where a number or a word would have to be cut.
    """

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Add a row; see rich."""
        super().add_row(*map(_printable, cells), **options)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        wide = options.update_width(UNLIMITED)
        slack = sum(_slack(column, console, wide) for column in self.columns if not column.no_wrap)
        least = Measurement.get(console, wide, self).maximum - slack
        yield from super().__rich_console__(console, options.update_width(max(options.max_width, least)))


def _slack(column: table.Column, console: Console, options: ConsoleOptions) -> int:
    """Characters by which a column can be narrowed without cutting a word."""
    cells = [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
    return max(cell.maximum for cell in cells) - min(WIDEST, max(cell.minimum for cell in cells))


def _printable(cell: RenderableType | None) -> RenderableType | None:
    if isinstance(cell, Text):
        return cell if cell.plain.isprintable() else Text(escape_unprintable(cell.plain), cell.style)
    return escape_unprintable(cell) if isinstance(cell, str) else cell
