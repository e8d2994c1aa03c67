"""The differences between runs as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from reports.comparison.diff import ABSENT, Change, Comparison, Divergence, ReadingDifference
from reports.comparison.prose import direction
from reports.folders import atomic

SCHEMA = 1
SECTIONS = ("command", "settings", "code", "versions", "source", "results")


def comparisons_as_json(comparisons: Sequence[Comparison]) -> str:
    """All comparisons with the base as JSON; a side without a value has no key."""
    document = {
        "schema": SCHEMA,
        "kind": "comparison",
        "equal": all(each.equal for each in comparisons),
        "base": comparisons[0].base.folder,
        "comparisons": [_comparison(each) for each in comparisons],
    }
    return atomic.to_json(document).decode()


def _comparison(comparison: Comparison) -> dict[str, object]:
    return {
        "other": comparison.other.folder,
        "equal": comparison.equal,
        "altered": {"base": list(comparison.base.altered), "other": list(comparison.other.altered)},
        **{section: _named(getattr(comparison, section)) for section in SECTIONS},
        "prices": [{"symbol": change.name, **_sides(change)} for change in comparison.prices],
        "readings_only_in": {"base": comparison.only_base, "other": comparison.only_other},
        "benchmark": _curve(comparison.benchmark),
        "readings": {each.name: _reading(each, comparison.same_window) for each in comparison.readings},
    }


def _reading(reading: ReadingDifference, same_window: bool) -> dict[str, object]:
    return {
        "facts": _named(reading.facts),
        "metrics": _directed(reading.metrics, same_window),
        "horizons": _directed(reading.horizons, same_window),
        "evidence": _named(reading.verdict),
        "details": _named(reading.details),
        "warnings": {"gone": reading.gone, "new": reading.new},
        "decisions": _rows(reading.decisions),
        "fills": _rows(reading.fills),
        "curve": _curve(reading.curve),
    }


def _named(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [{"name": change.name, **_sides(change)} for change in changes]


def _directed(changes: Sequence[Change], same_window: bool) -> list[dict[str, object]]:
    return [
        {**named, "by": change.by, "direction": direction(change, same_window)}
        for change, named in zip(changes, _named(changes), strict=True)
    ]


def _rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [{"session": change.path[1][0], "symbol": change.path[1][1], **_sides(change)} for change in changes]


def _sides(change: Change) -> dict[str, object]:
    """Both sides by name; rows of tables as objects."""
    sides = {"base": change.base, "other": change.other}
    return {
        side: value._asdict() if hasattr(value, "_asdict") else value
        for side, value in sides.items()
        if value is not ABSENT
    }


def _curve(divergence: Divergence | None) -> dict[str, object] | None:
    return None if divergence is None else asdict(divergence)
