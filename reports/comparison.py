"""What differs between two runs: first what went in, then what came out of it.

Two runs are equal when the same was asked of the same prices and the same came out. That the code, the packages or the
command differ is told and does not count: whether other code gives equal results is what a comparison is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import Enum
from itertools import zip_longest
from math import isfinite

from reports.saved_run import Bars, Decision, Fill, SavedReading, SavedRun


class Absent(Enum):
    """What stands in the place of a value that one of the runs does not have (null is a value)."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT

# Not settings: what is compared on its own, and where the prices lay.
APART = ("command", "code", "versions", "prices", "source", "files")
TOLD = ("metrics", "horizons", "evidence", "warnings")  # of a reading; all else is a fact
# 1 where more is better, -1 where less is; all others are neither.
BETTER = {
    **dict.fromkeys(("total_return", "cagr", "sharpe", "sortino", "calmar", "alpha_annual", "d"), 1),
    **dict.fromkeys(("return", "excess_benchmark"), 1),
    "max_drawdown": 1,  # zero or below: more is shallower
    "costs": -1,
}


@dataclass(frozen=True)
class Change:
    """A value that is not the same in both; ABSENT where one has none. `name` is its path, with dots.

    Figures of windows that are not the same are not `comparable`: more of them is neither better nor worse.
    """

    name: str
    base: object
    other: object
    comparable: bool = True

    @property
    def by(self) -> float | None:
        """How much more the other has; None where that is no number."""
        if not (_is_number(self.base) and _is_number(self.other)):
            return None
        found = float(self.other) - float(self.base)  # type: ignore[arg-type]
        return found if isfinite(found) else None

    @property
    def direction(self) -> int:
        """1 where the other is better, -1 where it is worse, 0 where neither can be said."""
        sign = BETTER.get(self.name.rpartition(".")[2], 0) if self.comparable else 0
        return 0 if self.by is None else sign * ((self.by > 0) - (self.by < 0))


@dataclass(frozen=True)
class PriceChange:
    """Prices of a symbol that are not the same in both; None where one has none."""

    symbol: str
    base: Bars | None
    other: Bars | None


@dataclass(frozen=True)
class RowChange:
    """A fill or a decision that is not the same in both; None where one has none."""

    session: date
    symbol: str
    base: Fill | Decision | None
    other: Fill | Decision | None


@dataclass(frozen=True)
class Parting:
    """Where two curves of wealth part, and the largest gap between them.

    `first` is the first session on which they are not the same, one of them missing included. `gap` is the other's
    growth of 1 less the base's on the session `on`, where it is farthest from zero; None without a session in both.
    """

    first: date
    gap: float | None
    on: date | None


