"""The main command: a backtest and a tearsheet for every reading, and a page that compares them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import (
    EVENT,
    FORESIGHT_CHECK,
    HISTORY,
    WARM_UP,
    HoldType,
    history_of,
    run_command_line,
    symbol_list,
)

if TYPE_CHECKING:
    from data.events.event import Event
    from reports.records.result import Story

EXAMPLES = """
\b
Examples:
  python -m runners.deepseek                        all readings
  python -m runners.deepseek gpu_bubble fomc_tilt   two readings
  python -m runners.deepseek --source prices/       your own CSV files
  python -m runners.deepseek --entry shock          at the shock (hindsight)
  python -m runners.deepseek --hold end             to the end of the prices
  python -m runners.deepseek --event tariffs        another event
  python -m runners.deepseek --no-evidence          backtests only
  python -m runners.deepseek my.module:MyStrategy --symbols SPY,TLT
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@EVENT
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Source of prices.  [auto]")
@click.option("--start", metavar="DATE", help="First date of prices, history included.")
@click.option("--end", metavar="DATE", help="Last date of prices.")
@click.option(
    "--entry",
    default="published",
    metavar="published|shock|DATE",
    help="Entry date.  [published]",
)
@click.option(
    "--hold",
    type=HoldType(),
    default="252",
    metavar="N|end",
    help="Holding period in sessions.  [252]",
)
@click.option("--rebalance", type=click.IntRange(1), default=20, metavar="N", help="Sessions between decisions.  [20]")
@click.option("--benchmark", default="SPY", metavar="SYMBOL", help="Fund for beta, alpha, excess return.  [SPY]")
@click.option("--symbols", default="", metavar="A,B", help="Symbols of a plain bt.Strategy without any.")
@HISTORY
@WARM_UP
@FORESIGHT_CHECK
@click.option(
    "--out",
    type=console.OUT,
    default="reports/latest",
    metavar="DIR",
    help="Folder to write.  [reports/latest]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one per processor]")
@click.option("--evidence/--no-evidence", default=True, help="Test the readings against chance.  [on]")
@click.option("--list", "only_list", is_flag=True, help="List readings and claims; run nothing.")
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
    history: int | None,
    warm_up: str,
    foresight_check: bool,
    out: Path,
    jobs: int | None,
    evidence: bool,
    only_list: bool,
    as_json: bool,
) -> int:
    """Run readings of the DeepSeek shock, or of another event, and write a folder of pages that compares them.

    READING is a name from --list or your own strategy, written package.module:Class. By default all readings run.
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
        history=history_of(history, warm_up),
        foresight_check=foresight_check,
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
    """Print the readings of an event with their claims."""
    from runners.cli import run_table
    from runners.engine import strategy_set

    with console.prints_to_stderr(as_json):
        rows = [(name, *_claims_and_story(event, name)) for name in strategy_set.reading_names(event)]
    if as_json:
        listed = [{"name": name, "claims": claims.split(), **vars(story)} for name, claims, story in rows]
        console.echo_json(json.dumps(listed, indent=2))
    else:
        run_table.readings_table(rows)
    return console.DONE


def _claims_and_story(event: Event, name: str) -> tuple[str, Story]:
    """Claims and story of a reading, or the error if its code is broken; code outside this project is not run."""
    from reports.records.result import Story
    from runners.engine import strategy_set
    from runners.engine.author_code import author_code
    from runners.engine.story import docstring_story, with_titles
    from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure
    from strategies.base.reading import Reading

    member = strategy_set.event_member(event, name)
    if member and strategy_set.is_path_of_others(member.strategy):
        return "", Story(member.title or member.strategy, member.claim, "", "", "")
    try:
        with author_code():
            strategy = strategy_set.load_strategy(event, name)
    except AUTHOR_ERRORS as error:
        return "", Story(f"broken: {describe_failure(error).summary}", "", "", "", "")
    claims = strategy.claims if issubclass(strategy, Reading) else ()
    return " ".join(claims), with_titles(docstring_story(strategy), member)


if __name__ == "__main__":
    console.run_command(deepseek)
