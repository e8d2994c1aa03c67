"""The main command: every reading as a backtest, a tearsheet each, and a page that compares them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import EVENT, HoldType, run_command_line, symbol_list

if TYPE_CHECKING:
    from data.events.event import Event
    from reports.records.result import Story

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
    "--hold",
    type=HoldType(),
    default="252",
    metavar="N|end",
    help="Sessions to hold, the entry session included.  [252]",
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
    from data.events.catalog import load_event

    if only_list:
        return list_readings(load_event(event), as_json)
    from runners.cli import progress, run_table
    from runners.engine.pipeline import run_to_folder
    from runners.engine.request import PriceWindow, Request

    request = Request(
        load_event(event),
        readings,
        entry,
        hold,
        rebalance,
        benchmark,
        symbol_list(symbols),
        evidence=evidence,
    )
    with console.prints_to_stderr(as_json), progress.progress() as steps:
        window = PriceWindow(source, start, end)
        run = run_to_folder(request, window, out, run_command_line(request, window), jobs, steps.step)
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        run_table.show_run(run, out)
    return console.report_failures(run.failed)


def list_readings(event: Event, as_json: bool) -> int:
    """List the readings of an event with their claims."""
    from runners.cli import run_table
    from runners.engine import strategy_set

    with console.prints_to_stderr(as_json):
        rows = [(name, *_introduced(event, name)) for name in strategy_set.reading_names(event)]
    if as_json:
        listed = [{"name": name, "claims": claims.split(), **vars(story)} for name, claims, story in rows]
        console.echo_json(json.dumps(listed, indent=2))
    else:
        run_table.readings_table(rows)
    return console.DONE


def _introduced(event: Event, name: str) -> tuple[str, Story]:
    """Claims and story of a reading; a broken file is listed with its error and hides no other."""
    from reports.records.result import Story
    from runners.engine import strategy_set
    from runners.engine.story import docstring_story, with_titles
    from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure

    try:
        strategy = strategy_set.load_strategy(event, name)
    except AUTHOR_ERRORS as error:
        return "", Story(f"broken: {describe_failure(error).summary}", "", "", "", "")
    return " ".join(getattr(strategy, "claims", ())), with_titles(
        docstring_story(strategy), strategy_set.event_member(event, name)
    )


if __name__ == "__main__":
    console.run_command(deepseek)
