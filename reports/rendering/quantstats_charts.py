"""QuantStats' charts of a tearsheet, corrected where they show what the returns do not say.

The only module that imports QuantStats.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import matplotlib
import numpy as np
import pandas as pd
import seaborn
from markupsafe import Markup
from matplotlib import pyplot
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from reports.figures.calendar_returns import period_returns
from reports.figures.drawdowns import find_drawdowns
from reports.figures.metrics import mean_risk_free
from reports.records.result import Result, Run
from reports.rendering.svg_canvas import BACKEND, preserved_pyplot, svg
from reports.statistics.availability import Missing, Unavailable, value_or_missing
from reports.statistics.returns import PERIODS, ROUNDING

with preserved_pyplot():  # importing QuantStats sets a theme, and in a notebook the backend
    import quantstats

HALF_YEAR = PERIODS // 2
LONGEST = 5  # drawdowns that are marked
WIDTH = 8  # inches
FONT = "DejaVu Sans"  # part of Matplotlib; other fonts differ between machines
# QuantStats' theme on top of Matplotlib's defaults, so that a user's matplotlibrc has no effect.
DEFAULTS: dict[Any, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
THEME: dict[str, Any] = {
    "axes.facecolor": "white",
    "figure.facecolor": "white",
    "lines.linewidth": 1.5,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "text.color": "#333333",
    "xtick.color": "#666666",
    "ytick.color": "#666666",
}
# QuantStats' colour of the benchmark has a contrast of 1.3 to white, too little to see; ours has 3.9.
PALE, AMBER = "#fedd78", "#b3730c"
BOXES = (AMBER, "#348dc1", "#af4b64", "#4fa487", "#9b59b6")


def quantstats_charts(result: Result, run: Run) -> Mapping[str, Markup | Missing]:
    """QuantStats' charts of a reading against the benchmark as SVG by name, or why there is nothing to draw.

    Flat days before the entry are kept, and the risk-free rate is its mean over the window. Raises ValueError for
    sessions that QuantStats would misread (see `checked`), and if the benchmark has other ones.
    """
    # The legend must distinguish a strategy from a benchmark of the same name.
    title = f"{result.name} (strategy)" if result.name == run.benchmark_name else result.name
    after_ruin = result.equity.shift().iloc[1:] <= 0
    returns = checked(result.returns.mask(after_ruin, 0.0).rename(title))
    benchmark = checked(run.benchmark.rename(run.benchmark_name))
    if not returns.index.equals(benchmark.index):
        raise ValueError(f"{result.name} and {run.benchmark_name} have different sessions; give both on one index")
    with _theme(salt=result.name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations in the code of QuantStats and Seaborn
        return _charts(returns, benchmark, result.equity, mean_risk_free(run))


def checked(returns: pd.Series[float]) -> pd.Series[float]:
    """Daily returns that QuantStats reads correctly. Raises ValueError for others.

    QuantStats moves dates with a time zone or an hour, and skips NaN.
    """
    index = returns.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not None or (index != index.normalize()).any():
        raise ValueError(f"{returns.name}: sessions must be dates without time zone and hour; normalize them")
    if returns.isna().any():
        raise ValueError(f"{returns.name}: no return on {index[returns.isna()][0]:%Y-%m-%d}; give every session one")
    return returns


@contextmanager
def _theme(salt: str) -> Iterator[None]:
    """Matplotlib with QuantStats' theme, text elements in SVG, and ids that are equal in every run."""
    with preserved_pyplot():
        pyplot.switch_backend(BACKEND)
        matplotlib.rcParams.update(DEFAULTS)
        seaborn.set_theme(font=FONT, font_scale=1.1, rc=THEME)
        matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": salt, "text.parse_math": False})
        yield


def _charts(returns: pd.Series, benchmark: pd.Series, curve: pd.Series, rf: float) -> dict[str, Markup | Missing]:
    """Charts by name; `curve` is the equity with the close before the first of the daily `returns`.

    Not drawn: yearly returns (with pandas 3 the years are under the wrong bars), daily returns (a running sum that
    falls to zero on days without a session), and the histogram (densities on an unnamed axis).
    """
    plots, name = quantstats.plots, returns.name
    plain: dict[str, Any] = {"prepare_returns": False, "subtitle": False}
    rolling: dict[str, Any] = {"period": HALF_YEAR, "periods_per_year": PERIODS, "subtitle": False}
    windows: dict[str, Any] = {"window1": HALF_YEAR, "window2": PERIODS}
    both = [_from_the_close_before(series, curve.index[0]) for series in (returns, benchmark)]
    beta, half_year = partial(_correct_beta, returns, benchmark), partial(_enough, returns, HALF_YEAR)
    drawn: dict[str, Callable[[], Markup]] = {
        "returns": lambda: _chart(plots.returns, *both, height=5, **plain),
        "log_returns": lambda: _chart(plots.log_returns, *both, height=4, **plain),
        "vol_returns": lambda: _chart(
            plots.returns, _varied(returns), _varied(benchmark), height=4, match_volatility=True, **plain
        ),
        "rolling_beta": lambda: _chart(
            plots.rolling_beta, half_year(), benchmark, height=3, correct=beta, **windows, **plain
        ),
        "rolling_vol": lambda: _chart(plots.rolling_volatility, half_year(), height=3, **rolling),
        "rolling_sharpe": lambda: _chart(
            plots.rolling_sharpe, half_year(), height=3, correct=_correct_mean, rf=rf, **rolling
        ),
        "rolling_sortino": lambda: _chart(
            plots.rolling_sortino, half_year(), height=3, correct=_correct_mean, rf=rf, **rolling
        ),
        "dd_periods": lambda: _chart(
            plots.drawdowns_periods, both[0], height=4, correct=partial(_correct_spans, curve), title=name, **plain
        ),
        "dd_plot": lambda: _chart(plots.drawdown, returns, height=3, subtitle=False),
        "monthly_heatmap": lambda: _chart(
            plots.monthly_heatmap,
            returns,
            height=4,
            correct=partial(_blank_other_months, pd.DatetimeIndex(returns.index)),
            cbar=False,
            returns_label=name,
        ),
        "returns_dist": lambda: _as_svg(_distribution(returns, curve)),
    }
    return {chart: value_or_missing(draw) for chart, draw in drawn.items()}


