"""Comparators of studies, and excess log returns over them.

Everything is computed for n scenarios at once; a single run is n = 1. Functions that return wealth curves take the
simulator as an argument: the batch simulator or Backtrader, which differ by rounding (relative 1e-15).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from data import calendar
from data.errors import RequestError
from data.prices import Prices
from runners.engine.backtest.cerebro import CAPITAL
from runners.engine.execution.executor import Executor, Serial
from runners.engine.parameters import Parameters
from runners.engine.study import Study
from runners.engine.vectorized.batch import Batch, run_batch
from runners.engine.vectorized.scenarios import NEVER, Scenarios, TradingConditions
from strategies.base.basket import Basket
from strategies.base.comparator import BetaMatched, Cash, Comparator, EqualWeight, Fund, Variants
from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading


class Simulate(Protocol):
    """Simulates a strategy in every scenario, as `run_batch` and `run_each` do."""

    def __call__(self, strategy: type[Any], prices: Prices, scenarios: Scenarios, curves: bool = True, /) -> Batch: ...


@dataclass(frozen=True, eq=False)
class Holding:
    """A strategy whose wealth is that of a comparator, with its symbols and scenarios."""

    strategy: type[Reading]
    symbols: tuple[str, ...]
    scenarios: Scenarios

    def simulated(self, prices: Prices, simulate: Simulate, curves: bool) -> tuple[Batch, np.ndarray]:
        """Results of the distinct scenarios, and the row of each scenario among them, shape (n,)."""
        first, row = _distinct(self.scenarios, "entry", "shock", "hold", "rebalance", "cost", "setting")
        return simulate(self.strategy, prices.select(self.symbols), self.scenarios.take(first), curves), row


def comparator_name(comparator: Comparator) -> str:
    """Name of a comparator for people."""
    match comparator:
        case Cash():
            return "the idle account"
        case Fund(symbol):
            return f"{symbol}, bought and held"
        case BetaMatched(symbol):
            return f"{symbol} and cash mixed at the rule's own earlier beta"
        case EqualWeight(name=name) | Variants(name=name):
            return name


def excess_log_returns(
    study: Study, prices: Prices, entries: np.ndarray, conditions: TradingConditions, executor: Executor = Serial()
) -> np.ndarray:
    """Excess log return d over the comparator, for an entry at each of the rows `entries` of `prices`.

    Shape (n_entries, n_horizons + 1): at HORIZONS and at the end, which is the session of the closing fills or the last
    session of the prices. NaN where the holding period or the prices end before a horizon, -inf after ruin, inf if only
    the comparator is ruined. Raises RequestError if the study or its comparator has too few closes before an entry.
    """
    for row in entries[entries < study.required_closes][:1]:
        raise RequestError(f"{study.name} needs {study.required_closes} closes before its entry; row {row} has fewer")
    scenarios = conditions.at(entries, prices, study.parameters)
    batch = run_batch(study.strategy, prices.select(study.symbols), scenarios, curves=False, executor=executor)
    return excess_over(log_wealth(batch), comparator_log_wealth(study, prices, scenarios))


def comparator_log_wealth(study: Study, prices: Prices, scenarios: Scenarios) -> np.ndarray:
    """Log wealth of one USD in the comparator, at HORIZONS and at the end, shape (n, n_horizons + 1).

    NaN where the hold or the prices end before a horizon; -inf after ruin. Raises RequestError where a fund does not
    trade yet at the first decision.
    """
    values = []
    for holding in _holdings(study, prices, scenarios, run_batch):
        batch, row = holding.simulated(prices, run_batch, False)
        values.append(log_wealth(batch)[row])
    return np.asarray(np.max(values, axis=0))


def comparator_wealth(study: Study, prices: Prices, scenarios: Scenarios, simulate: Simulate) -> np.ndarray:
    """Wealth of one USD in the comparator at every close from the one before the entry, shape (n, longest + 1).

    NaN after a scenario's end.
    """
    values = []
    for holding in _holdings(study, prices, scenarios, simulate):
        batch, row = holding.simulated(prices, simulate, True)
        values.append(batch.curves[row] / CAPITAL)
    return np.asarray(np.max(values, axis=0))


def _holdings(study: Study, prices: Prices, scenarios: Scenarios, simulate: Simulate) -> list[Holding]:
    """Holdings to simulate for the comparator, whose wealth is the maximum of theirs."""
    require_listed(study, prices, scenarios)
    held = replace(scenarios, rebalance=np.full(len(scenarios), NEVER))
    match study.comparator:
        case Cash():
            return [_basket(study.symbols[:1], held, [{"weight": 0.0}])]  # which symbol it does not hold is immaterial
        case Fund(symbol):
            return [_basket((symbol,), held, [{}])]
        case EqualWeight(symbols, _, closes):
            return [_basket(symbols, scenarios, [{"closes": closes}])]
        case BetaMatched(symbol, sessions):
            betas = np.clip(earlier_betas(study, prices, scenarios, symbol, sessions, simulate), 0.0, 1.0)
            weights, setting = np.unique(betas, return_inverse=True)
            return [_basket((symbol,), scenarios, [{"weight": float(weight)} for weight in weights], setting)]
        case Variants(variants):
            return [Holding(study.strategy, study.symbols, scenarios.with_parameters(variant)) for variant in variants]


def earlier_betas(
    study: Study, prices: Prices, scenarios: Scenarios, symbol: str, sessions: int, simulate: Simulate = run_batch
) -> np.ndarray:
    """OLS beta of the rule's daily returns to the fund's over the `sessions` before each entry, shape (n,).

    The rule is entered that many sessions earlier, or as soon as it has enough history, SHOCK_BEFORE_ENTRY sessions
    after its shock.
    """
    first, row = _distinct(scenarios, "entry", "rebalance", "cost", "setting")
    distinct = scenarios.take(first)
    entries = prices.days.searchsorted(distinct.entry)
    starts = np.maximum(entries - sessions, study.history)
    days = prices.days[starts]
    shocks = calendar.xnys_days()[calendar.xnys_days().searchsorted(days) - SHOCK_BEFORE_ENTRY]
    earlier = replace(distinct, entry=days, shock=shocks, hold=entries - starts)
    curves = simulate(study.strategy, prices.select(study.symbols), earlier, True).curves
    fund = prices.select((symbol,)).rebased(0).close[:, 0]
    slopes = [
        slope(curve[: entry - start + 1], fund[start - 1 : entry])
        for curve, start, entry in zip(curves, starts.tolist(), entries.tolist(), strict=True)
    ]
    return np.asarray(np.array(slopes)[row])


def slope(wealth: np.ndarray, fund: np.ndarray) -> float:
    """Least-squares slope of the daily returns of `wealth` on those of `fund`, both of shape (n_sessions + 1,)."""
    returns, market = wealth[1:] / wealth[:-1] - 1, fund[1:] / fund[:-1] - 1
    centred = market - market.mean()
    return float(np.dot(centred, returns) / np.dot(centred, centred))


def require_listed(study: Study, prices: Prices, scenarios: Scenarios) -> None:
    """Raise RequestError unless the comparator's fund has a close before each entry."""
    if not isinstance(study.comparator, Fund | BetaMatched):
        return
    symbol = study.comparator.symbol
    listed = int(prices.listed[prices.columns[symbol]])
    starts = prices.days.searchsorted(scenarios.entry) - 1
    for start in starts[starts < listed][:1]:
        raise RequestError(
            f"{study.name} is compared with {symbol}, which has no close on {prices.days[start]}; "
            f"enter later or load earlier prices"
        )


