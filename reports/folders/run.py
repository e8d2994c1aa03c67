"""Folder of a run: pages, results, tables and manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pandas as pd

from reports.figures.contribution import contribution
from reports.figures.metrics import compute_metrics
from reports.folders import atomic, evidence_json
from reports.folders.atomic import to_csv, to_json
from reports.folders.base_rates import reading_table
from reports.folders.base_rates_json import base_rate_results, base_rate_summary
from reports.pages import base_rates as base_rates_page
from reports.pages import evidence as evidence_page
from reports.pages import index as index_page
from reports.pages import side_by_side
from reports.records.result import HORIZONS, Result, Run
from reports.rendering.template import LIBRARY, chart_library

SCHEMA = 2

require_writable = partial(atomic.require_writable, command=atomic.DEEPSEEK)


def write(run: Run, sheets: Mapping[str, bytes], out: Path) -> None:
    """Write the folder of a run: built beside `out`, then exchanged with it.

    `sheets` holds the tearsheet of each reading by name. An earlier run in `out` is replaced and stays unchanged until
    the exchange. Raises RequestError if `out` holds something else or another run is writing it, WorkError if it cannot
    be written (disk full).
    """
    atomic.write_folder(run_files(run, sheets), out)


def run_files(run: Run, sheets: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest comes last, with the SHA-256 of the others."""
    files: dict[str, bytes] = {
        "index.html": index_page.render(run).encode(),
        "side-by-side.html": side_by_side.render(run).encode(),
        LIBRARY: chart_library(),
        **{f"{name}.html": page for name, page in sheets.items()},
        **evidence_pages(run),
        **base_rate_files(run),
        "results.json": to_json(run_results(run)),
        "returns.csv": to_csv(returns_table(run)),
        "fills.csv": to_csv(_stacked(run, lambda result: result.fills)),
        "decisions.csv": to_csv(_stacked(run, lambda result: result.decisions)),
    }
    return atomic.with_manifest(files, run.manifest)


def evidence_pages(run: Run) -> dict[str, bytes]:
    """Evidence pages by file name; empty for a run without evidence."""
    if run.evidence_report is None:
        return {}
    return {
        f"{result.name}-evidence.html": evidence_page.render(
            run.evidence_report.readings[result.name], result, run
        ).encode()
        for result in run.results
    }


def base_rate_files(run: Run) -> dict[str, bytes]:
    """The page and the tables of base rates by file name; empty for a run without them."""
    if run.base_rates is None:
        return {}
    return {
        "base-rates.html": base_rates_page.render(run.base_rates, home="index.html").encode(),
        "base_rates.json": to_json(base_rate_results(run.base_rates)),
        "shocks.csv": to_csv(reading_table(run.base_rates)),
    }


def run_results(run: Run) -> dict[str, object]:
    """Content of results.json: fractions, USD, null where a figure is undefined."""
    return {
        "schema": SCHEMA,
        "source": {"origin": run.origin, "real": run.real, "notices": [*run.notices, *run.remarks]},
        "window": {"first": _day(run.results[0].equity.index[0]), "last": _day(run.results[0].equity.index[-1])},
        "benchmark": run.benchmark_name,
        "frictions": dict(run.frictions),
        "readings": {result.name: _reading(result, run) for result in run.results},
        "failed": {name: failure.traceback for name, failure in run.failed.items()},
        "base_rates": None
        if run.base_rates is None and not run.base_rates_note
        else {"computed": run.base_rates and run.base_rates.computed, "note": run.base_rates_note},
    }


def returns_table(run: Run) -> pd.DataFrame:
    """Daily net simple returns: `date`, one column per reading, and the benchmark last."""
    table = run.returns
    table.insert(0, "date", pd.DatetimeIndex(table.index).strftime("%Y-%m-%d"))
    return table


def _reading(result: Result, run: Run) -> dict[str, object]:
    return {
        "symbols": list(result.symbols),
        "entry": _day(result.entry),
        "exit": result.exit if result.exit is None else _day(result.exit),
        "metrics": {**asdict(compute_metrics(result, run)), "d": result.d},
        "horizons": {str(n): _horizon(result, n) for n in HORIZONS},
        "interest": dict(result.interest),
        "contribution": contribution(result).as_dict(),
        "refuted": result.refuted,
        "outcome": result.outcome,
        "ruined": result.ruined if result.ruined is None else _day(result.ruined),
        "evidence": None
        if run.evidence_report is None
        else evidence_json.evidence_summary(run.evidence_report.readings[result.name], run.evidence_report),
        "base_rate": _base_rate(result, run),
        "warnings": list(result.warnings),
    }


def _base_rate(result: Result, run: Run) -> dict[str, object] | None:
    rates = {} if run.base_rates is None else run.base_rates.readings
    return base_rate_summary(rates[result.name]) if result.name in rates else None


def _horizon(result: Result, sessions: int) -> dict[str, float] | None:
    horizon = result.horizons.get(sessions)
    if horizon is None:
        return None
    return {"return": horizon.net_return, "excess_benchmark": horizon.excess_benchmark, "d": horizon.d}


def _stacked(run: Run, table: Callable[[Result], pd.DataFrame]) -> pd.DataFrame:
    """A table of all readings, with the reading in the first column and sessions as ISO dates."""
    parts = [table(result).assign(reading=result.name) for result in run.results]
    stacked = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    stacked["session"] = pd.to_datetime(stacked["session"]).dt.strftime("%Y-%m-%d")
    return stacked[["reading", *(column for column in stacked.columns if column != "reading")]]


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
