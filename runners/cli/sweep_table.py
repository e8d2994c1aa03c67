"""Terminal summary of a sweep: the best and worst variants, and how to read them."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from textwrap import fill

from rich.text import Text

from reports.pages import sweep_prose
from reports.records.sweep import SweepResult, judged_count, rank_variants
from runners.cli.tables import PlainConsole, PlainTable

SHOWN = 5  # variants at either end
COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("net", "net", "{:+.1%}".format),
    ("d", "d", "{:+.3f}".format),
    ("Sharpe", "sharpe", "{:.2f}".format),
    ("drawdown", "drawdown", "{:.1%}".format),
    ("costs $", "costs", "{:,.0f}".format),
)


def show_sweep(sweep: SweepResult, out: Path) -> None:
    """Print a sweep: source and notices, the variants at either end, and the files written."""
    console = PlainConsole()
    console.print(Text(f"{sweep.name}: {sweep_prose.count_sentence(sweep)}", "bold"))
    console.print(f"prices: {sweep.origin}")
    for notice in sweep.notices:
        console.print(Text(notice, "bold yellow"))
    console.print(_table(sweep))
    for label, text in sweep_prose.sweep_summary(sweep):
        console.print(_labelled(label, text, console.width), soft_wrap=True)
    console.print(f"page      {out / 'index.html'}", soft_wrap=True)
    console.print(f"tables    {out}/sweep.csv, results.json", soft_wrap=True)


def _table(sweep: SweepResult) -> PlainTable:
    """The variants at either end by objective, the best first, and the number between them."""
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("variant", overflow="fold")
    extra = _extra(sweep)
    for heading, *_ in (*COLUMNS, *extra):
        table.add_column(heading, justify="right", no_wrap=True)
    order = rank_variants(sweep)[: judged_count(sweep)].tolist()
    for index in order[:SHOWN]:
        table.add_row(*_row(sweep, index))
    if len(order) > 2 * SHOWN:
        table.add_row(Text(f"... {len(order) - 2 * SHOWN:,} between ...", "dim"))
    for index in order[SHOWN:][-SHOWN:]:
        table.add_row(*_row(sweep, index))
    return table


def _row(sweep: SweepResult, index: int) -> tuple[Text | str, ...]:
    marks = "".join(f" ({mark})" for mark in sweep_prose.variant_flags(sweep, index))
    cells = []
    for _, name, form in (*COLUMNS, *_extra(sweep)):
        value = float(sweep.figures[name][index])
        cells.append(form(value) if isfinite(value) else "-")
    default = "as given" if sweep.changed else "as declared"  # a single variant has no varied parameter
    return (Text(f"{sweep.text(index) or default}{marks}"), *cells)


def _extra(sweep: SweepResult) -> tuple[tuple[str, str, Callable[[float], str]], ...]:
    """A column for the objective if it is not among COLUMNS."""
    shown = {name for _, name, _ in COLUMNS}
    return () if sweep.objective in shown else ((sweep.objective, sweep.objective, "{:+.3f}".format),)


def _labelled(label: str, text: str, width: int) -> str:
    """A label with text wrapped next to it."""
    return fill(text, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10, break_long_words=False)
