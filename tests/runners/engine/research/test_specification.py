"""The declared choices: the dimensions of each reading, and the reasons for those that it does not have."""

from __future__ import annotations

from dataclasses import replace

import backtrader as bt
import pandas as pd
import pytest

import strategies
from data.events.event import Event
from reports.records.multiverse import Choice, Dimension
from runners.engine.research import specification
from runners.engine.research.perturbations import AddedStock, SwappedSymbol, WithoutStocks
from runners.engine.research.specification import OwnChoices, ReadingVariant
from runners.engine.research.specification_space import specification_spaces
from runners.engine.study import PlainStudy, ReadingStudy, Study, prepare
from strategies.base import Cash, EqualWeight, Fund
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort
from tests.resources.events import DEEPSEEK


class Plain(bt.Strategy):
    """A strategy from outside."""


def reading(name: str) -> Study:
    return prepare(name, strategies.load(name), "SPY")


def pair(**parameters: object) -> Study:
    return prepare("pair", LongShort, "SPY", parameters=parameters)


def labels(dimension: Dimension) -> list[str]:
    return [choice.label for choice in dimension.choices]


def test_entry_choices_of_an_event():
    dimension = specification.entry_choices(DEEPSEEK)
    assert (dimension.name, dimension.asks) == ("entry", "When could it first be traded?")
    assert dimension.choices == (
        Choice("published", "the first open after the essay", 0, declared=True),
        Choice("next session", "the essay came six hours before the open; many read it after the close", 1),
        Choice("a week later", "five sessions, with the first weekend to think in between", 5),
        Choice(
            "shock day",
            "with hindsight: four sessions before it could be read; drawn, but in no figure",
            -4,
            hindsight=True,
            tested=False,
        ),
    )


def test_an_event_traded_on_the_day_of_its_shock_has_no_hindsight_entry():
    # Published at 8:30 in New York, an hour before the open; the shock is the same session.
    day = pd.Timestamp("2025-01-27")
    event = Event("own", "Own", day, pd.Timestamp("2025-01-27 08:30", tz="America/New_York"))
    assert labels(specification.entry_choices(event)) == ["published", "next session", "a week later"]
    assert specification.entry_choices(event).choices[1].reason == (
        "the reading came one hour before the open; many read it after the close"
    )


def test_counts_up_to_twelve_are_words():
    texts = [specification.count_of(count, "session") for count in (0, 1, 2, 12, 13)]
    assert texts == ["no sessions", "one session", "two sessions", "twelve sessions", "13 sessions"]


def test_stocks_are_left_out_in_turn_or_several_at_once():
    assert specification.leave_one_out_choices(("A", "B")) == (
        Choice("without A", "the result must not rest on one stock", ReadingVariant(WithoutStocks(("A",), ("A", "B")))),
        Choice("without B", "the result must not rest on one stock", ReadingVariant(WithoutStocks(("B",), ("A", "B")))),
    )
    several = specification.without_stocks("no platforms", "AI is a part", ("A", "B"), ("A", "B", "C"))
    assert several == Choice("no platforms", "AI is a part", ReadingVariant(WithoutStocks(("A", "B"), ("A", "B", "C"))))


def test_declared_choices_apply_to_bundled_readings_only():
    assert specification.declared_choices(reading("fomc_tilt")) is specification.OWN["fomc_tilt"]
    foreign = PlainStudy("fomc_tilt", Plain, ("A",), Cash())
    assert specification.declared_choices(foreign) is None and specification.own_choices(foreign) == OwnChoices()
    unnamed = replace(reading("fomc_tilt"), name="other")
    assert specification.declared_choices(unnamed) is None


def test_stocks_of_legs_with_several_are_left_out_in_turn():
    both = specification.own_choices(pair(long=("A", "B"), short=("C", "D", "E")))
    assert [choice.label for choice in both.baskets] == [
        *("without A", "without B"),
        *("without C", "without D", "without E"),
    ]
    assert both.baskets[2].value == ReadingVariant(WithoutStocks(("C",), ("C", "D", "E")))
    assert both.short is True and both.follows_shock is False and both.reweights
    one = specification.own_choices(pair(long=("A",), short=("B", "C")))
    assert [choice.label for choice in one.baskets] == ["without B", "without C"]
    long_only = specification.own_choices(pair(long=("A", "B")))
    assert [choice.label for choice in long_only.baskets] == ["without A", "without B"]
    assert long_only.short is False
    # A text is no leg of several stocks.
    text = ReadingStudy("pair", LongShort, ("A",), Cash(), {"long": "AB", "short": ("C", "D")})
    assert [choice.label for choice in specification.own_choices(text).baskets] == ["without C", "without D"]


def test_a_reading_that_waits_for_a_fall_has_no_schedule():
    waits = prepare("waits", AfterFall, "SPY")
    assert specification.own_choices(waits) == OwnChoices(reweights=False)
    assert labels(specification.basket_choices(waits)) == ["declared"]


