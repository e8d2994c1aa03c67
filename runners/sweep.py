"""Sweep the parameters of one strategy: all combinations of their values, or a search."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import WorkError
from runners.cli import console
from runners.cli.options import (
    EVENT,
    FORESIGHT_CHECK,
    HISTORY,
    WARM_UP,
    command_line,
    event_option,
    history_of,
    no_flags,
    symbol_list,
    warm_up_options,
)

if TYPE_CHECKING:
    from reports.records.sweep import SweepResult
    from runners.engine.execution.executor import Executor
    from runners.engine.request import PriceWindow
    from runners.engine.sweep.sweep import SweepRequest


IMPORTS = ("runners.engine.sweep.chunk",)  # imported by workers while prices are read

EXAMPLES = """
\b
Examples:
  python -m runners.sweep gpu_bubble -p hold=20,60,120 -p rebalance=5,20
  python -m runners.sweep two_shocks -p lookback=20,60 -p scaled=true,false
  python -m runners.sweep bad_news -p entry=published,2025-02-03,shock
  python -m runners.sweep gpu_bubble -p hold=5..99 --search optuna --budget 99
  python -m runners.sweep my.module:MyStrategy --symbols SPY -p period=10,20

NAME is a parameter of the strategy or entry (dates, published, shock), hold (N, end), commission_bps, half_spread_bps,
borrow_rate or cash_rate (policy or a fraction); for readings also rebalance (N, never), lag or shock. To resume an
interrupted sweep, run the same command again.
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("reading", metavar="READING")
@click.option(
    "-p", "--param", "parameters", multiple=True, metavar="NAME=VALUES", help="Parameter to vary: A,B,C or LOW..HIGH."
)
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
@click.option("--benchmark", default="SPY", metavar="SYMBOL", help="Fund for the excess return.  [SPY]")
@click.option("--symbols", default="", metavar="A,B", help="Symbols of a plain bt.Strategy without any.")
@HISTORY
@WARM_UP
@FORESIGHT_CHECK
@click.option("--objective", default="d", metavar="NAME", help="d, net, sharpe, drawdown or d_5 to d_252.  [d]")
@click.option("--search", metavar="optuna", help="Search the ranges instead of the whole grid.")
@click.option("--budget", type=int, metavar="N", help="Number of trials of a search.")
@click.option("--yes", is_flag=True, help="Allow more than a million variants.")
@click.option(
    "--out", type=console.OUT, default="reports/sweep", metavar="DIR", help="Folder to write.  [reports/sweep]"
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one per processor]")
@click.option("--dask", metavar="ADDRESS", help="Use this Dask scheduler: tcp://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def sweep(
    reading: str,
    parameters: tuple[str, ...],
    event: str,
    source: str,
    start: str | None,
    end: str | None,
    entry: str,
    benchmark: str,
    symbols: str,
    history: int | None,
    warm_up: str,
    foresight_check: bool,
    objective: str,
    search: str | None,
    budget: int | None,
    yes: bool,
    out: Path,
    jobs: int | None,
    dask: str | None,
    as_json: bool,
) -> int:
    """Run one strategy under many settings and write a folder that compares them.

    READING is a name from `python -m runners.deepseek --list` or your own strategy, written package.module:Class. A
    sweep is descriptive: the best of many settings, chosen in hindsight, is not evidence.
    """
    from data.events.catalog import load_event
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow
    from runners.engine.sweep.sweep import SweepRequest

    wanted = SweepRequest(
        load_event(event),
        reading,
        parameters,
        entry,
        benchmark,
        symbol_list(symbols),
        objective,
        search,
        budget,
        yes,
        history_of(history, warm_up),
        foresight_check,
    )
    with console.prints_to_stderr(as_json):
        swept, dead = execute_sweep(wanted, PriceWindow(source, start, end), out, choose_executor(jobs, dask))
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        from runners.cli import sweep_table

        sweep_table.show_sweep(swept, out)
    if dead:
        raise WorkError(
            f"{dead:,} of {len(swept.codes):,} variants were not run, since their worker processes died; everything "
            f"else is written, and the same command tries them again"
        )
    return console.DONE


def execute_sweep(wanted: SweepRequest, window: PriceWindow, out: Path, executor: Executor) -> tuple[SweepResult, int]:
    """Load prices, run every unfinished variant, compare all of them and write the folder.

    Also returns the number of variants whose worker processes died; the checkpoint stays if there are any.
    """
    from data import load_prices
    from data.sources import open_source
    from reports.folders import atomic
    from reports.folders import sweep as sweep_folder
    from runners.cli import progress
    from runners.engine.execution import processes
    from runners.engine.execution.checkpoint import Checkpoint
    from runners.engine.plan import needed_symbols
    from runners.engine.sweep import resumable
    from runners.engine.sweep import sweep as engine

    opened = open_source(window.source)
    space = engine.prepare_space(wanted)
    atomic.require_writable(out, atomic.SWEEP)
    chunks = engine.expected_chunks(wanted, space)
    if chunks > resumable.FEW:
        processes.preload(IMPORTS)
    with Checkpoint.next_to(out) as checkpoint, progress.progress() as steps:
        steps.step("prices")
        needed = needed_symbols(wanted.run_request, [space.study])
        prices = load_prices(needed, window.start, window.end, opened, engine.first_needed(space))
        notes = (*opened.notes, *prices.warnings, *engine.foresight_notes(wanted, space, prices))
        done = steps.step("variants", chunks)
        outcome, search = engine.run_sweep(wanted, space, prices, executor, checkpoint, done)
        swept = engine.sweep_result(wanted, space, prices, outcome, search, notes, sweep_command_line(wanted, window))
        with checkpoint.named_in_errors():
            sweep_folder.write(swept, out)
        if not outcome.dead:
            checkpoint.remove()
    return swept, len(outcome.dead)


def sweep_command_line(wanted: SweepRequest, window: PriceWindow) -> str:
    """The command that repeats a sweep, without --out, --jobs and --dask, which do not affect results."""
    options = {
        "--event": event_option(wanted.event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
        "--entry": wanted.entry,
        "--benchmark": wanted.benchmark,
        "--symbols": ",".join(wanted.symbols) or None,
        **warm_up_options(wanted.history),
        "--objective": wanted.objective,
        "--search": wanted.search,
        "--budget": wanted.budget,
    }
    parameters = [word for parameter in wanted.parameters for word in ("-p", parameter)]
    return command_line(
        "sweep", (wanted.reading, *parameters), options, no_flags(foresight_check=wanted.foresight_check)
    )


if __name__ == "__main__":
    console.run_command(sweep)
