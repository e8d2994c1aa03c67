"""Every reading's tearsheet, drawn in worker processes or taken over from an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from reports import folder, pool
from reports.pages.tearsheet import inputs_key, render
from reports.result import Result, Run

# What a worker that draws needs; importing it takes seconds.
PRELOAD = ("reports.pages.tearsheet", "reports.rendering.quantstats_sheet")


def warm_up(jobs: int | None = None) -> None:
    """Begin to import what draws, in the background; costs nothing but that if no sheet has to be drawn."""
    pool.warm_up(PRELOAD, jobs)


def take_over(page: Path, key: str, sha256_expected: str) -> bytes | None:
    """An earlier page if it was made from the same inputs and is unchanged since; else None."""
    try:
        content = page.read_bytes() if page.is_file() else b""  # of a pipe there is no end
    except OSError:
        return None
    if sha256(content).hexdigest() != sha256_expected:
        return None
    return content if f'<meta name="inputs" content="{key}">'.encode() in content[:1000] else None


def draw_all(run: Run, previous: Path | None, jobs: int | None, progress: Callable[[str], None]) -> dict[str, bytes]:
    """Every reading's page by name: taken over from the run folder `previous` where nothing has changed, else drawn.

    `progress` is told each name when its page is there. Raises WorkError that names a reading which cannot be drawn.
    """
    known = folder.listed(previous) if previous else {}
    pages: dict[str, bytes] = {}
    tasks = {}
    for result in run.results:
        own = light(result, run)
        file = f"{result.name}.html"
        page = take_over(previous / file, inputs_key(*own), known[file]) if previous and file in known else None
        if page is None:
            tasks[result.name] = own
        else:
            pages[result.name] = page
            progress(result.name)
    for name, drawn in _drawn(tasks, jobs):
        pages[name] = drawn.encode()
        progress(name)
    return {result.name: pages[result.name] for result in run.results}


def _drawn(tasks: Mapping[str, tuple[Result, Run]], jobs: int | None) -> Iterator[tuple[str, str]]:
    """Pages by name as they get ready; where a worker process dies, what is left is drawn by one at a time."""
    left = dict(tasks)
    try:
        for name, page in pool.outcomes(render, tasks, jobs):
            del left[name]
            yield name, page
    except pool.DeathError:
        yield from pool.outcomes(render, left, 1)


def draw_apart(run: Run, previous: Path, jobs: int | None) -> dict[str, bytes]:
    """The same from a process of its own, for callers whose `__main__` workers could not, or should not, import."""
    shown = replace(run, results=tuple(light(result, run)[0] for result in run.results), court=None, manifest={})
    pages: dict[str, bytes] = pool.apart(draw_all, shown, previous, jobs, pool.ignore)
    return pages


def light(result: Result, run: Run) -> tuple[Result, Run]:
    """What a page needs, without the other readings, and with parameters as text: cheap to send to a worker."""
    own = replace(result, parameters={name: str(value) for name, value in result.parameters.items()})
    return replace(own, decisions=result.decisions.iloc[:0]), replace(run, results=(), court=None, manifest={})
