"""A reading with other names in its basket: its own rule decides, and what it decides is changed by a little.

An alteration knows nothing but the weights of one decision and the past that they were decided on. Gross exposure of a
leg stays what it was, as long as one of its names is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from strategies.base import Past, Reading, Weights


class Perturbation(Protocol):
    """A small change of a rule's weights. Frozen and picklable, so that worker processes can be told of it."""

    @property
    def added(self) -> tuple[str, ...]:
        """Symbols that the reading does not trade by itself."""

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """The changed weights, fractions of equity."""


@dataclass(frozen=True)
class WithoutNames:
    """`names` are left out; what they had goes to the others of their `leg`, in proportion to their weights."""

    names: tuple[str, ...]
    leg: tuple[str, ...]
    added: tuple[str, ...] = ()

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Alteration. Where nobody of the leg stays, nothing is held in its place."""
        whole = sum(abs(weights.get(name, 0.0)) for name in self.leg)
        stays = sum(abs(weights.get(name, 0.0)) for name in self.leg if name not in self.names)
        scale = whole / stays if stays else 0.0
        return {
            name: weight * scale if name in self.leg else weight
            for name, weight in weights.items()
            if name not in self.names
        }


@dataclass(frozen=True)
class SwappedName:
    """`new` stands wherever `old` stood; before `new` is traded its weight is left out."""

    old: str
    new: str

    @property
    def added(self) -> tuple[str, ...]:
        return (self.new,)

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Alteration."""
        if self.old not in weights:
            return weights
        kept = {name: weight for name, weight in weights.items() if name != self.old}
        moved = {name: weights[self.old] + kept.get(name, 0.0) for name in past.tradable((self.new,))}
        return kept | moved


@dataclass(frozen=True)
class AddedName:
    """`new` joins the `leg` as one more name of equal weight; before it is traded nothing changes."""

    new: str
    leg: tuple[str, ...]

    @property
    def added(self) -> tuple[str, ...]:
        return (self.new,)

    def of(self, weights: Mapping[str, float], past: Past) -> Mapping[str, float]:
        """See Alteration."""
        held = {name: weights[name] for name in self.leg if weights.get(name)}
        if not held or not past.tradable((self.new,)):
            return weights
        share = 1 / (len(held) + 1)
        own = {name: weight * (1 - share) for name, weight in held.items()}
        return {**weights, **own, self.new: weights.get(self.new, 0.0) + sum(held.values()) * share}


def perturbed_reading(
    reading: type[Reading], alteration: Perturbation, traded: tuple[str, ...] | None = None
) -> type[Reading]:
    """The reading with its weights changed by `alteration`; its history, schedule and parameters stay its own.

    `traded` are its symbols, where they depend on its parameters.

    It runs in Backtrader and in batches like any other. Since it has no module, it cannot be sent to another process:
    send the reading and the alteration.
    """
    own_symbols = reading.symbols if traded is None else traded

    class Altered(reading):  # type: ignore[valid-type, misc]
        symbols = tuple(dict.fromkeys((*own_symbols, *alteration.added)))
        course = Reading.course  # one of the reading's own would not know of the alteration

        def weights(self, past: Past) -> Weights:
            # The reading itself is asked, since a rule may look at the symbols of its own class.
            own = reading.rule(**self.p._getkwargs()).weights(past)
            return None if own is None else alteration.of(own, past)

    Altered.__name__ = Altered.__qualname__ = f"Altered{reading.__name__}"
    return Altered
