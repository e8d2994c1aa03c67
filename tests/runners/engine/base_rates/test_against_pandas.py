"""Shocks and base rates on real prices, against a recipe in plain pandas that shares no code with the engine."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import strategies
from data.events.catalog import load_event
from data.loading import load_histories
from data.peer_groups import bundled_groups
from reports.folders.base_rates_json import base_rate_results
from reports.records.result import HORIZONS
from runners.engine.base_rates.bundled import bundled_base_rates
from runners.engine.base_rates.shocks import ShockClass, find_shocks, group_roles
from runners.engine.base_rates.simulation import launch_everywhere, plan_launches
from runners.engine.base_rates.study import BaseRateRequest, run_base_rates, studies_with_general_form
from runners.engine.execution.processes import Processes
from runners.engine.request import PriceWindow
from runners.engine.vectorized.scenarios import TradingConditions
from tests.resources import base_rates_pandas

pytestmark = pytest.mark.thorough

MARKET = "SPY"


@pytest.fixture(scope="module")
def histories(market_history):
    groups = bundled_groups()
    symbols = dict.fromkeys([MARKET, *(symbol for group in groups for symbol in group.members)])
    return load_histories(symbols, source=str(market_history))


@pytest.fixture(scope="module")
def roles(histories):
    return tuple(group_roles(histories, group) for group in bundled_groups())


@pytest.fixture(scope="module")
def shocks(histories, roles):
    return find_shocks(histories, roles, MARKET, ShockClass())


@pytest.fixture(scope="module")
def recipe(market_history):
    history = base_rates_pandas.read_history(market_history)
    return history, base_rates_pandas.find_events(history)


def after_shocks(histories, roles, shocks):
    """Excess returns after the shocks alone, shape (n_shocks, n_readings, n_horizons)."""
    forms = {name: strategies.load(name).general_form for name in base_rates_pandas.READINGS}
    plan = plan_launches(histories, MARKET, TradingConditions(hold=max(HORIZONS)))
    excess = {}
    for each in roles:
        rows = np.array([shock.row for shock in shocks if shock.group == each.group.name], dtype=int)
        excess[each.group.name] = launch_everywhere(plan, forms, each.only(rows))
    return np.array([excess[shock.group][shock.row] for shock in shocks])


def test_shocks_are_those_of_plain_pandas(shocks, roles, recipe):
    history, events = recipe
    members = {each.group.name: each for each in roles}
    ours = [(shock.row, shock.group) for shock in shocks]
    assert ours == list(zip(events["row"], events["group"], strict=True))
    for shock, event in zip(shocks, events.itertuples(), strict=True):
        each = members[shock.group]
        ranked = np.argsort(each.ranks[shock.row])[: each.counts[shock.row]]
        assert [each.symbols[column] for column in ranked] == event.members
        assert shock.session == history.close.index[shock.row]
        assert (shock.leader, shock.fall) == (event.members[0], pytest.approx(event.fall, abs=1e-12))
        assert shock.market == pytest.approx(event.market, abs=1e-12)
    assert len(shocks) == 142  # the figure that the documentation gives


def test_the_bundled_shocks_are_these(histories, roles, shocks):
    bundled, ours = bundled_base_rates(), after_shocks(histories, roles, shocks)
    for shock, ours_after, told in zip(shocks, ours, bundled.shocks, strict=True):
        assert (f"{shock.session:%Y-%m-%d}", shock.group, shock.leader) == (told.session, told.group, told.leader)
        assert (shock.fall, shock.market) == pytest.approx((told.fall, told.market), abs=1e-9)
        for name, values in zip(base_rates_pandas.READINGS, ours_after, strict=True):
            expected = [np.nan if value is None else value for value in told.excess[name].values()]
            assert values == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_the_bundled_base_rates_are_those_of_a_new_run(market_history):
    event = load_event("deepseek")
    request = BaseRateRequest(studies_with_general_form(event), event, PriceWindow(str(market_history)))
    ours, told = base_rate_results(run_base_rates(request, Processes())), base_rate_results(bundled_base_rates())
    ours |= {key: told[key] for key in ("computed", "version", "bundled")}
    flat, expected = (pd.json_normalize(results).iloc[0].to_dict() for results in (ours, told))
    assert flat.keys() == expected.keys()
    for key, value in flat.items():
        same = pytest.approx(expected[key], abs=1e-9) if isinstance(value, float) else expected[key]
        assert value == same or key == "decisions.outcomes", key
    decisions = [(each["date"], each["change_bps"]) for each in told["decisions"]["outcomes"]]
    assert [(each["date"], each["change_bps"]) for each in ours["decisions"]["outcomes"]] == decisions
    excess = [each["excess"] for each in told["decisions"]["outcomes"]]
    assert [each["excess"] for each in ours["decisions"]["outcomes"]] == pytest.approx(excess, abs=1e-9)


def test_excess_returns_are_those_of_plain_pandas(histories, roles, shocks, recipe):
    ours, theirs = after_shocks(histories, roles, shocks), base_rates_pandas.outcomes(*recipe)
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    assert np.nanmax(np.abs(ours - theirs)) < 1e-9
    assert np.nanmean(ours, axis=0) == pytest.approx(np.nanmean(theirs, axis=0), abs=1e-9)
