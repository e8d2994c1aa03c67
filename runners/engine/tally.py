"""Reductions of equity curves, made while they are walked; the curves themselves where asked for."""

from __future__ import annotations

from math import sqrt

import numpy as np

from reports.result import HORIZONS
from runners.engine.backtest import CAPITAL

PERIODS = 252  # sessions a year
STILL = 1e-12  # a standard deviation of daily returns below this is rounding


class Tally:
    """Figures of n scenarios whose curves come in blocks of consecutive sessions.

    `length` counts the sessions of each scenario after the close before its entry, `hold` those until its closing
    decision; both have shape (n,), and scenarios are sorted by length, the longest first.
    """

    def __init__(self, length: np.ndarray, hold: np.ndarray, curves: bool) -> None:
        count = len(length)
        self.length, self.hold = length, hold
        self.last, self.peak = np.full(count, CAPITAL), np.full(count, CAPITAL)
        self.worst, self.total, self.squares, self.gross = (np.zeros(count) for _ in range(4))
        self.horizons = np.full((count, len(HORIZONS)), np.nan)
        self.curves = np.full((count, int(length.max()) + 1), np.nan) if curves else None
        if self.curves is not None:
            self.curves[:, 0] = CAPITAL

    def note(self, first: int, equity: np.ndarray, gross: np.ndarray) -> None:
        """Equity and gross exposure, shape (n_block, n_running), at the closes from `first` sessions held on."""
        block, running = equity.shape
        if self.curves is not None:
            self.curves[:running, first : first + block] = equity.T
        for column, horizon in enumerate(HORIZONS):
            if first <= horizon < first + block:
                value = equity[horizon - first] / CAPITAL - 1
                self.horizons[:running, column] = np.where(horizon <= self.hold[:running], value, np.nan)
        last, peak, worst = self.last[:running], self.peak[:running], self.worst[:running]
        daily = equity / np.vstack((last, equity[:-1])) - 1
        self.total[:running] += daily.sum(axis=0)
        self.squares[:running] += (daily * daily).sum(axis=0)
        self.gross[:running] += gross.sum(axis=0)
        peaks = np.maximum.accumulate(np.vstack((peak, equity)), axis=0)[1:]
        np.minimum(worst, (equity / peaks - 1).min(axis=0), out=worst)
        last[:], peak[:] = equity[-1], peaks[-1]

    def columns(self) -> dict[str, np.ndarray]:
        """The figures by their names in Batch."""
        n = self.length
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / n
            deviation = np.sqrt(np.maximum(self.squares - n * mean**2, 0.0) / (n - 1))
            sharpe = np.where(deviation > STILL, mean / deviation * sqrt(PERIODS), np.nan)
        columns = {
            "sessions": n,
            "terminal": self.last,
            "horizons": self.horizons,
            "sharpe": sharpe,
            "max_drawdown": self.worst,
            "exposure": self.gross / n,
        }
        return columns if self.curves is None else {**columns, "equity": self.curves}
