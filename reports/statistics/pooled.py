"""Pooled results after comparable events, against the same calendar of events at other times.

The excess returns after all events are averaged; they are fractions, exp(d) - 1, so that a ruined launch counts as -1.
Under the null the events have no effect, so their whole calendar could lie elsewhere: it is shifted by every number of
sessions, modulo the usable range, which keeps the clustering of events and the dependence between groups. Shifts whose
windows would touch the real ones are left out.

Falls come in turbulent times, in which means vary more than at shifted dates. So the mean of each calendar, less the
mean of all calendars, is divided by its own standard error, in which the events of a quarter are one cluster: means
alone find an effect where there is none in up to one of eight simulated markets (docs/reliability.md). The rank of the
real statistic among the shifted ones gives p-values on both sides, adjusted for all readings by the largest and the
smallest z (Westfall & Young 1993). A few quarters may still weigh more in the real calendar than in a shifted one; so
the signs of whole quarters are flipped, too, and the larger of the two p-values counts. Sources: Chernozhukov, Wuthrich
& Zhu 2021, JASA 116:1849; Chung & Romano 2013, Ann. Stat. 41:484, on studentised permutations; Liang & Zeger 1986,
Biometrika 73:13, on clusters; Canay, Romano & Shaikh 2017, Econometrica 85:1013, on sign changes of few clusters;
Mitchell & Stafford 2000, J. Bus. 73:287, on overlapping long windows; Fama 1998, JFE 49:283.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import compress

import numpy as np

from reports.statistics.availability import NOISE
from reports.statistics.placebo import DIGITS, POWER, SIZE, PlaceboRank, placebo_ranks, standardize

RESAMPLES = 9_999
FLIPS = 9_999
SEED = 20250131  # of the flipped signs
LEVEL = 0.95
LEAST_SHARE = 0.5  # of the events, that a shifted calendar must keep
LEAST_EVENTS = 5  # with a result, for a mean, or on either side of a difference
TESTED = (5, 20, 60, 120)  # sessions; the size of the test does not hold over longer windows (docs/reliability.md)
UNTESTED = "described only: in simulated markets this test finds too many effects where there are none"
LEAST_QUARTERS = 10  # with such events, for a test; fewer clusters give no usable standard error


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


@dataclass(frozen=True)
class PooledExcess:
    """The pooled result of one reading at one horizon, in excess returns (fractions).

    `n` events on `dates` different sessions have a result. `low` and `high` bound the mean at 95 % (bootstrap over the
    quarters of the events). `rank` compares it with the shifted calendars. `upward` and `downward` are the sizes of the
    smallest differences from the mean of all calendars, `rank.mean`, that are found with 80 % power at the adjusted
    level; `least_p` is the smallest p that the test can give. Of `rank`, z and the p-values are those of the
    studentised mean, effect, mean and deviation those of the means themselves. None where not available; `rank.reason`
    says why.
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
    least_p: float | None = None


def pooled_excesses(
    values: np.ndarray, calendar: Calendar, usable: ShiftRange, seed: int, untested: str = ""
) -> list[PooledExcess]:
    """The pooled result of each reading; `untested` says why there is no test, if there is none.

    `values`, shape (n_groups, n_sessions, n_readings), holds the excess return after an event of each group at each
    session, NaN where there is none. Events outside the usable range have no shifted counterpart and are left out.
    """
    inside = _inside(calendar, usable)
    tested = _untested(values, untested) if untested else _tested(values, inside, usable)
    columns = values[inside.groups, inside.rows].T
    return [_pooled(column, inside, *each, seed) for column, each in zip(columns, tested, strict=True)]


def pooled_ranks(values: np.ndarray, calendar: Calendar, usable: ShiftRange) -> list[PlaceboRank]:
    """The ranks alone; arguments as those of pooled_excesses."""
    return [rank for rank, _ in _tested(values, _inside(calendar, usable), usable)]


def _tested(
    values: np.ndarray, calendar: Calendar, usable: ShiftRange
) -> list[tuple[PlaceboRank, tuple[float | None, float | None]]]:
    """Rank and smallest effects of each reading, of events inside the usable range."""
    reasons = _reasons(values, calendar)
    means, errors = shifted_means(values, calendar, usable)
    statistics = studentize(means, errors, reasons)
    ranks = _ranks(statistics, means, reasons)
    if all(rank.reason for rank in ranks):
        return [(rank, (None, None)) for rank in ranks]
    testable = np.array([not rank.reason for rank in ranks])
    real = values[calendar.groups, calendar.rows] - means.mean(axis=0)
    flipped = flipped_statistics(real[:, testable], calendar.quarters)
    sizes = smallest_effects(statistics[1:, testable], errors[0, testable], flipped[1:])
    both = zip(_larger_p(ranks, testable, flipped), sizes, strict=True)
    return [next(both) if able else (rank, (None, None)) for rank, able in zip(ranks, testable, strict=True)]


