"""Terminal output of a multiverse: a row per reading, and the list of choices with their reasons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from rich.text import Text

from data.events.event import Event
from reports.folders.multiverse import dimension_as_dict
from reports.pages.multiverse import ONE_OBSERVATION, leading_choices
from reports.records.multiverse import Dimension, Multiverse, MultiverseRun
from reports.rendering.numbers import UNDEFINED
from reports.statistics.specification_curve import curve_summary
from runners.cli import console
from runners.cli.tables import WIDEST, PlainConsole, PlainTable, excess_cell
from runners.engine.research import specification
from runners.engine.research.specification_space import SpecificationSpace, own_dimensions

WIDTH = 80


def show_multiverse(survey: MultiverseRun, out: Path) -> None:
    """Print the summary: a row per reading in 80 columns, and how to read it."""
    terminal = PlainConsole()
    count = sum(map(len, survey.multiverses))
    readings = f"{len(survey.multiverses)} reading{'' if len(survey.multiverses) == 1 else 's'}"
    terminal.print(Text(f"{readings}, {count:,} specifications", "bold"))
    terminal.print(f"prices: {survey.origin}")
    for notice in survey.notices:
        terminal.print(Text(notice, "bold yellow"))
    terminal.print(_table(survey))
    entries = f"{survey.placebos + 1} entry dates {survey.step} trading days apart"
    reason = survey.joint[survey.multiverses[0].name].median.reason
    for label, text in (
        ("n", "specifications; those entered with hindsight are drawn on the pages but not counted"),
        ("median", "excess over the comparator, of the specifications tested after 20 and 60 trading days"),
        ("sign", "share of these specifications on the same side of zero as the median"),
        (
            "p",
            f"not available: {reason}"
            if reason
            else f"of median and sign, among {entries}; adj. p: adjusted for all {survey.counted} readings",
        ),
        ("driver", "the choice that explains most of the variance; often the horizon, since results grow with time"),
        ("caution", ONE_OBSERVATION),
        ("pages", f"{out / 'index.html'}, NAME.html"),
        ("tables", f"{out}/specs.csv, results.json"),
    ):
        terminal.print(_labelled(label, text), soft_wrap=True)


def _labelled(label: str, text: str, head: int = 10) -> str:
    """A label with text wrapped next to it."""
    first, rest = f"{label:<{head}}", " " * head
    return fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _table(survey: MultiverseRun) -> PlainTable:

    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in ("n", "median", "sign", "p", "p sign", "adj. p", "driver"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in survey.multiverses:
        table.add_row(*_row(one, survey))
    return table


def _row(one: Multiverse, survey: MultiverseRun) -> tuple[str, ...]:

    summary, ranked = curve_summary(one.d[one.tested]), survey.joint[one.name]
    return (
        one.name,
        f"{int(one.honest.sum()):,}",
        excess_cell(summary.median),
        f"{summary.same_sign:.0%}" if summary.n else "-",
        *("-" if p is None else f"{p:.2f}" for p in (ranked.median.p, ranked.share.p, ranked.median.p_family)),
        leading_choices(one).replace(UNDEFINED, "-"),
    )


def show_choices(spaces: Sequence[SpecificationSpace], event: Event) -> None:
    """Print every choice with its reason: first those shared by all readings, then each reading's own."""
    console.echo("* declared with the reading\n")
    for dimension in specification.general_choices(event):
        _show_dimension(dimension)
    for space in spaces:
        console.echo(f"\n{space.study.name}: {len(space):,} specifications")
        for dimension in own_dimensions(space):
            _show_dimension(dimension, "  ")
        for name, why in specification.unvaried_dimensions(space.study, event):
            console.echo(_labelled(f"  {name}: ", f"not varied, {why}", len(name) + 4))


def choices_as_dict(spaces: Sequence[SpecificationSpace], event: Event) -> dict[str, object]:
    """Every choice with its reason, as JSON."""
    return {
        "dimensions": {
            dimension.name: dimension_as_dict(dimension) for dimension in specification.general_choices(event)
        },
        "readings": {
            space.study.name: {
                "specs": len(space),
                "dimensions": {dimension.name: dimension_as_dict(dimension) for dimension in own_dimensions(space)},
                "not_varied": dict(specification.unvaried_dimensions(space.study, event)),
            }
            for space in spaces
        },
    }


def _show_dimension(dimension: Dimension, indent: str = "") -> None:
    console.echo(f"{indent}{dimension.name}: {dimension.asks}")
    for choice in dimension.choices:
        label = f"{indent} {'*' if choice.declared else ' '} {choice.label}"
        console.echo(_labelled(label, choice.reason, len(indent) + 20))
