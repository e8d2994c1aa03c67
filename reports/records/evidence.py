"""Evidence on one reading, and on all readings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reports.statistics.availability import Missing
from reports.statistics.bootstrap import Interval
from reports.statistics.multiple_testing import Superiority
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.regression import Regression
from reports.statistics.shock import ShockStudy
from reports.statistics.verdict import HORIZON, Verdict
from reports.statistics.year_timing import YearTiming

END = "end"  # key beside the horizons: the session of the closing fills, or the last session of the prices


@dataclass(frozen=True, eq=False)
class PastEntries:
    """d of a reading at every past entry: `sessions` (ISO dates of the entries) and, by horizon, one d per session.

    Their windows overlap, so that they give no p-value. `aligned` holds, by horizon, the indices of past entries whose
    windows do not.
    """

    sessions: tuple[str, ...]
    d: Mapping[str, tuple[float | None, ...]]
    aligned: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Description:
    """A descriptive comparison: the real d among `n` others at one horizon.

    `share` is the fraction of the others at or above the real d, `median` is their median.
    """

    heading: str
    horizon: str
    n: int
    effect: float | None
    median: float | None
    share: float | None


@dataclass(frozen=True)
class BreakEven:
    """Costs at which d at the end is zero: one-way trading costs in basis points, borrow rate a year (a fraction).

    `paid_bps` and `paid_borrow` are the costs of the run.
    """

    trading_bps: float | Missing
    borrow_rate: float | Missing
    paid_bps: float
    paid_borrow: float


@dataclass(frozen=True)
class SharpeEvidence:
    """The Sharpe ratio, corrected for chance and for the number of trials.

    `probabilistic` and `deflated` are the probabilities that the true ratio exceeds zero, and that it exceeds the ratio
    expected of the best of `trials` worthless variants; `expected_best` is that ratio a year. `years_needed` is the
    minimum track record for this ratio to exceed zero at 95 %, `years` the actual one. `forgotten` counts the trials
    that were deleted from the ledger.
    """

    annual: float | Missing
    probabilistic: float | Missing
    deflated: float | Missing
    expected_best: float | Missing
    years_needed: float | Missing
    years: float
    trials: int
    forgotten: int = 0


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence on whether one reading beat chance.

    `timing` holds the timing test (past entries) by horizon, "5" to "252"; `year` the months after the entry against
    those before it; `selection` the permutation test of stock selection, None for a reading that selects no stocks, and
    `drawn` the statistics of the random selections. `d` and `refuted` (by its own criterion) describe the whole holding
    period. `long_run`: its claim is about the long run. `launches` holds d at every past entry. `power` is that of the
    timing test against effects upward, `power_down` against effects downward. `intervals` (Sharpe, CAGR, alpha a year),
    `regressions` (by benchmark) and others may be Missing.
    """

    name: str
    verdict: Verdict
    d: float
    refuted: bool | None
    long_run: bool
    timing: Mapping[str, PlaceboRank]
    year: YearTiming
    selection: PlaceboRank | None
    launches: PastEntries | Missing
    drawn: tuple[float, ...]
    power: Power | Missing
    power_down: Power | Missing
    shock: ShockStudy | Missing
    intervals: Mapping[str, Interval | Missing]
    regressions: Mapping[str, Regression | Missing]
    break_even: BreakEven | Missing
    sharpe: SharpeEvidence
    described: tuple[Description, ...]

    @property
    def headline(self) -> PlaceboRank:
        """The timing test at the horizon of the verdict."""
        return self.timing[str(HORIZON)]


@dataclass(frozen=True, eq=False)
class EvidenceReport:
    """Evidence on all readings of a run, by name, with the tests and settings that they share.

    `superiority` is the bootstrap test of all readings against their comparators. `confounders` are dates and sentences
    about other events in the window. `hindsight` is True if the entry comes before the readings could be known.
    `origin` names the source of the prices; `real` is False for reconstructed ones. `draws` and `resamples` were taken
    with `seed`. `families` are the readings for which p-values are adjusted together, including any that were not
    requested. `year_declared` is True if the test over the year was declared before the event.
    """

    readings: Mapping[str, Evidence]
    superiority: Superiority | Missing
    confounders: tuple[tuple[str, str], ...]
    hindsight: bool
    real: bool
    origin: str
    draws: int
    resamples: int
    seed: int
    families: tuple[tuple[str, ...], ...] = ()
    year_declared: bool = False
