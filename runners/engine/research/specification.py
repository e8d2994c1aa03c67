"""Every defensible choice of the multiverse, each with its reason.

A choice belongs here if it could have been made and defended without knowing the outcome. Choices that give the same
result as another one are left out, so that none counts twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from data.events.event import Event
from data.universe import AI_SOFTWARE, AI_UNIVERSE, FOREIGN
from reports.records.multiverse import Choice, Dimension
from runners.engine.research.perturbations import AddedStock, Perturbation, SwappedSymbol, WithoutStocks
from runners.engine.study import Study
from strategies.antitrust_yields import DEFENDANTS
from strategies.base.comparator import Cash, Comparator, Fund
from strategies.fomc_tilt import EASING
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort
from strategies.high_end_demand import HighEndDemand
from strategies.midrange_challengers import CHALLENGERS
from strategies.named_partners import NamedPartners

FUNDS = ("SPY", "QQQ")  # alternative comparators of long-only readings
PLATFORMS = ("MSFT", "GOOGL", "META", "AMZN", "ORCL")


@dataclass(frozen=True)
class ReadingVariant:
    """Changes that a choice makes to a reading: its basket, parameters and comparator; None changes nothing.

    `turn`: sessions held at whose close it first decides otherwise than variants with a later turn, if that is known.
    """

    perturbation: Perturbation | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    comparator: Comparator | None = None
    turn: int | None = None


@dataclass(frozen=True)
class OwnChoices:
    """The choices of a single reading.

    `baskets` and `comparators` are alternatives to the declared ones. `sprint` are all choices of how long a sprint
    lasts, of a reading that has one and no basket. `short`: it sells short and is dollar neutral, so
    that borrow rates matter and no fund is a fair comparator. `reweights`: it trades on a schedule. `follows_shock`:
    its rule looks at the session of the shock, not only at prices.
    """

    baskets: tuple[Choice, ...] = ()
    comparators: tuple[Choice, ...] = ()
    sprint: tuple[Choice, ...] = ()
    short: bool = False
    reweights: bool = True
    follows_shock: bool = True


ENTRY = "entry"
HORIZON = Dimension(
    "horizon",
    "After how many sessions is it measured?",
    (
        Choice("20 sessions", "a month: news should be in prices by then; the horizon of the verdict", 20),
        Choice("60 sessions", "a quarter: it includes the next earnings of every company", 60),
        Choice(
            "120 sessions",
            "half a year; described, not tested, since too few such windows fit into the prices",
            120,
            tested=False,
        ),
        Choice(
            "252 sessions",
            "a year, the declared hold; described, not tested, likewise",
            252,
            declared=True,
            tested=False,
        ),
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
        Choice("next open", "the first price after the close of the decision", 1, declared=True),
        Choice("a session later", "decided in the evening, sent during the next day", 2),
    ),
)
COSTS = Dimension(
    "costs",
    "What does trading cost, one way?",
    (
        Choice(
            "3 bp", "1 bp commission and 2 bp half-spread, as declared: large stocks in calm markets", 1, declared=True
        ),
        Choice("9 bp", "three times that: small orders, wide markets", 3),
        Choice("30 bp", "ten times: a retail account abroad", 10),
    ),
)
BORROW = Dimension(
    "borrow",
    "What does borrowing stocks cost a year?",
    (
        Choice(
            "0.3%", "general collateral, as declared: large stocks and funds are easy to borrow", 0.0030, declared=True
        ),
        Choice("1%", "what smaller accounts pay", 0.01),
        Choice("3%", "a stock that has become hard to borrow", 0.03),
    ),
)
BASKET, SPRINT, AGAINST = "basket", "sprint", "against"
QUESTIONS = {BASKET: "Which stocks?", SPRINT: "How long is the sprint?", AGAINST: "What is it compared with?"}
COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")

CHIP_FUND = Choice(
    "SOXX for SMH",
    "the other large chip fund: another index, more stocks",
    ReadingVariant(SwappedSymbol("SMH", "SOXX")),
)
WITH_MSFT = Choice(
    "with MSFT",
    "the largest software company; not declared, since it is more than software",
    ReadingVariant(AddedStock("MSFT", AI_SOFTWARE)),
)


def entry_choices(event: Event) -> Dimension:
    """When an event could first be traded; with hindsight, on the day of its shock where that came earlier."""
    early = Choice(
        "shock day",
        f"with hindsight: {count_of(event.lead, 'session')} before it could be read; drawn, but in no figure",
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
            Choice("a week later", "five sessions, with the first weekend to think in between", 5),
            *([early] if event.lead else ()),
        ),
    )


def count_of(count: int, noun: str) -> str:
    """A count and its noun in words."""
    return f"{COUNTS[count] if count < len(COUNTS) else count} {noun}{'' if count == 1 else 's'}"


def general_choices(event: Event) -> tuple[Dimension, ...]:
    """The dimensions that all readings of an event share."""
    return (entry_choices(event), HORIZON, REBALANCE, LAG, COSTS, BORROW)


def leave_one_out_choices(leg: tuple[str, ...]) -> tuple[Choice, ...]:
    """The basket with each of its stocks left out in turn."""
    return tuple(
        Choice(
            f"without {stock}", "the result must not rest on one stock", ReadingVariant(WithoutStocks((stock,), leg))
        )
        for stock in leg
    )


def without_stocks(label: str, reason: str, stocks: tuple[str, ...], leg: tuple[str, ...]) -> Choice:
    """The basket without several stocks at once."""
    return Choice(label, reason, ReadingVariant(WithoutStocks(stocks, leg)))


def sprint_choice(sessions: int, reason: str, declared: bool = False) -> Choice:
    """A sprint of so many sessions."""
    variant = ReadingVariant(parameters={"sprint": sessions}, turn=sessions)
    return Choice(f"{sessions} sessions", reason, variant, declared)


SPRINTS = (
    sprint_choice(20, "a month: the essay names no date, and the sprint may be over before the first earnings"),
    sprint_choice(40, "two months"),
    sprint_choice(60, "a quarter, as declared: the project's choice", declared=True),
    sprint_choice(120, "half a year: a sprint of a state may take longer than a quarter"),
)

OWN: Mapping[str, OwnChoices] = {
    "gpu_bubble": OwnChoices(leave_one_out_choices(("AMD", "INTC")), short=True, follows_shock=False),
    "ai_software": OwnChoices(
        (*leave_one_out_choices(AI_SOFTWARE), WITH_MSFT),
        (
            Choice(
                "hedged, idle account",
                "its own hedge: short QQQ at the basket's beta removes the market; the idle account is the comparator",
                ReadingVariant(parameters={"hedge": True}, comparator=Cash()),
            ),
        ),
        follows_shock=False,
    ),
    "fomc_tilt": OwnChoices(leave_one_out_choices(EASING), follows_shock=False),
    "bad_news": OwnChoices((CHIP_FUND,), short=True, follows_shock=False),
    "diversity_pool": OwnChoices(
        (
            without_stocks("without NVDA", "the result must not rest on the flagship", ("NVDA",), AI_UNIVERSE),
            without_stocks("no platforms", f"AI is only a part of {', '.join(PLATFORMS)}", PLATFORMS, AI_UNIVERSE),
            without_stocks("American", "without foreign stocks, as in policy_winners", FOREIGN, AI_UNIVERSE),
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
    "nvda_holder": OwnChoices(short=True, follows_shock=False),
    "pool_widens": OwnChoices(short=True, follows_shock=False),
    "sprint_then_pool": OwnChoices(sprint=SPRINTS, short=True, follows_shock=False),
    "named_partners": OwnChoices(leave_one_out_choices(NamedPartners.symbols), follows_shock=False),
    "antitrust_yields": OwnChoices(leave_one_out_choices(DEFENDANTS), short=True, follows_shock=False),
}


def declared_choices(study: Study) -> OwnChoices | None:
    """The choices declared for a file of strategies/, or derived from the baskets of an event's reading."""
    if issubclass(study.strategy, LongShort):
        legs = [tuple(leg) for leg in map(study.parameters.get, ("long", "short")) if isinstance(leg, tuple)]
        baskets = [choice for leg in legs if len(leg) > 1 for choice in leave_one_out_choices(leg)]
        return OwnChoices(tuple(baskets), short=bool(study.parameters.get("short")), follows_shock=False)
    if issubclass(study.strategy, AfterFall):
        return OwnChoices(reweights=False)
    is_bundled = study.strategy.__module__ == f"strategies.{study.name}"
    return OWN.get(study.name) if is_bundled else None


