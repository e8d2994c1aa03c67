"""Short chips, long the market: the market's own first reading.

Claim: the opposite of the essay, and the first reading of the day: cheap training means fewer chips, so the sector that
    sells them lags everything else.
Rule: short SMH with half of equity, long SPY with half; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from strategies.base import Past, Reading, RoleWeights, Weights


class BadNews(Reading):
    """Short SMH, long SPY, dollar neutral."""

    symbols = ("SMH", "SPY")
    claims = ()
    general_form = RoleWeights(group=-0.5, market=0.5)

    def weights(self, past: Past) -> Weights:
        return {"SMH": -0.5, "SPY": 0.5}
