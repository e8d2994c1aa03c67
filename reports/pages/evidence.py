"""Evidence page of one reading: whether it beat chance, the tests behind the verdict, and further description.

Tables are plain HTML and readable without scripts. Charts are drawn in the browser by uPlot, which is a file in the
same folder. Missing figures are replaced by the reason, as in results.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import ceil, floor, isfinite, log10

import jinja2
import numpy as np

from reports.pages import evidence_prose
from reports.pages.base_rate_summary import reading_section
from reports.records.evidence import END, Evidence, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Result, Run
from reports.rendering.numbers import bounds, excess_percent, percent, probability, ratio, share
from reports.rendering.template import embedded_json, page_address, template, vendored_file
from reports.statistics.availability import NOISE, Missing
from reports.statistics.bootstrap import LEVEL
from reports.statistics.event_study import WINDOWS
from reports.statistics.placebo import LEAST_PLACEBOS, SIZE, PlaceboRank
from reports.statistics.shock import AbnormalReturn, ShockStudy
from reports.statistics.verdict import BOUND, HORIZON

BINS = 60  # of a histogram, roughly
NARROWEST = 1e-4  # width of the bin if all values are equal
DIGITS = 4  # of d in the charts: finer than a pixel
PROBABILISTIC = (
    "is the probability that the true ratio is above zero, if the reading was chosen in advance (probabilistic Sharpe)."
)
TRIALS = "variants tried, in this run and earlier, according to the trial ledger"
EXPECTED_BEST = "a year is what the best of so many worthless variants would show."
DEFLATED = "is the probability that the true ratio is above what luck alone shows (deflated Sharpe)."
LEAST_BOUNDED = ceil(2 / (1 - LEVEL)) - 1  # with fewer placebos, none lies outside the interval


def render(evidence: Evidence, result: Result, run: Run) -> str:
    """The page of one reading of a run with evidence. Equal inputs give equal bytes."""
    charts = evidence_charts(evidence)
    return _template().render(
        evidence=evidence,
        result=result,
        run=run,
        evidence_report=run.evidence_report,
        sheet=page_address(result.name),
        windows=[str(window) for window in WINDOWS],
        models=abnormal_tables(evidence.shock),
        charts=charts,
        every_date=has_other_entries(evidence.launches),
        data=embedded_json(charts),
        horizon=HORIZON,
        size=SIZE,
        bound=BOUND,
        least_placebos=LEAST_PLACEBOS,
        least_bounded=LEAST_BOUNDED,
        prose=evidence_prose,
        base_rate=reading_section(result.name, run),
        power=power_curve(evidence),
        sharpe=sharpe_facts(evidence.sharpe),
        partial_reasons=partial_reasons,
        formats={"percent": percent, "ratio": ratio, "excess": excess_percent},
        uplot_style=vendored_file("uPlot.min.css"),
    )


def evidence_charts(evidence: Evidence) -> dict[str, object]:
    """Data of each chart that has any, by id."""
    charts = {
        "timing": timing_histograms(evidence),
        "stocks": selection_histogram(evidence),
        "p": p_curves(evidence),
        "power": power_curve(evidence),
        "paths": abnormal_paths(evidence.shock),
    }
    return {name: chart for name, chart in charts.items() if chart}


def timing_histograms(evidence: Evidence) -> dict[str, object]:
    """Histogram of d over past entries, by horizon."""
    if isinstance(evidence.launches, Missing):
        return {}
    histograms = {key: _entry_histogram(evidence.launches, key, rank) for key, rank in evidence.timing.items()}
    return {key: histogram for key, histogram in histograms.items() if histogram}


def has_other_entries(entries: PastEntries | Missing) -> bool:
    """Whether there are past entries besides those of the tests."""
    if isinstance(entries, Missing):
        return False
    return len(entries.sessions) > len(set().union(*entries.aligned.values())) + 1


def selection_histogram(evidence: Evidence) -> dict[str, object]:
    """Histogram of the statistic over baskets of other stocks."""
    return {} if evidence.selection is None else histogram_bins(evidence.drawn, (), evidence.selection.effect)


def histogram_bins(
    values: Iterable[float | None], marked: Iterable[float | None], real: float | None, bins: int = BINS
) -> dict[str, object]:
    """Counts in bins of a round width, with an edge at zero; empty if no value is finite.

    Keys: `start` (lower edge of the first bin), `width`, `counts`, `marked` values and the `real` one (rounded), the
    number `n` of finite values and the number `missing` of others (horizon not reached, or ruin).
    """
    every = list(values)
    finite = np.array([value for value in every if value is not None and isfinite(value)])
    if not len(finite):
        return {}
    spread = finite if real is None else np.append(finite, real)
    width = round_width(float(np.ptp(spread)) / bins)
    first, last = floor(spread.min() / width), floor(spread.max() / width)
    # Not np.histogram: its edges, products of the width, can miss a value on the outermost edge.
    counts = np.bincount(np.floor(finite / width).astype(int) - first, minlength=last - first + 1)
    return {
        "start": round(first * width, 6),
        "width": width,
        "counts": counts.tolist(),
        "marked": sorted(round(value, DIGITS) for value in marked if value is not None and isfinite(value)),
        "real": None if real is None else round(real, 6),  # its label shows a rounded figure of its own
        "n": len(finite),
        "missing": len(every) - len(finite),
    }


def round_width(width: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is at least `width`."""
    if width <= NOISE:
        return NARROWEST
    power = floor(log10(width))
    steps = [float(f"{step}e{power}") for step in (1, 2, 5, 10)]
    return next((step for step in steps if step >= width), steps[-1])


