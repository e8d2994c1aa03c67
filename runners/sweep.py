"""Turn the knobs of one strategy: every combination of their values, or a search where there are too many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from data.errors import WorkError
from runners.cli import console
from runners.cli.options import EVENT, command_line, event_option, symbol_list

if TYPE_CHECKING:
    from reports.records.sweep import SweepResult
    from runners.engine.execution.executor import Executor
    from runners.engine.request import PriceWindow
    from runners.engine.sweep.sweep import SweepRequest


IMPORTS = ("runners.engine.sweep.chunk",)  # of the workers, while prices are read

EXAMPLES = """
\b
Examples:
  python -m runners.sweep gpu_bubble -p hold=20,60,120 -p rebalance=5,20
  python -m runners.sweep two_shocks -p lookback=20,60 -p scaled=true,false
  python -m runners.sweep bad_news -p entry=published,2025-02-03,shock
  python -m runners.sweep gpu_bubble -p hold=5..99 --search optuna --budget 99
  python -m runners.sweep my.module:MyStrategy --symbols SPY -p period=10,20

Every strategy has its own parameters and entry (dates, published, shock), hold (N, end), commission_bps,
half_spread_bps, borrow_rate, cash_rate (policy or a fraction); readings have rebalance (N, never), lag and shock too.
An interrupted sweep goes on where it was when the same command is given again.
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("reading", metavar="READING")
@click.option("-p", "--param", "knobs", multiple=True, metavar="NAME=VALUES", help="A knob: A,B,C, or LOW..HIGH.")
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
@click.option("--benchmark", default="SPY", metavar="SYMBOL", help="Fund behind the excess return.  [SPY]")
@click.option("--symbols", default="", metavar="A,B", help="Feeds of a plain bt.Strategy that declares no `symbols`.")
@click.option(
    "--objective", default="d", metavar="NAME", help="What is best: d, net, sharpe, drawdown, d_5 to d_252.  [d]"
)
@click.option("--search", metavar="optuna", help="Search the ranges instead of running a whole grid.")
@click.option("--budget", type=int, metavar="N", help="Trials of a search.")
@click.option("--yes", is_flag=True, help="Run more than a million specs without another question.")
@click.option("--out", type=console.OUT, default="reports/sweep", metavar="DIR", help="Folder.  [reports/sweep]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one a processor]")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler instead, as tcp://host:8786.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def sweep(
    reading: str,
    knobs: tuple[str, ...],
    event: str,
    source: str,
    start: str | None,
    end: str | None,
    entry: str,
    benchmark: str,
    symbols: str,
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

    READING is a name of `python -m runners.deepseek --list` or a strategy of yours as package.module:Class. A sweep
    describes: the best of many settings, chosen in hindsight, is no evidence.
    """
    from data.events.catalog import load_event
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow
    from runners.engine.sweep.sweep import SweepRequest

    wanted = SweepRequest(
        load_event(event), reading, knobs, entry, benchmark, symbol_list(symbols), objective, search, budget, yes
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
            f"{dead:,} of {len(swept.codes):,} specs were not run, since their worker processes died; everything else "
            f"is written, and the same command tries them again"
        )
    return console.DONE


def execute_sweep(wanted: SweepRequest, window: PriceWindow, out: Path, executor: Executor) -> tuple[SweepResult, int]:
    """Load prices, run every spec that was not finished before, judge them together and write the folder.

    Also tells of how many specs the worker processes died; while there are any, what was found stays kept.
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
    parts = engine.expected_chunks(wanted, space)
    if parts > resumable.FEW:
        processes.preload(IMPORTS)
    with Checkpoint.next_to(out) as kept, progress.progress() as steps:
        steps.step("prices")
        needed = needed_symbols(wanted.request, [space.subject])
        prices = load_prices(needed, window.start, window.end, opened)
        done = steps.step("specs", parts)
        found, search = engine.run_sweep(wanted, space, prices, executor, kept, done)
        swept = engine.sweep_result(
            wanted, space, prices, found, search, opened.notes, sweep_command_line(wanted, window)
        )
        with kept.named_in_errors():
            sweep_folder.write(swept, out)
        if not found.dead:
            kept.remove()
    return swept, len(found.dead)


def sweep_command_line(wanted: SweepRequest, window: PriceWindow) -> str:
    """The command that gives a sweep again; the place of its folder and the number of jobs change nothing."""
    options = {
        "--event": event_option(wanted.event),
        "--source": window.source,
        "--start": window.start,
        "--end": window.end,
        "--entry": wanted.entry,
        "--benchmark": wanted.benchmark,
        "--symbols": ",".join(wanted.symbols) or None,
        "--objective": wanted.objective,
        "--search": wanted.search,
        "--budget": wanted.budget,
    }
    knobs = [word for knob in wanted.knobs for word in ("-p", knob)]
    return command_line("sweep", (wanted.reading, *knobs), options)


if __name__ == "__main__":
    console.run_command(sweep)
