"""Tearsheets, drawn in worker processes; a page is reused if its inputs have not changed."""

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
from runners.engine.execution.processes import Processes, preload, run_in_subprocess

# Modules that a drawing worker needs; importing them takes seconds.
PRELOAD = ("reports.pages.tearsheet", "reports.rendering.quantstats_charts", "runners.engine.drawing")


def draw_tearsheets(run: Run, previous: Path | None, jobs: int | None, progress: Progress) -> dict[str, bytes]:
    """Every reading's page by name: reused from the run folder `previous` if unchanged, else drawn.

    `progress` is called with each name as its page is ready. If a worker dies, its page is drawn once more. Raises
    WorkError, naming the reading, if a page cannot be drawn.
    """
    checksums = atomic.manifest_checksums(previous) if previous else {}
    shared = _without_readings(run)
    pages: dict[str, bytes] = {}
    missing: list[_Tearsheet] = []
    for result in map(_slim, run.results):
        file = f"{result.name}.html"
        page = None
        if previous and file in checksums:
            page = unchanged_page(previous / file, inputs_key(result, shared), checksums[file])
        if page is None:
            missing.append(_Tearsheet(result))
        else:
            pages[result.name] = page
            progress(result.name)
    drawn = _draw_all(shared, missing, jobs, progress)
    pages |= {tearsheet.result.name: page for tearsheet, page in zip(missing, drawn, strict=True)}
    return {result.name: pages[result.name] for result in run.results}


def draw_in_subprocess(run: Run, previous: Path, jobs: int | None) -> dict[str, bytes]:
    """`draw_tearsheets` for callers whose `__main__` workers cannot or should not import."""
    slim = replace(_without_readings(run), results=tuple(map(_slim, run.results)))
    pages: dict[str, bytes] = run_in_subprocess(draw_tearsheets, slim, previous, jobs, no_progress)
    return pages


def unchanged_page(page: Path, key: str, expected_sha256: str) -> bytes | None:
    """The content of an earlier page if it has the same inputs and the expected checksum, else None."""
    try:
        content = page.read_bytes() if page.is_file() else b""  # reading a pipe would never end
    except OSError:
        return None
    if sha256(content).hexdigest() != expected_sha256:
        return None
    return content if f'<meta name="inputs" content="{key}">'.encode() in content[:1000] else None


@dataclass(frozen=True, eq=False)
class _Tearsheet:
    """The task of drawing a page; its text is the name of the reading."""

    result: Result

    def __str__(self) -> str:
        return self.result.name


def _draw_all(run: Run, tearsheets: Sequence[_Tearsheet], jobs: int | None, progress: Progress) -> list[bytes]:
    preload(PRELOAD)  # in a process without a fork server: its workers share the imports
    retry = partial(_draw_again, run)
    return map_surviving(Processes(jobs), _draw, (run,), tearsheets, retry, progress, workers_live=True)


def _draw(run: Run, tearsheet: _Tearsheet) -> bytes:
    return render(tearsheet.result, run).encode()


def _draw_again(run: Run, tearsheet: _Tearsheet, _: WorkerDiedError) -> bytes:
    """Draw a page whose worker died, in a single worker that has all the memory."""
    page: bytes = Processes(1).map(_draw, (run,), [tearsheet])[0]
    return page


def _slim(result: Result) -> Result:
    """The part of a result that a page shows, with parameters as text: cheap to send to a worker."""
    parameters = {name: str(value) for name, value in result.parameters.items()}
    return replace(result, parameters=parameters, decisions=result.decisions.iloc[:0])


def _without_readings(run: Run) -> Run:
    """The part of a run that every page shows."""
    return replace(run, results=(), evidence_report=None, manifest={})
