"""The page that compares the readings of a run: figures, curves, horizons, costs, and a card a reading.

Tables are plain HTML and read well without scripts; curves are drawn in the browser by uPlot, which stands inside the
page with its data, so that the file opens from anywhere and loads nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from reports.metrics import metrics, risk_free
from reports.result import HORIZONS, Horizon, Result, Run
from reports.template import template

ROOM = Path(__file__).parent
UPLOT = ROOM / "static" / "uplot"
UNDEFINED = "\u2013"
MINUS = "\u2212"
COLOURS, DASHES = 6, 3  # of lines, in index.css; the benchmark is drawn in ink
MOST_WARNINGS = 10  # on a card; the others are counted
DIGITS = 5  # of the curves: a hundredth of a thousandth is less than a pixel

# What may not stand inside a script element, or ends a line of JavaScript.
ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Column:
    """A column of the table of figures: its heading, what it means, and how a value is written.

    `judged` says whether below zero is worse, which a negative beta is not; such values are coloured.
    """

    heading: str
    meaning: str
    write: Callable[[float | None], str]
    judged: bool = True


@dataclass(frozen=True)
class Row:
    """A line of a table. `line` is the number of its curve, 0 for the benchmark; `page` is None where there is none."""

    name: str
    line: int
    page: str | None
    values: tuple[float | None, ...]


def render(run: Run) -> str:
    """The page of a run. Equal inputs give equal bytes."""
    return _template().render(
        run=run,
        columns=COLUMNS,
        rows=(*(_row(result, line, run) for line, result in enumerate(run.results, 1)), _benchmark_row(run)),
        horizons=HORIZONS,
        horizon_rows=[_horizon_row(result, line) for line, result in enumerate(run.results, 1)],
        benchmark_horizons=_benchmark_horizons(run),
        cost_columns=COST_COLUMNS,
        cost_rows=[_cost_row(result, line) for line, result in enumerate(run.results, 1)],
        cards=[(line, page(result.name), result) for line, result in enumerate(run.results, 1)],
        most_warnings=MOST_WARNINGS,
        lines=(run.benchmark_name, *(result.name for result in run.results)),
        rate=risk_free(run),
        first=run.results[0].equity.index[0],
        last=run.results[0].equity.index[-1],
        data=Markup(embedded(curves(run))),  # noqa: S704  (escaped for a script element)
        uplot_script=_vendored("uPlot.iife.min.js"),
        uplot_licence=_vendored("LICENSE"),
        uplot_style=_vendored("uPlot.min.css"),
    )


def page(name: str) -> str:
    """Address of a reading's page beside this one."""
    return f"{quote(name, safe='')}.html"


def curves(run: Run) -> dict[str, object]:
    """What the charts draw: sessions (ISO dates), the wealth of one unit by line, benchmark first, and marks."""
    readings = [(result.name, (result.equity / result.equity.iloc[0]).to_numpy()) for result in run.results]
    return {
        "sessions": [f"{session:%Y-%m-%d}" for session in run.results[0].equity.index],
        "lines": [
            {"name": name, "values": [_rounded(value) for value in wealth]}
            for name, wealth in ((run.benchmark_name, _wealth(run.benchmark)), *readings)
        ],
        "marks": [{"date": f"{date:%Y-%m-%d}", "label": label, "kind": kind} for date, label, kind in run.marks],
    }


def embedded(data: object) -> str:
    """JSON that can stand inside a script element."""
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(ESCAPES)


def percent(value: float | None) -> str:
    """A fraction as a percentage with its sign."""
    return _written(value, lambda known: f"{100 * known:+.1f}%")


def share(value: float | None) -> str:
    """A fraction that is never negative, as a percentage."""
    return _written(value, lambda known: f"{100 * known:.1f}%")


def ratio(value: float | None) -> str:
    """A ratio, two digits."""
    return _written(value, lambda known: f"{known:.2f}")


def log_ratio(value: float | None) -> str:
    """A difference of logs with its sign, three digits."""
    return _written(value, lambda known: f"{known:+.3f}")


def usd(value: float | None) -> str:
    """Whole dollars."""
    return _written(value, lambda known: f"{known:,.0f}")


def yes_no(value: float | None) -> str:
    """Whether something is so."""
    return UNDEFINED if value is None else "yes" if value else "no"


