"""The main job: every reading as a backtest, a tearsheet each, and a page that compares them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners import console

if TYPE_CHECKING:
    from data.event import Event
    from data.prices import Prices
    from data.sources import Source
    from reports.result import Failure, Run, Story
    from runners.engine.pool import Executor
    from runners.engine.study import Study
    from runners.job import Request

EXAMPLES = """
\b
Examples:
  python -m runners.deepseek                        every reading
  python -m runners.deepseek gpu_bubble fomc_tilt   two of them
  python -m runners.deepseek --source prices/       CSVs as Yahoo writes them
  python -m runners.deepseek --entry shock          at the shock, with hindsight
  python -m runners.deepseek --hold end             stay to the end of prices
  python -m runners.deepseek --event tariffs        another event, with its own readings
  python -m runners.deepseek --no-evidence          the backtests alone
  python -m runners.deepseek my.module:MyStrategy --symbols SPY,TLT
"""


DIGITS = 18  # of a number of sessions, of which the request takes fewer still


class Hold(click.ParamType["int | None"]):
    """A number of sessions, or `end`."""

    name = "N|end"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        text = str(value)
        if text == "end":
            return None
        if not text.isdecimal() or len(text) > DIGITS or int(text) < 1:
            self.fail(f"{text!r} is no hold; give a number of sessions, 1 or more, or 'end'", param, ctx)
        return int(text)


EVENT = click.option(
    "--event", default="deepseek", metavar="NAME|FILE.toml", help="deepseek, tariffs or a file of yours.  [deepseek]"
)


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@EVENT
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Where prices come from.  [auto]")
@click.option("--start", metavar="DATE", help="First session of the prices that are read, history included.")
@click.option("--end", metavar="DATE", help="Last session of the prices that are read.")
@click.option(
    "--entry",
    default="published",
    metavar="published|shock|DATE",
    help="Entry session.  [published; 2025-01-31 for deepseek]",
)
@click.option(
    "--hold", type=Hold(), default="252", metavar="N|end", help="Sessions to hold, the entry session included.  [252]"
)
@click.option("--rebalance", type=click.IntRange(1), default=20, metavar="N", help="Sessions between decisions.  [20]")
@click.option("--benchmark", default="SPY", metavar="SYMBOL", help="Fund behind beta, alpha and excess return.  [SPY]")
@click.option("--symbols", default="", metavar="A,B", help="Feeds of a plain bt.Strategy that declares no `symbols`.")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/latest",
    metavar="DIR",
    help="Run folder.  [reports/latest]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one a processor]")
@click.option(
    "--evidence/--no-evidence", default=True, help="Whether the readings beat chance, or the backtests alone.  [on]"
)
@click.option("--list", "only_list", is_flag=True, help="Show the readings with their claims, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def deepseek(
    readings: tuple[str, ...],
    event: str,
    source: str,
    start: str | None,
    end: str | None,
    entry: str,
    hold: int | None,
    rebalance: int,
    benchmark: str,
    symbols: str,
    out: Path,
    jobs: int | None,
    evidence: bool,
    only_list: bool,
    as_json: bool,
) -> int:
    """Run readings of the DeepSeek shock, or of another event, and write a folder of pages that compares them.

    READING is a name of --list or a strategy of yours as package.module:Class; without any, all of them run.
    """
    from data.events import load as load_event

    told = load_event(event)
    if only_list:
        return show_readings(as_json, told)
    from runners.job import Request

    feeds = tuple(filter(None, symbols.split(",")))
    request = Request(readings, entry, hold, rebalance, benchmark, feeds, event=told)
    with console.aside(as_json):
        run = execute(request, Window(source, start, end), out, jobs, evidence)
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        from runners import terminal

        terminal.show_run(run, out)
    return console.broken(run.failed)


@dataclass(frozen=True)
class Window:
    """Where prices come from, and the first and last session that is read."""

    source: str
    start: str | None = None
    end: str | None = None


def execute(request: Request, window: Window, out: Path, jobs: int | None, judged: bool = True) -> Run:
    """Load prices, run every study, gather the evidence, draw the sheets and write the run folder."""
    from data.sources import open_source
    from reports import run_folder, tearsheet
    from runners import job, terminal
    from runners.engine.pool import Processes

    opened = open_source(window.source)
    subjects, stopped = job.gathered(request)
    run_folder.require_writable(out)
    with terminal.progress() as steps:
        steps.step("prices")
        supply = load(request, subjects, partial(read, window, opened), judged, stopped)
        supply = replace(supply, notices=(*opened.notes, *supply.notices))
        tearsheet.warm_up(jobs)
        command = command_line(request, window, judged)
        run = gather(request, supply, command, Processes(jobs) if judged else None, steps.step)
        sheets = tearsheet.draw_all(run, out, jobs, steps.step("tearsheets", len(run.results)))
        run_folder.write(run, sheets, out)
    return run


def read(window: Window, opened: Source, symbols: Sequence[str]) -> Prices:
    """Prices of `symbols` in the window."""
    from data import load_prices

    return load_prices(symbols, window.start, window.end, opened)


@dataclass(frozen=True)
class Supply:
    """Studies with their prices, what has to be said of these, and what stopped other studies, by name."""

    subjects: tuple[Study, ...]
    prices: Prices
    notices: tuple[str, ...]
    lacking: Mapping[str, Failure]


def load(
    request: Request,
    subjects: Sequence[Study],
    prices_of: Callable[[Sequence[str]], Prices],
    judged: bool,
    stopped: Mapping[str, Failure],
) -> Supply:
    """Prices of what is traded and compared, and, for evidence, of what could have been; a notice where those lack.

    A study whose own symbols lack prices stops no other, and is told beside those that were `stopped` before. Raises
    RequestError or DataError where the benchmark's cannot be had, or nothing is left; BrokenStrategyError where nothing
    is left and others were stopped.
    """
    from data.errors import DataError, RequestError
    from runners import job

    try:
        return Supply(tuple(subjects), *_prices(request, subjects, prices_of, judged), stopped)
    except (RequestError, DataError):
        prices_of((request.benchmark,))  # which all need: without it the request is wrong, not a study
        needed = {subject.name: job.symbols(request, [subject]) for subject in subjects}
        lacking = {**stopped, **job.lacking(needed, prices_of)}
        found = tuple(subject for subject in subjects if subject.name not in lacking)
        if not found:
            raise job.nothing_left(lacking) from None
        if len(found) == len(subjects):
            raise
    return Supply(found, *_prices(request, found, prices_of, judged), lacking)


def _prices(
    request: Request, subjects: Sequence[Study], prices_of: Callable[[Sequence[str]], Prices], judged: bool
) -> tuple[Prices, tuple[str, ...]]:
    from data.errors import DataError, RequestError
    from runners import evidence, job

    needed = job.symbols(request, subjects)
    more = evidence.symbols(subjects, needed, request.benchmark, request.event) if judged else ()
    try:
        return prices_of((*needed, *more)), ()
    except (RequestError, DataError) as error:
        if not more:
            raise
        return prices_of(needed), (f"Some of the evidence is missing, since its prices are: {error}",)


def gather(
    request: Request,
    supply: Supply,
    command: str | None,
    executor: Executor | None,
    step: Callable[[str, int], Callable[[str], None]],
) -> Run:
    """The run, counted among the trials, and with an executor its evidence."""
    from runners import evidence, job

    prices, done = supply.prices, step("backtests", len(supply.subjects))
    run = job.run(request, supply.subjects, prices, supply.notices, done, supply.lacking)
    subjects = job.ran(supply.subjects, run.results)
    trials, unkept = job.counted(job.trials(request, subjects, prices, run), run.real)
    run = replace(run, notices=(*run.notices, *unkept), manifest={"command": command, **run.manifest})
    if executor is None:
        return run
    return evidence.gather(run, request, subjects, prices, trials, executor, step("evidence", len(subjects)))


def command_line(request: Request, window: Window, judged: bool) -> str:
    """The command that gives this run again; where its folder lies and who drew it change nothing."""
    options = {
        "--event": named(request.event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
        "--entry": request.entry,
        "--hold": request.hold or "end",
        "--rebalance": request.rebalance,
        "--benchmark": request.benchmark,
        "--symbols": ",".join(request.symbols) or None,
    }
    given = [f"{name}={value}" for name, value in options.items() if value is not None]
    return shlex.join(
        ["python", "-m", "runners.deepseek", *request.readings, *given, *([] if judged else ["--no-evidence"])]
    )


def named(event: Event) -> str | None:
    """How the event is asked for on a command line, None for the default."""
    from data.events import DEFAULT

    return None if event.name == event.origin == DEFAULT else event.origin or event.name


def show_readings(as_json: bool, event: Event) -> int:
    """List the readings of an event with their claims."""
    from runners import terminal
    from runners.engine import strategy_set

    with console.aside(as_json):
        rows = [(name, *_introduced(event, name)) for name in strategy_set.reading_names(event)]
    if as_json:
        listed = [{"name": name, "claims": claims.split(), **vars(told)} for name, claims, told in rows]
        console.echo_json(json.dumps(listed, indent=2))
    else:
        terminal.show_readings(rows)
    return console.DONE


def _introduced(event: Event, name: str) -> tuple[str, Story]:
    """Claims and story of a reading; a broken file is shown with its error and hides no other."""
    from reports.result import Story
    from runners.engine import strategy_set
    from runners.engine.failure import ANY, failure
    from runners.engine.story import docstring_story, with_titles

    try:
        strategy = strategy_set.load_strategy(event, name)
    except ANY as error:
        return "", Story(f"broken: {failure(error).summary}", "", "", "", "")
    return " ".join(getattr(strategy, "claims", ())), with_titles(
        docstring_story(strategy), strategy_set.event_member(event, name)
    )


if __name__ == "__main__":
    console.run(deepseek)
