"""A basket at fixed weight, the holding of comparators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from strategies.base.past import Past, leg
from strategies.base.reading import Reading


class Basket(Reading):
    """The stocks `names` at equal weight, rebalanced at every decision.

    Parameters:
        names: symbols
        weight: total weight, fraction of equity
        closes: closes that a stock needs before it joins
    """

    params: ClassVar[Any] = (("names", ()), ("weight", 1.0), ("closes", 1))

    @property
    def symbols(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.p.names)

    def weights(self, past: Past) -> Mapping[str, float]:
        return leg(past.tradable(self.p.names, self.p.closes), self.p.weight)
