"""The verdict on a reading, in words that were fixed before any price was seen.

Two declared tests, each at a family-wise 2.5 %: timing (placebo in time, 20 sessions) and names (placebo in space, the
full hold). Everything else on the pages is description.
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
    """`word` is None where neither test could be held, or where the prices are no history; `reason` says why.

    `by` names the tests that gave the word, `conflict` says in a sentence what the other one says where they differ.
    """

    word: Word | None
    by: tuple[str, ...] = ()
    conflict: str = ""
    reason: str = ""

    @property
    def told(self) -> str:
        """The verdict with the tests behind it."""
        return f"{self.word or 'no verdict'}{' by ' + ' and '.join(self.by) if self.by else ''}"


def decide_verdict(timing: PlaceboRank | None, names: PlaceboRank | None) -> Verdict:
    """The verdict from both tests; None for a test that is not held on this reading."""
    held = {name: rank for name, rank in (("timing", timing), ("its names", names)) if rank is not None}
    tests = {name: rank for name, rank in held.items() if not undecidable_reason(rank)}
    if not tests:
        missing = [f"{name}: {undecidable_reason(rank)}" for name, rank in held.items()]
        return Verdict(None, reason="; ".join(missing) or "no test was held")
    said = {name: side_outcome(rank) for name, rank in tests.items()}
    spoken = {name: word for name, word in said.items() if word != CHANCE}
    if not spoken:
        return Verdict(CHANCE)
    strongest = min(spoken, key=lambda name: smaller_adjusted_p(tests[name]))
    word = spoken[strongest]
    against = [name for name, other in spoken.items() if other != word]
    conflict = f"{against[0]} says {spoken[against[0]]}; the smaller p decides" if against else ""
    return Verdict(word, tuple(name for name, other in spoken.items() if other == word), conflict)


def undecidable_reason(rank: PlaceboRank) -> str:
    """Why a test cannot give a word; empty where it can. With n placebos no p is below 1 / (n + 1)."""
    if rank.p_family is None:
        return rank.reason
    least = 1 / (rank.n + 1)
    return "" if least < SIZE else f"with {rank.n} placebos no p can fall below {least:.3f}, and {SIZE} is asked for"


def side_outcome(rank: PlaceboRank) -> Word:
    """What one test says by itself."""
    if rank.effect is None or rank.p_family is None or rank.p_family_lower is None:
        return CHANCE
    if rank.p_family < SIZE and rank.effect > 0:
        return SUPPORTED
    return REFUTED if rank.p_family_lower < SIZE and rank.effect <= 0 else CHANCE


def smaller_adjusted_p(rank: PlaceboRank) -> float:
    """The family-wise p of the side on which the effect lies."""
    side = rank.p_family if (rank.effect or 0.0) > 0 else rank.p_family_lower
    return 1.0 if side is None else side
