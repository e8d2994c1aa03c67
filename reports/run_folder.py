"""The folder that a run leaves behind: pages for people, tables for programs; whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from glob import escape
from hashlib import sha256
from math import isfinite
from pathlib import Path
from tempfile import gettempdir, mkdtemp

import pandas as pd

from data.errors import RequestError
from reports import evidence_page, index
from reports.evidence import record
from reports.metrics import metrics
from reports.result import HORIZONS, Result, Run

SCHEMA = 1
MANIFEST = "manifest.json"
SCRATCH = ".unfinished"  # marks a folder that a run is building
LOCK_SECONDS = 60


def write(run: Run, sheets: Mapping[str, bytes], out: Path) -> None:
    """Write the folder of a run: built beside `out`, then exchanged with it.

    `sheets` holds the page of each reading by name. An earlier run in `out` is replaced; until the exchange it stays
    as it is. Raises RequestError where `out` holds something else, cannot be written, or is being written by another
    run.
    """
    out = out.resolve()
    with _locked(out):
        recover(out)
        require_replaceable(out)
        with _beside(out) as scratch:
            for name, content in files(run, sheets).items():
                (scratch / name).write_bytes(content)
            (scratch / SCRATCH).unlink()
            _exchange(scratch, out)


def files(run: Run, sheets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest, last, has the SHA-256 of all others."""
    made: dict[str, bytes] = {
        "index.html": index.render(run).encode(),
        **{f"{name}.html": page for name, page in sheets.items()},
        **evidence_pages(run),
        "results.json": _json(results(run)),
        "returns.csv": _csv(returns_table(run)),
        "fills.csv": _csv(_stacked(run, lambda result: result.fills)),
        "decisions.csv": _csv(_stacked(run, lambda result: result.decisions)),
    }
    digests = {name: sha256(content).hexdigest() for name, content in sorted(made.items())}
    return {**made, MANIFEST: _json({**run.manifest, "files": digests})}


def evidence_pages(run: Run) -> dict[str, bytes]:
    """The evidence on each reading by file name; none where none was asked for."""
    if run.court is None:
        return {}
    return {
        f"{result.name}-evidence.html": evidence_page.render(run.court.evidence[result.name], result, run).encode()
        for result in run.results
    }


def results(run: Run) -> dict[str, object]:
    """What results.json holds: fractions, USD, null where a figure is not defined."""
    return {
        "schema": SCHEMA,
        "source": {"origin": run.origin, "real": run.real, "notices": list(run.notices)},
        "window": {"first": _day(run.results[0].equity.index[0]), "last": _day(run.results[0].equity.index[-1])},
        "benchmark": run.benchmark_name,
        "frictions": dict(run.frictions),
        "readings": {result.name: _reading(result, run) for result in run.results},
    }


def returns_table(run: Run) -> pd.DataFrame:
    """Daily net simple returns: one column a reading, one the benchmark."""
    columns = [*(result.returns for result in run.results), run.benchmark.rename(run.benchmark_name)]
    table = pd.concat(columns, axis=1)
    table.insert(0, "date", pd.DatetimeIndex(table.index).strftime("%Y-%m-%d"))
    return table


def require_replaceable(out: Path) -> None:
    """Raise RequestError unless `out` is absent, empty, or the folder of an earlier run and nothing else."""
    if out.exists() and not out.is_dir():
        raise RequestError(f"--out {out} is not a folder; name another one")
    if out.resolve() == Path.cwd() or not out.resolve().name:
        raise RequestError(f"--out {out} cannot be replaced as a whole; name a folder inside it")
    present = {path.name for path in out.iterdir()} if out.is_dir() else set[str]()
    if foreign := sorted(present - _own_files(out)):
        raise RequestError(
            f"--out {out} holds {foreign[0]}, which no run put there; move it away or name another folder"
        )


def require_writable(out: Path) -> None:
    """Raise RequestError where a run folder cannot be put in place; to be asked before the work, not after it."""
    require_replaceable(out)
    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise RequestError(f"--out {out}: cannot write in {nearest}; name another folder")


def _own_files(out: Path) -> set[str]:
    """The files of a run in `out` as its manifest lists them; none where there is no manifest of ours."""
    try:
        listed = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        return {*listed, MANIFEST} if "results.json" in listed else set()
    except (OSError, ValueError, TypeError, KeyError):
        return set()


def _is_run(folder: Path) -> bool:
    """Whether a folder holds a whole run and nothing else."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} == _own_files(folder)


def recover(out: Path) -> None:
    """Undo or clear away what a killed run left beside `out`; folders that no run made are left alone."""
    previous = _previous(out)
    if _is_run(previous) and not out.exists():
        previous.rename(out)
    for left in (previous, *out.parent.glob(f".{escape(out.name)}.new-*")):
        if _is_run(left) or (left / SCRATCH).is_file():
            shutil.rmtree(left)


def _exchange(scratch: Path, out: Path) -> None:
    previous = _previous(out)
    if previous.exists():
        raise RequestError(f"{previous} is in the way of exchanging {out}; move it away")
    if out.exists():
        out.rename(previous)
    try:
        scratch.rename(out)
    except OSError:
        if previous.exists():
            previous.rename(out)
        raise
    if previous.exists():
        shutil.rmtree(previous)


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A scratch folder on the same disk, gone afterwards whatever happens."""
    scratch = Path(mkdtemp(prefix=f".{out.name}.new-", dir=out.parent))
    scratch.chmod(0o755)
    (scratch / SCRATCH).touch()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One writer at a time; the lock stands apart, so that nothing is left beside `out`."""
    from filelock import FileLock, Timeout

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"--out {out} cannot be made ({error.strerror}); name another folder") from None
    place = sha256(str(out).encode()).hexdigest()[:16]
    try:
        # Whoever shares a folder shares its lock.
        with FileLock(Path(gettempdir()) / f"deepseek-run-{place}.lock", timeout=LOCK_SECONDS, mode=0o666):
            yield
    except Timeout:
        raise RequestError(f"--out {out} is being written by another run; wait for it or name another") from None


def _reading(result: Result, run: Run) -> dict[str, object]:
    return {
        "symbols": list(result.symbols),
        "entry": _day(result.entry),
        "exit": result.exit if result.exit is None else _day(result.exit),
        "metrics": {**asdict(metrics(result, run)), "d": result.d},
        "horizons": {str(n): _horizon(result, n) for n in HORIZONS},
        "interest": dict(result.interest),
        "refuted": result.occurred,
        "outcome": result.outcome,
        "ruined": result.ruined if result.ruined is None else _day(result.ruined),
        "evidence": None if run.court is None else record.summary(run.court.evidence[result.name], run.court),
        "warnings": list(result.warnings),
    }


def _horizon(result: Result, sessions: int) -> dict[str, float] | None:
    horizon = result.horizons.get(sessions)
    if horizon is None:
        return None
    return {"return": horizon.net_return, "excess_benchmark": horizon.excess_benchmark, "d": horizon.d}


def _stacked(run: Run, table: Callable[[Result], pd.DataFrame]) -> pd.DataFrame:
    """One table of all readings, the reading's name in front, sessions as dates."""
    parts = [table(result).assign(reading=result.name) for result in run.results]
    stacked = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    stacked["session"] = pd.to_datetime(stacked["session"]).dt.strftime("%Y-%m-%d")
    return stacked[["reading", *(column for column in stacked.columns if column != "reading")]]


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"


def _csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False, lineterminator="\n").encode()


def _json(content: object) -> bytes:
    return (json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _finite(content: object) -> object:
    """The same with null for every number that JSON cannot hold."""
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not isfinite(content) else content
