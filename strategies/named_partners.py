"""Hold the partners that the government named.

Claim: the government will not build a national AI laboratory; it will politically back companies that deliver.
Rule: equal weight in ORCL MSFT NVDA ARM, the listed partners named in the announcement of 21 January 2025; long only.
    They were chosen by the announcement, not by their prices: momentum, as in `policy_winners`, is not backing.
Trades: at the entry, then every 20 trading days back to equal weight; closed at the end of the holding period.
Refuted: when it has earned no more than QQQ, net of costs.
"""

from data.universe import AI_UNIVERSE
from strategies.base import Fund, Past, Reading, Weights, leg


class NamedPartners(Reading):
    """Equal weight in four partners named by the government."""

    symbols = ("ORCL", "MSFT", "NVDA", "ARM")
    claims = ("C8",)
    chooses = AI_UNIVERSE
    comparator = Fund("QQQ")

    def weights(self, past: Past) -> Weights:
        return leg(past.tradable(self.symbols), 1.0)
