"""A package of one module: a Reading and a plain strategy."""

import backtrader as bt

from strategies.base import Fund, Past, Reading, Weights


class CalmSemis(Reading):
    """Half in chips, half in bonds.

    Claim: whoever the shock hits, demand for chips stays.
    Rule: half of equity in SMH, half in IEF.
    Trades: at the entry, then every 20 sessions back to these weights; closed after the hold.
    Refuted: when it has made less than SPY, bought and held.
    """

    symbols = ("SMH", "IEF")
    comparator = Fund("SPY")

    def weights(self, past: Past) -> Weights:
        """Half and half."""
        return {"SMH": 0.5, "IEF": 0.5}


class SpyDips(bt.Strategy):
    """Buy SPY after a fall, sell it after a rise."""

    symbols = ("SPY",)
    params = (("fall", 0.01),)

    def next(self) -> None:
        """Decide at the close; orders fill at the next open."""
        change = self.data.close[0] / self.data.close[-1] - 1 if len(self) > 1 else 0.0
        if change < -self.p.fall and not self.position:
            self.order_target_percent(target=0.9)
        elif change > self.p.fall and self.position:
            self.close()
