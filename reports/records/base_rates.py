"""Base rates: what happened after every comparable shock."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reports.statistics.availability import Missing
from reports.statistics.placebo import PlaceboRank
from reports.statistics.pooled import PooledExcess
from reports.statistics.verdict import HORIZON, Verdict

SCHEMA = 1
Value = TypeVar("Value")


@dataclass(frozen=True)
class ShockOutcome:
    """One shock: its session (ISO date), the group, its leader, total returns of leader and market (fractions).

    `excess` holds the excess return of each reading, by name and horizon; None where prices end before.
    """

    session: str
    group: str
    leader: str
    fall: float
    market: float
    excess: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class MeanOf:
    """The mean excess return of some of the shocks, and their number; None where there is none."""

    n: int
    mean: float | None


@dataclass(frozen=True)
class BaseRate:
    """The base rate of one reading.

    `form` is its general form in words. `pooled` holds the pooled results by horizon; `this_event` the excess return
    after the run's own event and `percentile` the share of the other shocks below it, by horizon. `without` leaves one
    group out (those with a shock), `decades` and `before` (the run's event) split the shocks at the horizon of the
    verdict.
    """

    name: str
    title: str
    form: str
    verdict: Verdict
    pooled: Mapping[str, PooledExcess]
    this_event: Mapping[str, float | None]
    percentile: Mapping[str, float | None]
    without: Mapping[str, MeanOf]
    decades: Mapping[str, MeanOf]
    before: MeanOf

    @property
    def headline(self) -> PooledExcess:
        """The pooled result at the horizon of the verdict."""
        return self.pooled[str(HORIZON)]


@dataclass(frozen=True)
class Split:
    """Shocks of two kinds at the horizon of the verdict, by reading: means of both, and the rank of their difference.

    `first` and `second` describe the kinds, as in "within 5 trading days of a scheduled FOMC decision".
    """

    name: str
    first: str
    second: str
    means: Mapping[str, tuple[MeanOf, MeanOf]]
    ranks: Mapping[str, PlaceboRank]


@dataclass(frozen=True)
class DecisionOutcome:
    """One scheduled FOMC decision: its date, the change in basis points, and the reading's excess return around it."""

    date: str
    change_bps: float | None
    excess: float


@dataclass(frozen=True)
class DecisionClass:
    """A reading around every scheduled FOMC decision, against calendars moved by a few sessions.

    `mean`, `median` and `positive` (the share above zero) are of `outcomes`; `low` and `high` bound the mean at 95 %.
    `shifted` holds the mean at each shift in sessions. `p` and `p_lower` are ranks among all calendars, and `least_p`
    is the smallest value that they can take.
    """

    name: str
    title: str
    form: str
    sessions: int
    outcomes: tuple[DecisionOutcome, ...]
    mean: float
    median: float
    positive: float
    low: float
    high: float
    shifted: Mapping[int, float]
    p: float
    p_lower: float
    least_p: float


@dataclass(frozen=True)
class BaseRates:
    """The base rates of all readings that have a general form.

    `event` is the title of the run's event and `event_session` the session of its shock. `settings` are those of the
    class of shocks; `declared` is False where they differ from the ones fixed in code. `groups` maps names of groups to
    their titles. The prices reach from `first` to `last`; `missing` symbols had none. `computed` is the day of the
    computation and `version` that of this project. `real` is False for simulated prices. `bundled` holds the means of
    the result that comes with the project, by reading, where this one is another.
    """

    event: str
    event_session: str
    shocks: tuple[ShockOutcome, ...]
    readings: Mapping[str, BaseRate]
    splits: tuple[Split, ...]
    decisions: DecisionClass | Missing
    settings: Mapping[str, float | int]
    declared: bool
    groups: Mapping[str, str]
    first: str
    last: str
    origin: str
    real: bool
    missing: tuple[str, ...]
    computed: str
    version: str
    bundled: Mapping[str, MeanOf] = field(default_factory=dict)

    @property
    def this_shock(self) -> ShockOutcome | None:
        """The run's own event: the deepest fall of its session; None if there is none."""
        that_day = [shock for shock in self.shocks if shock.session == self.event_session]
        return min(that_day, key=lambda shock: shock.fall, default=None)

    def only(self, names: Collection[str]) -> BaseRates:
        """The base rates with those readings alone; their p-values stay adjusted for all."""
        decisions = self.decisions
        is_shown = isinstance(decisions, Missing) or decisions.name in names
        return replace(
            self,
            shocks=tuple(replace(shock, excess=_only(shock.excess, names)) for shock in self.shocks),
            readings=_only(self.readings, names),
            splits=tuple(
                replace(split, means=_only(split.means, names), ranks=_only(split.ranks, names))
                for split in self.splits
            ),
            decisions=decisions if is_shown else Missing("no reading of this run is about FOMC decisions"),
            bundled=_only(self.bundled, names),
        )


def _only(values: Mapping[str, Value], names: Collection[str]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if name in names}
