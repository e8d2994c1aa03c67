"""Comparators of readings: the benchmarks from which the excess log return d is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cash:
    """The idle account: the same money without a position, which earns the same interest.

    For dollar-neutral readings and readings that may stay out of the market.
    """


@dataclass(frozen=True)
class Fund:
    """One fund, bought at the entry and held."""

    symbol: str


@dataclass(frozen=True)
class EqualWeight:
    """A basket at equal weight under the reading's schedule and frictions; a stock needs `closes` closes to join."""

    symbols: tuple[str, ...]
    name: str
    closes: int = 1


@dataclass(frozen=True)
class Variants:
    """A reading under other parameters; with several sets of them, the best at each session."""

    parameters: tuple[Mapping[str, object], ...]
    name: str


@dataclass(frozen=True)
class BetaMatched:
    """beta * fund + (1 - beta) * cash, under the reading's schedule and frictions.

    beta is the OLS slope of the rule's daily returns on the fund's over the `sessions` sessions before the entry (fewer
    if prices begin later), clipped to [0, 1].
    """

    symbol: str
    sessions: int = 252


Comparator = Cash | Fund | EqualWeight | Variants | BetaMatched


def comparator_symbols(comparator: Comparator) -> tuple[str, ...]:
    """The symbols that a comparator needs besides those of the reading."""
    match comparator:
        case Fund(symbol) | BetaMatched(symbol):
            return (symbol,)
        case EqualWeight(symbols):
            return symbols
        case _:
            return ()
