"""The pages of a multiverse: one that lays the readings side by side, and a page a reading with its curve.

Curves and dashboards are SVG that stretches with the page and is complete without scripts; a script only reads out the
spec under the pointer. Nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, floor, isfinite, log10

import jinja2
import numpy as np

from reports.figures.multiverse import specification_rank, summary_by_choice, variance_by_dimension
from reports.pages import evidence_prose
from reports.records.multiverse import Dimension, Multiverse, MultiverseRun
from reports.rendering.numbers import UNDEFINED, log_ratio, probability, share
from reports.rendering.template import embedded_json, page_address, template
from reports.statistics.availability import Missing
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.specification_curve import CurveSummary, JointPlacebo, curve_summary

DRAWN = 480  # specs of a curve; of more, as many at equal distances in rank
SMALL = 240  # of the curves on the page of all readings
DIGITS = 5  # of d that a script reads out
HEIGHT, WIDTH = 100.0, 1000.0  # of drawings, before they are stretched
TICKS = 5  # on an axis, at most

ONE = (
    "A multiverse is not a thousand tests: all specs of a reading lived through the same months, so that together they "
    "are one observation."
)
NOT = (
    f"{ONE} That nearly all of them are positive is no more evidence than that one of them is. What a curve shows is "
    "how much of a result hangs on choices that could have been made otherwise. Whether the curve itself is unusual is "
    "asked of other launches of the same curve."
)
FREE = (
    "None of these specs was chosen for its result, and none is added to the ledger of trials. Whoever picks one of "
    "them has tried them all: a sweep counts them."
)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, as a fraction of its length from the top or the left, and what it says."""

    at: float
    text: str


@dataclass(frozen=True)
class ChoiceRow:
    """A line of the dashboard: a choice, its marks, and where among the specs it was made."""

    label: str
    marks: str
    path: str


@dataclass(frozen=True)
class SpecificationCurve:
    """A sorted curve in the units of its drawing, `width` x HEIGHT: dots of each kind as paths, zero and the median.

    `places` are the specs that are drawn, from the lowest d to the highest; `each` says how many stand for one.
    `declared` lies between 0 and 1, None where that spec has no d.
    """

    width: int
    dots: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]
    zero: float
    median: float | None
    declared: float | None
    places: np.ndarray
    each: float
    board: tuple[tuple[Dimension, tuple[ChoiceRow, ...]], ...]


@dataclass(frozen=True)
class MedianStrip:
    """Medians of the launches over time, in WIDTH x HEIGHT: dots, the real one, the line of all dates ("" without)."""

    dots: str
    real: str
    line: str
    ticks: tuple[Tick, ...]
    years: tuple[Tick, ...]
    zero: float


@dataclass(frozen=True)
class MultiverseRow:
    """A reading in the table of all of them."""

    name: str
    page: str
    multiverse: Multiverse
    tested: CurveSummary
    joint: JointPlacebo
    described: tuple[tuple[str, CurveSummary], ...]
    declared: float
    matters: str


def render(survey: MultiverseRun) -> str:
    """The page of all readings. Equal inputs give equal bytes."""
    return _template("multiverse.html").render(
        **_shared(survey),
        lines=[multiverse_row(survey, multiverse) for multiverse in survey.multiverses],
        curves=[(multiverse, specification_curve(multiverse, SMALL)) for multiverse in survey.multiverses],
        spread=direction_counts,
    )


def render_reading_multiverse(survey: MultiverseRun, multiverse: Multiverse) -> str:
    """The page of one reading."""
    drawn = specification_curve(multiverse, DRAWN)
    return _template("multiverse-reading.html").render(
        **_shared(survey),
        multiverse=multiverse,
        line=multiverse_row(survey, multiverse),
        curve=drawn,
        strip=median_strip(multiverse),
        launches=entry_summaries(multiverse),
        choices=summary_by_choice(multiverse),
        shares={part.name: part.share for part in variance_by_dimension(multiverse)},
        rank=None if (place := declared_specification(multiverse)) is None else specification_rank(multiverse, place),
        everywhere=None if isinstance(multiverse.rolling, Missing) else multiverse.rolling,
        data=embedded_json(multiverse_data(multiverse, drawn)),
    )


def multiverse_row(survey: MultiverseRun, multiverse: Multiverse) -> MultiverseRow:
    """What the table of all readings says of one."""
    place = declared_specification(multiverse)
    return MultiverseRow(
        multiverse.name,
        page_address(multiverse.name),
        multiverse,
        curve_summary(multiverse.d[multiverse.tested]),
        survey.joint[multiverse.name],
        tuple(
            (choice.label, found)
            for dimension, rows in summary_by_choice(multiverse)
            if dimension.name == "horizon"
            for choice, found in rows
            if not choice.tested
        ),
        float("nan") if place is None else float(multiverse.d[place]),
        leading_choices(multiverse, 2),
    )


