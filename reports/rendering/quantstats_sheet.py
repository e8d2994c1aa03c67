"""QuantStats' tearsheet of a reading: metrics, tables of years and drawdowns, charts.

The only module that imports QuantStats. What it gets wrong or does not explain is left out: see `METRICS`, `_charts`.
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

with preserved_pyplot():  # its import sets a theme, and in a notebook the backend
    import quantstats

# Rows of QuantStats' metrics that are shown, in groups, with their unit; None for dates and days.
#
# Not shown, because they count days where they speak of trades, or follow no formula of the literature: Time in Market
# (rounds up days with a return), Kelly Criterion, Risk of Ruin, Avg. Win and Loss, the ratios of wins and profits, CPC
# Index, Common Sense Ratio, Win Days, consecutive wins and losses, Risk-Adjusted Return (CAGR over that time in
# market), Information Ratio (daily, not a year), Alpha (without the risk-free rate), Treynor Ratio (a total return over
# beta), Max DD Period End (the last session under water), and annual returns over 3 years and more, which repeat the
# CAGR where the window is shorter. Our own rows and the tables say what these should.
#
# Not shown, because a formula of their own would need explaining: Smart Sharpe and Sortino, Sortino/√2, Risk-Return
# Ratio, the Ulcer and Serenity indexes, Recovery Factor, Gain/Pain, tail and outlier ratios, Avg. Return, the
# geometric means called Expected, and best, worst and winning years and quarters, of which a window has but parts;
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

FONT = "DejaVu Sans"  # comes with Matplotlib: other fonts would differ between machines
# QuantStats' theme, on top of Matplotlib's own settings whatever a matplotlibrc of the user says.
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
# QuantStats' colour of the benchmark has a contrast of 1.3 to its white paper; ours has 3.9.
PALE, AMBER = "#fedd78", "#b3730c"


class MetricRow(NamedTuple):
    """A metric as it is printed, `UNDEFINED` where there is none."""

    name: str
    benchmark: str
    reading: str


class CalendarYear(NamedTuple):
    """Returns within the window in a calendar year, per cent."""

    year: str
    benchmark: str
    reading: str
    ahead: bool


class DrawdownRow(NamedTuple):
    """A drawdown of the reading: dates, depth in per cent, calendar days under water."""

    started: str
    recovered: str
    depth: str
    days: str


@dataclass(frozen=True)
class QuantStatsSheet:
    """Metrics in groups, calendar years, the deepest drawdowns first, and charts as SVG by name."""

    metrics: tuple[tuple[MetricRow, ...], ...]
    years: tuple[CalendarYear, ...]
    drawdowns: tuple[DrawdownRow, ...]
    charts: Mapping[str, Markup]


def quantstats_sheet(result: Result, run: Run) -> QuantStatsSheet:
    """What QuantStats computes and draws of a reading's net daily returns against the benchmark's.

    The flat days before an entry stay in (`match_dates=False`), the benchmark is a Series on the very same sessions,
    the risk-free rate one number: its mean over the window. Raises ValueError for returns that QuantStats would
    misread, see `checked`, and where the benchmark has other sessions.
    """
    # A legend must tell them apart where both have one name.
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
    """Daily returns that QuantStats reads as what they are. Raises ValueError for others.

    It takes a series without losses and with a gain above 100 % for prices, moves dates that carry a time zone or an
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
    """Matplotlib as the page wants it: QuantStats' theme, texts as text, ids that repeat."""
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
    label = name.replace("﹪", "")  # an odd sign in the name of one row
    return MetricRow(label, _cell(values["Benchmark"], unit), _cell(values["Strategy"], unit))


def _cell(value: str | float, unit: str | None) -> str:
    """A value of QuantStats' table, which holds rounded numbers and texts, as it prints it."""
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
    """First session after the last one under water, which is the end that QuantStats gives."""
    after = sessions[sessions > pd.Timestamp(last)]
    return f"{after[0]:%Y-%m-%d}" if len(after) else "not yet"


def _charts(returns: pd.Series, benchmark: pd.Series) -> dict[str, Markup]:
    """QuantStats' charts by name.

    Not drawn: yearly returns (with pandas 3 the years stand under the wrong bars), daily returns (a running sum that
    falls to zero on days without a session), and the histogram (densities on an axis without a name).
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
    """A plot of QuantStats as SVG, 8 inches wide; QuantStats closes it in pyplot."""
    figure = plot(*series, figsize=(8, height), ylabel="", fontname=FONT, show=False, **options)
    drawn = svg(cast("Figure", figure))  # None comes with `show=True` only
    return Markup(drawn.replace(PALE, AMBER))  # noqa: S704  (drawn by Matplotlib, which escapes texts)
