"""What is fuzzed: readers of files that anyone may have written, each held to a plain reading of the same bytes.

A target takes the content of a file. The reader must give what the plain reading gives, or refuse in one line with an
error of the project; any other exception is a defect, and so is a value that the plain reading does not have. Targets
give whether the file was accepted.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd

from data import load_prices
from data.cache import Cache, Entry
from data.errors import DataError, RequestError
from data.event_file import parse
from reports.comparison import run_reader
from reports.comparison.as_json import to_json
from reports.comparison.diff import compare_runs

SECONDS = 60.0  # of a case, which takes milliseconds; the machine may be busy
FIELDS = ("Open", "High", "Low", "Close", "Adj Close", "Volume")
SESSIONS = exchange_calendars.get_calendar("XNYS", start="2000-01-01").sessions.tz_localize(None)
MOST_TOLD = 1000  # characters of an error


@contextlib.contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Whatever hangs is a failure, where the system can ring."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise AssertionError(f"not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def told(error: Exception, place: str) -> bool:
    """An error is one line that can be printed and names the place; then the file was refused as it should be."""
    message = str(error)
    assert message.isprintable() and len(message) <= MOST_TOLD and place in message, repr(message[:2000])
    return False


# --- a CSV file of prices ----------------------------------------------------


def prices(content: bytes, folder: Path) -> bool:
    """A price file, read as every command does. `folder` is scratch."""
    (folder / "AAA.csv").write_bytes(content)
    try:
        with in_time():
            found = load_prices(["AAA"], source=folder)
    except (DataError, RequestError) as error:
        # No session of the file lies in the calendar of the exchange: no file is wrong.
        return told(error, "no prices in the window" if "window" in str(error) else "AAA")
    bars = plain_bars(content)
    assert (bars.index == found.sessions).all()
    for name in ("Open", "High", "Low", "Close", "Volume"):
        np.testing.assert_array_equal(getattr(found, name.lower())[:, 0], bars[name], name)
    np.testing.assert_array_equal(found.factor[:, 0], bars["Adj Close"] / bars["Close"])
    assert_tradable(bars)
    return True


def plain_bars(content: bytes) -> pd.DataFrame:
    """What pandas reads, from the first session of the exchange's calendar on."""
    table = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", dtype=str, keep_default_na=False, index_col=False)
    days = pd.DatetimeIndex(table["Date"].astype("datetime64[ns]"))
    bars = pd.DataFrame({name: [float(cell) for cell in table[name]] for name in FIELDS}, index=days)
    return bars[bars.index >= SESSIONS[0]]


def assert_tradable(bars: pd.DataFrame) -> None:
    """What no price of an exchange can be, in the plainest words."""
    first = SESSIONS.searchsorted(bars.index[0])
    assert (SESSIONS[first : first + len(bars)] == bars.index).all()
    four = bars[["Open", "High", "Low", "Close"]]
    assert (bars[list(FIELDS[:5])] > 0).all(axis=None) and np.isfinite(bars.to_numpy()).all()
    assert (bars["Volume"] >= 0).all()
    assert (bars["High"] >= four.max(axis=1) * (1 - 2e-6)).all() and (
        bars["Low"] <= four.min(axis=1) * (1 + 2e-6)
    ).all()


# --- a TOML file of an event -------------------------------------------------


def event(content: bytes) -> bool:
    """An event file, held to what tomllib makes of it."""
    try:
        with in_time():
            found = parse(content, "my.toml")
    except RequestError as error:
        return told(error, "event file 'my.toml'")
    plain = tomllib.loads(content.decode("utf-8"))
    assert found.shock == pd.Timestamp(plain["shock"]) and found.shock in SESSIONS
    assert found.published == pd.Timestamp(plain["published"]) and found.entry >= found.shock
    assert found.entry in SESSIONS
    for key in ("name", "title", "publication", "claims"):
        assert key not in plain or getattr(found, key) == plain[key].strip()
    assert list(found.universe) == plain.get("universe", [])
    assert {name: list(symbols) for name, symbols in found.baskets} == plain.get("baskets", {})
    for key in ("marks", "confounders"):
        assert dict(getattr(found, key)) == {day: text.strip() for day, text in plain.get(key, {}).items()}
    assert len(found.readings) == len(plain.get("readings", []))
    for member, table in zip(found.readings, plain.get("readings", []), strict=True):
        assert (member.strategy, member.chooses) == (table["strategy"].strip(), table.get("chooses", False))
        assert dict(member.parameters) == {
            name: tuple(value) if isinstance(value, list) else value.strip() if isinstance(value, str) else value
            for name, value in table.get("parameters", {}).items()
        }
    return True


# --- a file of the cache -----------------------------------------------------


