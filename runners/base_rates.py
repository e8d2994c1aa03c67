"""Base rates: what happened after every comparable shock, for readings that say something about all of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runners.cli import console
from runners.cli.options import EVENT

if TYPE_CHECKING:
    from reports.records.base_rates import BaseRates
    from runners.engine.base_rates.study import BaseRateRequest
    from runners.engine.execution.executor import Executor

EXAMPLES = """
\b
Examples:
  python -m runners.base_rates                          all readings with a general form
  python -m runners.base_rates gpu_bubble nvda_holder   two of them
  python -m runners.base_rates --source prices/         your own CSV files
  python -m runners.base_rates --threshold -0.08        smaller falls count, too
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@EVENT
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Source of prices.  [auto]")
@click.option("--start", default="2000-01-01", metavar="DATE", help="First date of prices.  [2000-01-01]")
@click.option("--end", metavar="DATE", help="Last date of prices.")
@click.option("--threshold", type=float, default=-0.10, metavar="X", help="The leader returns this or less.  [-0.10]")
@click.option("--market", type=float, default=-0.03, metavar="X", help="The market returns more than this.  [-0.03]")
@click.option("--cool-down", type=int, default=60, metavar="N", help="Sessions between shocks of a group.  [60]")
@click.option("--groups", type=Path, metavar="FILE.toml", help="Peer groups of your own.")
@click.option(
    "--out",
    type=console.OUT,
    default="reports/base-rates",
    metavar="DIR",
    help="Folder to write.  [reports/base-rates]",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one per processor]")
@click.option("--dask", metavar="ADDRESS", help="Use this Dask scheduler: tcp://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="Print base_rates.json instead of a table.")
def base_rates(
    readings: tuple[str, ...],
    event: str,
    source: str,
    start: str,
    end: str | None,
    threshold: float,
    market: float,
    cool_down: int,
    groups: Path | None,
    out: Path,
    jobs: int | None,
    dask: str | None,
    as_json: bool,
) -> int:
    """Run the general form of readings after every comparable shock: a sector's leader falls while the market holds.

    By default all readings of the event that have a general form. Prices from Yahoo are fetched once, some 180 symbols.
    """
    from data.events.catalog import load_event
    from data.peer_groups import read_groups
    from runners.engine.base_rates.shocks import ShockClass
    from runners.engine.base_rates.study import BaseRateRequest, studies_with_general_form
    from runners.engine.execution.dask import choose_executor
    from runners.engine.request import PriceWindow

    chosen = load_event(event)
    request = BaseRateRequest(
        studies_with_general_form(chosen, readings),
        chosen,
        PriceWindow(source, start, end),
        ShockClass(threshold, market, cool_down),
        read_groups(groups) if groups else (),
        shown=shown_names(readings),
    )
    with console.prints_to_stderr(as_json):
        rates = execute_base_rates(request, out, choose_executor(jobs, dask))
    if as_json:
        console.echo_json((out / "base_rates.json").read_text(encoding="utf-8"))
    else:
        from runners.cli import base_rate_table

        base_rate_table.show_base_rates(rates, out)
    return console.DONE


def shown_names(readings: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the requested readings; a path has the name of its class."""
    return tuple(name.rpartition(":")[2] for name in readings)


def execute_base_rates(request: BaseRateRequest, out: Path, executor: Executor) -> BaseRates:
    """Compute the base rates and write their folder."""
    from reports.folders import atomic
    from reports.folders import base_rates as folder
    from runners.cli import progress
    from runners.engine.base_rates.study import run_base_rates

    atomic.require_writable(out, atomic.BASE_RATES)
    with progress.progress() as steps:
        loaded = steps.step("prices", len(request.symbols))
        done = steps.step("groups", len(request.peer_groups))
        rates = run_base_rates(request, executor, loaded, done)
        folder.write(rates, out)
    return rates


if __name__ == "__main__":
    console.run_command(base_rates)
