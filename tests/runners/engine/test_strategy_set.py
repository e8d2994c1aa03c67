"""The strategy set of an event: its readings by name, with parameters of the right type."""

from __future__ import annotations

from dataclasses import replace

import backtrader as bt
import pytest

import strategies
from data.errors import RequestError
from data.events.catalog import load_event
from data.events.event import EventReading
from runners.engine import strategy_set
from runners.engine.plan import load_studies, make_plan
from runners.engine.request import Request
from runners.engine.research import specification
from runners.engine.story import story_of
from strategies.base.comparator import Fund
from strategies.base.general_form import RoleWeights
from strategies.generic.after_fall import AfterFall
from strategies.generic.long_short import LongShort
from tests.resources.events import DEEPSEEK
from tests.resources.workers import Crossing

PATH = "strategies.generic.long_short:LongShort"
TARIFFS = load_event("tariffs")


def of(**changes: object):
    """An event with one reading."""
    member = EventReading(**{"strategy": PATH, "name": "own", "parameters": (("long", "chips"),), **changes})
    return replace(TARIFFS, readings=(member,))


def test_an_error_names_the_event_of_the_reading():
    with pytest.raises(RequestError, match="'panic_passes' is a reading of another event; add --event tariffs"):
        strategy_set.load_strategy(DEEPSEEK, "panic_passes")
    assert strategy_set.load_strategy(TARIFFS, "panic_passes") is AfterFall


def test_the_default_strategy_set_is_the_folder():
    assert strategy_set.reading_names(DEEPSEEK) == strategies.names()
    assert strategy_set.load_study(DEEPSEEK, "gpu_bubble", "SPY").symbols == ("NVDA", "AMD", "INTC")


@pytest.mark.parametrize(
    ("path", "origin", "placed"),
    [
        ("mine.py:Mine", "/events/own.toml", "/events/mine.py:Mine"),
        ("folder/mine.py:Mine", "events/own.toml", "events/folder/mine.py:Mine"),
        ("a:b.py:Mine", "/events/own.toml", "/events/a:b.py:Mine"),
        ("package.module:Mine", "/events/own.toml", "package.module:Mine"),
        ("mine.py:Mine", "tariffs", "mine.py:Mine"),
    ],
)
def test_a_file_is_relative_to_the_event_that_names_it(path, origin, placed):
    assert strategy_set._relative_to_event(replace(TARIFFS, origin=origin), path) == placed


def test_a_strategy_in_a_file_beside_the_event_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text("from strategies.bad_news import BadNews\n\n\nclass Own(BadNews):\n    pass\n")
    monkeypatch.chdir("/")
    event = replace(of(strategy="beside.py:Own", parameters=()), origin=str(tmp_path / "own.toml"))
    assert strategy_set.load_strategy(event, "own").__name__ == "Own"


def test_the_set_is_complete_with_the_events_readings_or_with_every_file():
    assert strategy_set.required_names(of()) == ("own",)
    assert strategy_set.required_names(
        DEEPSEEK
    ) == strategies.reading_files() and "gpu_bubble" in strategy_set.required_names(DEEPSEEK)


def test_baskets_become_symbols_and_the_event_gives_title_and_claim():
    study = strategy_set.load_study(TARIFFS, "china_exposure", "SPY")
    assert (study.strategy, study.symbols) == (LongShort, ("SPY", "KWEB", "FXI"))
    assert study.parameters == {"long": ("SPY",), "short": ("KWEB", "FXI")}
    assert story_of(study).title == "Long the US market, short Chinese stocks"
    assert story_of(study).claim.startswith("China faces") and story_of(study).rule.startswith("half of equity long")
    assert (
        study.chooses == ()
        and strategy_set.load_study(TARIFFS, "services_over_goods", "SPY").chooses == TARIFFS.universe
    )


