"""Long one basket and short another, or long only.

Claim: the stocks of one basket outperform those of another.
Rule: half of equity long in the stocks of `long`, half short in those of `short`, equal weight inside each basket;
    without `short`, all of it long. Stocks not yet listed are left out; nothing is held while a basket is empty.
Trades: at the entry, then back to these weights at every scheduled decision; closed at the end of the holding period.
Refuted: when it has earned no more than its comparator, net of costs.
Parameters:
    long: symbols bought
    short: symbols sold short; none for long only
    against: the fund to beat; empty for the idle account
"""

from data.errors import RequestError
from strategies.base import Cash, Fund, Past, Reading, Weights, leg
from strategies.base.comparator import Comparator


class LongShort(Reading):
    """Long one basket, short another, equal weight inside each."""

    params = (("long", ()), ("short", ()), ("against", ""))

    @property
    def symbols(self) -> tuple[str, ...]:  # type: ignore[override]
        if both := [symbol for symbol in self.p.long if symbol in self.p.short]:
            raise RequestError(f"{both[0]} is both in long and in short; leave it out of one of them")
        return (*self.p.long, *self.p.short)

    @property
    def comparator(self) -> Comparator:  # type: ignore[override]
        return Fund(self.p.against) if self.p.against else Cash()

    def weights(self, past: Past) -> Weights:
        bought, sold = past.tradable(self.p.long), past.tradable(self.p.short)
        if not self.p.short:
            return leg(bought, 1.0)
        return leg(bought, 0.5) | leg(sold, -0.5) if bought and sold else {}
