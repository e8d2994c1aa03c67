"""Many scenarios of one strategy in a single call, equal to Backtrader to the cent.

Backtrader takes milliseconds for one scenario; placebo tests, sweeps and multiverses need hundreds of thousands. The
scenarios of a reading are simulated together (see VectorizedSimulator), with the memoised target weights of its own
rule (see MemoizedRule). Any other strategy runs in Backtrader, one scenario at a time, in worker processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import isfunction
from typing import Any

import backtrader as bt
import numpy as np

from data.errors import RequestError
from data.missing_prices import first_missing_price, missing_price_error
from data.prices import Prices
from runners.engine.backtest.cerebro import CAPITAL, run_backtest
from runners.engine.execution.executor import Executor, Progress, Serial, no_progress
from runners.engine.execution.processes import Processes
from runners.engine.isolation import as_if_alone
from runners.engine.study import declared_symbols
from runners.engine.vectorized.running_statistics import RunningStatistics
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from runners.engine.vectorized.simulator import FrictionArrays, PriceArrays, VectorizedSimulator
from runners.engine.vectorized.target_weights import MemoizedRule, MemoizedWeights, WeightRows
from strategies.base.reading import Reading

CHUNK = 8192  # scenarios simulated together: their arrays stay in the processor's cache

DECLARES = {"weights", "course", "refuted"}  # what a reading may override without changing when and how it trades


@dataclass(frozen=True, eq=False)
class Batch:
    """The results of n scenarios, in the order in which they were given.

    Arrays have shape (n,) unless stated otherwise. `sessions` counts sessions after the close before the entry;
    `terminal` is equity at the last one, in USD, net; `horizons` (n, len(HORIZONS)) net returns at the closes of
    HORIZONS, NaN where the hold or the prices end before; `sharpe` is mean over standard deviation of daily returns,
    annualised, NaN where undefined or ruined; `max_drawdown` a fraction, 0 or below (below -1 where ruin left a debt);
    `turnover` the USD traded both ways over the starting capital; `costs` commission and half-spread in USD; `exposure`
    the mean gross exposure at closes from the entry on.
    `ruined`: equity fell to zero or below and stayed there. `truncated`: the prices end before the hold does, positions
    are valued at the last close. `refused` counts orders of the window that were not filled: none for a reading.
    `equity` (n, longest + 1), if requested, begins at the close before the entry and is NaN after a scenario's end.
    """

    sessions: np.ndarray
    terminal: np.ndarray
    horizons: np.ndarray
    sharpe: np.ndarray
    max_drawdown: np.ndarray
    turnover: np.ndarray
    costs: np.ndarray
    exposure: np.ndarray
    ruined: np.ndarray
    truncated: np.ndarray
    refused: np.ndarray
    equity: np.ndarray | None = None

    @property
    def curves(self) -> np.ndarray:
        """`equity` of a batch that was run with curves."""
        if self.equity is None:
            raise AssertionError("the batch was run without curves")
        return self.equity


def run_batch(
    strategy: type[bt.Strategy],
    prices: Prices,
    scenarios: Scenarios,
    curves: bool = True,
    executor: Executor | None = None,
    done: Progress = no_progress,
) -> Batch:
    """Run every scenario of one strategy on `prices`.

    For a reading, equity equals that of Backtrader (`engine.backtest`) on every session to one cent on 1,000,000 USD.
    Any other strategy trades all symbols of `prices`, or those that its attribute `symbols` names, and goes through
    Backtrader on `executor` (by default worker processes); `done` receives each scenario. Without `curves`, memory does
    not grow with the length of the holds.

    Raises RequestError with the scenario and the field for an entry without prices or without enough history, and for
    an unknown parameter; also for a reading that changes when or how orders are sent, which only Backtrader can follow.
    Raises DataError with the scenario, the symbol and the session where a listed symbol has no price within its window.
    """
    if not issubclass(strategy, Reading):
        return _through_backtrader(strategy, prices, scenarios, curves, executor or Processes(), done)
    _require_plain_rule(strategy)
    with as_if_alone(strategy, is_pure=True):
        return _simulated(strategy, prices, scenarios, curves)


def _simulated(strategy: type[Reading], prices: Prices, scenarios: Scenarios, curves: bool) -> Batch:
    """The scenarios of a reading, simulated together."""
    rules = _rules(strategy, scenarios)
    market = PriceArrays(prices.select(rules[0].symbols))
    start = _starts(strategy, market, scenarios)
    frictions = FrictionArrays(scenarios.frictions, market)
    length = _lengths(market, scenarios, start)
    table, memoized, longest = WeightRows(market.adjusted), dict[int, MemoizedRule](), int(length.max())
    parts = []
    for indices in _chunks(scenarios.setting, length):
        chunk = scenarios.take(indices)
        settings = set(np.unique(chunk.setting).tolist())
        memoized = {
            setting: memoized.get(setting) or MemoizedRule(rules[setting], table, longest) for setting in settings
        }
        targets = MemoizedWeights(memoized, table, chunk.setting, start[indices], chunk.shock)
        simulator = VectorizedSimulator(market, frictions, targets, chunk, start[indices], length[indices])
        parts.append((indices, simulator.run(curves)))
    return _assembled(parts, len(scenarios))


def _require_plain_rule(reading: type[Reading]) -> None:
    bases = reading.__mro__[: reading.__mro__.index(Reading)]
    methods = {name for base in bases for name, value in vars(base).items() if isfunction(value)}
    if overridden := sorted(name for name in methods - DECLARES if hasattr(Reading, name)):
        raise RequestError(
            f"{reading.__name__} overrides {overridden[0]}, which changes when or how it trades, and only Backtrader "
            f"can follow; take it out, or derive from bt.Strategy"
        )


def _rules(reading: type[Reading], scenarios: Scenarios) -> list[Reading]:
    rules = []
    for setting, parameters in enumerate(scenarios.parameters):
        try:
            rules.append(reading.rule(**parameters))
        except ValueError as error:
            raise RequestError(f"{_first_with(scenarios, setting)}: parameters: {error}") from None
    if different := [index for index, rule in enumerate(rules) if tuple(rule.symbols) != tuple(rules[0].symbols)]:
        raise RequestError(
            f"{_first_with(scenarios, different[0])}: parameters: trades other symbols than the first scenario; "
            f"run scenarios with equal symbols together"
        )
    return rules


def _first_with(scenarios: Scenarios, setting: int) -> str:
    """The first scenario with this setting, for an error message."""
    indices = np.flatnonzero(scenarios.setting == setting)
    return f"scenario {indices[0] if len(indices) else '?'}"


def _starts(reading: type[Reading], market: PriceArrays, scenarios: Scenarios) -> np.ndarray:
    """Row of the close before each entry, shape (n,)."""
    start = market.rows(scenarios.entry) - 1
    least = max(reading.history, 1)
    days = market.prices.days
    for index in np.flatnonzero(start + 1 < least)[:1]:
        raise RequestError(
            f"scenario {index}: entry {scenarios.entry[index]} needs {least} earlier closes, and prices run "
            f"from {days[0]} to {days[-1]}; enter inside them, or load earlier prices"
        )
    return start


def _lengths(market: PriceArrays, scenarios: Scenarios, start: np.ndarray) -> np.ndarray:
    """Sessions of each scenario after the close before its entry; fewer than its hold where the prices end."""
    lags = np.array([frictions.lag for frictions in scenarios.frictions])[scenarios.cost]
    length: np.ndarray = np.minimum(scenarios.hold + lags, len(market.nights) - 1 - start)
    _require_prices(market, start, length)
    return length


def _require_prices(market: PriceArrays, start: np.ndarray, length: np.ndarray) -> None:
    """Raise DataError for the first scenario that reaches a missing price of a listed symbol."""
    last = start + length
    row = first_missing_price(market.prices, int(last.max()) + 1)
    if row is not None:
        index = int(np.argmax(last >= row))
        raise missing_price_error(market.prices, row, int(last[index]) + 1, f"scenario {index}: ")


def _chunks(setting: np.ndarray, length: np.ndarray) -> Iterator[np.ndarray]:
    """Indices of scenarios to simulate together, at most CHUNK, the longest first, grouped by parameters."""
    order = np.lexsort((-length, setting))
    for first in range(0, len(order), CHUNK):
        indices = order[first : first + CHUNK]
        yield indices[np.argsort(-length[indices], kind="stable")]


def _assembled(parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], count: int) -> Batch:
    """A Batch of `count` scenarios from columns by their indices; NaN where a part is shorter than the longest."""
    columns: dict[str, np.ndarray] = {"refused": np.zeros(count, dtype=int)}
    for name, first in parts[0][1].items():
        width = (max(part[name].shape[1] for _, part in parts),) if first.ndim == 2 else ()
        whole = np.full((count, *width), np.nan, dtype=first.dtype) if width else np.zeros(count, dtype=first.dtype)
        for indices, part in parts:
            whole[(indices, slice(0, part[name].shape[1])) if width else indices] = part[name]
        columns[name] = whole
    return Batch(**columns)


def _through_backtrader(
    strategy: type[bt.Strategy],
    prices: Prices,
    scenarios: Scenarios,
    curves: bool,
    executor: Executor,
    done: Progress,
) -> Batch:
    declared = strategy.params._getkeys()
    for setting, parameters in enumerate(scenarios.parameters):
        if unknown := [name for name in parameters if name not in declared]:
            raise RequestError(
                f"{_first_with(scenarios, setting)}: parameters: {strategy.__name__} has no parameter {unknown[0]!r}; "
                f"it has {', '.join(declared) or 'none'}"
            )
    for frictions in scenarios.frictions:
        if frictions.lag != 1:
            raise RequestError(
                f"lag is {frictions.lag}: {strategy.__name__} sends its own orders, which fill next open"
            )
    traded = prices.select(declared_symbols(strategy) or prices.symbols)
    market = PriceArrays(traded)
    _lengths(market, scenarios, _starts(Reading, market, scenarios))  # refuses what cannot run
    return run_each(strategy, traded, scenarios, curves, executor, done)


def run_each(
    strategy: type[bt.Strategy],
    prices: Prices,
    scenarios: Scenarios,
    curves: bool = True,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> Batch:
    """Run every scenario in Backtrader by itself; `done` receives each.

    The figures of a reading equal those of `run_batch` up to rounding; the strategy may change when and how it trades.
    """
    single = [scenarios[index] for index in range(len(scenarios))]
    columns = executor.map(backtrader_columns, (strategy, prices, curves), single, done)
    return _assembled([(np.array([index]), part) for index, part in enumerate(columns)], len(scenarios))


def backtrader_columns(
    strategy: type[bt.Strategy], prices: Prices, curves: bool, scenario: Scenario
) -> Mapping[str, Any]:
    """The columns of Batch for one scenario, each of length 1, from Backtrader."""
    backtest = run_backtest(strategy, prices, scenario.schedule, scenario.frictions, scenario.parameters)
    hold = len(prices.sessions) if scenario.hold is None else scenario.hold
    length = len(backtest.equity) - 1
    statistics = RunningStatistics(np.array([length]), np.array([hold]), curves)
    statistics.add_block(1, backtest.equity[:, None], backtest.gross[1:, None].copy())
    return {
        **statistics.columns(),
        "turnover": np.array([sum(abs(fill.size) * fill.price for fill in backtest.fills) / CAPITAL]),
        "costs": np.array([sum(fill.commission + fill.spread_cost for fill in backtest.fills)]),
        "ruined": np.array([backtest.ruined is not None]),
        "truncated": np.array([length < hold + scenario.frictions.lag]),
        "refused": np.array([sum(not refusal.is_intended for refusal in backtest.refusals)]),
    }
