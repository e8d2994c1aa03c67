"""Page that compares the readings of a run: an overview, then curves, cards and tables.

Tables are plain HTML and readable without scripts. Charts are drawn in the browser by uPlot, which is a file in the
same folder, from data inside the page. Nothing else is loaded, and nothing from a network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from math import isfinite

import jinja2
import numpy as np
import pandas as pd

from reports.figures.correlation import correlations
from reports.figures.exposure import exposure_chart, mean_exposure
from reports.figures.metrics import compute_metrics, mean_risk_free
from reports.figures.months import monthly_returns
from reports.pages import base_rate_summary, base_rates_prose, evidence_prose
from reports.pages.base_rate_summary import base_rate_summaries
from reports.pages.overview import OverviewRow, overview_rows, positive_counts, reached_horizons
from reports.pages.ranges import zoom_ranges
from reports.records.result import HORIZONS, Horizon, Result, Run
from reports.rendering.numbers import (
    UNDEFINED,
    bounds,
    excess_percent,
    percent,
    points,
    probability,
    ratio,
    share,
    sort_key,
    strength,
    usd,
    yes_no,
)
from reports.rendering.sparkline import HEIGHT, WIDTH, Sparkline, sparkline
from reports.rendering.template import embedded_json, evidence_address, page_address, template, vendored_file
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.verdict import BOUND, HORIZON
from reports.statistics.year_timing import YearTiming

COLOURS, DASHES = 6, 3  # of curves, in index.css; the benchmark has the colour of the text
MOST_WARNINGS = 10  # on a card; the others are counted
DIGITS = 5  # of the embedded curves: finer than a pixel


@dataclass(frozen=True)
class FigureColumn:
    """A column of the table of figures: heading, tooltip, and the function that formats its values.

    `loss` colours negative values, unless they are no worse (as a negative beta). `linked` cells lead to the evidence.
    """

    heading: str
    meaning: str
    write: Callable[[float | None], str]
    loss: bool = True
    linked: bool = False


@dataclass(frozen=True)
class FigureRow:
    """A row of a table. `line` is the number of its curve, 0 for the benchmark.

    `page` and `evidence` are the addresses of its tearsheet and its evidence, None where there is none.
    """

    name: str
    line: int
    page: str | None
    evidence: str | None
    values: tuple[float | None, ...]


def render(run: Run) -> str:
    """The page of a run. Equal inputs give equal bytes."""
    overview = overview_rows(run)
    return _template().render(
        run=run,
        sections=index_sections(run),
        overview=overview,
        one_sided={row.name for row in overview if row.one_sided},
        positive=positive_counts(overview),
        framed=any(cell.certain for row in overview for cell in row.cells),
        reached=reached_horizons(run),
        tests_selection=run.evidence_report is not None
        and any(one.selection is not None for one in run.evidence_report.readings.values()),
        correlations=correlations(run),
        months=monthly_returns(run),
        totals=[*(result.equity.iloc[-1] / result.equity.iloc[0] - 1 for result in run.results), _total(run.benchmark)],
        exposures=[(result, mean_exposure(result)) for result in run.results],
        ranges=zoom_ranges(run),
        sessions=len(run.results[0].equity),
        spark_size=(WIDTH, HEIGHT),
        columns=figure_columns(run),
        rows=(*(_row(result, line, run) for line, result in enumerate(run.results, 1)), _benchmark_row(run)),
        horizons=HORIZONS,
        horizon_rows=[_horizon_row(result, line) for line, result in enumerate(run.results, 1)],
        benchmark_horizons=_benchmark_horizons(run),
        cost_columns=COST_COLUMNS,
        cost_rows=[_cost_row(result, line) for line, result in enumerate(run.results, 1)],
        cards=[
            _card(result, line, run, row)
            for line, (result, row) in enumerate(zip(run.results, overview, strict=True), 1)
        ],
        evidence_report=run.evidence_report,
        base_rates=base_rate_summaries(run),
        base_rates_page=base_rate_summary.PAGE,
        base_rates_prose=base_rates_prose,
        adjusted=adjusted_rows(run),
        prose=evidence_prose,
        horizon=HORIZON,
        bound=BOUND,
        size=SIZE,
        excess=excess_percent,
        most_warnings=MOST_WARNINGS,
        lines=(run.benchmark_name, *(result.name for result in run.results)),
        rate=mean_risk_free(run),
        first=run.results[0].equity.index[0],
        last=run.results[0].equity.index[-1],
        data=embedded_json(index_charts(run)),
        uplot_style=vendored_file("uPlot.min.css"),
    )


SECTIONS = {
    "overview": "Overview",
    "curves": "Curves",
    "readings": "Readings",
    "figures": "Figures",
    "chance": "Chance",
    "horizons": "Horizons",
    "correlation": "Correlation",
    "months": "Months",
    "holdings": "Holdings",
    "costs": "Costs",
    "settings": "How it was run",
    "terms": "Terms",
}


def index_sections(run: Run) -> list[tuple[str, str]]:
    """Id and short heading of each section, in order."""
    return [(key, heading) for key, heading in SECTIONS.items() if key != "chance" or run.evidence_report is not None]


def index_charts(run: Run) -> dict[str, object]:
    """Data of the charts: sessions (ISO dates), growth of 1 by line (benchmark first), marks, ranges and holdings."""
    readings = [(result.name, (result.equity / result.equity.iloc[0]).to_numpy()) for result in run.results]
    return {
        "sessions": [f"{session:%Y-%m-%d}" for session in run.results[0].equity.index],
        "lines": [
            {"name": name, "values": [_rounded(value) for value in wealth]}
            for name, wealth in ((run.benchmark_name, _wealth(run.benchmark)), *readings)
        ],
        "marks": [{"date": f"{date:%Y-%m-%d}", "label": label, "kind": kind} for date, label, kind in run.marks],
        "ranges": zoom_ranges(run),
        "holdings": [exposure_chart(result) for result in run.results],
    }


@dataclass(frozen=True)
class ReadingCard:
    """The card of a reading: number of its curve, verdict, final growth of 1 of it and the benchmark, a small curve."""

    result: Result
    line: int
    verdict: str | None
    one_sided: str
    growth: float
    benchmark_growth: float
    spark: Sparkline


def _card(result: Result, line: int, run: Run, row: OverviewRow) -> ReadingCard:
    wealth, benchmark = (result.equity / result.equity.iloc[0]).to_numpy(), _wealth(run.benchmark)
    return ReadingCard(
        result,
        line,
        row.verdict,
        row.one_sided,
        float(wealth[-1]),
        float(benchmark[-1]),
        sparkline(wealth, benchmark),
    )


def _verdict(value: float | None) -> str:
    """The short verdict for its sort key."""
    return UNDEFINED if value is None else SHORT_BY_RANK[value]


SHORT_BY_RANK = {rank: evidence_prose.SHORT[word] for word, rank in evidence_prose.RANKING.items()}
REFUTED = FigureColumn("Refuted", "Whether the reading is refuted by its own criterion", yes_no, loss=False)
COLUMNS = (
    FigureColumn("Net return", "After all costs and interest, over the whole window", percent),
    FigureColumn("Vs benchmark", "Net return minus the benchmark's, in percentage points", percent),
    FigureColumn("Excess", "Wealth relative to the reading's own comparator", excess_percent),
    REFUTED,
    FigureColumn("CAGR", "Compound annual growth rate", percent),
    FigureColumn("Volatility", "Standard deviation of daily returns, annualised", share),
    FigureColumn("Sharpe", "Mean return above the risk-free rate over its standard deviation, annualised", ratio),
    FigureColumn("Sortino", "Mean return above the risk-free rate over downside deviation, annualised", ratio),
    FigureColumn("Max. drawdown", "Deepest fall from an earlier peak", percent, loss=False),
    FigureColumn("Calmar", "CAGR over maximum drawdown", ratio),
    FigureColumn("Beta", "To the benchmark, from daily returns above the risk-free rate", ratio, loss=False),
    FigureColumn("Alpha", "Return a year that beta does not explain", percent),
    FigureColumn("In market", "Share of trading days with a position", share),
    FigureColumn("Turnover", "Value traded a year over mean equity", ratio),
    FigureColumn("Costs, USD", "Commission and half-spread", usd),
)
VERDICT = FigureColumn(
    "Verdict", "Whether it beat chance, by tests fixed in code before the run", _verdict, loss=False, linked=True
)
READING_ONLY = {"Vs benchmark", "Excess", "Refuted", "Verdict", "Turnover", "Costs, USD"}  # undefined for the benchmark
COST_COLUMNS = (
    "Fills",
    "Commission paid",
    "Half-spread paid",
    "Borrow fee paid",
    "Interest on credit paid",
    "Interest received",
    "Received less paid",
)


def figure_columns(run: Run) -> tuple[FigureColumn, ...]:
    """Columns of the table of figures; a run with evidence has the verdict too."""
    if run.evidence_report is None:
        return COLUMNS
    index = COLUMNS.index(REFUTED)
    return (*COLUMNS[:index], VERDICT, *COLUMNS[index:])


@dataclass(frozen=True)
class AdjustedRow:
    """A row of the table of adjusted p-values: a reading, the number of its curve, its evidence page and its verdict.

    `timing` is the timing test over a month, `year` over the year; `selection` is the test of stock selection, None for
    a reading that selects none.
    """

    name: str
    line: int
    page: str
    verdict: str | None
    timing: PlaceboRank
    selection: PlaceboRank | None
    year: YearTiming


def adjusted_rows(run: Run) -> list[AdjustedRow]:
    """Rows of the table of adjusted p-values; empty without evidence."""
    evidence_by_name = {} if run.evidence_report is None else run.evidence_report.readings
    return [
        AdjustedRow(
            result.name,
            line,
            evidence_address(result.name),
            evidence_prose.short_verdict(evidence.verdict),
            evidence.headline,
            evidence.selection,
            evidence.year,
        )
        for line, result in enumerate(run.results, 1)
        if (evidence := evidence_by_name.get(result.name)) is not None
    ]


def _row(result: Result, line: int, run: Run) -> FigureRow:
    metrics = compute_metrics(result, run)
    figures = {
        "Net return": metrics.total_return,
        "Vs benchmark": metrics.total_return - _total(run.benchmark),
        "Excess": result.d,
        "Refuted": result.refuted,
        "Verdict": _verdict_rank(result.name, run),
        "CAGR": metrics.cagr,
        "Volatility": metrics.volatility,
        "Sharpe": metrics.sharpe,
        "Sortino": metrics.sortino,
        "Max. drawdown": metrics.max_drawdown,
        "Calmar": metrics.calmar,
        "Beta": metrics.beta,
        "Alpha": metrics.alpha_annual,
        "In market": metrics.time_in_market,
        "Turnover": metrics.turnover,
        "Costs, USD": metrics.costs,
    }
    values = tuple(figures[column.heading] for column in figure_columns(run))
    return FigureRow(
        result.name,
        line,
        page_address(result.name),
        evidence_address(result.name) if run.evidence_report else None,
        values,
    )


def _verdict_rank(name: str, run: Run) -> float | None:
    """Sort key of the verdict: 1 supported, 0 chance, -1 refuted."""
    evidence = None if run.evidence_report is None else run.evidence_report.readings.get(name)
    return None if evidence is None or evidence.verdict.word is None else evidence_prose.RANKING[evidence.verdict.word]


def _benchmark_row(run: Run) -> FigureRow:
    """The benchmark, measured like a reading that holds nothing else."""
    wealth = pd.Series(_wealth(run.benchmark), run.results[0].equity.index)
    buy_and_hold = replace(
        run.results[0], equity=wealth, gross=pd.Series(1.0, wealth.index), fills=run.results[0].fills.iloc[:0]
    )
    cells = zip(figure_columns(run), _row(buy_and_hold, 0, run).values, strict=True)
    values = tuple(None if column.heading in READING_ONLY else value for column, value in cells)
    return FigureRow(run.benchmark_name, 0, None, None, values)


def _horizon_row(result: Result, line: int) -> tuple[str, int, list[Horizon | None]]:
    return result.name, line, [result.horizons.get(days) for days in HORIZONS]


def _benchmark_horizons(run: Run) -> list[float | None]:
    return [_total(run.benchmark.iloc[:days]) if days <= len(run.benchmark) else None for days in HORIZONS]


def _cost_row(result: Result, line: int) -> FigureRow:
    commission, spread = (float(result.fills[name].sum()) for name in ("commission", "spread_cost"))
    paid = (commission, spread, result.interest["borrow"], result.interest["debit"])
    received = result.interest["cash"]
    values = (len(result.fills), *paid, received, received - sum(paid))
    return FigureRow(result.name, line, page_address(result.name), None, values)


def _wealth(returns: pd.Series[float]) -> np.ndarray:
    """Growth of 1: before the first session and after each, shape (n_sessions + 1,)."""
    return np.concatenate(([1.0], np.cumprod(1 + returns.to_numpy())))


def _total(returns: pd.Series[float]) -> float:
    return float(_wealth(returns)[-1] - 1)


def _rounded(value: float) -> float | None:
    return round(float(value), DIGITS) if isfinite(value) else None


@cache
def _template() -> jinja2.Template:
    return template(
        "index.html",
        percent=percent,
        excess=excess_percent,
        usd=usd,
        ratio=ratio,
        share=share,
        points=points,
        yes_no=yes_no,
        strength=strength,
        finite=isfinite,
        page=page_address,
        evidence_page=evidence_address,
        verdict_rank=lambda verdict: next((rank for rank, word in SHORT_BY_RANK.items() if word == verdict), ""),
        probability=probability,
        bounds=bounds,
        sort_key=sort_key,
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
    )
