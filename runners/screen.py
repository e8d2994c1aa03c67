"""Where tables and lines for people are printed: no text of others is obeyed, neither by rich nor by the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from reports.printable import printable

WIDEST = 40  # cells of a name in a table, which leaves room for the others


class Screen(Console):
    """A console that takes `[red]` and `:bomb:` for words, colours nothing by itself, and prints no control."""

    def __init__(self, *, stderr: bool = False, soft_wrap: bool = False) -> None:
        super().__init__(stderr=stderr, soft_wrap=soft_wrap, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed of anything, tables and their cells too; rich's own moves of the cursor pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=printable(segment.text))