def test_the_declared_basket_comes_first():
    dimension = specification.basket_choices(reading("two_shocks"))
    assert (dimension.name, dimension.asks) == ("basket", "Which stocks?")
    declared = Choice("declared", "as written in the reading", ReadingVariant(), declared=True)
    assert dimension.choices[0] == declared
    assert labels(dimension)[-2:] == ["with MSFT", "SOXX for SMH"]
    assert isinstance(dimension.choices[-2].value.perturbation, AddedStock) and dimension.choices[
        -1
    ].value.perturbation == SwappedSymbol("SMH", "SOXX")


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        (reading("nvda_comeback"), ["idle account", "SPY held", "QQQ held"]),
        (reading("ai_software"), ["QQQ", "SPY held", "hedged, idle account"]),
        (reading("gpu_bubble"), ["idle account"]),
        (pair(long=("A", "B"), against="SPY"), ["SPY", "QQQ held"]),
        (pair(long=("A",), short=("B",)), ["idle account"]),
        (PlainStudy("own", Plain, ("A",), EqualWeight(("A",), "all")), ["its own", "SPY held", "QQQ held"]),
        # A strategy from outside compared with the idle account may be neutral.
        (PlainStudy("own", Plain, ("A",), Cash()), ["idle account"]),
        (PlainStudy("own", Plain, ("A",), Fund("SMH")), ["SMH", "SPY held", "QQQ held"]),
    ],
    ids=str,
)
def test_comparator_choices(study, expected):
    dimension = specification.comparator_choices(study)
    assert (dimension.name, dimension.asks) == ("against", "What is it compared with?")
    assert labels(dimension) == expected
    assert dimension.choices[0] == Choice(expected[0], "as written in the reading", ReadingVariant(), declared=True)
    for choice in dimension.choices:
        if choice.label.endswith(" held"):
            assert choice.reason == "where the money would otherwise be" and not choice.declared
            assert choice.value == ReadingVariant(comparator=Fund(choice.label[:3]))


def test_declared_only_keeps_the_declared_choice():
    dimension = specification.declared_only(specification.HORIZON)
    assert (dimension.name, dimension.asks) == ("horizon", "After how many sessions is it measured?")
    assert dimension.choices == (specification.HORIZON.choices[3],)


def test_dimensions_of_a_reading():
    names = ["entry", "horizon", "rebalance", "lag", "costs", "borrow", "basket", "against"]
    for name, single in (
        ("gpu_bubble", {"against"}),
        ("nvda_comeback", {"rebalance", "borrow", "basket"}),
        ("fomc_tilt", {"borrow"}),
    ):
        dimensions = specification.all_dimensions(reading(name), DEEPSEEK)
        assert [dimension.name for dimension in dimensions] == names
        assert {dimension.name for dimension in dimensions if len(dimension.choices) == 1} == single
        assert all(dimension.choices[0].declared for dimension in dimensions if len(dimension.choices) == 1)


def test_the_length_of_the_sprint_is_a_dimension():
    study = reading("sprint_then_pool")
    sprint = specification.all_dimensions(study, DEEPSEEK)[-2]
    assert (sprint.name, sprint.asks) == ("sprint", "How long is the sprint?")
    assert [choice.value.parameters["sprint"] for choice in sprint.choices] == [20, 40, 60, 120]
    assert [choice.label for choice in sprint.choices if choice.declared] == ["60 sessions"]
    assert ("basket", "it has no basket to vary") in specification.unvaried_dimensions(study, DEEPSEEK)


def test_sprints_that_outlast_the_horizon_count_once():
    (space,) = specification_spaces([reading("sprint_then_pool")], DEEPSEEK)
    # By horizon, sprints times rebalancing intervals: 20: 1 x 2, 60: 3 x 3, 120 and 252: 4 x 3; all of them for four
    # entries, two lags, three costs and three borrow rates.
    assert len(space) == 4 * (2 + 9 + 12 + 12) * 2 * 3 * 3


def test_dimensions_follow_the_event():
    day = pd.Timestamp("2025-01-27")
    event = Event("own", "Own", day, pd.Timestamp("2025-01-27 08:30", tz="America/New_York"))
    assert len(specification.all_dimensions(reading("fomc_tilt"), event)[0].choices) == 3
    assert len(specification.all_dimensions(reading("fomc_tilt"), DEEPSEEK)[0].choices) == 4


def test_unvaried_dimensions_have_reasons():
    assert specification.unvaried_dimensions(reading("gpu_bubble"), DEEPSEEK) == (
        ("against", "it is dollar neutral: a fund would add a bet on the market"),
    )
    assert specification.unvaried_dimensions(reading("nvda_comeback"), DEEPSEEK) == (
        ("rebalance", "it trades on its own signals, never on a schedule"),
        ("borrow", "it is never short"),
        ("basket", "it has no basket to vary"),
    )
    assert specification.unvaried_dimensions(reading("ai_software"), DEEPSEEK) == (
        ("borrow", "only its hedge is short, in a fund that is easy to borrow"),
    )
    reason = "no alternatives are declared for this reading"
    assert specification.unvaried_dimensions(PlainStudy("own", Plain, ("A",), Cash()), DEEPSEEK) == tuple(
        (name, reason) for name in ("borrow", "basket", "against")
    )
