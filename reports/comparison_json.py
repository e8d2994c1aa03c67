"""The differences between runs as JSON, for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date

from reports.comparison import ABSENT, Change, Comparison, Parting, PriceChange, ReadingDifference, RowChange
from reports.comparison_words import direction
from reports.folder import as_json

SCHEMA = 1


def text(found: Sequence[Comparison]) -> str:
    """JSON of every comparison with the base; a side that has no value has no key."""
    return as_json(
        {
            "schema": SCHEMA,
            "kind": "comparison",
            "equal": all(each.equal for each in found),
            "base": found[0].base.folder,
            "comparisons": [_comparison(each) for each in found],
        }
    ).decode()


def _comparison(found: Comparison) -> dict[str, object]:
    return {
        "other": found.other.folder,
        "equal": found.equal,
        "altered": {"base": list(found.base.altered), "other": list(found.other.altered)},
        "command": _changes([found.command]),
        "settings": _changes(found.settings),
        "code": _changes([found.code]),
        "versions": _changes(found.versions),
        "source": _changes([found.origin]),
        "prices": [_sides(change) for change in found.prices],
        "results": _changes(found.results),
        "readings_only_in": {"base": list(found.only_base), "other": list(found.only_other)},
        "benchmark": _curve(found.benchmark),
        "readings": {each.name: _reading(each) for each in found.readings},
    }


def _reading(found: ReadingDifference) -> dict[str, object]:
    return {
        "facts": _changes(found.facts),
        "metrics": _changes(found.metrics, judged=True),
        "horizons": _changes(found.horizons, judged=True),
        "evidence": _changes(found.evidence),
        "details": _changes(found.details),
        "warnings": {"gone": list(found.gone), "new": list(found.new)},
        "decisions": [_sides(change) for change in found.decisions],
        "fills": [_sides(change) for change in found.fills],
        "curve": _curve(found.curve),
    }


def _changes(changes: Iterable[Change | None], judged: bool = False) -> list[dict[str, object]]:
    return [_change(change, judged) for change in changes if change is not None]


def _change(change: Change, judged: bool) -> dict[str, object]:
    sides = {side: value for side in ("base", "other") if (value := getattr(change, side)) is not ABSENT}
    return {"name": change.name, **sides} | ({"by": change.by, "direction": direction(change)} if judged else {})


def _sides(change: PriceChange | RowChange) -> dict[str, object]:
    """Both sides with all that they have, dates as texts."""
    return {name: _plain(value) for name, value in asdict(change).items() if value is not None}


def _curve(parting: Parting | None) -> object:
    return None if parting is None else _plain(asdict(parting))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return value.isoformat() if isinstance(value, date) else value
