"""Many launches of one reading, as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
import pandas as pd

from data import calendar
from data.errors import RequestError
from runners.engine.frictions import Frictions
from strategies.base.reading import SHOCK_BEFORE_ENTRY
from strategies.base.schedule import Schedule

NEVER = int(np.iinfo(np.int32).max)  # a hold to the end of the prices, or no rebalancing


@dataclass(frozen=True)
class Scenario:
    """One launch of a reading.

    `shock` is the session of the event (by default as many sessions before the entry as in the DeepSeek event);
    `hold` and `rebalance` count sessions as in Schedule; `frictions` include the lag.
    """

    entry: pd.Timestamp
    hold: int | None = 252
    rebalance: int | None = 20
    shock: pd.Timestamp | None = None
    frictions: Frictions = Frictions()
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        Schedule(self.hold, self.rebalance)


@dataclass(frozen=True, eq=False)
class Scenarios:
    """n scenarios as arrays of shape (n,).

    `entry` and `shock` are sessions as `datetime64[D]`; `hold` and `rebalance` count sessions, `NEVER` for None;
    `cost` and `setting` say which of the distinct `frictions` and `parameters` each scenario has.
    """

    entry: np.ndarray
    shock: np.ndarray
    hold: np.ndarray
    rebalance: np.ndarray
    cost: np.ndarray
    setting: np.ndarray
    frictions: tuple[Frictions, ...]
    parameters: tuple[Mapping[str, object], ...]

    def __len__(self) -> int:
        return len(self.entry)

    def __getitem__(self, place: int) -> Scenario:
        hold, rebalance = (int(column[place]) for column in (self.hold, self.rebalance))
        return Scenario(
            pd.Timestamp(self.entry[place]),
            None if hold == NEVER else hold,
            None if rebalance == NEVER else rebalance,
            pd.Timestamp(self.shock[place]),
            self.frictions[self.cost[place]],
            self.parameters[self.setting[place]],
        )

    def take(self, places: np.ndarray) -> Scenarios:
        """The scenarios at `places` (indices or a mask), in that order."""
        names = ("entry", "shock", "hold", "rebalance", "cost", "setting")
        return replace(self, **{name: getattr(self, name)[places] for name in names})

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> Scenarios:
        """Columns of single scenarios, in their order. Raises RequestError for none, or a date without a session."""
        if not scenarios:
            raise RequestError("no scenarios were given; give at least one")
        frictions = tuple(dict.fromkeys(scenario.frictions for scenario in scenarios))
        settings = [tuple(sorted(scenario.parameters.items())) for scenario in scenarios]
        distinct = list(dict.fromkeys(settings))
        entries = [_session(scenario.entry, f"scenario {n}: entry") for n, scenario in enumerate(scenarios)]
        shocks = [
            calendar.offset(entry, -SHOCK_BEFORE_ENTRY)
            if scenario.shock is None
            else _session(scenario.shock, f"scenario {n}: shock")
            for n, (scenario, entry) in enumerate(zip(scenarios, entries, strict=True))
        ]
        return cls(
            np.array(entries, dtype="datetime64[D]"),
            np.array(shocks, dtype="datetime64[D]"),
            np.array([scenario.hold or NEVER for scenario in scenarios]),
            np.array([scenario.rebalance or NEVER for scenario in scenarios]),
            np.array([frictions.index(scenario.frictions) for scenario in scenarios]),
            np.array([distinct.index(setting) for setting in settings]),
            frictions,
            tuple(dict(setting) for setting in distinct),
        )

    @classmethod
    def product(
        cls,
        entries: Sequence[pd.Timestamp] | pd.DatetimeIndex,
        holds: Sequence[int | None] = (252,),
        rebalances: Sequence[int | None] = (20,),
        frictions: Sequence[Frictions] = (Frictions(),),
        parameters: Sequence[Mapping[str, object]] = ({},),
        before: int = SHOCK_BEFORE_ENTRY,
    ) -> Scenarios:
        """Every combination, entries varying fastest; shocks lie `before` sessions before entries."""
        if not all(map(len, (entries, holds, rebalances, frictions, parameters))):
            raise RequestError("no scenarios were given; every dimension needs at least one value")
        for hold, rebalance in product(holds, rebalances):
            Schedule(hold, rebalance)
        days = np.array([_session(entry, f"entry {n}") for n, entry in enumerate(entries)], dtype="datetime64[D]")
        shocks = calendar.xnys_days()[calendar.xnys_days().searchsorted(days) - before]
        sizes = [len(parameters), len(frictions), len(rebalances), len(holds), len(days)]
        setting, cost, rebalance_at, hold_at, entry_at = (index.ravel() for index in np.indices(sizes, dtype=np.int32))
        return cls(
            days[entry_at],
            shocks[entry_at],
            np.array([hold or NEVER for hold in holds])[hold_at],
            np.array([rebalance or NEVER for rebalance in rebalances])[rebalance_at],
            cost,
            setting,
            tuple(frictions),
            tuple(parameters),
        )


def _session(date: pd.Timestamp, where: str) -> pd.Timestamp:
    try:
        return calendar.require_session(date)
    except ValueError as error:
        raise RequestError(f"{where}: {error}") from None
