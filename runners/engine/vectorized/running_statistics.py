"""Streaming statistics of equity curves, optionally with the curves themselves."""

from __future__ import annotations

from math import sqrt

import numpy as np

from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL

PERIODS = 252  # sessions a year
LEAST_VALUES = 4096  # values in a block: with fewer, calls take longer than the computation
STILL = 1e-12  # a standard deviation of daily returns below this is rounding


class RunningStatistics:
    """Statistics of n scenarios whose curves arrive in blocks of consecutive sessions.

    `length` counts the sessions of each scenario after the close before its entry, `hold` those until its closing
    decision; both have shape (n,), and scenarios are sorted by length, the longest first.
    """

    def __init__(self, length: np.ndarray, hold: np.ndarray, curves: bool) -> None:
        count = len(length)
        self.length, self.hold = length, hold
        self.last, self.peak = np.full(count, CAPITAL), np.full(count, CAPITAL)
        self.drawdown, self.total, self.squares, self.gross = (np.zeros(count) for _ in range(4))
        self.horizons = np.full((count, len(HORIZONS)), np.nan)
        self.curves = np.full((count, int(length.max()) + 1), np.nan) if curves else None
        if self.curves is not None:
            self.curves[:, 0] = CAPITAL
        self._pending: list[tuple[int, np.ndarray, np.ndarray]] = []
        self._values = 0

    def add_block(self, first: int, curve: np.ndarray, gross: np.ndarray) -> None:
        """Add equity and gross exposure, shape (n_block, n_running), at the closes from `first` sessions held on.

        `curve` has one more row in front: equity at the previous close. Small blocks are joined before they are
        reduced; both arrays may be overwritten.
        """
        if self._pending and self._pending[-1][2].shape[1] != gross.shape[1]:
            self._reduce()
        self._pending.append((first, curve, gross))
        self._values += gross.size
        if self._values >= LEAST_VALUES:
            self._reduce()

    def _reduce(self) -> None:
        if not self._pending:
            return
        (first, curve, gross), *others = self._pending
        if others:
            curve = np.vstack((curve, *(part[1:] for _, part, _ in others)))
            gross = np.vstack((gross, *(part for _, _, part in others)))
        self._pending, self._values = [], 0
        self._add(first, curve, gross)

    def _add(self, first: int, curve: np.ndarray, gross: np.ndarray) -> None:
        equity, (block, running) = curve[1:], gross.shape
        if self.curves is not None:
            self.curves[:running, first : first + block] = equity.T
        for column, horizon in enumerate(HORIZONS):
            if first <= horizon < first + block:
                value = equity[horizon - first] / CAPITAL - 1
                self.horizons[:running, column] = np.where(horizon <= self.hold[:running], value, np.nan)
        self.last[:running] = equity[-1]
        self.gross[:running] += gross.sum(axis=0)
        with np.errstate(invalid="ignore"):  # zero equity stays zero and has no Sharpe ratio
            daily = np.divide(equity, curve[:-1], out=gross)
        daily -= 1
        self.total[:running] += daily.sum(axis=0)
        self.squares[:running] += np.einsum("ls,ls->s", daily, daily)
        self._add_drawdowns(equity, out=daily)

    def _add_drawdowns(self, equity: np.ndarray, out: np.ndarray) -> None:
        running = equity.shape[1]
        peak, drawdown = self.peak[:running], self.drawdown[:running]
        peaks = running_peaks(equity, peak, out)
        peak[:] = peaks[-1]
        np.minimum(drawdown, np.divide(equity, peaks, out=peaks).min(axis=0) - 1, out=drawdown)

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of Batch."""
        self._reduce()
        n = self.length
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / n
            deviation = np.sqrt(np.maximum(self.squares - n * mean**2, 0.0) / (n - 1))
            # After ruin returns mean nothing, as in reports.figures.metrics.
            defined = (deviation > STILL) & (self.last > 0)
            sharpe = np.where(defined, mean / deviation * sqrt(PERIODS), np.nan)
        columns = {
            "sessions": n,
            "terminal": self.last,
            "horizons": self.horizons,
            "sharpe": sharpe,
            "max_drawdown": self.drawdown,
            "exposure": self.gross / n,
        }
        return columns if self.curves is None else {**columns, "equity": self.curves}


def running_peaks(equity: np.ndarray, before: np.ndarray, out: np.ndarray) -> np.ndarray:
    """The highest equity up to each session, including `before`, the peak before the block."""
    if len(equity) > equity.shape[1]:
        np.maximum.accumulate(equity, axis=0, out=out)
        np.maximum(out, before, out=out)
        return out
    np.maximum(equity[0], before, out=out[0])
    for session in range(1, len(equity)):  # several times faster than NumPy's accumulate for many scenarios
        np.maximum(equity[session], out[session - 1], out=out[session])
    return out
