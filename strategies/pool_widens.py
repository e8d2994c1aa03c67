"""Long technology at equal weight, short technology by market value: the pool widens.

Claim: one closed ecosystem was a bottleneck; the shock opens a wide pool of diversity, in which cheap, specialised AI
    of many makers leaps ahead. A pool that widens lifts the many against the few.
Rule: long QTEC (Nasdaq-100 technology, equally weighted) with half of equity, short XLK (technology by market value)
    with half; dollar neutral, without a hand-picked stock.
Trades: at the entry, then every 20 trading days back to these weights; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
"""

from strategies.base import Past, Reading, Weights


class PoolWidens(Reading):
    """Long QTEC, short XLK, dollar neutral."""

    symbols = ("QTEC", "XLK")
    claims = ("C3", "C4", "C6")

    def weights(self, past: Past) -> Weights:
        return {"QTEC": 0.5, "XLK": -0.5}
