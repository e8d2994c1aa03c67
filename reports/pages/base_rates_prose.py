"""Base rates in sentences: the finding, its number of events, its interval and its limits."""

from __future__ import annotations

from reports.records.base_rates import BaseRate, BaseRates, DecisionClass, Split
from reports.rendering.numbers import percent, probability
from reports.statistics.placebo import SIZE
from reports.statistics.pooled import PooledExcess
from reports.statistics.verdict import (
    BOUND,
    BOUNDED,
    CHANCE,
    EXPLORATORY,
    HORIZON,
    REFUTED,
    SUPPORTED,
    UNDERPOWERED,
)

MONTH_WORDS = f"{HORIZON} trading days"
SURVIVORSHIP = (
    "The stocks are companies that are still listed. A leader that went under is missing, which makes leaders look "
    "better than they were."
)
MOST_MISSING = 8  # symbols that a sentence names


def headline(rates: BaseRates) -> str:
    """The finding of all readings in one sentence."""
    n = max((rate.headline.n for rate in rates.readings.values()), default=0)
    words = {rate.name: rate.verdict.word for rate in rates.readings.values()}
    supported = [name for name, word in words.items() if word == SUPPORTED]
    refuted = [name for name, word in words.items() if word == REFUTED]
    begin = f"After {n} falls of a sector's leader"
    if supported or refuted:
        parts = [f"{name} beat its comparator" for name in supported] + [f"{name} fell behind it" for name in refuted]
        return f"{begin}, {' and '.join(parts)} over {MONTH_WORDS}, by more than luck."
    if words and all(word == BOUNDED for word in words.values()):
        return (
            f"{begin}, none of {len(words)} ways to trade them made or lost more than {BOUND:.0%} on average in "
            f"{MONTH_WORDS}."
        )
    return f"{begin}, no way to trade them can be told from luck over {MONTH_WORDS}."


def base_rate_sentence(rate: BaseRate) -> str:
    """What happened on average after comparable shocks, over the horizon of the verdict."""
    pooled = rate.headline
    if pooled.mean is None:
        return f"No base rate: {pooled.n} comparable shocks have a result over {MONTH_WORDS}."
    return (
        f"After {pooled.n} comparable shocks the same trade {gained(pooled.mean)} its comparator by "
        f"{percent(abs(pooled.mean))} on average over {MONTH_WORDS} (95% interval {interval(pooled)}), and was ahead "
        f"in {pooled.positive:.0%} of them: {base_rate_conclusion(rate)}."
    )


def gained(mean: float) -> str:
    """The verb for a mean excess: it beat or it trailed."""
    return "beat" if mean > 0 else "trailed"


def base_rate_conclusion(rate: BaseRate) -> str:
    """The verdict on the base rate as the end of a sentence."""
    verdict = rate.verdict
    endings: dict[str | None, str] = {
        SUPPORTED: "more than chance explains",
        REFUTED: "less than chance explains",
        BOUNDED: f"an average effect beyond {BOUND:.0%} is excluded",
        UNDERPOWERED: f"an average effect of {BOUND:.0%} could have been missed",
        CHANCE: CHANCE,
        EXPLORATORY: f"exploratory, since {verdict.reason}",
        None: f"no verdict, since {verdict.reason}",
    }
    return endings[verdict.word]


def interval(pooled: PooledExcess) -> str:
    """The 95 % interval of the mean, as in "-1.5% to +0.1%"."""
    if pooled.low is None or pooled.high is None:
        return "not available"
    return f"{percent(pooled.low)} to {percent(pooled.high)}"


def missing_sentence(rates: BaseRates) -> str:
    """The symbols without prices, in a sentence."""
    named, rest = rates.missing[:MOST_MISSING], len(rates.missing) - MOST_MISSING
    more = f" and {rest} more" if rest > 0 else ""
    return f"No prices for {', '.join(named)}{more}; their groups go on where three members remain."


def decisions_sentence(decisions: DecisionClass) -> str:
    """What happened around FOMC decisions."""
    count = len(decisions.outcomes)
    return (
        f"Around {count} scheduled FOMC decisions {decisions.name} {gained(decisions.mean)} its comparator by "
        f"{abs(decisions.mean):.2%} on average over {decisions.sessions} trading days (95% interval "
        f"{percent(decisions.low, 2)} to {percent(decisions.high, 2)}); of {len(decisions.shifted)} calendars moved "
        f"by a few days, {worse_calendars(decisions)} did worse."
    )


def worse_calendars(decisions: DecisionClass) -> int:
    """Number of moved calendars with a lower mean than the real one."""
    return sum(mean < decisions.mean for mean in decisions.shifted.values())


def split_sentence(split: Split, rate: BaseRate) -> str:
    """The difference between two kinds of shocks for one reading."""
    first, second = split.means[rate.name]
    rank = split.ranks[rate.name]
    if first.mean is None or second.mean is None:
        return f"{rate.name}: too few shocks {split.first} ({first.n}) or {split.second} ({second.n})."
    figures = (
        f"{percent(first.mean)} {split.first} ({first.n} shocks), {percent(second.mean)} {split.second} ({second.n})"
    )
    if rank.p_family is None or rank.p_family_lower is None:
        return f"{rate.name}: {figures}; {rank.reason}."
    p = min(rank.p_family, rank.p_family_lower)
    luck = "more than luck explains" if p < SIZE else "which luck explains"
    return f"{rate.name}: {figures}; {luck} (adjusted p {probability(p)})."
