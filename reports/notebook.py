"""How results show and plot themselves at a prompt and in a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Self

import jinja2
import numpy as np
import pandas as pd

from data.text import escape_unprintable
from reports.figures.metrics import Metrics, compute_metrics
from reports.pages import evidence_prose
from reports.records.evidence import END, Evidence
from reports.records.result import Result, Run
from reports.rendering.numbers import log_ratio, percent, ratio, usd
from reports.rendering.template import template

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class NotebookEvidence(Evidence):
    """Evidence that shows its verdict and its declared tests in sentences instead of thousands of numbers."""

    def __repr__(self) -> str:
        sentences = [
            f"{self.name}: {self.verdict.text}",
            self.verdict.reason,
            evidence_prose.timing_sentence(self.headline),
        ]
        return "\n".join(
            filter(None, (*sentences, evidence_prose.selection_sentence(self.names[END]) if self.names else ""))
        )


@dataclass(frozen=True, eq=False, repr=False)
class NotebookResult(Result):
    """One reading of a run, with the run that it belongs to."""

    run: NotebookRun = field(kw_only=True)

    @classmethod
    def of(cls, result: Result, run: NotebookRun) -> NotebookResult:
        """The result as a part of `run`."""
        return cls(**{each.name: getattr(result, each.name) for each in fields(Result)}, run=run)

    @property
    def metrics(self) -> Metrics:
        """Its figures over the window: fractions, a year where they are rates; None where one is not defined."""
        return compute_metrics(self, self.run)

    @property
    def evidence(self) -> NotebookEvidence | None:
        """Whether it beat chance; None where the run was not asked for evidence."""
        if self.run.evidence_report is None:
            return None
        found = self.run.evidence_report.readings[self.name]
        return NotebookEvidence(**{each.name: getattr(found, each.name) for each in fields(Evidence)})

    def plot(self) -> Figure:
        """Wealth beside its comparator and the benchmark, drawdown below.

        A Matplotlib figure of its own: pyplot knows nothing of it, so that nothing has to be closed.
        """
        return _plot_result(self)

    def __repr__(self) -> str:
        return _result_text(self)

    def _repr_html_(self) -> str:
        return _result_html(self)


@dataclass(frozen=True, eq=False, repr=False)
class NotebookRun(Run):
    """A run whose results can be looked up by name, iterated over, tabulated and plotted."""

    results: tuple[NotebookResult, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", tuple(NotebookResult.of(result, self) for result in self.results))

    @classmethod
    def of(cls, run: Run) -> Self:
        """The run with its results."""
        return cls(**{each.name: getattr(run, each.name) for each in fields(Run)})

    @property
    def record(self) -> Run:
        """The run as plain data, as it is sent to other processes."""
        known = {each.name: getattr(self, each.name) for each in fields(Run)}
        results = (Result(**{each.name: getattr(one, each.name) for each in fields(Result)}) for one in self.results)
        return Run(**{**known, "results": tuple(results)})

    def __getitem__(self, name: str) -> NotebookResult:
        """The reading of that name. Raises KeyError for another."""
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(f"no reading {name!r} in this run; it has {', '.join(result.name for result in self.results)}")

    def __iter__(self) -> Iterator[NotebookResult]:
        return iter(self.results)

    @property
    def table(self) -> pd.DataFrame:
        """A row a reading: the figures of `Metrics`, `excess_benchmark`, `d`, `refuted`; with evidence `verdict`.

        Fractions, ratios and rates a year, USD for `costs`; NaN, or None among words, where a figure is not defined.
        """
        return _table(self)

    def plot(self) -> Figure:
        """Wealth of all readings and the benchmark, as a Matplotlib figure of which pyplot knows nothing."""
        return _plot_run(self)

    def __repr__(self) -> str:
        return _run_text(self)

    def _repr_html_(self) -> str:
        return _run_html(self)


def _table(run: Run) -> pd.DataFrame:
    """A row a reading; see `NotebookRun.table`."""
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    rows = {}
    for result in run.results:
        known = asdict(compute_metrics(result, run))
        own = {"excess_benchmark": known["total_return"] - benchmark, "d": result.d, "refuted": result.refuted}
        rows[result.name] = {**known, **own, **({} if run.evidence_report is None else {"verdict": _word(result, run)})}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reading")


def _rows(run: Run) -> list[dict[str, str]]:
    """What is shown of each reading."""
    shown = []
    for result in run.results:
        known = compute_metrics(result, run)
        shown.append(
            {
                "reading": result.name,
                "net": percent(known.total_return),
                "d": log_ratio(result.d),
                "Sharpe": ratio(known.sharpe),
                "worst drawdown": percent(known.max_drawdown),
                "costs, USD": usd(known.costs),
                **({} if run.evidence_report is None else {"verdict": _word(result, run) or "no verdict"}),
            }
        )
    return shown


def _result_text(result: NotebookResult) -> str:
    """One line, and one for each notice of its run."""
    head = f"{result.name}, {result.equity.index[0]:%Y-%m-%d} to {result.equity.index[-1]:%Y-%m-%d}"
    known, run = result.metrics, result.run
    told = f"net {percent(known.total_return)}, d {log_ratio(result.d)} against {result.comparator_name}"
    verdict = "" if run.evidence_report is None else f", {_word(result, run) or 'no verdict'}"
    return escape_unprintable("\n".join((f"{head}: {told}, Sharpe {ratio(known.sharpe)}{verdict}", *run.notices)))


def _run_text(run: Run) -> str:
    """Title, source and notices over a table."""
    shown = pd.DataFrame(_rows(run)).to_string(index=False) if run.results else "no readings"
    return escape_unprintable("\n".join((run.title, f"prices: {run.origin}", *run.notices, *_failures(run), shown)))


def _result_html(result: NotebookResult) -> str:
    """The same of one reading, with what happened."""
    run = result.run
    own = [row for row in _rows(run) if row["reading"] == result.name]
    return _page(title=run.title, origin=run.origin, notices=run.notices, rows=own, outcome=result.outcome)


def _run_html(run: Run) -> str:
    """The same of all readings."""
    return _page(title=run.title, origin=run.origin, notices=run.notices, failures=_failures(run), rows=_rows(run))


def _failures(run: Run) -> tuple[str, ...]:
    return tuple(f"{name} failed: {failure.summary}" for name, failure in run.failed.items())


def _word(result: Result, run: Run) -> str | None:
    return None if run.evidence_report is None else run.evidence_report.readings[result.name].verdict.word


def _page(title: str, **shown: object) -> str:
    return _template().render(title=title, **{"notices": (), "failures": (), "rows": (), "outcome": "", **shown})


@cache
def _template() -> jinja2.Template:
    return template("notebook.html")


@cache
def _figure_class() -> type[Figure]:
    """A figure that a notebook shows, whether or not pyplot was ever imported there."""
    from matplotlib.figure import Figure  # slow to import, and most runs are never plotted

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            drawn = BytesIO()
            self.savefig(drawn, format="png")
            return drawn.getvalue()

    return NotebookFigure


def _plot_result(own: NotebookResult) -> Figure:
    """Wealth of one unit beside the comparator's and the benchmark's above, drawdown (a fraction) below."""
    figure = _figure_class()(figsize=(9, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    wealth = own.equity / own.equity.iloc[0]
    _line(above, wealth, own.name, linewidth=1.8)
    _line(above, own.comparator, f"{own.comparator_name} (to beat)", linestyle="--")
    _line(above, _benchmark(own.run), f"{own.run.benchmark_name} (benchmark)", color="0.4")
    _finish(above, own.run)
    drawdown = wealth / wealth.cummax() - 1
    below.fill_between(drawdown.index, drawdown.to_numpy(), 0, alpha=0.3)
    _line(below, drawdown, f"drawdown of {own.name}", linewidth=1)
    from matplotlib.ticker import PercentFormatter  # slow to import, as above

    below.set_ylabel("below peak")
    below.yaxis.set_major_formatter(PercentFormatter(1))
    _dated(below)
    return figure


def _plot_run(whole: Run) -> Figure:
    """Wealth of one unit in each reading and in the benchmark."""
    figure = _figure_class()(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    for own in whole.results:
        _line(axes, own.equity / own.equity.iloc[0], own.name)
    _line(axes, _benchmark(whole), f"{whole.benchmark_name} (benchmark)", color="0.4", linewidth=2)
    _finish(axes, whole)
    _dated(axes)
    return figure


def _line(axes: Axes, values: pd.Series[float], label: str, **style: object) -> None:
    axes.plot(values.index, values.to_numpy(), label=label, **style)  # type: ignore[arg-type]


def _dated(axes: Axes) -> None:
    """Dates that are read the same way everywhere."""
    from matplotlib.dates import ConciseDateFormatter  # slow to import, as above

    axes.set_xlabel("session")
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]


def _benchmark(whole: Run) -> pd.Series[float]:
    index = whole.results[0].equity.index
    return pd.Series(np.concatenate(([1.0], np.cumprod(1 + whole.benchmark.to_numpy()))), index)


def _finish(axes: Axes, whole: Run) -> None:
    """Title, legend, and the dates of the event and of others as lines; names may hold dollar signs."""
    for day, label, kind in whole.marks:
        axes.axvline(day, color="0.6", linewidth=1 if kind == "event" else 0.5, linestyle=":")  # type: ignore[arg-type]
        if kind == "event":
            axes.annotate(label, (day, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", fontsize=8)
    axes.set_title(whole.title + ("" if whole.real else f" ({whole.origin})"), parse_math=False)
    axes.set_ylabel("growth of 1, net of costs")
    for text in axes.legend().get_texts():
        text.set_parse_math(False)
