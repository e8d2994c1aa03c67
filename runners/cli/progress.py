"""Progress display on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from runners.cli.tables import PlainConsole


class ProgressSteps:
    """Steps of a command on a progress display."""

    def __init__(self, display: Progress) -> None:
        self._display = display

    def step(self, name: str, total: int | None = None) -> Callable[[str], None]:
        """Begin a step of `total` parts; call the returned function with the name of each finished part.

        An earlier step without a total ends now.
        """
        for earlier in self._display.tasks:
            if earlier.total is None:
                self._display.update(earlier.id, total=1, completed=1)
        task = self._display.add_task(name, total=total)
        return lambda part: self._display.update(task, advance=1, description=f"{name} {part}")


@contextmanager
def progress() -> Iterator[ProgressSteps]:
    """A progress display that disappears when done; silent if standard error is not a terminal."""
    console = PlainConsole(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        yield ProgressSteps(display)
