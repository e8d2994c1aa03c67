"""The page of a comparison: inputs, results, and the curves of all runs over each other.

Tables are plain HTML and readable without scripts; uPlot, which stands inside the page with its data, draws the curves,
so that one file is all there is to send. Nothing is loaded from elsewhere.
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

MARK = '<meta name="page" content="comparison of runs">'  # by which a page of ours is known
SUMMARY = (
    ("Net return", "total_return"),
    ("d", "d"),
    ("Sharpe", "sharpe"),
    ("Maximum drawdown", "max_drawdown"),
    ("Volatility", "volatility"),
    ("Costs, USD", "costs"),
)
MOST_ROWS = 20  # fills or decisions of a reading that are shown
CURVE_DIGITS = 6
COLOURS, DASHES = 6, 3


def render(found: Sequence[Comparison]) -> str:
    """The page of one base and every run that was compared with it. Equal inputs give equal bytes."""
    runs = [found[0].base, *(each.other for each in found)]
    return _template().render(
        mark=MARK,
        found=found,
        base=found[0].base,
        runs=runs,
        equal=all(each.equal for each in found),
        notes=list(dict.fromkeys(note for each in found for note in prose.folder_notes(each))),
        prose=prose,
        summary=SUMMARY,
        most_rows=MOST_ROWS,
        data=embedded_json(_curves(runs)),
        readings=_names(runs),
        uplot_style=vendored_file("uPlot.min.css"),
    )


def _curves(runs: Sequence[SavedRun]) -> dict[str, object]:
    """What the charts draw: dates of any run, and growth of 1 by reading and run, null where a run has none."""
    dates = sorted({date for run in runs for date in run.benchmark_returns})
    return {
        "sessions": dates,
        "runs": [shorten(run.folder) for run in runs],
        "readings": {shorten(name): [_curve(run, name, dates) for run in runs] for name in _names(runs)},
    }


def _names(runs: Iterable[SavedRun]) -> list[str]:
    """Every reading of any run, in order."""
    return list(dict.fromkeys(name for run in runs for name in run.readings))


def _curve(run: SavedRun, name: str, dates: Iterable[str]) -> list[float | None] | None:
    if name not in run.readings:
        return None
    known = growth_of_one(run.returns[name])
    return [round(known[date], CURVE_DIGITS) if date in known else None for date in dates]


@cache
def _template() -> jinja2.Template:
    return template(
        "comparison.html",
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
        printable=shorten,
    )
