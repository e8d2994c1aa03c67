"""The multiverse: every reading under every defensible choice at once, and the same curve at other launches."""

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

# Each worker has a processor to itself: threads of linear algebra would wait for each other more than they compute.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
IMPORTS = ("runners.engine.research.multiverse",)  # of the workers, while prices are read
WIDTH = 80

EXAMPLES = """
\b
Examples:
  python -m runners.multiverse                      every reading
  python -m runners.multiverse gpu_bubble bad_news  two of them; the family counts all
  python -m runners.multiverse --list               the choices and their reasons
  python -m runners.multiverse --all-dates          also the median at every date
  python -m runners.multiverse --event tariffs      another event
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@EVENT
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Where prices come from.  [auto]")
@click.option("--start", metavar="DATE", help="First session of the prices that are read, history included.")
@click.option("--end", metavar="DATE", help="Last session of the prices that are read.")
@click.option("--all-dates", is_flag=True, help="Draw the median at every launch date too; takes about a minute.")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/multiverse",
    metavar="DIR",
    help="Folder.  [reports/multiverse]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one a processor]")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler instead, as tcp://host:8786.")
@click.option("--list", "only_list", is_flag=True, help="Show every choice with its reason, and run nothing.")
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
    """Run readings under every defensible choice and write a folder with their specification curves.

    READING is a name of `python -m runners.deepseek --list` or a Reading of yours as package.module:Class; without
    any, all of them run.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from data.events.catalog import load_event

    told = load_event(event)
    if only_list:
        return show_choices(readings, as_json, told)
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow

    with console.prints_to_stderr(as_json):
        survey = execute_multiverse(
            readings, told, PriceWindow(source, start, end), all_dates, out, choose_executor(jobs, dask)
        )
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        show_multiverse(survey, out)
    return console.report_failures(survey.failed)


def execute_multiverse(
    readings: Sequence[str], event: Event, window: PriceWindow, all_dates: bool, out: Path, executor: Executor
) -> MultiverseRun:
    """Load prices, run every spec at every launch and write the folder."""
    from data import load_prices
    from data.sources import open_source
    from reports.folders import atomic
    from reports.folders import multiverse as multiverse_folder
    from runners.cli import progress
    from runners.engine.execution import processes
    from runners.engine.research import multiverse as engine

    opened = open_source(window.source)
    plan, found, others = engine.planned_spaces(readings, event)
    atomic.require_writable(out, atomic.MULTIVERSE)
    processes.preload(IMPORTS)
    with progress.progress() as steps:
        steps.step("prices")
        supply = load_multiverse_prices(
            found, others, plan.failed, event, partial(load_prices, start=window.start, end=window.end, source=opened)
        )
        found, prices = supply.found, supply.prices
        planned = engine.multiverse_plan(event, (*found, *supply.others), prices, all_dates)
        done = steps.step("baskets", engine.count_tasks((*found, *supply.others)))
        ran, failed = engine.run_multiverse_or_failures(found, prices, planned, executor, done)
        beside = engine.uncalled_outcomes(supply.others, prices, planned, executor, done)
        found = tuple(space for space in found if space.subject.name not in failed)
        told = (*opened.notes, *supply.notices)
        command = multiverse_command_line(readings, window, all_dates, event)
        failed = {**supply.stopped, **failed}
        names = {multiverse.name for multiverse in beside}
        counted = (*found, *(space for space in supply.others if space.subject.name in names))
        missing = engine.missing_readings(counted, plan)
        survey = engine.multiverse_run(event, found, ran, prices, planned, told, command, failed, beside, missing)
        multiverse_folder.write(survey, out)
    return survey


@dataclass(frozen=True)
class PricedReadings:
    """Readings asked for and the others of their family, with prices that suffice for them; what is to be said of it.

    `stopped` tells, by name, what stopped the other readings that were asked for.
    """

    found: tuple[SpecificationSpace, ...]
    others: tuple[SpecificationSpace, ...]
    prices: Prices
    notices: tuple[str, ...]
    stopped: Mapping[str, Failure]


