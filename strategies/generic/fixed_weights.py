"""Fixed weights of given symbols.

Claim: none of its own; it is the general form of readings that hold constant weights.
Rule: each symbol at its weight, a fraction of equity, negative for short.
Trades: at the entry, then back to these weights at every scheduled decision; closed at the end of the holding period.
Refuted: when it has earned no more than the idle account, net of costs.
Parameters:
    names: the symbols
    shares: the weight of each of them
"""

from strategies.base import Past, Reading, Weights


class FixedWeights(Reading):
    """Constant weights."""

    params = (("names", ()), ("shares", ()))

    @property
    def symbols(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.p.names)

    def weights(self, past: Past) -> Weights:
        return dict(zip(self.p.names, self.p.shares, strict=True))