def own_choices(study: Study) -> OwnChoices:
    """The choices of this reading; none where none are declared."""
    return declared_choices(study) or OwnChoices()


def basket_choices(study: Study) -> Dimension:
    """The declared basket and its alternatives, or the lengths of the sprint."""
    if sprint := own_choices(study).sprint:
        return Dimension(SPRINT, QUESTIONS[SPRINT], sprint)
    declared = Choice("declared", "as written in the reading", ReadingVariant(), declared=True)
    return Dimension(BASKET, QUESTIONS[BASKET], (declared, *own_choices(study).baskets))


def comparator_choices(study: Study) -> Dimension:
    """The declared comparator and its alternatives."""
    comparator = study.comparator
    label = "idle account" if comparator == Cash() else comparator.symbol if isinstance(comparator, Fund) else "its own"
    declared = Choice(label, "as written in the reading", ReadingVariant(), declared=True)
    neutral = own_choices(study).short or (declared_choices(study) is None and comparator == Cash())
    funds = () if neutral else tuple(fund for fund in FUNDS if comparator != Fund(fund))
    others = (
        Choice(f"{fund} held", "where the money would otherwise be", ReadingVariant(comparator=Fund(fund)))
        for fund in funds
    )
    return Dimension(AGAINST, QUESTIONS[AGAINST], (declared, *others, *own_choices(study).comparators))


