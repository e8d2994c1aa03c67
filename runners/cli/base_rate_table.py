"""Terminal summary of base rates: one row per reading."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from reports.pages import base_rates_prose, evidence_prose
from reports.records.base_rates import BaseRate, BaseRates
from reports.statistics.availability import Missing
from reports.statistics.verdict import HORIZON
from runners.cli.tables import PlainConsole, PlainTable


def show_base_rates(rates: BaseRates, out: Path) -> None:
    """Print the finding, a row per reading, what is missing, and the paths of the files written."""
    console = PlainConsole()
    console.print(Text(base_rates_prose.headline(rates), "bold"))
    console.print(f"prices: {rates.origin}, {rates.first} to {rates.last}")
    if not rates.real:
        console.print(Text("simulated prices: what follows says nothing about markets", "bold yellow"))
    if rates.missing:
        console.print(Text(base_rates_prose.missing_sentence(rates), "yellow"))
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True)
    for heading in ("n", f"mean {HORIZON}d", "95% interval", "ahead", "mean 252d", "verdict"):
        table.add_column(heading, justify="right", no_wrap=True)
    for rate in rates.readings.values():
        table.add_row(*_row(rate))
    console.print(table)
    if not isinstance(rates.decisions, Missing):
        console.print(base_rates_prose.decisions_sentence(rates.decisions))
    console.print(
        f"mean      excess return over the comparator, {HORIZON} and 252 trading days after the entry", soft_wrap=True
    )
    console.print("ahead     share of the shocks after which the reading beat its comparator", soft_wrap=True)
    console.print(f"limit     {base_rates_prose.SURVIVORSHIP}")
    console.print(f"page      {out / 'index.html'}", soft_wrap=True)
    console.print(f"tables    {out}/base_rates.json, shocks.csv", soft_wrap=True)


def _row(rate: BaseRate) -> tuple[str, ...]:
    pooled, year = rate.headline, rate.pooled["252"]
    if pooled.mean is None or pooled.positive is None or pooled.low is None or pooled.high is None:
        return rate.name, str(pooled.n), "-", "-", "-", "-", "-"
    return (
        rate.name,
        str(pooled.n),
        f"{pooled.mean:+.1%}",
        f"{pooled.low:+.1%} to {pooled.high:+.1%}",
        f"{pooled.positive:.0%}",
        "-" if year.mean is None else f"{year.mean:+.1%}",
        evidence_prose.short_verdict(rate.verdict) or "-",
    )
