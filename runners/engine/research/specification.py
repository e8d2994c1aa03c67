"""Every defensible choice, declared in this one place, each with its reason.

A choice belongs here when somebody who knew nothing of the outcome could have made it and defended it. What would give
the same result twice is left out, so that no choice counts more than once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from data.events.event import Event
from data.universe import AI_SOFTWARE, AI_UNIVERSE, FOREIGN
from reports.records.multiverse import Choice, Dimension
from runners.engine.research.perturbations import AddedName, Perturbation, SwappedName, WithoutNames
from runners.engine.study import Study
from strategies.base.comparator import Cash, Comparator, Fund
from strategies.fomc_tilt import EASING
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort
from strategies.high_end_demand import HighEndDemand
from strategies.midrange_challengers import CHALLENGERS

FUNDS = ("SPY", "QQQ")  # that anything that is long only may be measured against
PLATFORMS = ("MSFT", "GOOGL", "META", "AMZN", "ORCL")


@dataclass(frozen=True)
class ReadingVariant:
    """What a choice changes of a reading: its basket, its parameters, what it must beat; None leaves it alone."""

    alteration: Perturbation | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    comparator: Comparator | None = None


@dataclass(frozen=True)
class OwnChoices:
    """What only one reading has to choose.

    `baskets` and `comparators` come beside the declared ones. `short`: it sells short and is dollar neutral, so that
    lending fees matter and no fund is its measure. `reweights`: it trades on a schedule. `follows_shock`: its rule
    looks at the session of the shock, not only at prices.
    """

    baskets: tuple[Choice, ...] = ()
    comparators: tuple[Choice, ...] = ()
    short: bool = False
    reweights: bool = True
    follows_shock: bool = True


ENTRY = "entry"
HORIZON = Dimension(
    "horizon",
    "After how many sessions is it judged?",
    (
        Choice("20 sessions", "a month: news should be in prices by then; the horizon of the verdict", 20),
        Choice("60 sessions", "a quarter: the next earnings of every name are in it", 60),
        Choice(
            "120 sessions", "half a year; described, since too few such windows fit side by side", 120, tested=False
        ),
        Choice("252 sessions", "a year, the declared hold; described likewise", 252, declared=True, tested=False),
    ),
)
REBALANCE = Dimension(
    "rebalance",
    "How often does it decide?",
    (
        Choice("every 5", "weekly", 5),
        Choice("every 20", "monthly, as declared", 20, declared=True),
        Choice("every 60", "quarterly", 60),
    ),
)
LAG = Dimension(
    "lag",
    "How soon is a decision filled?",
    (
        Choice("next open", "the first price after the close that it was taken at", 1, declared=True),
        Choice("a session later", "for whoever decides in the evening and trades during the next day", 2),
    ),
)
COSTS = Dimension(
    "costs",
    "What does trading cost, one way?",
    (
        Choice(
            "3 bp", "1 bp commission and 2 bp half-spread, as declared: large names in calm markets", 1, declared=True
        ),
        Choice("9 bp", "three times that: small orders, wide markets", 3),
        Choice("30 bp", "ten times: a retail account abroad", 10),
    ),
)
BORROW = Dimension(
    "borrow",
    "What do shorts cost a year?",
    (
        Choice(
            "0.3%", "general collateral, as declared: large names and funds are easy to borrow", 0.0030, declared=True
        ),
        Choice("1%", "what smaller accounts pay", 0.01),
        Choice("3%", "a name that has become dear to borrow", 0.03),
    ),
)
BASKET, AGAINST = "basket", "against"
ASKS = {BASKET: "Which names?", AGAINST: "What must it beat?"}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

CHIP_FUND = Choice(
    "SOXX for SMH", "the other large chip fund: another index, more names", ReadingVariant(SwappedName("SMH", "SOXX"))
)
WITH_MSFT = Choice(
    "with MSFT",
    "the largest software company of all; declared out, since it is more than software",
    ReadingVariant(AddedName("MSFT", AI_SOFTWARE)),
)


def entry_choices(event: Event) -> Dimension:
    """When an event could first be traded; on the day of its shock too, where that came before."""
    early = Choice(
        "shock day",
        f"with hindsight: {count_of(event.lead, 'session')} before anybody could read it; drawn, and in no figure",
        -event.lead,
        hindsight=True,
        tested=False,
    )
    what, hours = event.publication, count_of(event.hours, "hour")
    return Dimension(
        ENTRY,
        "When could it first be traded?",
        (
            Choice("published", f"the first open after {what}", 0, declared=True),
            Choice(
                "next session", f"{event.publication} came {hours} before the open; many read it after the close", 1
            ),
            Choice("a week later", "five sessions: the first weekend to think is in between", 5),
            *([early] if event.lead else ()),
        ),
    )


def count_of(count: int, noun: str) -> str:
    """A number of things in words."""
    return f"{COUNTS[count] if count < len(COUNTS) else count} {noun}{'' if count == 1 else 's'}"


def general_choices(event: Event) -> tuple[Dimension, ...]:
    """What every reading of an event has to choose."""
    return (entry_choices(event), HORIZON, REBALANCE, LAG, COSTS, BORROW)


def leave_one_out_choices(leg: tuple[str, ...]) -> tuple[Choice, ...]:
    """The basket with each of its names left out in turn."""
    return tuple(
        Choice(f"without {name}", "one name must not carry it all", ReadingVariant(WithoutNames((name,), leg)))
        for name in leg
    )


def without_names(label: str, reason: str, names: tuple[str, ...], leg: tuple[str, ...]) -> Choice:
    """The basket without several names at once."""
    return Choice(label, reason, ReadingVariant(WithoutNames(names, leg)))


OWN: Mapping[str, OwnChoices] = {
    "gpu_bubble": OwnChoices(leave_one_out_choices(("AMD", "INTC")), short=True, follows_shock=False),
    "ai_software": OwnChoices(
        (*leave_one_out_choices(AI_SOFTWARE), WITH_MSFT),
        (
            Choice(
                "hedged, cash",
                "its own hedge: short QQQ at the basket's beta takes the market out, so that cash is to be beaten",
                ReadingVariant(parameters={"hedge": True}, comparator=Cash()),
            ),
        ),
        follows_shock=False,
    ),
    "fomc_tilt": OwnChoices(leave_one_out_choices(EASING), follows_shock=False),
    "bad_news": OwnChoices((CHIP_FUND,), short=True, follows_shock=False),
    "diversity_pool": OwnChoices(
        (
            without_names("without NVDA", "the flagship must not carry it", ("NVDA",), AI_UNIVERSE),
            without_names("no platforms", f"AI is a part only of {', '.join(PLATFORMS)}", PLATFORMS, AI_UNIVERSE),
            without_names("American", "without the names from abroad, as in policy_winners", FOREIGN, AI_UNIVERSE),
        ),
        follows_shock=False,
    ),
    "high_end_demand": OwnChoices(leave_one_out_choices(HighEndDemand.symbols), follows_shock=False),
    "midrange_challengers": OwnChoices(
        (*leave_one_out_choices(CHALLENGERS), CHIP_FUND), short=True, follows_shock=False
    ),
    "nvda_comeback": OwnChoices(reweights=False),
    "policy_winners": OwnChoices(
        (
            Choice("three names", "a narrower choice", ReadingVariant(parameters={"count": 3})),
            Choice("ten names", "a wider choice", ReadingVariant(parameters={"count": 10})),
        ),
        follows_shock=False,
    ),
    "sector_tailwind": OwnChoices((CHIP_FUND,), follows_shock=False),
    "two_shocks": OwnChoices((*leave_one_out_choices(AI_SOFTWARE), WITH_MSFT, CHIP_FUND), follows_shock=False),
    "us_over_china": OwnChoices(leave_one_out_choices(("KWEB", "FXI")), short=True, follows_shock=False),
}


def declared_choices(subject: Study) -> OwnChoices | None:
    """What is declared about a file of strategies/, or follows from the baskets of an event's reading."""
    if issubclass(subject.strategy, LongShort):
        legs = [tuple(leg) for leg in map(subject.parameters.get, ("long", "short")) if isinstance(leg, tuple)]
        found = [choice for leg in legs if len(leg) > 1 for choice in leave_one_out_choices(leg)]
        return OwnChoices(tuple(found), short=bool(subject.parameters.get("short")), follows_shock=False)
    if issubclass(subject.strategy, AfterFall):
        return OwnChoices(reweights=False)
    ours = subject.strategy.__module__ == f"strategies.{subject.name}"
    return OWN.get(subject.name) if ours else None


