"""What the readings hold: weights at each close for the chart, and their means for the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.records.result import Result

LARGEST = 3  # holdings that are named
PARTS = 10_000  # weights are drawn in hundredths of a percent


@dataclass(frozen=True)
class MeanExposure:
    """Means over the closes from the entry on, fractions of equity; `most` is the greatest gross exposure.

    `names` is the mean number of symbols held. `largest` are the weightiest symbols with their mean weights.
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
    """The exposure of a reading; zeros where it never held anything."""
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
    """What the chart draws: by symbol, the weightiest first, whole hundredths of a percent of equity at each close."""
    symbols = list(held_symbols(result).columns)
    weights = np.rint(result.holdings[symbols].to_numpy() * PARTS).astype(int)
    return {"symbols": symbols, "weights": weights.T.tolist()}


def held_symbols(result: Result) -> pd.DataFrame:
    """Weights from the entry on of the symbols that were ever held, the weightiest first."""
    held = result.holdings.iloc[1:].loc[:, (result.holdings != 0).any()]
    order = held.abs().mean().sort_values(ascending=False, kind="stable").index
    return held[order]
