"""Base rates in sentences: the finding, its number of events, its interval and its limits."""

from __future__ import annotations

from collections.abc import Iterable

from reports.pages.evidence_prose import listed_names
from reports.records.base_rates import BaseRate, BaseRates, DecisionClass, MeanOf, Split
from reports.records.result import HORIZONS
from reports.rendering.numbers import MINUS, percent, probability
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.pooled import TESTED, PooledExcess
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
LONGEST = max(TESTED)
SURVIVORSHIP = (
    "Only companies that were still listed when their prices were collected are counted. A leader that went under is "
    "missing, which makes leaders look better than they were."
)
SIMULATED = "Simulated prices: what follows says nothing about markets."
MOST_MISSING = 8  # symbols that a sentence names


def headline(rates: BaseRates) -> str:
    """The finding of all readings in one sentence."""
    if not rates.readings and isinstance(rates.decisions, DecisionClass):
        return decisions_headline(rates.decisions)
    finding = f"After {counted(len(rates.shocks), 'fall')} of a sector's leader, {_finding(rates)}."
    return finding if rates.real else f"On simulated prices: {finding[0].lower()}{finding[1:]}"


def _finding(rates: BaseRates) -> str:
    words = [rate.verdict.word for rate in rates.readings.values()]
    supported = [rate.name for rate in rates.readings.values() if rate.verdict.word == SUPPORTED]
    refuted = [rate.name for rate in rates.readings.values() if rate.verdict.word == REFUTED]
    if supported or refuted:
        beaten = [f"{listed_names(supported)} beat {_comparators(supported)}"] if supported else []
        behind = [f"{listed_names(refuted)} trailed {_comparators(refuted)}"] if refuted else []
        return f"{' and '.join(beaten + behind)} over {MONTH_WORDS} by more than luck explains"
    known, many = {word for word in words if word is not None}, len(words) > 1
    none = f"none of {len(words)} ways to trade them can" if many else "the trade cannot"
    if not known:
        return f"{none} be judged"
    if known == {EXPLORATORY}:
        return f"{counted(len(words), 'way')} to trade them: exploratory figures, without a verdict"
    if set(words) == {BOUNDED}:
        beat = f"none of {len(words)} ways to trade them beat or" if many else "the trade neither beat nor"
        return f"{beat} trailed its comparator by more than {BOUND:.0%} on average in {MONTH_WORDS}"
    return f"{none} be told from luck over {MONTH_WORDS}"


def _comparators(names: list[str]) -> str:
    return "its comparator" if len(names) == 1 else "their comparators"


