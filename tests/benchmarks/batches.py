"""Scenarios by the thousand: `run_batch` against stock Backtrader, vectorbt and itself.

Seconds are per scenario. Peers neither earn nor pay interest, and neither do ours where results are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from peers import Peer, stock
from peers.windows import Windows

import strategies
from data import load_prices
from data.prices import Prices
from runners.engine.backtest.frictions import Frictions
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenarios
from strategies.base import Reading
from strategies.gpu_bubble import GpuBubble

HOLD, HOLDS, REBALANCE = 60, (20, 60, 252), 20
WEIGHTS = {"NVDA": -0.5, "AMD": 0.25, "INTC": 0.25}  # target weights of gpu_bubble
SINCE = pd.Timestamp("2019-12-01")
CENT = 0.01  # of 1,000,000 USD, as in the law
PLACEBOS, ROUNDS, STOCK_A_ROUND = 10_000, 5, 7
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)

Seconds = list[float]


def market(folder: Path, reading: type[Reading]) -> Prices:
    """Real prices of a reading's symbols."""
    return load_prices(reading.rule().symbols, source=str(folder))


def admissible(reading: type[Reading], prices: Prices, hold: int) -> pd.DatetimeIndex:
    """Entries that have the rule's history before them and the hold, with its closing fill, after them."""
    return prices.sessions[max(reading.history, 1) : len(prices.sessions) - hold]


def evenly(scenarios: Scenarios, count: int) -> Scenarios:
    """`count` of the scenarios, evenly spread."""
    return scenarios.take(np.linspace(0, len(scenarios) - 1, count).astype(int))