def own_choices(subject: Study) -> OwnChoices:
    """What only this reading has to choose; nothing for one that nothing is declared about."""
    return declared_choices(subject) or OwnChoices()


def basket_choices(subject: Study) -> Dimension:
    """The declared basket and its variants."""
    written = Choice("declared", "as written down with the reading", ReadingVariant(), declared=True)
    return Dimension(BASKET, ASKS[BASKET], (written, *own_choices(subject).baskets))


def comparators(subject: Study) -> Dimension:
    """What it must beat by its own declaration, and what else it may be measured against."""
    measure = subject.comparator
    label = "cash" if measure == Cash() else measure.symbol if isinstance(measure, Fund) else "its own"
    written = Choice(label, "as written down with the reading", ReadingVariant(), declared=True)
    neutral = own_choices(subject).short or (declared_choices(subject) is None and measure == Cash())
    funds = () if neutral else tuple(fund for fund in FUNDS if measure != Fund(fund))
    others = (
        Choice(f"{fund} held", "what its money would be in otherwise", ReadingVariant(comparator=Fund(fund)))
        for fund in funds
    )
    return Dimension(AGAINST, ASKS[AGAINST], (written, *others, *own_choices(subject).comparators))


def all_dimensions(subject: Study, event: Event) -> tuple[Dimension, ...]:
    """All dimensions, those with a single choice too: they are what this reading does not have to choose."""
    mine, found = own_choices(subject), []
    for dimension in general_choices(event):
        single = (dimension is REBALANCE and not mine.reweights) or (dimension is BORROW and not mine.short)
        found.append(declared_only(dimension) if single else dimension)
    return (*found, basket_choices(subject), comparators(subject))


def declared_only(dimension: Dimension) -> Dimension:
    """The dimension with nothing to choose."""
    written = tuple(choice for choice in dimension.choices if choice.declared)
    return Dimension(dimension.name, dimension.asks, written)


def unvaried_dimensions(subject: Study, event: Event) -> tuple[tuple[str, str], ...]:
    """The dimensions that this reading does not have, with the reason."""
    optional = (REBALANCE.name, BORROW.name, BASKET, AGAINST)
    single = {dimension.name for dimension in all_dimensions(subject, event) if len(dimension.choices) == 1}
    missing = [name for name in optional if name in single]
    if declared_choices(subject) is None:
        return tuple((name, "what could be defended is not declared for this reading") for name in missing)
    hedged = "only its hedge is short, in a fund that is easy to borrow"
    reasons = {
        REBALANCE.name: "it trades on its own signals, never on a schedule",
        BORROW.name: hedged if own_choices(subject).comparators else "it is never short",
        BASKET: "it has no basket that could be varied",
        AGAINST: "it is dollar neutral: a fund would add a bet on the market",
    }
    return tuple((name, reasons[name]) for name in missing)
