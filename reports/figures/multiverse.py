"""Figures of a multiverse: how much each dimension matters, summaries by choice, ranks of specifications."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.records.multiverse import Choice, Dimension, Multiverse
from reports.statistics.specification_curve import CurveSummary, curve_summary, variance_shares


@dataclass(frozen=True)
class VarianceShare:
    """Share of the variance of d that one dimension explains by itself; NaN where nothing varies."""

    name: str
    share: float


def variance_by_dimension(multiverse: Multiverse) -> list[VarianceShare]:
    """Share of the variance of d by dimension, over all specifications without hindsight."""
    honest = multiverse.honest
    shares = variance_shares(multiverse.d[honest], multiverse.codes[honest])
    return [
        VarianceShare(dimension.name, share)
        for dimension, share in zip(multiverse.dimensions, shares.tolist(), strict=True)
    ]


def summary_by_choice(multiverse: Multiverse) -> list[tuple[Dimension, list[tuple[Choice, CurveSummary]]]]:
    """Summary of the specifications with each choice; those with hindsight count only for a hindsight choice."""
    summaries = []
    for index, dimension in enumerate(multiverse.dimensions):
        rows = [(choice, _summary_of_choice(multiverse, index, code)) for code, choice in enumerate(dimension.choices)]
        summaries.append((dimension, rows))
    return summaries


def specification_rank(multiverse: Multiverse, index: int) -> int:
    """Rank of a specification among all that have a d and no hindsight, 1 for the highest d."""
    return int(np.sum(multiverse.d[multiverse.honest] > multiverse.d[index])) + 1


def _summary_of_choice(multiverse: Multiverse, dimension: int, code: int) -> CurveSummary:
    chosen = multiverse.codes[:, dimension] == code
    if not multiverse.dimensions[dimension].choices[code].hindsight:
        chosen = chosen & multiverse.honest
    return curve_summary(multiverse.d[chosen])
