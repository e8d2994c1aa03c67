"""All evidence on one reading, and on all of them, as pages and results.json tell it."""

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

END = "end"  # beside the horizons: the session of the closing fills, or the last of the prices


@dataclass(frozen=True, eq=False)
class PastEntries:
    """d of the reading launched at every date: `sessions` (ISO dates of the entries) and, by horizon, one d a session.

    They overlap: good to look at, no p-value. `aligned` holds, by horizon, the places of those that do not.
    """

    sessions: tuple[str, ...]
    d: Mapping[str, tuple[float | None, ...]]
    aligned: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Description:
    """Something that stands beside the tests as description: the real d among `n` others at one horizon.

    `share` of them is at or above it; `median` is theirs.
    """

    heading: str
    horizon: str
    n: int
    effect: float | None
    median: float | None
    share: float | None


@dataclass(frozen=True)
class BreakEven:
    """Costs at which d is zero at the end: one-way trading costs in basis points, borrow rate a year (a fraction).

    `paid_bps` and `paid_borrow` are those of the run.
    """

    trading_bps: float | Missing
    borrow_rate: float | Missing
    paid_bps: float
    paid_borrow: float


@dataclass(frozen=True)
class SharpeEvidence:
    """How much of the Sharpe ratio is left after chance and trying.

    `probabilistic` and `deflated` are probabilities that the true ratio exceeds zero, and exceeds what the best of
    `trials` worthless variants would show; `expected_best` is that ratio a year. `years_needed` is the minimum track
    record for this ratio to differ from zero at 95 %, `years` what there is. `forgotten` trials were deleted from the
    ledger.
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
    """Whether one reading beat chance.

    `timing` holds the placebo in time by horizon ("5" to "252"), `names` the placebo in space by horizon and END, None
    for a reading that does not choose names; `drawn` holds the draws' d at the end. `d` and `occurred` describe the
    full hold. `intervals` (Sharpe, CAGR, alpha a year), `regressions` (by benchmark) and the rest may be Missing.
    """

    name: str
    verdict: Verdict
    d: float
    occurred: bool | None
    timing: Mapping[str, PlaceboRank]
    names: Mapping[str, PlaceboRank] | None
    launches: PastEntries | Missing
    drawn: tuple[float, ...]
    power: Power | Missing
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
    """The evidence on all readings of a run: by name, and what holds for them together.

    `hindsight` says that the entry comes before the readings could be known. `confounders` are dated sentences of what
    else happened in the window. `superiority` is the bootstrap test of all readings against their comparators.
    `draws` and `resamples` were taken with `seed`. `family` are the readings that family-wise p-values count, also
    those that were not asked for. `beforehand` says that the tests were declared before prices of the event were seen.
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
    family: tuple[str, ...] = ()
    beforehand: bool = False
