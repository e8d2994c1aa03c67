"""Rows of the overview: excess return of each reading at each horizon, with the p-value of the test there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from reports.pages import evidence_prose
from reports.records.evidence import Evidence
from reports.records.result import HORIZONS, Result, Run
from reports.statistics.placebo import SIZE, OneSidedPower, PlaceboRank
from reports.statistics.verdict import HORIZON


@dataclass(frozen=True)
class HorizonCell:
    """Log excess return at a horizon, with p and adjusted p on its side of zero (None without a test).

    `d` is None if the horizon was not reached, -inf after ruin. `declared` marks the tests on which the verdict rests,
    `certain` an adjusted p below SIZE. `side` precedes a p that is not on the side of d, in words.
    """

    d: float | None
    p: float | None = None
    p_family: float | None = None
    declared: bool = False
    side: str = ""

    @property
    def certain(self) -> bool:
        return self.p_family is not None and self.p_family < SIZE


@dataclass(frozen=True)
class OverviewRow:
    """A row of the overview: a reading, the number of its curve, its verdict and one cell per horizon.

    `one_sided` gives the reason if the timing test can refute the reading but not support it.
    """

    name: str
    line: int
    verdict: str | None
    one_sided: str
    cells: tuple[HorizonCell, ...]


def reached_horizons(run: Run) -> tuple[int, ...]:
    """Horizons, in trading days, that at least one reading reaches."""
    return tuple(n for n in HORIZONS if any(n in result.horizons for result in run.results))


def overview_rows(run: Run) -> list[OverviewRow]:
    """One row per reading, with a cell for each horizon reached and a last one for the end of the holding period."""
    evidence_by_name = {} if run.evidence_report is None else run.evidence_report.readings
    return [
        _row(result, line, evidence_by_name.get(result.name), reached_horizons(run))
        for line, result in enumerate(run.results, 1)
    ]


def positive_counts(rows: list[OverviewRow]) -> list[tuple[int, int]]:
    """Number of readings with a positive excess, and with any, by column."""
    columns = zip(*(row.cells for row in rows), strict=True)
    defined = [[cell.d for cell in column if cell.d is not None] for column in columns]
    return [(sum(d > 0 for d in column), len(column)) for column in defined]


def one_sided_reason(evidence: Evidence | None) -> str:
    """Why the tests cannot support a reading; empty if the timing or the stock-selection test can."""
    if evidence is None or evidence.selection is not None or not isinstance(evidence.power, OneSidedPower):
        return ""
    return evidence.power.reason


def _row(result: Result, line: int, evidence: Evidence | None, horizons: tuple[int, ...]) -> OverviewRow:
    timing = {} if evidence is None else evidence.timing
    selection = None if evidence is None else evidence.selection
    horizon = None if evidence is None or evidence.long_run else HORIZON
    cells = [
        _cell(result.horizons[n].d if n in result.horizons else None, timing.get(str(n)), declared=n == horizon)
        for n in horizons
    ]
    end = _cell(result.d, selection, declared=True)
    if selection is not None and end.p is not None:
        end = replace(end, side="better, " if (selection.effect or 0.0) > 0 else "worse, ")
    verdict = None if evidence is None else evidence_prose.short_verdict(evidence.verdict)
    return OverviewRow(result.name, line, verdict, one_sided_reason(evidence), (*cells, end))


def _cell(d: float | None, rank: PlaceboRank | None, declared: bool) -> HorizonCell:
    if d is None or not isfinite(d) or rank is None or rank.p is None:
        return HorizonCell(d)
    return HorizonCell(d, *evidence_prose.tail_p_values(rank), declared)
