"""The page that compares the readings of a run: what worked first, then curves, cards, tables and maps.

Tables are plain HTML and read well without scripts; charts are drawn in the browser by uPlot, which lies once beside
the pages of a run, from data that stand inside the page. Nothing else is loaded, and nothing from a network.
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
from reports.pages import evidence_prose
from reports.pages.overview import OverviewRow, overview_rows, positive_counts, reached_horizons
from reports.pages.ranges import zoom_ranges
from reports.records.evidence import END
from reports.records.result import HORIZONS, Horizon, Result, Run
from reports.rendering.numbers import (
    UNDEFINED,
    bounds,
    log_ratio,
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
from reports.statistics.verdict import HORIZON

COLOURS, DASHES = 6, 3  # of lines, in index.css; the benchmark is drawn in ink
MOST_WARNINGS = 10  # on a card; the others are counted
BESIDE = "60"  # sessions, beside the horizon of the verdict
DIGITS = 5  # of the curves: a hundredth of a thousandth is less than a pixel


@dataclass(frozen=True)
class FigureColumn:
    """A column of the table of figures: its heading, what it means, and how a value is written.

    `judged` says whether below zero is worse, which a negative beta is not; such values are coloured. `linked` cells
    lead to the evidence.
    """

    heading: str
    meaning: str
    write: Callable[[float | None], str]
    judged: bool = True
    linked: bool = False


@dataclass(frozen=True)
class FigureRow:
    """A line of a table. `line` is the number of its curve, 0 for the benchmark.

    `page` and `evidence` are addresses of pages of its own, None where there is none.
    """

    name: str
    line: int
    page: str | None
    evidence: str | None
    values: tuple[float | None, ...]


def render(run: Run) -> str:
    """The page of a run. Equal inputs give equal bytes."""
    outcomes = overview_rows(run)
    return _template().render(
        run=run,
        sections=index_sections(run),
        outcomes=outcomes,
        one_sided={outcome.name for outcome in outcomes if outcome.one_sided},
        above=positive_counts(outcomes),
        framed=any(at.certain for outcome in outcomes for at in outcome.cells),
        reached=reached_horizons(run),
        tests_names=run.evidence_report is not None
        and any(own.names is not None for own in run.evidence_report.readings.values()),
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
            _card(result, line, run, outcome)
            for line, (result, outcome) in enumerate(zip(run.results, outcomes, strict=True), 1)
        ],
        evidence_report=run.evidence_report,
        judgements=adjusted_rows(run),
        words=evidence_prose,
        horizon=HORIZON,
        size=SIZE,
        log=log_ratio,
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
    """Ids and short headings of the sections, in their order."""
    return [(key, heading) for key, heading in SECTIONS.items() if key != "chance" or run.evidence_report is not None]


def index_charts(run: Run) -> dict[str, object]:
    """What the charts draw: sessions (ISO dates), growth of one unit by line (benchmark first), marks, holdings."""
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
    """The card of a reading: the number of its curve, its verdict, where it and the benchmark end, a small curve."""

    result: Result
    line: int
    word: str | None
    one_sided: str
    ends: float
    benchmark_ends: float
    spark: Sparkline


def _card(result: Result, line: int, run: Run, outcome: OverviewRow) -> ReadingCard:
    wealth, benchmark = (result.equity / result.equity.iloc[0]).to_numpy(), _wealth(run.benchmark)
    return ReadingCard(
        result,
        line,
        outcome.word,
        outcome.one_sided,
        float(wealth[-1]),
        float(benchmark[-1]),
        sparkline(wealth, benchmark),
    )


def _verdict(value: float | None) -> str:
    """That number as one word."""
    return (
        UNDEFINED
        if value is None
        else next(evidence_prose.SHORT[word] for word, rank in evidence_prose.RANKING.items() if rank == value)
    )


COLUMNS = (
    FigureColumn("Net return", "After all costs and interest, over the whole window", percent),
    FigureColumn("Excess", "Net return less the benchmark's, in percentage points", percent),
    FigureColumn("d", "Log of wealth less log of the comparator's wealth", log_ratio),
    FigureColumn("Criterion met", "Whether the reading's own criterion of refutation came true", yes_no, judged=False),
    FigureColumn("CAGR", "Compound annual growth", percent),
    FigureColumn("Volatility", "Standard deviation of daily returns, a year", share),
    FigureColumn("Sharpe", "Mean excess return over its standard deviation, a year", ratio),
    FigureColumn("Sortino", "Mean excess return over downside deviation, a year", ratio),
    FigureColumn("Worst drawdown", "Deepest fall from an earlier peak", percent, judged=False),
    FigureColumn("Calmar", "CAGR over worst drawdown", ratio),
    FigureColumn("Beta", "To the benchmark, from daily excess returns", ratio, judged=False),
    FigureColumn("Alpha", "What beta does not explain, a year", percent),
    FigureColumn("In market", "Sessions with a position", share),
    FigureColumn("Turnover", "Value traded a year over mean equity", ratio),
    FigureColumn("Costs, USD", "Commission and half-spread", usd),
)
VERDICT = FigureColumn(
    "Verdict", "Whether it beat chance, in two tests declared beforehand", _verdict, judged=False, linked=True
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


def figure_columns(run: Run) -> tuple[FigureColumn, ...]:
    """The columns of the table of figures; a judged run has the verdict beside what happened."""
    if run.evidence_report is None:
        return COLUMNS
    place = next(place for place, column in enumerate(COLUMNS) if column.heading == "Criterion met")
    return (*COLUMNS[:place], VERDICT, *COLUMNS[place:])


@dataclass(frozen=True)
class AdjustedRow:
    """A line of the family-wise table: a reading, its curve's number, its evidence and where that is told.

    `tests` are the timing test at the horizon of the verdict, beside it at 60 sessions, and the test of names (None
    where it is not held), each with a heading.
    """

    name: str
    line: int
    page: str
    word: str | None
    tests: tuple[PlaceboRank | None, PlaceboRank | None, PlaceboRank | None]


def adjusted_rows(run: Run) -> list[AdjustedRow]:
    """The family-wise table; empty where no evidence was asked for."""
    found = {} if run.evidence_report is None else run.evidence_report.readings
    return [
        AdjustedRow(
            result.name,
            line,
            evidence_address(result.name),
            evidence_prose.short_verdict(own.verdict),
            (own.headline, own.timing.get(BESIDE), None if own.names is None else own.names[END]),
        )
        for line, result in enumerate(run.results, 1)
        if (own := found.get(result.name)) is not None
    ]


def _row(result: Result, line: int, run: Run) -> FigureRow:
    known = compute_metrics(result, run)
    figures = {
        "Net return": known.total_return,
        "Excess": known.total_return - _total(run.benchmark),
        "d": result.d,
        "Criterion met": result.refuted,
        VERDICT.heading: _ranking(result.name, run),
        "CAGR": known.cagr,
        "Volatility": known.volatility,
        "Sharpe": known.sharpe,
        "Sortino": known.sortino,
        "Worst drawdown": known.max_drawdown,
        "Calmar": known.calmar,
        "Beta": known.beta,
        "Alpha": known.alpha_annual,
        "In market": known.time_in_market,
        "Turnover": known.turnover,
        "Costs, USD": known.costs,
    }
    values = tuple(figures[column.heading] for column in figure_columns(run))
    return FigureRow(
        result.name,
        line,
        page_address(result.name),
        evidence_address(result.name) if run.evidence_report else None,
        values,
    )


def _ranking(name: str, run: Run) -> float | None:
    """The verdict as a number that sorts: 1 supported, 0 chance, -1 refuted."""
    own = None if run.evidence_report is None else run.evidence_report.readings.get(name)
    return None if own is None or own.verdict.word is None else evidence_prose.RANKING[own.verdict.word]


def _benchmark_row(run: Run) -> FigureRow:
    """The benchmark, measured like a reading that holds it; what only a reading has is undefined."""
    wealth = pd.Series(_wealth(run.benchmark), run.results[0].equity.index)
    held = replace(
        run.results[0], equity=wealth, gross=pd.Series(1.0, wealth.index), fills=run.results[0].fills.iloc[:0]
    )
    undefined = {"Excess", "d", "Criterion met", VERDICT.heading, "Turnover", "Costs, USD"}
    values = zip(figure_columns(run), _row(held, 0, run).values, strict=True)
    shown = tuple(None if column.heading in undefined else value for column, value in values)
    return FigureRow(run.benchmark_name, 0, None, None, shown)


def _horizon_row(result: Result, line: int) -> tuple[str, int, list[Horizon | None]]:
    return result.name, line, [result.horizons.get(sessions) for sessions in HORIZONS]


def _benchmark_horizons(run: Run) -> list[float | None]:
    return [_total(run.benchmark.iloc[:sessions]) if sessions <= len(run.benchmark) else None for sessions in HORIZONS]


def _cost_row(result: Result, line: int) -> FigureRow:
    commission, spread = (float(result.fills[name].sum()) for name in ("commission", "spread_cost"))
    paid = (commission, spread, result.interest["borrow"], result.interest["debit"])
    received = result.interest["cash"]
    values = (len(result.fills), *paid, received, received - sum(paid))
    return FigureRow(result.name, line, page_address(result.name), None, values)


def _wealth(returns: pd.Series[float]) -> np.ndarray:
    """One unit before the first session, and after each."""
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
        log_ratio=log_ratio,
        usd=usd,
        ratio=ratio,
        share=share,
        points=points,
        yes_no=yes_no,
        strength=strength,
        finite=isfinite,
        page=page_address,
        evidence_page=evidence_address,
        ranked=lambda word: next(
            (str(rank) for long, rank in evidence_prose.RANKING.items() if evidence_prose.SHORT[long] == word), ""
        ),
        probability=probability,
        bounds=bounds,
        sort_key=sort_key,
        colour=lambda line: "ink" if line == 0 else f"line-{(line - 1) % COLOURS}",
        dash=lambda line: 0 if line == 0 else (line - 1) // COLOURS % DASHES,
    )
