"""Page of a comparison: inputs, results, and the curves of all runs in one chart.

The page is a single file that loads nothing: tables are plain HTML, readable without scripts, and uPlot is embedded
with the data of the curves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

import jinja2

from data.text import shorten
from reports.comparison import prose
from reports.comparison.diff import Comparison, growth_of_one
from reports.comparison.run_reader import SavedRun
from reports.rendering.template import embedded_json, template, vendored_file

MARK = '<meta name="page" content="comparison of runs">'  # identifies a page that may be replaced
SUMMARY = (
    ("Net return", "total_return"),
    ("d", "d"),
    ("Sharpe", "sharpe"),
    ("Maximum drawdown", "max_drawdown"),
    ("Volatility", "volatility"),
    ("Costs, USD", "costs"),
)
MOST_ROWS = 20  # of fills or decisions of a reading
CURVE_DIGITS = 6
COLOURS, DASHES = 6, 3


def render(comparisons: Sequence[Comparison]) -> str:
    """The page of all comparisons with one base. Equal inputs give equal bytes."""
    runs = [comparisons[0].base, *(each.other for each in comparisons)]
    return _template().render(
        mark=MARK,
        found=comparisons,
        base=comparisons[0].base,
        runs=runs,
        equal=all(each.equal for each in comparisons),
        notes=list(dict.fromkeys(note for each in comparisons for note in prose.folder_notes(each))),
        prose=prose,
        summary=SUMMARY,
        most_rows=MOST_ROWS,
        data=embedded_json(_curves(runs)),
        readings=_names(runs),
        uplot_style=vendored_file("uPlot.min.css"),
    )


def _curves(runs: Sequence[SavedRun]) -> dict[str, object]:
    """Data of the charts: dates of any run, and growth of 1 by reading and run, null where a run has none."""
    dates = sorted({date for run in runs for date in run.benchmark_returns})
    return {
        "sessions": dates,
        "runs": [shorten(run.folder) for run in runs],
        "readings": {shorten(name): [_curve(run, name, dates) for run in runs] for name in _names(runs)},
    }


def _names(runs: Iterable[SavedRun]) -> list[str]:
    """Names of the readings of all runs, in order."""
    return list(dict.fromkeys(name for run in runs for name in run.readings))


def _curve(run: SavedRun, name: str, dates: Iterable[str]) -> list[float | None] | None:
    if name not in run.readings:
        return None
    growth = growth_of_one(run.returns[name])
    return [round(growth[date], CURVE_DIGITS) if date in growth else None for date in dates]


@cache
def _template() -> jinja2.Template:
    return template(
        "comparison.html",
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
        printable=shorten,
    )
