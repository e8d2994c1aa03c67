"""One reading at many entries: its difference d from what it must beat, at every horizon and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from data.errors import RequestError
from data.prices import Prices
from reports.result import HORIZONS
from runners.engine.backtest import CAPITAL
from runners.engine.batch import Batch, run_batch
from runners.engine.execution.executor import Executor, Serial
from runners.engine.frictions import Frictions
from runners.engine.scenarios import Scenarios
from runners.engine.study import Study
from strategies.base.basket import Basket
from strategies.base.comparator import BetaMatched, Cash, EqualWeight, Fund, Variants
from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading


@dataclass(frozen=True)
class Terms:
    """How every launch of a reading is run: sessions of hold and between decisions, and what trading costs.

    The shock lies `before` sessions before the entry of each launch.
    """

    hold: int | None = 252
    rebalance: int | None = 20
    frictions: Frictions = Frictions()
    before: int = SHOCK_BEFORE_ENTRY

    def at(self, entries: np.ndarray, prices: Prices, parameters: Mapping[str, object] = {}) -> Scenarios:
        """The launches at the rows `entries` of `prices`."""
        return Scenarios.product(
            prices.sessions[entries], (self.hold,), (self.rebalance,), (self.frictions,), (parameters,), self.before
        )


def differences(
    subject: Study, prices: Prices, entries: np.ndarray, terms: Terms, executor: Executor = Serial()
) -> np.ndarray:
    """d of a launch at each of the rows `entries`: at HORIZONS and at the end, shape (n_entries, n_horizons + 1).

    The end is the session of the closing fills, or the last of the prices. NaN where the hold or the prices end before
    a horizon, -inf after ruin, inf where what it must beat was ruined. The same figures as those of `study`, which
    runs one launch in Backtrader. Raises RequestError for an entry that the reading cannot be launched at.
    """
    for row in entries[entries < subject.least][:1]:
        raise RequestError(f"{subject.name} needs {subject.least} closes before its entry; row {row} has fewer")
    own, scenarios = prices.select(subject.symbols), terms.at(entries, prices, subject.parameters)
    run = run_batch(subject.strategy, own, scenarios, curves=False, executor=executor)
    return less(growth(run), comparator(subject, prices, entries, terms))


def comparator(subject: Study, prices: Prices, entries: np.ndarray, terms: Terms) -> np.ndarray:
    """Log wealth of what the reading must beat, shaped as `differences` or to be broadcast to it."""
    match subject.comparator:
        case Cash():
            return np.zeros((1, len(HORIZONS) + 1))
        case Fund(symbol):
            held = replace(terms, rebalance=None)
            return _basket(prices, held.at(entries, prices, {"names": (symbol,)}))
        case EqualWeight(symbols, _, closes):
            return _basket(prices, terms.at(entries, prices, {"names": symbols, "closes": closes}))
        case BetaMatched(symbol, sessions):
            return _matched(subject, prices, entries, terms, symbol, sessions)
        case Variants(variants):
            own = prices.select(subject.symbols)
            runs = [
                run_batch(subject.strategy, own, terms.at(entries, prices, {**subject.parameters, **variant}), False)
                for variant in variants
            ]
            return np.asarray(np.max([growth(run) for run in runs], axis=0))


def _basket(prices: Prices, scenarios: Scenarios) -> np.ndarray:
    return growth(run_batch(Basket, prices, scenarios, curves=False))


def _matched(
    subject: Study, prices: Prices, entries: np.ndarray, terms: Terms, symbol: str, sessions: int
) -> np.ndarray:
    """Fund and cash at the beta of each launch's own past."""
    if not issubclass(subject.strategy, Reading):
        raise RequestError(f"{subject.name} has no rule whose earlier returns could be matched")
    betas = earlier_betas(subject, prices, entries, terms, symbol, sessions)
    distinct, setting = np.unique(np.clip(betas, 0.0, 1.0), return_inverse=True)
    parameters = tuple({"names": (symbol,), "weight": float(weight)} for weight in distinct)
    scenarios = replace(terms.at(entries, prices), setting=setting.astype(np.int32), parameters=parameters)
    return _basket(prices, scenarios)


def earlier_betas(
    subject: Study, prices: Prices, entries: np.ndarray, terms: Terms, symbol: str, sessions: int
) -> np.ndarray:
    """OLS slope of the rule's own daily returns on the fund's over the sessions before each entry, shape (n_entries,).

    As in `study.earlier_beta`: the rule is launched `sessions` before the entry, or as soon as it has its history.
    """
    first = np.maximum(entries - sessions, subject.history)
    usual = replace(terms, before=SHOCK_BEFORE_ENTRY)
    scenarios = replace(usual.at(first, prices, subject.parameters), hold=entries - first)
    curves = run_batch(subject.strategy, prices.select(subject.symbols), scenarios).equity
    if curves is None:
        raise AssertionError("curves were asked for")
    fund = prices.select((symbol,)).rebased(0).close[:, 0]
    return np.array(
        [
            slope(curve[: entry - launch + 1], fund[launch - 1 : entry])
            for curve, launch, entry in zip(curves, first.tolist(), entries.tolist(), strict=True)
        ]
    )


def slope(curve: np.ndarray, fund: np.ndarray) -> float:
    """Least-squares slope of the daily returns of one wealth on those of another."""
    returns, market = curve[1:] / curve[:-1] - 1, fund[1:] / fund[:-1] - 1
    centred = market - market.mean()
    return float(np.dot(centred, returns) / np.dot(centred, centred))


def less(own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """d from the log wealth of a reading and of what it must beat; -inf after ruin of the reading."""
    return np.asarray(np.subtract(own, other, out=np.full(own.shape, -np.inf), where=~np.isneginf(own)))


def growth(run: Batch) -> np.ndarray:
    """Log wealth of one USD at HORIZONS and at the end, shape (n, n_horizons + 1); -inf after ruin."""
    grown = np.column_stack((1 + run.horizons, run.terminal / CAPITAL))
    return np.asarray(np.log(grown, out=np.full(grown.shape, -np.inf), where=~(grown <= 0)))
