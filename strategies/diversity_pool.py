"""Hold everybody while the pool of leaders widens, follow the leaders while it narrows.

Claim: one closed ecosystem was a bottleneck; a new open environment fills with many species first, then converges to
    few.
Rule: the AI universe, names with 147 closes. A name's share of leadership is its growth over 126 sessions, normalised.
    While the effective number of leaders (Hill number of order 1, the exponential of Shannon's entropy) is above its
    value 20 sessions ago, equal weight; else weights proportional to the shares. `power` fixes the exponent of the
    shares instead.
Trades: at the entry, then every 20 sessions; closed after the hold.
Refuted: when it has earned no more than the better of always-equal and always-following, net of costs.
Parameters:
    lookback: sessions of growth behind a share
    compare: sessions between the two Hill numbers
    power: exponent of the shares held throughout (0 equal weight, 1 follow the leaders); None lets the pool decide
"""

import numpy as np

from data.universe import AI_UNIVERSE
from strategies.base import Past, Reading, Variants, Weights


class DiversityPool(Reading):
    """Equal weight while leadership widens, leadership-weighted while it narrows."""

    params = (("lookback", 126), ("compare", 20), ("power", None))
    symbols = AI_UNIVERSE
    claims = ("C3", "C4")
    comparator = Variants(({"power": 0}, {"power": 1}), "the better of equal weight and leadership weight")
    history = 147

    def weights(self, past: Past) -> Weights:
        names = past.tradable(AI_UNIVERSE, self.p.lookback + self.p.compare + 1)
        shares = self.shares(past, names)
        power = self.p.power
        if power is None:
            power = 0 if effective_number(shares) > effective_number(self.shares(past, names, self.p.compare)) else 1
        parts = shares**power
        return dict(zip(names, (parts / parts.sum()).tolist(), strict=True))

    def shares(self, past: Past, names: tuple[str, ...], ago: int = 0) -> np.ndarray:
        """Leadership shares `ago` sessions ago, shape (n_names,), summing to 1."""
        growth = np.array([past.growth(name, self.p.lookback + ago, until=ago) for name in names])
        return np.asarray(growth / growth.sum())


def effective_number(shares: np.ndarray) -> float:
    """Hill number of order 1: exp(-sum p log p) (Hill 1973, Ecology 54:427)."""
    return float(np.exp(-np.sum(shares * np.log(shares))))
