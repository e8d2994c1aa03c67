"""Terminal summary of a sweep: the best and the worst variants, and why the best is no evidence."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from pathlib import Path
from textwrap import fill

from rich.text import Text

from reports.figures.sweep import rank_variants, ranked_count
from reports.pages import sweep_prose
from reports.records.sweep import SweepResult
from runners.cli.tables import PlainConsole, PlainTable, excess_cell

MOST_EXTREMES = 5  # variants shown at either end of the ranking

# Heading, name of the figure, and format.
COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("net", "net", "{:+.1%}".format),
    ("excess", "d", excess_cell),
    ("Sharpe", "sharpe", "{:.2f}".format),
    ("max DD", "drawdown", "{:.1%}".format),
    ("costs $", "costs", "{:,.0f}".format),
)


def show_sweep(sweep: SweepResult, out: Path) -> None:
    """Print prices, notices, the best and the worst variants, the summary and the paths of the files written."""
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
    """The variants at either end by objective, best first; those in between are counted."""
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("variant", overflow="fold")
    for heading, *_ in _columns(sweep):
        table.add_column(heading, justify="right", no_wrap=True)
    ranking = rank_variants(sweep)[: ranked_count(sweep)].tolist()
    for variant in ranking[:MOST_EXTREMES]:
        table.add_row(*_row(sweep, variant))
    if len(ranking) > 2 * MOST_EXTREMES:
        table.add_row(Text(f"... {len(ranking) - 2 * MOST_EXTREMES:,} in between ...", "dim"))
    for variant in ranking[MOST_EXTREMES:][-MOST_EXTREMES:]:
        table.add_row(*_row(sweep, variant))
    return table


def _row(sweep: SweepResult, variant: int) -> tuple[Text | str, ...]:
    flags = "".join(f" ({flag})" for flag in sweep_prose.variant_flags(sweep, variant))
    cells = []
    for _, name, write in _columns(sweep):
        value = float(sweep.figures[name][variant])
        cells.append(write(value) if isfinite(value) else "-")
    unvaried = "as given" if sweep.changed else "as declared"  # a single variant has no parameters to name it by
    return (Text(f"{sweep.text(variant) or unvaried}{flags}"), *cells)


def _columns(sweep: SweepResult) -> tuple[tuple[str, str, Callable[[float], str]], ...]:
    """COLUMNS, and one more for an objective that is not among them: the excess after some trading days."""
    if sweep.objective in {name for _, name, _ in COLUMNS}:
        return COLUMNS
    days = sweep.objective.removeprefix("d_")
    return (*COLUMNS, (f"excess {days}d", sweep.objective, excess_cell))


def _labelled(label: str, text: str, width: int) -> str:
    """Text wrapped in a column to the right of its label."""
    return fill(text, width, initial_indent=f"{label:<10}", subsequent_indent=" " * 10, break_long_words=False)
