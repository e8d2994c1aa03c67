"""The multiverse: every reading under all combinations of defensible choices, compared with past entries."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import DataError, RequestError
from runners.cli import console
from runners.cli.options import EVENT, command_line, event_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from data.events.event import Event
    from data.prices import Prices
    from reports.records.multiverse import Dimension, Multiverse, MultiverseRun
    from reports.records.result import Failure
    from runners.cli.tables import PlainTable
    from runners.engine.execution.executor import Executor
    from runners.engine.request import PriceWindow
    from runners.engine.research.multiverse import SpecificationSpace

# Each worker has one processor, so threads of linear algebra would only compete.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
IMPORTS = ("runners.engine.research.multiverse",)  # imported by workers while prices are read
WIDTH = 80

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
        return show_choices(readings, as_json, loaded)
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow

    with console.prints_to_stderr(as_json):
        survey = execute_multiverse(
            readings, loaded, PriceWindow(source, start, end), all_dates, out, choose_executor(jobs, dask)
        )
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        show_multiverse(survey, out)
    return console.report_failures(survey.failed)


def execute_multiverse(
    readings: Sequence[str], event: Event, window: PriceWindow, all_dates: bool, out: Path, executor: Executor
) -> MultiverseRun:
    """Load prices, run every specification at every entry and write the folder."""
    from data import load_prices
    from data.sources import open_source
    from reports.folders import atomic
    from reports.folders import multiverse as multiverse_folder
    from runners.cli import progress
    from runners.engine.execution import processes
    from runners.engine.pipeline import count_trials
    from runners.engine.research import multiverse as engine
    from runners.engine.research.multiverse_trials import specification_trials

    opened = open_source(window.source)
    plan, spaces, others = engine.planned_spaces(readings, event)
    atomic.require_writable(out, atomic.MULTIVERSE)
    processes.preload(IMPORTS)
    with progress.progress() as steps:
        steps.step("prices")
        supply = load_multiverse_prices(
            spaces, others, plan.failed, event, partial(load_prices, start=window.start, end=window.end, source=opened)
        )
        spaces, prices = supply.spaces, supply.prices
        planned = engine.multiverse_plan(event, (*spaces, *supply.others), prices, all_dates)
        done = steps.step("baskets", engine.count_tasks((*spaces, *supply.others)))
        ran, failed = engine.run_multiverse_or_failures(spaces, prices, planned, executor, done)
        uncalled = engine.rival_multiverses(supply.others, prices, planned, executor, done)
        spaces = tuple(space for space in spaces if space.study.name not in failed)
        notices = (*opened.notes, *prices.warnings, *supply.notices)
        command = multiverse_command_line(readings, window, all_dates, event)
        failed = {**supply.stopped, **failed}
        names = {multiverse.name for multiverse in uncalled}
        counted = (*spaces, *(space for space in supply.others if space.study.name in names))
        missing = engine.missing_readings(counted, plan)
        _, ledger_notices = count_trials(specification_trials(spaces, prices, planned), prices.real)
        notices = (*notices, *ledger_notices)
        survey = engine.multiverse_run(event, spaces, ran, prices, planned, notices, command, failed, uncalled, missing)
        multiverse_folder.write(survey, out)
    return survey


@dataclass(frozen=True)
class PricedReadings:
    """Requested readings and the others of their strategy set, with sufficient prices, and notices about them.

    `stopped` maps the names of requested readings that cannot run to the failure.
    """

    spaces: tuple[SpecificationSpace, ...]
    others: tuple[SpecificationSpace, ...]
    prices: Prices
    notices: tuple[str, ...]
    stopped: Mapping[str, Failure]


def load_multiverse_prices(
    spaces: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    stopped: Mapping[str, Failure],
    event: Event,
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Read the prices of every symbol of the requested readings `spaces` and of the `others`.

    A reading whose prices are missing or too few is moved to `stopped`; a notice names baskets that are left out.
    Raises RequestError or DataError if the calendar's prices are missing or no reading is left, BrokenStrategyError if
    none is left and some crashed.
    """
    from runners.engine.pipeline import price_failures
    from runners.engine.plan import nothing_left
    from runners.engine.research import multiverse as engine

    failures = dict(stopped)
    try:
        supply = _read_prices(spaces, others, prices_of)
    except (RequestError, DataError):
        prices_of((engine.CALENDAR,))  # every reading needs it: without it the request is wrong
        needed = {space.study.variant: engine.essential_symbols([space]) for space in (*spaces, *others)}
        absent = price_failures(needed, prices_of)
        failures |= {space.study.name: absent[space.study.variant] for space in spaces if space.study.variant in absent}
        remaining, others = (
            tuple(space for space in group if space.study.variant not in absent) for group in (spaces, others)
        )
        if not remaining:
            raise nothing_left(failures) from None
        if not absent:
            raise
        supply = _read_prices(remaining, others, prices_of)
    failures |= engine.short_histories(event, supply.spaces, supply.prices)
    if not (remaining := _without(supply.spaces, failures)):
        raise nothing_left(failures)
    others = _without(supply.others, engine.short_histories(event, supply.others, supply.prices))
    return replace(supply, spaces=remaining, others=others, stopped=failures)