COLUMNS = (
    Column("Net return", "After all costs and interest, over the whole window", percent),
    Column("Excess", "Net return less the benchmark's, in percentage points", percent),
    Column("d", "Log of wealth less log of the comparator's wealth", log_ratio),
    Column("Refuted", "Whether the reading's own criterion of refutation came true", yes_no),
    Column("CAGR", "Compound annual growth", percent),
    Column("Volatility", "Standard deviation of daily returns, a year", share),
    Column("Sharpe", "Mean excess return over its standard deviation, a year", ratio),
    Column("Sortino", "Mean excess return over downside deviation, a year", ratio),
    Column("Worst drawdown", "Deepest fall from an earlier peak", percent, judged=False),
    Column("Calmar", "CAGR over worst drawdown", ratio),
    Column("Beta", "To the benchmark, from daily excess returns", ratio, judged=False),
    Column("Alpha", "What beta does not explain, a year", percent),
    Column("In market", "Sessions with a position", share),
    Column("Turnover", "Value traded a year over mean equity", ratio),
    Column("Costs, USD", "Commission and half-spread", usd),
)
COST_COLUMNS = (
    "Fills",
    "Commission paid",
    "Half-spread paid",
    "Borrow fee paid",
    "Interest on credit paid",
    "Interest received",
    "Received less paid",
)


def _row(result: Result, line: int, run: Run) -> Row:
    known = metrics(result, run)
    values = (
        known.total_return,
        known.total_return - _total(run.benchmark),
        result.d,
        result.occurred,
        known.cagr,
        known.volatility,
        known.sharpe,
        known.sortino,
        known.max_drawdown,
        known.calmar,
        known.beta,
        known.alpha_annual,
        known.time_in_market,
        known.turnover,
        known.costs,
    )
    return Row(result.name, line, page(result.name), values)


def _benchmark_row(run: Run) -> Row:
    """The benchmark, measured like a reading that holds it; what only a reading has is undefined."""
    wealth = pd.Series(_wealth(run.benchmark), run.results[0].equity.index)
    held = replace(
        run.results[0], equity=wealth, gross=pd.Series(1.0, wealth.index), fills=run.results[0].fills.iloc[:0]
    )
    undefined = {"Excess", "d", "Refuted", "Turnover", "Costs, USD"}
    values = zip(COLUMNS, _row(held, 0, run).values, strict=True)
    return Row(
        run.benchmark_name, 0, None, tuple(None if column.heading in undefined else value for column, value in values)
    )


def _horizon_row(result: Result, line: int) -> tuple[str, int, list[Horizon | None]]:
    return result.name, line, [result.horizons.get(sessions) for sessions in HORIZONS]


def _benchmark_horizons(run: Run) -> list[float | None]:
    return [_total(run.benchmark.iloc[:sessions]) if sessions <= len(run.benchmark) else None for sessions in HORIZONS]


def _cost_row(result: Result, line: int) -> Row:
    commission, spread = (float(result.fills[name].sum()) for name in ("commission", "spread_cost"))
    paid = (commission, spread, result.interest["borrow"], result.interest["debit"])
    received = result.interest["cash"]
    return Row(result.name, line, page(result.name), (len(result.fills), *paid, received, received - sum(paid)))


def _wealth(returns: pd.Series[float]) -> np.ndarray:
    """One unit before the first session, and after each."""
    return np.concatenate(([1.0], np.cumprod(1 + returns.to_numpy())))


def _total(returns: pd.Series[float]) -> float:
    return float(_wealth(returns)[-1] - 1)


def _rounded(value: float) -> float | None:
    return round(float(value), DIGITS) if isfinite(value) else None


def _written(value: float | None, write: Callable[[float], str]) -> str:
    """With a real minus sign, and without a sign where rounding leaves nothing."""
    if value is None or not isfinite(value):
        return UNDEFINED
    text = write(value)
    return text.replace("-", MINUS) if any(sign in "123456789" for sign in text) else text.lstrip("+-")


def _sort_key(value: float | None) -> str:
    """What a script sorts by; empty for what is undefined."""
    return f"{value:.9g}" if value is not None and isfinite(value) else ""


@cache
def _vendored(file: str) -> Markup:
    return Markup((UPLOT / file).read_text(encoding="utf-8").strip())  # noqa: S704  (our own file)


@cache
def _template() -> jinja2.Template:
    return template(
        "index.html",
        percent=percent,
        log_ratio=log_ratio,
        usd=usd,
        sort_key=_sort_key,
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
    )
