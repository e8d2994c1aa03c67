"""Small changes of a reading's basket: its own rule decides, then the weights of each decision are perturbed.

A perturbation sees only the weights of one decision and the past behind it. The gross exposure of a leg does not
change, as long as one of its stocks is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from strategies.base import Past, Reading, Weights


class Perturbation(Protocol):
    """A small change of a rule's weights. Frozen and picklable, so that it can be sent to worker processes."""

    @property
    def added(self) -> tuple[str, ...]:
        """Symbols that the perturbation adds to those of the reading."""

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """The changed weights, fractions of equity."""


@dataclass(frozen=True)
class WithoutStocks:
    """Leaves out `stocks`; their weight goes to the rest of their `leg`, in proportion."""

    stocks: tuple[str, ...]
    leg: tuple[str, ...]
    added: tuple[str, ...] = ()

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Perturbation. Nothing replaces a leg that is left out whole."""
        before = sum(abs(weights.get(stock, 0.0)) for stock in self.leg)
        after = sum(abs(weights.get(stock, 0.0)) for stock in self.leg if stock not in self.stocks)
        scale = before / after if after else 0.0
        return {
            symbol: weight * scale if symbol in self.leg else weight
            for symbol, weight in weights.items()
            if symbol not in self.stocks
        }


@dataclass(frozen=True)
class SwappedSymbol:
    """Replaces `old` by `new`; until `new` trades, its weight is left out."""

    old: str
    new: str

    @property
    def added(self) -> tuple[str, ...]:
        return (self.new,)

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Perturbation."""
        if self.old not in weights:
            return weights
        others = {symbol: weight for symbol, weight in weights.items() if symbol != self.old}
        swapped = {symbol: weights[self.old] + others.get(symbol, 0.0) for symbol in past.tradable((self.new,))}
        return others | swapped


@dataclass(frozen=True)
class AddedStock:
    """Adds `new` to the `leg` at an equal share; until it trades, nothing changes."""

    new: str
    leg: tuple[str, ...]

    @property
    def added(self) -> tuple[str, ...]:
        return (self.new,)

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Perturbation."""
        held = {stock: weights[stock] for stock in self.leg if weights.get(stock)}
        if not held or not past.tradable((self.new,)):
            return weights
        share = 1 / (len(held) + 1)
        reduced = {stock: weight * (1 - share) for stock, weight in held.items()}
        return {**weights, **reduced, self.new: weights.get(self.new, 0.0) + sum(held.values()) * share}


def perturbed_reading(
    reading: type[Reading], perturbation: Perturbation, symbols: tuple[str, ...] | None = None
) -> type[Reading]:
    """The reading with its weights perturbed; history, schedule and parameters do not change.

    `symbols` are those of the reading where they depend on its parameters.

    The class runs in Backtrader and in batches. It has no module and cannot be sent to another process: send the
    reading and the perturbation.
    """
    unperturbed = tuple(reading.rule().symbols) if symbols is None else symbols

    class Perturbed(reading):  # type: ignore[valid-type, misc]
        symbols = tuple(dict.fromkeys((*unperturbed, *perturbation.added)))
        course = Reading.course  # the reading's own would skip the perturbation

        def weights(self, past: Past) -> Weights:
            # An instance of the reading itself, whose rule may look at the symbols of its class.
            weights = reading.rule(**self.p._getkwargs()).weights(past)
            return None if weights is None else perturbation.of(weights, past)

    Perturbed.__name__ = Perturbed.__qualname__ = f"Perturbed{reading.__name__}"
    return Perturbed
