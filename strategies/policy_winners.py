"""Back the American companies that already deliver.

Claim: the government will not build a national AI laboratory; it will back companies that deliver, despite antitrust
    concerns. Past growth stands for delivering here; it is not backing (see `named_partners`, `antitrust_yields`).
Rule: equal weight in the five American stocks of the AI universe with the highest growth from 126 to 21 trading days
    ago; ties are broken by symbol.
Trades: at the entry, then selected anew every 20 trading days; closed at the end of the holding period.
Refuted: when it has earned no more than all American stocks of the universe at equal weight, net of costs.
Parameters:
    count: number of stocks held
    lookback: start of the growth period, trading days ago
    skip: end of the growth period, trading days ago
"""

from data.universe import AI_UNIVERSE, FOREIGN
from strategies.base import EqualWeight, Past, Reading, Weights, leg

AMERICAN = tuple(symbol for symbol in AI_UNIVERSE if symbol not in FOREIGN)


class PolicyWinners(Reading):
    """The five strongest American stocks of the AI universe."""

    params = (("count", 5), ("lookback", 126), ("skip", 21))
    symbols = AMERICAN
    claims = ("C8", "C15")
    chooses = AI_UNIVERSE
    rechooses = True
    comparator = EqualWeight(AMERICAN, "all American names of the AI universe, equal weight", closes=127)
    history = 127

    def weights(self, past: Past) -> Weights:
        stocks = past.tradable(AMERICAN, self.p.lookback + 1)
        growth = {stock: past.growth(stock, self.p.lookback, until=self.p.skip) for stock in stocks}
        winners = sorted(stocks, key=lambda stock: (-growth[stock], stock))[: self.p.count]
        return leg(winners, 1.0)
