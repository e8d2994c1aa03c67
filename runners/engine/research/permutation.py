"""The permutation test of stock selection: a reading's decisions with its stocks exchanged for others.

A permutation of the universe replaces every stock that a reading holds by another one, at the same weight and on the
same dates. All readings use the same permutations, so that readings which share stocks keep sharing them. Funds and
other symbols outside the universe stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from data.prices import Prices
from reports.statistics.availability import Unavailable
from reports.statistics.selection import compounded, raw_log_returns, selection_statistics, without_factors
from runners.engine.isolation import as_if_alone
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.past import Past
from strategies.base.reading import Reading
from strategies.base.schedule import Schedule

FACTORS = ("SPY", "SMH", "IGV")  # the market, chips and software: taken out of every return
Decisions = Mapping[int, Mapping[str, float]]  # weights by sessions held


@dataclass(frozen=True, eq=False)
class StockPermutations:
    """Permutations of a `universe`, one in each row of `order`: stock i is exchanged for stock order[i].

    The first is the identity, which gives the reading itself. `seed` also gives the permutations of later
    decisions, for readings that choose their stocks anew.
    """

    universe: tuple[str, ...]
    order: np.ndarray
    seed: int

    @classmethod
    def of(cls, universe: tuple[str, ...], count: int, seed: int) -> StockPermutations:
        """The identity and `count` random permutations."""
        identity = np.arange(len(universe))
        return cls(universe, np.vstack((identity, shuffled_orders(len(universe), count, seed))), seed)

    def at_decision(self, number: int) -> StockPermutations:
        """Fresh permutations for the decision with this number."""
        shuffled = shuffled_orders(len(self.universe), len(self.order) - 1, self.seed, number)
        return StockPermutations(self.universe, np.vstack((self.order[0], shuffled)), self.seed)


@lru_cache(maxsize=32)  # readings that choose from the same stocks share them
def shuffled_orders(size: int, count: int, *seed: int) -> np.ndarray:
    """`count` random orders of the numbers below `size`, shape (count, size)."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    shuffled = rng.permuted(np.tile(np.arange(size), (count, 1)), axis=1)
    shuffled.flags.writeable = False
    return shuffled


def tradable_stocks(universe: tuple[str, ...], prices: Prices, row: int) -> tuple[str, ...]:
    """The stocks of `universe` that have a close at `row`."""
    columns = prices.columns
    return tuple(stock for stock in universe if stock in columns and prices.listed[columns[stock]] <= row)


def decisions_at_entry(study: Study, prices: Prices, entry: int, conditions: TradingConditions) -> Decisions:
    """Target weights of a reading that enters at row `entry`, by sessions held."""
    rule: Reading = study.strategy.rule(**study.parameters)
    visible, schedule = prices.select(study.symbols).rebased(0), Schedule(conditions.hold, conditions.rebalance)
    shock = str(conditions.at(np.array([entry]), prices).shock[0])  # also where it lies before the prices
    with as_if_alone(study.strategy, is_pure=True):
        answers = {
            held: rule.decide(Past(visible, entry - 1 + held, held=held, scheduled=schedule.decides(held), shock=shock))
            for held in range(len(prices.sessions) - entry + 1)
            if schedule.decides(held) or (rule.watches and schedule.runs(held))
        }
    return {held: weights for held, weights in answers.items() if weights is not None}


def permute_weights(
    weights: Mapping[str, float], symbols: tuple[str, ...], permutations: StockPermutations
) -> np.ndarray:
    """The weights after each permutation, shape (n_permutations, n_symbols)."""
    columns = [symbols.index(stock) for stock in permutations.universe]
    original = np.array([weights.get(symbol, 0.0) for symbol in symbols])
    permuted = np.tile(original, (len(permutations.order), 1))
    moved = np.zeros(permutations.order.shape)
    np.put_along_axis(moved, permutations.order, np.broadcast_to(original[columns], moved.shape), axis=1)
    permuted[:, columns] = moved
    return permuted


@dataclass(frozen=True, eq=False)
class PermutedStatistics:
    """Of a reading (first) and of each of its permutations, shape (n_permutations,).

    `studentised` is the statistic of the test, with factor exposures taken out; `raw` is the log return as it is, which
    is no valid test statistic.
    """

    studentised: np.ndarray
    raw: np.ndarray


def permuted_statistics(
    study: Study, prices: Prices, entry: int, conditions: TradingConditions, permutations: StockPermutations
) -> PermutedStatistics:
    """The statistics of a reading that enters at row `entry`, over its hold or to the end of the prices.

    Raises Unavailable if it never takes a position, or for too few sessions.
    """
    decisions: dict[int, Mapping[str, float]] = {0: {}, **decisions_at_entry(study, prices, entry, conditions)}
    sessions = len(prices.sessions) - entry if conditions.hold is None else conditions.hold
    sessions = min(sessions, len(prices.sessions) - entry)
    decisions = {held: weights for held, weights in sorted(decisions.items()) if held < sessions}
    if not any(any(weights.values()) for weights in decisions.values()):
        raise Unavailable("the reading never takes a position")
    universe = permutations.universe
    kept = dict.fromkeys(symbol for weights in decisions.values() for symbol in weights if symbol not in universe)
    symbols = (*universe, *kept)
    close = prices.rebased(0).select((*symbols, *FACTORS)).close[entry - 1 : entry + sessions]
    returns = close[1:] / close[:-1] - 1
    stocks, factors = returns[:, : len(symbols)], returns[:, len(symbols) :]
    starts = list(decisions)
    adjusted, plain = without_factors(stocks, factors, starts), compounded(stocks, starts)

    @cache  # a decision that repeats an earlier one shares its array
    def permuted(number: int, weights: tuple[tuple[str, float], ...]) -> np.ndarray:
        return permute_weights(dict(weights), symbols, permutations.at_decision(number) if number else permutations)

    held = [
        permuted(number if study.strategy.rechooses else 0, tuple(weights.items()))
        for number, weights in enumerate(decisions.values())
    ]
    return PermutedStatistics(selection_statistics(held, adjusted), raw_log_returns(held, plain))
