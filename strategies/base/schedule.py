"""The schedule of a reading's decisions."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 100_000  # sessions, about four centuries


@dataclass(frozen=True)
class Schedule:
    """Decision dates after one entry, counted in sessions held.

    `held` is 0 at the close before the entry session (the first decision), 1 at the close of the entry session, and so
    on. Further decisions follow every `rebalance` sessions (None: no further ones); the closing decision is made after
    `hold` sessions (None: never).
    """

    hold: int | None = 252
    rebalance: int | None = 20

    def __post_init__(self) -> None:
        for name in ("hold", "rebalance"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name} is {value!r}; give a whole number of sessions, 1 or more, or None")
            if value is not None and value > LONGEST:
                raise ValueError(f"{name} is {value!r}; give {LONGEST:,} sessions or fewer, or None")

    def decides(self, held: int) -> bool:
        """Whether the schedule has a decision after `held` sessions, not counting the closing one."""
        regular = held == 0 if self.rebalance is None else held % self.rebalance == 0
        return held >= 0 and regular and self.runs(held)

    def runs(self, held: int) -> bool:
        """Whether the position is still open at this close, so that a rule may change it."""
        return held >= 0 and (self.hold is None or held < self.hold)

    def closes(self, held: int) -> bool:
        """Whether the closing decision is made at this close."""
        return held == self.hold
