"""The declared choices: what each reading has to choose, what it has not, and how that is said."""

from __future__ import annotations

from dataclasses import replace

import backtrader as bt
import pandas as pd
import pytest

import strategies
from data.events.event import Event
from reports.records.multiverse import Choice, Dimension
from runners.engine.research import specification
from runners.engine.research.perturbations import AddedName, SwappedName, WithoutNames
from runners.engine.research.specification import OwnChoices, ReadingVariant
from runners.engine.study import PlainStudy, ReadingStudy, Study, prepare
from strategies.base import Cash, EqualWeight, Fund
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort
from tests.resources.events import DEEPSEEK


class Plain(bt.Strategy):
    """Of somebody else."""


def reading(name: str) -> Study:
    return prepare(name, strategies.load(name), "SPY")


def pair(**parameters: object) -> Study:
    return prepare("pair", LongShort, "SPY", parameters=parameters)


def labels(dimension: Dimension) -> list[str]:
    return [choice.label for choice in dimension.choices]


def test_the_entries_of_an_event_are_told_in_full():
    told = specification.entry_choices(DEEPSEEK)
    assert (told.name, told.asks) == ("entry", "When could it first be traded?")
    assert told.choices == (
        Choice("published", "the first open after the essay", 0, declared=True),
        Choice("next session", "the essay came six hours before the open; many read it after the close", 1),
        Choice("a week later", "five sessions: the first weekend to think is in between", 5),
        Choice(
            "shock day",
            "with hindsight: four sessions before anybody could read it; drawn, and in no figure",
            -4,
            hindsight=True,
            tested=False,
        ),
    )


def test_an_event_that_is_traded_on_the_day_of_its_shock_has_no_entry_with_hindsight():
    # Published at 8:30 in New York, an hour before the open; the shock is the same session.
    day = pd.Timestamp("2025-01-27")
    event = Event("own", "Own", day, pd.Timestamp("2025-01-27 08:30", tz="America/New_York"))
    assert labels(specification.entry_choices(event)) == ["published", "next session", "a week later"]
    assert specification.entry_choices(event).choices[1].reason == (
        "the reading came one hour before the open; many read it after the close"
    )


def test_numbers_of_things_are_words_up_to_twelve():
    told = [specification.count_of(count, "session") for count in (0, 1, 2, 12, 13)]
    assert told == ["no sessions", "one session", "two sessions", "twelve sessions", "13 sessions"]


def test_one_name_is_left_out_in_turn_or_several_at_once():
    assert specification.leave_one_out_choices(("A", "B")) == (
        Choice("without A", "one name must not carry it all", ReadingVariant(WithoutNames(("A",), ("A", "B")))),
        Choice("without B", "one name must not carry it all", ReadingVariant(WithoutNames(("B",), ("A", "B")))),
    )
    several = specification.without_names("no platforms", "AI is a part", ("A", "B"), ("A", "B", "C"))
    assert several == Choice("no platforms", "AI is a part", ReadingVariant(WithoutNames(("A", "B"), ("A", "B", "C"))))


def test_what_is_declared_is_that_of_our_own_file_alone():
    assert specification.declared_choices(reading("fomc_tilt")) is specification.OWN["fomc_tilt"]
    foreign = PlainStudy("fomc_tilt", Plain, ("A",), Cash())
    assert specification.declared_choices(foreign) is None and specification.own_choices(foreign) == OwnChoices()
    unnamed = replace(reading("fomc_tilt"), name="other")
    assert specification.declared_choices(unnamed) is None


def test_legs_of_several_names_can_each_do_without_one():
    both = specification.own_choices(pair(long=("A", "B"), short=("C", "D", "E")))
    assert [choice.label for choice in both.baskets] == [
        *("without A", "without B"),
        *("without C", "without D", "without E"),
    ]
    assert both.baskets[2].value == ReadingVariant(WithoutNames(("C",), ("C", "D", "E")))
    assert both.short is True and both.follows_shock is False and both.reweights
    one = specification.own_choices(pair(long=("A",), short=("B", "C")))
    assert [choice.label for choice in one.baskets] == ["without B", "without C"]
    long_only = specification.own_choices(pair(long=("A", "B")))
    assert [choice.label for choice in long_only.baskets] == ["without A", "without B"]
    assert long_only.short is False
    # What a file of an event wrote as one text is no leg of several names.
    text = ReadingStudy("pair", LongShort, ("A",), Cash(), {"long": "AB", "short": ("C", "D")})
    assert [choice.label for choice in specification.own_choices(text).baskets] == ["without C", "without D"]


