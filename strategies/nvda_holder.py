"""Short NVDA, long the market of its peers: the holder of NVDA alone.

Claim: whatever the event means for AI, for holders of NVDA alone it is bad news that can keep pulling the price down.
Rule: short NVDA with half of equity, long QQQ with half; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from strategies.base import Past, Reading, RoleWeights, Weights


class NvdaHolder(Reading):
    """Short NVDA, long QQQ, dollar neutral."""

    symbols = ("NVDA", "QQQ")
    claims = ("C10",)
    general_form = RoleWeights(leader=-0.5, market=0.5)

    def weights(self, past: Past) -> Weights:
        return {"NVDA": -0.5, "QQQ": 0.5}
