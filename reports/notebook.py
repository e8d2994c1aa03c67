"""Results with text, table and plot for a prompt or a notebook."""

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
from reports.records.evidence import Evidence
from reports.records.result import Result, Run
from reports.rendering.numbers import log_ratio, percent, ratio, usd
from reports.rendering.template import template

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False, repr=False)
class NotebookEvidence(Evidence):
    """Evidence whose repr is its verdict and its declared tests in sentences."""

    def __repr__(self) -> str:
        sentences = [
            f"{self.name}: {self.verdict.text}",
            self.verdict.reason,
            evidence_prose.timing_sentence(self.headline),
        ]
        selection = evidence_prose.selection_sentence(self.selection) if self.selection else ""
        return "\n".join(filter(None, (*sentences, selection)))


@dataclass(frozen=True, eq=False, repr=False)
class NotebookResult(Result):
    """Result of one reading, with the run it belongs to."""

    run: NotebookRun = field(kw_only=True)

    @classmethod
    def of(cls, result: Result, run: NotebookRun) -> NotebookResult:
        """The result as part of `run`."""
        return cls(**{each.name: getattr(result, each.name) for each in fields(Result)}, run=run)

    @property
    def metrics(self) -> Metrics:
        """Metrics over the window: fractions, annual rates; None where undefined."""
        return compute_metrics(self, self.run)

    @property
    def evidence(self) -> NotebookEvidence | None:
        """Evidence on whether it beat chance; None for a run without evidence."""
        if self.run.evidence_report is None:
            return None
        evidence = self.run.evidence_report.readings[self.name]
        return NotebookEvidence(**{each.name: getattr(evidence, each.name) for each in fields(Evidence)})

    def plot(self) -> Figure:
        """Wealth with its comparator and the benchmark, drawdown below.

        The Matplotlib figure is not registered with pyplot, so that it need not be closed.
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
        """The run, for a notebook."""
        return cls(**{each.name: getattr(run, each.name) for each in fields(Run)})

    @property
    def record(self) -> Run:
        """The run as plain data, to be sent to other processes."""
        values = {each.name: getattr(self, each.name) for each in fields(Run)}
        results = (
            Result(**{each.name: getattr(result, each.name) for each in fields(Result)}) for result in self.results
        )
        return Run(**{**values, "results": tuple(results)})

    def __getitem__(self, name: str) -> NotebookResult:
        """The result of a reading. Raises KeyError if the run does not have it."""
        for result in self.results:
            if result.name == name:
                return result
        raise KeyError(f"no reading {name!r} in this run; it has {', '.join(result.name for result in self.results)}")

    def __iter__(self) -> Iterator[NotebookResult]:
        return iter(self.results)

    @property
    def table(self) -> pd.DataFrame:
        """A row per reading: the fields of `Metrics`, `excess_benchmark`, `d`, `refuted` and, with evidence, `verdict`.

        Fractions, annual ratios and rates, USD for `costs`; NaN, or None in columns of text, where undefined.
        """
        return _table(self)

    def plot(self) -> Figure:
        """Wealth of all readings and the benchmark, as a Matplotlib figure that is not registered with pyplot."""
        return _plot_run(self)

    def __repr__(self) -> str:
        return _run_text(self)

    def _repr_html_(self) -> str:
        return _run_html(self)


def _table(run: Run) -> pd.DataFrame:
    """A row per reading; see `NotebookRun.table`."""
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    rows = {}
    for result in run.results:
        metrics = asdict(compute_metrics(result, run))
        outcome = {"excess_benchmark": metrics["total_return"] - benchmark, "d": result.d, "refuted": result.refuted}
        verdict = {} if run.evidence_report is None else {"verdict": _word(result, run)}
        rows[result.name] = {**metrics, **outcome, **verdict}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reading")


def _rows(run: Run) -> list[dict[str, str]]:
    """Table of the readings as text."""
    rows = []
    for result in run.results:
        metrics = compute_metrics(result, run)
        rows.append(
            {
                "reading": result.name,
                "net": percent(metrics.total_return),
                "d": log_ratio(result.d),
                "Sharpe": ratio(metrics.sharpe),
                "maximum drawdown": percent(metrics.max_drawdown),
                "costs, USD": usd(metrics.costs),
                **({} if run.evidence_report is None else {"verdict": _word(result, run) or "no verdict"}),
            }
        )
    return rows


def _result_text(result: NotebookResult) -> str:
    """One line, followed by one for each notice of the run."""
    head = f"{result.name}, {result.equity.index[0]:%Y-%m-%d} to {result.equity.index[-1]:%Y-%m-%d}"
    metrics, run = result.metrics, result.run
    figures = f"net {percent(metrics.total_return)}, d {log_ratio(result.d)} against {result.comparator_name}"
    verdict = "" if run.evidence_report is None else f", {_word(result, run) or 'no verdict'}"
    return escape_unprintable("\n".join((f"{head}: {figures}, Sharpe {ratio(metrics.sharpe)}{verdict}", *run.notices)))


def _run_text(run: Run) -> str:
    """Title, source and notices over a table."""
    table = pd.DataFrame(_rows(run)).to_string(index=False) if run.results else "no readings"
    return escape_unprintable("\n".join((run.title, f"prices: {run.origin}", *run.notices, *_failures(run), table)))


def _result_html(result: NotebookResult) -> str:
    """Title, source, notices, the row of the reading and its outcome."""
    run = result.run
    rows = [row for row in _rows(run) if row["reading"] == result.name]
    return _page(title=run.title, origin=run.origin, notices=run.notices, rows=rows, outcome=result.outcome)


def _run_html(run: Run) -> str:
    """Title, source, notices, failures and a row per reading."""
    return _page(title=run.title, origin=run.origin, notices=run.notices, failures=_failures(run), rows=_rows(run))


def _failures(run: Run) -> tuple[str, ...]:
    return tuple(f"{name} failed: {failure.summary}" for name, failure in run.failed.items())


def _word(result: Result, run: Run) -> str | None:
    return None if run.evidence_report is None else run.evidence_report.readings[result.name].verdict.word


def _page(title: str, **parts: object) -> str:
    return _template().render(title=title, **{"notices": (), "failures": (), "rows": (), "outcome": "", **parts})


@cache
def _template() -> jinja2.Template:
    return template("notebook.html")


@cache
def _figure_class() -> type[Figure]:
    """A figure class that a notebook displays without pyplot."""
    from matplotlib.figure import Figure  # slow to import, and most runs are never plotted

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            buffer = BytesIO()
            self.savefig(buffer, format="png")
            return buffer.getvalue()

    return NotebookFigure


def _plot_result(result: NotebookResult) -> Figure:
    """Growth of 1 in the reading, its comparator and the benchmark above, drawdown (a fraction) below."""
    figure = _figure_class()(figsize=(9, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    wealth = result.equity / result.equity.iloc[0]
    _line(above, wealth, result.name, linewidth=1.8)
    _line(above, result.comparator, f"{result.comparator_name} (comparator)", linestyle="--")
    _line(above, _benchmark(result.run), f"{result.run.benchmark_name} (benchmark)", color="0.4")
    _finish(above, result.run)
    drawdown = wealth / wealth.cummax() - 1
    below.fill_between(drawdown.index, drawdown.to_numpy(), 0, alpha=0.3)
    _line(below, drawdown, f"drawdown of {result.name}", linewidth=1)
    from matplotlib.ticker import PercentFormatter  # slow to import, as above

    below.set_ylabel("below peak")
    below.yaxis.set_major_formatter(PercentFormatter(1))
    _format_dates(below)
    return figure


def _plot_run(run: Run) -> Figure:
    """Growth of 1 in each reading and in the benchmark."""
    figure = _figure_class()(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    for result in run.results:
        _line(axes, result.equity / result.equity.iloc[0], result.name)
    _line(axes, _benchmark(run), f"{run.benchmark_name} (benchmark)", color="0.4", linewidth=2)
    _finish(axes, run)
    _format_dates(axes)
    return figure


def _line(axes: Axes, values: pd.Series[float], label: str, **style: object) -> None:
    axes.plot(values.index, values.to_numpy(), label=label, **style)  # type: ignore[arg-type]


def _format_dates(axes: Axes) -> None:
    """Label the axis of dates with concise ISO dates."""
    from matplotlib.dates import ConciseDateFormatter  # slow to import, as above

    axes.set_xlabel("trading day")
    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]


def _benchmark(run: Run) -> pd.Series[float]:
    """Growth of 1 in the benchmark, from the close before the entry on."""
    index = run.results[0].equity.index
    return pd.Series(np.concatenate(([1.0], np.cumprod(1 + run.benchmark.to_numpy()))), index)


def _finish(axes: Axes, run: Run) -> None:
    """Add title, legend and lines at marked dates; dollar signs in names are not math."""
    for day, label, kind in run.marks:
        axes.axvline(day, color="0.6", linewidth=1 if kind == "event" else 0.5, linestyle=":")  # type: ignore[arg-type]
        if kind == "event":
            axes.annotate(label, (day, 1), xycoords=("data", "axes fraction"), rotation=90, va="top", fontsize=8)
    axes.set_title(run.title + ("" if run.real else f" ({run.origin})"), parse_math=False)
    axes.set_ylabel("growth of 1, net of costs")
    for text in axes.legend().get_texts():
        text.set_parse_math(False)
