"""A reading, or all of a run, as a Matplotlib figure for a notebook. Nothing of pyplot: no state, no display."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from reports.result import Result, Run


class Chart(Figure):
    """A figure that a notebook shows, whether or not pyplot was ever imported there."""

    def _repr_png_(self) -> bytes:
        drawn = BytesIO()
        self.savefig(drawn, format="png")
        return drawn.getvalue()


def result(own: Result) -> Figure:
    """Wealth of one unit beside the comparator's and the benchmark's above, drawdown (a fraction) below."""
    figure = Chart(figsize=(9, 5.5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    wealth = own.equity / own.equity.iloc[0]
    _line(above, wealth, own.name, linewidth=1.8)
    _line(above, own.comparator, f"{own.comparator_name} (to beat)", linestyle="--")
    _line(above, _benchmark(own.run), f"{own.run.benchmark_name} (benchmark)", color="0.4")
    _finish(above, own.run)
    drawdown = wealth / wealth.cummax() - 1
    below.fill_between(drawdown.index, drawdown.to_numpy(), 0, alpha=0.3)
    _line(below, drawdown, f"drawdown of {own.name}", linewidth=1)
    below.set_ylabel("below peak")
    below.yaxis.set_major_formatter(PercentFormatter(1))
    _dated(below)
    return figure


def run(whole: Run) -> Figure:
    """Wealth of one unit in each reading and in the benchmark."""
    figure = Chart(figsize=(9, 5.5), layout="constrained")
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
