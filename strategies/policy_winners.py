"""Back the American companies that already deliver.

Claim: the government will not build a national AI laboratory; it will back companies that deliver, even over antitrust
    worries.
Rule: equal weight in the five American names of the AI universe with the highest growth from 126 to 21 sessions ago,
    ties by symbol.
Trades: at the entry, then chosen anew every 20 sessions; closed after the hold.
Refuted: when it has earned no more than all those names at equal weight, net of costs.
Parameters:
    count: names held
    lookback: sessions ago at which growth begins
    skip: sessions ago at which it ends
"""

from data.universe import AI_UNIVERSE, FOREIGN
from strategies.base import EqualWeight, Past, Reading, Weights, leg

AMERICAN = tuple(symbol for symbol in AI_UNIVERSE if symbol not in FOREIGN)


class PolicyWinners(Reading):
    """The five strongest American names of the AI universe."""

    params = (("count", 5), ("lookback", 126), ("skip", 21))
    symbols = AMERICAN
    claims = ("C8", "C15")
    chooses = AI_UNIVERSE
    rechooses = True
    comparator = EqualWeight(AMERICAN, "all American names of the AI universe, equal weight", closes=127)
    history = 127

    def weights(self, past: Past) -> Weights:
        names = past.tradable(AMERICAN, self.p.lookback + 1)
        growth = {name: past.growth(name, self.p.lookback, until=self.p.skip) for name in names}
        winners = sorted(names, key=lambda name: (-growth[name], name))[: self.p.count]
        return leg(winners, 1.0)
