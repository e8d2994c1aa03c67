"""Long the defendants of antitrust suits against the market.

Claim: political backing can override even antitrust concerns.
Rule: long GOOGL META AMZN AAPL, the defendants of that time's federal antitrust suits, with an eighth of equity each;
    short QQQ with half; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from data.universe import AI_UNIVERSE
from strategies.base import Past, Reading, Weights, leg

DEFENDANTS = ("GOOGL", "META", "AMZN", "AAPL")


class AntitrustYields(Reading):
    """Long four defendants, short QQQ, dollar neutral."""

    symbols = (*DEFENDANTS, "QQQ")
    claims = ("C15",)
    chooses = (*AI_UNIVERSE, "AAPL")

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(DEFENDANTS), 0.5) | {"QQQ": -0.5}
