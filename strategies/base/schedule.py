"""When a reading is asked for its weights."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST = 100_000  # sessions, some four centuries


@dataclass(frozen=True)
class Schedule:
    """Decisions of one launch, counted in sessions held.

    `held` is 0 at the close before the entry session (the first decision), 1 at the close of the entry session, and
    so on. Decisions follow every `rebalance` sessions (None: only the first); after `hold` sessions (None: never) the
    closing decision is taken.
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
        """Whether the close after `held` sessions is a decision of the schedule (the closing one is not)."""
        regular = held == 0 if self.rebalance is None else held % self.rebalance == 0
        return held >= 0 and regular and self.runs(held)

    def runs(self, held: int) -> bool:
        """Whether new targets may still be asked for at this close."""
        return held >= 0 and (self.hold is None or held < self.hold)

    def closes(self, held: int) -> bool:
        """Whether the closing decision is taken at this close."""
        return held == self.hold