@dataclass(frozen=True)
class ReadingDifference:
    """What came out differently for a reading that both runs have.

    `evidence` are the figures of the verdict, `details` all others of the evidence. `gone` and `new` are warnings.
    """

    name: str
    facts: tuple[Change, ...]
    metrics: tuple[Change, ...]
    horizons: tuple[Change, ...]
    evidence: tuple[Change, ...]
    details: tuple[Change, ...]
    gone: tuple[str, ...]
    new: tuple[str, ...]
    decisions: tuple[RowChange, ...]
    fills: tuple[RowChange, ...]
    curve: Parting | None

    @property
    def differs(self) -> bool:
        """Whether anything did."""
        return any(getattr(self, field.name) for field in fields(self) if field.name != "name")

    def metric(self, name: str) -> Change | None:
        """The change of that metric; None where it is the same."""
        return next((change for change in self.metrics if change.name == name), None)


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that differs between a base and another run.

    `readings` are those in both that differ, in the order of the base; `results` is what differs in results.json
    outside of the readings. `versions`, `code` and `command` do not count.
    """

    base: SavedRun
    other: SavedRun
    settings: tuple[Change, ...]
    prices: tuple[PriceChange, ...]
    versions: tuple[Change, ...]
    code: Change | None
    command: Change | None
    origin: Change | None
    results: tuple[Change, ...]
    only_base: tuple[str, ...]
    only_other: tuple[str, ...]
    benchmark: Parting | None
    readings: tuple[ReadingDifference, ...]

    @property
    def same_window(self) -> bool:
        """Whether both have the same sessions."""
        return self.base.sessions == self.other.sessions

    @property
    def equal(self) -> bool:
        """Whether the same was asked of the same prices and the same came out."""
        went_in = self.settings or self.prices
        came_out = self.results or self.only_base or self.only_other or self.benchmark or self.readings
        return not (went_in or came_out)


Same = Callable[[object, object], bool]


def compare(base: SavedRun, other: SavedRun, tolerance: float = 0.0) -> Comparison:
    """What differs. Numbers within `tolerance` of each other, times the larger of them or 1, count as the same."""
    same = _same(tolerance)
    common = [name for name in base.readings if name in other.readings]
    parted = [_reading(base, other, name, same) for name in common]
    return Comparison(
        base,
        other,
        settings=_settings(base, other, common, same),
        prices=_prices(base, other),
        versions=_at("versions", base.manifest, other.manifest, _same(0.0)),
        code=_change("code", base.code, other.code),
        command=_change("command", *(run.manifest.get("command", ABSENT) for run in (base, other))),
        origin=_change("source", *(run.manifest.get("source", ABSENT) for run in (base, other))),
        results=_results(base, other, same),
        only_base=tuple(name for name in base.readings if name not in other.readings),
        only_other=tuple(name for name in other.readings if name not in base.readings),
        benchmark=_parting(base, other, base.benchmark_returns, other.benchmark_returns, same),
        readings=tuple(difference for difference in parted if difference.differs),
    )


def wealth(returns: Iterable[float | None]) -> list[float | None]:
    """Growth of 1 at the close of each session; None from where it cannot be told any more."""
    grown, curve = 1.0, list[float | None]()
    for value in returns:
        grown = grown * (1 + value) if value is not None else float("nan")
        curve.append(grown if isfinite(grown) else None)
    return curve


def _settings(base: SavedRun, other: SavedRun, common: Sequence[str], same: Same) -> tuple[Change, ...]:
    """All that the manifests hold besides what is compared on its own; readings that only one has are told apart."""

    def asked(run: SavedRun) -> dict[str, object]:
        found: dict[str, object] = {name: value for name, value in run.manifest.items() if name not in APART}
        request, parameters = found.get("request"), found.get("parameters")
        if isinstance(request, Mapping):
            found["request"] = {name: value for name, value in request.items() if name != "readings"}
        if isinstance(parameters, Mapping):
            found["parameters"] = {name: value for name, value in parameters.items() if name in common}
        return found

    return _changes(asked(base), asked(other), same)


def _results(base: SavedRun, other: SavedRun, same: Same) -> tuple[Change, ...]:
    """What results.json tells of the whole run, unless the settings tell it already."""

    def told(run: SavedRun) -> dict[str, object]:
        found = {name: value for name, value in run.results.items() if name not in ("readings", "schema")}
        if isinstance(source := found.get("source"), Mapping):
            found["source"] = {name: value for name, value in source.items() if name != "origin"}
        return found

    known = {change.name.removeprefix("request.") for change in _settings(base, other, (), same)}
    return tuple(change for change in _changes(told(base), told(other), same) if change.name not in known)


def _prices(base: SavedRun, other: SavedRun) -> tuple[PriceChange, ...]:
    symbols = dict.fromkeys((*base.prices, *other.prices))
    pairs = ((symbol, base.prices.get(symbol), other.prices.get(symbol)) for symbol in symbols)
    return tuple(PriceChange(*pair) for pair in pairs if pair[1] != pair[2])


def _reading(base: SavedRun, other: SavedRun, name: str, same: Same) -> ReadingDifference:
    one, two = base.readings[name], other.readings[name]
    evidence, details = _evidence(one, two, same)
    return ReadingDifference(
        name,
        facts=_changes(_facts(one), _facts(two), same),
        metrics=tuple(
            replace(change, comparable=base.sessions == other.sessions)
            for change in _changes(one.metrics, two.metrics, same)
        ),
        horizons=_changes(_reached(one.horizons), _reached(two.horizons), same),
        evidence=evidence,
        details=details,
        gone=_beyond(one.warnings, two.warnings),
        new=_beyond(two.warnings, one.warnings),
        decisions=_rows(one.decisions, two.decisions, same),
        fills=_rows(one.fills, two.fills, same),
        curve=_parting(base, other, one.returns, two.returns, same),
    )


def _reached(horizons: Mapping[str, object]) -> dict[str, object]:
    """Horizons, those that were not reached without any figure."""
    return {name: {} if found is None else found for name, found in horizons.items()}


def _evidence(one: SavedReading, two: SavedReading, same: Same) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Figures of the verdict, and all others; one change where only one of the runs asked for evidence."""
    before, after = one.facts.get("evidence", ABSENT), two.facts.get("evidence", ABSENT)
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return _at("evidence", one.facts, two.facts, same), ()
    changes = _changes(before, after, same)
    # Where the prices lay is told once, for the run.
    kept = [change for change in changes if change.name != "source"]
    return (
        tuple(change for change in kept if "." not in change.name),
        tuple(change for change in kept if "." in change.name),
    )


