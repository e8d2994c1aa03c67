"""Other names on the same dates: a reading's own decisions with its names exchanged for others.

A draw is a permutation of the universe: wherever the reading holds a name, the draw holds the one that the permutation
puts in its place, at the same weight. One draw serves all readings, so that those that share names keep sharing them.
Funds and what else lies outside of the universe stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from data.prices import Prices
from runners.engine.study import Study
from runners.engine.vectorized.batch import Batch, run_targets
from runners.engine.vectorized.scenarios import TradingConditions
from runners.engine.vectorized.target_weights import NOTHING
from strategies.base.past import Past
from strategies.base.reading import Reading
from strategies.base.schedule import Schedule

Decisions = Mapping[int, Mapping[str, float]]  # weights by sessions held


@dataclass(frozen=True, eq=False)
class NamePermutations:
    """Permutations of a `universe`, each row of `order` one: the name at place i is exchanged for that at order[i].

    The first draw changes nothing: it is the reading itself. `seed` also gives the draws of later decisions of readings
    that pick their names anew.
    """

    universe: tuple[str, ...]
    order: np.ndarray
    seed: int

    @classmethod
    def of(cls, universe: tuple[str, ...], count: int, seed: int) -> NamePermutations:
        """`count` random permutations after the one that changes nothing."""
        own = np.arange(len(universe))
        return cls(universe, np.vstack((own, shuffled_orders(own, count, [seed]))), seed)

    def again(self, decision: int) -> NamePermutations:
        """Fresh permutations for a later decision."""
        own = self.order[0]
        return NamePermutations(
            self.universe, np.vstack((own, shuffled_orders(own, len(self.order) - 1, [self.seed, decision]))), self.seed
        )


def shuffled_orders(places: np.ndarray, count: int, seed: list[int]) -> np.ndarray:
    """`count` random orders of `places`, shape (count, n_places)."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return rng.permuted(np.tile(places, (count, 1)), axis=1)


def tradable_names(universe: tuple[str, ...], prices: Prices, row: int) -> tuple[str, ...]:
    """Those of `universe` that have a close at `row`."""
    return tuple(name for name in universe if name in prices.columns and prices.listed[prices.columns[name]] <= row)


def decisions_at_entry(subject: Study, prices: Prices, entry: int, conditions: TradingConditions) -> Decisions:
    """What a reading that enters at row `entry` decides, by sessions held."""
    rule: Reading = subject.strategy.rule(**subject.parameters)
    own, schedule = prices.select(subject.symbols).rebased(0), Schedule(conditions.hold, conditions.rebalance)
    shock = str(conditions.at(np.array([entry]), prices).shock[0])  # also where it lies before the prices
    asked = {
        held: rule.weights(Past(own, entry - 1 + held, held=held, scheduled=schedule.decides(held), shock=shock))
        for held in range(len(prices.sessions) - entry + 1)
        if schedule.decides(held) or (rule.watches and schedule.runs(held))
    }
    return {held: weights for held, weights in asked.items() if weights is not None}


class PermutedWeights:
    """Targets of a walk whose scenarios are the draws."""

    def __init__(
        self, decided: Decisions, symbols: tuple[str, ...], draws: NamePermutations, anew: bool, watches: bool
    ) -> None:
        self.watches = watches
        self._count = len(draws.order)
        self._first = {held: number * self._count for number, held in enumerate(decided)}
        parts = [
            permute_weights(weights, symbols, draws.again(number) if anew and number else draws)
            for number, weights in enumerate(decided.values())
        ]
        self._weights = np.vstack(parts) if parts else np.zeros((0, len(symbols)))

    @property
    def weights(self) -> np.ndarray:
        return self._weights

    def ask(self, places: np.ndarray, held: int, scheduled: np.ndarray) -> np.ndarray:
        """The draws' own rows at this decision."""
        return places + self._first[held] if held in self._first else np.full(len(places), NOTHING)


def permute_weights(weights: Mapping[str, float], symbols: tuple[str, ...], draws: NamePermutations) -> np.ndarray:
    """Weights of each draw, shape (n_draws, n_symbols)."""
    columns = [symbols.index(name) for name in draws.universe]
    own = np.array([weights.get(name, 0.0) for name in symbols])
    drawn = np.tile(own, (len(draws.order), 1))
    moved = np.zeros(draws.order.shape)
    np.put_along_axis(moved, draws.order, np.broadcast_to(own[columns], moved.shape), axis=1)
    drawn[:, columns] = moved
    return drawn


def permuted_weights(
    subject: Study, prices: Prices, entry: int, conditions: TradingConditions, draws: NamePermutations
) -> Batch:
    """The draws of one reading that enters at row `entry`; the first is the reading itself."""
    decided = decisions_at_entry(subject, prices, entry, conditions)
    kept = dict.fromkeys(name for weights in decided.values() for name in weights if name not in draws.universe)
    symbols = (*draws.universe, *kept)
    strategy: type[Reading] = subject.strategy
    targets = PermutedWeights(decided, symbols, draws, strategy.rechooses, strategy.watches)
    scenarios = conditions.at(np.array([entry]), prices).take(np.zeros(len(draws.order), dtype=int))
    return run_targets(targets, prices.select(symbols), scenarios)
