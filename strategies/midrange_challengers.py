"""Long makers of mid-range chips against the whole sector.

Claim: overlooked mid- and low-priced chips become good enough with good software and open new markets; beyond a
    ceiling, higher specifications are worth little.
Rule: long AMD INTC QCOM ARM MRVL with a tenth of equity each, short SMH with half; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from data.universe import AI_UNIVERSE
from strategies.base import Past, Reading, RoleWeights, Weights, leg

CHALLENGERS = ("AMD", "INTC", "QCOM", "ARM", "MRVL")


class MidrangeChallengers(Reading):
    """Long five challengers, short SMH, dollar neutral."""

    symbols = (*CHALLENGERS, "SMH")
    claims = ("C5", "C14", "C17")
    chooses = AI_UNIVERSE
    general_form = RoleWeights(lower=0.5, group=-0.5)

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(CHALLENGERS), 0.5) | {"SMH": -0.5}
