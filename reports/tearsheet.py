"""One page a reading: what it claims and did, QuantStats' tearsheet of it, and its trades.

QuantStats computes and draws; words, tables and layout around it are ours. What it gets wrong is left out (`WRONG`) or
said differently, see the comments, and so are figures of its own (`UNEXPLAINED`). The page needs nothing but itself: no
font, no request, and no script but the one that lets it scroll in step with others (`reports.side_by_side`).
"""

from __future__ import annotations

import html
import importlib
import re
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from reports import trades
from reports.metrics import PERIODS, metrics, risk_free
from reports.result import Result, Run
from reports.template import evidence_page, side_by_side, template

ROOM = Path(__file__).parent
TEMPLATES = ROOM / "templates"
BACKEND = "module://reports.canvas"
__all__ = ["inputs_key", "quantstats_sheet", "render"]

MOST_TRADES = 100  # rows; the others are counted
MOST_WARNINGS = 10
PACKAGES = ("quantstats", "matplotlib", "seaborn", "pandas", "numpy", "scipy", "tabulate", "jinja2")
SOURCES = (
    "tearsheet.py",
    "trades.py",
    "metrics.py",
    "result.py",
    "canvas.py",
    "../data/printable.py",
    "template.py",
    "templates/tearsheet.html",
    "templates/tearsheet.js",
    "templates/warnings.html",
    "templates/quantstats.html",
)

# Fields of a run that no tearsheet shows: `judged` says enough of the court.
APART = ("results", "court", "manifest")

CHARTS = {
    "returns": "Cumulative returns against the benchmark",
    "log_returns": "Cumulative returns against the benchmark, log scale",
    "vol_returns": "Cumulative returns at the volatility of the benchmark",
    "rolling_beta": "Rolling beta to the benchmark",
    "rolling_vol": "Rolling volatility",
    "rolling_sharpe": "Rolling Sharpe ratio",
    "rolling_sortino": "Rolling Sortino ratio",
    "dd_periods": "Worst drawdown periods",
    "dd_plot": "Underwater plot",
    "monthly_heatmap": "Monthly returns",
    "returns_dist": "Quantiles of returns by period",
}

# What a chart does not say itself.
CAPTIONS = {
    "rolling_beta": "Zero stands for the sessions before a first window is full; the dashed mean counts them.",
    "monthly_heatmap": "0.00 also stands for months outside of the window; its first and last month are parts.",
}

# Charts that are not drawn, by their names in QuantStats.
MISLEADING = (
    "yearly_returns",  # with pandas 3 its years stand under the wrong bars; the table says the same
    "daily_returns",  # a running sum that falls to zero on days without a session
    "monthly_dist",  # densities on an axis without a name; the heatmap holds the same months
)

# QuantStats' colour of the benchmark has a contrast of 1.3 to its white paper; that of ours is 3.9.
PALE, AMBER = "#fedd78", "#b3730c"

# Rows of QuantStats that count days where they speak of trades, or that follow no formula of the literature.
WRONG = frozenset(
    {
        "Start Period",  # the window stands above
        "End Period",
        "Max DD Period End",  # the last session under water; the table of drawdowns has the recovery
        "Time in Market",  # counts days with a return other than zero, rounded up; ours counts positions
        "Information Ratio",  # daily, not a year
        "Kelly Criterion",
        "Risk of Ruin",
        "Avg. Win",
        "Avg. Loss",
        "Win/Loss Ratio",
        "Profit Ratio",
        "Payoff Ratio",
        "Profit Factor",
        "CPC Index",
        "Common Sense Ratio",
        "Win Days",
        "Max Consecutive Wins",
        "Max Consecutive Losses",
        "Risk-Adjusted Return",  # CAGR over that time in market
        "Alpha",  # without the risk-free rate; ours has it
        "Treynor Ratio",  # a total return over beta, as a percentage
        "3Y (ann.)",  # a window that is shorter repeats the CAGR
        "5Y (ann.)",
        "10Y (ann.)",
        "All-time (ann.)",
    }
)

