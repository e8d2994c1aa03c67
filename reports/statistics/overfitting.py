"""The Sharpe ratio corrected for sample length, tails and the number of trials; probability of overfitting.

Sharpe ratios are per period (a day, say) and not annualised, unless stated.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import e, inf, isfinite, sqrt

import numpy as np

from reports.statistics.availability import NOISE, Unavailable, require_observations

BLOCKS = 16  # of the returns of a grid, for the probability of overfitting
LEAST_BLOCK = 10  # returns in a block


@dataclass(frozen=True)
class ReturnMoments:
    """Moments on which the distribution of a Sharpe ratio depends.

    `sharpe` is per period, `periods` the number of them, `kurtosis` raw (3 for normal returns).

    Raises Unavailable for fewer than 2 periods, and for moments that are unknown or that no distribution has.
    """

    sharpe: float
    periods: int
    skewness: float = 0.0
    kurtosis: float = 3.0

    def __post_init__(self) -> None:
        if self.periods < 2:
            raise Unavailable(f"Sharpe ratio: {self.periods} periods; 2 are needed")
        if not self.spread > 0 or not isfinite(self.spread):
            raise Unavailable(
                f"Sharpe ratio: {self.sharpe:.3g} with a skewness of {self.skewness:.3g} and a kurtosis of"
                f" {self.kurtosis:.3g} has no standard error; more periods than {self.periods} are needed"
            )

    @property
    def spread(self) -> float:
        """Variance of the estimated Sharpe ratio times the number of periods less one (Mertens 2002)."""
        return 1 - self.skewness * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def return_moments(excess: np.ndarray) -> ReturnMoments:
    """Moments of `excess` returns per period, shape (n_periods,); skewness and kurtosis corrected for bias.

    The correction is that of pandas and QuantStats, whose probabilistic Sharpe ratio is the same.

    Raises Unavailable for too few, missing or constant returns.
    """
    import pandas as pd

    checked = require_observations(excess, "excess returns")
    series = pd.Series(checked)
    skewness, excess_kurtosis = np.array([series.skew(), series.kurt()], dtype=float).tolist()
    ratio = float(np.mean(checked) / np.std(checked, ddof=1))
    return ReturnMoments(ratio, len(checked), skewness, excess_kurtosis + 3)


def probabilistic_sharpe(sample: ReturnMoments, threshold: float = 0.0) -> float:
    """Probability that the true Sharpe ratio is above `threshold` (Bailey & Lopez de Prado 2012, J. of Risk 15:3).

    PSR(SR*) = Phi[(SR - SR*) sqrt(T-1) / sqrt(1 - g3 SR + (g4-1)/4 SR^2)]
    """
    from scipy.special import ndtr

    return float(ndtr((sample.sharpe - threshold) * sqrt(sample.periods - 1) / sqrt(sample.spread)))


def expected_maximum(trials: int, deviation: float = 1.0) -> float:
    """Expected largest Sharpe ratio among `trials` without skill, per period.

    `deviation` is the standard deviation of Sharpe ratios across trials. A single trial is not selected: 0.
    SR0 = sqrt(V) [(1-gE) Phi^-1(1 - 1/N) + gE Phi^-1(1 - 1/(N e))] (Bailey & Lopez de Prado 2014, JPM 40(5):94)

    Raises Unavailable if the deviation across several trials is unknown; ValueError for fewer than one trial.
    """
    from scipy.special import ndtri

    _counted(trials)
    if trials == 1:
        return 0.0
    if not 0 <= deviation < inf:
        raise Unavailable(f"deviation across {trials} trials: {deviation}; the Sharpe ratios of 2 are needed")
    weight = float(np.euler_gamma)
    return float(deviation * ((1 - weight) * ndtri(1 - 1 / trials) + weight * ndtri(1 - 1 / (trials * e))))


def deflated_sharpe(sample: ReturnMoments, trials: int, deviation: float) -> float:
    """Probability that the true Sharpe ratio is above the one that the best of `trials` shows by luck.

    DSR = PSR(SR0) (Bailey & Lopez de Prado 2014); arguments and errors as in `expected_maximum`.
    """
    return probabilistic_sharpe(sample, expected_maximum(trials, deviation))


def minimum_track_record(sample: ReturnMoments, threshold: float = 0.0, level: float = 0.95) -> float:
    """Periods needed for this Sharpe ratio to be above `threshold` with the probability `level`.

    MinTRL = 1 + (1 - g3 SR + (g4-1)/4 SR^2) (z_a/(SR - SR*))^2 (Bailey & Lopez de Prado 2012)

    Raises Unavailable if the ratio is not above the threshold, for which no length suffices; ValueError for a level
    that is not between 1/2 and 1.
    """
    from scipy.special import ndtri

    if not 0.5 < level < 1:
        raise ValueError(f"level {level} is not between 0.5 and 1; 0.95 is usual")
    if sample.sharpe <= threshold:
        raise Unavailable(f"track record: a Sharpe ratio of {sample.sharpe:.3g} must be above {threshold:.3g}")
    return float(1 + sample.spread * (ndtri(level) / (sample.sharpe - threshold)) ** 2)


@dataclass(frozen=True, eq=False)
class Overfitting:
    """Result of combinatorially symmetric cross-validation.

    `probability` (PBO) is the share of splits in which the setting that was best in one half was no better than the
    median in the other; without skill it is 1/2, not 0. `logits`, shape (n_splits,), are ln(w/(1-w)) of that
    setting's relative rank w in the other half.
    """

    probability: float
    logits: np.ndarray


def overfitting_probability(returns: np.ndarray, blocks: int = BLOCKS) -> Overfitting:
    """Probability of backtest overfitting (Bailey, Borwein, Lopez de Prado & Zhu 2017, J. Comp. Finance 20(4):39).

    `returns`, shape (n_periods, n_trials), holds each setting of a grid in a column. The periods are cut into `blocks`
    of equal length (the first n_periods mod blocks are left out); each half of them selects the setting of the
    highest Sharpe ratio, and the other half ranks it (equal ratios share their mean rank). Settings with equal ratios
    in every half count once: there is nothing to choose between them.

    Raises Unavailable for fewer than two trials that differ, for blocks of fewer than LEAST_BLOCK returns, for missing
    returns, and for a trial that is constant in some half; ValueError for blocks that are not even, below 2 or above
    18 (48,620 splits).
    """
    if blocks not in range(2, 19, 2):
        raise ValueError(f"{blocks} blocks; an even number from 2 to 18 is needed")
    inside = np.unique(_half_sharpes(_grid(returns, blocks), blocks), axis=1)
    if inside.shape[1] < 2:
        raise Unavailable("overfitting: all trials are the same; 2 that differ are needed")
    # Splits come in the order of `combinations`, in which the complement of the first is the last, and so on.
    outside = inside[::-1]
    selected = np.take_along_axis(outside, inside.argmax(axis=1)[:, None], axis=1)
    rank = (outside < selected).sum(axis=1) + ((outside == selected).sum(axis=1) + 1) / 2
    share = rank / (outside.shape[1] + 1)
    logits = np.log(share / (1 - share))
    return Overfitting(float(np.mean(logits <= 0)), logits)


def _grid(returns: np.ndarray, blocks: int) -> np.ndarray:
    grid = np.asarray(returns, dtype=float)
    if grid.ndim != 2:
        raise ValueError(f"returns of shape {grid.shape}; (n_periods, n_trials) is needed")
    periods, trials = grid.shape
    if trials < 2:
        raise Unavailable(f"overfitting: {trials} trials; 2 are needed")
    if periods < blocks * LEAST_BLOCK:
        raise Unavailable(
            f"overfitting: {periods} periods; {blocks} blocks of {LEAST_BLOCK} are needed, since Sharpe ratios of "
            f"shorter ones are noise"
        )
    if missing := int(np.sum(~np.isfinite(grid))):
        raise Unavailable(f"overfitting: {missing} of {grid.size} returns are missing or infinite; none may be")
    return grid[periods % blocks :]


def _half_sharpes(grid: np.ndarray, blocks: int) -> np.ndarray:
    """Sharpe ratios of every half of the blocks, shape (n_splits, n_trials)."""
    centre = grid.mean(axis=0)
    stacked = (grid - centre).reshape(blocks, -1, grid.shape[1])
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    member = np.zeros((len(halves), blocks))
    np.put_along_axis(member, halves, 1.0, axis=1)
    size = len(grid) // 2
    mean = member @ stacked.sum(axis=1) / size
    variance = (member @ (stacked**2).sum(axis=1) - size * mean**2) / (size - 1)
    # Rounding leaves of a constant half some 1e-16 of the variance of the whole: that little is no variation either.
    least = NOISE * np.maximum(NOISE, (stacked**2).mean(axis=(0, 1)))
    if np.any(flat := (variance <= least).any(axis=0)):
        raise Unavailable(f"overfitting: trial {int(flat.argmax())} is constant in some half; each must vary in all")
    # Rounded, so that equal settings have equal ratios on every machine.
    return np.asarray(np.round((mean + centre) / np.sqrt(variance), 12))


def _counted(trials: int) -> None:
    if trials < 1:
        raise ValueError(f"{trials} trials; count at least the trial itself")