def _changes(one: object, two: object, same: Same) -> tuple[Change, ...]:
    return tuple(_differing("", one, two, same))


def _differing(name: str, one: object, two: object, same: Same) -> Iterator[Change]:
    """What differs in nested objects, by path; a list is one value, as is an object that only one of them has."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        for key in dict.fromkeys((*one, *two)):
            yield from _differing(f"{name}.{key}" if name else key, one.get(key, ABSENT), two.get(key, ABSENT), same)
    elif not same(one, two):
        yield Change(name, one, two)


def _at(key: str, one: Mapping[str, object], two: Mapping[str, object], same: Same) -> tuple[Change, ...]:
    return tuple(_differing(key, one.get(key, ABSENT), two.get(key, ABSENT), same))


def _facts(reading: SavedReading) -> dict[str, object]:
    return {key: value for key, value in reading.facts.items() if key not in TOLD}


def _change(name: str, one: object, two: object) -> Change | None:
    return None if one == two else Change(name, one, two)


def _beyond(these: Sequence[str], those: Sequence[str]) -> tuple[str, ...]:
    """What these have and those do not, each as often as it is too many."""
    left = list(those)
    return tuple(text for text in these if text not in left or left.remove(text))  # type: ignore[func-returns-value]


def _rows(one: Sequence[Fill | Decision], two: Sequence[Fill | Decision], same: Same) -> tuple[RowChange, ...]:
    """Rows that differ, matched by session and symbol and, of several, by their order."""
    before, after = _keyed(one), _keyed(two)
    return tuple(
        RowChange(session, symbol, was, now)
        for session, symbol in sorted({*before, *after})
        for was, now in zip_longest(before.get((session, symbol), ()), after.get((session, symbol), ()))
        if was is None or now is None or not _same_row(was, now, same)
    )


def _keyed(rows: Sequence[Fill | Decision]) -> dict[tuple[date, str], list[Fill | Decision]]:
    found: dict[tuple[date, str], list[Fill | Decision]] = {}
    for row in rows:
        found.setdefault((row.session, row.symbol), []).append(row)
    return found


def _same_row(was: Fill | Decision, now: Fill | Decision, same: Same) -> bool:
    return all(same(getattr(was, field.name), getattr(now, field.name)) for field in fields(was))


def _parting(
    base: SavedRun,
    other: SavedRun,
    one: Sequence[float | None],
    two: Sequence[float | None],
    same: Same,
) -> Parting | None:
    before, after = dict(zip(base.sessions, one, strict=True)), dict(zip(other.sessions, two, strict=True))
    parted = [
        session
        for session in sorted({*before, *after})
        if not same(before.get(session, ABSENT), after.get(session, ABSENT))
    ]
    if not parted:
        return None
    gaps = gap(base.sessions, one, other.sessions, two)
    on = max(gaps, key=lambda session: abs(gaps[session])) if gaps else None
    return Parting(parted[0], None if on is None else gaps[on], on)


def gap(
    sessions: Sequence[date], one: Sequence[float | None], others: Sequence[date], two: Sequence[float | None]
) -> dict[date, float]:
    """The other's growth of 1 less the base's on each session where both have one."""
    before, after = dict(zip(sessions, wealth(one), strict=True)), dict(zip(others, wealth(two), strict=True))
    return {
        session: later - earlier
        for session, earlier in before.items()
        if earlier is not None and (later := after.get(session)) is not None
    }


def _same(tolerance: float) -> Same:
    def same(one: object, two: object) -> bool:
        if _is_number(one) and _is_number(two):
            a, b = float(one), float(two)  # type: ignore[arg-type]
            return a == b or abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))
        if isinstance(one, list) and isinstance(two, list):
            return len(one) == len(two) and all(map(same, one, two))
        if isinstance(one, Mapping) and isinstance(two, Mapping):  # inside a list
            return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
        return type(one) is type(two) and one == two

    return same


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
