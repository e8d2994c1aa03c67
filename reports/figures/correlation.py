"""Correlations of the daily returns of the readings and the benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.records.result import Run
from reports.statistics.availability import NOISE, Missing
from reports.statistics.returns import LEAST


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlation matrix, ordered by falling correlation with the benchmark.

    `lines` are the numbers of the curves on the page, 0 being the benchmark; `names` their names. `values` has shape
    (n_lines, n_lines) in that order, NaN where a curve does not move.
    """

    lines: tuple[int, ...]
    names: tuple[str, ...]
    values: np.ndarray


def correlations(run: Run) -> Correlations | Missing:
    """Pearson correlations of daily net returns over the window; Missing for fewer than LEAST sessions."""
    if len(run.benchmark) < LEAST:
        return Missing(f"{len(run.benchmark)} sessions; {LEAST} are needed")
    names = (run.benchmark_name, *(result.name for result in run.results))
    returns = np.vstack([run.benchmark, *(result.returns for result in run.results)])
    centred = returns - returns.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    constant = length <= NOISE * np.sqrt(returns.shape[1])
    length[constant] = np.nan
    values = np.clip(centred @ centred.T / np.outer(length, length), -1, 1)
    order = np.argsort(-np.nan_to_num(values[0], nan=-2.0), kind="stable")
    order = np.array([0, *order[order != 0]])  # the benchmark comes first even if it is constant
    return Correlations(tuple(order.tolist()), tuple(names[line] for line in order), values[np.ix_(order, order)])
