"""Hold all stocks equally while the pool of leaders widens, follow the leaders while it narrows.

Claim: one closed ecosystem was a bottleneck; a new open environment first fills with many species, then converges to a
    few. The rule follows the pool either way; whether it widens is the question of `pool_widens`.
Rule: the stocks of the AI universe with 147 closes. A stock's share of leadership is its growth over 126 trading days,
    normalised. While the effective number of leaders (Hill number of order 1, the exponential of Shannon's entropy) is
    above its value 20 trading days ago, equal weight; otherwise weights proportional to the shares. `power` sets a
    constant exponent of the shares instead.
Trades: at the entry, then every 20 trading days; closed at the end of the holding period.
Refuted: when it has earned no more than the better of always equal weight and always following, net of costs.
Parameters:
    lookback: trading days of growth that make up a share
    compare: trading days between the two Hill numbers
    power: constant exponent of the shares (0 equal weight, 1 follow the leaders); None lets the pool decide
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
        stocks = past.tradable(AI_UNIVERSE, self.p.lookback + self.p.compare + 1)
        shares = self.shares(past, stocks)
        power = self.p.power
        if power is None:
            power = 0 if effective_number(shares) > effective_number(self.shares(past, stocks, self.p.compare)) else 1
        parts = shares**power
        return dict(zip(stocks, (parts / parts.sum()).tolist(), strict=True))

    def shares(self, past: Past, stocks: tuple[str, ...], ago: int = 0) -> np.ndarray:
        """Shares of leadership `ago` sessions ago, shape (n_stocks,), summing to 1."""
        growth = np.array([past.growth(stock, self.p.lookback + ago, until=ago) for stock in stocks])
        return np.asarray(growth / growth.sum())


def effective_number(shares: np.ndarray) -> float:
    """Hill number of order 1: exp(-sum p log p) (Hill 1973, Ecology 54:427)."""
    return float(np.exp(-np.sum(shares * np.log(shares))))
