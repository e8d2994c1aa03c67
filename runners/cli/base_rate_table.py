"""Terminal summary of base rates: one row per reading."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from reports.pages import base_rates_prose, evidence_prose
from reports.records.base_rates import BaseRate, BaseRates, DecisionClass
from reports.statistics.pooled import TESTED
from reports.statistics.verdict import HORIZON
from runners.cli.tables import PlainConsole, PlainTable, ascii_minus

LONGEST = max(TESTED)
WIDTH = 6  # of the names of notes


def show_base_rates(rates: BaseRates, out: Path) -> None:
    """Print the finding, a row per reading, what is missing, and the paths of the files written."""
    console = PlainConsole()
    if not rates.real:
        console.print(Text(base_rates_prose.SIMULATED, "bold yellow"))
    console.print(Text(ascii_minus(base_rates_prose.headline(rates)), "bold"))
    console.print(ascii_minus(base_rates_prose.class_sentence(rates)))
    if rates.missing:
        console.print(Text(base_rates_prose.missing_sentence(rates), "yellow"))
    if rates.readings:
        console.print()
        console.print(_table(rates))
        console.print()
    if sentence := base_rates_prose.long_horizon_sentence(rates):
        console.print(ascii_minus(sentence))
    if isinstance(rates.decisions, DecisionClass):
        console.print(ascii_minus(base_rates_prose.decisions_sentence(rates.decisions)))
    console.print()
    notes = PlainTable(box=None, show_header=False, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False)
    for name, text in _notes(rates):
        notes.add_row(name.ljust(WIDTH), text)
    console.print(notes)
    console.print(f"{'page':<{WIDTH}}  {out / 'index.html'}", soft_wrap=True)
    console.print(f"{'tables':<{WIDTH}}  {out}/base_rates.json, shocks.csv", soft_wrap=True)


def _table(rates: BaseRates) -> PlainTable:
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True)
    for heading in ("n", f"mean {HORIZON}d", "95% interval", "ahead", f"mean {LONGEST}d"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for rate in rates.readings.values():
        table.add_row(*_row(rate))
    return table


def _notes(rates: BaseRates) -> Iterator[tuple[str, str]]:
    if rates.readings:
        yield "mean", f"average excess over the comparator, {HORIZON} and {LONGEST} trading days after the entry"
        yield "n", base_rates_prose.counts_sentence(rates)
        yield "ahead", "share of the shocks after which the reading beat its comparator"
    yield "limit", base_rates_prose.SURVIVORSHIP
    yield "prices", f"{rates.origin}, {rates.first} to {rates.last}"


def _row(rate: BaseRate) -> tuple[str, ...]:
    pooled, longest = rate.headline, rate.pooled[str(LONGEST)]
    if pooled.mean is None or pooled.positive is None or pooled.low is None or pooled.high is None:
        return rate.name, str(pooled.n), "-", "-", "-", "-", "-"
    return (
        rate.name,
        str(pooled.n),
        f"{pooled.mean:+.1%}",
        f"{pooled.low:+.1%} to {pooled.high:+.1%}",
        f"{pooled.positive:.0%}",
        "-" if longest.mean is None else f"{longest.mean:+.1%}",
        evidence_prose.short_verdict(rate.verdict) or "-",
    )
