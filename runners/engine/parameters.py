"""Parameters of strategies: a hashable mapping, and those that a strategy class declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from strategies.base.reading import Reading


class Parameters(Mapping[str, object]):
    """Immutable parameter values by name, hashable whatever the values are.

    Two are equal if the `repr` of their values is: lists cannot be hashed, and 1 and True differ to a rule.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object] = {}) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> object:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __or__(self, changes: Mapping[str, object]) -> Parameters:
        return Parameters({**self._values, **changes})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Parameters):
            return self._key() == other._key()
        return isinstance(other, Mapping) and self._values == dict(other)

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Parameters({self._values!r})"

    def _key(self) -> str:
        return repr(sorted(self._values.items()))


def declared_parameters(strategy: type[Any]) -> Parameters:
    """A strategy's parameters with their defaults, without the schedule of a reading."""
    declared = strategy.params
    schedule = Reading.params._getkeys() if issubclass(strategy, Reading) else ()
    defaults = zip(declared._getkeys(), declared._getdefaults(), strict=True)
    return Parameters({name: value for name, value in defaults if name not in schedule})