def placebos(prices: Prices, count: int) -> Scenarios:
    """Distinct scenarios of gpu_bubble: every admissible entry, at as many half-spreads as needed."""
    entries = admissible(GpuBubble, prices, HOLD)
    ladder = [
        Frictions(half_spread_bps=step / 64, borrow_rate=0, cash_rate=0) for step in range(-(-count // len(entries)))
    ]
    return evenly(Scenarios.product(entries, (HOLD,), frictions=ladder), count)


def multiverse(prices: Prices, count: int) -> Scenarios:
    """Entries x settings of gpu_bubble: rebalancing, lags, costs with interest, gross exposure."""
    costs = [
        Frictions(half_spread_bps=half_spread, borrow_rate=borrow, lag=lag)
        for half_spread in (0, 1, 2, 3, 5)
        for borrow in (0, 0.0030, 0.01, 0.03)
        for lag in (1, 2)
    ]
    gross = [{"gross": exposure} for exposure in (0.2, 0.4, 0.6, 0.8, 1.0)]
    every = Scenarios.product(admissible(GpuBubble, prices, HOLD + 1), (HOLD,), (10, 20, 60), costs, gross)
    return evenly(every, count)


def timed(reading: type[Reading], prices: Prices, scenarios: Scenarios) -> tuple[float, np.ndarray]:
    """Seconds a scenario of a batch without curves, and its terminal values."""
    began = perf_counter()
    batch = run_batch(reading, prices, scenarios, curves=False)
    return (perf_counter() - began) / len(scenarios), batch.terminal


def placebos_against_stock(folder: Path) -> tuple[Seconds, Seconds]:
    """Batches of 10,000 scenarios and single runs of stock Backtrader, in turn."""
    prices = market(folder, GpuBubble)
    scenarios = placebos(prices, PLACEBOS)
    chosen = np.linspace(0, len(scenarios) - 1, ROUNDS * STOCK_A_ROUND).astype(int)
    ours, peers = [], []
    for indices in np.array_split(chosen, ROUNDS):
        seconds, terminal = timed(GpuBubble, prices, scenarios)
        ours.append(seconds)
        peers += [stock_backtest(GpuBubble, prices, scenarios, index, terminal[index]).seconds for index in indices]
    return ours, peers


def stock_backtest(
    reading: type[Reading], prices: Prices, scenarios: Scenarios, index: int, terminal: float
) -> stock.StockResult:
    """One of the scenarios in stock Backtrader; unless its broker refused an order, it must end with `terminal`."""
    entry, hold = pd.Timestamp(scenarios.entry[index]), int(scenarios.hold[index])
    costs = scenarios.frictions[scenarios.cost[index]]
    result = stock.run(reading, stock.frames(reading, prices, entry, hold), entry, hold, costs)
    if not result.refused and abs(result.terminal - terminal) > CENT:
        raise AssertionError(
            f"{reading.__name__} from {entry:%Y-%m-%d}, hold {hold}: {terminal:.2f} USD in the batch, "
            f"{result.terminal:.2f} in stock Backtrader"
        )
    return result


def placebos_against_vectorbt(folder: Path, engine: str, question: str) -> tuple[Seconds, Seconds]:
    """Batches of 10,000 on both sides, in turn."""
    prices = market(folder, GpuBubble)
    scenarios = placebos(prices, PLACEBOS)
    ours, peers = [], []
    with Peer("vectorbt", windows(prices, scenarios), engine) as peer:
        for _ in range(ROUNDS):
            seconds, terminal = timed(GpuBubble, prices, scenarios)
            peer_seconds, peer_terminal = peer.ask(question)
            require_close(terminal, peer_terminal, "vectorbt")
            ours.append(seconds)
            peers.append(peer_seconds / len(scenarios))
    return ours, peers


def require_close(ours: np.ndarray, theirs: np.ndarray, peer: str, within: float = 0.01) -> None:
    """Raise AssertionError unless both did the same work; not to the cent, since peers size and round differently."""
    difference = float(np.abs(theirs / ours - 1).max())
    if not difference < within:
        raise AssertionError(f"{peer} ends up to {difference:.2%} away from the batch, more than {within:.0%}")


def windows(prices: Prices, scenarios: Scenarios) -> Windows:
    """The placebos for a peer: windows of equal length, with weights at the opens that fill them."""
    start = prices.days.searchsorted(scenarios.entry) - 1
    rows = start + np.arange(HOLD + 2)[:, None]
    scale = prices.factor[rows] / prices.factor[start]
    weights = np.full((HOLD + 2, len(prices.symbols)), np.nan)
    weights[1 : HOLD + 1 : REBALANCE] = [WEIGHTS[symbol] for symbol in prices.symbols]
    weights[HOLD + 1] = 0
    fees = np.array([costs.commission + costs.half_spread for costs in scenarios.frictions])[scenarios.cost]
    return Windows(prices.open[rows] * scale, prices.close[rows] * scale, weights, fees, np.arange(HOLD + 2))


def readings_against_stock(folder: Path) -> tuple[float, Seconds]:
    """Every reading at every admissible date and hold: our mean seconds, and those of a sample in stock Backtrader."""
    total, count, peers = 0.0, 0, []
    sample = iter(np.linspace(0.02, 0.98, len(strategies.names()) * len(HOLDS)))
    for name in strategies.names():
        reading = strategies.load(name)
        prices = market(folder, reading)
        scenarios = every_entry(reading, prices)
        seconds, terminal = timed(reading, prices, scenarios)
        total, count = total + seconds * len(scenarios), count + len(scenarios)
        peers += [
            stock_backtest(reading, prices, scenarios, index, terminal[index]).seconds
            for index in spread(scenarios, sample)
        ]
    return total / count, peers


def every_entry(reading: type[Reading], prices: Prices) -> Scenarios:
    """All admissible dates from December 2019 on, at each of HOLDS."""
    entries = admissible(reading, prices, min(HOLDS))
    every = Scenarios.product(entries[entries >= SINCE], HOLDS, frictions=[Frictions(borrow_rate=0, cash_rate=0)])
    ends = prices.days.searchsorted(every.entry) + every.hold
    return every.take(np.flatnonzero(ends < len(prices.days)))


def spread(scenarios: Scenarios, sample: Iterator[float]) -> Iterator[int]:
    """A scenario of each hold, at the next fractions of `sample` of its dates."""
    for hold in HOLDS:
        indices = np.flatnonzero(scenarios.hold == hold)
        yield int(indices[int(next(sample) * len(indices))])


def costs_by_size(folder: Path) -> dict[int, Seconds]:
    """Seconds a scenario in batches of placebos of each of SIZES, in turn."""
    prices = market(folder, GpuBubble)
    batches = {size: placebos(prices, size) for size in SIZES}
    seconds: dict[int, Seconds] = {size: [] for size in SIZES}
    for _ in range(3):
        for size, scenarios in batches.items():
            seconds[size].append(timed(GpuBubble, prices, scenarios)[0])
    return seconds
