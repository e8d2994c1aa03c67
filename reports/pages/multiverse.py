"""Pages of a multiverse: one for all readings, and one per reading with its specification curve.

Curves and dashboards are SVG that stretches with the page and needs no scripts; a script only describes the
specification under the pointer. The pages load nothing from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil, expm1, floor, isfinite, log1p, log10

import jinja2
import numpy as np

from reports.figures.multiverse import specification_rank, summary_by_choice, variance_by_dimension
from reports.pages import evidence_prose
from reports.records.multiverse import (
    Dimension,
    Multiverse,
    MultiverseRun,
    RollingMedians,
)
from reports.rendering.numbers import UNDEFINED, excess_percent, percent, probability, share
from reports.rendering.template import embedded_json, page_address, template
from reports.statistics.availability import Missing
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.specification_curve import CurveSummary, JointPlacebo, curve_summary

MOST_POINTS = 480  # specifications drawn on the page of a reading; of more, every k-th by rank
MOST_SMALL_POINTS = 240  # the same in the small curves on the page of all readings
DIGITS = 5  # of the embedded d
HEIGHT, WIDTH = 100.0, 1000.0  # of drawings, before they are stretched
TICKS = 5  # on an axis, at most

ONE_OBSERVATION = (
    "A multiverse is not a thousand tests: all specifications of a reading cover the same months, so together they are "
    "one observation."
)
NOT_EVIDENCE = (
    f"{ONE_OBSERVATION} If nearly all of them are positive, that is no more evidence than if one of them is. A curve "
    "shows how much a result depends on choices that could have been made differently. Whether the curve itself is "
    "unusual is tested by comparing it with the same curve at past entry dates."
)
TRIALS = (
    "On real prices every specification is a trial, and is counted in the trial ledger: each is one more chance that "
    "the best of them looks good by luck alone."
)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: position as a fraction of its length from the top or the left, and label."""

    at: float
    text: str


@dataclass(frozen=True)
class ChoiceRow:
    """A row of the dashboard: a choice, its CSS class, and an SVG path with a tick at each specification with it."""

    label: str
    kind: str
    path: str


@dataclass(frozen=True)
class SpecificationCurve:
    """A sorted curve in units of its drawing, `width` x HEIGHT: an SVG path of dots per kind, y of zero and the median.

    `drawn` are the indexes of the specifications drawn, from the lowest d to the highest; each represents
    `per_point` of them. `declared` is the relative rank of the declared specification in (0, 1), None without a d.
    """

    width: int
    dots: tuple[tuple[str, str], ...]
    ticks: tuple[Tick, ...]
    zero: float
    median: float | None
    declared: float | None
    drawn: np.ndarray
    per_point: float
    board: tuple[tuple[Dimension, tuple[ChoiceRow, ...]], ...]


@dataclass(frozen=True)
class MedianStrip:
    """Medians over time in units of WIDTH x HEIGHT: past entries, the real entry, and a line of all dates (or "")."""

    dots: str
    real: str
    line: str
    ticks: tuple[Tick, ...]
    years: tuple[Tick, ...]
    zero: float


@dataclass(frozen=True)
class MultiverseRow:
    """A row of the table of readings. `declared` is d of the declared specification, NaN without one."""

    name: str
    page: str
    multiverse: Multiverse
    tested: CurveSummary
    joint: JointPlacebo
    described: tuple[tuple[str, CurveSummary], ...]
    declared: float
    drivers: str


def render(survey: MultiverseRun) -> str:
    """The page of all readings. Equal inputs give equal bytes."""
    return _template("multiverse.html").render(
        **_shared(survey),
        rows=[multiverse_row(survey, multiverse) for multiverse in survey.multiverses],
        curves=[(multiverse, specification_curve(multiverse, MOST_SMALL_POINTS)) for multiverse in survey.multiverses],
        summary=direction_counts(survey),
    )


def render_reading_multiverse(survey: MultiverseRun, multiverse: Multiverse) -> str:
    """The page of one reading."""
    curve = specification_curve(multiverse, MOST_POINTS)
    declared = declared_specification(multiverse)
    return _template("multiverse-reading.html").render(
        **_shared(survey),
        multiverse=multiverse,
        row=multiverse_row(survey, multiverse),
        curve=curve,
        strip=median_strip(multiverse),
        entries=entry_summaries(multiverse),
        choices=summary_by_choice(multiverse),
        shares={dimension.name: dimension.share for dimension in variance_by_dimension(multiverse)},
        rank=None if declared is None else specification_rank(multiverse, declared),
        data=embedded_json(multiverse_data(multiverse, curve)),
    )


