"""The main job: every reading as a backtest, a tearsheet each, and a page that compares them."""

from __future__ import annotations

from pathlib import Path

import click

from runners import console

EXAMPLES = """
\b
Examples:
  python -m runners.deepseek                              every reading, prices from wherever they can be had
  python -m runners.deepseek gpu_bubble fomc_tilt         two of them
  python -m runners.deepseek --source prices/             a folder of CSVs as Yahoo writes them
  python -m runners.deepseek --entry shock                with hindsight: at the open of the shock's session
  python -m runners.deepseek --hold end --benchmark QQQ   stay to the end of the prices
  python -m runners.deepseek my_package.my_module:MyStrategy --symbols SPY,TLT
"""


class Hold(click.ParamType):
    """A number of sessions, or `end`."""

    name = "N|end"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        text = str(value)
        if text == "end":
            return None
        if not text.isdecimal() or int(text) < 1:
            self.fail(f"{text!r} is no hold; give a number of sessions, 1 or more, or 'end'", param, ctx)
        return int(text)


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("readings", nargs=-1, metavar="[READING ...]")
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Where prices come from.  [auto]")
@click.option("--start", metavar="DATE", help="First session of the prices that are read, history included.")
@click.option("--end", metavar="DATE", help="Last session of the prices that are read.")
@click.option("--entry", default="published", metavar="published|shock|DATE", help="Entry session.  [published: 2025-01-31]")
@click.option("--hold", type=Hold(), default="252", help="Sessions to hold, the entry session included.  [252]")
@click.option("--rebalance", type=click.IntRange(1), default=20, metavar="N", help="Sessions between decisions.  [20]")
@click.option("--benchmark", default="SPY", metavar="SYMBOL", help="Fund behind beta, alpha and excess return.  [SPY]")
@click.option("--symbols", default="", metavar="A,B", help="Feeds of a plain bt.Strategy that declares no `symbols`.")
@click.option("--out", type=click.Path(path_type=Path), default="reports/latest", metavar="DIR", help="Run folder.  [reports/latest]")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes.  [one a processor]")
@click.option("--list", "only_list", is_flag=True, help="Show the readings with their claims, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a table.")
def deepseek(
    readings: tuple[str, ...],
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
    only_list: bool,
    as_json: bool,
) -> int:
    """Run readings of the DeepSeek shock on daily prices and write a folder of pages that compares them.

    READING is a name of --list or a strategy of yours as package.module:Class; without any, all of them run.
    """
    if only_list:
        return show_readings(as_json)
    from runners import show

    return show.run_and_show(
        readings=readings,
        source=source,
        start=start,
        end=end,
        entry=entry,
        hold=hold,
        rebalance=rebalance,
        benchmark=benchmark,
        symbols=tuple(filter(None, symbols.split(","))),
        out=out,
        jobs=jobs,
        as_json=as_json,
    )


if __name__ == "__main__":
    console.run(deepseek)
