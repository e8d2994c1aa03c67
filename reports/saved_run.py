"""A run read back from its folder, whoever wrote it: tables and facts, checked as they are read, no code run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from data.errors import RequestError
from reports import saved_file
from reports.folder import MANIFEST
from reports.run_folder import SCHEMA
from reports.saved_file import day, number, refuse, taken, within

RESULTS, RETURNS, FILLS, DECISIONS = "results.json", "returns.csv", "fills.csv", "decisions.csv"
FILL_COLUMNS = ("reading", "session", "symbol", "size", "price", "commission", "spread_cost")
DECISION_COLUMNS = ("reading", "session", "symbol", "weight")
Made = TypeVar("Made")
Item = TypeVar("Item")
ANOTHER = "name a folder that python -m runners.deepseek wrote"


@dataclass(frozen=True)
class Fill:
    """A fill: shares (negative when sold), price, commission and spread in USD."""

    session: date
    symbol: str
    size: float
    price: float
    commission: float
    spread_cost: float


@dataclass(frozen=True)
class Decision:
    """A target that a rule asked for: the weight is a fraction of equity."""

    session: date
    symbol: str
    weight: float


@dataclass(frozen=True)
class Bars:
    """Prices of one symbol: how many sessions, from when to when (None where none), and their SHA-256."""

    rows: int
    first: date | None
    last: date | None
    sha256: str

    def __post_init__(self) -> None:
        if self.rows < 0:
            raise ValueError(f"rows is {self.rows}, expected 0 or more")
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"first {self.first} is after last {self.last}")


@dataclass(frozen=True, eq=False)
class SavedReading:
    """One reading: `facts` as results.json holds them (metrics, horizons, evidence, ...) and its tables.

    `returns` are daily net simple returns by position of `SavedRun.sessions`, None where undefined (after ruin).
    """

    name: str
    facts: Mapping[str, object]
    metrics: Mapping[str, float | None]
    horizons: Mapping[str, Mapping[str, float | None] | None]
    warnings: tuple[str, ...]
    returns: tuple[float | None, ...]
    fills: tuple[Fill, ...]
    decisions: tuple[Decision, ...]


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A run folder: `results` and `manifest` whole, and what is compared by its name.

    `altered` names tables whose bytes are not those that the manifest lists.
    """

    folder: str
    results: Mapping[str, object]
    manifest: Mapping[str, object]
    benchmark: str
    code: str
    prices: Mapping[str, Bars]
    sessions: tuple[date, ...]
    benchmark_returns: tuple[float | None, ...]
    readings: Mapping[str, SavedReading]
    altered: tuple[str, ...]

    def __post_init__(self) -> None:
        if any(later <= earlier for earlier, later in zip(self.sessions, self.sessions[1:], strict=False)):
            raise ValueError("dates do not rise")
        lengths = {len(self.benchmark_returns), *(len(reading.returns) for reading in self.readings.values())}
        if lengths != {len(self.sessions)}:
            raise ValueError("columns of unequal length")


def read(folder: str | Path) -> SavedRun:
    """The run in a folder. Raises RequestError, one line that names the file, the problem and the remedy."""
    place = Path(folder)
    if not _is_folder(place):
        raise RequestError(f"{folder} is not a folder; {ANOTHER}")
    results = _results(place / RESULTS)
    manifest = saved_file.json_object(place / MANIFEST)
    readings = _of(place / RESULTS, lambda: _readings(results))
    benchmark = _of(place / RESULTS, lambda: taken(results, "benchmark", str))
    sessions, returns = _returns(place / RETURNS, (*readings, benchmark))
    fills = _by_reading(place / FILLS, FILL_COLUMNS, readings, _fill)
    decisions = _by_reading(place / DECISIONS, DECISION_COLUMNS, readings, _decision)
    whole = _of(
        place / RESULTS,
        lambda: {
            name: _reading(name, facts, returns[name], fills[name], decisions[name]) for name, facts in readings.items()
        },
    )
    return _of(
        place / RETURNS,
        lambda: SavedRun(
            str(folder),
            results,
            manifest,
            benchmark,
            _of(place / MANIFEST, lambda: taken(manifest, "code", str)),
            _of(place / MANIFEST, lambda: _prices(manifest)),
            sessions,
            returns[benchmark],
            whole,
            _altered(place, manifest),
        ),
    )


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except (OSError, ValueError):  # a name that cannot be one
        return False


def _of(path: Path, make: Callable[[], Made]) -> Made:
    """What is made from a file, whose name a ValueError gets."""
    try:
        return make()
    except RequestError:
        raise
    except ValueError as error:
        refuse(path, str(error))