def test_an_integer_is_accepted_for_a_fraction():
    whole = of(strategy="diversity_pool", parameters=(("compare", 10),))
    assert strategy_set.load_study(whole, "own", "SPY").parameters == {"compare": 10}
    fraction = of(strategy="gpu_bubble", parameters=(("gross", 1),))
    (value,) = strategy_set.load_study(fraction, "own", "SPY").parameters.values()
    assert isinstance(value, float) and value == 1.0


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            {"parameters": (("lnog", "chips"),)},
            r"^event file 'tariffs': readings 1 \(own\): parameters\.lnog: \S* has no such parameter; did you mean",
        ),
        ({"parameters": (("hold", 3),)}, r"parameters\.hold: \S* has no such parameter; it has long, short, against"),
        ({"parameters": (("long", "chip"),)}, r"parameters\.long: 'chip' is not a basket; did you mean chips"),
        ({"parameters": (("long", 5),)}, r"parameters\.long: 5 is not a basket; the baskets are market, "),
        (
            {"parameters": (("long", "chips"), ("against", True))},
            r"parameters\.against: True has a different type than its default; give",
        ),
        ({"parameters": ()}, r"readings 1 \(own\): own has no symbols of its own"),
        ({"parameters": (("long", "chips"),), "chooses": True}, r"chooses: it trades none of the universe; list"),
        (
            {"parameters": (("long", "market"), ("short", ("SPY",)))},
            r"readings 1 \(own\): SPY is both in long and in short",
        ),
        (
            {"strategy": "strategies.generic.long_short:Nothing"},
            r"readings 1 \(own\): strategy: \S* has no class 'Nothing'; it has",
        ),
        ({"strategy": "gpu_bubbel", "parameters": ()}, r"own\): strategy: unknown reading 'gpu_bubbel'; did you mean"),
    ],
)
def test_parameters_that_a_strategy_does_not_take_are_refused(changes, complaint):
    with pytest.raises(RequestError, match=complaint):
        load_studies(Request(of(**changes)))


def test_a_name_is_searched_in_the_event_first():
    assert [study.name for study in load_studies(Request(TARIFFS, ("panic_passes", "bad_news")))] == [
        "panic_passes",
        "bad_news",
    ]
    with pytest.raises(
        RequestError, match="the event 'tariffs' has no reading 'panic_pases'; did you mean panic_passes"
    ):
        load_studies(Request(TARIFFS, ("panic_pases",)))


def test_the_set_is_complete_even_if_one_reading_is_named():
    # Four of the five have the same class and differ in parameters.
    plan = make_plan(Request(TARIFFS, ("chips_hit_more",), evidence=True))
    names = {study.name for study in (*plan.studies, *plan.others)}
    assert names == set(strategy_set.reading_names(TARIFFS)) and len(plan.others) == 4


def test_the_universe_is_that_of_the_event():
    labels = {choice.label: (choice.value, choice.reason) for choice in specification.entry_choices(DEEPSEEK).choices}
    assert labels == {
        "published": (0, "the first open after the essay"),
        "next session": (1, "the essay came six hours before the open; many read it after the close"),
        "a week later": (5, "five sessions, with the first weekend to think in between"),
        "shock day": (-4, "with hindsight: four sessions before it could be read; drawn, but in no figure"),
    }
    # The shock is the entry, so there is no earlier window.
    assert [choice.value for choice in specification.entry_choices(TARIFFS).choices] == [0, 1, 5]


def test_choices_that_name_symbols_are_those_of_the_reading_that_trades_them():
    pair = strategy_set.load_study(TARIFFS, "china_exposure", "SPY")
    assert [choice.label for choice in specification.basket_choices(pair).choices] == [
        "declared",
        "without KWEB",
        "without FXI",
    ]
    assert specification.own_choices(pair).short and not specification.own_choices(pair).follows_shock
    waits = strategy_set.load_study(TARIFFS, "panic_passes", "SPY")
    assert (
        waits.strategy is AfterFall
        and not specification.own_choices(waits).reweights
        and specification.own_choices(waits).follows_shock
    )
    # A reading named like a file in strategies/ takes nothing from it.
    stranger = strategy_set.load_study(of(name="gpu_bubble"), "gpu_bubble", "SPY")
    assert [choice.label for choice in specification.basket_choices(stranger).choices] == [
        "declared",
        "without SMH",
        "without SOXX",
    ]


def test_a_plain_strategy_of_an_event_gets_its_parameters_and_the_benchmark():
    event = of(strategy="tests.resources.workers:Crossing", parameters=(("period", 7),))
    study = strategy_set.load_study(event, "own", "QQQ", ("A", "B"))
    assert (study.strategy, study.parameters) == (Crossing, {"period": 7})
    assert (study.symbols, study.comparator) == (("A", "B"), Fund("QQQ"))
    stranger = strategy_set.load_study(TARIFFS, "tests.resources.workers:Crossing", "QQQ", ("A",))
    assert (stranger.strategy, stranger.symbols, stranger.comparator) == (Crossing, ("A",), Fund("QQQ"))
    declared = of(strategy="tests.runners.engine.test_strategy_set:Declared", parameters=())
    assert [each.comparator for each in strategy_set.loadable_studies(declared, "QQQ")] == [Fund("QQQ")]


