"""Base rates of long histories: the engine against stock Backtrader, and against a loop in plain pandas.

Stock Backtrader neither earns nor pays interest, and neither do ours where they are compared with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
from batches import CENT, Seconds
from peers import stock
from peers.windows import CAPITAL

import strategies
from data.events.catalog import load_event
from data.histories import Histories
from data.loading import load_histories
from data.peer_groups import bundled_groups
from reports.records.result import HORIZONS
from reports.statistics.pooled import TESTED
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates.shocks import GroupRoles, ShockClass, find_shocks, group_roles
from runners.engine.base_rates.simulation import LaunchPlan, form_weights, launch_everywhere, plan_launches
from runners.engine.base_rates.study import MARKET, BaseRateRequest, studies_with_general_form
from runners.engine.request import PriceWindow
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.general_form import RoleWeights
from strategies.generic.fixed_weights import FixedWeights
from tests.resources import base_rates_pandas

HOLD = max(TESTED)  # of the launches that serve the test
LAUNCHES = 30  # in stock Backtrader
READING = "gpu_bubble"
COSTS = Frictions(borrow_rate=0, cash_rate=0)
Launch = tuple[int, int]  # place of the group, row of the shock


def class_request(folder: Path) -> BaseRateRequest:
    """The declared class, for every reading with a general form."""
    event = load_event("deepseek")
    return BaseRateRequest(studies_with_general_form(event), event, PriceWindow(str(folder), "2000-01-01"))


def histories_and_roles(folder: Path) -> tuple[Histories, list[GroupRoles]]:
    histories = load_histories(class_request(folder).symbols, source=str(folder))
    return histories, [group_roles(histories, group) for group in bundled_groups()]


def against_stock(folder: Path) -> tuple[float, Seconds]:
    """One form after every session of every group: our seconds a launch, and those of a sample in stock Backtrader."""
    histories, roles = histories_and_roles(folder)
    plan = plan_launches(histories, MARKET, TradingConditions(hold=HOLD, frictions=COSTS))
    form = general_forms([READING])[READING]
    began = perf_counter()
    excess = np.array([launch_everywhere(plan, {READING: form}, each)[:, 0] for each in roles])
    seconds = perf_counter() - began
    ended = excess[..., HORIZONS.index(HOLD)]
    launches = np.argwhere(~np.isnan(ended))
    chosen = launches[np.linspace(0, len(launches) - 1, LAUNCHES).astype(int)].tolist()
    peers = [stock_launch(plan, form, roles[group], row, float(ended[group, row])) for group, row in chosen]
    return seconds / len(launches), peers


def stock_launch(plan: LaunchPlan, form: RoleWeights, roles: GroupRoles, row: int, excess: float) -> float:
    """Seconds of one launch in stock Backtrader; its account, which holds `excess` over the capital, must be equal."""
    held = dict(zip((*roles.symbols, MARKET), form_weights(form, roles, np.array([row]))[0].tolist(), strict=True))
    weights = {symbol: weight for symbol, weight in held.items() if weight}
    prices = plan.histories.common(weights)
    prices = prices.rows(0, row + plan.lead + HOLD)  # up to the close of the last session held
    entry = prices.sessions[row + plan.lead]
    bars = stock.frames(FixedWeights, prices, entry, HOLD)
    parameters = {"names": tuple(weights), "shares": tuple(weights.values())}
    result = stock.run(FixedWeights, bars, entry, HOLD, COSTS, **parameters)
    if not result.refused and abs(result.terminal - (1 + excess) * CAPITAL) > CENT:
        raise AssertionError(
            f"{roles.group.name} from {entry:%Y-%m-%d}: {(1 + excess) * CAPITAL:.2f} USD in the batch, "
            f"{result.terminal:.2f} in stock Backtrader"
        )
    return result.seconds


def against_pandas(folder: Path, rounds: int = 3) -> tuple[Seconds, Seconds]:
    """Means of five readings after all shocks, by the engine and by the recipe in plain pandas, in turn."""
    histories, roles = histories_and_roles(folder)
    shocks = find_shocks(histories, roles, MARKET, ShockClass())
    rows = {each: np.array([shock.row for shock in shocks if shock.group == each.group.name], int) for each in roles}
    history = base_rates_pandas.read_history(folder)
    events = base_rates_pandas.find_events(history)
    ours, peers = [], []
    for _ in range(rounds):
        began = perf_counter()
        means = pooled_means(histories, rows)
        ours.append(perf_counter() - began)
        began = perf_counter()
        expected = np.nanmean(base_rates_pandas.outcomes(history, events), axis=0)
        peers.append(perf_counter() - began)
        np.testing.assert_allclose(means, expected, rtol=0, atol=1e-9)
    return ours, peers


def pooled_means(histories: Histories, rows: Mapping[GroupRoles, np.ndarray]) -> np.ndarray:
    """Mean excess returns after shocks at the given rows of each group, shape (n_readings, n_horizons)."""
    plan = plan_launches(histories, MARKET, TradingConditions(hold=max(HORIZONS)))
    forms = general_forms(base_rates_pandas.READINGS)
    excess = [launch_everywhere(plan, forms, each.only(at))[at] for each, at in rows.items()]
    return np.nanmean(np.concatenate(excess), axis=0)


def general_forms(names: list[str] | tuple[str, ...]) -> dict[str, RoleWeights]:
    return {name: strategies.load(name).general_form for name in names}
