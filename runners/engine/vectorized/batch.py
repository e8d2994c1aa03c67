"""One rule over many launches at once, equal to Backtrader to the cent.

Backtrader takes milliseconds for one launch; placebo tests, sweeps and multiverses need hundreds of thousands. Here the
launches of a reading walk side by side (see Walk), each counted from its own entry. The rule is the reading's own
`weights`, asked once for all launches for which it looked at the same things (see Rule). A strategy without `weights`
goes through Backtrader, one launch after the other, in worker processes.
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
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.execution.executor import Executor, Progress, Serial, no_progress
from runners.engine.execution.processes import Processes
from runners.engine.vectorized.running_statistics import RunningStatistics
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from runners.engine.vectorized.simulator import FrictionArrays, PriceArrays, VectorizedWalk
from runners.engine.vectorized.target_weights import MemoizedRule, MemoizedWeights, WeightRows, WeightSource
from strategies.base.reading import Reading

CHUNK = 8192  # scenarios that walk side by side: their arrays stay in the processor's cache

DECLARES = {"weights", "course", "refuted"}  # what a reading may override without changing when and how it trades


@dataclass(frozen=True, eq=False)
class Batch:
    """What n scenarios did, in the order in which they were given: as many come out as went in.

    Arrays of shape (n,) unless said otherwise. `sessions` counts sessions after the close before the entry; `terminal`
    is equity at the last one, in USD, net; `horizons` (n, len(HORIZONS)) net returns at the closes of HORIZONS, NaN
    where the hold or the prices end before; `sharpe` is mean over standard deviation of daily returns, annualised, NaN
    where undefined or ruined; `max_drawdown` a fraction, 0 or below (below -1 where ruin left a debt); `turnover` the
    USD traded both ways over the starting capital; `costs` commission and half-spread in USD; `exposure` the mean gross
    exposure at closes from the entry on.
    `ruined`: equity fell to zero or below and stayed there. `truncated`: the prices end before the hold does, positions
    are valued at the last close. `refused` counts orders of the window that were not filled: none for a reading.
    `equity` (n, longest + 1), where asked for, begins at the close before the entry and is NaN after a scenario's end.
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
        """`equity` of a batch that was asked for it."""
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
    Backtrader on `executor` (by default worker processes); `done` is told each scenario. Without `curves` memory does
    not grow with the length of the holds.

    Raises RequestError naming the scenario and the field where one cannot be run: an entry without prices around it or
    before the rule has its history, a parameter that the strategy does not have; and for a reading that changes when
    or how orders are sent, which only Backtrader can follow. Raises DataError naming the scenario, the symbol and the
    session where a listed name has no price by the end of its window.
    """
    if not issubclass(strategy, Reading):
        return _through_backtrader(strategy, prices, scenarios, curves, executor or Processes(), done)
    _require_plain_rule(strategy)
    rules = _rules(strategy, scenarios)
    market = PriceArrays(prices.select(rules[0].symbols))
    start = _starts(strategy, market, scenarios)
    terms = FrictionArrays(scenarios.frictions, market)
    length = _lengths(market, scenarios, start)
    vectors, asked = WeightRows(market.adjusted), dict[int, MemoizedRule]()
    parts = []
    for places in _chunks(scenarios.setting, length):
        those = scenarios.take(places)
        settings = set(np.unique(those.setting).tolist())
        asked = {setting: asked.get(setting) or MemoizedRule(rules[setting], vectors) for setting in settings}
        answers = MemoizedWeights(asked, vectors, those.setting, start[places], those.shock)
        parts.append((places, VectorizedWalk(market, terms, answers, those, start[places], length[places]).run(curves)))
    return _assembled(parts, len(scenarios))


def run_targets(targets: WeightSource, prices: Prices, scenarios: Scenarios, curves: bool = False) -> Batch:
    """The same with weights that come from elsewhere than a rule, in the order of `prices.symbols`.

    All scenarios walk side by side and must be equally long; `targets` is asked for them by their places.
    """
    market = PriceArrays(prices)
    start = market.rows(scenarios.entry) - 1
    length = _lengths(market, scenarios, start)
    part = VectorizedWalk(market, FrictionArrays(scenarios.frictions, market), targets, scenarios, start, length).run(
        curves
    )
    return _assembled([(np.arange(len(scenarios)), part)], len(scenarios))


def _require_plain_rule(reading: type[Reading]) -> None:
    bases = reading.__mro__[: reading.__mro__.index(Reading)]
    own = {name for base in bases for name, value in vars(base).items() if isfunction(value)}
    if changed := sorted(name for name in own - DECLARES if hasattr(Reading, name)):
        raise RequestError(
            f"{reading.__name__} overrides {changed[0]}, which changes when or how it trades, and only Backtrader can "
            f"follow; take it out, or derive from bt.Strategy"
        )


def _rules(reading: type[Reading], scenarios: Scenarios) -> list[Reading]:
    rules = []
    for setting, parameters in enumerate(scenarios.parameters):
        try:
            rules.append(reading.rule(**parameters))
        except ValueError as error:
            raise RequestError(f"{_first_with(scenarios, setting)}: parameters: {error}") from None
    if changed := [place for place, rule in enumerate(rules) if tuple(rule.symbols) != tuple(rules[0].symbols)]:
        raise RequestError(
            f"{_first_with(scenarios, changed[0])}: parameters: trades other symbols than the first scenario; "
            f"run scenarios with equal symbols together"
        )
    return rules


def _first_with(scenarios: Scenarios, setting: int) -> str:
    places = np.flatnonzero(scenarios.setting == setting)
    return f"scenario {places[0] if len(places) else '?'}"


def _starts(reading: type[Reading], market: PriceArrays, scenarios: Scenarios) -> np.ndarray:
    """Row of the close before each entry, shape (n,)."""
    start = market.rows(scenarios.entry) - 1
    least = max(reading.history, 1)
    days = market.prices.days
    for place in np.flatnonzero(start + 1 < least)[:1]:
        raise RequestError(
            f"scenario {place}: entry {scenarios.entry[place]} needs {least} earlier closes, and prices run "
            f"from {days[0]} to {days[-1]}; enter inside them, or load earlier prices"
        )
    return start


def _lengths(market: PriceArrays, scenarios: Scenarios, start: np.ndarray) -> np.ndarray:
    """Sessions of each scenario after the close before its entry; fewer than its hold where the prices end."""
    lags = np.array([costs.lag for costs in scenarios.frictions])[scenarios.cost]
    length: np.ndarray = np.minimum(scenarios.hold + lags, len(market.nights) - 1 - start)
    _require_prices(market, start, length)
    return length


def _require_prices(market: PriceArrays, start: np.ndarray, length: np.ndarray) -> None:
    """Raise DataError for the first scenario that reaches a missing price of a listed name."""
    last = start + length
    row = first_missing_price(market.prices, int(last.max()) + 1)
    if row is not None:
        place = int(np.argmax(last >= row))
        raise missing_price_error(market.prices, row, int(last[place]) + 1, f"scenario {place}: ")


def _chunks(setting: np.ndarray, length: np.ndarray) -> Iterator[np.ndarray]:
    """Places of scenarios that walk together, at most CHUNK, the longest first; equal parameters stay together."""
    order = np.lexsort((-length, setting))
    for first in range(0, len(order), CHUNK):
        places = order[first : first + CHUNK]
        yield places[np.argsort(-length[places], kind="stable")]


def _assembled(parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], count: int) -> Batch:
    columns: dict[str, np.ndarray] = {"refused": np.zeros(count, dtype=int)}
    for name, first in parts[0][1].items():
        width = (max(part[name].shape[1] for _, part in parts),) if first.ndim == 2 else ()
        whole = np.full((count, *width), np.nan, dtype=first.dtype) if width else np.zeros(count, dtype=first.dtype)
        for places, part in parts:
            whole[(places, slice(0, part[name].shape[1])) if width else places] = part[name]
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
    known = strategy.params._getkeys()
    for setting, parameters in enumerate(scenarios.parameters):
        if unknown := [name for name in parameters if name not in known]:
            raise RequestError(
                f"{_first_with(scenarios, setting)}: parameters: {strategy.__name__} has no parameter {unknown[0]!r}; "
                f"it has {', '.join(known) or 'none'}"
            )
    for costs in scenarios.frictions:
        if costs.lag != 1:
            raise RequestError(f"lag is {costs.lag}: {strategy.__name__} sends its own orders, which fill next open")
    own = prices.select(getattr(strategy, "symbols", None) or prices.symbols)
    market = PriceArrays(own)
    _lengths(market, scenarios, _starts(Reading, market, scenarios))
    return run_each(strategy, own, scenarios, curves, executor, done)


def run_each(
    strategy: type[bt.Strategy],
    prices: Prices,
    scenarios: Scenarios,
    curves: bool = True,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> Batch:
    """Run every scenario through Backtrader by itself; `done` is told each.

    Of a reading the figures are those of `run_batch` but for rounding, and it may change when and how it trades.
    """
    specs = [scenarios[place] for place in range(len(scenarios))]
    columns = executor.map(backtrader_columns, (strategy, prices, curves), specs, done)
    return _assembled([(np.array([place]), part) for place, part in enumerate(columns)], len(scenarios))


def backtrader_columns(
    strategy: type[bt.Strategy], prices: Prices, curves: bool, scenario: Scenario
) -> Mapping[str, Any]:
    """The columns of Batch of one scenario that ran through Backtrader, each of length 1."""
    launch = EntrySchedule(scenario.entry, scenario.hold, scenario.rebalance, scenario.shock)
    ran = run_backtest(strategy, prices, launch, scenario.frictions, scenario.parameters)
    hold = len(prices.sessions) if scenario.hold is None else scenario.hold
    length = len(ran.equity) - 1
    tally = RunningStatistics(np.array([length]), np.array([hold]), curves)
    tally.note(1, ran.equity[:, None], ran.gross[1:, None].copy())
    return {
        **tally.columns(),
        "turnover": np.array([sum(abs(fill.size) * fill.price for fill in ran.fills) / CAPITAL]),
        "costs": np.array([sum(fill.commission + fill.spread_cost for fill in ran.fills)]),
        "ruined": np.array([ran.ruined is not None]),
        "truncated": np.array([length < hold + scenario.frictions.lag]),
        "refused": np.array([sum(not refusal.is_intended for refusal in ran.refusals)]),
    }