def multiverse_row(survey: MultiverseRun, multiverse: Multiverse) -> MultiverseRow:
    """The row of one reading in the table of readings."""
    declared = declared_specification(multiverse)
    return MultiverseRow(
        multiverse.name,
        page_address(multiverse.name),
        multiverse,
        curve_summary(multiverse.d[multiverse.tested]),
        survey.joint[multiverse.name],
        tuple(
            (choice.label, summary)
            for dimension, summaries in summary_by_choice(multiverse)
            if dimension.name == "horizon"
            for choice, summary in summaries
            if not choice.tested
        ),
        float("nan") if declared is None else float(multiverse.d[declared]),
        leading_choices(multiverse, 2),
    )


def declared_specification(multiverse: Multiverse) -> int | None:
    """Index of the declared specification; None if it has no d."""
    indexes = np.flatnonzero(multiverse.declared & np.isfinite(multiverse.d))
    return int(indexes[0]) if len(indexes) else None


def leading_choices(multiverse: Multiverse, most: int = 1) -> str:
    """The choices that explain most of the variance, with their shares; a dash if nothing varies."""
    shares = [dimension for dimension in variance_by_dimension(multiverse) if isfinite(dimension.share)]
    shares.sort(key=lambda dimension: -dimension.share)
    return ", ".join(f"{dimension.name} {dimension.share:.0%}" for dimension in shares[:most]) or UNDEFINED


def multiverse_sentences(row: MultiverseRow) -> str:
    """The result of one reading in a sentence."""
    if not row.tested.n:
        return "No specification reaches its horizon: the prices end too early."
    return (
        f"The median excess of the {row.tested.n:,} specifications that are tested after 20 and 60 trading days is "
        f"{excess_percent(row.tested.median)}, and {share(row.tested.same_sign)} of them have the same sign."
    )


def joint_sentence(rank: PlaceboRank, figure: str) -> str:
    """Result of the joint placebo test for a figure of the curve: its median, or its share of one sign."""
    if rank.p is None or rank.p_family is None:
        return evidence_prose.not_available(rank.reason)
    count = round(rank.p * (rank.n + 1)) - 1
    return (
        f"Of {rank.n} past entries with the same specifications, in separate windows, {count} had a {figure} "
        f"at least as high: p = {probability(rank.p)} (at least as low: {probability(rank.p_lower)}). Adjusted for all "
        f"readings, p = {probability(rank.p_family)}."
    )


def direction_counts(survey: MultiverseRun) -> str:
    """Number of readings with a positive and with a negative median, and those with a small adjusted p."""
    medians = [curve_summary(multiverse.d[multiverse.tested]).median for multiverse in survey.multiverses]
    above, below = sum(value > 0 for value in medians), sum(value < 0 for value in medians)
    significant = [name for name, joint in survey.joint.items() if (joint.median.p_family or 1.0) < SIZE]
    names = f" Adjusted p below {SIZE:.1%}: {evidence_prose.listed_names(significant)}." if significant else ""
    return f"The median excess is positive for {above} and negative for {below} of {len(medians)} readings.{names}"


def specification_curve(multiverse: Multiverse, most: int) -> SpecificationCurve:
    """The curve of all specifications with a d, drawn with at most `most` points."""
    finite = np.flatnonzero(np.isfinite(multiverse.d))
    order = finite[np.argsort(multiverse.d[finite], kind="stable")]
    count = min(len(order), most)
    drawn = order[np.unique(np.linspace(0, len(order) - 1, count).round().astype(int))] if count else order
    values = multiverse.d[drawn]
    ticks, low, high = excess_axis([*values.tolist(), 0.0])

    def height(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 2)

    declared = declared_specification(multiverse)
    median = curve_summary(multiverse.d[multiverse.tested]).median
    return SpecificationCurve(
        max(len(drawn), 1),
        tuple(
            (kind, "".join(f"M{x}.5 {height(d)}h0" for x, d in enumerate(values.tolist()) if mask[x]))
            for kind, mask in specification_kinds(multiverse, drawn).items()
        ),
        tuple(Tick(height(value) / HEIGHT, text) for value, text in ticks),
        height(0.0),
        height(median) if isfinite(median) else None,
        None if declared is None else (float(np.sum(multiverse.d[order] < multiverse.d[declared])) + 0.5) / len(order),
        drawn,
        len(order) / max(len(drawn), 1),
        choice_board(multiverse, drawn),
    )


