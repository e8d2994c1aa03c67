"""Tearsheet of a reading: claim and outcome, QuantStats' metrics and charts, and its trades.

QuantStats computes metrics and draws charts; text, tables and layout are ours. The page is self-contained: no fonts, no
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

from reports.figures import round_trips
from reports.figures.metrics import compute_metrics, mean_risk_free
from reports.records.result import Result, Run
from reports.rendering.template import FOLDER, evidence_address, side_by_side_address, template

MOST_TRADES = 100  # rows; further trades are counted
MOST_WARNINGS = 10

# Packages, modules and templates that a page depends on besides its data.
PACKAGES = ("quantstats", "matplotlib", "seaborn", "pandas", "numpy", "scipy", "jinja2")
MODULES = (
    *("data.text", "reports.figures.metrics", "reports.pages.tearsheet", "reports.rendering.quantstats_sheet"),
    *(
        "reports.rendering.svg_canvas",
        "reports.records.result",
        "reports.rendering.template",
        "reports.figures.round_trips",
    ),
)
TEMPLATES = ("tearsheet.html", "tearsheet.js", "warnings.html")

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
    "dd_periods": "Largest drawdown periods",
    "dd_plot": "Underwater plot",
    "monthly_heatmap": "Monthly returns",
    "returns_dist": "Quantiles of returns by period",
}

CAPTIONS = {
    "rolling_beta": "The line is zero until the first window is full; the dashed mean includes these days.",
    "monthly_heatmap": "Months outside the window are also shown as 0.00; its first and last month are incomplete.",
}


def render(result: Result, run: Run) -> str:
    """The page of one reading. Equal inputs give equal bytes."""
    # Importing QuantStats takes seconds, and pages that are reused from an earlier run do not need it.
    from reports.rendering.quantstats_sheet import quantstats_sheet

    trades = round_trips.round_trips(result.fills)
    return _template().render(
        result=result,
        run=run,
        key=inputs_key(result, run),
        evidence=evidence_address(result.name),
        side_by_side=side_by_side_address(result.name),
        rf=mean_risk_free(run),
        metrics=compute_metrics(result, run),
        sheet=None if _is_idle(result) else quantstats_sheet(result, run),
        chart_names=CHARTS,
        captions=CAPTIONS,
        most_warnings=MOST_WARNINGS,
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


def _is_idle(result: Result) -> bool:
    """Whether there is nothing to measure; QuantStats fails on constant returns."""
    return result.fills.empty or result.returns.nunique() < 2


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
    return template("tearsheet.html", usd=lambda value: f"{value:,.0f}".replace("-", "\u2212"))
