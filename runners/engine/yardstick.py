"""What a reading must beat, for scenarios of all settings at once; for each the same as in `runners.engine.study`.

Scenarios that differ only in what does not move their yardstick share it, so that each is walked once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from data import calendar
from data.errors import RequestError
from data.prices import Prices
from reports.result import HORIZONS
from runners.engine.batch import run_batch
from runners.engine.launches import growth, slope
from runners.engine.scenarios import NEVER, Scenarios
from runners.engine.study import Study
from strategies.base.basket import Basket
from strategies.base.comparator import BetaMatched, Cash, EqualWeight, Fund, Variants
from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading


def yardstick(subject: Study, prices: Prices, scenarios: Scenarios) -> np.ndarray:
    """Log wealth of one USD in what each scenario must beat, at HORIZONS and at the end, shape (n, n_horizons + 1).

    NaN where the hold or the prices end before a horizon; -inf after ruin. Raises RequestError where a fund does not
    trade yet at the first decision.
    """
    match subject.comparator:
        case Cash():
            return np.zeros((len(scenarios), len(HORIZONS) + 1))
        case Fund(symbol):
            _require_listed(subject, symbol, prices, scenarios)
            held = replace(scenarios, rebalance=np.full(len(scenarios), NEVER))
            return _basket(prices, _alike(held, {"names": (symbol,)}))
        case EqualWeight(symbols, _, closes):
            return _basket(prices, _alike(scenarios, {"names": symbols, "closes": closes}))
        case BetaMatched(symbol, sessions):
            _require_listed(subject, symbol, prices, scenarios)
            betas = np.clip(earlier_betas(subject, prices, scenarios, symbol, sessions), 0.0, 1.0)
            weights, setting = np.unique(betas, return_inverse=True)
            mixed = tuple({"names": (symbol,), "weight": float(weight)} for weight in weights)
            return _basket(prices, replace(scenarios, setting=setting, parameters=mixed))
        case Variants(variants):
            return np.asarray(np.max([_variant(subject, prices, scenarios, each) for each in variants], axis=0))


def earlier_betas(subject: Study, prices: Prices, scenarios: Scenarios, symbol: str, sessions: int) -> np.ndarray:
    """OLS slope of each rule's own daily returns on the fund's over the sessions before its entry, shape (n,).

    As in `study.earlier_beta`: the rule is launched `sessions` before the entry, or as soon as it has its history.
    """
    if not issubclass(subject.strategy, Reading):
        raise RequestError(f"{subject.name} has no rule whose earlier returns could be matched")
    first, inverse = _distinct(scenarios.entry, scenarios.rebalance, scenarios.cost, scenarios.setting)
    those = scenarios.take(first)
    entries = prices.days.searchsorted(those.entry)
    launches = np.maximum(entries - sessions, subject.history)
    days = prices.days[launches]
    shocks = calendar.xnys_days()[calendar.xnys_days().searchsorted(days) - SHOCK_BEFORE_ENTRY]
    earlier = replace(those, entry=days, shock=shocks, hold=entries - launches)
    curves = run_batch(subject.strategy, prices.select(subject.symbols), earlier).equity
    if curves is None:
        raise AssertionError("curves were asked for")
    fund = prices.select((symbol,)).rebased(0).close[:, 0]
    slopes = [
        slope(curve[: entry - launch + 1], fund[launch - 1 : entry])
        for curve, launch, entry in zip(curves, launches.tolist(), entries.tolist(), strict=True)
    ]
    return np.asarray(np.array(slopes)[inverse])


def _variant(subject: Study, prices: Prices, scenarios: Scenarios, variant: Mapping[str, object]) -> np.ndarray:
    """The reading itself with some of its parameters replaced."""
    merged = [{**parameters, **variant} for parameters in scenarios.parameters]
    distinct = list({repr(sorted(parameters.items())): parameters for parameters in merged}.values())
    place = {repr(sorted(parameters.items())): place for place, parameters in enumerate(distinct)}
    codes = np.array([place[repr(sorted(parameters.items()))] for parameters in merged])
    changed = replace(scenarios, setting=codes[scenarios.setting], parameters=tuple(distinct))
    first, inverse = _distinct(changed.entry, changed.shock, *_terms(changed))
    own = prices.select(subject.symbols)
    return np.asarray(growth(run_batch(subject.strategy, own, changed.take(first), curves=False))[inverse])


def _basket(prices: Prices, scenarios: Scenarios) -> np.ndarray:
    first, inverse = _distinct(scenarios.entry, *_terms(scenarios))
    return np.asarray(growth(run_batch(Basket, prices, scenarios.take(first), curves=False))[inverse])


def _alike(scenarios: Scenarios, parameters: Mapping[str, object]) -> Scenarios:
    """The same scenarios with one setting for all."""
    return replace(scenarios, setting=np.zeros(len(scenarios), dtype=int), parameters=(parameters,))


def _terms(scenarios: Scenarios) -> tuple[np.ndarray, ...]:
    return scenarios.hold, scenarios.rebalance, scenarios.cost, scenarios.setting


def _distinct(*columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the first of each distinct row, and for every row which of them it is."""
    rows = np.column_stack([column.astype(np.int64) for column in columns])
    _, first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    return first, inverse.ravel()


def _require_listed(subject: Study, symbol: str, prices: Prices, scenarios: Scenarios) -> None:
    listed = int(prices.listed[prices.columns[symbol]])
    starts = prices.days.searchsorted(scenarios.entry) - 1
    for start in starts[starts < listed][:1]:
        raise RequestError(
            f"{subject.name} is compared with {symbol}, which has no close on {prices.days[start]}; "
            f"enter later or load earlier prices"
        )