def all_dimensions(study: Study, event: Event) -> tuple[Dimension, ...]:
    """All dimensions of a reading, including those in which it has a single choice."""
    own, shared = own_choices(study), []
    for dimension in general_choices(event):
        single = (dimension is REBALANCE and not own.reweights) or (dimension is BORROW and not own.short)
        shared.append(declared_only(dimension) if single else dimension)
    return (*shared, basket_choices(study), comparator_choices(study))


def declared_only(dimension: Dimension) -> Dimension:
    """The dimension with its declared choice alone."""
    declared = tuple(choice for choice in dimension.choices if choice.declared)
    return Dimension(dimension.name, dimension.asks, declared)


def unvaried_dimensions(study: Study, event: Event) -> tuple[tuple[str, str], ...]:
    """The optional dimensions in which this reading has no choice, with the reason."""
    optional = (REBALANCE.name, BORROW.name, BASKET, AGAINST)
    varied = {dimension.name for dimension in all_dimensions(study, event) if len(dimension.choices) > 1}
    missing = [name for name in optional if name not in varied]
    if declared_choices(study) is None:
        return tuple((name, "no alternatives are declared for this reading") for name in missing)
    hedged = "only its hedge is short, in a fund that is easy to borrow"
    reasons = {
        REBALANCE.name: "it trades on its own signals, never on a schedule",
        BORROW.name: hedged if own_choices(study).comparators else "it is never short",
        BASKET: "it has no basket to vary",
        AGAINST: "it is dollar neutral: a fund would add a bet on the market",
    }
    return tuple((name, reasons[name]) for name in missing)