def counted(n: int, noun: str) -> str:
    """A number with its noun, as in "142 falls"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def class_sentence(rates: BaseRates) -> str:
    """What counts as a comparable shock, how many there were, and how many have a result."""
    shocks, dates = rates.shocks, {shock.session for shock in rates.shocks}
    threshold, market = rates.settings["threshold"], rates.settings["market"]
    counts = {rate.headline.n for rate in rates.readings.values()}
    known = "" if not counts else f"; {_span(counts)} of them {_have(counts)} a result after {MONTH_WORDS}"
    return (
        f"{counted(len(shocks), 'shock')} on {counted(len(dates), 'date')}, {min(dates)} to {max(dates)}{known}. Each "
        f"time the stock with the highest dollar volume of its sector lost {abs(threshold):.0%} or more in a day on "
        f"which the market {_market_words(market)}."
    )


def _span(counts: set[int]) -> str:
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _have(counts: set[int]) -> str:
    return "has" if counts == {1} else "have"


def _market_words(least: float) -> str:
    return f"lost less than {-least:.0%}" if least < 0 else f"gained more than {least:.0%}"


def month_sentence(rates: BaseRates) -> str:
    """The range of the means and of their intervals over the horizon of the verdict; empty where there are none."""
    known = [(rate.headline.mean, rate) for rate in rates.readings.values() if rate.headline.mean is not None]
    if not known:
        return ""
    (low, lowest), (high, highest) = min(known, key=_mean), max(known, key=_mean)
    if lowest is highest:
        return f"The mean excess of {lowest.name} is {percent(low)} (95% interval {interval(lowest.headline)})."
    lows = [rate.headline.low for _, rate in known if rate.headline.low is not None]
    highs = [rate.headline.high for _, rate in known if rate.headline.high is not None]
    bounds = f"; every 95% interval lies between {percent(min(lows))} and {percent(max(highs))}" if lows else ""
    return f"The means lie between {percent(low)} ({lowest.name}) and {percent(high)} ({highest.name}){bounds}."


def _mean(known: tuple[float, BaseRate]) -> float:
    return known[0]


def long_horizon_sentence(rates: BaseRates) -> str:
    """Which readings differ from luck over the longest tested horizon; empty where no test is available."""
    pooled = {rate.name: rate.pooled[str(LONGEST)] for rate in rates.readings.values()}
    smallest = {name: p for name, each in pooled.items() if (p := smallest_p(each.rank)) is not None}
    found = [name for name, p in smallest.items() if p < SIZE]
    if not smallest:
        return ""
    if not found:
        return f"After {LONGEST} trading days, too, luck could explain all of them."
    figures = listed_names(f"{name} ({percent(pooled[name].mean)})" for name in found)
    largest = probability(max(smallest[name] for name in found))
    return (
        f"After {LONGEST} trading days luck does not explain {figures} (adjusted p at most {largest}). The verdict "
        f"rests on {MONTH_WORDS}; the longer the hold, the more it matters that leaders that went under are missing."
    )


def p_below(p: float) -> str:
    """A p-value with its sign, as in "= 0.032" or "<0.0001"."""
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"


def smallest_p(rank: PlaceboRank) -> float | None:
    """The smaller of the two adjusted p-values; None without a test."""
    if rank.reason or rank.p_family is None or rank.p_family_lower is None:
        return None
    return min(rank.p_family, rank.p_family_lower)


def base_rate_sentence(rate: BaseRate) -> str:
    """What happened on average after comparable shocks, over the horizon of the verdict."""
    pooled = rate.headline
    if pooled.mean is None or pooled.positive is None:
        return f"No base rate: only {counted(pooled.n, 'comparable shock')} with a result over {MONTH_WORDS}."
    return (
        f"After {counted(pooled.n, 'comparable shock')} its general form ({signed(rate.form)}) {compared(pooled.mean)} "
        f"on average over {MONTH_WORDS} (95% interval {interval(pooled)}), and was ahead in {pooled.positive:.0%} of "
        f"them: {base_rate_conclusion(rate)}."
    )


def signed(form: str) -> str:
    """The text of a general form with real minus signs."""
    return form.replace("-", MINUS)


def compared(mean: float, digits: int = 1) -> str:
    """A mean excess in words, as in "trailed its comparator by 0.7%"."""
    if not any(digit in "123456789" for digit in f"{100 * mean:.{digits}f}"):
        return "did as well as its comparator"
    return f"{'beat' if mean > 0 else 'trailed'} its comparator by {abs(mean):.{digits}%}"


def base_rate_conclusion(rate: BaseRate) -> str:
    """The verdict on the base rate as the end of a sentence."""
    verdict = rate.verdict
    endings: dict[str | None, str] = {
        SUPPORTED: "more than luck explains",
        REFUTED: "less than luck explains",
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


def horizon_sentence(rate: BaseRate, horizon: int) -> str:
    """The pooled result of a reading at one horizon, with its n, interval and p, as the title of a chart."""
    pooled = rate.pooled[str(horizon)]
    begin = f"{rate.name}, {horizon} trading days after the entry: {counted(pooled.n, 'shock')}"
    if pooled.mean is None:
        return f"{begin}, too few for a mean."
    p = smallest_p(pooled.rank)
    test = f"no p: {pooled.rank.reason}" if p is None else f"adjusted p {p_below(p)}"
    return f"{begin}, mean excess {percent(pooled.mean)} (95% interval {interval(pooled)}); {test}."


def standing_sentence(rates: BaseRates, rate: BaseRate) -> str:
    """Where the run's own event stands among the other shocks; empty if it has no result."""
    value, percentile = rate.this_event[str(HORIZON)], rate.percentile[str(HORIZON)]
    if value is None or percentile is None:
        return ""
    return f"After this event ({rates.event}) it made {percent(value)}; {percentile:.0%} of the other shocks did worse."


def without_sentence(rates: BaseRates, rate: BaseRate) -> str:
    """How far the mean moves when any one group is left out; empty for fewer than two groups."""
    titles = rates.groups
    known = {titles.get(group, group): each.mean for group, each in rate.without.items() if each.mean is not None}
    if len(known) < 2:
        return ""
    low, high = min(known, key=lambda group: known[group]), max(known, key=lambda group: known[group])
    return (
        f"Without any one of {len(known)} groups the mean stays between {percent(known[low])} (without {low}) and "
        f"{percent(known[high])} (without {high})."
    )


def missing_sentence(rates: BaseRates) -> str:
    """The symbols without prices, in a sentence."""
    named, rest = rates.missing[:MOST_MISSING], len(rates.missing) - MOST_MISSING
    more = f" and {rest} more" if rest > 0 else ""
    return f"No prices for {', '.join(named)}{more}; their groups go on where three members remain."