def cached(content: bytes, cache: Cache, entry: Entry) -> bool:
    """A file of the cache that held `entry`: still all of it to the last bit, or refused."""
    cache.path("AAA").write_bytes(content)
    try:
        with in_time():
            found = cache.read("AAA")
    except DataError as error:
        return told(error, "the cached prices of AAA in ")
    assert found is not None and found.start == entry.start
    pd.testing.assert_frame_equal(found.bars, entry.bars, check_exact=True, check_freq=False)
    return True


# --- a run folder ------------------------------------------------------------

RESULTS = {
    "schema": 1,
    "benchmark": "SPY",
    "source": {"origin": "made up", "real": True},
    "readings": {
        "one": {
            "title": "One",
            "d": 0.01,
            "metrics": {"sharpe": 0.5, "beta": None},
            "horizons": {"5": {"return": 0.01, "d": 0.0}, "252": None},
            "warnings": ["it is short", "it is made up"],
            "evidence": {"p": 0.2, "n": 64, "source": "made up", "power": {"d": 0.1}},
        },
        "two": {"metrics": {}, "horizons": {}, "warnings": []},
    },
}
MANIFEST = {
    "command": "python -m runners.deepseek",
    "code": "c" * 64,
    "versions": {"numpy": "2.4.6"},
    "request": {"readings": ["one", "two"], "hold": 252},
    "parameters": {"one": {"gross": 1.0}, "two": {}},
    "source": "made up",
    "prices": {"SPY": {"rows": 3, "first": "2025-01-27", "last": "2025-01-29", "sha256": "5" * 64}},
}
FOLDER = {
    "results.json": json.dumps(RESULTS).encode(),
    "manifest.json": json.dumps(MANIFEST).encode(),
    "returns.csv": b"date,one,two,SPY\n2025-01-27,0.0,,0.01\n2025-01-28,-0.02,,0.0\n2025-01-29,1e-3,,-0.01\n",
    "fills.csv": b"reading,session,symbol,size,price,commission,spread_cost\none,2025-01-28,SPY,10,600.5,0.6,1.2\n",
    "decisions.csv": b"reading,session,symbol,weight\none,2025-01-27,SPY,1.0\n",
}
APART = ("command", "code", "versions", "source", "files")


def write_run(folder: Path, files: dict[str, bytes] = FOLDER) -> Path:
    """A run folder of these files."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def run_folder(folder: Path, base: Path) -> bool:
    """A run folder, compared as `runners.compare` does with one that is whole: equal where what counts is equal."""
    try:
        with in_time():
            other = run_reader.read(folder)
            found = compare_runs(whole(base)[0], other)
            text = to_json([found])
    except RequestError as error:
        return told(error, str(folder))
    assert found.equal == json.loads(text)["equal"] == (counted(folder) == whole(base)[1])
    return True


@cache
def whole(base: Path) -> tuple[run_reader.SavedRun, str]:
    """A run folder that stays as it is, and what counts of it."""
    return run_reader.read(base), counted(base)


def counted(folder: Path) -> str:
    """All that counts for the equality of runs, as json and csv read it: see reports/comparison/diff.py."""
    results, manifest = (json.loads((folder / name).read_text("utf-8")) for name in ("results.json", "manifest.json"))
    for name in APART:
        manifest.pop(name, None)
    names = sorted(results["readings"])
    keys = ("rows", "first", "last", "sha256")
    manifest["prices"] = {name: {key: bars.get(key) for key in keys} for name, bars in manifest["prices"].items()}
    if isinstance(manifest.get("request"), dict):
        manifest["request"].pop("readings", None)
    if isinstance(manifest.get("parameters"), dict):
        common = [name for name in names if name in RESULTS["readings"]]
        manifest["parameters"] = {key: value for key, value in manifest["parameters"].items() if key in common}
    results.pop("schema")
    if isinstance(results.get("source"), dict):
        results["source"].pop("origin", None)
    for reading in results["readings"].values():
        reading["warnings"].sort()
        reading["horizons"] = {key: value or {} for key, value in reading["horizons"].items()}
        if isinstance(reading.get("evidence"), dict):
            reading["evidence"].pop("source", None)
    columns = {
        "returns.csv": ["date", *names, results["benchmark"]],
        "fills.csv": ["reading", "session", "symbol", "size", "price", "commission", "spread_cost"],
        "decisions.csv": ["reading", "session", "symbol", "weight"],
    }
    tables = {name: _table(folder / name, wanted) for name, wanted in columns.items()}
    return json.dumps(_numbered([results, manifest, tables]), sort_keys=True)


def _table(path: Path, columns: list[str]) -> list[list[object]]:
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")[columns]
    rows = [[_cell(cell) for cell in row] for row in table.to_numpy().tolist()]
    return sorted(rows, key=lambda row: [str(cell) for cell in row[:3]]) if "reading" in columns else rows


def _cell(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _numbered(content: object) -> object:
    """The same with every number a float, so that 1 is 1.0, zero has no sign, and true is no number."""
    if isinstance(content, dict):
        return {key: _numbered(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_numbered(value) for value in content]
    return float(content) + 0.0 if isinstance(content, int | float) and not isinstance(content, bool) else content
