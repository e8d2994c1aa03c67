"""How alike the readings move: correlations of their daily returns, the benchmark among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.records.result import Run
from reports.statistics.availability import NOISE, Missing
from reports.statistics.returns import LEAST


@dataclass(frozen=True, eq=False)
class Correlations:
    """`lines` are the numbers of the curves (0 is the benchmark) by falling correlation with the benchmark.

    `values` has shape (n_lines, n_lines) in that order; NaN where a line does not move.
    """

    lines: tuple[int, ...]
    names: tuple[str, ...]
    values: np.ndarray


def correlations(run: Run) -> Correlations | Missing:
    """Pearson's correlations of daily net returns over the window."""
    if len(run.benchmark) < LEAST:
        return Missing(f"{len(run.benchmark)} sessions say nothing; {LEAST} are needed")
    names = (run.benchmark_name, *(result.name for result in run.results))
    returns = np.vstack([run.benchmark, *(result.returns for result in run.results)])
    moves = returns - returns.mean(axis=1, keepdims=True)
    length = np.linalg.norm(moves, axis=1)
    still = length <= NOISE * np.sqrt(returns.shape[1])
    length[still] = np.nan
    values = np.clip(moves @ moves.T / np.outer(length, length), -1, 1)
    order = np.argsort(-np.nan_to_num(values[0], nan=-2.0), kind="stable")
    order = np.array([0, *order[order != 0]])  # the benchmark, which may not move either, stays in front
    return Correlations(tuple(order.tolist()), tuple(names[line] for line in order), values[np.ix_(order, order)])
