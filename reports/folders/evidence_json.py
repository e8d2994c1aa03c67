"""Evidence in the format of results.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from reports.records.evidence import Evidence, EvidenceReport
from reports.statistics.availability import Missing
from reports.statistics.verdict import HORIZON


def evidence_summary(evidence: Evidence, evidence_report: EvidenceReport) -> dict[str, Any]:
    """Content of `evidence` in results.json: the verdict first, details and settings after it."""
    rank = evidence.headline
    return {
        "verdict": evidence.verdict.word,
        "by": list(evidence.verdict.by),
        "conflict": evidence.verdict.conflict or None,
        "reason": evidence.verdict.reason or None,
        "hindsight": evidence_report.hindsight,
        "source": evidence_report.origin,
        "p": rank.p,
        "p_family": rank.p_family,
        "p_lower": rank.p_lower,
        "p_family_lower": rank.p_family_lower,
        "n": rank.n,
        "effect": rank.effect,
        "interval": None if rank.low is None else [rank.low, rank.high],
        "horizon": HORIZON,
        "year": json_value(evidence.year),
        "selection": json_value(evidence.selection),
        "details": json_value(
            {
                field.name: getattr(evidence, field.name)
                for field in fields(evidence)
                if field.name not in ("name", "verdict", "launches", "drawn")
            }
        ),
        "superiority": json_value(evidence_report.superiority),
        "confounders": [list(each) for each in evidence_report.confounders],
        "draws": evidence_report.draws,
        "resamples": evidence_report.resamples,
        "seed": evidence_report.seed,
        "family": list(next((family for family in evidence_report.families if evidence.name in family), ())),
        "year_declared": evidence_report.year_declared,
    }


def json_value(value: Any) -> Any:
    """A value as JSON types: dataclasses as objects, NaN and infinity as null, Missing as an object with its reason."""
    if isinstance(value, Missing):
        return {"not_available": value.reason}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: json_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return json_value(value.tolist())
    return None if isinstance(value, float) and not isfinite(value) else value