def flipped_statistics(distances: np.ndarray, quarters: np.ndarray) -> np.ndarray:
    """Statistics of the real events (first) and with random signs of whole quarters, shape (FLIPS + 1, n_readings).

    `distances`, shape (n_events, n_readings), are excess returns less the mean of all calendars; NaN without a result.
    """
    labels, index = np.unique(quarters, return_inverse=True)
    sums = np.zeros((len(labels), distances.shape[1]))
    np.add.at(sums, index, np.nan_to_num(distances))
    signs = np.random.default_rng(SEED).choice((-1.0, 1.0), (FLIPS, len(labels)))
    total = np.vstack((np.ones(len(labels)), signs)) @ sums
    variance = (sums**2).sum(axis=0) - total**2 / len(labels)
    return np.round(np.asarray(total / np.sqrt(np.maximum(variance, NOISE**2))), DIGITS)


def _larger_p(ranks: Sequence[PlaceboRank], testable: np.ndarray, flipped: np.ndarray) -> Iterator[PlaceboRank]:
    """The ranks of the testable readings with the larger p-values of shifts and of flipped signs."""
    above, below = flipped >= flipped[0], flipped <= flipped[0]
    highest, lowest = flipped.max(axis=1)[:, None] >= flipped[0], flipped.min(axis=1)[:, None] <= flipped[0]
    shares = np.stack([share.mean(axis=0) for share in (above, below, highest, lowest)], axis=1)
    names = ("p", "p_lower", "p_family", "p_family_lower")
    for rank, own in zip(compress(ranks, testable), shares.tolist(), strict=True):
        yield replace(rank, **{name: max(getattr(rank, name), p) for name, p in zip(names, own, strict=True)})


def _untested(values: np.ndarray, reason: str) -> list[tuple[PlaceboRank, tuple[float | None, float | None]]]:
    return [(PlaceboRank(0, None, reason=reason), (None, None))] * values.shape[2]


def shifted_means(values: np.ndarray, calendar: Calendar, usable: ShiftRange) -> tuple[np.ndarray, np.ndarray]:
    """Mean excess of the real calendar (first) and of its shifts, and their standard errors.

    Both have shape (n_shifts + 1, n_readings). Shifts at which any reading keeps fewer than LEAST_SHARE of its events
    are left out; a reading without events does not count.
    """
    means, counts, parts = _clustered(values, calendar, usable)
    kept = (counts >= LEAST_SHARE * counts[0])[:, counts[0] > 0].all(axis=1)
    return means[kept], np.sqrt((parts**2).sum(axis=0))[kept]


def mean_differences(
    values: np.ndarray, kinds: np.ndarray, calendar: Calendar, usable: ShiftRange, untested: str = ""
) -> tuple[list[PlaceboRank], np.ndarray]:
    """Mean after events of kind 1 less that after events of kind 0, ranked among the shifted calendars.

    `untested` says why there is no test, if there is none.

    `kinds`, shape (n_sessions,), gives the kind of each session: 1, 0 or -1 for neither; shifted events have the kind
    of the session they fall on. Also returns the number of events and the mean excess by kind, shape
    (2, 2, n_readings): for kind 1, then 0.
    """
    inside = _inside(calendar, usable)
    sides = [np.where((kinds == kind)[None, :, None], values, np.nan) for kind in (1, 0)]
    reasons = [
        untested or first or second for first, second in zip(*(_reasons(side, inside) for side in sides), strict=True)
    ]
    (means, counts, parts), (others, other_counts, other_parts) = (_clustered(side, inside, usable) for side in sides)
    enough = np.minimum(counts, other_counts)[:, [not reason for reason in reasons]].min(axis=1, initial=LEAST_EVENTS)
    kept = enough >= LEAST_EVENTS
    differences, errors = (means - others)[kept], np.sqrt(((parts - other_parts) ** 2).sum(axis=0))[kept]
    ranks = _ranks(studentize(differences, errors, reasons), differences, reasons)
    return ranks, np.array([(counts[0], means[0]), (other_counts[0], others[0])])


def _inside(calendar: Calendar, usable: ShiftRange) -> Calendar:
    """The events inside the usable range."""
    return calendar.take((calendar.rows >= usable.first) & (calendar.rows <= usable.last))


def _reasons(values: np.ndarray, calendar: Calendar) -> list[str]:
    """Why the events are not tested, for each reading; empty if they are."""
    known = ~np.isnan(values[calendar.groups, calendar.rows])
    return [_reason(int(column.sum()), len(np.unique(calendar.quarters[column]))) for column in known.T]


def _reason(n: int, quarters: int) -> str:
    if n < LEAST_EVENTS:
        return f"{n} events have a result; {LEAST_EVENTS} are needed"
    return "" if quarters >= LEAST_QUARTERS else f"the events lie in {quarters} quarters; {LEAST_QUARTERS} are needed"


