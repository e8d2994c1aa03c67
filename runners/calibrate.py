"""Calibration: error rates and power of the declared tests on simulated markets."""

from __future__ import annotations

import os
from math import expm1
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import EVENT

if TYPE_CHECKING:
    from reports.records.calibration import Calibration
    from reports.statistics.error_rates import PowerPoint
    from runners.engine.execution.executor import Executor
    from runners.engine.research.calibration import CalibrationRequest

# Each worker has one processor, so threads of linear algebra would only compete.
ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")

EXAMPLES = """
\b
Examples:
  python -m runners.calibrate                  2,000 markets, several minutes
  python -m runners.calibrate --markets 200    a tenth of the markets
  python -m runners.calibrate --markets 20 --out calibration
"""


TERMINAL_TESTS = ("timing", "stocks", "verdict")


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@EVENT
@click.option("--markets", type=int, default=2000, metavar="N", help="Number of simulated markets.  [2000]")
@click.option("--draws", type=int, default=499, metavar="N", help="Random baskets per market.  [499]")
@click.option("--seed", type=int, default=20250131, metavar="N", help="Random seed.  [20250131]")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/calibration",
    metavar="DIR",
    help="Folder to write.  [reports/calibration]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one per processor]")
@click.option("--dask", metavar="ADDRESS", help="Use this Dask scheduler: tcp://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def calibrate(
    event: str, markets: int, draws: int, seed: int, out: Path, jobs: int | None, dask: str | None, as_json: bool
) -> int:
    """Run the declared tests and the verdict on simulated markets, without an effect and with an injected one.

    Writes a page with false-positive rates, power and the coverage of the bootstrap intervals.
    """
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from data.events.catalog import load_event
    from runners.engine.execution.dask import choose_executor
    from runners.engine.research.calibration import CalibrationRequest

    with console.prints_to_stderr(as_json):
        calibration = execute_calibration(
            CalibrationRequest(load_event(event), markets, draws, seed), out, choose_executor(jobs, dask)
        )
    if as_json:
        console.echo_json((out / "results.json").read_text(encoding="utf-8"))
    else:
        show_calibration(calibration, out)
    return console.DONE


def execute_calibration(wanted: CalibrationRequest, out: Path, executor: Executor) -> Calibration:
    """Run the calibration and write its folder."""
    from reports.folders import atomic
    from reports.folders import calibration as calibration_folder
    from runners.cli import progress
    from runners.engine.research import calibration as engine

    atomic.require_writable(out, atomic.CALIBRATE)
    with progress.progress() as steps:
        calibration = engine.run_calibration(wanted, executor, steps.step("markets", wanted.markets))
        calibration_folder.write(calibration, out)
    return calibration


def show_calibration(calibration: Calibration, out: Path) -> None:
    """Print a row per reading, one for any of them, and the conclusion."""
    from rich.text import Text

    from reports.pages.calibration import calibration_conclusion
    from reports.records.calibration import SIDES
    from runners.cli.tables import PlainConsole, PlainTable

    console = PlainConsole()
    console.print(Text(f"{calibration.markets:,} simulated markets, seed {calibration.seed}", "bold"))
    console.print("false positives: share of markets called supported (+) or refuted (-)")
    table = PlainTable(box=None, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True)
    for name in TERMINAL_TESTS:
        table.add_column(f"{name} +", justify="right", no_wrap=True)
        table.add_column("-", justify="right", no_wrap=True)
    table.add_column("finds", justify="right", no_wrap=True)
    rates = [calibration.each(test, side) for test in TERMINAL_TESTS for side in SIDES]
    power = {test: calibration.power(test) for test in ("timing", "stocks")}
    for name in calibration.readings:
        detectable = "/".join(_smallest(curves[name]) for curves in power.values() if name in curves)
        table.add_row(name, *(f"{rate[name].share:.1%}" if name in rate else "" for rate in rates), detectable)
    table.add_row(
        "any", *(f"{calibration.any(test, side).share:.1%}" for test in TERMINAL_TESTS for side in SIDES), style="bold"
    )
    console.print(table)
    console.print("finds: smallest injected effect found in four of five markets, timing/stocks")
    console.print(Text(calibration_conclusion(calibration), "" if calibration.holds else "bold red"))
    covered = ", ".join(f"{name} {rate.share:.1%}" for name, rate in calibration.covered.items())
    console.print(f"95% intervals that contain the true value: {covered}")
    console.print(f"page      {out / 'index.html'}", soft_wrap=True)
    console.print(f"tables    {out / 'results.json'}", soft_wrap=True)


def _smallest(points: list[PowerPoint]) -> str:
    from reports.statistics.error_rates import detectable_effect

    effect = detectable_effect(points)
    return "-" if effect is None else f"{expm1(effect):.0%}"  # a log return


if __name__ == "__main__":
    console.run_command(calibrate)
