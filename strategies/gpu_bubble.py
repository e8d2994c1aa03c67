"""Short the flagship GPU, long the overlooked ones.

Claim: near-frontier results on mid-tier chips mean that the premium on the very best GPU is too high. The essay reports
    this as what people ask, and waves it aside. What it argues itself: AMD and Intel are good enough with good
    software, a specification has a ceiling, and for holders of NVDA alone the news can keep pulling the price down.
Rule: short NVDA with half of the gross exposure, long AMD and INTC with a quarter each; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
Parameters:
    gross: gross exposure, fraction of equity
"""

from data.universe import AI_UNIVERSE
from strategies.base import Past, Reading, RoleWeights, Weights, leg


class GpuBubble(Reading):
    """Short NVDA, long AMD and INTC, dollar neutral."""

    params = (("gross", 1.0),)
    symbols = ("NVDA", "AMD", "INTC")
    claims = ("C1", "C5", "C10", "C17")
    chooses = AI_UNIVERSE
    general_form = RoleWeights(leader=-0.5, challengers=0.5)

    def weights(self, past: Past) -> Weights:
        half = self.p.gross / 2
        return leg(past.tradable(["NVDA"]), -half) | leg(past.tradable(["AMD", "INTC"]), half)
