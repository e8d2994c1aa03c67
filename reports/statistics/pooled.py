"""Pooled results after comparable events, against the same calendar of events at other times.

The excess returns after all events are averaged; they are fractions, exp(d) - 1, so that a ruined launch counts as -1.
Under the null the events have no effect, so their whole calendar could lie elsewhere: it is shifted by every number of
sessions, modulo the usable range, which keeps the clustering of events and the dependence between groups. Shifts whose
windows would touch the real ones are left out. The rank of the real mean among the shifted ones gives p-values on both
sides, adjusted for all readings by the largest and the smallest z (Westfall & Young 1993). Sources: Chernozhukov,
Wuthrich & Zhu 2021, JASA 116:1849; Mitchell & Stafford 2000, J. Bus. 73:287, on why overlapping long windows need it;
Fama 1998, JFE 49:283.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.placebo import DIGITS, POWER, SIZE, PlaceboRank, placebo_ranks, standardize

RESAMPLES = 9_999
LEVEL = 0.95
LEAST_SHARE = 0.5  # of the events, that a shifted calendar must keep
LEAST_EVENTS = 5  # with a result, for a mean, or on either side of a difference


@dataclass(frozen=True, eq=False)
class Calendar:
    """n events: the index of each one's group, the row of its session, and the label of its quarter; shape (n,)."""

    groups: np.ndarray
    rows: np.ndarray
    quarters: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, chosen: np.ndarray) -> Calendar:
        """The events at `chosen` (indices or a mask)."""
        return Calendar(self.groups[chosen], self.rows[chosen], self.quarters[chosen])


