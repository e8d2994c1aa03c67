"""An event: what happened when, when it could first be traded, and what is read into it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from data import calendar
from data.errors import RequestError

NEW_YORK = "America/New_York"
OPEN = pd.Timedelta(hours=9, minutes=30)
FOMC = "fomc"  # the calendar of the Federal Open Market Committee, see data.fomc

Dated = tuple[tuple[str, str], ...]  # (YYYY-MM-DD, words)


@dataclass(frozen=True)
class EventReading:
    """A reading of an event's family: a strategy under a name of its own, with its parameters.

    `strategy` is what `strategies.load` takes; `title` and `claim` stand in the place of those of its docstring.
    Where a parameter holds several symbols its value may be the name of a basket of the event. `chooses`: the claim is
    a choice among the names of the event's universe, from which placebo baskets are then drawn.
    """

    strategy: str
    name: str = ""
    title: str = ""
    claim: str = ""
    parameters: tuple[tuple[str, object], ...] = ()
    chooses: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.strategy.rpartition(":")[2])


@dataclass(frozen=True)
class Event:
    """A shock and the publication that reads it.

    `shock` is the first session that traded on the news; `published` the moment (with a time zone) from which the
    reading could be known, `publication` what was published then. `marks` are further dates worth a line on a chart.
    `quiet_until` is the last session that no news of the event can have touched: estimation windows end there at the
    latest. `confounders` are dated sentences of what else moved prices around it. `claims` says which numbers its
    claims have, for example "C1 to C18". Placebo baskets of names are drawn from `universe`; `baskets` are named
    symbols for the parameters of `readings`, its family (empty: the files of strategies/). `calendar` holds the
    recurring dates that charts mark: FOMC, or dates of its own. `origin` is where it was read from.

    Raises ValueError or RequestError naming the field for a moment without a time zone, a shock or quiet session on
    which the exchange was closed, a quiet session that is not before the shock, or an entry before it.
    """

    name: str
    title: str
    shock: pd.Timestamp
    published: pd.Timestamp
    marks: Dated = ()
    quiet_until: pd.Timestamp | None = None
    confounders: Dated = ()
    publication: str = "the reading"
    claims: str = ""
    universe: tuple[str, ...] = ()
    baskets: tuple[tuple[str, tuple[str, ...]], ...] = ()
    readings: tuple[EventReading, ...] = ()
    calendar: str | Dated = FOMC
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        self._require_session("shock", self.shock)
        if self.published.tzinfo is None:
            raise ValueError(f"{self.where}: published {self.published} has no time zone; give it one")
        if self.entry < self.shock:
            raise RequestError(
                f"{self.where}: published {self.published} can be traded on {self.entry:%Y-%m-%d}, before the "
                f"shock on {self.shock:%Y-%m-%d}; give the moment at which the shock had been read"
            )
        if self.quiet_until is not None:
            self._require_session("quiet_until", self.quiet_until)
            if self.quiet_until >= self.shock:
                raise RequestError(
                    f"{self.where}: quiet_until {self.quiet_until:%Y-%m-%d} is not before the shock on "
                    f"{self.shock:%Y-%m-%d}; give the last session without news of it"
                )
        self._require_readings()

    @property
    def where(self) -> str:
        """What errors call it: its file, or its name when it was made in Python."""
        return f"event file {self.origin!r}" if self.origin else f"event {self.name!r}"

    def place(self, member: EventReading) -> str:
        """Where one of its readings stands, for errors."""
        return f"{self.where}: readings {self.readings.index(member) + 1} ({member.name})"

    @property
    def entry(self) -> pd.Timestamp:
        """The first session whose open comes after publication."""
        moment = self.published.tz_convert(NEW_YORK)
        day = moment.normalize().tz_localize(None)
        if calendar.is_session(day) and moment.tz_localize(None) < day + OPEN:
            return day
        after = calendar.calendar_index(day + pd.Timedelta(days=1))
        if 0 < after < len(calendar.xnys()):
            return calendar.xnys()[after]
        raise RequestError(
            f"{self.where}: published {self.published} lies outside the exchange calendar "
            f"({calendar.xnys()[0]:%Y-%m-%d} to {calendar.xnys()[-1]:%Y-%m-%d}); give a moment inside"
        )

    @property
    def lead(self) -> int:
        """Sessions from the shock to the entry; launches at other dates keep it."""
        return calendar.calendar_index(self.entry) - calendar.calendar_index(self.shock)

    @property
    def hours(self) -> int:
        """Whole hours from publication to the open of the entry session."""
        opens = (self.entry + OPEN).tz_localize(NEW_YORK)
        return int((opens - self.published) // pd.Timedelta(hours=1))

    def as_dict(self) -> dict[str, object]:
        """What decides the numbers of a run, for files."""
        return {
            "name": self.name,
            "shock": f"{self.shock:%Y-%m-%d}",
            "published": self.published.tz_convert(NEW_YORK).isoformat(),
            "entry": f"{self.entry:%Y-%m-%d}",
            "quiet_until": None if self.quiet_until is None else f"{self.quiet_until:%Y-%m-%d}",
            "universe": list(self.universe),
            "readings": [
                {
                    "name": member.name,
                    "strategy": member.strategy,
                    "parameters": {
                        name: list(value) if isinstance(value, tuple) else value for name, value in member.parameters
                    },
                    "chooses": member.chooses,
                }
                for member in self.readings
            ],
            "baskets": {name: list(symbols) for name, symbols in self.baskets},
        }

    def _require_session(self, key: str, day: pd.Timestamp) -> None:
        try:
            calendar.require_session(day)
        except RequestError as error:
            raise RequestError(f"{self.where}: {key}: {error}") from None

    def _require_readings(self) -> None:
        places: dict[str, int] = {}
        for place, member in enumerate(self.readings, 1):
            if (first := places.setdefault(member.name, place)) != place:
                problem = f"{member.name!r} is that of readings {first}; give each its own"
                raise RequestError(f"{self.where}: readings {place}: name: {problem}")
            if member.chooses and not self.universe:
                raise RequestError(
                    f"{self.place(member)}: chooses: there is no universe to choose from; list its symbols as universe"
                )