def studentize(means: np.ndarray, errors: np.ndarray, reasons: Sequence[str]) -> np.ndarray:
    """Means less the mean of all calendars, in standard errors; NaN for a reading with a reason not to be tested."""
    distance = means - means.mean(axis=0)
    statistics = np.divide(distance, errors, out=np.zeros(means.shape), where=errors > NOISE)
    return np.where([not reason for reason in reasons], statistics, np.nan)


def _ranks(statistics: np.ndarray, means: np.ndarray, reasons: Sequence[str]) -> list[PlaceboRank]:
    """Ranks of the real statistic; `effect`, `mean` and `deviation` are those of the means themselves."""
    rounded = np.round(means, DIGITS)
    spread = rounded.std(axis=0, ddof=1) if len(means) > 1 else np.full(len(means.T), np.nan)
    figures = zip(placebo_ranks(statistics), reasons, rounded[0], rounded.mean(axis=0), spread, strict=True)
    return [
        PlaceboRank(rank.n, None, reason=reason)
        if reason
        else replace(rank, effect=float(real), mean=float(mean), deviation=float(deviation), low=None, high=None)
        for rank, reason, real, mean, deviation in figures
    ]


def _clustered(values: np.ndarray, calendar: Calendar, usable: ShiftRange) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and number of the known results of the real calendar (first) and of every shift, and their clusters.

    Means (0 without any) and numbers have shape (n_shifts + 1, n_readings). The clusters, shape (n_quarters,
    n_shifts + 1, n_readings), are what the events of each quarter of the real calendar add to the error of the mean.
    """
    inside = values[:, usable.first : usable.last + 1]
    missing = np.isnan(inside)
    # Twice the range in a row, so that the results of an event at all shifts are one slice.
    results, known = (np.concatenate((part, part), axis=1) for part in (np.where(missing, 0.0, inside), ~missing))
    labels, quarters = np.unique(calendar.quarters, return_inverse=True)
    n = len(usable.shifts)
    sums, counts = np.zeros((2, len(labels), n + 1, values.shape[2]))
    for group, row, quarter in zip(calendar.groups, calendar.rows - usable.first, quarters, strict=True):
        moved = slice(row + usable.gap + 1, row + usable.gap + 1 + n)
        for total, part in ((sums[quarter], results[group]), (counts[quarter], known[group])):
            total[0] += part[row]
            total[1:] += part[moved]
    number = counts.sum(axis=0)
    means = sums.sum(axis=0) / np.maximum(number, 1)
    return means, number, (sums - means * counts) / np.maximum(number, 1)


def smallest_effects(
    shifted: np.ndarray, errors: np.ndarray, flipped: np.ndarray
) -> list[tuple[float | None, float | None]]:
    """Sizes of the smallest effects upward and downward that are found with 80 % power at the adjusted level.

    `shifted` and `flipped` hold the statistics of shifts and of flipped signs without the real ones, shapes
    (n_shifts, n_readings) and (FLIPS, n_readings), and `errors` the standard errors of the real means. An effect moves
    the statistic past the values that the largest (the smallest) over all readings passes in 2.5 % of the cases.
    """
    scores = standardize(shifted)
    centre, spread = shifted.mean(axis=0), shifted.std(axis=0, ddof=1)
    upper = np.maximum(
        centre + spread * np.quantile(scores.max(axis=1), 1 - SIZE), np.quantile(flipped.max(axis=1), 1 - SIZE)
    )
    lower = np.minimum(centre + spread * np.quantile(scores.min(axis=1), SIZE), np.quantile(flipped.min(axis=1), SIZE))
    up = (upper - np.quantile(shifted, 1 - POWER, axis=0)) * errors
    down = (np.quantile(shifted, POWER, axis=0) - lower) * errors
    return list(zip(up.tolist(), down.tolist(), strict=True))


def quarter_interval(values: np.ndarray, quarters: np.ndarray, seed: int) -> tuple[float, float]:
    """95 % interval of the mean of `values`, from a bootstrap that draws whole quarters of events."""
    labels, index = np.unique(quarters, return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    draws = _drawn_quarters(len(labels), seed)
    means = (draws @ sums) / (draws @ counts)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _least_p(shifts: int, quarters: int) -> float:
    """The smallest p of a test that asks so many shifts and the flipped signs of so many quarters."""
    return max(1 / (shifts + 1), 1 / (FLIPS + 1), 2.0**-quarters)


@lru_cache(maxsize=8)
def _drawn_quarters(count: int, seed: int) -> np.ndarray:
    """How often each of `count` quarters is drawn, shape (RESAMPLES, count)."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(float)


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
        least_p=None if rank.reason else _least_p(rank.n, len(np.unique(calendar.quarters[known]))),
    )