@dataclass(frozen=True)
class ShiftRange:
    """The sessions among which a calendar is shifted: rows `first` to `last`; shifts up to `gap` are left out."""

    first: int
    last: int
    gap: int

    @property
    def shifts(self) -> np.ndarray:
        """All shifts that are used, in sessions, shape (n_shifts,)."""
        length = self.last - self.first + 1
        return np.arange(self.gap + 1, length - self.gap)

    def shifted(self, rows: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        """`rows` moved by `shifts`, around the ends of the range; shape (n_shifts, n_rows)."""
        length = self.last - self.first + 1
        return np.asarray(self.first + (rows - self.first + shifts[:, None]) % length)


@dataclass(frozen=True)
class PooledExcess:
    """The pooled result of one reading at one horizon, in excess returns (fractions).

    `n` events on `dates` different sessions have a result. `low` and `high` bound the mean at 95 % (bootstrap over the
    quarters of the events). `rank` compares it with the shifted calendars. `upward` and `downward` are the sizes of the
    smallest effects that are found with 80 % power at the adjusted level. None where not available; `rank.reason` says
    why.
    """

    n: int
    dates: int
    mean: float | None
    median: float | None
    positive: float | None
    low: float | None
    high: float | None
    rank: PlaceboRank
    upward: float | None = None
    downward: float | None = None


def pooled_excesses(values: np.ndarray, calendar: Calendar, usable: ShiftRange, seed: int) -> list[PooledExcess]:
    """The pooled result of each reading.

    `values`, shape (n_groups, n_sessions, n_readings), holds the excess return after an event of each group at each
    session, NaN where there is none. Events outside the usable range have no shifted counterpart and are left out.
    """
    inside = calendar.take((calendar.rows >= usable.first) & (calendar.rows <= usable.last))
    means = shifted_means(values, inside, usable)
    ranks = placebo_ranks(means)
    sizes = smallest_effects(means, ranks)
    columns = values[inside.groups, inside.rows].T
    return [_pooled(column, inside, rank, size, seed) for column, rank, size in zip(columns, ranks, sizes, strict=True)]


def shifted_means(values: np.ndarray, calendar: Calendar, usable: ShiftRange) -> np.ndarray:
    """Mean excess of the real calendar (first) and of its shifts, shape (n_shifts + 1, n_readings).

    Shifts at which any reading keeps fewer than LEAST_SHARE of its events are left out.
    """
    real = values[calendar.groups, calendar.rows]
    known = (~np.isnan(real)).sum(axis=0)
    sums, counts = _sums(values, calendar, usable)
    kept = (counts >= np.maximum(LEAST_SHARE * known, 1)).all(axis=1)
    first = np.where(known >= LEAST_EVENTS, np.nansum(real, axis=0) / np.maximum(known, 1), np.nan)
    return np.vstack((first, sums[kept] / counts[kept]))


def _sums(values: np.ndarray, calendar: Calendar, usable: ShiftRange) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the known results of every shift, both of shape (n_shifts, n_readings)."""
    inside = values[:, usable.first : usable.last + 1]
    missing = np.isnan(inside)
    # Twice the range in a row, so that the results of an event at all shifts are one slice.
    results, known = (np.concatenate((part, part), axis=1) for part in (np.where(missing, 0.0, inside), ~missing))
    shape = (len(usable.shifts), values.shape[2])
    sums, counts = np.zeros(shape), np.zeros(shape)
    for group, row in zip(calendar.groups.tolist(), calendar.rows.tolist(), strict=True):
        begin = row - usable.first + usable.gap + 1
        sums += results[group, begin : begin + len(sums)]
        counts += known[group, begin : begin + len(sums)]
    return sums, counts


def mean_differences(
    values: np.ndarray, kinds: np.ndarray, calendar: Calendar, usable: ShiftRange
) -> tuple[list[PlaceboRank], np.ndarray]:
    """Mean after events of kind 1 less that after events of kind 0, ranked among the shifted calendars.

    `kinds`, shape (n_sessions,), gives the kind of each session: 1, 0 or -1 for neither; shifted events have the kind
    of the session they fall on. Also returns the number of events and the mean excess by kind, shape
    (2, 2, n_readings): for kind 1, then 0.
    """
    inside = calendar.take((calendar.rows >= usable.first) & (calendar.rows <= usable.last))
    sides = [np.where((kinds == kind)[None, :, None], values, np.nan) for kind in (1, 0)]
    real, shifted = [], []
    for side in sides:
        result = side[inside.groups, inside.rows]
        count = (~np.isnan(result)).sum(axis=0)
        real.append((count, np.nansum(result, axis=0) / np.maximum(count, 1)))
        sums, counts = _sums(side, inside, usable)
        shifted.append(np.where(counts >= LEAST_EVENTS, sums / np.maximum(counts, 1), np.nan))
    figures = np.array(real)
    enough = (figures[:, 0] >= LEAST_EVENTS).all(axis=0)
    first = np.where(enough, figures[0, 1] - figures[1, 1], np.nan)
    others = shifted[0] - shifted[1]
    return placebo_ranks(np.vstack((first, others[~np.isnan(others).any(axis=1)]))), figures


def smallest_effects(means: np.ndarray, ranks: Sequence[PlaceboRank]) -> list[tuple[float | None, float | None]]:
    """Sizes of the smallest effects upward and downward that are found with 80 % power at the adjusted level.

    `means` has the real calendar in its first row. An effect moves a shifted mean past the value that the largest (the
    smallest) z over all readings passes in 2.5 % of the shifts.
    """
    testable = [not rank.reason for rank in ranks]
    if not any(testable):
        return [(None, None)] * len(ranks)
    shifted = means[1:, testable]
    scores = standardize(shifted)
    centre, spread = shifted.mean(axis=0), shifted.std(axis=0, ddof=1)
    upper = centre + spread * np.quantile(scores.max(axis=1), 1 - SIZE)
    lower = centre + spread * np.quantile(scores.min(axis=1), SIZE)
    up = upper - np.quantile(shifted, 1 - POWER, axis=0)
    down = np.quantile(shifted, POWER, axis=0) - lower
    sizes = iter(zip(up.tolist(), down.tolist(), strict=True))
    return [next(sizes) if able else (None, None) for able in testable]


def quarter_interval(values: np.ndarray, quarters: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % interval of the mean of `values`, from a bootstrap that draws whole quarters of events."""
    labels, index = np.unique(quarters, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    draws = np.random.default_rng(seed).multinomial(len(labels), np.full(len(labels), 1 / len(labels)), RESAMPLES)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _pooled(
    column: np.ndarray, calendar: Calendar, rank: PlaceboRank, sizes: tuple[float | None, float | None], seed: int
) -> PooledExcess:
    known = ~np.isnan(column)
    values, n = column[known], int(known.sum())
    dates = len(np.unique(calendar.rows[known]))
    if n < LEAST_EVENTS or not np.isfinite(values).all():
        return PooledExcess(n, dates, None, None, None, None, None, rank)
    low, high = quarter_interval(values, calendar.quarters[known], seed)
    return PooledExcess(
        n,
        dates,
        float(np.round(values.mean(), DIGITS)),
        float(np.median(values)),
        float((values > 0).mean()),
        low,
        high,
        rank,
        *sizes,
    )
