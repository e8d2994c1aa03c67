"""Long makers of top-specification hardware: demand for the best continues.

Claim: demand for the top specification continues, because cash-rich American technology companies keep buying.
Rule: equal weight in NVDA AVGO TSM MU ANET VRT; long only.
Trades: at the entry, then every 20 trading days back to equal weight; closed at the end of the holding period.
Refuted: when it has earned no more than QQQ, net of costs.
"""

from data.universe import AI_UNIVERSE
from strategies.base import Fund, Past, Reading, Weights, leg


class HighEndDemand(Reading):
    """Equal weight in six makers of top-specification hardware."""

    symbols = ("NVDA", "AVGO", "TSM", "MU", "ANET", "VRT")
    claims = ("C13",)
    chooses = AI_UNIVERSE
    comparator = Fund("QQQ")

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(self.symbols), 1.0)
