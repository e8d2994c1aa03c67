"""The request of a run, validated when it is made."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data import calendar
from data.errors import RequestError
from data.events.event import Event
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from strategies.base.schedule import LONGEST


@dataclass(frozen=True)
class PriceWindow:
    """A source of prices (auto, yahoo, sample or a folder) and the first and last date to read, YYYY-MM-DD."""

    source: str
    start: str | None = None
    end: str | None = None


@dataclass(frozen=True)
class Request:
    """The readings to run on an event, with the settings of the run.

    `readings` are names or paths; empty means all readings of the event. `entry` is published, shock or a date
    (YYYY-MM-DD). `hold` and `rebalance` count sessions; with a hold of None positions stay open to the end of the
    prices. `symbols` are the feeds of a plain `bt.Strategy` that declares none; `history` is its warm-up, see
    EntrySchedule, and with `foresight_check` it is run a second time where it cannot see the future. With `evidence`
    the readings are tested against chance.

    Raises RequestError for a number out of range or a reading named twice.
    """

    event: Event
    readings: tuple[str, ...] = ()
    entry: str = "published"
    hold: int | None = 252
    rebalance: int = 20
    benchmark: str = "SPY"
    symbols: tuple[str, ...] = ()
    frictions: Frictions = Frictions()
    evidence: bool = False
    history: int | None = 1
    foresight_check: bool = True

    def __post_init__(self) -> None:
        for name, sessions in (("hold", self.hold), ("rebalance", self.rebalance), ("history", self.history)):
            if sessions is not None and sessions < 1:
                raise RequestError(f"--{name} {sessions} is too short; give 1 session or more")
            if sessions is not None and sessions > LONGEST:
                raise RequestError(f"--{name} {sessions} is too long; give {LONGEST:,} sessions or fewer")
        if repeated := {name for name in self.readings if self.readings.count(name) > 1}:
            raise RequestError(f"{sorted(repeated)[0]} is named twice; name each reading once")

    @property
    def schedule(self) -> EntrySchedule:
        """The entry schedule. Raises RequestError for an entry on a day without trading."""
        entries = {"published": self.event.entry, "shock": self.event.shock}
        if self.entry in entries:
            entry, shock = entries[self.entry], self.event.shock
        else:
            entry = parse_session(self.entry)
            shock = calendar.offset(entry, -self.event.lead)
        return EntrySchedule(entry, self.hold, self.rebalance, shock, self.history)

    @property
    def hindsight(self) -> bool:
        """Whether the entry comes before the publication could be acted on."""
        return self.schedule.entry < self.event.entry


def parse_session(text: str) -> pd.Timestamp:
    """The session on a date written YYYY-MM-DD. Raises RequestError for any other text or a day without trading."""
    try:
        day = pd.to_datetime(text, format="%Y-%m-%d")
    except ValueError:
        raise RequestError(f"{text!r} is not a date; write YYYY-MM-DD, for example 2025-01-31") from None
    return calendar.require_session(day)
