"""The family of an event: its readings by name, with parameters of the right type."""

from __future__ import annotations

from dataclasses import replace

import pytest

import strategies
from data.errors import RequestError
from data.event import Member
from data.events import DEEPSEEK, load
from runners import evidence, job
from runners.engine import choices, family
from runners.engine.study import told
from runners.job import Request
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort

PATH = "strategies.generic.long_short:LongShort"
TARIFFS = load("tariffs")


def of(**changes: object):
    """An event with one reading."""
    member = Member(**{"strategy": PATH, "name": "own", "parameters": (("long", "chips"),), **changes})
    return replace(TARIFFS, readings=(member,))


def test_a_reading_of_another_event_is_told_with_it():
    with pytest.raises(RequestError, match="'panic_passes' is a reading of another event; add --event tariffs"):
        family.strategy(DEEPSEEK, "panic_passes")
    assert family.strategy(TARIFFS, "panic_passes") is AfterFall


def test_the_default_family_is_the_folder():
    assert family.names(DEEPSEEK) == strategies.names()
    assert family.study_of(DEEPSEEK, "gpu_bubble", "SPY").symbols == ("NVDA", "AMD", "INTC")


def test_baskets_become_their_symbols_and_words_those_of_the_event():
    subject = family.study_of(TARIFFS, "china_exposure", "SPY")
    assert (subject.strategy, subject.symbols) == (LongShort, ("SPY", "KWEB", "FXI"))
    assert subject.parameters == {"long": ("SPY",), "short": ("KWEB", "FXI")}
    assert told(subject).title == "Long the US market, short Chinese stocks"
    assert told(subject).claim.startswith("China faces") and told(subject).rule.startswith("half of equity long")
    assert subject.chooses == () and family.study_of(TARIFFS, "services_over_goods", "SPY").chooses == TARIFFS.universe


def test_a_whole_number_is_good_where_a_fraction_is_due():
    whole = of(strategy="diversity_pool", parameters=(("compare", 10),))
    assert family.study_of(whole, "own", "SPY").parameters == {"compare": 10}
    fraction = of(strategy="gpu_bubble", parameters=(("gross", 1),))
    (value,) = family.study_of(fraction, "own", "SPY").parameters.values()
    assert isinstance(value, float) and value == 1.0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"parameters": (("lnog", "chips"),)},
            r"reading 'own': strategies\S* has no parameter 'lnog'; did you mean long",
        ),
        ({"parameters": (("hold", 3),)}, r"has no parameter 'hold'; it has long, short, against"),
        ({"parameters": (("long", "chip"),)}, r"parameter long is 'chip', which is no basket; did you mean chips"),
        ({"parameters": (("long", 5),)}, r"parameter long is 5, which is no basket; the baskets are market, "),
        (
            {"parameters": (("long", "chips"), ("against", True))},
            r"parameter against is True; give a value like its def",
        ),
        ({"parameters": ()}, r"reading 'own': own trades nothing by itself"),
        ({"parameters": (("long", "chips"),), "chooses": True}, r"it chooses names, but trades none of the universe"),
        ({"parameters": (("long", "market"), ("short", ("SPY",)))}, r"reading 'own': SPY is both in long and in short"),
        ({"strategy": "strategies.generic.long_short:Nothing"}, r"has no class 'Nothing'; it has LongShort"),
        ({"strategy": "gpu_bubbel", "parameters": ()}, r"unknown reading 'gpu_bubbel'; did you mean gpu_bubble"),
    ],
)
def test_what_a_strategy_does_not_take_is_refused(changes, complaint):
    with pytest.raises(RequestError, match=complaint):
        job.studies(Request(event=of(**changes)))


def test_a_name_is_looked_for_in_the_event_first_then_among_all():
    assert [subject.name for subject in job.studies(Request(("panic_passes", "bad_news"), event=TARIFFS))] == [
        "panic_passes",
        "bad_news",
    ]
    with pytest.raises(
        RequestError, match="the event 'tariffs' has no reading 'panic_pases'; did you mean panic_passes"
    ):
        job.studies(Request(("panic_pases",), event=TARIFFS))


def test_who_names_one_reading_has_still_seen_the_whole_family():
    # Four of the five are the same class: what tells them apart are their parameters.
    asked = job.studies(Request(("chips_hit_more",), event=TARIFFS))
    rivals = evidence.rivals(asked, "SPY", TARIFFS)
    assert {subject.name for subject in (*asked, *rivals)} == set(family.names(TARIFFS)) and len(rivals) == 4


def test_what_an_event_has_to_choose_follows_from_it():
    labels = {choice.label: (choice.value, choice.reason) for choice in choices.entry(DEEPSEEK).choices}
    assert labels == {
        "published": (0, "the first open after the essay"),
        "next session": (1, "the essay came six hours before the open; many read it after the close"),
        "a week later": (5, "five sessions: the first weekend to think is in between"),
        "shock day": (-4, "with hindsight: four sessions before anybody could read it; drawn, and in no figure"),
    }
    # The shock is the entry: there is nothing to look back to.
    assert [choice.value for choice in choices.entry(TARIFFS).choices] == [0, 1, 5]


def test_choices_that_name_symbols_are_those_of_the_reading_that_trades_them():
    pair = family.study_of(TARIFFS, "china_exposure", "SPY")
    assert [choice.label for choice in choices.baskets(pair).choices] == ["declared", "without KWEB", "without FXI"]
    assert choices.own(pair).short and not choices.own(pair).follows_shock
    waits = family.study_of(TARIFFS, "panic_passes", "SPY")
    assert waits.strategy is AfterFall and not choices.own(waits).reweights and choices.own(waits).follows_shock
    # A name that is taken by a file of strategies/ brings nothing of it along.
    stranger = family.study_of(of(name="gpu_bubble"), "gpu_bubble", "SPY")
    assert [choice.label for choice in choices.baskets(stranger).choices] == ["declared", "without SMH", "without SOXX"]
