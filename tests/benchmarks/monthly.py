"""The backtest of `single` (20 symbols x 1,000 sessions, rebalanced every 21) in `run_batch`, with its equity curve."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import single
from batches import require_close
from peers import Peer
from peers.windows import Windows

from data.prices import Prices
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights, leg

EVERY, INVESTED = 21, 0.9


class Monthly(Reading):
    """Equal weight in all symbols, long only."""

    symbols = single.SYMBOLS

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(self.symbols), INVESTED)


def windows(prices: Prices) -> Windows:
    """One scenario in a peer library, filled at the open after each decision."""
    weights = np.full(prices.open.shape, np.nan)
    weights[1::EVERY] = INVESTED / len(prices.symbols)
    fee = single.FREE_CASH.commission + single.FREE_CASH.half_spread
    return Windows(prices.open[:, None], prices.close[:, None], weights, np.array([fee]), prices.days)


def against(package: str, *settings: str, rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of our runs and of the peer's, in turn; they must end with about the same equity.

    Either side runs twice a turn and its second run counts: while one works, the other's caches go cold, which costs
    milliseconds that have nothing to do with the work.
    """
    prices = single.prices()
    scenario = Scenario(prices.sessions[1], hold=None, rebalance=EVERY, frictions=single.FREE_CASH)
    ours, peers = [], []
    with Peer(package, windows(prices), *settings) as peer:
        for _ in range(rounds):
            for _ in range(2):
                peer_seconds, peer_terminal = peer.ask("curves")
            for _ in range(2):
                began = perf_counter()
                batch = run_batch(Monthly, prices, Scenarios.of([scenario]))
                seconds = perf_counter() - began
            ours.append(seconds)
            peers.append(peer_seconds)
            require_close(batch.terminal, peer_terminal, package)
    return ours, peers
