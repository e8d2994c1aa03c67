"""Long software that becomes cheap to make intelligent.

Claim: experts with open models can build specialised AI without large GPU budgets; software leaps ahead, and every
    derivative is material for the next.
Rule: equal weight in ten software stocks (PLTR CRM NOW SNOW ADBE DDOG MDB WDAY PANW CRWD). With `hedge`, also short QQQ
    by the basket's beta over the last `beta_sessions` daily returns, with all weights divided by 1 + beta.
Trades: at the entry, then every 20 trading days back to equal weight; closed at the end of the holding period.
Refuted: when it has earned no more than QQQ, net of costs.
Parameters:
    hedge: short QQQ against the basket
    beta_sessions: daily returns from which the hedge's beta is estimated
"""

import numpy as np

from data.universe import AI_SOFTWARE, AI_UNIVERSE
from strategies.base import Fund, Past, Reading, Weights, leg


class AiSoftware(Reading):
    """Long the AI software basket, optionally hedged with QQQ."""

    params = (("hedge", False), ("beta_sessions", 120))
    symbols = (*AI_SOFTWARE, "QQQ")
    claims = ("C6", "C7")
    chooses = AI_UNIVERSE
    comparator = Fund("QQQ")

    def weights(self, past: Past) -> Weights:
        if not self.p.hedge:
            return leg(past.tradable(AI_SOFTWARE), 1.0)
        stocks = past.tradable(AI_SOFTWARE, self.p.beta_sessions + 1)
        if not stocks or not past.tradable(["QQQ"], self.p.beta_sessions + 1):
            return {}
        beta = self.beta(past, stocks)
        return leg(stocks, 1 / (1 + beta)) | {"QQQ": -beta / (1 + beta)}

    def beta(self, past: Past, stocks: tuple[str, ...]) -> float:
        """OLS slope of the equally weighted basket's daily returns on QQQ's, at least zero."""
        basket = np.mean([past.returns(stock, self.p.beta_sessions) for stock in stocks], axis=0)
        covariance = np.cov(basket, past.returns("QQQ", self.p.beta_sessions))
        return max(0.0, float(covariance[0, 1] / covariance[1, 1]))