def specification_kinds(multiverse: Multiverse, drawn: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of the specifications drawn: tested, only described, and with hindsight."""
    honest, tested = multiverse.honest[drawn], multiverse.tested[drawn]
    return {"described": honest & ~tested, "hindsight": ~honest, "tested": tested}


def choice_board(multiverse: Multiverse, drawn: np.ndarray) -> tuple[tuple[Dimension, tuple[ChoiceRow, ...]], ...]:
    """The dashboard below a curve: for each choice, a tick below every specification that has it."""
    board = []
    for index, dimension in enumerate(multiverse.dimensions):
        codes = multiverse.codes[drawn, index]
        rows = tuple(
            ChoiceRow(
                choice.label,
                "early" if choice.hindsight else "declared" if choice.declared else "",
                "".join(f"M{x}.5 0v1" for x in np.flatnonzero(codes == code).tolist()),
            )
            for code, choice in enumerate(dimension.choices)
        )
        board.append((dimension, rows))
    return tuple(board)


def median_strip(multiverse: Multiverse) -> MedianStrip | None:
    """Median d of each entry date over time; None without past entries."""
    medians = np.median(multiverse.d_by_entry, axis=1) if multiverse.d_by_entry.size else np.zeros(0)
    finite = np.isfinite(medians)
    if finite.sum() < 2 or not finite[0]:
        return None
    days, medians = _ordinals(multiverse.sessions)[finite], medians[finite]
    rolling_days, rolling_medians = _rolling_medians(multiverse.rolling)
    ticks, low, high = excess_axis([*medians.tolist(), *rolling_medians[np.isfinite(rolling_medians)].tolist(), 0.0])
    all_days = np.concatenate((_ordinals(multiverse.sessions), rolling_days))
    first, last = all_days.min(), all_days.max()

    def point(day: float, value: float) -> str:
        x, y = WIDTH * (day - first) / (last - first), HEIGHT * (high - value) / (high - low)
        return f"{x:.1f} {y:.2f}"

    points = [point(day, value) for day, value in zip(days, medians, strict=True)]
    line = [point(day, value) for day, value in zip(rolling_days, rolling_medians, strict=True) if isfinite(value)]
    return MedianStrip(
        "".join(f"M{xy}h0" for xy in points[1:]),
        f"M{points[0]}h0",
        f"M{'L'.join(line)}" if line else "",
        tuple(Tick((high - value) / (high - low), text) for value, text in ticks),
        year_ticks(first, last),
        HEIGHT * high / (high - low),
    )


def _rolling_medians(rolling: RollingMedians | Missing) -> tuple[np.ndarray, np.ndarray]:
    """Ordinal days and medians of all entry dates; empty if they were not computed."""
    if isinstance(rolling, Missing):
        return np.zeros(0), np.zeros(0)
    return _ordinals(rolling.sessions), rolling.medians


def entry_summaries(multiverse: Multiverse) -> list[tuple[str, CurveSummary]]:
    """Date and summary of each entry, the real one first."""
    return [
        (session, curve_summary(values))
        for session, values in zip(multiverse.sessions, multiverse.d_by_entry, strict=True)
    ]


def multiverse_data(multiverse: Multiverse, curve: SpecificationCurve) -> dict[str, object]:
    """Data of the script: d and choices of the specifications drawn."""
    return {
        "labels": [[dimension.name, *dimension.labels] for dimension in multiverse.dimensions],
        "d": [round(value, DIGITS) for value in multiverse.d[curve.drawn].tolist()],
        "codes": [column.tolist() for column in multiverse.codes[curve.drawn].T],
    }


def excess_axis(d: Sequence[float]) -> tuple[list[tuple[float, str]], float, float]:
    """Ticks and ends of an axis of log excess returns that holds all `d` with a margin.

    Ticks, at most TICKS + 1, are pairs of a position (log scale) and a round percentage, exp(position) - 1.
    """
    low, high = min(d), max(d)
    margin = 0.04 * (high - low) or 0.01
    low, high = low - margin, high + margin
    lowest, highest = expm1(low), expm1(high)
    rough_step = (highest - lowest) / TICKS
    magnitude = 10.0 ** floor(log10(rough_step))
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough_step)
    digits = max(0, -floor(log10(100 * step)))
    marks = [multiple * step for multiple in range(ceil(lowest / step), floor(highest / step) + 1)]
    return [(log1p(mark), percent(mark, digits) if mark else "0%") for mark in marks if mark > -1], low, high


def year_ticks(first: float, last: float) -> tuple[Tick, ...]:
    """The beginning of each year between two ordinal days."""
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
        "result_sentence": multiverse_sentences,
        "test_sentence": joint_sentence,
        "power_note": evidence_prose.few_placebos_sentence(survey.placebos).strip() if survey.real else "",
        "not_evidence": NOT_EVIDENCE,
        "trials": TRIALS,
        "page": page_address,
    }


@cache
def _template(name: str) -> jinja2.Template:
    filters: dict[str, Callable[..., object]] = {
        "excess": excess_percent,
        "share": share,
        "probability": probability,
        "css_percent": lambda fraction: f"{100 * fraction:.2f}%",
    }
    return template(name, **filters)
