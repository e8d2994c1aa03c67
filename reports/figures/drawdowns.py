"""Drawdowns of an equity curve.

QuantStats' `drawdown_details` finds no drawdown that begins on the first day, unless another one follows.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

ROUNDING = 1e-12  # a smaller fall is rounding: the benchmark's curve is a product of its returns


@dataclass(frozen=True)
class Drawdown:
    """A time under water: its first and last session, the deepest one, the fall there as a fraction, the recovery.

    `recovered` is the first session back at the earlier peak, None while there is none.
    """

    started: pd.Timestamp
    bottom: pd.Timestamp
    last: pd.Timestamp
    recovered: pd.Timestamp | None
    depth: float

    @property
    def days(self) -> int:
        """Calendar days from the first session under water to the last, both counted."""
        return (self.last - self.started).days + 1


def find_drawdowns(equity: pd.Series[float]) -> list[Drawdown]:
    """Every drawdown of the curve in order of time; its first value counts as a peak."""
    fall = equity / equity.cummax() - 1
    below = fall < -ROUNDING
    return [_drawdown(part, equity.index) for _, part in fall[below].groupby((~below).cumsum()[below])]


def _drawdown(fall: pd.Series[float], sessions: pd.Index[pd.Timestamp]) -> Drawdown:
    under, later = fall.index, sessions[sessions > fall.index[-1]]
    deepest = under[int(fall.to_numpy().argmin())]
    return Drawdown(under[0], deepest, under[-1], later[0] if len(later) else None, float(fall.min()))
