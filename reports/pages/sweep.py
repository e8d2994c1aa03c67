"""The page of a sweep: what chance makes of it, the effect of each knob, two knobs at a time, and the specs themselves.

Everything is plain HTML and reads well without scripts; a script sorts the table and lets other knobs of a heatmap be
held at one value. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import isfinite

import jinja2
import numpy as np

from reports.figures.sweep import (
    Heatmap,
    parameter_effects,
    parameter_heatmaps,
    parameter_levels,
    rank_variants,
    ranked_count,
)
from reports.pages import sweep_prose
from reports.records.sweep import OBJECTIVES, SweepResult
from reports.rendering.numbers import log_ratio, percent, ratio, share, sort_key, usd
from reports.rendering.template import embedded_json, template

LISTED = 300  # specs that are all shown; of more, the best and the worst
EITHER = 100
EMBEDDED = 5000  # specs whose heatmaps a script can turn; more would make the page heavy
DIGITS = 5  # of the figures that a script averages
STRONGEST = 50  # percent of colour behind a number, so that it stays legible
TURNABLE = ("d", "net", "sharpe", "drawdown")


@dataclass(frozen=True)
class VariantColumn:
    """A column of the table of specs; `judged` says whether below zero is worse."""

    heading: str
    name: str
    meaning: str
    write: Callable[[float | None], str]
    judged: bool = False


COLUMNS = (
    VariantColumn("Net", "net", "Net return after all costs and interest", percent, judged=True),
    VariantColumn("Excess", "excess", "Net return less the benchmark's over the same sessions", percent, judged=True),
    VariantColumn("d", "d", "Log of wealth less log of the comparator's wealth, at the end", log_ratio, judged=True),
    VariantColumn("d, 20", "d_20", "The same at the close of session 20", log_ratio, judged=True),
    VariantColumn("d, 60", "d_60", "The same at the close of session 60", log_ratio, judged=True),
    VariantColumn("Sharpe", "sharpe", "Mean excess return over its standard deviation, a year", ratio, judged=True),
    VariantColumn("Worst drawdown", "drawdown", "Deepest fall from an earlier peak", percent),
    VariantColumn("Turnover", "turnover", "Value traded, both ways, over the starting capital", ratio),
    VariantColumn("Costs, USD", "costs", "Commission and half-spread", usd),
    VariantColumn("Exposure", "exposure", "Mean gross exposure at closes", share),
)


@dataclass(frozen=True)
class HeatmapCell:
    """A cell of a heatmap: its number, how strong its colour is, in percent, and of how many specs it is the mean."""

    text: str
    side: str
    strength: int
    n: int


@dataclass(frozen=True)
class HeatmapGrid:
    """A heatmap as the template draws it; `row` and `column` are places of knobs."""

    row: int
    column: int
    rows: tuple[tuple[str, tuple[HeatmapCell, ...]], ...]
    columns: tuple[str, ...]
    others: str


@dataclass(frozen=True)
class VariantRow:
    """A line of the table of specs."""

    rank: int
    spec: int
    values: tuple[tuple[str, int], ...]
    window: str
    figures: tuple[float | None, ...]
    flags: str


def render(sweep: SweepResult) -> str:
    """The page of a sweep. Equal inputs give equal bytes."""
    shown = shown_variants(sweep)
    found = parameter_effects(sweep)
    return _template().render(
        sweep=sweep,
        words=sweep_prose,
        summary=sweep_prose.sweep_summary(sweep),
        objective=OBJECTIVES[sweep.objective],
        effects=found,
        widest=max((abs(level.mean) for each in found for level in each.levels if isfinite(level.mean)), default=0.0),
        write=sweep_prose.objective_writer(sweep.objective),
        grids=[_grid(sweep, heatmap) for heatmap in parameter_heatmaps(sweep)],
        columns=COLUMNS,
        rows=[_row(sweep, rank, place) for rank, place in shown],
        whole=len(shown) == len(sweep),
        either=EITHER,
        turnable=heatmap_objectives(sweep),
        objectives=OBJECTIVES,
        levels=[parameter_levels(sweep, place)[0] for place in range(len(sweep.parameters))],
        data=embedded_json(sweep_data(sweep)),
    )


def shown_variants(sweep: SweepResult) -> list[tuple[int, int]]:
    """Ranks, from 1, and places of the specs that the table shows: all of them, or those at either end."""
    ranked = list(enumerate(rank_variants(sweep).tolist(), start=1))
    if len(ranked) <= LISTED:
        return ranked
    known = ranked[: ranked_count(sweep)]
    return [*known[:EITHER], *known[EITHER:][-EITHER:]]


def heatmap_objectives(sweep: SweepResult) -> tuple[str, ...]:
    """Objectives that a script can show in the heatmaps; none where there are too many specs or no pair of knobs."""
    if len(sweep) > EMBEDDED or len(sweep.parameters) < 2:
        return ()
    return tuple(dict.fromkeys((sweep.objective, *TURNABLE)))


def sweep_data(sweep: SweepResult) -> dict[str, object]:
    """What the script turns: level of every knob and figures, by spec."""
    names = heatmap_objectives(sweep)
    if not names:
        return {}
    return {
        "objective": sweep.objective,
        "strongest": STRONGEST,
        "formats": {name: sweep_prose.objective_writer(name).__name__ for name in names},
        "knobs": [knob.name for knob in sweep.parameters],
        "levels": [list(parameter_levels(sweep, place)[0]) for place in range(len(sweep.parameters))],
        "codes": [parameter_levels(sweep, place)[1].tolist() for place in range(len(sweep.parameters))],
        "figures": {name: [_rounded(value) for value in sweep.figures[name].tolist()] for name in names},
    }


def _grid(sweep: SweepResult, heatmap: Heatmap) -> HeatmapGrid:
    write = sweep_prose.objective_writer(sweep.objective)
    known = np.abs(heatmap.mean[np.isfinite(heatmap.mean)])
    strongest = float(known.max()) if len(known) else 0.0
    cells = [
        tuple(_cell(mean, n, strongest, write) for mean, n in zip(means, ns, strict=True))
        for means, ns in zip(heatmap.mean.tolist(), heatmap.n.tolist(), strict=True)
    ]
    others = [knob.name for place, knob in enumerate(sweep.parameters) if place not in (heatmap.row, heatmap.column)]
    return HeatmapGrid(
        heatmap.row,
        heatmap.column,
        tuple(zip(parameter_levels(sweep, heatmap.row)[0], cells, strict=True)),
        parameter_levels(sweep, heatmap.column)[0],
        f"averaged over {', '.join(others)}" if others else "",
    )


def _cell(mean: float, n: int, strongest: float, write: Callable[[float | None], str]) -> HeatmapCell:
    if not isfinite(mean):
        return HeatmapCell(write(None), "none", 0, n)
    strength = round(STRONGEST * abs(mean) / strongest) if strongest else 0
    return HeatmapCell(write(mean), "up" if mean >= 0 else "down", strength, n)


def _row(sweep: SweepResult, rank: int, place: int) -> VariantRow:
    codes = sweep.codes[place].tolist()
    first, last = sweep.days[place]
    flags = sweep_prose.variant_flags(sweep, place)
    return VariantRow(
        rank,
        place + 1,
        tuple(zip(sweep.labels(place), codes, strict=True)),
        f"{first} to {last}" if first else "",
        tuple(float(sweep.figures[column.name][place]) for column in COLUMNS),
        f"not run: {sweep.failed[place]}" if place in sweep.failed else ", ".join(flags),
    )


def _rounded(value: float) -> float | None:
    return round(value, DIGITS) if isfinite(value) else None


@cache
def _template() -> jinja2.Template:
    return template("sweep.html", sort_key=sort_key, width=lambda value, widest: round(100 * abs(value) / widest, 1))