def _read_prices(
    spaces: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Prices of all symbols; if some are missing, without the baskets that need them."""
    from runners.engine.research import multiverse as engine

    try:
        return PricedReadings(spaces, others, prices_of(engine.multiverse_symbols((*spaces, *others))), (), {})
    except (RequestError, DataError) as error:
        symbols, missing = engine.essential_symbols((*spaces, *others)), error
    prices = prices_of(symbols)
    notices = (f"Some baskets are left out for lack of prices: {missing}",)
    return PricedReadings(_narrowed(spaces, symbols), _narrowed(others, symbols), prices, notices, {})


def _narrowed(spaces: tuple[SpecificationSpace, ...], symbols: Sequence[str]) -> tuple[SpecificationSpace, ...]:
    from runners.engine.research import multiverse as engine

    return tuple(engine.narrow_to_prices(space, symbols) for space in spaces)


def _without(spaces: tuple[SpecificationSpace, ...], stopped: Mapping[str, Failure]) -> tuple[SpecificationSpace, ...]:
    return tuple(space for space in spaces if space.study.name not in stopped)


def multiverse_command_line(readings: Sequence[str], window: PriceWindow, all_dates: bool, event: Event) -> str:
    """The command that repeats a multiverse, without --out, --jobs and --dask, which do not affect results."""
    options = {
        "--event": event_option(event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
    }
    return command_line("multiverse", readings, options, ("--all-dates",) if all_dates else ())


def show_multiverse(survey: MultiverseRun, out: Path) -> None:
    """Print the summary: a row per reading in 80 columns, and how to read it."""
    from rich.text import Text

    from reports.pages.multiverse import ONE_OBSERVATION
    from runners.cli.tables import PlainConsole

    console = PlainConsole()
    count = sum(map(len, survey.multiverses))
    readings = f"{len(survey.multiverses)} reading{'' if len(survey.multiverses) == 1 else 's'}"
    console.print(Text(f"{readings}, {count:,} specifications", "bold"))
    console.print(f"prices: {survey.origin}")
    for notice in survey.notices:
        console.print(Text(notice, "bold yellow"))
    console.print(_table(survey))
    entries = f"{survey.placebos + 1} entry dates {survey.step} trading days apart"
    reason = survey.joint[survey.multiverses[0].name].median.reason
    for label, text in (
        ("n", "specifications; those entered with hindsight are drawn on the pages but not counted"),
        ("median", "excess over the comparator, of the specifications tested after 20 and 60 trading days"),
        ("sign", "share of these specifications on the same side of zero as the median"),
        (
            "p",
            f"not available: {reason}"
            if reason
            else f"of median and sign, among {entries}; adj. p: adjusted for all {survey.counted} readings",
        ),
        ("driver", "the choice that explains most of the variance; often the horizon, since results grow with time"),
        ("caution", ONE_OBSERVATION),
        ("pages", f"{out / 'index.html'}, NAME.html"),
        ("tables", f"{out}/specs.csv, results.json"),
    ):
        console.print(_labelled(label, text), soft_wrap=True)


def _labelled(label: str, text: str, head: int = 10) -> str:
    """A label with text wrapped next to it."""
    from textwrap import fill

    first, rest = f"{label:<{head}}", " " * head
    return fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(survey: MultiverseRun) -> PlainTable:
    from runners.cli.tables import WIDEST, PlainTable

    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in ("n", "median", "sign", "p", "p sign", "adj. p", "driver"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in survey.multiverses:
        table.add_row(*_row(one, survey))
    return table


def _row(one: Multiverse, survey: MultiverseRun) -> tuple[str, ...]:
    from reports.pages.multiverse import leading_choices
    from reports.rendering.numbers import UNDEFINED
    from reports.statistics.specification_curve import curve_summary
    from runners.cli.tables import excess_cell

    summary, ranked = curve_summary(one.d[one.tested]), survey.joint[one.name]
    return (
        one.name,
        f"{int(one.honest.sum()):,}",
        excess_cell(summary.median),
        f"{summary.same_sign:.0%}" if summary.n else "-",
        *("-" if p is None else f"{p:.2f}" for p in (ranked.median.p, ranked.share.p, ranked.median.p_family)),
        leading_choices(one).replace(UNDEFINED, "-"),
    )


def show_choices(readings: Sequence[str], as_json: bool, event: Event) -> int:
    """Print every choice with its reason: first those shared by all readings, then each reading's own."""
    from runners.engine.research import multiverse as engine
    from runners.engine.research import specification

    with console.prints_to_stderr(as_json):
        plan, spaces, _ = engine.planned_spaces(readings, event)
    if as_json:
        console.echo_json(json.dumps(_listed(spaces, event), indent=2, ensure_ascii=False))
        return console.report_failures(plan.failed)
    console.echo("* declared with the reading\n")
    for dimension in specification.general_choices(event):
        _show_dimension(dimension)
    for space in spaces:
        console.echo(f"\n{space.study.name}: {len(space):,} specifications")
        for dimension in engine.own_dimensions(space):
            _show_dimension(dimension, "  ")
        for name, why in specification.unvaried_dimensions(space.study, event):
            console.echo(_labelled(f"  {name}: ", f"not varied, {why}", len(name) + 4))
    return console.report_failures(plan.failed)


def _listed(spaces: Sequence[SpecificationSpace], event: Event) -> dict[str, object]:
    from reports.folders.multiverse import dimension_as_dict
    from runners.engine.research import multiverse as engine
    from runners.engine.research import specification

    return {
        "dimensions": {
            dimension.name: dimension_as_dict(dimension) for dimension in specification.general_choices(event)
        },
        "readings": {
            space.study.name: {
                "specs": len(space),
                "dimensions": {
                    dimension.name: dimension_as_dict(dimension) for dimension in engine.own_dimensions(space)
                },
                "not_varied": dict(specification.unvaried_dimensions(space.study, event)),
            }
            for space in spaces
        },
    }


def _show_dimension(dimension: Dimension, indent: str = "") -> None:
    console.echo(f"{indent}{dimension.name}: {dimension.asks}")
    for choice in dimension.choices:
        label = f"{indent} {'*' if choice.declared else ' '} {choice.label}"
        console.echo(_labelled(label, choice.reason, len(indent) + 20))


if __name__ == "__main__":
    console.run_command(multiverse)
