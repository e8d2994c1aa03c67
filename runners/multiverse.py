"""The multiverse: every reading under all combinations of defensible choices, compared with past entries."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import EVENT, command_line, event_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.events.event import Event
    from runners.engine.request import PriceWindow

# Each worker has one processor, so threads of linear algebra would only compete.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

EXAMPLES = """
\b
Examples:
  python -m runners.multiverse                      all readings
  python -m runners.multiverse gpu_bubble bad_news  two; p adjusted for all
  python -m runners.multiverse --list               choices and reasons
  python -m runners.multiverse --all-dates          medians at every date
  python -m runners.multiverse --event tariffs      another event
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@EVENT
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Source of prices.  [auto]")
@click.option("--start", metavar="DATE", help="First date of prices, history included.")
@click.option("--end", metavar="DATE", help="Last date of prices.")
@click.option("--all-dates", is_flag=True, help="Also show the median at every date; slow.")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/multiverse",
    metavar="DIR",
    help="Folder to write.  [reports/multiverse]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one per processor]")
@click.option("--dask", metavar="ADDRESS", help="Use this Dask scheduler: tcp://HOST:PORT.")
@click.option("--list", "only_list", is_flag=True, help="List choices and reasons; run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def multiverse(
    readings: tuple[str, ...],
    event: str,
    source: str,
    start: str | None,
    end: str | None,
    all_dates: bool,
    out: Path,
    jobs: int | None,
    dask: str | None,
    only_list: bool,
    as_json: bool,
) -> int:
    """Run readings under all defensible choices and write a folder with their specification curves.

    READING is a name from `python -m runners.deepseek --list` or your own Reading, written package.module:Class. By
    default all readings run.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from data.events.catalog import load_event

    loaded = load_event(event)
    if only_list:
        return list_choices(readings, as_json, loaded)
    from runners.cli import multiverse_table, progress
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow
    from runners.engine.research.multiverse_run import MultiverseRequest, multiverse_to_folder

    with console.prints_to_stderr(as_json):
        executor, window = choose_executor(jobs, dask), PriceWindow(source, start, end)
        command = multiverse_command_line(readings, window, all_dates, loaded)
        with progress.progress() as steps:
            request = MultiverseRequest(loaded, readings, window, all_dates)
            survey = multiverse_to_folder(request, out, command, executor, steps.step)
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        multiverse_table.show_multiverse(survey, out)
    return console.report_failures(survey.failed)


def list_choices(readings: Sequence[str], as_json: bool, event: Event) -> int:
    """Print every choice with its reason; run nothing."""
    from runners.cli import multiverse_table
    from runners.engine.research.multiverse_run import planned_spaces

    with console.prints_to_stderr(as_json):
        plan, spaces, _ = planned_spaces(readings, event)
    if as_json:
        choices = multiverse_table.choices_as_dict(spaces, event)
        console.echo_json(json.dumps(choices, indent=2, ensure_ascii=False))
    else:
        multiverse_table.show_choices(spaces, event)
    return console.report_failures(plan.failed)


def multiverse_command_line(readings: Sequence[str], window: PriceWindow, all_dates: bool, event: Event) -> str:
    """The command that repeats a multiverse, without --out, --jobs and --dask, which do not affect results."""
    options = {
        "--event": event_option(event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
    }
    return command_line("multiverse", readings, options, ("--all-dates",) if all_dates else ())


if __name__ == "__main__":
    console.run_command(multiverse)
