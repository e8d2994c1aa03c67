"""All launches of a base-rate study: every form, after every session, for every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.errors import RequestError
from data.histories import Histories
from data.peer_groups import LEAST_MEMBERS, PeerGroup
from reports.records.result import HORIZONS
from reports.statistics.pooled import TESTED, Calendar, ShiftRange
from runners.engine.base_rates.shocks import (
    LEAST_CLOSES,
    GroupRoles,
    Shock,
    ShockClass,
    find_shocks,
    group_roles,
)
from runners.engine.base_rates.simulation import Form, LaunchPlan, RuleOnLeader, launch_everywhere, plan_launches
from runners.engine.execution.executor import Executor, Progress
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.general_form import OnLeader, RoleWeights


@dataclass(frozen=True, eq=False)
class Launches:
    """The shocks, and the excess returns of all launches.

    `excess`, shape (n_groups, n_sessions, n_readings, n_horizons), holds fractions, NaN where there is no result, and
    at sessions without a shock beyond the tested horizons;
    `names` are those of the readings, and `lead` counts the sessions from a shock to the entry.
    """

    roles: tuple[GroupRoles, ...]
    shocks: tuple[Shock, ...]
    names: tuple[str, ...]
    excess: np.ndarray
    lead: int

    @property
    def calendar(self) -> Calendar:
        """The shocks as a calendar of events."""
        groups = {each.group.name: index for index, each in enumerate(self.roles)}
        return Calendar(
            np.array([groups[shock.group] for shock in self.shocks]),
            np.array([shock.row for shock in self.shocks]),
            np.array([shock.session.year * 4 + shock.session.quarter for shock in self.shocks]),
        )

    @property
    def at_shocks(self) -> np.ndarray:
        """The excess returns after the shocks, shape (n_shocks, n_readings, n_horizons)."""
        calendar = self.calendar
        return np.asarray(self.excess[calendar.groups, calendar.rows])

    def usable(self, horizon: int) -> ShiftRange:
        """From the first session with a result in any group to the last that leaves room for the holding period."""
        values = self.excess[..., HORIZONS.index(horizon)]
        known = np.flatnonzero(~np.isnan(values).all(axis=(0, 2)))
        first, last = (int(known[0]), int(known[-1])) if len(known) else (0, 0)
        return ShiftRange(first, last, horizon + self.lead)


@dataclass(frozen=True, eq=False)
class GroupTask:
    """The launches of one group, with its own prices; `shocks` are the rows of its shocks."""

    plan: LaunchPlan
    roles: GroupRoles
    shocks: np.ndarray

    def __str__(self) -> str:
        return self.roles.group.name


def launch_all(
    histories: Histories,
    groups: Sequence[PeerGroup],
    market: str,
    settings: ShockClass,
    forms: Mapping[str, Form],
    conditions: TradingConditions,
    executor: Executor,
    done: Progress,
) -> Launches:
    """Find the shocks, and launch every form at every session of every group.

    Raises RequestError where no group has a leader, or there is no shock.
    """
    roles = tuple(each for group in groups if (each := group_roles(histories, group)).has_leaders)
    if not roles:
        raise RequestError(
            f"{histories.prices.origin} has no peer group with {LEAST_MEMBERS} members with prices and volumes for "
            f"{LEAST_CLOSES} trading days{missing_words(histories)}; load more symbols or earlier prices"
        )
    shocks = find_shocks(histories, roles, market, settings)
    if not shocks:
        raise RequestError(
            f"no comparable shock in {histories.prices.origin}, {histories.sessions[0]:%Y-%m-%d} to "
            f"{histories.sessions[-1]:%Y-%m-%d}: load earlier prices or more symbols, or raise --threshold"
        )
    plan = plan_launches(histories, market, conditions)
    others = [symbol for form in forms.values() if isinstance(form, RuleOnLeader) for symbol in form.other_symbols]
    rows = {
        each.group.name: np.array([shock.row for shock in shocks if shock.group == each.group.name], dtype=int)
        for each in roles
    }
    tasks = [GroupTask(plan.restricted((*each.symbols, *others)), each, rows[each.group.name]) for each in roles]
    excess = executor.map(launch_group, (forms,), tasks, done)
    return Launches(roles, shocks, tuple(forms), np.array(excess), conditions.shock_lead)


def missing_words(histories: Histories, most: int = 8) -> str:
    """The symbols without prices for an error, at most so many by name; empty if none is missing."""
    named, rest = histories.missing[:most], len(histories.missing) - most
    more = f" and {rest} more" if rest > 0 else ""
    return f" (no prices for {', '.join(named)}{more})" if named else ""


def launch_group(forms: Mapping[str, Form], task: GroupTask) -> np.ndarray:
    """All launches of one group, shape (n_sessions, n_readings, n_horizons).

    Sessions without a shock only serve the test, and are held no longer than its longest horizon.
    """
    excess = launch_everywhere(task.plan.held(max(TESTED)), forms, task.roles)
    excess[task.shocks] = launch_everywhere(task.plan, forms, task.roles.only(task.shocks))[task.shocks]
    return excess


def launch_form(study: Study) -> Form | None:
    """How a study is launched after a shock; None if it is not."""
    match study.general_form:
        case RoleWeights() as weights:
            return weights
        case OnLeader() as form:
            return RuleOnLeader(study, form)
        case _:
            return None
