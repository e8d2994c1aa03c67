"""What a person sees in the terminal of a comparison: what went in, then what came out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from data.printable import brief
from reports import comparison_words as words
from reports.comparison import Change, Comparison, Parting, ReadingDifference, RowChange
from reports.numbers import MINUS
from runners.screen import Screen, Table

COLOURS = {"better": "green", "worse": "red"}
SUMMARY = (("net", "total_return"), ("d", "d"), ("Sharpe", "sharpe"), ("worst", "max_drawdown"), ("costs $", "costs"))
FULL = 2  # readings of which every metric is shown; of more, a line each
SYMBOLS = 12  # that are named
WARNINGS = 5  # of a reading
TOLD = ("evidence", "verdict", "refuted", "ruined", "entry", "exit", "symbols")  # of readings that are told in brief


def show(comparison: Comparison) -> None:
    """One comparison: the verdict first, then differences in causal order."""
    console = Screen()
    _line(console, "base      ", comparison.base.folder)
    _line(console, "other     ", comparison.other.folder)
    colour = "bold green" if comparison.equal else "bold yellow"
    console.print(Text(words.verdict(comparison), colour))
    for note in words.notes(comparison):
        console.print(Text(note, "yellow"))
    _went_in(console, comparison)
    if not comparison.equal:
        _came_out(console, comparison)


def _went_in(console: Screen, comparison: Comparison) -> None:
    changes = [
        *comparison.settings,
        *comparison.versions,
        *(change for change in (comparison.code, comparison.origin) if change),
    ]
    if not changes and not comparison.prices:
        return
    console.print(Text("\nWhat went in", "bold"))
    if changes:
        console.print(_table(("", "base", "other"), [(_name(change), *_values(change)) for change in changes]))
    for kind, found in words.symbols(comparison.prices):
        named = ", ".join(found[:SYMBOLS])
        more = f" and {len(found) - SYMBOLS} more" if len(found) > SYMBOLS else ""
        console.print(f"prices    {len(found)} {kind}: {named}{more}")


def _came_out(console: Screen, comparison: Comparison) -> None:
    console.print(Text("\nWhat came out", "bold"))
    if comparison.results:
        rows = [(_name(change), *_values(change)) for change in comparison.results]
        console.print(_table(("", "base", "other"), rows))
    for kind, names in (("base", comparison.only_base), ("other", comparison.only_other)):
        if names:
            console.print(f"only in the {kind}: {', '.join(map(brief, names))}")
    if comparison.benchmark:
        console.print(_curve("benchmark: ", comparison.benchmark))
    if not comparison.readings:
        return
    if cause := words.cause(comparison):
        console.print(cause)
    console.print(_summary(comparison.readings))
    console.print("other less base; + is better, but for costs; fills: how many differ", style="dim")
    if len(comparison.readings) <= FULL:
        for difference in comparison.readings:
            _whole(console, difference)
    else:
        _brief(console, comparison.readings)
        console.print("\nevery metric, fill and warning: --out compared.html, or --json", style="dim")


def _summary(readings: Iterable[ReadingDifference]) -> Table:
    """A row a reading, 80 columns wide for the names of ours; a point stands for what is the same."""
    table = Table(box=None, show_edge=False, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", overflow="fold")
    for heading in (*(heading for heading, _ in SUMMARY), "fills", "apart from"):
        table.add_column(heading, justify="right", no_wrap=True)
    for difference in readings:
        cells = [_by(difference.metric(name)) for _, name in SUMMARY]
        parted = "." if difference.curve is None else words.day(difference.curve.first)
        table.add_row(Text(brief(difference.name)), *cells, f"{len(difference.fills) or '.'}", parted)
    return table


def _by(change: Change | None) -> Text:
    if change is None:
        return Text(".", "dim")
    return Text(_ascii(words.by(change)) or words.direction(change), COLOURS.get(words.direction(change), ""))


def _brief(console: Screen, readings: Sequence[ReadingDifference]) -> None:
    """The first fill that differs of each reading, and what else changed, told once for all that it changed for."""
    if any(difference.fills for difference in readings):
        rows = [(brief(found.name), *_first(found.fills[0])) for found in readings if found.fills]
        console.print(Text())
        console.print(_table(("first fill", "session", "symbol", "base", "other"), rows))
    facts = words.grouped(readings, TOLD)
    if facts:
        console.print(Text())
    for change, names in facts:
        who = f"all {len(names)} of them" if len(names) == len(readings) else ", ".join(names)
        console.print(f"{_name(change)}: {' -> '.join(_values(change))}: {who}")
    for found in readings:
        if found.gone or found.new:
            told = f"{brief(found.name)}: {len(found.gone)} warnings gone, {len(found.new)} new"
            console.print(told, style="yellow")


def _first(change: RowChange) -> tuple[str, str, str, str]:
    """Shares and price of a fill in both runs."""
    place = words.day(change.session), brief(change.symbol)
    was, now = map(_ascii, words.rows(change, words.traded))
    return *place, was, now


def _whole(console: Screen, found: ReadingDifference) -> None:
    """All metrics of a reading, what else came out, and the first decision and fill that differ."""
    console.print(Text(f"\n{brief(found.name)}", "bold"))
    rows = [
        (_name(change), *_values(change), _ascii(words.by(change)), _direction(change))
        for change in (*found.metrics, *found.horizons)
    ]
    if rows:
        console.print(_table(("", "base", "other", "by", ""), rows, right=(1, 2, 3)))
    for change in words.shown(found):
        console.print(f"{_name(change)}: {' -> '.join(_values(change))}")
    for kind, changes in (("decision", found.decisions), ("fill", found.fills)):
        if changes:
            place = f"{words.day(changes[0].session)} {brief(changes[0].symbol)}"
            was, now = map(_ascii, words.rows(changes[0]))
            console.print(f"first {kind} that differs, of {len(changes):,}: {place}")
            console.print(f"  base   {was}\n  other  {now}")
    if found.curve:
        console.print(_curve("curve: ", found.curve))
    if found.details:
        first, count = found.details[0], len(found.details)
        told = f"evidence: {count:,} other figure{'s' * (count > 1)}, first {brief(first.name)}"
        console.print(f"{told}: {' -> '.join(_values(first))}")
    for sign, warnings in (("gone", found.gone), ("new", found.new)):
        for warning in warnings[:WARNINGS]:
            console.print(f"warning {sign}: {brief(warning)}")
        if len(warnings) > WARNINGS:
            console.print(f"and {len(warnings) - WARNINGS} more warnings {sign}")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str | Text]], right: Sequence[int] = ()) -> Table:
    table = Table(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return table


def _name(change: Change) -> str:
    return words.heading(change.name)


def _values(change: Change) -> tuple[str, str]:
    if change.name == "code":
        return words.short(change.base), words.short(change.other)
    was, now = words.values(change)
    return _ascii(was), _ascii(now)


def _direction(change: Change) -> Text:
    word = words.direction(change)
    return Text(word, COLOURS.get(word, ""))


def _curve(label: str, parting: Parting) -> str:
    return f"{label}{_ascii(words.curve(parting))}"


def _ascii(text: str) -> str:
    """As terminals write numbers."""
    return text.replace(MINUS, "-")


def _line(console: Screen, label: str, folder: str) -> None:
    console.print(f"{label}{brief(folder)}", soft_wrap=True)
