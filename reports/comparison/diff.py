"""Differences between two runs: settings, code, versions and prices, then results.

Two runs are equal if they have the same settings, prices and results. Differences in code, packages and command are
reported but do not count, because a comparison often checks that new code gives equal results. Tables are compared as
JSON documents, too, keyed by date and symbol, so that one comparison with one tolerance serves all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from math import isfinite
from typing import Any, Final, TypeVar

from reports.comparison.run_reader import DecisionRow, FillRow, SavedRun

Item = TypeVar("Item")


class Absent(Enum):
    """Type of ABSENT, the placeholder for a value that one of the runs does not have (null is a value)."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

# Keys of the manifest that are not settings: reported separately, or not compared (files).
NOT_SETTINGS = ("command", "code", "versions", "prices", "source", "files")
# Keys of a reading in results.json that are reported separately; all others are facts.
NOT_FACTS = ("metrics", "horizons", "evidence", "warnings")


@dataclass(frozen=True)
class Change:
    """A value that differs between the runs; ABSENT if a run does not have it.

    The path starts with the section ("settings", "metrics", ...), followed by keys.
    """

    path: tuple[Any, ...]
    base: Any
    other: Any

    @property
    def name(self) -> str:
        """The path within the section, joined by dots; the section itself if it is a single value."""
        return ".".join(map(str, self.path[1:])) or str(self.path[0])

    @property
    def by(self) -> float | None:
        """The other value minus the base value; None if that is not a finite number."""
        if not (_is_number(self.base) and _is_number(self.other)):
            return None
        change = float(self.other) - float(self.base)
        return change if isfinite(change) else None

    @property
    def one_sided(self) -> bool:
        """Whether only one of the runs has a value."""
        return self.base is ABSENT or self.other is ABSENT


Changes = tuple[Change, ...]


@dataclass(frozen=True)
class Divergence:
    """Divergence of two curves: the first date on which returns differ, including dates that one curve lacks.

    `gap` is the largest difference of growth of 1, other minus base, on the date `on`; both are None if the curves have
    no date in common.
    """

    first: str
    gap: float | None
    on: str | None


