"""Parameters as written on the command line, and the variants that they span."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from data.events.catalog import load_event
from runners.engine.backtest.frictions import Frictions
from runners.engine.study import prepare
from runners.engine.sweep import sweep
from runners.engine.sweep.parameter_grid import (
    ParameterRange,
    parameter_space,
    require_affordable,
    sweepable_parameters,
)
from runners.engine.vectorized.scenarios import Scenario
from strategies.generic.long_short import LongShort
from tests.resources.events import DEEPSEEK

ENTRY, SHOCK = pd.Timestamp("2025-01-31"), pd.Timestamp("2025-01-27")


class Plain(bt.Strategy):
    """Parameters of every kind, one of which is also a name of the schedule."""

    params = (
        ("period", 10),
        ("share", 0.9),
        ("name", "fast"),
        ("long_only", True),
        ("stop", None),
        ("names", ("A", "B")),
        ("hold", 3),
        ("kind", bt.indicators.SMA),
        ("since", pd.Timestamp("2024-01-02")),
    )


@pytest.fixture
def plain():
    return prepare("tests:Plain", Plain, "SPY", ("A",))


def reading(name="gpu_bubble"):
    return prepare(name, strategies.load(name), "SPY")


def test_variants_keep_the_order_of_the_command_line_the_last_parameter_fastest():
    space = parameter_space(DEEPSEEK, reading(), "published", ["hold=20,end", "gross=0.5,1"])
    assert space.size == 4
    assert list(map(space.text, space.variants())) == [
        "hold=20 gross=0.5",
        "hold=20 gross=1",
        "hold=end gross=0.5",
        "hold=end gross=1",
    ]


def test_a_variant_sets_only_its_parameters():
    words = ["hold=20", "rebalance=never", "lag=2", "borrow_rate=0.01", "cash_rate=policy", "gross=1", "entry=shock"]
    space = parameter_space(DEEPSEEK, reading(), "published", words)
    (variant,) = space.variants()
    expected = Scenario(SHOCK, 20, None, SHOCK, Frictions(borrow_rate=0.01, lag=2), {"gross": 1.0})
    assert space.scenario(variant) == expected
    assert isinstance(space.scenario(variant).parameters["gross"], float)
    untouched = parameter_space(DEEPSEEK, reading(), "published", ["gross=1"])
    assert untouched.scenario((1.0,)) == Scenario(ENTRY, 252, 20, SHOCK, Frictions(), {"gross": 1.0})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("period=5, 7", (5, 7)),
        ("share=1,0.5", (1.0, 0.5)),
        ("name=a=b,1", ("a=b", "1")),
        ("long_only=true,False", (True, False)),
        ("stop=none,3,0.5,true,x", (None, 3, 0.5, True, "x")),
        ("names=A+B,C", (("A", "B"), ("C",))),
        ("strategy.hold=3,4", (3, 4)),
        ("launch.hold=3,end", (3, None)),
        ("since=2024-01-02,2024-01-03", (pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-03"))),
        ("cash_rate=policy,0.02", ("policy", 0.02)),
    ],
)
def test_values_have_the_type_of_the_default(plain, text, values):
    (parameter,) = parameter_space(DEEPSEEK, plain, "published", [text]).parameters
    assert parameter.values == values
    assert list(map(type, parameter.values)) == list(map(type, values))


def test_a_parameter_of_the_strategy_and_one_of_the_schedule_may_share_a_name(plain):
    space = parameter_space(DEEPSEEK, plain, "published", ["strategy.hold=4", "launch.hold=60"])
    scenario = space.scenario(next(space.variants()))
    assert (scenario.hold, scenario.parameters) == (60, {"hold": 4})


@pytest.mark.parametrize(
    ("text", "low", "high", "whole"), [("hold=5..252", 5, 252, True), ("gross=.1..1", 0.1, 1, False)]
)
def test_a_range_is_for_searches(text, low, high, whole):
    (parameter,) = (space := parameter_space(DEEPSEEK, reading(), "published", [text])).parameters
    assert parameter.values == ParameterRange(low, high) and parameter.values.whole == whole
    with pytest.raises(RequestError, match="is a range, which only a search can draw from; add --search optuna"):
        _ = space.size


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "an empty grid: vary at least one parameter"),
        (["hold="], "-p hold=: an empty grid, since a value of hold is missing"),
        (["hold=20,,60"], "a value of hold is missing"),
        (["hold"], "-p hold names no values; write NAME=VALUE"),
        (["gros=1"], "gpu_bubble has no parameter 'gros'; did you mean gross.* it has gross, entry, hold"),
        (["gross=much"], "-p gross: 'much' is no value for gross; expected: a number, such as its default 1"),
        (["gross=nan"], "'nan' is no value for gross"),
        (["hold=0"], "'0' is no value for hold; expected: sessions, 1 to 100,000, or end, such as its default 252"),
        (["hold=2.5"], "'2.5' is no value for hold"),
        (["rebalance=end"], "'end' is no value for rebalance; expected: sessions, 1 to 100,000, or never"),
        (["lag=0"], "'0' is no value for lag"),
        (["entry=2025-02-01"], r"2025-02-01 \(Saturday\) is not a session .*use 2025-02-03"),
        (["shock=published"], "'published' is no value for shock; expected: a session"),
        (["half_spread_bps=-1"], "'-1' is no value for half_spread_bps; expected: basis points, 0 to 10,000"),
        (["cash_rate=police"], "'police' is no value for cash_rate; expected: policy, or a fraction"),
        (["hold=20", "hold=60"], "-p hold is given twice"),
        (["hold=20,020"], "-p hold: 20 is given twice"),
        (["gross=1,1.0"], "-p gross: 1 is given twice"),
        (["entry=published,2025-01-31"], "-p entry: 2025-01-31 is given twice"),
        (["hold=60..20"], "-p hold=60..20 is no range"),
        (["hold=5..end"], "-p hold=5..end is no range"),
    ],
)
def test_wrong_texts_are_refused_in_one_line_with_a_remedy(words, complaint):
    with pytest.raises(RequestError, match=complaint) as caught:
        parameter_space(DEEPSEEK, reading(), "published", words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rebalance=5", "Plain is a plain strategy and has no rebalance; it decides when it trades"),
        ("lag=2", "Plain is a plain strategy and has no lag; it sends its own orders"),
        ("shock=2025-01-27", "Plain is a plain strategy and has no shock; it does not see the event"),
        ("hold=3", r"-p hold can mean two things: write strategy\.hold .* or launch\.hold"),
        ("kind=5", "cannot be written on a command line"),
        ("period=2.0", "'2.0' is no value for period; expected: a whole number, such as its default 10"),
        ("long_only=1", "expected: true or false, such as its default true"),
    ],
)
def test_parameters_that_a_plain_strategy_lacks_are_refused(plain, text, complaint):
    with pytest.raises(RequestError, match=complaint):
        parameter_space(DEEPSEEK, plain, "published", [text])


def test_two_entries_are_refused():
    with pytest.raises(RequestError, match="--entry shock and -p entry both name the entry"):
        parameter_space(DEEPSEEK, reading(), "shock", ["entry=published,shock"])


def test_the_shock_by_name_and_by_date_are_two_variants():
    space = parameter_space(DEEPSEEK, reading(), "published", ["entry=shock,2025-01-27"])
    # A date keeps the four sessions of the event: 24, 23, 22, 21 January.
    assert [space.scenario(variant).shock for variant in space.variants()] == [SHOCK, pd.Timestamp("2025-01-21")]


@pytest.mark.parametrize("name", strategies.names())
def test_every_reading_has_the_shared_parameters(name):
    own = set(sweepable_parameters(reading(name), DEEPSEEK))
    assert {"entry", "hold", "rebalance", "shock", "lag", "commission_bps", "half_spread_bps"} <= own
    assert {"borrow_rate", "cash_rate"} <= own


def test_more_than_a_million_variants_are_refused():
    require_affordable(1_000_000, False, "give fewer values")
    require_affordable(2_000_000, True, "give fewer values")
    with pytest.raises(
        RequestError, match=r"1,000,001 variants are more than 1,000,000; give fewer values, or .*--yes"
    ):
        require_affordable(1_000_001, False, "give fewer values")


# --- full messages --------------------------------------------------------------------------------------------------

TARIFFS = load_event("tariffs")
LEGS = {"long": ("AAA", "BBB"), "against": "SPY"}


class Nameless(bt.Strategy):
    """Parameters with uninformative defaults, and similar names."""

    params = (
        ("names", ()),
        ("both", (1, 2.5)),
        ("label", ""),
        ("hold", None),
        ("entry", 7),
        ("shock", None),
        ("share", 0.5),
        *((f"window_{number}", number) for number in range(4)),
    )


@pytest.fixture
def nameless():
    return prepare("tests:Nameless", Nameless, "SPY", ("A",))


@pytest.fixture
def legs():
    return prepare("legs", LongShort, "SPY", parameters=LEGS)


def refusal(study, *words, event=DEEPSEEK) -> str:
    with pytest.raises(RequestError) as caught:
        parameter_space(event, study, "published", words)
    return str(caught.value)


def test_a_range_in_a_grid_is_refused_with_both_ends():
    space = parameter_space(DEEPSEEK, reading(), "published", ["gross=.1..1"])
    expected = "-p gross=0.1..1 is a range, which only a search can draw from; add --search optuna, or list values: "
    with pytest.raises(RequestError) as caught:
        _ = space.size
    assert str(caught.value) == f"{expected}-p gross=0.1,1"
    assert str(ParameterRange(0.5, 2)) == "0.5..2"


def test_no_parameters_are_refused_with_an_example():
    assert refusal(reading()) == "an empty grid: vary at least one parameter, for example -p hold=20,60,120"


def test_a_variant_may_set_the_shock():
    space = parameter_space(DEEPSEEK, reading(), "published", ["shock=2025-01-24", "rebalance=5"])
    (variant,) = space.variants()
    assert space.scenario(variant) == Scenario(ENTRY, 252, 5, pd.Timestamp("2025-01-24"), Frictions(), {})
    for word in ("published", "shock"):
        assert refusal(reading(), f"shock={word}") == (
            f"-p shock: {word!r} is no value for shock; expected: a session, YYYY-MM-DD, such as its default none"
        )


def test_labels_equal_the_texts_read(plain, nameless):
    words = {
        "rebalance=5,never": ("rebalance=5", "rebalance=never"),
        "hold=end": ("hold=end",),
        "shock=2025-01-24": ("shock=2025-01-24",),
    }
    for text, expected in words.items():
        space = parameter_space(DEEPSEEK, reading(), "published", [text])
        assert tuple(map(space.text, space.variants())) == expected
    others = {
        "stop=none,1": ("stop=none", "stop=1"),
        "names=A+B": ("names=A+B",),
        "since=2024-01-02": ("since=2024-01-02",),
        "long_only=True": ("long_only=true",),
        "share=999999999999999,1e15": ("share=999999999999999", "share=1000000000000000.0"),
    }
    for text, expected in others.items():
        space = parameter_space(DEEPSEEK, plain, "published", [text])
        assert tuple(map(space.text, space.variants())) == expected
    space = parameter_space(DEEPSEEK, nameless, "published", ["names=none+1+x"])
    assert list(map(space.text, space.variants())) == ["names=none+1+x"]


def test_a_strategy_parameter_may_have_the_name_of_a_schedule_parameter(nameless):
    """Its None does not mean the end of the prices, and different values have different texts."""
    space = parameter_space(DEEPSEEK, nameless, "published", ["strategy.hold=none,end"])
    assert list(map(space.text, space.variants())) == ["strategy.hold=none", "strategy.hold=end"]
    assert refusal(nameless, "strategy.hold=none,none") == "-p strategy.hold: none is given twice; leave one out"
    assert refusal(nameless, "strategy.hold=\x1b").endswith("such as its default none")
    fixed = sweep.fixed_choices(parameter_space(DEEPSEEK, nameless, "published", ["share=0.5"]), DEEPSEEK)
    assert (fixed["strategy.hold"], fixed["launch.hold"]) == ("none", "252")
    assert (fixed["strategy.entry"], fixed["launch.entry"], fixed["shock"]) == ("7", "published", "none")
    both = sweepable_parameters(nameless, DEEPSEEK)
    assert (both["strategy.hold"].scheduled, both["launch.hold"].scheduled, both["cash_rate"].scheduled) == (
        "",
        "hold",
        "",
    )


def test_joined_values_have_the_type_of_the_first_default(nameless):
    (parameter,) = parameter_space(DEEPSEEK, nameless, "published", ["both=3+4+5,6"]).parameters
    assert parameter.values == ((3, 4, 5), (6,))
    assert refusal(nameless, "both=1.5") == (
        "-p both: '1.5' is no value for both; expected: values joined by + (a whole number), such as its default 1+2.5"
    )
    (parameter,) = parameter_space(DEEPSEEK, nameless, "published", ["names=a+1+0.5+true+none"]).parameters
    assert parameter.values == (("a", 1, 0.5, True, None),)
    assert refusal(nameless, "names=a+\x1b") == (
        r"-p names: 'a+\x1b' is no value for names; expected: values joined by + (text), such as its default (empty)"
    )


def test_an_empty_default_is_named(nameless):
    assert refusal(nameless, "label=\x1b").endswith("such as its default (empty)")


def test_errors_name_the_defaults_of_the_schedule():
    assert refusal(reading(), "entry=2025-02-01").endswith("YYYY-MM-DD, such as its default published")
    assert refusal(reading(), "rebalance=0") == (
        "-p rebalance: '0' is no value for rebalance; expected: sessions, 1 to 100,000, or never, "
        "such as its default 20"
    )
    assert refusal(reading(), "hold=end,end") == "-p hold: end is given twice; leave one out"


def test_entries_are_those_of_the_event():
    space = parameter_space(TARIFFS, reading(), "published", ["entry=published,2025-02-03"])
    scenarios = [space.scenario(variant) for variant in space.variants()]
    assert [scenario.entry for scenario in scenarios] == [TARIFFS.entry, pd.Timestamp("2025-02-03")]
    untouched = parameter_space(TARIFFS, reading(), "published", ["gross=1"])
    assert untouched.scenario((1.0,)).entry == TARIFFS.entry != DEEPSEEK.entry


def test_at_most_three_similar_names_are_offered(nameless):
    message = refusal(nameless, "WINDOW=1")
    offered = message.partition("did you mean ")[2].partition("? it has")[0].split(" or ")
    assert len(offered) == 3 and set(offered) < {f"window_{number}" for number in range(4)}
    names = ", ".join(sweepable_parameters(reading(), DEEPSEEK))
    assert refusal(reading(), "zzz=1") == f"-p zzz: gpu_bubble has no parameter 'zzz'; it has {names}"


def test_a_range_goes_from_a_lower_to_a_higher_number():
    expected = "is no range; write LOW..HIGH with a lower and a higher number"
    assert refusal(reading(), "hold=20..20") == f"-p hold=20..20 {expected}"
    assert "'2..3' is no value for hold" in refusal(reading(), "hold=1..2..3")


@pytest.mark.parametrize("text", ["hold=\u0663", "gross=1_0", "hold=1_0"])
def test_numbers_are_written_with_plain_digits(text):
    assert " is no value for " in refusal(reading(), text)


def test_a_parameter_may_not_add_symbols(legs):
    (parameter,) = parameter_space(DEEPSEEK, legs, "published", ["long=BBB,AAA+BBB"]).parameters
    assert parameter.values == (("BBB",), ("AAA", "BBB"))
    remedy = "changes the symbols of legs or of its comparator; make it a reading of its own in an event file"
    assert refusal(legs, "long=BBB,AAA+CCC") == f"-p long: AAA+CCC {remedy}"
    assert refusal(legs, "against=SPY,QQQ") == f"-p against: QQQ {remedy}"