class Declared(Crossing):
    """Declares its symbols."""

    symbols = ("A",)


class Similar(Crossing):
    """Has parameters of easily confused types."""

    params = (("size_1", 1), ("size_2", 2), ("size_3", 3))


def refusal(event, **changes: object) -> str:
    own = EventReading(**{"strategy": "x:Similar", "name": "own", **changes})
    with pytest.raises(RequestError) as error:
        strategy_set.typed_parameters(
            replace(event, readings=(own,)),
            own,
            Similar if own.strategy == "x:Similar" else strategies.load(own.strategy),
        )
    return str(error.value)


def test_an_unknown_parameter_is_an_error_with_two_suggestions():
    parameters, result = "event file 'tariffs': readings 1 (own): parameters", "x:Similar has no such parameter"
    assert (
        refusal(TARIFFS, parameters=(("size_", 1),)) == f"{parameters}.size_: {result}; did you mean size_3 or size_2?"
    )
    assert (
        refusal(TARIFFS, parameters=(("q", 1),)) == f"{parameters}.q: {result}; it has period, size_1, size_2, size_3"
    )
    bare = EventReading(strategy="x:Bare", name="own", parameters=(("q", 1),))
    with pytest.raises(RequestError, match=r"\(own\): parameters.q: x:Bare has no such parameter; it has none$"):
        strategy_set.typed_parameters(replace(TARIFFS, readings=(bare,)), bare, bt.Strategy)


def test_an_unknown_basket_is_an_error_with_two_suggestions():
    baskets = tuple((f"chips_{n}", ("NVDA",)) for n in range(4))
    message = "event file 'tariffs': readings 1 (own): parameters.long: 'chips_' is not a basket"
    changes = {"strategy": PATH, "parameters": (("long", "chips_"),)}
    assert refusal(replace(TARIFFS, baskets=baskets), **changes) == f"{message}; did you mean chips_3 or chips_2?"
    assert refusal(replace(TARIFFS, baskets=()), **changes) == f"{message}; the baskets are none"


def test_a_number_is_not_a_boolean():
    assert refusal(TARIFFS, strategy="ai_software", parameters=(("hedge", 1),)) == (
        "event file 'tariffs': readings 1 (own): parameters.hedge: 1 has a different type than its default; "
        "give a value like False"
    )


def test_an_unknown_reading_is_an_error_with_three_suggestions():
    similar = replace(TARIFFS, readings=tuple(EventReading(PATH, f"chips_{n}") for n in range(5)))
    with pytest.raises(RequestError) as error:
        strategy_set.load_strategy(similar, "chips_")
    assert str(error.value) == (
        "the event 'tariffs' has no reading 'chips_'; did you mean chips_4 or chips_3 or chips_2?"
    )
    with pytest.raises(RequestError) as error:
        strategy_set.load_strategy(TARIFFS, "q")
    assert (
        str(error.value)
        == f"the event 'tariffs' has no reading 'q'; choose from {', '.join(strategy_set.reading_names(TARIFFS))}"
    )
    assert strategy_set.load_strategy(TARIFFS, PATH) is LongShort, "a path is looked for nowhere else"


def test_an_event_file_gives_its_reading_a_general_form():
    declared = of(roles=(("leader", -0.5), ("market", 0.5)), against="market")
    study = strategy_set.load_study(declared, "own", "SPY")
    assert study.general_form == RoleWeights(leader=-0.5, market=0.5, against="market")
    assert strategy_set.load_study(of(), "own", "SPY").general_form is None


def test_a_general_form_of_an_event_replaces_that_of_the_class():
    event = replace(TARIFFS, readings=(EventReading("bad_news", "own", roles=(("group", -1.0),)),))
    assert strategy_set.load_study(event, "own", "SPY").general_form == RoleWeights(group=-1.0)
    event = replace(TARIFFS, readings=(EventReading("bad_news", "own"),))
    assert strategy_set.load_study(event, "own", "SPY").general_form == RoleWeights(group=-0.5, market=0.5)


def test_wrong_roles_of_an_event_are_refused_with_their_place():
    for roles, against, complaint in (
        ((("leader", -0.9), ("market", 0.9)), "cash", "must add up to more than 0 and at most 1"),
        ((("leader", -0.5),), "gold", "against is 'gold'; give 'cash' or 'market'"),
    ):
        with pytest.raises(RequestError, match=complaint) as caught:
            strategy_set.load_study(of(roles=roles, against=against), "own", "SPY")
        assert "readings 1 (own)" in str(caught.value)