def declared_specification(multiverse: Multiverse) -> int | None:
    """The place of the declared spec; None where it has no d."""
    places = np.flatnonzero(multiverse.declared & np.isfinite(multiverse.d))
    return int(places[0]) if len(places) else None


def leading_choices(multiverse: Multiverse, most: int = 1) -> str:
    """The choices that explain most, with their shares; a dash where nothing varies."""
    known = sorted(
        (part for part in variance_by_dimension(multiverse) if isfinite(part.share)), key=lambda part: -part.share
    )
    return ", ".join(f"{part.name} {part.share:.0%}" for part in known[:most]) or UNDEFINED


def multiverse_sentences(line: MultiverseRow) -> str:
    """The result of one reading in sentences."""
    if not line.tested.n:
        return "No spec reaches its horizon: the prices end before."
    return (
        f"Under the {line.tested.n:,} specs that are judged after 20 and 60 sessions the median d is "
        f"{log_ratio(line.tested.median)}, and {share(line.tested.same_sign)} of them have its sign."
    )


def joint_sentence(rank: PlaceboRank, what: str) -> str:
    """What the joint placebo found of the median, or of the share."""
    if rank.p is None or rank.p_family is None:
        return evidence_prose.not_available(rank.reason)
    count = round(rank.p * (rank.n + 1)) - 1
    return (
        f"Of {rank.n} other launches of the same curve, whose windows do not overlap, {count} had a {what} at least as "
        f"high: p = {probability(rank.p)} (of the opposite, at least as low: {probability(rank.p_lower)}). With all "
        f"readings counted, the family-wise p is {probability(rank.p_family)}."
    )


def direction_counts(survey: MultiverseRun) -> str:
    """How many readings point which way."""
    found = [curve_summary(multiverse.d[multiverse.tested]).median for multiverse in survey.multiverses]
    above, below = sum(value > 0 for value in found), sum(value < 0 for value in found)
    low = [name for name, one in survey.joint.items() if (one.median.p_family or 1.0) < SIZE]
    verdict = f" Below a family-wise {SIZE:.1%}: {evidence_prose.listed_names(low)}." if low else ""
    return f"The median is above zero for {above} and below it for {below} of {len(found)} readings.{verdict}"


def specification_curve(multiverse: Multiverse, most: int) -> SpecificationCurve:
    """The specs that have a d, sorted by it, as they are drawn."""
    known = np.flatnonzero(np.isfinite(multiverse.d))
    order = known[np.argsort(multiverse.d[known], kind="stable")]
    count = min(len(order), most)
    shown = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))] if count else order
    values = multiverse.d[shown]
    ticks, low, high = axis_ticks([*values.tolist(), 0.0])

    def height(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 2)

    place = declared_specification(multiverse)
    middle = curve_summary(multiverse.d[multiverse.tested]).median
    return SpecificationCurve(
        max(len(shown), 1),
        tuple(
            (kind, "".join(f"M{x}.5 {height(d)}h0" for x, d in enumerate(values.tolist()) if those[x]))
            for kind, those in specification_kinds(multiverse, shown).items()
        ),
        tuple(Tick(height(value) / HEIGHT, text) for value, text in ticks),
        height(0.0),
        height(middle) if isfinite(middle) else None,
        None if place is None else (float(np.sum(multiverse.d[order] < multiverse.d[place])) + 0.5) / len(order),
        shown,
        len(order) / max(len(shown), 1),
        choice_board(multiverse, shown),
    )


def specification_kinds(multiverse: Multiverse, shown: np.ndarray) -> dict[str, np.ndarray]:
    """Which of the specs shown are tested, described only, or known with hindsight."""
    honest, tested = multiverse.honest[shown], multiverse.tested[shown]
    return {"described": honest & ~tested, "hindsight": ~honest, "tested": tested}


def choice_board(multiverse: Multiverse, shown: np.ndarray) -> tuple[tuple[Dimension, tuple[ChoiceRow, ...]], ...]:
    """The dashboard below a curve: a tick wherever a spec has made that choice."""
    found = []
    for place, dimension in enumerate(multiverse.dimensions):
        codes = multiverse.codes[shown, place]
        rows = tuple(
            ChoiceRow(
                choice.label,
                "early" if choice.hindsight else "declared" if choice.declared else "",
                "".join(f"M{x}.5 0v1" for x in np.flatnonzero(codes == code).tolist()),
            )
            for code, choice in enumerate(dimension.choices)
        )
        found.append((dimension, rows))
    return tuple(found)


