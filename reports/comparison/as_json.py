"""The differences between runs as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from reports.comparison.diff import ABSENT, Change, Comparison, Divergence, ReadingDifference
from reports.comparison.prose import direction
from reports.folders import atomic

SCHEMA = 1
SECTIONS = ("command", "settings", "code", "versions", "source", "results")


def comparisons_as_json(found: Sequence[Comparison]) -> str:
    """JSON of every comparison with the base; a side that has no value has no key."""
    document = {
        "schema": SCHEMA,
        "kind": "comparison",
        "equal": all(each.equal for each in found),
        "base": found[0].base.folder,
        "comparisons": [_comparison(each) for each in found],
    }
    return atomic.to_json(document).decode()


def _comparison(found: Comparison) -> dict[str, object]:
    return {
        "other": found.other.folder,
        "equal": found.equal,
        "altered": {"base": list(found.base.altered), "other": list(found.other.altered)},
        **{section: _named(getattr(found, section)) for section in SECTIONS},
        "prices": [{"symbol": change.name, **_sides(change)} for change in found.prices],
        "readings_only_in": {"base": found.only_base, "other": found.only_other},
        "benchmark": _curve(found.benchmark),
        "readings": {each.name: _reading(each, found.same_window) for each in found.readings},
    }


def _reading(found: ReadingDifference, same_window: bool) -> dict[str, object]:
    return {
        "facts": _named(found.facts),
        "metrics": _judged(found.metrics, same_window),
        "horizons": _judged(found.horizons, same_window),
        "evidence": _named(found.verdict),
        "details": _named(found.details),
        "warnings": {"gone": found.gone, "new": found.new},
        "decisions": _rows(found.decisions),
        "fills": _rows(found.fills),
        "curve": _curve(found.curve),
    }


def _named(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [{"name": change.name, **_sides(change)} for change in changes]


def _judged(changes: Sequence[Change], same_window: bool) -> list[dict[str, object]]:
    return [
        {**named, "by": change.by, "direction": direction(change, same_window)}
        for change, named in zip(changes, _named(changes), strict=True)
    ]


def _rows(changes: Iterable[Change]) -> list[dict[str, object]]:
    return [{"session": change.path[1][0], "symbol": change.path[1][1], **_sides(change)} for change in changes]


def _sides(change: Change) -> dict[str, object]:
    """Both sides, rows of tables as objects."""
    sides = {"base": change.base, "other": change.other}
    return {
        side: value._asdict() if hasattr(value, "_asdict") else value
        for side, value in sides.items()
        if value is not ABSENT
    }


def _curve(found: Divergence | None) -> dict[str, object] | None:
    return None if found is None else asdict(found)