# Rows that are right by a formula of their own, which no page explains: a reader could not tell what they say.
UNEXPLAINED = frozenset(
    {
        "Smart Sharpe",  # with a penalty for autocorrelation
        "Smart Sortino",
        "Sortino/√2",
        "Smart Sortino/√2",
        "Risk-Return Ratio",  # Sharpe a day, without the risk-free rate
        "Ulcer Index",
        "Ulcer Performance Index",
        "Serenity Index",
        "Recovery Factor",  # over a sum of returns, without compounding
        "Gain/Pain Ratio",
        "Gain/Pain (1M)",
        "Tail Ratio",
        "Outlier Win Ratio",
        "Outlier Loss Ratio",
        "Avg. Return",  # over days with a return other than zero
        "Expected Daily",  # geometric means: nothing is expected
        "Expected Monthly",
        "Expected Yearly",
        "Best Year",  # parts of years; the table of years says what they are
        "Worst Year",
        "Win Year",
        "Win Quarter",
        "Avg. Drawdown",  # counts every dip of a day
        "Avg. Drawdown Days",
    }
)

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Sheet:
    """What QuantStats made: groups of metric rows (name, benchmark, reading), tables, and charts as SVG by name."""

    metrics: tuple[Rows, ...]
    years: Rows
    drawdowns: Rows
    charts: Mapping[str, Markup]


def render(result: Result, run: Run) -> str:
    """The page of one reading. Equal inputs give equal bytes.

    It leaves pyplot on a backend that only writes SVG: call it in a process of its own, as
    `runners.engine.drawing` does.
    """
    told = trades.round_trips(result.fills)
    return _template().render(
        result=result,
        run=run,
        key=inputs_key(result, run),
        evidence=evidence_page(result.name),
        beside=side_by_side(result.name),
        rf=risk_free(run),
        own=metrics(result, run),
        sheet=None if _is_idle(result) else quantstats_sheet(result, run),
        chart_names=CHARTS,
        captions=CAPTIONS,
        most_warnings=MOST_WARNINGS,
        trades=trades.foremost(told, MOST_TRADES),
        all_trades=told,
        summary=trades.summary(told),
        quantstats=version("quantstats"),
    )


def quantstats_sheet(result: Result, run: Run) -> Sheet:
    """QuantStats' tearsheet, taken apart.

    The flat days before an entry stay in (`match_dates=False`), the benchmark is a Series on the very same sessions,
    the risk-free rate one number: its mean over the window.
    """
    from quantstats import reports

    # QuantStats loses a column where both have one name.
    title = f"{result.name} (strategy)" if result.name == run.benchmark_name else result.name
    returns, benchmark = checked(result.returns), checked(run.benchmark.rename(run.benchmark_name))
    if not returns.index.equals(benchmark.index):
        raise ValueError(f"{result.name} and {run.benchmark_name} have different sessions; give both on one index")
    with _style(salt=result.name), tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "sheet.html")
        reports.html(  # type: ignore[no-untyped-call]
            returns,
            benchmark,
            rf=risk_free(run),
            periods_per_year=PERIODS,
            match_dates=False,
            strategy_title=title,
            benchmark_title=run.benchmark_name,
            template_path=TEMPLATES / "quantstats.html",
            output=page,
        )
        parts = re.split(r"<!-- part: (\w+) -->", page.read_text(encoding="utf-8"))[1:]
    return _sheet(dict(zip(parts[::2], parts[1::2], strict=True)), pd.DatetimeIndex(returns.index))


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


def inputs_key(result: Result, run: Run) -> str:
    """SHA-256 of all that shapes a page: numbers, words, parameters, versions and the code that draws it."""
    parts = [_text(getattr(result, field.name)) for field in fields(result) if field.name != "decisions"]
    parts += [_text(getattr(run, field.name)) for field in fields(run) if field.name not in APART]
    return sha256("\0".join((*parts, _code())).encode()).hexdigest()


@contextmanager
def _style(salt: str) -> Iterator[None]:
    """Matplotlib as the page wants it: drawn once, texts as text, ids that repeat."""
    import matplotlib

    _name_arial()
    matplotlib.use(BACKEND)
    settings = {**_theme(), "svg.fonttype": "none", "svg.hashsalt": salt, "text.parse_math": False}
    with (
        matplotlib.rc_context(settings),  # type: ignore[arg-type]
        # Faster by a tenth: the table is built string by string.
        pd.option_context("mode.string_storage", "python"),
        warnings.catch_warnings(),
        _without(MISLEADING),
    ):
        # What QuantStats and seaborn are warned of lies in their own code.
        warnings.simplefilter("ignore")
        yield


