"""Long the whole AI sector, the flagship included.

Claim: on the whole the event is very good news for AI; it is a catalyst for the breadth and size of the sector.
Rule: half SMH (semiconductors), half IGV (software).
Trades: at the entry, then every 20 trading days back to halves; closed at the end of the holding period.
Refuted: when it has earned no more than SPY, net of costs.
"""

from strategies.base import Fund, Past, Reading, RoleWeights, Weights, leg


class SectorTailwind(Reading):
    """Half SMH, half IGV."""

    symbols = ("SMH", "IGV")
    claims = ("C2", "C11")
    comparator = Fund("SPY")
    general_form = RoleWeights(group=1.0, against="market")

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(self.symbols), 1.0)
