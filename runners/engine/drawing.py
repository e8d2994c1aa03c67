"""Tearsheets, drawn in worker processes; a page whose inputs have not changed is reused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from reports.folders import atomic
from reports.pages.tearsheet import inputs_key, render
from reports.records.result import Result, Run
from runners.engine.execution.executor import Progress, WorkerDiedError, map_surviving, no_progress
from runners.engine.execution.processes import Processes, run_in_subprocess

# What a worker that draws needs; importing it takes seconds.
PRELOAD = ("reports.pages.tearsheet", "reports.rendering.quantstats_sheet", "runners.engine.drawing")


def draw_tearsheets(run: Run, previous: Path | None, jobs: int | None, progress: Progress) -> dict[str, bytes]:
    """Every reading's page by name: reused from the run folder `previous` where nothing has changed, else drawn.

    `progress` is called with each name when its page is there. Where a worker dies its page is drawn once more. Raises
    WorkError that names a reading which cannot be drawn.
    """
    listed = atomic.manifest_checksums(previous) if previous else {}
    shared = _without_readings(run)
    pages: dict[str, bytes] = {}
    missing: list[_Tearsheet] = []
    for result in map(_slim, run.results):
        file = f"{result.name}.html"
        known = previous is not None and file in listed
        page = unchanged_page(previous / file, inputs_key(result, shared), listed[file]) if previous and known else None
        if page is None:
            missing.append(_Tearsheet(result))
        else:
            pages[result.name] = page
            progress(result.name)
    drawn = _drawn(shared, missing, jobs, progress)
    pages |= {tearsheet.result.name: page for tearsheet, page in zip(missing, drawn, strict=True)}
    return {result.name: pages[result.name] for result in run.results}


def draw_in_subprocess(run: Run, previous: Path, jobs: int | None) -> dict[str, bytes]:
    """`draw_tearsheets` for callers whose `__main__` workers could not, or should not, import."""
    slim = replace(_without_readings(run), results=tuple(map(_slim, run.results)))
    pages: dict[str, bytes] = run_in_subprocess(draw_tearsheets, slim, previous, jobs, no_progress)
    return pages


def unchanged_page(page: Path, key: str, sha256_expected: str) -> bytes | None:
    """An earlier page if it was made from the same inputs and is unchanged since; else None."""
    try:
        content = page.read_bytes() if page.is_file() else b""  # of a pipe there is no end
    except OSError:
        return None
    if sha256(content).hexdigest() != sha256_expected:
        return None
    return content if f'<meta name="inputs" content="{key}">'.encode() in content[:1000] else None


@dataclass(frozen=True, eq=False)
class _Tearsheet:
    """The page of a reading, as a task that is called like the reading."""

    result: Result

    def __str__(self) -> str:
        return self.result.name


def _drawn(run: Run, tearsheets: Sequence[_Tearsheet], jobs: int | None, progress: Progress) -> list[bytes]:
    again = partial(_draw_again, run)
    return map_surviving(Processes(jobs), _draw, (run,), tearsheets, again, progress, workers_live=True)


def _draw(run: Run, tearsheet: _Tearsheet) -> bytes:
    return render(tearsheet.result, run).encode()


def _draw_again(run: Run, tearsheet: _Tearsheet, _: WorkerDiedError) -> bytes:
    """The page of which a worker died, drawn by one worker, which has all the memory."""
    page: bytes = Processes(1).map(_draw, (run,), [tearsheet])[0]
    return page


def _slim(result: Result) -> Result:
    """What a page shows of a result, with parameters as text: cheap to send to a worker."""
    parameters = {name: str(value) for name, value in result.parameters.items()}
    return replace(result, parameters=parameters, decisions=result.decisions.iloc[:0])


def _without_readings(run: Run) -> Run:
    """What a page shows of a run beside its own reading."""
    return replace(run, results=(), court=None, manifest={})