def test_what_waits_for_a_fall_has_no_schedule():
    waits = prepare("waits", AfterFall, "SPY")
    assert specification.own_choices(waits) == OwnChoices(reweights=False)
    assert labels(specification.basket_choices(waits)) == ["declared"]


def test_the_declared_basket_comes_first_and_changes_nothing():
    told = specification.basket_choices(reading("two_shocks"))
    assert (told.name, told.asks) == ("basket", "Which names?")
    written = Choice("declared", "as written down with the reading", ReadingVariant(), declared=True)
    assert told.choices[0] == written
    assert labels(told)[-2:] == ["with MSFT", "SOXX for SMH"]
    assert isinstance(told.choices[-2].value.alteration, AddedName) and told.choices[
        -1
    ].value.alteration == SwappedName("SMH", "SOXX")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (reading("nvda_comeback"), ["cash", "SPY held", "QQQ held"]),
        (reading("ai_software"), ["QQQ", "SPY held", "hedged, cash"]),
        (reading("gpu_bubble"), ["cash"]),
        (pair(long=("A", "B"), against="SPY"), ["SPY", "QQQ held"]),
        (pair(long=("A",), short=("B",)), ["cash"]),
        (PlainStudy("own", Plain, ("A",), EqualWeight(("A",), "all")), ["its own", "SPY held", "QQQ held"]),
        # Somebody else's that is to beat cash may be neutral: nothing is known of it.
        (PlainStudy("own", Plain, ("A",), Cash()), ["cash"]),
        (PlainStudy("own", Plain, ("A",), Fund("SMH")), ["SMH", "SPY held", "QQQ held"]),
    ],
    ids=str,
)
def test_what_it_may_be_measured_against(subject, expected):
    told = specification.comparators(subject)
    assert (told.name, told.asks) == ("against", "What must it beat?")
    assert labels(told) == expected
    assert told.choices[0] == Choice(expected[0], "as written down with the reading", ReadingVariant(), declared=True)
    for choice in told.choices:
        if choice.label.endswith(" held"):
            assert choice.reason == "what its money would be in otherwise" and not choice.declared
            assert choice.value == ReadingVariant(comparator=Fund(choice.label[:3]))


def test_what_is_only_declared_is_one_choice_of_the_same_dimension():
    told = specification.declared_only(specification.HORIZON)
    assert (told.name, told.asks) == ("horizon", "After how many sessions is it judged?")
    assert told.choices == (specification.HORIZON.choices[3],)


def test_dimensions_of_a_reading_are_those_of_all_and_its_own():
    names = ["entry", "horizon", "rebalance", "lag", "costs", "borrow", "basket", "against"]
    for name, single in (
        ("gpu_bubble", {"against"}),
        ("nvda_comeback", {"rebalance", "borrow", "basket"}),
        ("fomc_tilt", {"borrow"}),
    ):
        found = specification.all_dimensions(reading(name), DEEPSEEK)
        assert [dimension.name for dimension in found] == names
        assert {dimension.name for dimension in found if len(dimension.choices) == 1} == single
        assert all(dimension.choices[0].declared for dimension in found if len(dimension.choices) == 1)


def test_dimensions_follow_the_event():
    day = pd.Timestamp("2025-01-27")
    event = Event("own", "Own", day, pd.Timestamp("2025-01-27 08:30", tz="America/New_York"))
    assert len(specification.all_dimensions(reading("fomc_tilt"), event)[0].choices) == 3
    assert len(specification.all_dimensions(reading("fomc_tilt"), DEEPSEEK)[0].choices) == 4


def test_what_a_reading_has_not_to_choose_says_why():
    assert specification.unvaried_dimensions(reading("gpu_bubble"), DEEPSEEK) == (
        ("against", "it is dollar neutral: a fund would add a bet on the market"),
    )
    assert specification.unvaried_dimensions(reading("nvda_comeback"), DEEPSEEK) == (
        ("rebalance", "it trades on its own signals, never on a schedule"),
        ("borrow", "it is never short"),
        ("basket", "it has no basket that could be varied"),
    )
    assert specification.unvaried_dimensions(reading("ai_software"), DEEPSEEK) == (
        ("borrow", "only its hedge is short, in a fund that is easy to borrow"),
    )
    told = "what could be defended is not declared for this reading"
    assert specification.unvaried_dimensions(PlainStudy("own", Plain, ("A",), Cash()), DEEPSEEK) == tuple(
        (name, told) for name in ("borrow", "basket", "against")
    )
