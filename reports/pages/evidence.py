"""The page that says whether one reading beat chance: the verdict, the tests behind it, and what stands beside them.

Tables are plain HTML and read well without scripts; charts are drawn in the browser by uPlot, which lies beside the
pages of a run. What is not available says why, here as in results.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from math import ceil, floor, isfinite, log10

import jinja2
import numpy as np

from reports.pages import evidence_prose
from reports.records.evidence import END, Evidence, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Result, Run
from reports.rendering.numbers import bounds, log_ratio, percent, probability, ratio, share
from reports.rendering.template import embedded_json, page_address, template, vendored_file
from reports.statistics.availability import NOISE, Missing
from reports.statistics.bootstrap import LEVEL
from reports.statistics.event_study import WINDOWS
from reports.statistics.placebo import LEAST_PLACEBOS, SIZE, PlaceboRank
from reports.statistics.shock import AbnormalReturn, ShockStudy
from reports.statistics.verdict import HORIZON

BINS = 60  # of a histogram, about
NARROWEST = 1e-4  # bin, where all values are the same
DIGITS = 4  # of d in the charts: less than a pixel
KEYS = (*map(str, HORIZONS), END)
PROBABILISTIC = (
    "is the probability that the true ratio is above zero, for a reading picked beforehand (probabilistic Sharpe)."
)
TRIALS = "is the number of variants tried, in this run and earlier, as far as the ledger of trials knows"
DEFLATED = "is the probability that the true ratio is above what luck alone shows (deflated Sharpe)."
LEAST_BOUNDED = ceil(2 / (1 - LEVEL)) - 1  # placebos below which an interval has no placebo outside of it


def render(evidence: Evidence, result: Result, run: Run) -> str:
    """The page of one reading of a run that has a evidence_report. Equal inputs give equal bytes."""
    drawn = evidence_charts(evidence)
    return _template().render(
        evidence=evidence,
        result=result,
        run=run,
        evidence_report=run.evidence_report,
        sheet=page_address(result.name),
        windows=[str(window) for window in WINDOWS],
        models=abnormal_tables(evidence.shock),
        drawn=drawn,
        everywhere=has_other_entries(evidence.launches),
        data=embedded_json(drawn),
        horizon=HORIZON,
        end=END,
        size=SIZE,
        least_placebos=LEAST_PLACEBOS,
        least_bounded=LEAST_BOUNDED,
        words=evidence_prose,
        sharpe=sharpe_facts(evidence.sharpe),
        late=partial_reasons,
        log=log_ratio,
        formats={"percent": percent, "ratio": ratio},
        uplot_style=vendored_file("uPlot.min.css"),
    )


def evidence_charts(evidence: Evidence) -> dict[str, object]:
    """What the charts draw, by the id of each; what is not available has no chart."""
    found = {
        "timing": timing_histograms(evidence),
        "names": selection_histogram(evidence),
        "p": p_curves(evidence),
        "power": power_curve(evidence),
        "paths": abnormal_paths(evidence.shock),
    }
    return {name: drawn for name, drawn in found.items() if drawn}


def timing_histograms(evidence: Evidence) -> dict[str, object]:
    """By horizon: how many launches came out how, which of them do not overlap, and the real one."""
    if isinstance(evidence.launches, Missing):
        return {}
    found = {key: _of_launches(evidence.launches, key, rank) for key, rank in evidence.timing.items()}
    return {key: drawn for key, drawn in found.items() if drawn}


def has_other_entries(launches: PastEntries | Missing) -> bool:
    """Whether there are launches beside those of the tests."""
    if isinstance(launches, Missing):
        return False
    return len(launches.sessions) > len(set().union(*launches.aligned.values())) + 1


def selection_histogram(evidence: Evidence) -> dict[str, object]:
    """The same of the baskets of other names at the end of the hold."""
    if evidence.names is None:
        return {}
    return histogram_bins(evidence.drawn, (), evidence.names[END].effect)


def histogram_bins(
    values: Iterable[float | None], marked: Iterable[float | None], real: float | None, bins: int = BINS
) -> dict[str, object]:
    """Counts in bins of a round width, one of whose edges is zero; empty where no value is finite.

    Holds `start` (lower edge of the first bin), `width`, `counts`, `marked` values and the `real` one, both rounded,
    `n` and how many values are `missing`, which have no number (not reached, or ruin).
    """
    given = list(values)
    known = np.array([value for value in given if value is not None and isfinite(value)])
    if not len(known):
        return {}
    spread = known if real is None else np.append(known, real)
    width = round_width(float(np.ptp(spread)) / bins)
    first, last = floor(spread.min() / width), floor(spread.max() / width)
    # Not np.histogram: its edges, products of the width, can miss a value that lies on the outermost one.
    counts = np.bincount(np.floor(known / width).astype(int) - first, minlength=last - first + 1)
    return {
        "start": round(first * width, 6),
        "width": width,
        "counts": counts.tolist(),
        "marked": sorted(round(value, DIGITS) for value in marked if value is not None and isfinite(value)),
        "real": None if real is None else round(real, DIGITS),
        "n": len(known),
        "missing": len(given) - len(known),
    }


def round_width(width: float) -> float:
    """The next of 1, 2 and 5 times a power of ten."""
    if width <= NOISE:
        return NARROWEST
    power = floor(log10(width))
    steps = [float(f"{step}e{power}") for step in (1, 2, 5, 10)]
    return next((step for step in steps if step >= width), steps[-1])


def p_curves(evidence: Evidence) -> dict[str, object]:
    """p and family-wise p by horizon, on the side on which d lies; empty where no horizon has one."""
    tests = {"timing": evidence.timing, "names": evidence.names or {}}
    lines = {
        f"{test}{kind}": [_p(ranks.get(key), place) for key in KEYS]
        for test, ranks in tests.items()
        for place, kind in enumerate(("", "-family"))
    }
    known = {name: values for name, values in lines.items() if any(value is not None for value in values)}
    return {"ticks": [*map(str, HORIZONS), "end"], "lines": known, "size": SIZE} if known else {}


def power_curve(evidence: Evidence) -> dict[str, object]:
    """The share of launches in which an effect is found, by effect."""
    power = evidence.power
    return {} if isinstance(power, Missing) else {"effects": list(power.effects), "shares": _rounded(power.shares)}


def abnormal_paths(shock: ShockStudy | Missing) -> list[dict[str, object]]:
    """Cumulated abnormal returns by leg with their band; legs without any are left out."""
    if isinstance(shock, Missing):
        return []
    return [
        {
            "leg": each.leg,
            "days": list(each.days),
            "car": _rounded(each.car),
            "low": _rounded(each.low),
            "high": _rounded(each.high),
        }
        for each in shock.paths
        if any(value is not None for value in each.car)
    ]


def abnormal_tables(shock: ShockStudy | Missing) -> dict[str, list[tuple[str, list[AbnormalReturn]]]]:
    """Rows of the tables of abnormal returns: by model, those of the legs and those of the names."""
    if isinstance(shock, Missing):
        return {}
    found: dict[str, list[tuple[str, list[AbnormalReturn]]]] = {}
    for heading, rows in (("Legs", shock.legs), ("Names", shock.names)):
        for name in dict.fromkeys(row.model for row in rows):
            found.setdefault(name, []).append((heading, [row for row in rows if row.model == name]))
    return found


def partial_reasons(groups: Sequence[tuple[str, Sequence[AbnormalReturn]]]) -> list[str]:
    """Reasons of rows of which a part is not available; what is missing whole says so in its row."""
    partly = (row for _, rows in groups for row in rows if any(value is not None for value in row.car.values()))
    return list(dict.fromkeys(row.reason for row in partly if row.reason))


def sharpe_facts(found: SharpeEvidence) -> list[tuple[str, float | Missing, Callable[[float], str], str]]:
    """Lines on the Sharpe ratio: label, value, how it is written, what it means."""
    gone = f"; {found.forgotten:,} more were deleted from it" if found.forgotten else ""
    return [
        ("Sharpe ratio", found.annual, ratio, f"a year, over {found.years:.1f} years."),
        ("Above zero", found.probabilistic, probability, PROBABILISTIC),
        ("Trials", float(found.trials), "{:,.0f}".format, f"{TRIALS}{gone}."),
        (
            "Best of them by luck",
            found.expected_best,
            ratio,
            "a year is what the best of so many worthless ones shows.",
        ),
        ("Above that", found.deflated, probability, DEFLATED),
        (
            "Years needed",
            found.years_needed,
            "{:,.1f}".format,
            f"for it to differ from zero at 95%; here are {found.years:.1f}.",
        ),
    ]


def horizon_heading(key: str) -> str:
    """What a horizon is called."""
    return "the whole hold" if key == END else f"{key} sessions"


WRITERS = {"percent": percent, "ratio": ratio, "log_ratio": log_ratio, "share": share, "probability": probability}


def _of_launches(launches: PastEntries, key: str, rank: PlaceboRank) -> dict[str, object]:
    d = launches.d.get(key, ())
    return histogram_bins(d, (d[place] for place in launches.aligned.get(key, ())), rank.effect)


def _p(rank: PlaceboRank | None, place: int) -> float | None:
    p = None if rank is None else evidence_prose.p_value_sentence(rank)[place]
    return None if p is None else round(p, 5)


def _rounded(values: Iterable[float | None]) -> list[float | None]:
    return [None if value is None or not isfinite(value) else round(value, DIGITS) for value in values]


@cache
def _template() -> jinja2.Template:
    return template(
        "evidence.html",
        **WRITERS,
        ratio3=lambda value: f"{value:.3f}",
        bounds=bounds,
        heading=horizon_heading,
        missing=lambda value: isinstance(value, Missing),
    )
