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
    reading could be known. `marks` are further dates worth a line on a chart.
    """

    name: str
    title: str
    shock: pd.Timestamp
    published: pd.Timestamp
    marks: tuple[tuple[str, str], ...] = ()

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
)