@cache
def _theme() -> dict[str, Any]:
    """Matplotlib's own settings under QuantStats' theme, whatever a matplotlibrc of the user says.

    QuantStats sets its theme when it is imported, on top of what it finds; so it is imported again on top of nothing.
    """
    import matplotlib
    from quantstats._plotting import core

    own: dict[Any, Any] = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with matplotlib.rc_context(own):
        importlib.reload(core)
        return {name: matplotlib.rcParams[name] for name in own}


@contextmanager
def _without(charts: Iterable[str]) -> Iterator[None]:
    """Let QuantStats skip charts that no page shows: a tenth of the time of a sheet."""
    from quantstats import plots

    skipped = {name: getattr(plots, name) for name in charts if hasattr(plots, name)}
    for name in skipped:
        setattr(plots, name, lambda *_args, **_options: None)
    try:
        yield
    finally:
        for name, chart in skipped.items():
            setattr(plots, name, chart)


@cache
def _name_arial() -> None:
    """Let Matplotlib's own DejaVu Sans answer to Arial, the font that QuantStats asks for.

    Without, every text logs a missing font; with the real Arial, pages would differ between machines.
    """
    import matplotlib
    from matplotlib.font_manager import fontManager

    home = matplotlib.get_data_path()
    own = [font for font in fontManager.ttflist if font.name == "DejaVu Sans" and font.fname.startswith(home)]
    fontManager.ttflist[:0] = [replace(font, name="Arial") for font in own]


def _sheet(parts: Mapping[str, str], sessions: pd.DatetimeIndex) -> Sheet:
    return Sheet(
        metrics=tuple(_groups(_rows(parts["metrics"]))),
        years=_rows(parts["years"])[1:],
        drawdowns=[_recovered(row, sessions) for row in _rows(parts["drawdowns"])[1:]],
        charts={name: _svg(parts[name]) for name in CHARTS},
    )


def _rows(table: str) -> Rows:
    """Cells of an HTML table as plain text."""
    return [
        tuple(html.unescape(cell).strip() for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL))
        for row in re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    ]


def _groups(rows: Rows) -> Iterator[Rows]:
    """Metric rows between QuantStats' rules, without those left out; the name of one carries an odd sign."""
    group: Rows = []
    for row in [*rows[1:], ("",)]:
        if len(row) == 1:
            if group:
                yield group
            group = []
        elif row[0] not in WRONG | UNEXPLAINED:
            group.append((row[0].replace("﹪", ""), *row[1:]))


def _recovered(row: tuple[str, ...], sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    """A drawdown with the session of its recovery, where QuantStats gives the last one under water."""
    start, last, *others = row
    after = sessions[sessions > pd.Timestamp(last)]
    return (start, f"{after[0]:%Y-%m-%d}" if len(after) else "not yet", *others)


def _svg(figure: str) -> Markup:
    """The figure without its XML prologue, which has no place inside a page, and with a benchmark that can be seen."""
    drawn = figure[figure.index("<svg") :].strip().replace(PALE, AMBER)
    return Markup(drawn)  # noqa: S704  (drawn by Matplotlib, which escapes texts)


def _is_idle(result: Result) -> bool:
    """Whether there is nothing to measure; QuantStats fails on returns that are all the same."""
    return result.fills.empty or result.returns.nunique() < 2


def _text(value: Any) -> str:
    if isinstance(value, (pd.Series, pd.DataFrame)):
        return value.to_csv()
    if isinstance(value, Mapping):
        return repr([(str(name), str(item)) for name, item in value.items()])
    return repr(value)


@cache
def _code() -> str:
    files = [sha256((ROOM / name).read_bytes()).hexdigest() for name in SOURCES]
    return repr([*files, *((name, version(name)) for name in PACKAGES)])


@cache
def _template() -> jinja2.Template:
    return template("tearsheet.html", usd=lambda value: f"{value:,.0f}".replace("-", "\u2212"))
