"""Tearsheet of a reading: claim and outcome, key figures, QuantStats' charts, and its trades.

QuantStats draws the charts; text, tables and layout are ours. The page is self-contained: no fonts, no
requests, and no script except the one that scrolls it together with others (`reports.pages.side_by_side`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from reports.figures import round_trips
from reports.figures.calendar_returns import calendar_years
from reports.figures.contribution import contribution
from reports.figures.drawdowns import find_drawdowns
from reports.figures.key_figures import key_figures, two_decimals, wealth_curve
from reports.figures.metrics import compute_metrics, mean_risk_free
from reports.pages.base_rate_summary import reading_section
from reports.records.result import Result, Run
from reports.rendering.template import FOLDER, evidence_address, side_by_side_address, template
from reports.statistics.availability import Missing

MOST_TRADES = 100  # rows; further trades are counted
MOST_WARNINGS = 10
MOST_DRAWDOWNS = 10

# Packages, modules and templates that a page depends on besides its data.
PACKAGES = ("quantstats", "matplotlib", "seaborn", "pandas", "numpy", "scipy", "jinja2")
MODULES = (
    *("data.text", "reports.figures.calendar_returns", "reports.figures.contribution", "reports.figures.drawdowns"),
    "reports.figures.key_figures",
    *("reports.figures.metrics", "reports.figures.round_trips", "reports.pages.tearsheet", "reports.records.result"),
    *("reports.pages.base_rate_summary", "reports.pages.base_rates", "reports.pages.base_rates_prose"),
    *("reports.rendering.dot_strip", "reports.rendering.numbers"),
    *("reports.rendering.quantstats_charts", "reports.rendering.svg_canvas", "reports.rendering.template"),
    *("reports.statistics.availability", "reports.statistics.overfitting", "reports.statistics.returns"),
)
TEMPLATES = (
    *("tearsheet.html", "tearsheet.js", "warnings.html", "base-rate-section.html", "base-rate-section.css"),
    *("base-rate-text.html", "base-rates-marks.html", "chip.html"),
)

# Fields of a run that no tearsheet shows; of the evidence it shows only whether there is any (`judged`).
NOT_SHOWN = ("results", "evidence_report", "manifest")

CHARTS = {
    "returns": "Cumulative returns against the benchmark",
    "log_returns": "Cumulative returns against the benchmark, log scale",
    "vol_returns": "Cumulative returns at the volatility of the benchmark",
    "rolling_beta": "Rolling beta to the benchmark",
    "rolling_vol": "Rolling volatility",
    "rolling_sharpe": "Rolling Sharpe ratio",
    "rolling_sortino": "Rolling Sortino ratio",
    "dd_periods": "Longest drawdown periods",
    "dd_plot": "Underwater plot",
    "monthly_heatmap": "Monthly returns",
    "returns_dist": "Quantiles of returns by period",
}

CAPTIONS = {
    "monthly_heatmap": "The first and last month are incomplete.",
    "returns_dist": "The first and last week, month, quarter and year are incomplete.",
}


def render(result: Result, run: Run) -> str:
    """The page of one reading. Equal inputs give equal bytes."""
    trades = round_trips.round_trips(result.fills)
    return _template().render(
        result=result,
        run=run,
        key=inputs_key(result, run),
        evidence=evidence_address(result.name),
        side_by_side=side_by_side_address(result.name),
        rf=mean_risk_free(run),
        metrics=compute_metrics(result, run),
        charts={} if result.fills.empty else _charts(result, run),
        groups=key_figures(result, run),
        parts=contribution(result),
        capital=float(result.equity.iloc[0]),
        years=list(calendar_years(wealth_curve(run.benchmark, result.equity.index[0]), result.equity)),
        drawdowns=sorted(find_drawdowns(result.equity), key=lambda each: each.depth)[:MOST_DRAWDOWNS],
        chart_names=CHARTS,
        captions=CAPTIONS,
        most_warnings=MOST_WARNINGS,
        base_rate=reading_section(result.name, run),
        trades=round_trips.foremost_trades(trades, MOST_TRADES),
        all_trades=trades,
        summary=round_trips.summarize_trades(trades),
        quantstats=version("quantstats"),
    )


def inputs_key(result: Result, run: Run) -> str:
    """SHA-256 of everything a page depends on: data, texts, parameters, versions and the code that draws it."""
    parts = [_text(getattr(result, field.name)) for field in fields(result) if field.name != "decisions"]
    parts += [_text(getattr(run, field.name)) for field in fields(run) if field.name not in NOT_SHOWN]
    return sha256("\0".join((*parts, _code())).encode()).hexdigest()


def _charts(result: Result, run: Run) -> Mapping[str, Markup | Missing]:
    # Importing QuantStats takes seconds, and pages that are reused from an earlier run do not need it.
    from reports.rendering.quantstats_charts import quantstats_charts

    return quantstats_charts(result, run)


def _text(value: Any) -> str:
    if isinstance(value, (pd.Series, pd.DataFrame)):
        return value.to_csv()
    if isinstance(value, Mapping):
        return repr([(str(name), str(item)) for name, item in value.items()])
    return repr(value)


@cache
def _code() -> str:
    sources = [*map(_source, MODULES), *((FOLDER / name).read_bytes() for name in TEMPLATES)]
    return repr([*(sha256(source).hexdigest() for source in sources), *((name, version(name)) for name in PACKAGES)])


def _source(module: str) -> bytes:
    """Source of a module, without importing it."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module}: no source; is the package complete?")
    return Path(spec.origin).read_bytes()


@cache
def _template() -> jinja2.Template:
    return template("tearsheet.html", usd=_usd, points=lambda fraction: two_decimals(100 * fraction))


def _usd(value: float) -> str:
    return f"{value:,.0f}".replace("-", "\u2212")
