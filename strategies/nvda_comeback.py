"""Wait for NVDA to recover half of its fall.

Claim: the flagship vendor's own next move is the thing to watch, likely a mid-tier product much stronger than others.
    No price tests a product; this rule follows only the stock's return to strength.
Rule: all in NVDA from the first close at or above the midpoint between the close before the shock and the close of the
    shock; out at a close below the low of the day of the shock; in again by the same rule. A close below that low is
    never an entry signal, even if the shock was a rise and its low lies above the midpoint.
Trades: only at the open after a signal, and not before the close of the shock; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs, has never bought, or is out of the market at
    the end.
Parameters:
    symbol: the stock
"""

from collections.abc import Mapping

import numpy as np

from strategies.base import Decision, OnLeader, Past, Reading, Weights


class NvdaComeback(Reading):
    """NVDA after a close above the midpoint of its fall, cash after a close below the low of that day."""

    params = (("symbol", "NVDA"),)
    claims = ("C12",)
    history = 5  # the close before the shock comes five sessions before the entry
    watches = True
    reacts_to = "NVDA"
    general_form = OnLeader()

    @property
    def symbols(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.p.symbol,)

    def weights(self, past: Past) -> Weights:
        signals = self.signals(past)
        now, before = is_in(signals), past.held > 0 and is_in(signals[:-1])
        return None if now == before else {self.p.symbol: 1.0} if now else {}

    def course(self, past: Past) -> Mapping[int, Mapping[str, float]]:
        signals = self.signals(past)
        signals = np.concatenate((np.zeros(max(0, past.held + 1 - len(signals))), signals))
        latest = np.maximum.accumulate(np.where(signals != 0, np.arange(len(signals)), 0))
        inside = (signals[latest] > 0)[-1 - past.held :]
        turns = np.flatnonzero(inside != np.concatenate(([False], inside[:-1])))
        return {held: {self.p.symbol: 1.0} if inside[held] else {} for held in turns.tolist()}

    @classmethod
    def refuted(cls, d: float, decisions: tuple[Decision, ...]) -> bool:
        return d <= 0 or not decisions or not any(decisions[-1].weights.values())

    def signals(self, past: Past) -> np.ndarray:
        """Signals from the close of the shock on: 1 in, -1 out, 0 none; shape (n_sessions since the shock,)."""
        shock = past.sessions.searchsorted(past.shock)
        close = past.close(self.p.symbol)[shock:]
        if shock == 0 or not len(close):
            return np.zeros(0)
        midpoint = (past.close(self.p.symbol)[shock - 1] + close[0]) / 2
        return np.where(close < past.low(self.p.symbol)[shock], -1, np.where(close >= midpoint, 1, 0))


def is_in(signals: np.ndarray) -> bool:
    """Whether the last signal other than 0 is 1."""
    nonzero = signals[signals != 0]
    return len(nonzero) > 0 and bool(nonzero[-1] > 0)
