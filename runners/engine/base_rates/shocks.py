"""The class of comparable shocks: falls of the leader of a peer group while the market holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from data.errors import RequestError
from data.histories import Histories
from data.peer_groups import LEAST_MEMBERS, PeerGroup

VOLUME_SESSIONS = 63  # sessions of the median dollar volume, those before the shock
LEAST_VOLUMES = 40  # known dollar volumes among them
LEAST_CLOSES = 252  # before the shock, of a member
NO_LEADER = -1


@dataclass(frozen=True)
class ShockClass:
    """What counts as a comparable shock.

    The leader's total return of the session is `threshold` or less, while the market's is above `market`; since the
    group's last shock at least `cool_down` sessions have passed. Returns are fractions. Raises RequestError for values
    that describe no such shock.
    """

    threshold: float = -0.10
    market: float = -0.03
    cool_down: int = 60

    def __post_init__(self) -> None:
        if not -1 < self.threshold < 0:
            raise RequestError(f"--threshold is {self.threshold:g}; give a fall between -1 and 0, such as -0.1")
        if not -1 < self.market < 1:
            raise RequestError(f"--market is {self.market:g}; give a return between -1 and 1, such as -0.03 for -3 %")
        if self.cool_down < 1:
            raise RequestError(f"--cool-down is {self.cool_down}; give 1 session or more")


@dataclass(frozen=True)
class Shock:
    """One event: its session, the group, its leader, and the total returns of leader and market (fractions)."""

    session: pd.Timestamp
    row: int
    group: str
    leader: str
    fall: float
    market: float


@dataclass(frozen=True, eq=False)
class GroupRoles:
    """The roles of a group's members at every session, from what was known at the close before it.

    `symbols` are the members with prices. `volumes`, shape (n_sessions, n_symbols), are median dollar volumes, NaN
    where a symbol is no member (too short a history, or no price at the session). `leader`, shape (n_sessions,), is the
    column of the leader, NO_LEADER where the group has too few members.
    """

    group: PeerGroup
    symbols: tuple[str, ...]
    volumes: np.ndarray
    leader: np.ndarray

    def only(self, rows: np.ndarray) -> GroupRoles:
        """The roles with a leader at those sessions alone."""
        leader = np.full(len(self.leader), NO_LEADER)
        leader[rows] = self.leader[rows]
        return replace(self, leader=leader)

    @property
    def has_leaders(self) -> bool:
        """Whether the group has enough members at any session."""
        return bool((self.leader != NO_LEADER).any())

    @cached_property
    def counts(self) -> np.ndarray:
        """Number of members at every session, shape (n_sessions,)."""
        return np.asarray((~np.isnan(self.volumes)).sum(axis=1))

    @cached_property
    def ranks(self) -> np.ndarray:
        """Rank of each symbol by dollar volume, 0 for the leader, shape (n_sessions, n_symbols); members come first."""
        order = np.argsort(np.where(np.isnan(self.volumes), np.inf, -self.volumes), axis=1, kind="stable")
        return np.argsort(order, axis=1, kind="stable")


def group_roles(histories: Histories, group: PeerGroup) -> GroupRoles:
    """The roles of the members of a group that have prices."""
    symbols = tuple(symbol for symbol in group.members if symbol in histories.prices.columns)
    columns = [histories.prices.columns[symbol] for symbol in symbols]
    close, volume = histories.prices.close[:, columns], histories.prices.volume[:, columns]
    traded = pd.DataFrame(close * volume).rolling(VOLUME_SESSIONS, min_periods=LEAST_VOLUMES).median().shift(1)
    closes_before = np.cumsum(~np.isnan(close), axis=0) - ~np.isnan(close)
    is_member = (closes_before >= LEAST_CLOSES) & ~np.isnan(close)
    volumes = np.where(is_member, traded.to_numpy(), np.nan)
    enough = (~np.isnan(volumes)).sum(axis=1) >= LEAST_MEMBERS
    largest = np.where(np.isnan(volumes), -1.0, volumes).argmax(axis=1) if symbols else np.zeros(len(close), dtype=int)
    return GroupRoles(group, symbols, volumes, np.where(enough, largest, NO_LEADER))


def find_shocks(
    histories: Histories, roles: Sequence[GroupRoles], market: str, settings: ShockClass
) -> tuple[Shock, ...]:
    """All shocks of all groups by date, then by the order of the groups. A session may have several."""
    returns, columns = histories.total_returns(), histories.prices.columns
    of_market = returns[:, columns[market]]
    shocks = []
    for each in roles:
        members = returns[:, [columns[symbol] for symbol in each.symbols]]
        falls = np.where(each.leader == NO_LEADER, np.nan, np.take_along_axis(members, each.leader[:, None], 1)[:, 0])
        latest = -settings.cool_down
        for row in np.flatnonzero((falls <= settings.threshold) & (of_market > settings.market)).tolist():
            if row - latest >= settings.cool_down:
                latest = row
                leader = each.symbols[each.leader[row]]
                session = histories.sessions[row]
                shocks.append(Shock(session, row, each.group.name, leader, float(falls[row]), float(of_market[row])))
    return tuple(sorted(shocks, key=lambda shock: shock.row))
