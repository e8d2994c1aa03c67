"""Load and validate a run folder, which anyone may have written; no code in it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from data.errors import RequestError
from reports.comparison.strict_files import day, number, read_content, read_object, read_rows, refuse, require_size
from reports.folders.atomic import MANIFEST
from reports.folders.run import SCHEMA

RESULTS, RETURNS, FILLS, DECISIONS = "results.json", "returns.csv", "fills.csv", "decisions.csv"
NAME_ANOTHER = "name a folder that python -m runners.deepseek wrote"


class FillRow(NamedTuple):
    """Row of fills.csv: shares (negative when sold); price a share, commission and spread cost in USD."""

    session: str
    symbol: str
    size: float
    price: float
    commission: float
    spread_cost: float


class DecisionRow(NamedTuple):
    """Row of decisions.csv: the target weight is a fraction of equity."""

    session: str
    symbol: str
    weight: float


TradeRow = TypeVar("TradeRow", bound=NamedTuple)


class PriceSpan(NamedTuple):
    """Prices of a symbol as the manifest lists them: rows, first and last date (None without rows), SHA-256."""

    rows: int
    first: str | None
    last: str | None
    sha256: str


@dataclass(frozen=True, eq=False)
class SavedRun:
    """A validated run folder.

    `results` and `manifest` are the JSON files. `returns` holds daily net simple returns by column of returns.csv and
    date, in rising order; None if undefined (after ruin). Fills and decisions are listed by reading. `altered` names
    the files whose digest is not the one in the manifest.
    """

    folder: str
    results: Mapping[str, Any]
    manifest: Mapping[str, Any]
    returns: Mapping[str, Mapping[str, float | None]]
    fills: Mapping[str, list[FillRow]]
    decisions: Mapping[str, list[DecisionRow]]
    altered: tuple[str, ...]

    @property
    def readings(self) -> Mapping[str, Any]:
        """Results by reading, from results.json."""
        readings: Mapping[str, Any] = self.results["readings"]
        return readings

    @property
    def benchmark_returns(self) -> Mapping[str, float | None]:
        """Daily returns of the benchmark by date."""
        return self.returns[self.results["benchmark"]]

    @property
    def prices(self) -> dict[str, PriceSpan]:
        """Prices that the run read, by symbol."""
        return {
            symbol: PriceSpan(listed["rows"], listed.get("first"), listed.get("last"), listed["sha256"])
            for symbol, listed in self.manifest["prices"].items()
        }


def read(folder: str | Path) -> SavedRun:
    """The run in a folder. Raises RequestError: one line that names the file, the problem and the remedy."""
    path = Path(folder)
    if not _is_folder(path):
        raise RequestError(f"{folder} is not a folder; {NAME_ANOTHER}")
    results = _read_results(path / RESULTS)
    manifest = read_object(path / MANIFEST)
    _validate(path / MANIFEST, manifest, MANIFEST_SHAPE)
    names = tuple(results["readings"])
    return SavedRun(
        str(folder),
        results,
        manifest,
        returns=_read_returns(path / RETURNS, (*names, results["benchmark"])),
        fills=_read_trades(path / FILLS, FillRow, names),
        decisions=_read_trades(path / DECISIONS, DecisionRow, names),
        altered=_altered(path, manifest.get("files")),
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a path that cannot exist
        return False


def _read_results(path: Path) -> dict[str, Any]:
    results = read_object(path)
    if "kind" in results:
        refuse(path, f"of a {str(results['kind'])[:40]!r}, not of a run", NAME_ANOTHER)
    schema = results.get("schema")
    if type(schema) is not int or schema != SCHEMA:
        refuse(path, f"schema {str(schema)[:40]!r}, expected {SCHEMA}", "run it again with this version")
    _validate(path, results, RESULTS_SHAPE)
    if not results["readings"]:
        refuse(path, "no readings")
    return results


def _validate(path: Path, content: Mapping[str, Any], shape: Mapping[str, Any]) -> None:
    try:
        _require(content, shape)
    except ValueError as error:
        refuse(path, error)


def _read_returns(path: Path, columns: tuple[str, ...]) -> dict[str, dict[str, float | None]]:
    """Returns by column and date; an empty cell is undefined."""

    def parse(row: dict[str, str]) -> tuple[str, list[float | None]]:
        return day(row["date"]), [number(row[column]) if row[column] else None for column in columns]

    rows = read_rows(path, ("date", *columns), parse)
    dates = [date for date, _ in rows]
    if any(later <= earlier for earlier, later in pairwise(dates)):
        refuse(path, "dates do not rise")
    return {column: {date: values[index] for date, values in rows} for index, column in enumerate(columns)}


def _read_trades(path: Path, kind: type[TradeRow], names: tuple[str, ...]) -> dict[str, list[TradeRow]]:
    """Rows of fills or decisions by reading, in the order of the file."""
    trades: dict[str, list[TradeRow]] = {name: [] for name in names}

    def parse(row: dict[str, str]) -> None:
        if row["reading"] not in trades:
            raise ValueError(f"{row['reading'][:40]!r} is not a reading of results.json")
        numbers = (number(row[column]) for column in kind._fields[2:])
        trades[row["reading"]].append(kind._make((day(row["session"]), row["symbol"], *numbers)))

    read_rows(path, ("reading", *kind._fields), parse)
    return trades


def _altered(folder: Path, files: object) -> tuple[str, ...]:
    """Files whose SHA-256 is not the one in the manifest (`files`); empty if it lists no files."""
    digests = files if isinstance(files, dict) else {}
    tables = (name for name in (RESULTS, RETURNS, FILLS, DECISIONS) if name in digests)
    return tuple(name for name in tables if sha256(read_content(folder / name)).hexdigest() != digests[name])


# Shapes of the JSON files, for _require. Keys that are not listed may have any value.


@dataclass(frozen=True)
class Nullable:
    """Shape of a value that may be null or missing."""

    shape: Any


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError(f"{_quoted(value)} is not a text")


def _count(value: Any) -> None:
    if type(value) is not int or value < 0:
        raise ValueError(f"{_quoted(value)} is not a whole number of 0 or more")


def _figure(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{_quoted(value)} is not a number")
    require_size(value)


def _quoted(value: Any) -> str:
    return "null" if value is None else repr(value)[:40]


EVERY_KEY = "*"
FIGURES = {EVERY_KEY: Nullable(_figure)}
RESULTS_SHAPE = {
    "benchmark": _text,
    "readings": {EVERY_KEY: {"metrics": FIGURES, "horizons": {EVERY_KEY: Nullable(FIGURES)}, "warnings": [_text]}},
}
MANIFEST_SHAPE = {
    "code": _text,
    "prices": {EVERY_KEY: {"rows": _count, "first": Nullable(day), "last": Nullable(day), "sha256": _text}},
}


def _require(value: Any, shape: Any, path: str = "") -> None:
    """Raise ValueError, with the path of keys, if a value does not have its shape.

    A shape is an object of shapes by key, a list of the shape of every item, Nullable, or a check that raises
    ValueError.
    """
    match shape:
        case dict():
            _require_object(value, shape, path)
        case list():
            if not isinstance(value, list):
                raise ValueError(f"{path} is not a list but {_quoted(value)}")
            for position, item in enumerate(value):
                _require(item, shape[0], f"{path}[{position}]")
        case Nullable():
            if value is not None:
                _require(value, shape.shape, path)
        case check:
            try:
                check(value)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None


def _require_object(value: Any, shape: Mapping[str, Any], path: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{path} is not an object but {_quoted(value)}")
    shapes = dict.fromkeys(value, shape[EVERY_KEY]) if EVERY_KEY in shape else shape
    for key, inner in shapes.items():
        inner_path = f"{path}.{key}".lstrip(".")
        if key not in value and not isinstance(inner, Nullable):
            raise ValueError(f"no key {inner_path!r}")
        _require(value.get(key), inner, inner_path)
