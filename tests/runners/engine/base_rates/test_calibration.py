"""The calibration of base rates: its arithmetic, and with `slow` the size and power that the documentation promises."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

from data import calendar
from data.peer_groups import bundled_groups
from reports.records.result import HORIZONS
from reports.statistics.placebo import SIZE
from reports.statistics.pooled import TESTED
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates.regimes import REGIMES
from runners.engine.base_rates.shocks import NO_LEADER, group_roles
from runners.engine.base_rates.simulation import launch_everywhere, plan_launches
from runners.engine.vectorized.scenarios import TradingConditions
from tests.resources import calibrate_base_rates as calibration

MARKETS = 200
FREE = Frictions(commission_bps=0, half_spread_bps=0, borrow_rate=0, cash_rate=0.0)


def test_launches_from_close_to_close_equal_those_of_the_account_without_costs():
    groups = bundled_groups()[:1]
    sessions = calendar.sessions_between(pd.Timestamp("2006-01-03"), pd.Timestamp("2009-03-31"))
    histories = calibration.simulated_histories(groups, sessions, seed=1)
    roles = group_roles(histories, groups[0])
    rows = np.flatnonzero(roles.leader != NO_LEADER)[::40]
    leader = np.full(len(sessions), NO_LEADER)
    leader[rows] = roles.leader[rows]
    conditions = TradingConditions(hold=max(HORIZONS), frictions=FREE, shock_lead=calibration.LEAD)
    plan = plan_launches(histories, calibration.MARKET, conditions)
    account = launch_everywhere(plan, calibration.FORMS, replace(roles, leader=leader))[rows]
    (plain,) = calibration.launched(histories, (roles,))
    assert np.array_equal(np.isnan(account), np.isnan(plain[rows])) and not np.isnan(account).all()
    # They differ by the rounding to whole shares, of about 1 USD in 1,000,000.
    assert account == pytest.approx(plain[rows], abs=1e-5, nan_ok=True)


def test_simulated_stocks_have_no_expected_return_and_a_common_volatility():
    groups = bundled_groups()
    sessions = calendar.sessions_between(pd.Timestamp("2006-01-03"), pd.Timestamp("2023-12-29"))
    returns = calibration.simulated_histories(groups, sessions, seed=2).total_returns()[1:]
    known = ~np.isnan(returns)
    errors = np.nanstd(returns, axis=0) / np.sqrt(known.sum(axis=0))
    assert np.max(np.abs(np.nanmean(returns, axis=0) / errors)) < 4.5  # of 181 symbols
    size = np.nanmean(np.abs(returns), axis=1)
    year = [size[start : start + 252].mean() for start in range(0, len(size) - 251, 252)]
    assert max(year) > 1.5 * min(year)


@pytest.fixture(scope="module")
def outcomes():
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return list(pool.map(calibration.simulate, range(1, MARKETS + 1)))


@pytest.mark.slow
def test_the_size_of_every_declared_test(outcomes):
    limit = SIZE + 2 * np.sqrt(SIZE * (1 - SIZE) / MARKETS)
    splits = [f"split by {regime.name}" for regime in REGIMES if not regime.untested]
    for test in (*(f"{horizon} sessions" for horizon in TESTED), *splits):
        for side in (0, 1):
            share = np.mean([outcome.smallest[test][side] < SIZE for outcome in outcomes])
            assert share <= limit, (test, side, share)


@pytest.mark.slow
def test_an_effect_of_three_points_in_a_month_is_found_in_most_markets_and_one_of_five_nearly_always(outcomes):
    found = np.array([[outcome.found[name] for name in calibration.FORMS] for outcome in outcomes]).mean(axis=0)
    assert found[:, calibration.EFFECTS.index(0.03)].mean() > 0.5
    assert found[:, calibration.EFFECTS.index(0.05)].min() > 0.8
