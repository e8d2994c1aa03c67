"""An event: what happened, when it could first be traded, and the readings of it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field

import pandas as pd

from data import calendar
from data.errors import RequestError

NEW_YORK = "America/New_York"
OPEN = pd.Timedelta(hours=9, minutes=30)
FOMC = "fomc"  # the calendar of the Federal Open Market Committee, see data.fomc

Dated = tuple[tuple[str, str], ...]  # (YYYY-MM-DD, text)


@dataclass(frozen=True)
class EventReading:
    """A member of an event's strategy set: a strategy with its own name and parameters.

    `strategy` is a name for `strategies.load`; `title` and `claim` replace those of its docstring. A parameter that
    holds several symbols may give the name of one of the event's baskets. `chooses` means that the claim is a selection
    of stocks from the event's universe; placebo baskets are then drawn from that universe. `roles` are the weights of
    its general form by role, for base rates, and `against` the comparator of that form ("cash" or "market").
    """

    strategy: str
    name: str = ""
    title: str = ""
    claim: str = ""
    parameters: tuple[tuple[str, object], ...] = ()
    chooses: bool = False
    roles: tuple[tuple[str, float], ...] = ()
    against: str = "cash"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.strategy.rpartition(":")[2])


@dataclass(frozen=True)
class Event:
    """A shock and the publication that interprets it.

    `shock` is the first session that traded on the news, `published` the time (with a time zone) from which the
    interpretation was public, and `publication` the document published then. `marks` are further dates to draw on
    charts. `quiet_until` is the last session that news of the event cannot have affected; estimation windows end there
    at the latest. `confounders` are other news that moved prices at the time, by date. `claims` gives the numbers of
    the publication's claims, for example "C1 to C18". Placebo baskets are drawn from `universe`; `baskets` are named
    lists of symbols for the parameters of `readings`, the event's strategy set (if empty, the files of strategies/).
    p-values are adjusted first for the readings named in `primary`, then for the others. `calendar` holds the recurring
    dates that charts mark: FOMC, or the event's own dates. `origin` is the file of the event.

    Raises ValueError or RequestError, naming the field, for a time without a time zone, a shock or quiet session on
    which the exchange was closed, a quiet session that is not before the shock, or an entry before the shock.
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
    primary: tuple[str, ...] = ()
    calendar: str | Dated = FOMC
    origin: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        self._require_session("shock", self.shock)
        if self.published.tzinfo is None:
            raise ValueError(f"{self.where}: published {self.published} has no time zone; give it one")
        if self.entry < self.shock:
            raise RequestError(
                f"{self.where}: published {self.published} can be traded on {self.entry:%Y-%m-%d}, before the "
                f"shock on {self.shock:%Y-%m-%d}; give a time of publication after the shock"
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
        """The event's file, for errors; its name if it was built in Python."""
        return f"event file {self.origin!r}" if self.origin else f"event {self.name!r}"

    def locate(self, member: EventReading) -> str:
        """Position of one of its readings, for errors."""
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
            f"({calendar.xnys()[0]:%Y-%m-%d} to {calendar.xnys()[-1]:%Y-%m-%d}); give a time inside it"
        )

    @property
    def lead(self) -> int:
        """Sessions from the shock to the entry; past entries keep this distance."""
        return calendar.calendar_index(self.entry) - calendar.calendar_index(self.shock)

    @property
    def hours(self) -> int:
        """Whole hours from publication to the open of the entry session."""
        opens = (self.entry + OPEN).tz_localize(NEW_YORK)
        return int((opens - self.published) // pd.Timedelta(hours=1))

    def as_dict(self) -> dict[str, object]:
        """The fields that determine the numbers of a run, for JSON files."""
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
                    **({"roles": dict(member.roles), "against": member.against} if member.roles else {}),
                }
                for member in self.readings
            ],
            "baskets": {name: list(symbols) for name, symbols in self.baskets},
            "primary": list(self.primary),
        }

    def require_primary(self, names: Collection[str]) -> None:
        """Raise RequestError if one of the primary readings is not among `names`, those of the event's strategy set."""
        if unknown := [name for name in self.primary if name not in names]:
            close = difflib.get_close_matches(unknown[0], names, n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else "name readings of the event"
            raise RequestError(f"{self.where}: primary: there is no reading {unknown[0]!r}; {hint}")

    def _require_session(self, key: str, day: pd.Timestamp) -> None:
        try:
            calendar.require_session(day)
        except RequestError as error:
            raise RequestError(f"{self.where}: {key}: {error}") from None

    def _require_readings(self) -> None:
        numbers: dict[str, int] = {}
        for number, member in enumerate(self.readings, 1):
            if (first := numbers.setdefault(member.name, number)) != number:
                problem = f"{member.name!r} is already the name of readings {first}; give each its own"
                raise RequestError(f"{self.where}: readings {number}: name: {problem}")
            if member.chooses and not self.universe:
                raise RequestError(
                    f"{self.locate(member)}: chooses: the event has no universe; list the symbols to choose from"
                )
        if self.readings:
            self.require_primary([member.name for member in self.readings])
