"""Folder of a multiverse: pages, results, table of specifications and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from reports.figures.multiverse import specification_rank, summary_by_choice, variance_by_dimension
from reports.folders import atomic, evidence_json
from reports.pages import multiverse as multiverse_page
from reports.records.multiverse import Choice, Dimension, Multiverse, MultiverseRun
from reports.statistics.availability import Missing
from reports.statistics.specification_curve import CurveSummary, curve_summary, nan_safe_median, same_sign_share

SCHEMA = 1
DIGITS = 6  # of d in specs.csv: about a dollar of a million


def write(survey: MultiverseRun, out: Path) -> None:
    """Write the folder of a multiverse: built beside `out`, then exchanged with it.

    An earlier multiverse in `out` is replaced and stays unchanged until the exchange. Raises RequestError if `out`
    holds something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    atomic.write_folder(multiverse_files(survey), out)


def multiverse_files(survey: MultiverseRun) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest comes last, with the SHA-256 of the others."""
    files = {
        "index.html": multiverse_page.render(survey).encode(),
        **{
            f"{multiverse.name}.html": multiverse_page.render_reading_multiverse(survey, multiverse).encode()
            for multiverse in survey.multiverses
        },
        "results.json": atomic.to_json(multiverse_results(survey)),
        "specs.csv": atomic.to_csv(specification_table(survey)),
    }
    return atomic.with_manifest(files, survey.manifest)


def specification_table(survey: MultiverseRun) -> pd.DataFrame:
    """One row per specification of every reading: its choices, empty where the reading has no such choice, and its d.

    Choices that are numbers are written as such (entry: sessions after the declared one; costs: multiple of the
    declared ones; borrow: a fraction a year), the others by their labels.
    """
    return pd.concat([_specifications(multiverse, survey) for multiverse in survey.multiverses], ignore_index=True)


def multiverse_results(survey: MultiverseRun) -> dict[str, object]:
    """Content of results.json; null where a figure is undefined."""
    return {
        "schema": SCHEMA,
        "kind": "multiverse",
        "source": {"origin": survey.origin, "real": survey.real, "notices": list(survey.notices)},
        "launches": {"step": survey.step, "placebos": survey.placebos, **_sessions(survey)},
        "readings": {multiverse.name: _reading(multiverse, survey) for multiverse in survey.multiverses},
        "failed": {name: failure.traceback for name, failure in survey.failed.items()},
        "table": "specs.csv",
    }


def dimension_names(survey: MultiverseRun) -> tuple[str, ...]:
    """All dimensions of any reading: the shared ones first, then those of single readings."""
    shared = [dimension.name for dimension in survey.dimensions]
    specific = [dimension.name for multiverse in survey.multiverses for dimension in multiverse.dimensions]
    return tuple(dict.fromkeys((*shared, *specific)))


def dimension_as_dict(dimension: Dimension) -> dict[str, object]:
    """A dimension with its choices, for results.json."""
    return {
        "asks": dimension.asks,
        "choices": {
            choice.label: {
                "value": _value_text(choice),
                "reason": choice.reason,
                "declared": choice.declared,
                "hindsight": choice.hindsight,
                "tested": choice.tested,
            }
            for choice in dimension.choices
        },
    }


def _specifications(multiverse: Multiverse, survey: MultiverseRun) -> pd.DataFrame:
    columns: dict[str, object] = dict.fromkeys(dimension_names(survey), "")
    for index, dimension in enumerate(multiverse.dimensions):
        columns[dimension.name] = np.array([_value_text(choice) for choice in dimension.choices], dtype=object)[
            multiverse.codes[:, index]
        ]
    used = np.where(multiverse.tested, "tested", np.where(multiverse.honest, "described", "hindsight"))
    table = {"reading": multiverse.name, **columns, "used": used, "d": np.round(multiverse.d, DIGITS)}
    return pd.DataFrame(table, index=range(len(multiverse)))


def _value_text(choice: Choice) -> str:
    return str(choice.value) if isinstance(choice.value, int | float) else choice.label


def _reading(multiverse: Multiverse, survey: MultiverseRun) -> dict[str, object]:
    declared, placebo = multiverse_page.declared_specification(multiverse), survey.joint[multiverse.name]
    rolling = multiverse.rolling
    return {
        "comparator": multiverse.comparator,
        "specs": {
            "all": len(multiverse),
            "honest": int(multiverse.honest.sum()),
            "tested": int(multiverse.tested.sum()),
            "without_d": int(np.isnan(multiverse.d).sum()),
        },
        "dimensions": {dimension.name: dimension_as_dict(dimension) for dimension in multiverse.dimensions},
        "not_varied": dict(multiverse.fixed),
        "declared": None
        if declared is None
        else {"d": float(multiverse.d[declared]), "rank": specification_rank(multiverse, declared)},
        "tested": evidence_json.json_value(curve_summary(multiverse.d[multiverse.tested])),
        "honest": evidence_json.json_value(curve_summary(multiverse.d[multiverse.honest])),
        "joint": {"median": evidence_json.json_value(placebo.median), "share": evidence_json.json_value(placebo.share)},
        "variance_shares": {part.name: part.share for part in variance_by_dimension(multiverse)},
        "choices": {dimension.name: _choices(rows) for dimension, rows in summary_by_choice(multiverse)},
        "launches": {
            "medians": nan_safe_median(multiverse.d_by_entry).tolist(),
            "shares": same_sign_share(multiverse.d_by_entry).tolist(),
        },
        "all_dates": evidence_json.json_value(rolling)
        if isinstance(rolling, Missing)
        else np.round(rolling.medians, DIGITS).tolist(),
    }


def _choices(rows: list[tuple[Choice, CurveSummary]]) -> Mapping[str, object]:
    return {choice.label: evidence_json.json_value(summary) for choice, summary in rows}


def _sessions(survey: MultiverseRun) -> dict[str, list[str]]:
    """Entry dates, the real one first, then past entries; and all entry dates where the curve was computed for them."""
    first = survey.multiverses[0]
    all_dates = [] if isinstance(first.rolling, Missing) else list(first.rolling.sessions)
    return {"sessions": list(first.sessions), "all_dates": all_dates}
