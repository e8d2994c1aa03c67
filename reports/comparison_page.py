"""The page of a comparison: what went in, what came out, and the curves of all runs over each other.

Tables are plain HTML and read well without scripts; the curves are drawn by uPlot, which stands inside the page with
its data, so that one file is all there is to send. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache

import jinja2

from data.printable import brief
from reports import comparison_words as words
from reports.comparison import Comparison, wealth
from reports.saved_run import SavedRun
from reports.template import embedded, template, vendored

MARK = '<meta name="page" content="comparison of runs">'  # by which a page of ours is known
SUMMARY = (
    ("Net", "total_return"),
    ("d", "d"),
    ("Sharpe", "sharpe"),
    ("Worst drawdown", "max_drawdown"),
    ("Volatility", "volatility"),
    ("Costs, USD", "costs"),
)
MOST_ROWS = 20  # fills or decisions of a reading; the others are counted
DIGITS = 6  # of the curves
COLOURS, DASHES = 6, 3


def render(found: Sequence[Comparison]) -> str:
    """The page of one base and every run that was compared with it. Equal inputs give equal bytes."""
    return _template().render(
        mark=MARK,
        found=found,
        base=found[0].base,
        runs=[found[0].base, *(each.other for each in found)],
        equal=all(each.equal for each in found),
        notes=list(dict.fromkeys(note for each in found for note in words.notes(each))),
        words=words,
        summary=SUMMARY,
        most_rows=MOST_ROWS,
        data=embedded(curves(found)),
        readings=_names(_runs(found)),
        uplot_style=vendored("uPlot.min.css"),
    )


def curves(found: Sequence[Comparison]) -> dict[str, object]:
    """What the charts draw: sessions of any run, and growth of 1 by reading and run, null where a run has none."""
    runs = _runs(found)
    sessions = sorted({session for run in runs for session in run.sessions})
    return {
        "sessions": [session.isoformat() for session in sessions],
        "runs": [brief(run.folder) for run in runs],
        "readings": {brief(name): [_curve(run, name, sessions) for run in runs] for name in _names(runs)},
    }


def _runs(found: Sequence[Comparison]) -> list[SavedRun]:
    return [found[0].base, *(each.other for each in found)]


def _names(runs: Sequence[SavedRun]) -> list[str]:
    """Every reading of any run, in order."""
    return list(dict.fromkeys(name for run in runs for name in run.readings))


def _curve(run: SavedRun, name: str, sessions: Sequence[date]) -> list[float | None] | None:
    if name not in run.readings:
        return None
    known = dict(zip(run.sessions, wealth(run.readings[name].returns), strict=True))
    return [None if (value := known.get(session)) is None else round(value, DIGITS) for session in sessions]


@cache
def _template() -> jinja2.Template:
    return template(
        "comparison.html",
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
        printable=brief,
    )
