"""Join the two shocks: AI software and chips, scaled by what bonds say about rates.

Claim: the technology shock and the rate decision belong together; the sector's catalyst works when rates fall.
Rule: half the AI software basket, half SMH; all of it while IEF beats BIL over 60 sessions, else half of it and half
    BIL. `scaled` off holds the basket throughout.
Trades: at the entry, then every 20 sessions; closed after the hold.
Refuted: when it has earned no more than its own basket held without scaling, net of costs.
Parameters:
    lookback: sessions over which IEF is compared with BIL
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
