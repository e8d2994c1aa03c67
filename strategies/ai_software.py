"""Long the software that becomes cheap to make intelligent.

Claim: experts with open models can build specialised AI without large GPU budgets; software leaps ahead, and every
    derivative is material for the next.
Rule: equal weight in ten software names (PLTR CRM NOW SNOW ADBE DDOG MDB WDAY PANW CRWD). With `hedge`, also short QQQ
    at the basket's beta over the last `beta_sessions` returns, all weights divided by 1 + beta.
Trades: at the entry, then every 20 sessions back to equal weight; closed after the hold.
Refuted: when it has earned no more than QQQ, net of costs.
Parameters:
    hedge: short QQQ against the basket
    beta_sessions: returns behind the hedge's beta
"""

import numpy as np

from data.universe import AI_SOFTWARE, AI_UNIVERSE
from strategies.base import Fund, Past, Reading, Weights, leg


class AiSoftware(Reading):
    """Long the AI software basket, hedged with QQQ on request."""

    params = (("hedge", False), ("beta_sessions", 120))
    symbols = (*AI_SOFTWARE, "QQQ")
    claims = ("C6", "C7")
    chooses = AI_UNIVERSE
    comparator = Fund("QQQ")

    def weights(self, past: Past) -> Weights:
        if not self.p.hedge:
            return leg(past.tradable(AI_SOFTWARE), 1.0)
        names = past.tradable(AI_SOFTWARE, self.p.beta_sessions + 1)
        if not names or not past.tradable(["QQQ"], self.p.beta_sessions + 1):
            return {}
        beta = self.beta(past, names)
        return leg(names, 1 / (1 + beta)) | {"QQQ": -beta / (1 + beta)}

    def beta(self, past: Past, names: tuple[str, ...]) -> float:
        """OLS slope of the equally weighted basket's daily returns on QQQ's, never below zero."""
        basket = np.mean([past.returns(name, self.p.beta_sessions) for name in names], axis=0)
        covariance = np.cov(basket, past.returns("QQQ", self.p.beta_sessions))
        return max(0.0, float(covariance[0, 1] / covariance[1, 1]))
