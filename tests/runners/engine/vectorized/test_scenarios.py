"""Launches as columns, and back again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data.errors import RequestError
from runners.engine.backtest.frictions import Frictions
from runners.engine.vectorized.scenarios import NEVER, Scenario, Scenarios

FRIDAY, MONDAY = pd.Timestamp("2025-01-31"), pd.Timestamp("2025-02-03")
SHOCK = pd.Timestamp("2025-01-27")  # four sessions before the Friday, as in the event
DEAR = Frictions(commission_bps=9, lag=2)


def test_single_launches_come_back_as_they_were():
    launches = [
        Scenario(FRIDAY, 5, None, None, DEAR, {"b": 2, "a": 1}),
        Scenario(MONDAY, None, 7, FRIDAY),
        Scenario(FRIDAY, 5, 7, SHOCK, Frictions(), {"a": 1, "b": 2}),
    ]
    columns = Scenarios.of(launches)
    assert len(columns) == 3
    assert columns[0] == Scenario(FRIDAY, 5, None, SHOCK, DEAR, {"a": 1, "b": 2})
    assert columns[1] == launches[1]
    assert columns[2] == launches[2]
    assert (columns.hold.tolist(), columns.rebalance.tolist()) == ([5, NEVER, 5], [NEVER, 7, 7])
    assert columns.frictions == (DEAR, Frictions()) and columns.cost.tolist() == [0, 1, 1]
    assert columns.parameters == ({"a": 1, "b": 2}, {}) and columns.setting.tolist() == [0, 1, 0]
    assert columns.take(np.array([2, 1]))[0] == launches[2]
    assert len(columns.take(np.array([True, False, True]))) == 2


def test_every_combination_with_entries_the_fastest():
    columns = Scenarios.product(
        [FRIDAY, MONDAY],
        holds=(5, None),
        rebalances=(None, 7),
        frictions=(DEAR, Frictions()),
        parameters=({}, {"a": 1}),
    )
    assert len(columns) == 32
    tuesday = pd.Timestamp("2025-01-28")
    assert [columns[place] for place in (0, 1, 2, 4, 8, 16)] == [
        Scenario(FRIDAY, 5, None, SHOCK, DEAR, {}),
        Scenario(MONDAY, 5, None, tuesday, DEAR, {}),
        Scenario(FRIDAY, None, None, SHOCK, DEAR, {}),
        Scenario(FRIDAY, 5, 7, SHOCK, DEAR, {}),
        Scenario(FRIDAY, 5, None, SHOCK, Frictions(), {}),
        Scenario(FRIDAY, 5, None, SHOCK, DEAR, {"a": 1}),
    ]
    assert columns[31] == Scenario(MONDAY, None, 7, tuesday, Frictions(), {"a": 1})
    assert Scenarios.product([FRIDAY])[0] == Scenario(FRIDAY, 252, 20, SHOCK, Frictions(), {})
    assert Scenarios.product([MONDAY], before=1)[0].shock == FRIDAY


@pytest.mark.parametrize("dimension", ["holds", "rebalances", "frictions", "parameters"])
def test_a_dimension_without_values_is_refused(dimension):
    with pytest.raises(RequestError, match=r"^no scenarios were given; every dimension needs at least one value$"):
        Scenarios.product([FRIDAY], **{dimension: ()})


def test_changed_parameters_make_equal_settings_one():
    settings = ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": [5]})
    columns = Scenarios.of([Scenario(FRIDAY, parameters=setting) for setting in (*settings, settings[0])])
    changed = columns.with_parameters({"a": 3})
    assert changed.parameters == ({"a": 3, "b": 1}, {"a": 3, "b": [5]}) and changed.setting.tolist() == [0, 0, 1, 0]
    assert columns.parameters == settings


def test_no_launch_at_all_is_refused():
    with pytest.raises(RequestError, match=r"^no scenarios were given; every dimension needs at least one value$"):
        Scenarios.product([])
    with pytest.raises(RequestError, match=r"^no scenarios were given; give at least one$"):
        Scenarios.of([])


@pytest.mark.parametrize(("name", "wrong"), [("hold", 0), ("rebalance", 0), ("hold", 2.5)])
def test_what_counts_no_sessions_is_refused(name, wrong):
    told = f"^{name} is {wrong!r}; give a whole number of sessions, 1 or more, or None$"
    with pytest.raises(ValueError, match=told):
        Scenario(FRIDAY, **{name: wrong})
    with pytest.raises(ValueError, match=told):
        Scenarios.product([FRIDAY], **{f"{name}s": (5, wrong)})


def test_a_day_without_trading_is_named_with_its_place():
    saturday = pd.Timestamp("2025-02-01")
    told = r": 2025-02-01 \(Saturday\) is not a session"
    with pytest.raises(RequestError, match="^entry 1" + told):
        Scenarios.product([FRIDAY, saturday])
    with pytest.raises(RequestError, match="^scenario 1: entry" + told):
        Scenarios.of([Scenario(FRIDAY), Scenario(saturday)])
    with pytest.raises(RequestError, match="^scenario 1: shock" + told):
        Scenarios.of([Scenario(FRIDAY), Scenario(FRIDAY, shock=saturday)])


def test_frictions_are_told_by_their_names():
    assert DEAR.as_dict() == {
        "commission_bps": 9,
        "half_spread_bps": 2.0,
        "borrow_rate": 0.003,
        "cash_rate": "policy",
        "lag": 2,
    }
