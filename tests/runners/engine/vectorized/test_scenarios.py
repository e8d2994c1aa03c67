"""Scenarios as columns, and back."""

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


def test_single_scenarios_come_back_unchanged():
    scenarios = [
        Scenario(FRIDAY, 5, None, None, DEAR, {"b": 2, "a": 1}),
        Scenario(MONDAY, None, 7, FRIDAY),
        Scenario(FRIDAY, 5, 7, SHOCK, Frictions(), {"a": 1, "b": 2}),
    ]
    columns = Scenarios.of(scenarios)
    assert len(columns) == 3
    assert columns[0] == Scenario(FRIDAY, 5, None, SHOCK, DEAR, {"a": 1, "b": 2})
    assert columns[1] == scenarios[1]
    assert columns[2] == scenarios[2]
    assert (columns.hold.tolist(), columns.rebalance.tolist()) == ([5, NEVER, 5], [NEVER, 7, 7])
    assert columns.frictions == (DEAR, Frictions()) and columns.cost.tolist() == [0, 1, 1]
    assert columns.parameters == ({"a": 1, "b": 2}, {}) and columns.setting.tolist() == [0, 1, 0]
    assert columns.take(np.array([2, 1]))[0] == scenarios[2]
    assert len(columns.take(np.array([True, False, True]))) == 2


def test_product_gives_every_combination_entries_varying_fastest():
    columns = Scenarios.product(
        [FRIDAY, MONDAY],
        holds=(5, None),
        rebalances=(None, 7),
        frictions=(DEAR, Frictions()),
        parameters=({}, {"a": 1}),
    )
    assert len(columns) == 32
    tuesday = pd.Timestamp("2025-01-28")
    assert [columns[index] for index in (0, 1, 2, 4, 8, 16)] == [
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


def test_settings_that_become_equal_are_merged():
    settings = ({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": [5]})
    columns = Scenarios.of([Scenario(FRIDAY, parameters=setting) for setting in (*settings, settings[0])])
    changed = columns.with_parameters({"a": 3})
    assert changed.parameters == ({"a": 3, "b": 1}, {"a": 3, "b": [5]}) and changed.setting.tolist() == [0, 0, 1, 0]
    assert columns.parameters == settings


def test_no_scenario_is_refused():
    with pytest.raises(RequestError, match=r"^no scenarios were given; every dimension needs at least one value$"):
        Scenarios.product([])
    with pytest.raises(RequestError, match=r"^no scenarios were given; give at least one$"):
        Scenarios.of([])


@pytest.mark.parametrize(("name", "wrong"), [("hold", 0), ("rebalance", 0), ("hold", 2.5)])
def test_wrong_numbers_of_sessions_are_refused(name, wrong):
    message = f"^{name} is {wrong!r}; give a whole number of sessions, 1 or more, or None$"
    with pytest.raises(ValueError, match=message):
        Scenario(FRIDAY, **{name: wrong})
    with pytest.raises(ValueError, match=message):
        Scenarios.product([FRIDAY], **{f"{name}s": (5, wrong)})


def test_an_error_names_the_scenario_with_a_day_without_trading():
    saturday = pd.Timestamp("2025-02-01")
    message = r": 2025-02-01 \(Saturday\) is not a session"
    with pytest.raises(RequestError, match="^entry 1" + message):
        Scenarios.product([FRIDAY, saturday])
    with pytest.raises(RequestError, match="^scenario 1: entry" + message):
        Scenarios.of([Scenario(FRIDAY), Scenario(saturday)])
    with pytest.raises(RequestError, match="^scenario 1: shock" + message):
        Scenarios.of([Scenario(FRIDAY), Scenario(FRIDAY, shock=saturday)])


def test_frictions_as_a_dictionary():
    assert DEAR.as_dict() == {
        "commission_bps": 9,
        "half_spread_bps": 2.0,
        "borrow_rate": 0.003,
        "cash_rate": "policy",
        "lag": 2,
    }
