"""The folder that a multiverse leaves behind: pages for people, tables for programs; whole or not at all."""

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

    An earlier run in `out` is replaced; until the exchange it stays as it is. Raises RequestError where `out` holds
    something else or is being written by another run, WorkError where the disk takes no more.
    """
    atomic.write_folder(multiverse_files(survey), out)


def multiverse_files(survey: MultiverseRun) -> dict[str, bytes]:
    """Every file of the folder by name; the manifest, last, has the SHA-256 of all others."""
    made = {
        "index.html": multiverse_page.render(survey).encode(),
        **{
            f"{multiverse.name}.html": multiverse_page.render_reading_multiverse(survey, multiverse).encode()
            for multiverse in survey.multiverses
        },
        "results.json": atomic.to_json(multiverse_results(survey)),
        "specs.csv": atomic.to_csv(specification_table(survey)),
    }
    return atomic.with_manifest(made, survey.manifest)


def specification_table(survey: MultiverseRun) -> pd.DataFrame:
    """Every spec of every reading: its choices, empty where there was none to make, and its d.

    Choices that are numbers are written as such (entry: sessions after the declared one; costs: times the declared
    ones; borrow: a fraction a year), the others by their labels.
    """
    return pd.concat([_specs(multiverse, survey) for multiverse in survey.multiverses], ignore_index=True)


def multiverse_results(survey: MultiverseRun) -> dict[str, object]:
    """What results.json holds; null where a figure is not defined."""
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
    """All dimensions that some reading has, in one order."""
    general = [dimension.name for dimension in survey.dimensions]
    own = [dimension.name for multiverse in survey.multiverses for dimension in multiverse.dimensions]
    return tuple(dict.fromkeys((*general, *own)))


def dimension_as_dict(dimension: Dimension) -> dict[str, object]:
    """A dimension with its choices, as programs read it."""
    return {
        "asks": dimension.asks,
        "choices": {
            choice.label: {
                "value": _written(choice),
                "reason": choice.reason,
                "declared": choice.declared,
                "hindsight": choice.hindsight,
                "tested": choice.tested,
            }
            for choice in dimension.choices
        },
    }


def _specs(multiverse: Multiverse, survey: MultiverseRun) -> pd.DataFrame:
    columns: dict[str, object] = dict.fromkeys(dimension_names(survey), "")
    for place, dimension in enumerate(multiverse.dimensions):
        columns[dimension.name] = np.array([_written(choice) for choice in dimension.choices], dtype=object)[
            multiverse.codes[:, place]
        ]
    used = np.where(multiverse.tested, "tested", np.where(multiverse.honest, "described", "hindsight"))
    made = {"reading": multiverse.name, **columns, "used": used, "d": np.round(multiverse.d, DIGITS)}
    return pd.DataFrame(made, index=range(len(multiverse)))


def _written(choice: Choice) -> str:
    return str(choice.value) if isinstance(choice.value, int | float) else choice.label


def _reading(multiverse: Multiverse, survey: MultiverseRun) -> dict[str, object]:
    place, found = multiverse_page.declared_specification(multiverse), survey.joint[multiverse.name]
    everywhere = multiverse.everywhere
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
        if place is None
        else {"d": float(multiverse.d[place]), "rank": specification_rank(multiverse, place)},
        "tested": evidence_json.json_value(curve_summary(multiverse.d[multiverse.tested])),
        "honest": evidence_json.json_value(curve_summary(multiverse.d[multiverse.honest])),
        "joint": {"median": evidence_json.json_value(found.median), "share": evidence_json.json_value(found.share)},
        "variance_shares": {part.name: part.share for part in variance_by_dimension(multiverse)},
        "choices": {dimension.name: _choices(rows) for dimension, rows in summary_by_choice(multiverse)},
        "launches": {
            "medians": nan_safe_median(multiverse.launched).tolist(),
            "shares": same_sign_share(multiverse.launched).tolist(),
        },
        "all_dates": evidence_json.json_value(everywhere)
        if isinstance(everywhere, Missing)
        else np.round(everywhere.medians, DIGITS).tolist(),
    }


def _choices(rows: list[tuple[Choice, CurveSummary]]) -> Mapping[str, object]:
    return {choice.label: evidence_json.json_value(found) for choice, found in rows}


def _sessions(survey: MultiverseRun) -> dict[str, list[str]]:
    """Dates of the launches, the real one first, and of all dates where those were asked for."""
    first = survey.multiverses[0]
    everywhere = [] if isinstance(first.everywhere, Missing) else list(first.everywhere.sessions)
    return {"sessions": list(first.sessions), "all_dates": everywhere}
