"""QuantStats' part of a tearsheet: metrics, calendar years, drawdowns and charts.

The only module that imports QuantStats. Figures that QuantStats gets wrong or does not explain are left out: see
`METRICS` and `_charts`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import matplotlib
import pandas as pd
import seaborn
from markupsafe import Markup
from matplotlib import pyplot
from matplotlib.figure import Figure

from reports.figures.metrics import mean_risk_free
from reports.records.result import Result, Run
from reports.rendering.svg_canvas import BACKEND, preserved_pyplot, svg
from reports.statistics.returns import PERIODS

with preserved_pyplot():  # importing QuantStats sets a theme, and in a notebook the backend
    import quantstats

# Rows of QuantStats' metrics that are shown, in groups, with their units (None for dates and days).
#
# Not shown, because they count days as if they were trades, or follow no published formula: Time in Market
# (rounds up days with a return), Kelly Criterion, Risk of Ruin, Avg. Win and Loss, the ratios of wins and profits, CPC
# Index, Common Sense Ratio, Win Days, consecutive wins and losses, Risk-Adjusted Return (CAGR over that time in
# market), Information Ratio (daily, not a year), Alpha (without the risk-free rate), Treynor Ratio (a total return over
# beta), Max DD Period End (the last session under water), and annual returns over 3 years and more, which repeat the
# CAGR if the window is shorter. The tearsheet has correct figures in rows and tables of its own.
#
# Not shown, because their formulas would need explaining: Smart Sharpe and Sortino, Sortino/√2, Risk-Return Ratio, the
# Ulcer and Serenity indexes, Recovery Factor, Gain/Pain, tail and outlier ratios, Avg. Return, and the geometric means
# called Expected. Best, worst and winning years and quarters are not shown because most are incomplete in a window;
# Avg. Drawdown counts every dip of a day.
METRICS: tuple[Mapping[str, str | None], ...] = (
    {"Risk-Free Rate": "%"},
    {"Cumulative Return": "%", "CAGR﹪": "%"},
    {"Sharpe": "", "Prob. Sharpe Ratio": "%", "Sortino": "", "Omega": ""},
    {
        "Max Drawdown": "%",
        "Max DD Date": None,
        "Max DD Period Start": None,
        "Longest DD Days": None,
        "Volatility (ann.)": "%",
        "R^2": "",
        "Calmar": "",
        "Skew": "",
        "Kurtosis": "",
    },
    {"Daily Value-at-Risk": "%", "Expected Shortfall (cVaR)": "%"},
    {"MTD": "%", "3M": "%", "6M": "%", "YTD": "%", "1Y": "%"},
    {"Best Day": "%", "Worst Day": "%", "Best Month": "%", "Worst Month": "%"},
    {"Avg. Up Month": "%", "Avg. Down Month": "%", "Win Month": "%"},
    {"Beta": "", "Correlation": "%"},
)
UNDEFINED = "-"
MOST_DRAWDOWNS = 10

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


class MetricRow(NamedTuple):
    """A metric as text, `UNDEFINED` where there is none."""

    name: str
    benchmark: str
    reading: str


class CalendarYear(NamedTuple):
    """Returns in a calendar year, within the window, in per cent."""

    year: str
    benchmark: str
    reading: str
    ahead: bool


class DrawdownRow(NamedTuple):
    """A drawdown of the reading: dates, depth in per cent, and calendar days under water."""

    started: str
    recovered: str
    depth: str
    days: str


@dataclass(frozen=True)
class QuantStatsSheet:
    """Metrics in groups, calendar years, drawdowns (deepest first), and charts as SVG by name."""

    metrics: tuple[tuple[MetricRow, ...], ...]
    years: tuple[CalendarYear, ...]
    drawdowns: tuple[DrawdownRow, ...]
    charts: Mapping[str, Markup]


def quantstats_sheet(result: Result, run: Run) -> QuantStatsSheet:
    """QuantStats' figures and charts of a reading's net daily returns against the benchmark's.

    Flat days before the entry are kept (`match_dates=False`), and the risk-free rate is its mean over the window.
    Raises ValueError for returns that QuantStats would misread (see `checked`), and if the benchmark has other
    sessions.
    """
    # The legend must distinguish a strategy from a benchmark of the same name.
    title = f"{result.name} (strategy)" if result.name == run.benchmark_name else result.name
    returns, benchmark = checked(result.returns.rename(title)), checked(run.benchmark.rename(run.benchmark_name))
    if not returns.index.equals(benchmark.index):
        raise ValueError(f"{result.name} and {run.benchmark_name} have different sessions; give both on one index")
    with _theme(salt=result.name), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of deprecations in the code of QuantStats and Seaborn
        return QuantStatsSheet(
            metrics=_metrics(returns, benchmark, mean_risk_free(run)),
            years=_years(returns, benchmark),
            drawdowns=_drawdowns(returns),
            charts=_charts(returns, benchmark),
        )


def checked(returns: pd.Series[float]) -> pd.Series[float]:
    """Daily returns that QuantStats reads correctly. Raises ValueError for others.

    QuantStats takes a series without losses and with a gain above 100 % for prices, moves dates with a time zone or an
    hour, and skips NaN.
    """
    index = returns.index
    if not isinstance(index, pd.DatetimeIndex) or index.tz is not None or (index != index.normalize()).any():
        raise ValueError(f"{returns.name}: sessions must be dates without time zone and hour; normalize them")
    if returns.isna().any():
        raise ValueError(f"{returns.name}: no return on {index[returns.isna()][0]:%Y-%m-%d}; give every session one")
    if returns.min() >= 0 and returns.max() > 1:
        raise ValueError(
            f"{returns.name}: QuantStats would take returns without a loss and with a gain above 100 % for prices"
        )
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


def _metrics(returns: pd.Series, benchmark: pd.Series, rf: float) -> tuple[tuple[MetricRow, ...], ...]:
    table = quantstats.reports.metrics(  # type: ignore[no-untyped-call]
        returns,
        benchmark,
        rf=rf,
        display=False,
        mode="full",
        as_pct=True,
        periods_per_year=PERIODS,
        prepare_returns=False,
        match_dates=False,
    )
    return tuple(tuple(_row(name, table.loc[name], unit) for name, unit in group.items()) for group in METRICS)


def _row(name: str, values: pd.Series, unit: str | None) -> MetricRow:
    label = name.replace("﹪", "")  # part of the name "CAGR﹪"
    return MetricRow(label, _cell(values["Benchmark"], unit), _cell(values["Strategy"], unit))


def _cell(value: str | float, unit: str | None) -> str:
    """Text of a value of QuantStats' table, which holds rounded numbers and texts."""
    if value in (UNDEFINED, "") or unit is None:
        return str(value) or UNDEFINED
    text = value if isinstance(value, str) else str(float(value))
    return text.removesuffix(unit) + unit


