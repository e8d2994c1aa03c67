"""What worked, when and how surely: d of every reading at every horizon, with the p of the test held there."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from reports.pages import evidence_prose
from reports.records.evidence import END, Evidence
from reports.records.result import HORIZONS, Result, Run
from reports.statistics.placebo import SIZE, OneSidedPower, PlaceboRank
from reports.statistics.verdict import HORIZON


@dataclass(frozen=True)
class HorizonCell:
    """d at a horizon; p and family-wise p of the side on which it lies, None where no test was held there.

    `d` is None where the horizon was not reached, -inf after ruin. `declared` says that the verdict rests on the test,
    `certain` that its family-wise p is small enough.
    """

    d: float | None
    p: float | None = None
    p_family: float | None = None
    declared: bool = False

    @property
    def certain(self) -> bool:
        return self.p_family is not None and self.p_family < SIZE


@dataclass(frozen=True)
class OverviewRow:
    """A line of the overview: a reading, the number of its curve, its verdict and a cell a horizon.

    `one_sided` says, where it is so, why the timing test can refute the reading and cannot support it.
    """

    name: str
    line: int
    word: str | None
    one_sided: str
    cells: tuple[HorizonCell, ...]


def reached_horizons(run: Run) -> tuple[int, ...]:
    """The horizons that any reading reaches, in sessions."""
    return tuple(n for n in HORIZONS if any(n in result.horizons for result in run.results))


def overview_rows(run: Run) -> list[OverviewRow]:
    """A line a reading; its cells are those of `reached`, and last the end of the hold."""
    evidence_report = {} if run.evidence_report is None else run.evidence_report.readings
    return [
        _outcome(result, line, evidence_report.get(result.name), reached_horizons(run))
        for line, result in enumerate(run.results, 1)
    ]


def positive_counts(outcomes: list[OverviewRow]) -> list[tuple[int, int]]:
    """By column, how many readings have a d above zero, and how many have one at all."""
    columns = zip(*(outcome.cells for outcome in outcomes), strict=True)
    known = [[cell.d for cell in column if cell.d is not None] for column in columns]
    return [(sum(d > 0 for d in column), len(column)) for column in known]


def one_sided_reason(evidence: Evidence | None) -> str:
    """Why no launch could support a reading; empty where one could, or where its names could."""
    if evidence is None or evidence.names is not None or not isinstance(evidence.power, OneSidedPower):
        return ""
    return evidence.power.reason


def _outcome(result: Result, line: int, evidence: Evidence | None, horizons: tuple[int, ...]) -> OverviewRow:
    timing = {} if evidence is None else evidence.timing
    names = None if evidence is None or evidence.names is None else evidence.names[END]
    cells = [
        _cell(known.d if (known := result.horizons.get(n)) else None, timing.get(str(n)), n == HORIZON)
        for n in horizons
    ]
    word = None if evidence is None else evidence_prose.short_verdict(evidence.verdict)
    return OverviewRow(
        result.name, line, word, one_sided_reason(evidence), (*cells, _cell(result.d, names, declared=True))
    )


def _cell(d: float | None, rank: PlaceboRank | None, declared: bool) -> HorizonCell:
    if d is None or not isfinite(d) or rank is None or rank.p is None:
        return HorizonCell(d)
    return HorizonCell(d, *evidence_prose.p_value_sentence(rank), declared)