def p_curves(evidence: Evidence) -> dict[str, object]:
    """p and adjusted p of the timing test by horizon, on the side of the effect; empty if there is none."""
    curves = {
        f"timing{suffix}": [_rounded_p(evidence.timing.get(key), adjusted=bool(suffix)) for key in map(str, HORIZONS)]
        for suffix in ("", "-adjusted")
    }
    lines = {name: values for name, values in curves.items() if any(value is not None for value in values)}
    return {"ticks": [*map(str, HORIZONS)], "lines": lines, "size": SIZE} if lines else {}


def power_curve(evidence: Evidence) -> dict[str, object]:
    """Share of cases in which an injected effect is found, by effect, downward ones first."""
    sides = [(-1, evidence.power_down), (1, evidence.power)]
    points = sorted(
        (sign * effect, found)
        for sign, power in sides
        if not isinstance(power, Missing)
        for effect, found in zip(power.effects, power.shares, strict=True)
    )
    return (
        {"effects": [effect for effect, _ in points], "shares": _rounded([found for _, found in points])}
        if points
        else {}
    )


def abnormal_paths(shock: ShockStudy | Missing) -> list[dict[str, object]]:
    """Cumulative abnormal return of each leg, with its band; legs without any are left out."""
    if isinstance(shock, Missing):
        return []
    return [
        {
            "leg": path.leg,
            "days": list(path.days),
            "car": _rounded(path.car),
            "low": _rounded(path.low),
            "high": _rounded(path.high),
        }
        for path in shock.paths
        if any(value is not None for value in path.car)
    ]


def abnormal_tables(shock: ShockStudy | Missing) -> dict[str, list[tuple[str, list[AbnormalReturn]]]]:
    """By model, the rows of abnormal returns in two groups: legs and stocks."""
    if isinstance(shock, Missing):
        return {}
    tables: dict[str, list[tuple[str, list[AbnormalReturn]]]] = {}
    for heading, rows in (("Legs", shock.legs), ("Stocks", shock.names)):
        for model in dict.fromkeys(row.model for row in rows):
            tables.setdefault(model, []).append((heading, [row for row in rows if row.model == model]))
    return tables


def partial_reasons(groups: Sequence[tuple[str, Sequence[AbnormalReturn]]]) -> list[str]:
    """Reasons of rows that are missing in part; a row that is missing entirely shows its own reason."""
    partial = (row for _, rows in groups for row in rows if any(value is not None for value in row.car.values()))
    return list(dict.fromkeys(row.reason for row in partial if row.reason))


def sharpe_facts(sharpe: SharpeEvidence) -> list[tuple[str, float | Missing, Callable[[float], str], str]]:
    """Facts about the Sharpe ratio: label, value, function that formats the value, and meaning."""
    deleted = f"; {sharpe.forgotten:,} more were deleted from it" if sharpe.forgotten else ""
    years = f"of prices are needed to tell this ratio from zero at 95%; there are {sharpe.years:.1f}."
    return [
        ("Sharpe ratio", sharpe.annual, ratio, f"a year, over {sharpe.years:.1f} years."),
        ("Above zero", sharpe.probabilistic, probability, PROBABILISTIC),
        ("Trials", float(sharpe.trials), "{:,.0f}".format, f"{TRIALS}{deleted}."),
        ("Best by luck", sharpe.expected_best, ratio, EXPECTED_BEST),
        ("Above that", sharpe.deflated, probability, DEFLATED),
        ("Years needed", sharpe.years_needed, "{:,.1f}".format, years),
    ]


def horizon_heading(key: str) -> str:
    """Name of a horizon."""
    return "the full holding period" if key == END else f"{key} trading days"


FORMATS = {"percent": percent, "ratio": ratio, "excess": excess_percent, "share": share, "probability": probability}


def _entry_histogram(entries: PastEntries, key: str, rank: PlaceboRank) -> dict[str, object]:
    d = entries.d.get(key, ())
    return histogram_bins(d, (d[index] for index in entries.aligned.get(key, ())), rank.effect)


def _rounded_p(rank: PlaceboRank | None, adjusted: bool) -> float | None:
    p = None if rank is None else evidence_prose.tail_p_values(rank)[adjusted]
    return None if p is None else round(p, 5)


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None or not isfinite(value) else round(value, DIGITS) for value in values]


@cache
def _template() -> jinja2.Template:
    return template(
        "evidence.html",
        **FORMATS,
        three_digits=lambda value: f"{value:.3f}",
        bounds=bounds,
        heading=horizon_heading,
        missing=lambda value: isinstance(value, Missing),
    )
