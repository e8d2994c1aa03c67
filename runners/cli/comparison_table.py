"""Terminal output of a comparison: the verdict, then inputs that differ, then results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from data.text import shorten
from reports.comparison import prose
from reports.comparison.diff import Change, Comparison, ReadingDifference
from runners.cli.tables import PlainConsole, PlainTable, ascii_minus

COLOURS = {"better": "green", "worse": "red"}
SUMMARY = (
    ("net", "total_return"),
    ("d", "d"),
    ("Sharpe", "sharpe"),
    ("drawdown", "max_drawdown"),
    ("costs $", "costs"),
)
SHOWN_WHOLE = 2  # up to this many readings are shown with every metric, more with one line each
NAMED_SYMBOLS = 12
SHOWN_WARNINGS = 5
OUTCOMES = ("evidence", "verdict", "refuted", "ruined", "entry", "exit", "symbols")  # shown even for many readings


def show_comparison(comparison: Comparison) -> None:
    """Print one comparison."""
    screen = PlainConsole()
    for label, run in (("base", comparison.base), ("other", comparison.other)):
        screen.print(f"{label:<10}{shorten(run.folder)}", soft_wrap=True)
    screen.print(Text(prose.verdict_sentence(comparison), "bold green" if comparison.equal else "bold yellow"))
    for note in prose.folder_notes(comparison):
        screen.print(Text(note, "yellow"))
    _show_inputs(screen, comparison)
    if not comparison.equal:
        _show_results(screen, comparison)


def _show_inputs(screen: PlainConsole, comparison: Comparison) -> None:
    changes = (*comparison.settings, *comparison.code, *comparison.versions, *comparison.source)
    if changes or comparison.prices:
        screen.print(Text("\nInputs", "bold"))
    _show_sides(screen, changes)
    for kind, symbols in prose.symbols_by_kind(comparison.prices):
        more = f" and {len(symbols) - NAMED_SYMBOLS} more" if len(symbols) > NAMED_SYMBOLS else ""
        screen.print(f"{len(symbols)} {kind}: {', '.join(symbols[:NAMED_SYMBOLS])}{more}")


def _show_results(screen: PlainConsole, comparison: Comparison) -> None:
    screen.print(Text("\nResults", "bold"))
    if cause := prose.cause(comparison):
        screen.print(cause)
    _show_sides(screen, comparison.results)
    for run, names in (("base", comparison.only_base), ("other", comparison.only_other)):
        if names:
            screen.print(f"only in the {run}: {', '.join(map(shorten, names))}")
    if comparison.benchmark:
        screen.print(ascii_minus(f"benchmark: {prose.describe_curve(comparison.benchmark)}"))
    if not comparison.readings:
        return
    _show_summary(screen, comparison)
    _show_first_fills(screen, comparison.readings)
    _show_outcomes(screen, comparison.readings)
    if len(comparison.readings) <= SHOWN_WHOLE:
        for reading in comparison.readings:
            _show_whole(screen, reading, comparison.same_window)
    else:
        screen.print("every metric, fill and warning: --out compared.html, or --json", style="dim")


def _show_summary(screen: PlainConsole, comparison: Comparison) -> None:
    """A row per reading, 80 columns wide for bundled readings; a point means no difference."""
    table = _table("reading", right=(*(heading for heading, _ in SUMMARY), "fills", "first day"), gap=1)
    for reading in comparison.readings:
        cells = [_difference(reading.metric(name), comparison.same_window) for _, name in SUMMARY]
        first = reading.curve.first if reading.curve else "."
        table.add_row(shorten(reading.name), *cells, str(len(reading.fills) or "."), first)
    screen.print(table)
    better = "; higher is better, except for costs" if comparison.same_window else ""
    legend = f"other minus base{better}; first day: when the curves diverge"
    screen.print(legend, style="dim")


def _difference(change: Change | None, same_window: bool) -> Text:
    if change is None:
        return Text(".", "dim")
    word = prose.direction(change, same_window)
    return Text(ascii_minus(prose.difference(change)) or word, COLOURS.get(word, ""))


def _show_first_fills(screen: PlainConsole, readings: Sequence[ReadingDifference]) -> None:
    table = _table("first fill that differs", "day, symbol", "base", "other")
    for reading in readings:
        for change in reading.fills[:1]:
            table.add_row(
                shorten(reading.name), prose.day_and_symbol(change), *map(ascii_minus, prose.row_texts(change))
            )
    if table.rows:
        screen.print(Text())
        screen.print(table)


def _show_outcomes(screen: PlainConsole, readings: Sequence[ReadingDifference]) -> None:
    """Outcome changes, each with the readings that share it, and the number of warnings that differ."""
    groups = prose.group_outcomes(readings, OUTCOMES)
    if groups:
        screen.print(Text())
    for change, names in groups:
        who = f"all {len(names)} readings" if len(names) == len(readings) > 2 else ", ".join(names)
        screen.print(f"{_arrow(change)}: {who}")
    for reading in readings:
        if reading.warnings:
            counts = f"{len(reading.gone)} warnings gone, {len(reading.new)} new"
            screen.print(f"{shorten(reading.name)}: {counts}", style="yellow")


def _show_whole(screen: PlainConsole, reading: ReadingDifference, same_window: bool) -> None:
    """All metrics of a reading, its outcome, curve and warnings."""
    screen.print(Text(f"\n{shorten(reading.name)}", "bold"))
    figures = [
        *reading.metrics,
        *reading.horizons,
        *(each for each in prose.outcome_changes(reading) if each.by is not None),
    ]
    table = _table("", right=("base", "other", "difference"), last="")
    for change in figures:
        word = prose.direction(change, same_window)
        numbers = map(ascii_minus, (*prose.value_texts(change), prose.difference(change)))
        table.add_row(prose.label(change), *numbers, Text(word, COLOURS.get(word, "")))
    if table.rows:
        screen.print(table)
    for change in prose.outcome_changes(reading):
        if change.by is None and change.name not in OUTCOMES:
            screen.print(_arrow(change))
    if reading.details:
        count = len(reading.details)
        screen.print(f"evidence: {count:,} more figure{'s' * (count > 1)}, first {_arrow(reading.details[0])}")
    if reading.curve:
        screen.print(ascii_minus(f"curve: {prose.describe_curve(reading.curve)}"))
    for kind, warnings in (("gone", reading.gone), ("new", reading.new)):
        for warning in warnings[:SHOWN_WARNINGS]:
            screen.print(f"warning {kind}: {shorten(warning)}")
        if len(warnings) > SHOWN_WARNINGS:
            screen.print(f"and {len(warnings) - SHOWN_WARNINGS} more warnings {kind}")


def _show_sides(screen: PlainConsole, changes: Iterable[Change]) -> None:
    table = _table("", "base", "other")
    for change in changes:
        table.add_row(prose.label(change), *map(ascii_minus, prose.value_texts(change)))
    if table.rows:
        screen.print(table)


def _table(*left: str, right: Iterable[str] = (), last: str | None = None, gap: int = 2) -> PlainTable:
    """An empty table: text columns, number columns, and possibly a last text column."""
    table = PlainTable(box=None, show_edge=False, padding=(0, gap, 0, 0), pad_edge=False, header_style="bold")
    for heading in left:
        table.add_column(heading, overflow="fold")
    for heading in right:
        table.add_column(heading, justify="right", overflow="fold")
    if last is not None:
        table.add_column(last, overflow="fold")
    return table


def _arrow(change: Change) -> str:
    base, other = map(ascii_minus, prose.value_texts(change))
    return f"{prose.label(change)}: {base} -> {other}"
