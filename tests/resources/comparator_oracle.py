"""Comparator of a single run in Backtrader alone: the oracle of `runners.engine.comparators`."""

from __future__ import annotations

from functools import reduce

import backtrader as bt
import numpy as np

from data.prices import Prices
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.study import Study
from strategies.base.basket import Basket
from strategies.base.comparator import BetaMatched, Cash, EqualWeight, Fund, Variants


class Idle(bt.Strategy):
    """Leaves the account alone."""


def oracle_wealth(study: Study, prices: Prices, schedule: EntrySchedule, frictions: Frictions) -> np.ndarray:
    """Wealth of one USD in the study's comparator, shape (n_sessions,)."""
    match study.comparator:
        case Cash():
            run = run_backtest(Idle, prices.select(study.symbols), schedule, frictions)
            return run.equity / CAPITAL
        case Fund(symbol):
            held = EntrySchedule(schedule.entry, schedule.hold, rebalance=None)
            return _basket(prices, held, frictions, (symbol,), 1.0)
        case EqualWeight(symbols, _, closes):
            return _basket(prices, schedule, frictions, symbols, 1.0, closes)
        case BetaMatched():
            return _basket(
                *(prices, schedule, frictions, (study.comparator.symbol,)),
                min(max(beta_of_earlier_returns(study, prices, schedule, frictions), 0.0), 1.0),
            )
        case Variants(variants):
            selected = prices.select(study.symbols)
            runs = (
                run_backtest(study.strategy, selected, schedule, frictions, {**study.parameters, **variant})
                for variant in variants
            )
            return reduce(np.maximum, [run.equity / CAPITAL for run in runs])


def beta_of_earlier_returns(study: Study, prices: Prices, schedule: EntrySchedule, frictions: Frictions) -> float:
    """Beta of the rule's daily returns to the fund's, from NumPy's covariance, on prices that end at the entry."""
    entry = prices.row(schedule.entry)
    first = max(entry - study.comparator.sessions, study.history)
    before = prices.rows(0, entry)
    earlier = EntrySchedule(prices.sessions[first], hold=None, rebalance=schedule.rebalance)
    run = run_backtest(study.strategy, before.select(study.symbols), earlier, frictions, study.parameters)
    fund = before.select((study.comparator.symbol,)).rebased(0).close[first - 1 :, 0]
    covariance = np.cov(run.equity[1:] / run.equity[:-1], fund[1:] / fund[:-1])
    return float(covariance[0, 1] / covariance[1, 1])


def _basket(
    prices: Prices,
    schedule: EntrySchedule,
    frictions: Frictions,
    symbols: tuple[str, ...],
    weight: float,
    closes: int = 1,
) -> np.ndarray:
    parameters = {"names": symbols, "weight": weight, "closes": closes}
    run = run_backtest(Basket, prices.select(symbols), schedule, frictions, parameters)
    return run.equity / CAPITAL
