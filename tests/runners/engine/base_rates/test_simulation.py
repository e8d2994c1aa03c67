"""General forms launched after every session: weights by hand, and equal to Backtrader one launch at a time."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest

import strategies
from data import calendar
from data.histories import Histories
from data.peer_groups import PeerGroup
from data.prices import Prices
from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.base_rates.shocks import NO_LEADER, GroupRoles, group_roles
from runners.engine.base_rates.simulation import (
    LaunchPlan,
    RuleOnLeader,
    form_weights,
    launch_everywhere,
    plan_launches,
)
from runners.engine.study import prepare
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.basket import Basket
from strategies.base.general_form import OnLeader, RoleWeights
from strategies.generic.fixed_weights import FixedWeights

MARKET, LEAD = "SPY", 4
GROUP = PeerGroup("four", "four stocks", ("A", "B", "C", "D"))
PAIR = RoleWeights(leader=-0.5, challengers=0.5)


def roles_of(*volumes: list[float]) -> GroupRoles:
    """Roles at as many sessions as there are lists; NaN for no member."""
    table = np.array(volumes)
    group = PeerGroup("any", "any", tuple("ABCDEFG"[: table.shape[1]]))
    return GroupRoles(group, group.members, table, np.nanargmax(table, axis=1))


def weights(form: RoleWeights, *volumes: float) -> list[float]:
    return form_weights(form, roles_of(list(volumes)), np.array([0]))[0].tolist()


@pytest.mark.parametrize(
    ("form", "volumes", "expected"),
    [
        (PAIR, (9, 5, 7), [-0.5, 0.25, 0.25, 0]),
        (PAIR, (5, 9, 7), [0.25, -0.5, 0.25, 0]),
        # Of 2 or 3 challengers one is lower, of 4 and 5 two are.
        (RoleWeights(lower=1.0), (9, 5, 7), [0, 1, 0, 0]),
        (RoleWeights(lower=1.0), (9, 5, 7, 6), [0, 1, 0, 0, 0]),
        (RoleWeights(lower=1.0), (9, 5, 7, 6, 8), [0, 0.5, 0, 0.5, 0, 0]),
        (RoleWeights(lower=1.0), (9, 5, 7, 6, 8, 4), [0, 0.5, 0, 0, 0, 0.5, 0]),
        (RoleWeights(group=-0.5, market=0.5), (9, 5, 7), [-0.5 / 3] * 3 + [0.5]),
        (RoleWeights(lower=0.5, group=-0.5), (9, 5, 7), [-0.5 / 3, 0.5 - 0.5 / 3, -0.5 / 3, 0]),
        (RoleWeights(leader=1.0), (9, np.nan, 7, 8), [1, 0, 0, 0, 0]),
        (PAIR, (9, np.nan, 7, 8), [-0.5, 0, 0.25, 0.25, 0]),
        (RoleWeights(lower=1.0), (9, np.nan, 7, 8), [0, 0, 1, 0, 0]),
        (RoleWeights(group=1.0), (9, np.nan, 7, 8), [1 / 3, 0, 1 / 3, 1 / 3, 0]),
    ],
)
def test_weights_by_hand(form, volumes, expected):
    assert weights(form, *volumes) == pytest.approx(expected)


@pytest.fixture(scope="module")
def histories() -> Histories:
    """Five symbols over 640 sessions; D ends at row 500."""
    rng = np.random.default_rng(3)
    n, symbols = 640, (MARKET, *GROUP.members)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (n, 5)), axis=0))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    volume = np.array([9e8, 4e8, 3e8, 2e8, 1e8]) / close * np.exp(rng.normal(0, 0.3, close.shape))
    factor = np.exp(np.cumsum(rng.random(close.shape) < 0.01, axis=0) * 0.02)
    close[501:, 4] = np.nan
    gone = np.where(np.isnan(close), np.nan, 1.0)
    place = calendar.calendar_index("2015-01-02")
    sessions = calendar.xnys()[place : place + n]
    high, low = np.fmax(opened, close) * gone, np.fmin(opened, close) * gone
    return Histories(Prices(sessions, symbols, opened * gone, high, low, close, volume * gone, factor * gone))


@pytest.fixture(scope="module")
def plan(histories) -> LaunchPlan:
    return plan_launches(histories, MARKET, TradingConditions(hold=max(HORIZONS), shock_lead=LEAD))


def only(roles: GroupRoles, *rows: int) -> GroupRoles:
    """The roles with a leader at `rows` alone."""
    leader = np.full(len(roles.leader), NO_LEADER)
    leader[list(rows)] = roles.leader[list(rows)]
    return replace(roles, leader=leader)


def alone(histories: Histories, strategy, row: int, rebalance: int | None = 20, **parameters: object) -> np.ndarray:
    """Log wealth at HORIZONS of one launch after a shock at `row`, in Backtrader; NaN where prices end."""
    prices = histories.common(parameters.get("names") or (parameters["symbol"],))
    shock, entry = (histories.sessions[place] for place in (row, row + LEAD))
    schedule = EntrySchedule(entry, max(HORIZONS), rebalance, shock)
    equity = run_backtest(strategy, prices, schedule, parameters=parameters).equity
    # The curve begins at the close before the entry, and goes one session beyond the holding period.
    values = [equity[horizon] if horizon < len(equity) else np.nan for horizon in HORIZONS]
    return np.log(np.array(values) / equity[0])


def test_each_launch_equals_one_in_backtrader(histories, plan):
    roles = group_roles(histories, GROUP)
    names = ("A", "B", "C", "D")
    for row in (256, 300, 378, 490):
        found = launch_everywhere(plan, {"pair": PAIR}, only(roles, row))[row, 0]
        held = form_weights(PAIR, roles, np.array([row]))[0][:4]
        own = alone(histories, FixedWeights, row, names=names, shares=tuple(held.tolist()))
        idle = alone(histories, Basket, row, None, names=("SPY",), weight=0.0)
        assert found == pytest.approx(np.expm1(own - idle), abs=1e-12, nan_ok=True)


def test_the_market_as_comparator_is_bought_and_held(histories, plan):
    form = RoleWeights(group=1.0, against="market")
    roles = group_roles(histories, GROUP)
    found = launch_everywhere(plan, {"sector": form}, only(roles, 300))[300, 0]
    own = alone(histories, FixedWeights, 300, names=GROUP.members, shares=(0.25,) * 4)
    market = alone(histories, Basket, 300, None, names=("SPY",), weight=1.0)
    assert found == pytest.approx(np.expm1(own - market), abs=1e-12, nan_ok=True)


def test_a_rule_on_the_leader_equals_the_reading_itself(histories, plan):
    reading = strategies.load("nvda_comeback")
    form = RuleOnLeader(prepare("nvda_comeback", reading, MARKET), OnLeader())
    roles = group_roles(histories, GROUP)
    for row in (256, 300, 378):
        found = launch_everywhere(plan, {"comeback": form}, only(roles, row))[row, 0]
        leader = roles.symbols[roles.leader[row]]
        own = alone(histories, reading, row, symbol=leader)
        idle = alone(histories, Basket, row, None, names=("SPY",), weight=0.0)
        assert found == pytest.approx(np.expm1(own - idle), abs=1e-12, nan_ok=True)


def test_prices_that_end_leave_later_horizons_unknown(histories, plan):
    roles = group_roles(histories, GROUP)
    forms = {"pair": PAIR, "leader": RoleWeights(leader=-0.5, market=0.5)}
    found = launch_everywhere(plan, forms, roles)
    # D, a challenger, ends at row 500: session 60 of a launch after row 437 is the last that has a price.
    assert roles.leader[437] == 0 and roles.counts[437] == 4
    assert np.isnan(found[437, 0]).tolist() == [False, False, False, True, True]
    assert np.isnan(found[438, 0]).tolist() == [False, False, True, True, True]
    assert np.isnan(found[496, 0]).tolist() == [True] * 5 and not np.isnan(found[492, 0, 0])
    # The leader goes on to row 639.
    assert np.isnan(found[496, 1]).tolist() == [False, False, False, False, True]


def test_a_session_without_a_leader_has_no_launch(histories, plan):
    found = launch_everywhere(plan, {"pair": PAIR}, group_roles(histories, GROUP))
    assert np.isnan(found[:252]).all() and not np.isnan(found[252, 0, 0])
    assert np.isnan(found[-LEAD:]).all()


def test_a_launch_does_not_depend_on_what_comes_after_its_horizon(histories, plan):
    row, after = 300, 300 + LEAD + 19  # the close of session 20
    later = np.arange(len(histories.sessions))[:, None] > after
    changed = {
        name: np.where(later, getattr(histories.prices, name) * 1.7, getattr(histories.prices, name))
        for name in ("open", "high", "low", "close", "volume")
    }
    altered = Histories(replace(histories.prices, **changed))
    other = plan_launches(altered, MARKET, plan.conditions)
    forms = {"pair": PAIR, "sector": RoleWeights(group=1.0, against="market")}
    known = launch_everywhere(plan, forms, only(group_roles(histories, GROUP), row))[row]
    same = launch_everywhere(other, forms, only(group_roles(altered, GROUP), row))[row]
    assert np.array_equal(known[:, :2], same[:, :2]) and not np.array_equal(known[:, 2], same[:, 2])


def test_ruin_counts_as_the_loss_of_everything(histories):
    close = np.tile(histories.prices.close[:, :1], (1, 5)).copy()
    close[310:, 1] *= 4.0  # the short leader rises fourfold after the entry
    prices = replace(histories.prices, open=close, high=close, low=close, close=close, factor=np.ones(close.shape))
    ruined = Histories(replace(prices, volume=np.tile([1, 4, 3, 2, 1.0], (len(close), 1)) * 1e6))
    plan = plan_launches(ruined, MARKET, TradingConditions(hold=max(HORIZONS)))
    found = launch_everywhere(plan, {"short": RoleWeights(leader=-1.0)}, only(group_roles(ruined, GROUP), 300))
    assert found[300, 0, 0] > -1 and found[300, 0, 1:].tolist() == [-1.0] * 4


def test_the_comparators_by_hand(make_prices):
    # The lower bound of the policy range less half a point is below zero in 2015: cash earns nothing.
    n = 300
    prices = make_prices({MARKET: [100.0] * 10 + [110.0] * (n - 10)}, first="2015-01-02")
    plan = plan_launches(Histories(prices), MARKET, TradingConditions(hold=max(HORIZONS)))
    assert plan.comparators["cash"][5, :3].tolist() == [0.0] * 3
    # 10,000 shares are bought at 100 with 3 basis points of costs, and stand at 110 from row 10 on.
    cost = 10_000 * 100 * 3e-4
    assert plan.comparators["market"][5, 1] == pytest.approx(log((1_100_000 - cost) / 1_000_000), abs=2e-6)
    assert np.isnan(plan.comparators["cash"][0]).all()  # no close before the first session
