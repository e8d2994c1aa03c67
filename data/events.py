"""Events: what happened when, and when it could first be traded."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from data import calendar

NEW_YORK = "America/New_York"
OPEN = pd.Timedelta(hours=9, minutes=30)


@dataclass(frozen=True)
class Event:
    """A shock and the publication that reads it.

    `shock` is the first session that traded on the news; `published` the moment (with a time zone) from which the
    reading could be known. `marks` are further dates worth a line on a chart. `quiet_until` is the last session that
    no news of the event can have touched: estimation windows end there at the latest. `confounders` are dated
    sentences of what else moved prices around it.
    """

    name: str
    title: str
    shock: pd.Timestamp
    published: pd.Timestamp
    marks: tuple[tuple[str, str], ...] = ()
    quiet_until: pd.Timestamp | None = None
    confounders: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        calendar.require_session(self.shock)
        if self.published.tzinfo is None:
            raise ValueError(f"event {self.name!r}: published {self.published} has no time zone; give it one")

    @property
    def entry(self) -> pd.Timestamp:
        """The first session whose open comes after publication."""
        moment = self.published.tz_convert(NEW_YORK)
        day = moment.normalize().tz_localize(None)
        tradable = calendar.is_session(day) and moment.tz_localize(None) < day + OPEN
        return day if tradable else calendar.xnys()[calendar.position(day + pd.Timedelta(days=1))]


DEEPSEEK = Event(
    name="deepseek",
    title="The DeepSeek shock",
    shock=pd.Timestamp("2025-01-27"),
    # 31 January 2025, 17:16 in Seoul
    published=pd.Timestamp("2025-01-31 03:16", tz=NEW_YORK),
    marks=(("2025-01-27", "shock"), ("2025-01-29", "FOMC holds"), ("2025-01-31", "essay published")),
    # The lab's previous model, V3, appeared on 26 December 2024.
    quiet_until=pd.Timestamp("2024-12-24"),
    confounders=(
        ("2025-01-20", "DeepSeek releases R1"),
        ("2025-01-21", "the Stargate data-centre plan is announced"),
        ("2025-01-29", "the FOMC holds rates; MSFT, META and TSLA report after the close"),
        ("2025-01-30", "AAPL and INTC report after the close"),
        ("2025-02-01", "tariffs on Canada, Mexico and China are announced"),
        ("2025-02-04", "AMD reports after the close"),
        ("2025-02-26", "NVDA reports after the close"),
        ("2025-04-02", "the tariff crash begins; it lasts until the rebound of 9 April"),
    ),
)
