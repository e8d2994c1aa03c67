"""All evidence on one reading, and on all of them, as pages and results.json tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from reports.evidence.availability import Missing
from reports.evidence.bootstrap import Interval
from reports.evidence.family import Superiority
from reports.evidence.placebo import Power, Rank
from reports.evidence.regression import Regression
from reports.evidence.shock import Shock
from reports.evidence.verdict import HORIZON, Verdict

END = "end"  # beside the horizons: the session of the closing fills, or the last of the prices


@dataclass(frozen=True, eq=False)
class Launches:
    """d of the reading launched at every date: `sessions` (ISO dates of the entries) and, by horizon, one d a session.

    They overlap: good to look at, no p-value. `aligned` holds, by horizon, the places of those that do not.
    """

    sessions: tuple[str, ...]
    d: Mapping[str, tuple[float | None, ...]]
    aligned: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Described:
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
class Sharpe:
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
    timing: Mapping[str, Rank]
    names: Mapping[str, Rank] | None
    launches: Launches | Missing
    drawn: tuple[float, ...]
    power: Power | Missing
    shock: Shock | Missing
    intervals: Mapping[str, Interval | Missing]
    regressions: Mapping[str, Regression | Missing]
    break_even: BreakEven | Missing
    sharpe: Sharpe
    described: tuple[Described, ...]

    @property
    def headline(self) -> Rank:
        """The timing test at the horizon of the verdict."""
        return self.timing[str(HORIZON)]


@dataclass(frozen=True, eq=False)
class Court:
    """The evidence on all readings of a run: by name, and what holds for them together.

    `hindsight` says that the entry comes before the readings could be known. `confounders` are dated sentences of what
    else happened in the window. `superiority` is the bootstrap test of all readings against their comparators.
    `draws` and `resamples` were taken with `seed`. `family` are the readings that family-wise p-values count, also
    those that were not asked for. `beforehand` says that the tests were declared before prices of the event were seen.
    """

    evidence: Mapping[str, Evidence]
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


def summary(evidence: Evidence, court: Court) -> dict[str, Any]:
    """What results.json holds under `evidence`: the verdict in front, everything else behind."""
    rank = evidence.headline
    return {
        "verdict": evidence.verdict.word,
        "by": list(evidence.verdict.by),
        "conflict": evidence.verdict.conflict or None,
        "reason": evidence.verdict.reason or None,
        "hindsight": court.hindsight,
        "source": court.origin,
        "p": rank.p,
        "p_family": rank.p_family,
        "p_lower": rank.p_lower,
        "p_family_lower": rank.p_family_lower,
        "n": rank.n,
        "effect": rank.effect,
        "interval": None if rank.low is None else [rank.low, rank.high],
        "horizon": HORIZON,
        "names": None if evidence.names is None else plain(evidence.names[END]),
        "details": plain(
            {
                field.name: getattr(evidence, field.name)
                for field in fields(evidence)
                if field.name not in ("name", "verdict", "launches", "drawn")
            }
        ),
        "superiority": plain(court.superiority),
        "confounders": [list(each) for each in court.confounders],
        "draws": court.draws,
        "resamples": court.resamples,
        "seed": court.seed,
        "family": list(court.family),
    }


def plain(value: Any) -> Any:
    """The same as JSON can hold it: null and a reason for what is not available."""
    if isinstance(value, Missing):
        return {"not_available": value.reason}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    return None if isinstance(value, float) and not isfinite(value) else value