def _from_the_close_before(returns: pd.Series, before: pd.Timestamp) -> pd.Series:
    """Returns that begin with zero at the close before the first of them, so that their sum is drawn from there."""
    return returns.reindex(returns.index.insert(0, before), fill_value=0.0)


def _enough(returns: pd.Series, window: int) -> pd.Series:
    """Returns of at least one rolling window."""
    if len(returns) < window:
        raise Unavailable(f"needs {window} trading days, and there are {len(returns)}")
    return returns


def _varied(returns: pd.Series) -> pd.Series:
    """Returns with a volatility."""
    if not returns.std() > ROUNDING:
        raise Unavailable(f"the daily returns of {returns.name} do not vary, so that there is no volatility to match")
    return returns


def _correct_beta(returns: pd.Series, benchmark: pd.Series, figure: Figure) -> None:
    """Leave out windows without a beta, which QuantStats draws as zero and counts in the mean."""
    half_year, year, mean = figure.axes[0].lines[:3]
    for line, window in ((half_year, HALF_YEAR), (year, PERIODS)):
        variance = benchmark.rolling(window).var()
        line.set_ydata(returns.rolling(window).cov(benchmark) / variance.where(variance > ROUNDING**2))
    _set_mean(mean, half_year)


def _correct_mean(figure: Figure) -> None:
    """Take the mean over the windows that have a ratio: one without a loss makes QuantStats' infinite."""
    ratio, mean = figure.axes[0].lines[:2]
    _set_mean(mean, ratio)


def _set_mean(mean: Line2D, line: Line2D) -> None:
    values = np.asarray(line.get_ydata(), dtype=float)
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise Unavailable(f"undefined in every window of {HALF_YEAR} trading days")
    mean.set_ydata([finite.mean()] * 2)


def _correct_spans(curve: pd.Series, figure: Figure) -> None:
    """Mark the longest drawdowns; QuantStats calls them the worst and misses one that begins on the first day."""
    axes, title = figure.axes[0], figure.texts[0]
    title.set_text(title.get_text().replace("Worst", "Longest"))
    for patch in list(axes.patches):
        patch.remove()
    for each in sorted(find_drawdowns(curve), key=lambda each: -each.days)[:LONGEST]:
        axes.axvspan(*date2num([each.started, each.last]), color="red", alpha=0.1)  # type: ignore[no-untyped-call]


def _blank_other_months(sessions: pd.DatetimeIndex, figure: Figure) -> None:
    """Remove the zeros that QuantStats writes into months without a session."""
    years = sorted(set(sessions.year))
    inside = set(zip(sessions.year, sessions.month, strict=True))
    for text in figure.axes[0].texts:
        column, row = text.get_position()
        if (years[int(row)], int(column) + 1) not in inside:
            text.set_text("")


def _distribution(returns: pd.Series, curve: pd.Series) -> Figure:
    """Quantiles of the returns of calendar periods.

    QuantStats' own chart repeats a week or a month on every day until the next one whose last day is a session.
    """
    periods = {"Weekly": "W-FRI", "Monthly": "M", "Quarterly": "Q", "Yearly": "Y"}
    data = {"Daily": returns, **{name: period_returns(curve, frequency) for name, frequency in periods.items()}}
    figure, axes = pyplot.subplots(figsize=(WIDTH, 4))
    seaborn.boxplot(data={name: values.to_numpy() for name, values in data.items()}, ax=axes, palette=BOXES)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    figure.suptitle(f"{returns.name} - Return Quantiles", y=0.94, fontweight="bold", fontsize=14, color="black")
    seaborn.despine(figure, left=True, bottom=True)
    figure.tight_layout()
    pyplot.close(figure)
    return figure


def _chart(
    plot: Callable[..., Figure | None],
    *series: pd.Series,
    height: int,
    correct: Callable[[Figure], None] = lambda figure: None,
    **options: Any,
) -> Markup:
    """A plot of QuantStats as SVG, corrected; QuantStats closes the figure."""
    for each in series:
        if each.min() >= 0 and each.max() >= 1:
            raise Unavailable(
                f"QuantStats would take the returns of {each.name}, without a loss and with a gain of 100 % or more,"
                " for prices"
            )
    figure = cast("Figure", plot(*series, figsize=(WIDTH, height), ylabel="", fontname=FONT, show=False, **options))
    correct(figure)  # `plot` returns None with `show=True` only
    return _as_svg(figure)


def _as_svg(figure: Figure) -> Markup:
    return Markup(svg(figure).replace(PALE, AMBER))  # noqa: S704  (Matplotlib escapes texts)
