"""Exposure of the readings: weights at each close for the chart, means for the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.records.result import Result

LARGEST = 3  # holdings listed by name
BASIS_POINTS = 10_000  # weights are plotted in whole basis points


@dataclass(frozen=True)
class MeanExposure:
    """Means over the closes from the entry on, as fractions of equity.

    `most` is the largest gross exposure, `names` the mean number of symbols held, `largest` the symbols with the
    largest mean absolute weights, each with its mean weight.
    """

    long: float
    short: float
    most: float
    names: float
    largest: tuple[tuple[str, float], ...]

    @property
    def gross(self) -> float:
        return self.long + self.short

    @property
    def net(self) -> float:
        return self.long - self.short


def mean_exposure(result: Result) -> MeanExposure:
    """Mean exposure of a reading; zeros if it never held anything."""
    held = held_symbols(result)
    weights = held.to_numpy()
    if not weights.size:
        return MeanExposure(0.0, 0.0, 0.0, 0.0, ())
    return MeanExposure(
        long=float(np.maximum(weights, 0).sum(axis=1).mean()),
        short=float(np.maximum(-weights, 0).sum(axis=1).mean()),
        most=float(np.abs(weights).sum(axis=1).max()),
        names=float((weights != 0).sum(axis=1).mean()),
        largest=tuple((str(symbol), float(held[symbol].mean())) for symbol in held.columns[:LARGEST]),
    )


def exposure_chart(result: Result) -> dict[str, object]:
    """Data of the chart: weights by symbol at each close, in basis points of equity, the largest position first."""
    symbols = list(held_symbols(result).columns)
    weights = np.rint(result.holdings[symbols].to_numpy() * BASIS_POINTS).astype(int)
    return {"symbols": symbols, "weights": weights.T.tolist()}


def held_symbols(result: Result) -> pd.DataFrame:
    """Weights from the entry on of every symbol that was held, the largest mean absolute weight first."""
    held = result.holdings.iloc[1:].loc[:, (result.holdings != 0).any()]
    order = held.abs().mean().sort_values(ascending=False, kind="stable").index
    return held[order]