def excess_over(study: np.ndarray, comparator: np.ndarray) -> np.ndarray:
    """Log wealth of the study less that of the comparator, of broadcastable shapes; -inf after the study's ruin."""
    return np.asarray(np.subtract(study, comparator, out=np.full(study.shape, -np.inf), where=~np.isneginf(study)))


def log_wealth(batch: Batch) -> np.ndarray:
    """Log wealth of one USD at HORIZONS and at the end, shape (n, n_horizons + 1); -inf after ruin."""
    return log_or_ruin(np.column_stack((1 + batch.horizons, batch.terminal / CAPITAL)))


def log_or_ruin(wealth: np.ndarray | float) -> np.ndarray:
    """Logarithm of wealth; -inf where it is zero or negative."""
    values = np.asarray(wealth)
    return np.asarray(np.log(values, out=np.full(values.shape, -np.inf), where=~(values <= 0)))


def _basket(
    symbols: tuple[str, ...],
    scenarios: Scenarios,
    settings: list[dict[str, object]],
    setting: np.ndarray | None = None,
) -> Holding:
    """A basket of `symbols`; `setting` indexes the parameters in `settings` of each scenario (default: the first)."""
    index = np.zeros(len(scenarios), dtype=int) if setting is None else setting
    parameters = tuple(Parameters({"names": symbols, **each}) for each in settings)
    # A basket ignores the shock: scenarios that differ only in it are one.
    return Holding(Basket, symbols, replace(scenarios, shock=scenarios.entry, setting=index, parameters=parameters))


def _distinct(scenarios: Scenarios, *names: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of scenarios with distinct values in these columns, and the index of each scenario among them."""
    rows = np.column_stack([getattr(scenarios, name).astype(np.int64) for name in names])
    _, first, row = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, row.ravel()
