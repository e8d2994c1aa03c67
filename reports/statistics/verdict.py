"""The verdict on a reading, by two tests that were declared before any price was seen.

Both have a size of 2.5 % after adjustment for all readings: timing (past entries, 20 sessions) and stock selection
(random baskets, the whole holding period). Everything else on the pages is description.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.statistics.placebo import SIZE, PlaceboRank

HORIZON = 20  # sessions of the timing test

Word = Literal["supported", "refuted", "not distinguishable from chance"]
SUPPORTED: Word = "supported"
REFUTED: Word = "refuted"
CHANCE: Word = "not distinguishable from chance"


@dataclass(frozen=True)
class Verdict:
    """The verdict in one word, with the tests behind it.

    `word` is None if no test is available or the prices are reconstructed; `reason` says why. `by` names the tests that
    gave the word; `conflict` is a sentence on the other test if it says the opposite, else empty.
    """

    word: Word | None
    by: tuple[str, ...] = ()
    conflict: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """The verdict followed by its tests, as in "supported by timing"."""
        return f"{self.word or 'no verdict'}{' by ' + ' and '.join(self.by) if self.by else ''}"


def decide_verdict(timing: PlaceboRank | None, names: PlaceboRank | None) -> Verdict:
    """The verdict from both tests; None for a test that the reading does not have."""
    ranks = {name: rank for name, rank in (("timing", timing), ("its names", names)) if rank is not None}
    tests = {name: rank for name, rank in ranks.items() if not undecidable_reason(rank)}
    if not tests:
        reasons = [f"{name}: {undecidable_reason(rank)}" for name, rank in ranks.items()]
        return Verdict(None, reason="; ".join(reasons) or "there is no test")
    outcomes = {name: side_outcome(rank) for name, rank in tests.items()}
    decided = {name: word for name, word in outcomes.items() if word != CHANCE}
    if not decided:
        return Verdict(CHANCE)
    strongest = min(decided, key=lambda name: smaller_adjusted_p(tests[name]))
    word = decided[strongest]
    opposed = [name for name, other in decided.items() if other != word]
    conflict = f"{opposed[0]} says {decided[opposed[0]]}; the smaller p decides" if opposed else ""
    return Verdict(word, tuple(name for name, other in decided.items() if other == word), conflict)


def undecidable_reason(rank: PlaceboRank) -> str:
    """Why a test cannot decide; empty if it can. With n placebos no p is below 1 / (n + 1)."""
    if rank.p_family is None:
        return rank.reason
    least = 1 / (rank.n + 1)
    return "" if least < SIZE else f"with {rank.n} placebos no p can fall below {least:.3f}, but {SIZE} is needed"


def side_outcome(rank: PlaceboRank) -> Word:
    """Outcome of one test."""
    if rank.effect is None or rank.p_family is None or rank.p_family_lower is None:
        return CHANCE
    if rank.p_family < SIZE and rank.effect > 0:
        return SUPPORTED
    return REFUTED if rank.p_family_lower < SIZE and rank.effect <= 0 else CHANCE


def smaller_adjusted_p(rank: PlaceboRank) -> float:
    """The adjusted p-value for the sign of the effect."""
    side = rank.p_family if (rank.effect or 0.0) > 0 else rank.p_family_lower
    return 1.0 if side is None else side
