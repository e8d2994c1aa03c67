"""The declared tests on simulated markets, where it is known what they should find: can they be trusted?"""

from __future__ import annotations

import os
from math import expm1
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import EVENT

if TYPE_CHECKING:
    from reports.records.calibration import Calibration, PowerPoint
    from runners.engine.execution.executor import Executor
    from runners.engine.research.calibration import CalibrationRequest

# Each worker has a processor to itself: threads of linear algebra would wait for each other more than they compute.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

EXAMPLES = """
\b
Examples:
  python -m runners.calibrate                  2,000 markets, several minutes
  python -m runners.calibrate --markets 200    a tenth of them; effects are injected in as many
  python -m runners.calibrate --markets 20 --out calibration
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@EVENT
@click.option("--markets", type=int, default=2000, metavar="N", help="Markets to simulate.  [2000]")
@click.option("--draws", type=int, default=499, metavar="N", help="Draws of stocks in each.  [499]")
@click.option("--seed", type=int, default=20250131, metavar="N", help="What all markets are drawn from.  [20250131]")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/calibration",
    metavar="DIR",
    help="Folder.  [reports/calibration]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one a processor]")
@click.option("--dask", metavar="ADDRESS", help="A Dask scheduler instead, as tcp://host:8786.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def calibrate(
    event: str, markets: int, draws: int, seed: int, out: Path, jobs: int | None, dask: str | None, as_json: bool
) -> int:
    """Run the declared tests on simulated markets, without any effect and with an injected one.

    Writes a page with error rates, power and the coverage of the bootstrap intervals.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from data.events.catalog import load_event
    from runners.engine.execution.dask import choose_executor
    from runners.engine.research.calibration import CalibrationRequest

    with console.prints_to_stderr(as_json):
        found = execute_calibration(
            CalibrationRequest(load_event(event), markets, draws, seed), out, choose_executor(jobs, dask)
        )
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        show_calibration(found, out)
    return console.DONE


def execute_calibration(wanted: CalibrationRequest, out: Path, executor: Executor) -> Calibration:
    """Simulate, try and write the folder."""
    from reports.folders import atomic
    from reports.folders import calibration as calibration_folder
    from runners.cli import progress
    from runners.engine.research import calibration as engine

    atomic.require_writable(out, atomic.CALIBRATE)
    with progress.progress() as steps:
        found = engine.run_calibration(wanted, executor, steps.step("markets", wanted.markets))
        calibration_folder.write(found, out)
    return found


def show_calibration(found: Calibration, out: Path) -> None:
    """A row a reading, one for all of them, and what follows."""
    from rich.text import Text

    from reports.pages.calibration import TEST_NAMES, calibration_conclusion
    from reports.records.calibration import SIDES, TESTS
    from runners.cli.tables import PlainConsole, PlainTable

    console = PlainConsole()
    console.print(Text(f"{found.markets:,} simulated markets, seed {found.seed}", "bold"))
    console.print("false positives: share of markets called supported (+) or refuted (-)")
    table = PlainTable(box=None, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True)
    for name in TEST_NAMES.values():
        table.add_column(f"{name} +", justify="right", no_wrap=True)
        table.add_column("-", justify="right", no_wrap=True)
    table.add_column("finds", justify="right", no_wrap=True)
    rates = [found.each(test, side) for test in TESTS for side in SIDES]
    power = {test: found.power(test) for test in ("timing", "names")}
    for name in found.readings:
        told = "/".join(_smallest(curves[name]) for curves in power.values() if name in curves)
        table.add_row(name, *(f"{rate[name].share:.1%}" if name in rate else "" for rate in rates), told)
    table.add_row("any", *(f"{found.any(test, side).share:.1%}" for test in TESTS for side in SIDES), style="bold")
    console.print(table)
    console.print("finds: smallest injected effect found in four of five markets, timing/stocks")
    console.print(Text(calibration_conclusion(found), "" if found.holds else "bold red"))
    covered = ", ".join(f"{name} {rate.share:.1%}" for name, rate in found.covered.items())
    console.print(f"95% intervals that contain the true value: {covered}")
    console.print(f"page      {out / 'index.html'}", soft_wrap=True)
    console.print(f"tables    {out / 'results.json'}", soft_wrap=True)


def _smallest(points: list[PowerPoint]) -> str:
    from reports.records.calibration import detectable_effect

    effect = detectable_effect(points)
    return "-" if effect is None else f"{expm1(effect):.0%}"  # a log return


if __name__ == "__main__":
    console.run_command(calibrate)
