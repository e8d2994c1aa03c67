"""The folder that a sweep leaves behind: a page for people, tables for programs; whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path

import pandas as pd

from reports.figures.sweep import FEW, ParameterEffect, declared_variant, parameter_effects, rank_variants, ranked_count
from reports.folders import atomic, evidence_json
from reports.folders.atomic import to_csv, to_json
from reports.folders.run import SCHEMA
from reports.pages import sweep as sweep_page
from reports.records.sweep import FIGURES, SweepResult

FLAGS = ("truncated", "ruined", "hindsight")
COUNTS = (*FLAGS, "refused", "sessions")


def write(sweep: SweepResult, out: Path) -> None:
    """Write the folder of a sweep: built beside `out`, then exchanged with it.

    An earlier sweep or run in `out` is replaced; until the exchange it stays as it is. Raises RequestError where `out`
    holds something else or is being written by another run, WorkError where the disk takes no more.
    """
    atomic.write_folder(sweep_files(sweep), out)


def sweep_files(sweep: SweepResult) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest, last, has the SHA-256 of all others."""
    made: dict[str, bytes] = {
        "index.html": sweep_page.render(sweep).encode(),
        "results.json": to_json(sweep_results(sweep)),
        "sweep.csv": to_csv(variant_table(sweep)),
    }
    return atomic.with_manifest(made, sweep.manifest)


def variant_table(sweep: SweepResult) -> pd.DataFrame:
    """Every spec in its order: its number from 1, the knobs, its window, its figures, and why it could not be run."""
    columns: dict[str, object] = {"spec": range(1, len(sweep) + 1)}
    for place, knob in enumerate(sweep.parameters):
        columns[knob.name] = pd.Series(knob.labels, dtype=object).to_numpy()[sweep.codes[:, place]]
    columns |= {"first_session": sweep.days[:, 0], "last_session": sweep.days[:, 1]}
    for name in FIGURES:
        values = pd.Series(sweep.figures[name])
        columns[f"figure {name}" if name in columns else name] = values.astype("Int64") if name in COUNTS else values
    columns["failed"] = [sweep.failed.get(place, "") for place in range(len(sweep))]
    return pd.DataFrame(columns)


def sweep_results(sweep: SweepResult) -> dict[str, object]:
    """What results.json holds: fractions, USD, null where a figure is not defined."""
    order = rank_variants(sweep)[: ranked_count(sweep)].tolist()
    at = declared_variant(sweep)
    return {
        "schema": SCHEMA,
        "kind": "sweep",
        "reading": sweep.name,
        "comparator": sweep.comparator,
        "benchmark": sweep.benchmark,
        "source": {"origin": sweep.origin, "real": sweep.real, "notices": list(sweep.notices)},
        "objective": sweep.objective,
        "knobs": {knob.name: {"values": list(knob.labels), "declared": knob.default} for knob in sweep.parameters},
        "fixed": dict(sweep.fixed),
        "search": evidence_json.json_value(sweep.search),
        "specs": len(sweep),
        "failed": {"count": len(sweep.failed), "first": next(iter(sweep.failed.values()), None)},
        "declared": None
        if at is None
        else {"rank": order.index(at) + 1 if at in order else None, **variant_as_dict(sweep, at)},
        "best": [variant_as_dict(sweep, place) for place in order[:FEW]],
        "worst": [variant_as_dict(sweep, place) for place in order[::-1][:FEW]],
        "effects": {effect.parameter: _effect(effect) for effect in parameter_effects(sweep)},
        "overfitting": evidence_json.json_value(sweep.validation),
        "sharpe_of_the_best": evidence_json.json_value(sweep.sharpe),
        "table": "sweep.csv",
    }


def variant_as_dict(sweep: SweepResult, place: int) -> dict[str, object]:
    """One spec: its number in sweep.csv, its values, its figures."""
    knobs = {knob.name: label for knob, label in zip(sweep.parameters, sweep.labels(place), strict=True)}
    return {"spec": place + 1, "knobs": knobs, "first": sweep.days[place, 0], "last": sweep.days[place, 1]} | {
        name: _figure(name, float(sweep.figures[name][place])) for name in FIGURES
    }


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