def load_multiverse_prices(
    found: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    stopped: Mapping[str, Failure],
    event: Event,
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Prices of every symbol of the readings `found` and of the `others`; a notice where some are left out.

    A reading whose own prices lack, or are too few, stops no other. Raises RequestError or DataError where those of the
    calendar cannot be had, or nothing is left; BrokenStrategyError where nothing is left and others were stopped.
    """
    from runners.engine.pipeline import lacking_prices
    from runners.engine.plan import nothing_left
    from runners.engine.research import multiverse as engine

    lacking = dict(stopped)
    try:
        supply = _supplied(found, others, prices_of)
    except (RequestError, DataError):
        prices_of((engine.CALENDAR,))  # which all need: without it the request is wrong, not a reading
        needed = {space.subject.variant: engine.essential_symbols([space]) for space in (*found, *others)}
        absent = lacking_prices(needed, prices_of)
        lacking |= {
            space.subject.name: absent[space.subject.variant] for space in found if space.subject.variant in absent
        }
        left, beside = (
            tuple(space for space in spaces if space.subject.variant not in absent) for spaces in (found, others)
        )
        if not left:
            raise nothing_left(lacking) from None
        if not absent:
            raise
        supply = _supplied(left, beside, prices_of)
    lacking |= engine.short_histories(event, supply.found, supply.prices)
    if not (left := _without(supply.found, lacking)):
        raise nothing_left(lacking)
    beside = _without(supply.others, engine.short_histories(event, supply.others, supply.prices))
    return replace(supply, found=left, others=beside, stopped=lacking)


def _supplied(
    found: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Prices of all, or, where some lack, without the baskets that need them."""
    from runners.engine.research import multiverse as engine

    try:
        return PricedReadings(found, others, prices_of(engine.multiverse_symbols((*found, *others))), (), {})
    except (RequestError, DataError) as error:
        symbols, missing = engine.essential_symbols((*found, *others)), error
    prices = prices_of(symbols)
    notices = (f"Some baskets are left out, since prices are missing: {missing}",)
    return PricedReadings(_narrowed(found, symbols), _narrowed(others, symbols), prices, notices, {})


def _narrowed(found: tuple[SpecificationSpace, ...], symbols: Sequence[str]) -> tuple[SpecificationSpace, ...]:
    from runners.engine.research import multiverse as engine

    return tuple(engine.narrow_to_prices(space, symbols) for space in found)


def _without(found: tuple[SpecificationSpace, ...], stopped: Mapping[str, Failure]) -> tuple[SpecificationSpace, ...]:
    return tuple(space for space in found if space.subject.name not in stopped)


def multiverse_command_line(readings: Sequence[str], window: PriceWindow, all_dates: bool, event: Event) -> str:
    """The command that gives a multiverse again; the place of its folder and the number of jobs change nothing."""
    options = {
        "--event": event_option(event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
    }
    return command_line("multiverse", readings, options, ("--all-dates",) if all_dates else ())


def show_multiverse(survey: MultiverseRun, out: Path) -> None:
    """Print the summary: one row per reading in 80 columns, a legend, and a caution."""
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


def _labelled(label: str, words: str, head: int = 10) -> str:
    """A line under a label, wrapped beside it."""
    from textwrap import fill

    first, rest = f"{label:<{head}}", " " * head
    return fill(
        words,
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
    from reports.records.multiverse import curve_summary
    from reports.rendering.numbers import UNDEFINED
    from runners.cli.tables import excess_cell

    found, ranked = curve_summary(one.d[one.tested]), survey.joint[one.name]
    return (
        one.name,
        f"{int(one.honest.sum()):,}",
        excess_cell(found.median),
        f"{found.same_sign:.0%}" if found.n else "-",
        *("-" if p is None else f"{p:.2f}" for p in (ranked.median.p, ranked.share.p, ranked.median.p_family)),
        leading_choices(one).replace(UNDEFINED, "-"),
    )


def show_choices(readings: Sequence[str], as_json: bool, event: Event) -> int:
    """Every choice with its reason: those that all readings share, then each reading's own."""
    from runners.engine.research import multiverse as engine
    from runners.engine.research import specification

    with console.prints_to_stderr(as_json):
        plan, found, _ = engine.planned_spaces(readings, event)
    if as_json:
        console.echo_json(json.dumps(_listed(found, event), indent=2, ensure_ascii=False))
        return console.report_failures(plan.failed)
    console.echo("* declared with the reading\n")
    for dimension in specification.general_choices(event):
        _show_dimension(dimension)
    for space in found:
        console.echo(f"\n{space.subject.name}: {len(space):,} specifications")
        for dimension in engine.own_dimensions(space):
            _show_dimension(dimension, "  ")
        for name, why in specification.unvaried_dimensions(space.subject, event):
            console.echo(_labelled(f"  {name}: ", f"not varied, {why}", len(name) + 4))
    return console.report_failures(plan.failed)


def _listed(found: Sequence[SpecificationSpace], event: Event) -> dict[str, object]:
    from reports.folders.multiverse import dimension_as_dict
    from runners.engine.research import multiverse as engine
    from runners.engine.research import specification

    return {
        "dimensions": {
            dimension.name: dimension_as_dict(dimension) for dimension in specification.general_choices(event)
        },
        "readings": {
            space.subject.name: {
                "specs": len(space),
                "dimensions": {
                    dimension.name: dimension_as_dict(dimension) for dimension in engine.own_dimensions(space)
                },
                "not_varied": dict(specification.unvaried_dimensions(space.subject, event)),
            }
            for space in found
        },
    }


def _show_dimension(dimension: Dimension, indent: str = "") -> None:
    console.echo(f"{indent}{dimension.name}: {dimension.asks}")
    for choice in dimension.choices:
        label = f"{indent} {'*' if choice.declared else ' '} {choice.label}"
        console.echo(_labelled(label, choice.reason, len(indent) + 20))


if __name__ == "__main__":
    console.run_command(multiverse)
