"""Knobs as they are written on the command line, and the specs that they make."""

from __future__ import annotations

import backtrader as bt
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from runners.engine.frictions import Frictions
from runners.engine.grid import Range, declared, require_affordable, space
from runners.engine.scenarios import Scenario
from runners.engine.study import prepare

ENTRY, SHOCK = pd.Timestamp("2025-01-31"), pd.Timestamp("2025-01-27")


class Plain(bt.Strategy):
    """Parameters of every kind, two of which are also names of the schedule."""

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


def test_specs_come_in_the_order_of_the_command_line_the_last_knob_fastest():
    found = space(reading(), "published", ["hold=20,end", "gross=0.5,1"])
    assert found.size == 4
    assert list(map(found.text, found.specs())) == [
        "hold=20 gross=0.5",
        "hold=20 gross=1",
        "hold=end gross=0.5",
        "hold=end gross=1",
    ]


def test_a_spec_sets_what_it_names_and_nothing_else():
    words = ["hold=20", "rebalance=never", "lag=2", "borrow_rate=0.01", "cash_rate=policy", "gross=1", "entry=shock"]
    found = space(reading(), "published", words)
    (spec,) = found.specs()
    expected = Scenario(SHOCK, 20, None, SHOCK, Frictions(borrow_rate=0.01, lag=2), {"gross": 1.0})
    assert found.scenario(spec) == expected
    assert isinstance(found.scenario(spec).parameters["gross"], float)
    untouched = space(reading(), "published", ["gross=1"])
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
    (knob,) = space(plain, "published", [text]).knobs
    assert knob.values == values
    assert list(map(type, knob.values)) == list(map(type, values))


def test_a_parameter_of_the_strategy_and_one_of_the_schedule_may_share_a_name(plain):
    found = space(plain, "published", ["strategy.hold=4", "launch.hold=60"])
    scenario = found.scenario(next(found.specs()))
    assert (scenario.hold, scenario.parameters) == (60, {"hold": 4})


@pytest.mark.parametrize(
    ("text", "low", "high", "whole"), [("hold=5..252", 5, 252, True), ("gross=.1..1", 0.1, 1, False)]
)
def test_a_range_is_for_searches(text, low, high, whole):
    (knob,) = (found := space(reading(), "published", [text])).knobs
    assert knob.values == Range(low, high) and knob.values.whole == whole
    with pytest.raises(RequestError, match="is a range, which only a search can draw from; add --search optuna"):
        _ = found.size


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "an empty grid: turn at least one knob"),
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
def test_what_cannot_be_read_is_one_line_with_the_remedy(words, complaint):
    with pytest.raises(RequestError, match=complaint) as caught:
        space(reading(), "published", words)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rebalance=5", "Plain is a plain strategy and has no rebalance; it decides by itself when it trades"),
        ("lag=2", "Plain is a plain strategy and has no lag; it sends its own orders"),
        ("shock=2025-01-27", "Plain is a plain strategy and has no shock; it is not told of any event"),
        ("hold=3", r"-p hold can mean two things: write strategy\.hold .* or launch\.hold"),
        ("kind=5", "cannot be written on a command line"),
        ("period=2.0", "'2.0' is no value for period; expected: a whole number, such as its default 10"),
        ("long_only=1", "expected: true or false, such as its default true"),
    ],
)
def test_a_plain_strategy_is_told_what_it_has_not(plain, text, complaint):
    with pytest.raises(RequestError, match=complaint):
        space(plain, "published", [text])


def test_two_entries_are_one_too_many():
    with pytest.raises(RequestError, match="--entry shock and -p entry both name the entry"):
        space(reading(), "shock", ["entry=published,shock"])


def test_the_shock_by_its_name_and_by_its_date_are_two_specs():
    found = space(reading(), "published", ["entry=shock,2025-01-27"])
    # A date keeps the four sessions of the event: 24, 23, 22, 21 January.
    assert [found.scenario(spec).shock for spec in found.specs()] == [SHOCK, pd.Timestamp("2025-01-21")]


@pytest.mark.parametrize("name", strategies.names())
def test_every_reading_declares_its_own_knobs_and_those_of_all(name):
    own = set(declared(reading(name)))
    assert {"entry", "hold", "rebalance", "shock", "lag", "commission_bps", "half_spread_bps"} <= own
    assert {"borrow_rate", "cash_rate"} <= own


def test_more_than_a_million_specs_are_refused_with_their_number():
    require_affordable(1_000_000, False, "give fewer values")
    require_affordable(2_000_000, True, "give fewer values")
    with pytest.raises(RequestError, match=r"1,000,001 specs are more than 1,000,000; give fewer values, or .*--yes"):
        require_affordable(1_000_001, False, "give fewer values")
