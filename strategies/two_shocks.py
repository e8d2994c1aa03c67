"""Combine the two shocks: AI software and chips, scaled by what bonds say about rates.

Claim: the technology shock and the rate decision belong together; software-side AI leaps ahead, and the sector gets a
    catalyst. The essay announces the link and does not argue it: that the catalyst works when rates fall is the
    project's inference.
Rule: a basket of half AI software, half SMH; fully invested while IEF beats BIL over 60 trading days, otherwise half
    basket and half BIL. Without `scaled` it is always fully invested.
Trades: at the entry, then every 20 trading days; closed at the end of the holding period.
Refuted: when it has earned no more than its own basket without scaling, net of costs.
Parameters:
    lookback: trading days over which IEF is compared with BIL
    scaled: halve the basket while IEF does not lead
"""

from data.universe import AI_SOFTWARE
from strategies.base import Past, Reading, Variants, Weights, leg


class TwoShocks(Reading):
    """AI software and SMH, halved while rates do not help."""

    params = (("lookback", 60), ("scaled", True))
    symbols = (*AI_SOFTWARE, "SMH", "BIL", "IEF")
    claims = ("C16", "C6", "C11")
    comparator = Variants(({"scaled": False},), "its own basket, not scaled")
    history = 61

    def weights(self, past: Past) -> Weights:
        full = not self.p.scaled or past.beats("IEF", "BIL", self.p.lookback)
        size = 1.0 if full else 0.5
        basket = leg(past.tradable(AI_SOFTWARE), size / 2) | {"SMH": size / 2}
        return basket if full else basket | {"BIL": 0.5}
