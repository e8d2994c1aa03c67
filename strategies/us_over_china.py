"""Long American technology against Chinese.

Claim: a state-run sprint shines early, but a diverse and competitive pool wins in the long run; the final beneficiary
    is the United States. A claim about the long run, of which a year is the beginning.
Rule: long QQQ with half of equity, short KWEB and FXI with a quarter each; dollar neutral.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from strategies.base import Past, Reading, Weights, leg


class UsOverChina(Reading):
    """Long QQQ, short KWEB and FXI, dollar neutral."""

    symbols = ("QQQ", "KWEB", "FXI")
    claims = ("C9",)
    long_run = True

    def weights(self, past: Past) -> Weights:
        return {"QQQ": 0.5} | leg(past.tradable(["KWEB", "FXI"]), -0.5)
