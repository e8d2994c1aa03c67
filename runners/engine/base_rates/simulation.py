"""General forms of readings, launched for every group at every session as if its leader had fallen on that day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.histories import Histories
from reports.records.result import HORIZONS
from runners.engine.base_rates.shocks import NO_LEADER, GroupRoles
from runners.engine.comparators import excess_log_returns, excess_over, log_wealth
from runners.engine.study import Study
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import NEVER, Scenarios, TradingConditions
from strategies.base.basket import Basket
from strategies.base.general_form import OnLeader, RoleWeights
from strategies.generic.fixed_weights import FixedWeights


@dataclass(frozen=True)
class RuleOnLeader:
    """The study of a reading whose rule is run on the leader."""

    study: Study
    form: OnLeader

    @property
    def other_symbols(self) -> tuple[str, ...]:
        """Symbols that the study needs besides the leader."""
        own = self.study.all_parameters[self.form.parameter]
        return tuple(symbol for symbol in self.study.required_symbols if symbol != own)


Form = RoleWeights | RuleOnLeader


@dataclass(frozen=True, eq=False)
class LaunchPlan:
    """What all launches share.

    `lead` counts the sessions from a shock to the entry. `comparators` hold, by name, the log wealth of one USD in the
    comparator at HORIZONS after an entry at each session, shape (n_sessions, n_horizons).
    """

    histories: Histories
    market: str
    conditions: TradingConditions
    lead: int
    comparators: Mapping[str, np.ndarray]

    def held(self, sessions: int) -> LaunchPlan:
        """The plan with another holding period."""
        return replace(self, conditions=replace(self.conditions, hold=sessions))

    def restricted(self, symbols: Iterable[str]) -> LaunchPlan:
        """The plan with the prices of `symbols` and of the market alone."""
        return replace(self, histories=self.histories.restricted((*symbols, self.market)))


def plan_launches(histories: Histories, market: str, conditions: TradingConditions) -> LaunchPlan:
    """The plan, with the comparators simulated at every session. The market's prices must reach to the end."""
    prices = histories.common((market,))
    first = max(1, int(prices.listed[0]) + 1)
    entries = np.arange(first, len(prices.sessions))
    scenarios = replace(conditions.at(entries, prices, {"names": (market,)}), rebalance=np.full(len(entries), NEVER))
    comparators = {}
    for name, weight in (("cash", 0.0), ("market", 1.0)):
        batch = run_batch(Basket, prices, scenarios.with_parameters({"weight": weight}), curves=False)
        values = np.full((len(histories.sessions), len(HORIZONS)), np.nan)
        values[entries] = log_wealth(batch)[:, : len(HORIZONS)]
        comparators[name] = values
    return LaunchPlan(histories, market, conditions, conditions.shock_lead, comparators)


def launch_everywhere(plan: LaunchPlan, forms: Mapping[str, Form], roles: GroupRoles) -> np.ndarray:
    """Excess return of each form, launched after each session as if the group's leader had fallen on it.

    `forms` maps names of readings to their forms. Shape (n_sessions, n_forms, n_horizons); fractions, -1
    after ruin, NaN where the group has no leader, or prices of one of its members end before the horizon.
    """
    excess = np.full((len(roles.leader), len(forms), len(HORIZONS)), np.nan)
    for index, form in enumerate(forms.values()):
        for rows, values in _launches(plan, form, roles):
            excess[rows, index] = np.expm1(values)
    return excess


def _launches(plan: LaunchPlan, form: Form, roles: GroupRoles) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of shocks with the excess log returns of one form after them."""
    return _by_weights(plan, form, roles) if isinstance(form, RoleWeights) else _on_leader(plan, form, roles)


def launchable_rows(plan: LaunchPlan, roles: GroupRoles, last: int) -> np.ndarray:
    """Rows of sessions with a leader whose entry lies after the market's first close and by row `last`."""
    rows = np.flatnonzero(roles.leader != NO_LEADER)
    entries = rows + plan.lead
    begun = entries > plan.histories.prices.listed[plan.histories.prices.columns[plan.market]]
    return np.asarray(rows[begun & (entries <= last)])


def _on_leader(plan: LaunchPlan, form: RuleOnLeader, roles: GroupRoles) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The reading itself on the leader of each session."""
    for column, symbol in enumerate(roles.symbols):
        study = form.study.with_parameters({form.form.parameter: symbol})
        prices = plan.histories.common(study.required_symbols)
        rows = launchable_rows(plan, roles, len(prices.sessions) - 1)
        rows = rows[roles.leader[rows] == column]
        rows = rows[rows + plan.lead >= _first_entry(study, prices.listed)]
        if len(rows):
            values = excess_log_returns(study, prices, rows + plan.lead, plan.conditions)
            yield rows, values[:, : len(HORIZONS)]


def _first_entry(study: Study, listed: np.ndarray) -> int:
    """The first row at which a study of symbols listed at the rows `listed` may enter."""
    return int(max(listed)) + study.required_closes


def _by_weights(plan: LaunchPlan, form: RoleWeights, roles: GroupRoles) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Constant weights of members and market; sessions whose members end together are simulated together."""
    rows = launchable_rows(plan, roles, len(plan.histories.sessions) - 1)
    held = form_weights(form, roles, rows)
    ends = np.array([plan.histories.last_row(symbol) for symbol in roles.symbols])
    final = np.where(held[:, :-1] != 0, ends, plan.histories.last_row(plan.market)).min(axis=1)
    for end in np.unique(final).tolist():
        together = (final == end) & (rows + plan.lead <= end)
        if together.any():
            yield rows[together], _simulate_weights(plan, form, roles, rows[together], held[together])


def form_weights(form: RoleWeights, roles: GroupRoles, rows: np.ndarray) -> np.ndarray:
    """Weights of the group's symbols and, last, of the market for shocks at `rows`, shape (n, n_symbols + 1)."""
    ranks, counts = roles.ranks[rows], roles.counts[rows][:, None]
    is_member = ranks < counts
    lower = np.maximum(1, (counts - 1) // 2)
    legs = (
        (ranks == 0, 1, form.leader),
        (is_member & (ranks > 0), counts - 1, form.challengers),
        (is_member & (ranks >= counts - lower), lower, form.lower),
        (is_member, counts, form.group),
    )
    members = sum(np.where(holds, weight / size, 0.0) for holds, size, weight in legs)
    return np.column_stack((members, np.full(len(rows), form.market)))


def _simulate_weights(
    plan: LaunchPlan, form: RoleWeights, roles: GroupRoles, rows: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Excess log returns at HORIZONS of constant weights, shape (n, n_horizons)."""
    traded = np.flatnonzero((held != 0).any(axis=0))
    names = tuple((*roles.symbols, plan.market)[column] for column in traded.tolist())
    distinct, setting = np.unique(held[:, traded], axis=0, return_inverse=True)
    entries = rows + plan.lead
    prices = plan.histories.common(names)
    parameters = [{"names": names, "shares": tuple(weights)} for weights in distinct.tolist()]
    scenarios: Scenarios = plan.conditions.at(entries, prices, parameters[0])
    scenarios = replace(scenarios, setting=setting.ravel(), parameters=tuple(parameters))
    wealth = log_wealth(run_batch(FixedWeights, prices, scenarios, curves=False))[:, : len(HORIZONS)]
    return excess_over(wealth, plan.comparators[form.against][entries])