def decisions_headline(decisions: DecisionClass) -> str:
    """The finding of a run that is about FOMC decisions alone."""
    n = counted(len(decisions.outcomes), "scheduled FOMC decision")
    return f"Around {n}, {decisions.name} {compared(decisions.mean, 2)} on average."


def decisions_sentence(decisions: DecisionClass) -> str:
    """What happened around FOMC decisions."""
    n = counted(len(decisions.outcomes), "scheduled FOMC decision")
    return (
        f"Around {n} {decisions.name} {compared(decisions.mean, 2)} on average over {decisions.sessions} trading days "
        f"(95% interval {percent(decisions.low, 2)} to {percent(decisions.high, 2)}), and was ahead in "
        f"{decisions.positive:.0%} of them. Of {len(decisions.shifted)} calendars moved by a few days, "
        f"{worse_calendars(decisions) or 'none'} did worse; with so few, p cannot fall below "
        f"{probability(decisions.least_p)}, so that this describes and does not decide."
    )


def worse_calendars(decisions: DecisionClass) -> int:
    """Number of moved calendars with a lower mean than the real one."""
    return sum(mean < decisions.mean for mean in decisions.shifted.values())


def split_sentence(split: Split) -> str:
    """Whether the two kinds of shocks differ for any reading, in one sentence."""
    tested = {name: p for name, rank in split.ranks.items() if (p := smallest_p(rank)) is not None}
    if not tested:
        reasons = dict.fromkeys(rank.reason for rank in split.ranks.values() if rank.reason)
        return f"No comparison: {'; '.join(reasons) or 'there is no reading'}."
    found = [name for name, p in tested.items() if p < SIZE]
    if not found:
        closest = min(tested, key=lambda name: tested[name])
        figures = f"{difference_words(split, closest)} (adjusted p {p_below(tested[closest])})"
        if len(tested) == 1:
            return f"Luck could explain the difference: {figures}."
        return f"Luck could explain every difference; the clearest of {len(tested)} is that of {closest}, {figures}."
    figures = "; ".join(
        f"{name}: {difference_words(split, name)} (adjusted p {p_below(tested[name])})" for name in found
    )
    return f"More than luck explains: {figures}."


def difference_words(split: Split, name: str) -> str:
    """The means of both kinds of shocks for one reading."""
    first, second = split.means[name]
    return f"{_mean_words(first)} {split.first} against {_mean_words(second)} {split.second}"


def _mean_words(mean: MeanOf) -> str:
    return f"{percent(mean.mean)} ({counted(mean.n, 'shock')})"


def difference_from_bundled(rates: BaseRates) -> str:
    """How this result differs from the one that comes with the project; empty where it is that one."""
    pairs = {
        name: (rate.headline, rates.bundled[name]) for name, rate in rates.readings.items() if name in rates.bundled
    }
    if not pairs:
        return ""
    figures = [
        f"{name} {percent(own.mean)} after {own.n} shocks here and {percent(other.mean)} after {other.n} there"
        for name, (own, other) in pairs.items()
        if (own.n, percent(own.mean)) != (other.n, percent(other.mean))
    ]
    begin = "Against the result that comes with the project"
    return f"{begin}: {'; '.join(figures)}." if figures else f"{begin} no mean differs."


def counts_sentence(rates: BaseRates) -> str:
    """The number of shocks with a result at each horizon."""
    counts = {horizon: {rate.pooled[str(horizon)].n for rate in rates.readings.values()} for horizon in HORIZONS}
    at = [f"{_span(counts[horizon])} after {horizon}" for horizon in HORIZONS]
    return f"Shocks with a result: {listed_names(at)} trading days."


def limits(rates: BaseRates) -> Iterable[str]:
    """The limits of the finding in plain words, the most important first."""
    if not rates.real:
        yield SIMULATED
    yield SURVIVORSHIP
    if rates.readings:
        yield (
            "Members that stop trading, or whose prices end, drop out of their group; a shock counts at a holding "
            f"period only if prices reach its end. {counts_sentence(rates)}"
        )
    yield (
        "Groups were listed with hindsight: they hold stocks that are known today, though leader and members are "
        "chosen from earlier prices only."
    )
    yield (
        "Shocks cluster in time and windows overlap, so that n shocks are fewer than n independent cases; the test "
        "keeps the clusters, a plain t-test would not."
    )
    yield (
        "The test and the holding periods that it covers were chosen after a first version had been run on real prices "
        "and had failed on simulated ones; an excess is tested against the same trade at other times."
    )
    if not rates.declared:
        yield "The class of shocks, the costs or the dates are not the declared ones, so that there is no verdict."
    if rates.missing:
        yield missing_sentence(rates)
