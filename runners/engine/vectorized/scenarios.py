"""Scenarios: runs of one strategy at many entry dates or with many settings, stored as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TypeVar

import numpy as np
import pandas as pd

from data import calendar
from data.errors import RequestError
from data.prices import Prices
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.parameters import Parameters
from strategies.base.reading import SHOCK_BEFORE_ENTRY
from strategies.base.schedule import Schedule

Value = TypeVar("Value")
NEVER = int(np.iinfo(np.int32).max)  # a hold to the end of the prices, or no rebalancing


@dataclass(frozen=True)
class Scenario:
    """One run of a strategy: its entry date and its settings.

    `shock` is the session of the event (by default as many sessions before the entry as in the DeepSeek event);
    `hold` and `rebalance` count sessions as in Schedule; `frictions` include the lag; `history` is that of
    EntrySchedule.
    """

    entry: pd.Timestamp
    hold: int | None = 252
    rebalance: int | None = 20
    shock: pd.Timestamp | None = None
    frictions: Frictions = Frictions()
    parameters: Mapping[str, object] = field(default_factory=Parameters)
    history: int | None = 1

    @property
    def schedule(self) -> EntrySchedule:
        """Its entry schedule."""
        return EntrySchedule(self.entry, self.hold, self.rebalance, self.shock, self.history)

    def __post_init__(self) -> None:
        Schedule(self.hold, self.rebalance)


@dataclass(frozen=True)
class TradingConditions:
    """How a study is run at every entry date: holding period and rebalancing interval in sessions, and frictions.

    The shock lies `shock_lead` sessions before each entry.
    """

    hold: int | None = 252
    rebalance: int | None = 20
    frictions: Frictions = Frictions()
    shock_lead: int = SHOCK_BEFORE_ENTRY

    def at(self, entries: np.ndarray, prices: Prices, parameters: Mapping[str, object] = {}) -> Scenarios:
        """Scenarios that enter at the rows `entries` of `prices`."""
        return Scenarios.product(
            prices.sessions[entries],
            (self.hold,),
            (self.rebalance,),
            (self.frictions,),
            (parameters,),
            self.shock_lead,
        )


@dataclass(frozen=True, eq=False)
class Scenarios:
    """n scenarios as arrays of shape (n,).

    `entry` and `shock` are sessions as `datetime64[D]`; `hold` and `rebalance` count sessions, `NEVER` for None;
    `cost` and `setting` are indices of each scenario's `frictions` and `parameters`. They share their `history`.
    """

    entry: np.ndarray
    shock: np.ndarray
    hold: np.ndarray
    rebalance: np.ndarray
    cost: np.ndarray
    setting: np.ndarray
    frictions: tuple[Frictions, ...]
    parameters: tuple[Mapping[str, object], ...]
    history: int | None = 1

    def __len__(self) -> int:
        return len(self.entry)

    def __getitem__(self, index: int) -> Scenario:
        hold, rebalance = (int(column[index]) for column in (self.hold, self.rebalance))
        return Scenario(
            pd.Timestamp(self.entry[index]),
            None if hold == NEVER else hold,
            None if rebalance == NEVER else rebalance,
            pd.Timestamp(self.shock[index]),
            self.frictions[self.cost[index]],
            self.parameters[self.setting[index]],
            self.history,
        )

    def take(self, indices: np.ndarray) -> Scenarios:
        """The scenarios at `indices` (or of a mask), in that order."""
        names = ("entry", "shock", "hold", "rebalance", "cost", "setting")
        return replace(self, **{name: getattr(self, name)[indices] for name in names})

    def with_parameters(self, changes: Mapping[str, object]) -> Scenarios:
        """The scenarios with some parameters changed; settings that become equal are merged."""
        changed = [Parameters(parameters) | changes for parameters in self.parameters]
        distinct, setting = _numbered(changed)
        return replace(self, setting=setting[self.setting], parameters=distinct)

    @classmethod
    def of(cls, scenarios: Sequence[Scenario]) -> Scenarios:
        """Scenarios in the given order.

        Raises RequestError for none, for a date without a session, or if their `history` differs.
        """
        if not scenarios:
            raise RequestError("no scenarios were given; give at least one")
        if len({scenario.history for scenario in scenarios}) > 1:
            raise RequestError("the scenarios differ in history; run those with the same history together")
        entries = _sessions([scenario.entry for scenario in scenarios], "scenario {}: entry")
        default = calendar.xnys_days()[calendar.xnys_days().searchsorted(entries) - SHOCK_BEFORE_ENTRY]
        shocks = [day if each.shock is None else each.shock for each, day in zip(scenarios, default, strict=True)]
        frictions, cost = _numbered([scenario.frictions for scenario in scenarios])
        parameters, setting = _numbered([Parameters(scenario.parameters) for scenario in scenarios])
        return cls(
            entries,
            _sessions(shocks, "scenario {}: shock"),
            np.array([scenario.hold or NEVER for scenario in scenarios]),
            np.array([scenario.rebalance or NEVER for scenario in scenarios]),
            cost,
            setting,
            frictions,
            parameters,
            scenarios[0].history,
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
        days = _sessions(entries, "entry {}")
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


def _numbered(values: Sequence[Value]) -> tuple[tuple[Value, ...], np.ndarray]:
    """Distinct values in order of first appearance, and the index of each value among them, shape (n,)."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    return tuple(numbers), np.array([numbers[value] for value in values])


def _sessions(dates: Sequence[pd.Timestamp | np.datetime64] | pd.DatetimeIndex, where: str) -> np.ndarray:
    """Dates as `datetime64[D]`. Raises RequestError for the first without a session; `where` has its index as {}."""
    days, sessions = np.array(dates, dtype="datetime64[D]"), calendar.xnys_days()
    nearest = sessions[np.minimum(sessions.searchsorted(days), len(sessions) - 1)]
    for index in np.flatnonzero(nearest != days)[:1]:
        try:
            calendar.require_session(pd.Timestamp(dates[index]))
        except ValueError as error:
            raise RequestError(f"{where.format(index)}: {error}") from None
    return days
