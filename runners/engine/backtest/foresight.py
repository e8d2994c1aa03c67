"""Whether a strategy that is not a reading decides by prices that were not known yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from itertools import zip_longest
from math import isclose

import backtrader as bt
import numpy as np
import pandas as pd

from data.errors import StrategyError
from data.prices import FIELDS, Prices
from runners.engine.backtest.broker import SentOrder
from runners.engine.backtest.cerebro import Backtest, CerebroModes, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.tracebacks import AUTHOR_ERRORS

ALTERATIONS = 20  # altered futures of a strategy that cannot run bar by bar
DAILY_NOISE = 0.03  # standard deviation of log returns added to an altered future
TOLERANCE = 1e-9  # of order sizes and prices, which are rounded differently bar by bar

# Notices
NOT_CHECKED = "whether it looks ahead could not be checked: it fails on other prices"
NOT_REPEATABLE = (
    "its orders differ from run to run (first on {day:%Y-%m-%d}): the result cannot be repeated, and whether it looks "
    "ahead cannot be checked"
)
DIFFERS_BAR_BY_BAR = (
    "bar by bar its indicators have other values than computed in advance, and its orders differ from {day:%Y-%m-%d} on"
)


def foresight_notices(
    strategy: type[bt.Strategy],
    prices: Prices,
    schedule: EntrySchedule,
    frictions: Frictions,
    parameters: Mapping[str, object],
    backtest: Backtest | None = None,
) -> tuple[str, ...]:
    """Run a strategy again where it cannot see the future, and compare its orders with those of its backtest.

    Backtrader loads all prices and computes all indicators before the first bar. In the second run the bars arrive one
    by one. Where the orders differ, or the strategy cannot run so, the prices after a session with orders are altered
    at random: a strategy that knows only the past sends the same orders up to that session.

    Returns notices on what could not be checked. Raises StrategyError if an order depends on later prices.
    """

    def run(prices: Prices, **modes: bool) -> tuple[SentOrder, ...]:
        backtest = run_backtest(strategy, prices, schedule, frictions, parameters, CerebroModes(**modes))
        return backtest.sent

    with redirect_stdout(StringIO()):  # what it prints belongs to the real run
        orders = backtest.sent if backtest else run(prices)
        try:
            others = run(prices, preload=False, runonce=False)
        except AUTHOR_ERRORS:
            days = list(dict.fromkeys(order.session for order in orders))
            chosen = np.random.default_rng(0).permutation(len(days))[:ALTERATIONS]
            return _alter(strategy.__name__, orders, run, prices, [days[index] for index in sorted(chosen)])
        if (day := _first_difference(orders, others)) is None:
            return ()
        if (other := _first_difference(orders, run(prices))) is not None:
            return (NOT_REPEATABLE.format(day=other),)
        _alter(strategy.__name__, orders, run, prices, [day] * ALTERATIONS)
    return (DIFFERS_BAR_BY_BAR.format(day=day),)


def _alter(
    name: str,
    orders: Sequence[SentOrder],
    run: Callable[[Prices], Sequence[SentOrder]],
    prices: Prices,
    days: Sequence[pd.Timestamp],
) -> tuple[str, ...]:
    """Raise StrategyError if orders up to one of the `days` change with the prices after it."""
    checked = 0
    for seed, day in enumerate(days):
        try:
            altered = run(_with_other_future(prices, day, seed))
        except AUTHOR_ERRORS:
            continue
        checked += 1
        if _first_difference(_until(orders, day), _until(altered, day)) is not None:
            raise StrategyError(
                f"{name} looks ahead: its orders up to {day:%Y-%m-%d} change with the prices after that day; compute "
                f"its indicators and arrays from past values only"
            )
    return () if checked or not days else (NOT_CHECKED,)


def _with_other_future(prices: Prices, day: pd.Timestamp, seed: int) -> Prices:
    """The prices with random log returns added after `day`, and volumes changed by as much."""
    first = prices.row(day) + 1
    noise = np.random.default_rng(seed).normal(0.0, DAILY_NOISE, prices.close[first:].shape)
    factor = np.ones_like(prices.close)
    factor[first:] = np.exp(noise.cumsum(axis=0))
    return replace(prices, **{name: getattr(prices, name) * factor for name in FIELDS})


def _until(orders: Sequence[SentOrder], day: pd.Timestamp) -> list[SentOrder]:
    return [order for order in orders if order.session <= day]


def _first_difference(orders: Sequence[SentOrder], others: Sequence[SentOrder]) -> pd.Timestamp | None:
    """The first session on which two lists of orders differ; None if they are equal."""
    for order, other in zip_longest(orders, others):
        if order is None or other is None or not _equal(order, other):
            return min(each.session for each in (order, other) if each is not None)
    return None


def _equal(order: SentOrder, other: SentOrder) -> bool:
    return (order.session, order.symbol, order.kind) == (other.session, other.symbol, other.kind) and all(
        mine == its or (mine is not None and its is not None and isclose(mine, its, rel_tol=TOLERANCE))
        for mine, its in ((order.size, other.size), (order.price, other.price), (order.limit, other.limit))
    )
