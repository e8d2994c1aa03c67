"""Long the whole AI sector, the flagship included.

Claim: taken whole, the event is very good news for AI; breadth and size of the sector get a catalyst.
Rule: half SMH (semiconductors), half IGV (software).
Trades: at the entry, then every 20 sessions back to halves; closed after the hold.
Refuted: when it has earned no more than SPY, net of costs.
"""

from strategies.base import Fund, Past, Reading, Weights, leg


class SectorTailwind(Reading):
    """Half SMH, half IGV."""

    symbols = ("SMH", "IGV")
    claims = ("C2", "C11")
    comparator = Fund("SPY")

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(self.symbols), 1.0)
