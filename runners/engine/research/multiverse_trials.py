"""The specifications of a multiverse as trials: each that was run is one more chance to find something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from data.prices import Prices
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.research.multiverse import MultiversePlan, scaled_frictions, varied_study
from runners.engine.research.specification import AGAINST, BASKET
from runners.engine.research.specification_space import AXES, SpecificationSpace
from runners.engine.study import Study
from runners.engine.trial_key import trial_key, window_fingerprint
from runners.engine.trial_ledger import Trial


def specification_trials(spaces: Sequence[SpecificationSpace], prices: Prices, plan: MultiversePlan) -> list[Trial]:
    """Every distinct variant of the readings in `spaces`, at the real entry; without Sharpe ratios.

    Specifications that differ in nothing but their comparator are one trial.
    """
    fingerprints = Fingerprints(prices)
    return [trial for space in spaces for trial in _trials(space, prices, plan, fingerprints)]


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of the prices that variants see, each computed once."""

    prices: Prices
    known: dict[tuple[tuple[str, ...], int], str] = field(default_factory=dict)

    def of(self, symbols: tuple[str, ...], stop: int) -> str:
        """The fingerprint of `symbols` before row `stop`."""
        if (symbols, stop) not in self.known:
            self.known[symbols, stop] = window_fingerprint(self.prices, symbols, stop)
        return self.known[symbols, stop]


def _trials(
    space: SpecificationSpace, prices: Prices, plan: MultiversePlan, fingerprints: Fingerprints
) -> Iterator[Trial]:
    studies = {
        (basket, against): varied_study(space, basket, choice)
        for basket in range(len(space.choices(BASKET)))
        for against, choice in enumerate(space.choices(AGAINST))
    }
    shock = prices.sessions[plan.entry - plan.event.lead]
    seen = set[str]()
    for codes in space.codes[space.distinct].tolist():
        at = dict(zip(AXES, codes, strict=True))
        key = _key(space, at, studies[at[BASKET], at[AGAINST]], plan.entry, shock, prices, fingerprints)
        if key not in seen:
            seen.add(key)
            yield Trial(key, space.study.name, None)


def _key(
    space: SpecificationSpace,
    at: dict[str, int],
    study: Study,
    entry: int,
    shock: pd.Timestamp,
    prices: Prices,
    fingerprints: Fingerprints,
) -> str:
    """The key of one specification, given by its choice in each dimension."""
    value = {name: space.choices(name)[index].value for name, index in at.items() if name not in (BASKET, AGAINST)}
    basket = space.choices(BASKET)[at[BASKET]]
    parameters = {**study.parameters}
    if basket.value.perturbation is not None:
        parameters["basket"] = basket.label
    row = entry + value["entry"]
    stop = min(row + value["horizon"] + value["lag"], len(prices.sessions))
    return trial_key(
        study.strategy,
        parameters,
        EntrySchedule(prices.sessions[row], value["horizon"], value["rebalance"], shock),
        scaled_frictions(value["lag"], value["costs"], value["borrow"]),
        fingerprints.of(study.symbols, stop),
    )