def _results(path: Path) -> dict[str, object]:
    results = saved_file.json_object(path)
    if "kind" in results:
        refuse(path, f"of a {str(results['kind'])[:40]!r}, not of a run", ANOTHER)
    schema = results.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        refuse(path, f"schema {str(schema)[:40]!r}, expected {SCHEMA}", "run it again with this version")
    return results


def _readings(results: Mapping[str, object]) -> dict[str, dict[str, object]]:
    found = taken(results, "readings", dict)
    if not found:
        raise ValueError("no readings")
    return {name: taken(found, name, dict, "readings") for name in found}


def _reading(
    name: str,
    facts: Mapping[str, object],
    returns: tuple[float | None, ...],
    fills: tuple[Fill, ...],
    decisions: tuple[Decision, ...],
) -> SavedReading:
    where = f"readings.{name}"
    horizons = taken(facts, "horizons", dict, where)
    return SavedReading(
        name,
        facts,
        _figures(taken(facts, "metrics", dict, where), f"{where}.metrics"),
        {
            key: None
            if value is None
            else _figures(taken(horizons, key, dict, f"{where}.horizons"), f"{where}.horizons.{key}")
            for key, value in horizons.items()
        },
        _texts(taken(facts, "warnings", list, where), f"{where}.warnings"),
        returns,
        fills,
        decisions,
    )


def _figures(found: Mapping[str, object], where: str) -> dict[str, float | None]:
    """Numbers by name, None for those that are not defined."""
    figures: dict[str, float | None] = {}
    for name, value in found.items():
        if isinstance(value, bool) or not (value is None or isinstance(value, int | float)):
            raise ValueError(f"{where}.{name} is no number")
        figures[name] = None if value is None else within(float(value))
    return figures


def _texts(found: list[object], where: str) -> tuple[str, ...]:
    if not all(isinstance(text, str) for text in found):
        raise ValueError(f"{where} holds something else than texts")
    return tuple(map(str, found))


def _prices(manifest: Mapping[str, object]) -> dict[str, Bars]:
    found = taken(manifest, "prices", dict)
    return {symbol: _bars(taken(found, symbol, dict, "prices"), f"prices.{symbol}") for symbol in found}


def _bars(found: Mapping[str, object], where: str) -> Bars:
    first, last = (None if found.get(end) is None else day(found[end]) for end in ("first", "last"))
    try:
        return Bars(taken(found, "rows", int, where), first, last, taken(found, "sha256", str, where))
    except ValueError as error:
        raise ValueError(str(error) if where in str(error) else f"{where}: {error}") from None


def _returns(path: Path, names: tuple[str, ...]) -> tuple[tuple[date, ...], dict[str, tuple[float | None, ...]]]:
    """Sessions and, by column, returns; an empty cell is undefined."""
    rows = saved_file.csv_rows(path, ("date", *names))
    sessions = saved_file.each(path, rows, lambda row: day(row["date"]))
    made = saved_file.each(path, rows, lambda row: {name: number(row[name]) if row[name] else None for name in names})
    return sessions, {name: tuple(row[name] for row in made) for name in names}


def _by_reading(
    path: Path, columns: tuple[str, ...], names: Mapping[str, object], make: Callable[[dict[str, str]], Item]
) -> dict[str, tuple[Item, ...]]:
    """The rows of a table by reading, in their order."""

    def known(row: dict[str, str]) -> tuple[str, Item]:
        if row["reading"] not in names:
            raise ValueError(f"{row['reading'][:40]!r} is no reading of results.json")
        return row["reading"], make(row)

    found: dict[str, list[Item]] = {name: [] for name in names}
    for name, item in saved_file.each(path, saved_file.csv_rows(path, columns), known):
        found[name].append(item)
    return {name: tuple(items) for name, items in found.items()}


def _fill(row: dict[str, str]) -> Fill:
    return Fill(day(row["session"]), row["symbol"], *(number(row[column]) for column in FILL_COLUMNS[3:]))


def _decision(row: dict[str, str]) -> Decision:
    return Decision(day(row["session"]), row["symbol"], number(row["weight"]))


def _altered(place: Path, manifest: Mapping[str, object]) -> tuple[str, ...]:
    """Tables that are not as the run wrote them; none where the manifest does not say how it did."""
    listed = manifest.get("files")
    known = listed if isinstance(listed, dict) else {}
    return tuple(
        name
        for name in (RESULTS, RETURNS, FILLS, DECISIONS)
        if name in known and sha256((place / name).read_bytes()).hexdigest() != known[name]
    )
