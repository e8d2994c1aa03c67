"""The verdict on a reading, by tests that were fixed in code before a run, though after the event.

Each test has a size of 2.5 % a side, adjusted for all readings of its family: timing over a month (past entries),
timing over the year where it was declared before the event, and stock selection. Where none of them decides, the
verdict says whether an effect beyond a declared bound is excluded, or could not have been found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Literal

from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.year_timing import YearTiming

HORIZON = 20  # sessions of the timing test over a month
BOUND = 0.05  # of excess return over HORIZON sessions: a smaller effect does not matter
LOWEST, HIGHEST = log1p(-BOUND), log1p(BOUND)  # the bound in excess log returns

Word = Literal["supported", "refuted", "bounded", "underpowered", "not distinguishable from chance", "exploratory"]
SUPPORTED: Word = "supported"
REFUTED: Word = "refuted"
BOUNDED: Word = "bounded"
UNDERPOWERED: Word = "underpowered"
CHANCE: Word = "not distinguishable from chance"
EXPLORATORY: Word = "exploratory"
MONTH, YEAR, STOCKS = "timing over a month", "timing over the year", "stock selection"
BASE_RATE = "comparable shocks"


@dataclass(frozen=True)
class DeclaredTest:
    """A test on which a verdict rests: its adjusted p-values on both sides and the sign of the effect.

    `reason` says why it cannot decide; it is empty if it can.
    """

    name: str
    effect: float = 0.0
    p_upper: float = 1.0
    p_lower: float = 1.0
    reason: str = ""

    @property
    def word(self) -> Word:
        """Its own outcome."""
        if self.reason:
            return CHANCE
        if self.p_upper < SIZE and self.effect > 0:
            return SUPPORTED
        return REFUTED if self.p_lower < SIZE and self.effect <= 0 else CHANCE

    @property
    def p(self) -> float:
        """The adjusted p-value on the side of the effect."""
        return self.p_upper if self.effect > 0 else self.p_lower


@dataclass(frozen=True)
class Sensitivity:
    """What a test over HORIZON sessions leaves open, in excess log returns; `test` is its name.

    `low` and `high` bound the effect at 95 %; `upward` and `downward` are the sizes (above zero) of the smallest
    effects that are found with 80 % power on either side. None where not available.
    """

    low: float | None = None
    high: float | None = None
    upward: float | None = None
    downward: float | None = None
    test: str = MONTH

    @property
    def is_bounded(self) -> bool:
        """Whether the interval lies inside plus and minus BOUND."""
        return self.low is not None and self.high is not None and self.low > LOWEST and self.high < HIGHEST

    @property
    def is_weak(self) -> bool:
        """Whether the smallest effect found exceeds BOUND on either side, or none is found."""
        return self.upward is None or self.upward > HIGHEST or self.downward is None or -self.downward < LOWEST


@dataclass(frozen=True)
class Verdict:
    """The verdict in one word, with the tests behind it.

    `word` is None if no test is available or the prices are reconstructed; `reason` says why, also why a verdict is
    exploratory. `by` names the tests that gave the word; `conflict` is a sentence on a test that says the opposite.
    """

    word: Word | None
    by: tuple[str, ...] = ()
    conflict: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        """The verdict followed by its tests, as in "supported by timing over a month"."""
        return f"{self.word or 'no verdict'}{' by ' + ' and '.join(self.by) if self.by else ''}"


def decide_verdict(tests: Sequence[DeclaredTest], sensitivity: Sensitivity | None) -> Verdict:
    """The verdict from all declared tests of a reading.

    `sensitivity` is that of the test over HORIZON sessions, None if there is none among them.
    """
    able = [test for test in tests if not test.reason]
    if not able:
        return Verdict(None, reason="; ".join(f"{test.name}: {test.reason}" for test in tests) or "there is no test")
    decided = [test for test in able if test.word != CHANCE]
    if decided:
        strongest = min(decided, key=lambda test: test.p)
        opposed = [test for test in decided if test.word != strongest.word]
        conflict = f"{opposed[0].name} says {opposed[0].word}; the smaller p decides" if opposed else ""
        return Verdict(strongest.word, tuple(test.name for test in decided if test.word == strongest.word), conflict)
    if sensitivity is not None and sensitivity.is_bounded:
        return Verdict(BOUNDED, (sensitivity.test,))
    if sensitivity is not None and sensitivity.is_weak:
        return Verdict(UNDERPOWERED, (sensitivity.test,))
    return Verdict(CHANCE)


def placebo_test(name: str, rank: PlaceboRank) -> DeclaredTest:
    """The declared test behind a rank. With n placebos no p is below 1 / (n + 1)."""
    if rank.effect is None or rank.p_family is None or rank.p_family_lower is None:
        return DeclaredTest(name, reason=rank.reason)
    least = 1 / (rank.n + 1)
    reason = "" if least < SIZE else f"with {rank.n} placebos no p can fall below {least:.3f}, but {SIZE} is needed"
    return DeclaredTest(name, rank.effect, rank.p_family, rank.p_family_lower, reason)


def year_test(timing: YearTiming) -> DeclaredTest:
    """The declared test of timing over the year, which asks the permutations and the cyclic shifts."""
    if timing.difference is None or timing.p_family is None or timing.p_family_lower is None:
        return DeclaredTest(YEAR, reason=timing.reason)
    upper, lower = max(timing.p_family, timing.cyclic or 0.0), max(timing.p_family_lower, timing.cyclic_lower or 0.0)
    return DeclaredTest(YEAR, timing.difference, upper, lower)
