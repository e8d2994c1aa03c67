"""General forms of readings: what a reading of one event says about every comparable shock.

Roles take the place of symbols: `leader` is the stock of a peer group that is traded most and fell, `challengers` are
the other members, `lower` those of the challengers with less dollar volume (half of them, rounded down but at least
one), `group` is all members, and `market` the fund of the whole market.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from math import isfinite
from typing import Literal

from data.errors import RequestError
from strategies.base.comparator import Cash, Comparator, Fund

Against = Literal["cash", "market"]


@dataclass(frozen=True)
class RoleWeights:
    """Constant weights by role, as fractions of equity, negative for short; equal weight inside a role.

    `against` is the comparator: "cash", the idle account, or "market". Raises RequestError for weights that are not
    finite, all zero, or add up to a gross exposure above 1.
    """

    leader: float = 0.0
    challengers: float = 0.0
    lower: float = 0.0
    group: float = 0.0
    market: float = 0.0
    against: Against = "cash"

    def __post_init__(self) -> None:
        weights = astuple(self)[:-1]
        if not all(isinstance(weight, int | float) and isfinite(weight) for weight in weights):
            raise RequestError(f"{self.text}: give finite fractions of equity")
        if not 0 < sum(map(abs, weights)) <= 1:
            raise RequestError(f"{self.text}: the absolute weights must add up to more than 0 and at most 1")
        if self.against not in ("cash", "market"):
            raise RequestError(f"against is {self.against!r}; give 'cash' or 'market'")

    @property
    def text(self) -> str:
        """The weights in words, as in "-50% leader, +50% challengers"."""
        names = [field.name for field in fields(self)][:-1]
        weights = dict(zip(names, astuple(self)[:-1], strict=True))
        return ", ".join(f"{weight:+.0%} {role}" for role, weight in weights.items() if weight)

    def comparator(self, market: str) -> Comparator:
        """The comparator, with `market` as the fund."""
        return Cash() if self.against == "cash" else Fund(market)


@dataclass(frozen=True)
class OnLeader:
    """The reading itself, with the leader in place of its parameter `parameter`, which holds a symbol."""

    parameter: str = "symbol"

    @property
    def text(self) -> str:
        """The form in words."""
        return "the same rule on the leader"


@dataclass(frozen=True)
class AroundDecisions:
    """The reading itself around every scheduled FOMC decision, instead of after every shock.

    It enters `before` sessions ahead of the decision and is held for `hold` sessions. Its parameter `shift` moves all
    decisions by as many sessions; `shifts` are those that the real calendar is compared with.
    """

    before: int
    hold: int
    shift: str
    shifts: tuple[int, ...]

    @property
    def text(self) -> str:
        """The form in words."""
        return "the same rule around every scheduled FOMC decision"


GeneralForm = RoleWeights | OnLeader | AroundDecisions
