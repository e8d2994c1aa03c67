"""The class of comparable shocks, and roles that are known from the past only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import calendar
from data.errors import RequestError
from data.histories import Histories
from data.peer_groups import PeerGroup
from data.prices import Prices
from runners.engine.base_rates.shocks import NO_LEADER, ShockClass, find_shocks, group_roles

GROUP = PeerGroup("trio", "three stocks", ("A", "B", "C"))
N = 420
FALL = 300  # row of the shock
SYMBOLS = ("SPY", "A", "B", "C")
DECLARED = ShockClass()


def histories(falls: Mapping[int, float], market: Mapping[int, float] = MappingProxyType({})) -> Histories:
    """Flat prices but for falls of A and of the market, by row; A trades most, then B."""
    returns = np.zeros((N, len(SYMBOLS)))
    for row, move in falls.items():
        returns[row, SYMBOLS.index("A")] = move
    for row, move in market.items():
        returns[row, 0] = move
    close = 100 * np.cumprod(1 + returns, axis=0)
    volume = np.tile(1000.0 / np.arange(1, len(SYMBOLS) + 1), (N, 1))
    sessions = calendar.xnys()[5000 : 5000 + N]
    return Histories(Prices(sessions, SYMBOLS, close, close, close, close, volume, np.ones(close.shape)))


def changed(before: Histories, **fields: np.ndarray) -> Histories:
    return Histories(replace(before.prices, **fields))


def rows(found: Histories, wanted: ShockClass = DECLARED) -> list[int]:
    return [shock.row for shock in find_shocks(found, (group_roles(found, GROUP),), "SPY", wanted)]


def test_a_fall_of_the_leader_while_the_market_holds_is_a_shock():
    found = histories({FALL: -0.12}, market={FALL: -0.02})
    (shock,) = find_shocks(found, (group_roles(found, GROUP),), "SPY", ShockClass())
    assert (shock.row, shock.session, shock.group, shock.leader) == (FALL, found.sessions[FALL], "trio", "A")
    assert (shock.fall, shock.market) == pytest.approx((-0.12, -0.02))


@pytest.mark.parametrize(
    ("fall", "market", "wanted", "is_shock"),
    [
        (-0.0999, 0.0, ShockClass(), False),
        (-0.1001, 0.0, ShockClass(), True),
        (-0.25, 0.0, ShockClass(threshold=-0.25), True),  # 75 / 100 is exact: the threshold itself counts
        (-0.12, -0.0299, ShockClass(), True),
        (-0.12, -0.0301, ShockClass(), False),
        (-0.12, -0.25, ShockClass(market=-0.25), False),  # the market must be above its bound
        (-0.05, 0.0, ShockClass(threshold=-0.04), True),
    ],
)
def test_the_bounds_of_the_class(fall, market, wanted, is_shock):
    assert bool(rows(histories({FALL: fall}, market={FALL: market}), wanted)) is is_shock


def test_a_fall_of_another_member_is_no_shock():
    found = histories({})
    close = found.prices.close.copy()
    close[FALL:, 2] *= 0.8  # B
    assert rows(changed(found, close=close, open=close, high=close, low=close)) == []


def test_payments_are_no_fall():
    found = histories({FALL: -0.2})
    factor = np.ones(found.prices.close.shape)
    factor[:FALL, 1] = 0.8  # the fall is a dividend
    assert rows(changed(found, factor=factor)) == []


def test_the_cool_down_is_counted_from_the_last_shock_and_not_from_the_last_fall():
    falls = dict.fromkeys((300, 359, 360, 419), -0.11)
    assert rows(histories(falls)) == [300, 360]  # 59 sessions are too few, 60 enough; 419 is 59 after 360
    assert rows(histories(falls), ShockClass(cool_down=59)) == [300, 359, 419]
    assert rows(histories(falls), ShockClass(cool_down=1)) == [300, 359, 360, 419]


def test_a_group_needs_three_members_with_a_year_of_closes():
    late = histories({FALL: -0.2}).prices
    close = late.close.copy()
    close[: FALL - 251, 3] = np.nan  # C has 251 closes before the shock
    fields = {name: np.where(np.isnan(close), np.nan, getattr(late, name)) for name in ("open", "high", "low", "close")}
    assert rows(Histories(replace(late, **fields))) == []
    close[FALL - 252, 3] = 100.0
    fields["close"] = close
    assert rows(Histories(replace(late, **fields))) == [FALL]


def test_a_member_that_does_not_trade_at_the_session_is_none():
    found = histories({FALL: -0.2})
    close = found.prices.close.copy()
    close[FALL:, 3] = np.nan
    assert rows(changed(found, close=close)) == []


def test_members_without_prices_are_passed_over():
    group = replace(GROUP, members=("X", "A", "B", "C"))
    roles = group_roles(histories({}), group)
    assert roles.symbols == ("A", "B", "C") and roles.leader[FALL] == 0
    assert (group_roles(histories({}), replace(GROUP, members=("X", "Y", "Z"))).leader == NO_LEADER).all()


def test_the_leader_is_the_member_with_the_highest_median_dollar_volume_of_the_63_sessions_before():
    found = histories({})
    volume = found.prices.volume.copy()
    volume[FALL - 31 : FALL, 2] = 1e9  # B, on 31 of 63 sessions: less than half
    assert group_roles(changed(found, volume=volume), GROUP).leader[FALL] == 0
    volume[FALL - 32, 2] = 1e9
    assert group_roles(changed(found, volume=volume), GROUP).leader[FALL] == 1


def test_a_member_needs_40_known_volumes():
    found = histories({})
    volume = found.prices.volume.copy()
    volume[FALL - 63 : FALL - 40, 1] = np.nan
    assert group_roles(changed(found, volume=volume), GROUP).leader[FALL] == 0
    volume[FALL - 40, 1] = np.nan
    assert group_roles(changed(found, volume=volume), GROUP).leader[FALL] == NO_LEADER


def test_of_equal_volumes_the_first_in_the_file_leads():
    found = histories({})
    roles = group_roles(changed(found, volume=np.full(found.prices.volume.shape, 7.0)), GROUP)
    assert roles.leader[FALL] == 0 and roles.ranks[FALL].tolist() == [0, 1, 2]


def test_shocks_of_several_groups_are_in_order_of_date_then_of_groups():
    found = histories({FALL: -0.2, 380: -0.2})
    groups = (GROUP, replace(GROUP, name="again"))
    shocks = find_shocks(found, tuple(group_roles(found, group) for group in groups), "SPY", ShockClass())
    assert [(shock.row, shock.group) for shock in shocks] == [
        (FALL, "trio"),
        (FALL, "again"),
        (380, "trio"),
        (380, "again"),
    ]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(260, N - 1))
def test_roles_and_shocks_do_not_depend_on_what_comes_after(seed, today):
    rng = np.random.default_rng(seed)
    found = histories(dict.fromkeys(rng.integers(253, N, 4).tolist(), -0.2))
    volume = found.prices.volume * np.exp(rng.normal(0, 1, found.prices.volume.shape))
    found = changed(found, volume=volume)
    close, session = found.prices.close, np.indices(volume.shape)[0]
    other_close = np.where(session > today, close * rng.uniform(0.5, 2, close.shape), close)
    other_close[(session > today) & (rng.random(close.shape) < 0.1)] = np.nan
    # The volume of today is not known at the close before it, either.
    other_volume = np.where(session >= today, rng.uniform(1, 1e6, volume.shape), volume)
    altered = changed(found, close=other_close, volume=other_volume)
    before, then = group_roles(found, GROUP), group_roles(altered, GROUP)
    known = slice(0, today + 1)
    assert np.array_equal(before.leader[known], then.leader[known])
    assert np.array_equal(before.ranks[known], then.ranks[known])
    assert np.array_equal(before.counts[known], then.counts[known])
    assert [row for row in rows(found) if row <= today] == [row for row in rows(altered) if row <= today]


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"threshold": 0.1}, "--threshold is 0.1; give a fall between -1 and 0"),
        ({"threshold": 0.0}, "--threshold is 0; give a fall"),
        ({"threshold": -1.0}, "--threshold is -1; give a fall"),
        ({"threshold": float("nan")}, "--threshold is nan; give a fall"),
        ({"market": -3.0}, "--market is -3; give a return between -1 and 1"),
        ({"market": float("inf")}, "--market is inf; give a return"),
        ({"cool_down": 0}, "--cool-down is 0; give 1 session or more"),
    ],
)
def test_a_class_that_describes_no_shock_is_refused(bounds, message):
    with pytest.raises(RequestError, match=message):
        ShockClass(**bounds)
