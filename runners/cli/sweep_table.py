"""What a person sees in the terminal of a sweep: the best and the worst specs, and what may not be made of them."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from textwrap import fill

from rich.text import Text

from reports.figures.sweep import rank_variants, ranked_count
from reports.pages import sweep_prose
from reports.records.sweep import SweepResult
from runners.cli.tables import PlainConsole, PlainTable

SHOWN = 5  # specs at either end
COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("net", "net", "{:+.1%}".format),
    ("d", "d", "{:+.3f}".format),
    ("Sharpe", "sharpe", "{:.2f}".format),
    ("worst", "drawdown", "{:.1%}".format),
    ("costs $", "costs", "{:,.0f}".format),
)


def show_sweep(sweep: SweepResult, out: Path) -> None:
    """The summary of a sweep: source and notices, the specs at either end, and what was written."""
    console = PlainConsole()
    console.print(Text(f"{sweep.name}: {sweep_prose.count_sentence(sweep)}", "bold"))
    console.print(f"prices: {sweep.origin}")
    for notice in sweep.notices:
        console.print(Text(notice, "bold yellow"))
    console.print(_table(sweep))
    for label, words in sweep_prose.sweep_summary(sweep):
        console.print(_labelled(label, words, console.width), soft_wrap=True)
    console.print(f"page      {out / 'index.html'}", soft_wrap=True)
    console.print(f"tables    {out}/sweep.csv, results.json", soft_wrap=True)


def _table(sweep: SweepResult) -> PlainTable:
    """The specs at either end by objective, the best first; those between are counted."""
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("spec", overflow="fold")
    extra = _extra(sweep)
    for heading, *_ in (*COLUMNS, *extra):
        table.add_column(heading, justify="right", no_wrap=True)
    order = rank_variants(sweep)[: ranked_count(sweep)].tolist()
    for place in order[:SHOWN]:
        table.add_row(*_row(sweep, place))
    if len(order) > 2 * SHOWN:
        table.add_row(Text(f"... {len(order) - 2 * SHOWN:,} between ...", "dim"))
    for place in order[SHOWN:][-SHOWN:]:
        table.add_row(*_row(sweep, place))
    return table


def _row(sweep: SweepResult, place: int) -> tuple[Text | str, ...]:
    marks = "".join(f" ({mark})" for mark in sweep_prose.variant_flags(sweep, place))
    cells = []
    for _, name, write in (*COLUMNS, *_extra(sweep)):
        value = float(sweep.figures[name][place])
        cells.append(write(value) if isfinite(value) else "-")
    alone = "as given" if sweep.changed else "as declared"  # where there is nothing to tell specs apart by
    return (Text(f"{sweep.text(place) or alone}{marks}"), *cells)


def _extra(sweep: SweepResult) -> tuple[tuple[str, str, Callable[[float], str]], ...]:
    """A column of its own for an objective that is not among the others."""
    known = {name for _, name, _ in COLUMNS}
    return () if sweep.objective in known else ((sweep.objective, sweep.objective, "{:+.3f}".format),)


def _labelled(label: str, words: str, width: int) -> str:
    """A line under a label, wrapped beside it."""
    return fill(words, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10, break_long_words=False)
