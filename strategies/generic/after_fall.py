"""Wait for a fall, then buy and hold.

Claim: a shock goes too far before it is over.
Rule: nothing until the first close at least `fall` below the close before the shock; from then on all in `symbol`.
Trades: once, at the open after that close; closed at the end of the holding period.
Refuted: when it has earned no more than `symbol` bought at the entry and held, net of costs, or never bought.
Parameters:
    symbol: what is bought
    fall: fraction below the close before the shock
"""

from collections.abc import Mapping

import numpy as np

from data.errors import RequestError
from strategies.base import Decision, Fund, Past, Reading, Weights
from strategies.base.comparator import Comparator


class AfterFall(Reading):
    """All in one symbol once it has fallen by `fall` since the close before the shock."""

    params = (("symbol", "SPY"), ("fall", 0.10))
    watches = True

    @property
    def symbols(self) -> tuple[str, ...]:  # type: ignore[override]
        if not 0 < self.p.fall < 1:
            raise RequestError(f"fall is {self.p.fall}; give a fraction between 0 and 1, for example 0.1 for a tenth")
        return (self.p.symbol,)

    @property
    def comparator(self) -> Comparator:  # type: ignore[override]
        return Fund(self.p.symbol)

    def weights(self, past: Past) -> Weights:
        return self.course(past).get(past.held)

    def course(self, past: Past) -> Mapping[int, Mapping[str, float]]:
        shock, close = int(past.sessions.searchsorted(past.shock)), past.close(self.p.symbol)
        if shock == 0:
            return {}
        lows = np.flatnonzero(close[shock:] <= close[shock - 1] * (1 - self.p.fall))
        if not len(lows):
            return {}
        since = len(close) - 1 - (shock + int(lows[0]))
        return {max(0, past.held - since): {self.p.symbol: 1.0}}

    @classmethod
    def refuted(cls, d: float, decisions: tuple[Decision, ...]) -> bool:
        return d <= 0 or not decisions
