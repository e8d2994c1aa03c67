"""Wait for NVDA to win back half of its fall.

Claim: the flagship vendor's own next move is the thing to watch.
Rule: all in NVDA from the first close at or above the midpoint between the close before the shock and the shock's
    close; out at a close below the low of the shock session; in again by the same rule. A close below the low is never
    a signal to be in, also where the shock went up and its low lies above the midpoint.
Trades: at the open after a signal, never otherwise; nothing before the shock's close is known; closed after the hold.
Refuted: when it has lost money, net of costs, against cash at zero, was never in, or is out at the end.
"""

from collections.abc import Mapping

import numpy as np

from strategies.base import Decision, Past, Reading, Weights


class NvdaComeback(Reading):
    """NVDA above the midpoint of its fall, cash below the low of that day."""

    symbols = ("NVDA",)
    claims = ("C12",)
    history = 5  # the close before the shock comes five sessions before the entry
    watches = True
    reacts_to = "NVDA"

    def weights(self, past: Past) -> Weights:
        signals = self.signals(past)
        now, before = is_in(signals), past.held > 0 and is_in(signals[:-1])
        return None if now == before else {"NVDA": 1.0} if now else {}

    def course(self, past: Past) -> Mapping[int, Mapping[str, float]]:
        told = self.signals(past)
        signals = np.concatenate((np.zeros(len(past.sessions) - len(told)), told))
        latest = np.maximum.accumulate(np.where(signals != 0, np.arange(len(signals)), 0))
        inside = (signals[latest] > 0)[-1 - past.held :]
        turns = np.flatnonzero(np.diff(inside, prepend=False))
        return {held: {"NVDA": 1.0} if inside[held] else {} for held in turns.tolist()}

    @classmethod
    def refuted(cls, d: float, decisions: tuple[Decision, ...]) -> bool:
        return d <= 0 or not decisions or not any(decisions[-1].weights.values())

    def signals(self, past: Past) -> np.ndarray:
        """From the shock's close on: 1 in, -1 out, 0 no signal; shape (n_sessions since the shock,)."""
        shock = past.sessions.searchsorted(past.shock)
        close = past.close("NVDA")[shock:]
        if shock == 0 or not len(close):
            return np.zeros(0)
        midpoint = (past.close("NVDA")[shock - 1] + close[0]) / 2
        return np.where(close < past.low("NVDA")[shock], -1, np.where(close >= midpoint, 1, 0))


def is_in(signals: np.ndarray) -> bool:
    """Whether the last signal said in."""
    spoken = signals[signals != 0]
    return len(spoken) > 0 and bool(spoken[-1] > 0)
