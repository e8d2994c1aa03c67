"""Folder of a sweep: page, results, table of variants and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import pandas as pd

from reports.figures.sweep import FEW, ParameterEffect, declared_variant, parameter_effects, rank_variants, ranked_count
from reports.folders import atomic, evidence_json
from reports.folders.atomic import to_csv, to_json
from reports.pages import sweep as sweep_page
from reports.records.sweep import FIGURES, SweepResult

SCHEMA = 1
FLAGS = ("truncated", "ruined", "hindsight")
COUNTS = (*FLAGS, "refused", "sessions")


def write(sweep: SweepResult, out: Path) -> None:
    """Write the folder of a sweep: built beside `out`, then exchanged with it.

    An earlier sweep in `out` is replaced and stays unchanged until the exchange. Raises RequestError if `out` holds
    something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    atomic.write_folder(sweep_files(sweep), out)


def sweep_files(sweep: SweepResult) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest comes last, with the SHA-256 of the others."""
    files: dict[str, bytes] = {
        "index.html": sweep_page.render(sweep).encode(),
        "results.json": to_json(sweep_results(sweep)),
        "sweep.csv": to_csv(variant_table(sweep)),
    }
    return atomic.with_manifest(files, sweep.manifest)


def variant_table(sweep: SweepResult) -> pd.DataFrame:
    """One row per variant: number from 1, parameters, window, figures, and why it could not be run."""
    columns: dict[str, object] = {"spec": range(1, len(sweep) + 1)}
    for index, parameter in enumerate(sweep.parameters):
        columns[parameter.name] = pd.Series(parameter.labels, dtype=object).to_numpy()[sweep.codes[:, index]]
    columns |= {"first_session": sweep.days[:, 0], "last_session": sweep.days[:, 1]}
    for name in FIGURES:
        values = pd.Series(sweep.figures[name])
        columns[f"figure {name}" if name in columns else name] = values.astype("Int64") if name in COUNTS else values
    columns["failed"] = [sweep.failed.get(index, "") for index in range(len(sweep))]
    return pd.DataFrame(columns)


def sweep_results(sweep: SweepResult) -> dict[str, object]:
    """Content of results.json: fractions, USD, null where a figure is undefined."""
    order = rank_variants(sweep)[: ranked_count(sweep)].tolist()
    declared = declared_variant(sweep)
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "reading": sweep.name,
        "comparator": sweep.comparator,
        "benchmark": sweep.benchmark,
        "source": {"origin": sweep.origin, "real": sweep.real, "notices": list(sweep.notices)},
        "objective": sweep.objective,
        "knobs": {each.name: {"values": list(each.labels), "declared": each.default} for each in sweep.parameters},
        "fixed": dict(sweep.fixed),
        "search": evidence_json.json_value(sweep.search),
        "specs": len(sweep),
        "failed": {"count": len(sweep.failed), "first": next(iter(sweep.failed.values()), None)},
        "declared": None
        if declared is None
        else {"rank": order.index(declared) + 1 if declared in order else None, **variant_as_dict(sweep, declared)},
        "best": [variant_as_dict(sweep, index) for index in order[:FEW]],
        "worst": [variant_as_dict(sweep, index) for index in order[::-1][:FEW]],
        "effects": {effect.parameter: _effect(effect) for effect in parameter_effects(sweep)},
        "overfitting": evidence_json.json_value(sweep.validation),
        "sharpe_of_the_best": evidence_json.json_value(sweep.sharpe),
        "table": "sweep.csv",
    }


def variant_as_dict(sweep: SweepResult, index: int) -> dict[str, object]:
    """One variant: its number in sweep.csv, its parameters, its window, its figures."""
    parameters = {each.name: label for each, label in zip(sweep.parameters, sweep.labels(index), strict=True)}
    first, last = sweep.days[index]
    figures = {name: _figure(name, float(sweep.figures[name][index])) for name in FIGURES}
    return {"spec": index + 1, "knobs": parameters, "first": first, "last": last, **figures}


def _figure(name: str, value: float) -> object:
    if not isfinite(value):
        return None
    return bool(value) if name in FLAGS else int(value) if name in COUNTS else value


def _effect(effect: ParameterEffect) -> Mapping[str, object]:
    levels = [
        {"values": level.label, "specs": level.n, "mean": level.mean, "low": level.low, "high": level.high}
        for level in effect.levels
    ]
    return {"variance_share": effect.share, "levels": levels}
