"""Page of a sweep: the role of luck, the effect of each parameter, heatmaps of two parameters, and the variants.

Everything is plain HTML and readable without scripts; a script sorts the table and fixes further parameters of the
heatmaps at one value. The page loads nothing from elsewhere.
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
from reports.rendering.numbers import excess_percent, percent, ratio, share, sort_key, usd
from reports.rendering.template import embedded_json, template

MOST_VARIANTS = 300  # with more variants, only those at either end are shown
MOST_EXTREMES = 100  # variants shown at either end
MOST_EMBEDDED = 5000  # variants whose figures are embedded for the heatmap script; more would make the page heavy
DIGITS = 5  # of embedded figures
STRONGEST = 50  # per cent of colour behind a number, so that it stays legible
HEATMAP_FIGURES = ("d", "net", "sharpe", "drawdown")


@dataclass(frozen=True)
class VariantColumn:
    """A column of the table of variants. `loss` marks negative values as losses."""

    heading: str
    name: str
    meaning: str
    write: Callable[[float | None], str]
    loss: bool = False


COLUMNS = (
    VariantColumn("Net", "net", "Net return after all costs and interest", percent, loss=True),
    VariantColumn(
        "Vs benchmark", "excess", "Net return minus the benchmark's, over the same trading days", percent, loss=True
    ),
    VariantColumn("Excess", "d", "Final wealth relative to the comparator's", excess_percent, loss=True),
    VariantColumn("Excess, 20", "d_20", "Excess after 20 trading days", excess_percent, loss=True),
    VariantColumn("Excess, 60", "d_60", "Excess after 60 trading days", excess_percent, loss=True),
    VariantColumn(
        "Sharpe", "sharpe", "Mean return above the risk-free rate over its standard deviation, a year", ratio, loss=True
    ),
    VariantColumn("Max. drawdown", "drawdown", "Deepest fall from an earlier peak", percent),
    VariantColumn("Turnover", "turnover", "Value traded, both ways, over the starting capital", ratio),
    VariantColumn("Costs, USD", "costs", "Commission and half-spread", usd),
    VariantColumn("Exposure", "exposure", "Mean gross exposure at closes", share),
)


@dataclass(frozen=True)
class HeatmapCell:
    """A cell of a heatmap: its text, the side of zero, the strength of its colour in per cent, and n variants."""

    text: str
    side: str
    strength: int
    n: int


@dataclass(frozen=True)
class HeatmapGrid:
    """A heatmap for the template; `row` and `column` are indexes of parameters, `others` names the averaged ones."""

    row: int
    column: int
    rows: tuple[tuple[str, tuple[HeatmapCell, ...]], ...]
    columns: tuple[str, ...]
    others: str


@dataclass(frozen=True)
class VariantRow:
    """A row of the table of variants; `variant` counts from 1, `values` are labels and sort keys of the parameters."""

    rank: int
    variant: int
    values: tuple[tuple[str, int], ...]
    window: str
    figures: tuple[float | None, ...]
    flags: str


def render(sweep: SweepResult) -> str:
    """The page of a sweep. Equal inputs give equal bytes."""
    ranked = shown_variants(sweep)
    effects = parameter_effects(sweep)
    means = (abs(level.mean) for effect in effects for level in effect.levels if isfinite(level.mean))
    return _template().render(
        sweep=sweep,
        prose=sweep_prose,
        summary=sweep_prose.sweep_summary(sweep),
        objective=OBJECTIVES[sweep.objective],
        effects=effects,
        largest_mean=max(means, default=0.0),
        write=sweep_prose.objective_writer(sweep.objective),
        grids=[_grid(sweep, heatmap) for heatmap in parameter_heatmaps(sweep)],
        columns=COLUMNS,
        rows=[_row(sweep, rank, variant) for rank, variant in ranked],
        complete=len(ranked) == len(sweep),
        most_extremes=MOST_EXTREMES,
        heatmap_figures=heatmap_objectives(sweep),
        objectives=OBJECTIVES,
        levels=[parameter_levels(sweep, index)[0] for index in range(len(sweep.parameters))],
        data=embedded_json(sweep_data(sweep)),
    )


def shown_variants(sweep: SweepResult) -> list[tuple[int, int]]:
    """Rank (from 1) and index of each variant in the table: all variants, or those at either end."""
    ranked = list(enumerate(rank_variants(sweep).tolist(), start=1))
    if len(ranked) <= MOST_VARIANTS:
        return ranked
    defined = ranked[: ranked_count(sweep)]
    return [*defined[:MOST_EXTREMES], *defined[MOST_EXTREMES:][-MOST_EXTREMES:]]


def heatmap_objectives(sweep: SweepResult) -> tuple[str, ...]:
    """Figures that the heatmaps can show by script; none with too many variants or fewer than two parameters."""
    if len(sweep) > MOST_EMBEDDED or len(sweep.parameters) < 2:
        return ()
    return tuple(dict.fromkeys((sweep.objective, *HEATMAP_FIGURES)))


def sweep_data(sweep: SweepResult) -> dict[str, object]:
    """Data of the heatmap script: levels by parameter, and by variant its level of each parameter and its figures."""
    names = heatmap_objectives(sweep)
    if not names:
        return {}
    levels = [parameter_levels(sweep, index) for index in range(len(sweep.parameters))]
    return {
        "objective": sweep.objective,
        "strongest": STRONGEST,
        "formats": {name: sweep_prose.objective_writer(name).__name__ for name in names},
        "parameters": [parameter.name for parameter in sweep.parameters],
        "levels": [list(labels) for labels, _ in levels],
        "codes": [codes.tolist() for _, codes in levels],
        "figures": {name: [_rounded(value) for value in sweep.figures[name].tolist()] for name in names},
    }


def _grid(sweep: SweepResult, heatmap: Heatmap) -> HeatmapGrid:
    write = sweep_prose.objective_writer(sweep.objective)
    finite = np.abs(heatmap.mean[np.isfinite(heatmap.mean)])
    largest = float(finite.max()) if len(finite) else 0.0
    cells = [
        tuple(_cell(mean, n, largest, write) for mean, n in zip(means, counts, strict=True))
        for means, counts in zip(heatmap.mean.tolist(), heatmap.n.tolist(), strict=True)
    ]
    others = [
        parameter.name for index, parameter in enumerate(sweep.parameters) if index not in (heatmap.row, heatmap.column)
    ]
    return HeatmapGrid(
        heatmap.row,
        heatmap.column,
        tuple(zip(parameter_levels(sweep, heatmap.row)[0], cells, strict=True)),
        parameter_levels(sweep, heatmap.column)[0],
        f"averaged over {', '.join(others)}" if others else "",
    )


def _cell(mean: float, n: int, largest: float, write: Callable[[float | None], str]) -> HeatmapCell:
    if not isfinite(mean):
        return HeatmapCell(write(None), "none", 0, n)
    strength = round(STRONGEST * abs(mean) / largest) if largest else 0
    return HeatmapCell(write(mean), "up" if mean >= 0 else "down", strength, n)


def _row(sweep: SweepResult, rank: int, variant: int) -> VariantRow:
    codes = sweep.codes[variant].tolist()
    first, last = sweep.days[variant]
    flags = sweep_prose.variant_flags(sweep, variant)
    return VariantRow(
        rank,
        variant + 1,
        tuple(zip(sweep.labels(variant), codes, strict=True)),
        f"{first} to {last}" if first else "",
        tuple(float(sweep.figures[column.name][variant]) for column in COLUMNS),
        f"not run: {sweep.failed[variant]}" if variant in sweep.failed else ", ".join(flags),
    )


def _rounded(value: float) -> float | None:
    return round(value, DIGITS) if isfinite(value) else None


@cache
def _template() -> jinja2.Template:
    return template("sweep.html", sort_key=sort_key, width=lambda value, largest: round(100 * abs(value) / largest, 1))