def _years(returns: pd.Series, benchmark: pd.Series) -> tuple[CalendarYear, ...]:
    table = quantstats.stats.compare(returns, benchmark, "YE", prepare_returns=False)  # type: ignore[no-untyped-call]
    return tuple(
        CalendarYear(str(year), f"{row['Benchmark']:.2f}", f"{row['Returns']:.2f}", row["Won"] == "+")
        for year, row in table.iterrows()
    )


def _drawdowns(returns: pd.Series) -> tuple[DrawdownRow, ...]:
    underwater = quantstats.stats.to_drawdown_series(returns)  # type: ignore[no-untyped-call]
    details = quantstats.stats.drawdown_details(underwater)  # type: ignore[no-untyped-call]
    deepest = details.sort_values("max drawdown").head(MOST_DRAWDOWNS)
    return tuple(
        DrawdownRow(row["start"], _recovery(row["end"], returns.index), f"{row['max drawdown']:.2f}", str(row["days"]))
        for _, row in deepest.iterrows()
    )


def _recovery(last: str, sessions: pd.Index) -> str:
    """The first session after `last`, the last session under water, which QuantStats gives as the end."""
    after = sessions[sessions > pd.Timestamp(last)]
    return f"{after[0]:%Y-%m-%d}" if len(after) else "not yet"


def _charts(returns: pd.Series, benchmark: pd.Series) -> dict[str, Markup]:
    """QuantStats' charts by name.

    Not drawn: yearly returns (with pandas 3 the years are under the wrong bars), daily returns (a running sum that
    falls to zero on days without a session), and the histogram (densities on an unnamed axis).
    """
    plots = quantstats.plots
    plain = {"prepare_returns": False, "subtitle": False}
    rolling = {"period": PERIODS // 2, "periods_per_year": PERIODS, "subtitle": False}
    windows = {"window1": PERIODS // 2, "window2": PERIODS}
    name = returns.name
    return {
        "returns": _chart(plots.returns, returns, benchmark, height=5, **plain),
        "log_returns": _chart(plots.log_returns, returns, benchmark, height=4, **plain),
        "vol_returns": _chart(plots.returns, returns, benchmark, height=4, match_volatility=True, **plain),
        "rolling_beta": _chart(plots.rolling_beta, returns, benchmark, height=3, **windows, **plain),
        "rolling_vol": _chart(plots.rolling_volatility, returns, benchmark, height=3, **rolling),
        "rolling_sharpe": _chart(plots.rolling_sharpe, returns, height=3, **rolling),
        "rolling_sortino": _chart(plots.rolling_sortino, returns, height=3, **rolling),
        "dd_periods": _chart(plots.drawdowns_periods, returns, height=4, title=name, **plain),
        "dd_plot": _chart(plots.drawdown, returns, height=3, subtitle=False),
        "monthly_heatmap": _chart(plots.monthly_heatmap, returns, height=4, cbar=False, returns_label=name),
        "returns_dist": _chart(plots.distribution, returns, height=4, title=name, **plain),
    }


def _chart(plot: Callable[..., Figure | None], *series: pd.Series, height: int, **options: Any) -> Markup:
    """A plot of QuantStats as SVG, 8 inches wide; QuantStats closes the figure."""
    figure = plot(*series, figsize=(8, height), ylabel="", fontname=FONT, show=False, **options)
    text = svg(cast("Figure", figure))  # None is returned with `show=True` only
    return Markup(text.replace(PALE, AMBER))  # noqa: S704  (Matplotlib escapes texts)