@dataclass(frozen=True)
class ReadingDifference:
    """Differences of a reading that both runs have.

    The values in changes of warnings, decisions and fills are texts, DecisionRows and FillRows.
    """

    name: str
    facts: Changes
    metrics: Changes
    horizons: Changes
    evidence: Changes
    warnings: Changes
    decisions: Changes
    fills: Changes
    curve: Divergence | None

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return any(value for name, value in vars(self).items() if name != "name")

    def metric(self, name: str) -> Change | None:
        """The change of a metric; None if it is equal."""
        return next((change for change in self.metrics if change.name == name), None)

    @property
    def verdict(self) -> Changes:
        """Changes of the evidence at the top level: verdict, p-values, ..."""
        return tuple(change for change in self.evidence if len(change.path) <= 2)

    @property
    def details(self) -> Changes:
        """Changes of the nested details of the evidence."""
        return tuple(change for change in self.evidence if len(change.path) > 2)

    @property
    def gone(self) -> list[str]:
        """Warnings that only the base has."""
        return [change.base for change in self.warnings if change.other is ABSENT]

    @property
    def new(self) -> list[str]:
        """Warnings that only the other run has."""
        return [change.other for change in self.warnings if change.base is ABSENT]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All differences between a base and another run.

    `results` are changes in results.json outside of the readings; `readings` are the differences of readings that both
    runs have, in the order of the base. `versions`, `code`, `command` and `source` do not count for equality.
    """

    base: SavedRun
    other: SavedRun
    settings: Changes
    prices: Changes
    versions: Changes
    code: Changes
    command: Changes
    source: Changes
    results: Changes
    benchmark: Divergence | None
    readings: tuple[ReadingDifference, ...]

    @property
    def only_base(self) -> list[str]:
        """Readings that only the base has."""
        return [name for name in self.base.readings if name not in self.other.readings]

    @property
    def only_other(self) -> list[str]:
        """Readings that only the other run has."""
        return [name for name in self.other.readings if name not in self.base.readings]

    @property
    def same_window(self) -> bool:
        """Whether both runs cover the same dates, so that a change of a metric can be better or worse."""
        return list(self.base.benchmark_returns) == list(self.other.benchmark_returns)

    @property
    def equal(self) -> bool:
        """Whether settings, prices and results are the same."""
        inputs = self.settings or self.prices
        outputs = self.results or self.only_base or self.only_other or self.benchmark or self.readings
        return not (inputs or outputs)


def compare_runs(base: SavedRun, other: SavedRun, tolerance: float = 0.0) -> Comparison:
    """All differences between two runs.

    Two numbers are equal if they differ by at most `tolerance` times the larger of 1 and their absolute values.
    """
    common = [name for name in base.readings if name in other.readings]
    before, after = (_sections(run, set(common)) for run in (base, other))
    changes = _changes(before, after, {"settings": tolerance, "results": tolerance})
    settings = {change.path[1:] for change in changes["settings"]}
    settings |= {path[1:] for path in settings if path[0] == "request"}
    changes["results"] = tuple(change for change in changes["results"] if change.path[1:] not in settings)
    readings = [_compare_reading(base, other, name, tolerance) for name in common]
    return Comparison(
        base,
        other,
        **changes,
        benchmark=divergence(base.benchmark_returns, other.benchmark_returns, tolerance),
        readings=tuple(reading for reading in readings if reading.differs),
    )


def document_changes(base: object, other: object, tolerance: float, path: tuple[Any, ...]) -> Iterator[Change]:
    """Differences of two JSON documents; a list counts as one value, as does an object that only one of them has."""
    if isinstance(base, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys((*base, *other)):
            yield from document_changes(base.get(key, ABSENT), other.get(key, ABSENT), tolerance, (*path, key))
    elif not _same(base, other, tolerance):
        yield Change(path, base, other)


def divergence(
    base: Mapping[str, float | None], other: Mapping[str, float | None], tolerance: float = 0.0
) -> Divergence | None:
    """Divergence of two curves, from their daily returns by date; None if they are equal."""
    changed = [str(change.path[-1]) for change in document_changes(base, other, tolerance, ())]
    if not changed:
        return None
    before, after = growth_of_one(base), growth_of_one(other)
    gaps = {date: after[date] - before[date] for date in before if date in after}
    farthest = max(gaps, key=lambda date: abs(gaps[date]), default=None)
    return Divergence(min(changed), None if farthest is None else gaps[farthest], farthest)


def growth_of_one(returns: Mapping[str, float | None]) -> dict[str, float]:
    """Growth of 1 at the close of each date, up to the first return that is undefined."""
    growth, curve = 1.0, dict[str, float]()
    for date, value in returns.items():
        if value is None or not isfinite(growth := growth * (1 + value)):
            break
        curve[date] = growth
    return curve


def _changes(
    before: Mapping[str, object], after: Mapping[str, object], tolerances: Mapping[str, float]
) -> dict[str, Changes]:
    """Changes by section; sections without a tolerance are compared exactly."""
    return {
        section: tuple(document_changes(before[section], after[section], tolerances.get(section, 0.0), (section,)))
        for section in before
    }


def _sections(run: SavedRun, common: Collection[str]) -> dict[str, object]:
    """The sections of a run that are compared; readings that only one run has are excluded."""
    manifest = {key: value for key, value in run.manifest.items() if key not in NOT_SETTINGS}
    results = {key: value for key, value in run.results.items() if key not in ("readings", "schema")}
    return {
        "settings": {
            **manifest,
            **_inner(manifest, "request", lambda key: key != "readings"),
            **_inner(manifest, "parameters", lambda key: key in common),
        },
        "prices": run.prices,
        **{key: _inner(run.manifest, key) for key in ("versions", "code", "command", "source")},
        "results": {**results, **_inner(results, "source", lambda key: key != "origin")},
    }


def _inner(document: Mapping[str, Any], key: str, keep: Callable[[str], bool] = lambda _: True) -> dict[str, object]:
    """The document reduced to one key and, if its value is an object, to the keys to keep; empty without the key."""
    if key not in document:
        return {}
    value = document[key]
    return {key: {name: value[name] for name in value if keep(name)} if isinstance(value, dict) else value}


def _compare_reading(base: SavedRun, other: SavedRun, name: str, tolerance: float) -> ReadingDifference:
    before, after = _reading_sections(base, name), _reading_sections(other, name)
    changes = _changes(before, after, dict.fromkeys(before, tolerance))
    for table in ("decisions", "fills"):
        changes[table] = tuple(sorted(changes[table], key=lambda change: change.path[1:]))
    return ReadingDifference(
        name,
        **changes,
        curve=divergence(base.returns[name], other.returns[name], tolerance),
    )


def _reading_sections(run: SavedRun, name: str) -> dict[str, object]:
    facts = run.readings[name]
    return {
        "facts": {key: value for key, value in facts.items() if key not in NOT_FACTS},
        "metrics": facts["metrics"],
        "horizons": {sessions: figures or {} for sessions, figures in facts["horizons"].items()},
        # The source of the prices is reported once, for the run.
        "evidence": _inner(facts, "evidence", lambda key: key != "source").get("evidence", ABSENT),
        "warnings": _numbered(facts["warnings"], lambda text: (text,)),
        "decisions": _numbered(run.decisions[name], _session_and_symbol),
        "fills": _numbered(run.fills[name], _session_and_symbol),
    }


def _session_and_symbol(row: FillRow | DecisionRow) -> tuple[str, str]:
    return row.session, row.symbol


def _numbered(items: Iterable[Item], key: Callable[[Item], tuple[str, ...]]) -> dict[Hashable, Item]:
    """Items by key and a number, which counts items with the same key from 1."""
    counts = Counter[tuple[str, ...]]()
    numbered = dict[Hashable, Item]()
    for item in items:
        parts = key(item)
        counts[parts] += 1
        numbered[*parts, counts[parts]] = item
    return numbered


def _same(base: object, other: object, tolerance: float) -> bool:
    if _is_number(base) and _is_number(other):
        first, second = float(base), float(other)  # type: ignore[arg-type]
        return first == second or abs(first - second) <= tolerance * max(1.0, abs(first), abs(second))
    if isinstance(base, list | tuple) and isinstance(other, list | tuple):
        return len(base) == len(other) and all(_same(*pair, tolerance) for pair in zip(base, other, strict=True))
    if isinstance(base, Mapping) and isinstance(other, Mapping):  # within a list
        return base.keys() == other.keys() and all(_same(base[key], other[key], tolerance) for key in base)
    return type(base) is type(other) and base == other


def _is_number(value: object) -> bool:
    """Whether a JSON value is a number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