def median_strip(multiverse: Multiverse) -> MedianStrip | None:
    """The medians of the launches over time; None where there is no launch beside the real one."""
    medians = np.median(multiverse.d_by_entry, axis=1) if multiverse.d_by_entry.size else np.zeros(0)
    days, known = _ordinals(multiverse.sessions), np.isfinite(medians)
    everywhere = multiverse.rolling
    dates = np.zeros(0) if isinstance(everywhere, Missing) else _ordinals(everywhere.sessions)
    heights = np.zeros(0) if isinstance(everywhere, Missing) else everywhere.medians
    if known.sum() < 2 or not known[0]:
        return None
    ticks, low, high = axis_ticks([*medians[known].tolist(), *heights[np.isfinite(heights)].tolist(), 0.0])
    whole = np.concatenate((days, dates))
    first, last = whole.min(), whole.max()

    def at(day: float, value: float) -> str:
        x, y = WIDTH * (day - first) / (last - first), HEIGHT * (high - value) / (high - low)
        return f"{x:.1f} {y:.2f}"

    points = [at(day, value) for day, value in zip(days[known], medians[known], strict=True)]
    along = [at(day, value) for day, value in zip(dates, heights, strict=True) if isfinite(value)]
    return MedianStrip(
        "".join(f"M{point}h0" for point in points[1:]),
        f"M{points[0]}h0",
        f"M{'L'.join(along)}" if along else "",
        tuple(Tick((high - value) / (high - low), text) for value, text in ticks),
        year_ticks(first, last),
        HEIGHT * high / (high - low),
    )


def entry_summaries(multiverse: Multiverse) -> list[tuple[str, CurveSummary]]:
    """The launches, the real one first: date and what their specs say."""
    return [
        (session, curve_summary(values))
        for session, values in zip(multiverse.sessions, multiverse.d_by_entry, strict=True)
    ]


def multiverse_data(multiverse: Multiverse, drawn: SpecificationCurve) -> dict[str, object]:
    """What the script reads out: d of the specs that are drawn, and their choices."""
    return {
        "labels": [[dimension.name, *dimension.labels] for dimension in multiverse.dimensions],
        "d": [round(value, DIGITS) for value in multiverse.d[drawn.places].tolist()],
        "codes": [column.tolist() for column in multiverse.codes[drawn.places].T],
    }


def axis_ticks(values: Sequence[float]) -> tuple[list[tuple[float, str]], float, float]:
    """Marks at round values, at most TICKS + 1, and the ends of an axis that holds all `values` with some room."""
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.01
    low, high = low - room, high + room
    rough = (high - low) / TICKS
    magnitude = 10.0 ** floor(log10(rough))
    step = next(times * magnitude for times in (1, 2, 5, 10) if times * magnitude >= rough)
    digits = max(0, -floor(log10(step)))
    marks = [number * step for number in range(ceil(low / step), floor(high / step) + 1)]
    return [(mark, f"{mark:+.{digits}f}".replace("-", "\u2212") if mark else "0") for mark in marks], low, high


def year_ticks(first: float, last: float) -> tuple[Tick, ...]:
    """Where each year begins between two ordinal days."""
    begin, end = (np.datetime64(int(day), "D").astype("datetime64[Y]") for day in (first, last))
    year_long = np.timedelta64(1, "Y")
    return tuple(
        Tick(float((year.astype("datetime64[D]").astype(int) - first) / (last - first)), str(year))
        for year in np.arange(begin + year_long, end + year_long)
    )


def _ordinals(sessions: Sequence[str]) -> np.ndarray:
    return np.array(sessions, dtype="datetime64[D]").astype(np.int64).astype(float)


def _shared(survey: MultiverseRun) -> dict[str, object]:
    return {
        "survey": survey,
        "told": multiverse_sentences,
        "tested": joint_sentence,
        "few": evidence_prose.few_placebos_sentence(survey.placebos).strip() if survey.real else "",
        "not_evidence": NOT,
        "free": FREE,
        "page": page_address,
    }


@cache
def _template(name: str) -> jinja2.Template:
    filters: dict[str, Callable[..., object]] = {
        "log": log_ratio,
        "share": share,
        "probability": probability,
        "percent": lambda fraction: f"{100 * fraction:.2f}%",
    }
    return template(name, **filters)
