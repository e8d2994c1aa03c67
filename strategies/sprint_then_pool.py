"""First China's sprint, then the American pool.

Claim: a state-run sprint shines early, but a diverse and competitive pool wins in the long run; the final beneficiary
    is the United States.
Rule: for the first 60 trading days long KWEB with half of equity and short QQQ with half; from then on the reverse;
    dollar neutral. The essay names no date for the turn: 60 trading days are the project's choice.
Trades: at the entry, then every 20 trading days back to these weights, and at the turn; closed at the end of the
    holding period.
Refuted: when it has earned no more than the idle account, net of costs.
Parameters:
    sprint: trading days until the turn
"""

from strategies.base import Past, Reading, Weights


class SprintThenPool(Reading):
    """Long KWEB against QQQ, then QQQ against KWEB."""

    params = (("sprint", 60),)
    symbols = ("KWEB", "QQQ")
    claims = ("C9",)
    watches = True

    def weights(self, past: Past) -> Weights:
        if not past.scheduled and past.held != self.p.sprint:
            return None
        china = 0.5 if past.held < self.p.sprint else -0.5
        return {"KWEB": china, "QQQ": -china}
