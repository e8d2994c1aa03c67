"""A strategy under a name, with what it trades and what it must beat: a reading, or any other strategy."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import strategies
from data.errors import RequestError, StrategyError
from runners.engine.parameters import Parameters, declared_parameters
from strategies.base.comparator import BetaMatched, Comparator, Fund, comparator_symbols
from strategies.base.reading import Decision, Reading

LEAST_RETURNS = 60  # daily returns behind a beta; fewer would be noise


@dataclass(frozen=True)
class Study(ABC):
    """What both kinds of study have in common, see ReadingStudy and PlainStudy.

    `title` and `claim`, where not empty, replace those of the strategy's docstring. `universe`, where not empty,
    replaces the stocks that a reading's class says it chooses from. `parameters` become `Parameters`.
    """

    name: str
    strategy: type[Any]
    symbols: tuple[str, ...]
    comparator: Comparator
    parameters: Mapping[str, object] = field(default_factory=Parameters)
    title: str = ""
    claim: str = ""
    universe: tuple[str, ...] = ()

    has_rule: ClassVar[bool]  # it can be asked for weights at any close, so that many entries run side by side
    ignores: ClassVar[Mapping[str, str]] = {}  # settings of a run that do not apply to it, each with the reason

    def __post_init__(self) -> None:
        strategies.require_valid_name(self.name)  # also of a class that was made by hand, whose name can be anything
        object.__setattr__(self, "parameters", Parameters(self.parameters))

    @property
    def variant(self) -> tuple[type[Any], Mapping[str, object]]:
        """Strategy and parameters, equal for studies that would run alike; hashable."""
        return self.strategy, self.parameters

    @property
    def all_parameters(self) -> Parameters:
        """The strategy's own parameters: those given, and the defaults of the others."""
        declared = declared_parameters(self.strategy)
        return Parameters({name: self.parameters.get(name, default) for name, default in declared.items()})

    @property
    def required_symbols(self) -> tuple[str, ...]:
        """All symbols whose prices it needs."""
        return tuple(dict.fromkeys((*self.symbols, *comparator_symbols(self.comparator))))

    @property
    def history(self) -> int:
        """Closes that the strategy needs at its first decision."""
        return int(getattr(self.strategy, "history", 1))

    @property
    def required_closes(self) -> int:
        """Closes needed before the entry: those of the strategy, and those behind a beta of its earlier returns."""
        return self.history + (LEAST_RETURNS if isinstance(self.comparator, BetaMatched) else 0)

    @property
    def chooses(self) -> tuple[str, ...]:
        """Stocks that its claim picks from; empty where the claim is no choice of stocks."""
        return self.universe or tuple(getattr(self.strategy, "chooses", ()))

    @abstractmethod
    def with_parameters(self, changes: Mapping[str, object]) -> Study:
        """The study with some parameters changed, and with the symbols and the comparator that follow from them."""

    @abstractmethod
    def refuted(self, d: float, decisions: tuple[Decision, ...]) -> bool | None:
        """Whether its own criterion of refutation came true; None where it has none."""


@dataclass(frozen=True)
class ReadingStudy(Study):
    """A reading: its rule can be asked for weights, it declares what it must beat and what would refute it."""

    has_rule: ClassVar[bool] = True

    def rule(self) -> Reading:
        """The rule with the study's parameters, to be asked for weights."""
        strategy: type[Reading] = self.strategy
        return strategy.rule(**self.parameters)

    def with_parameters(self, changes: Mapping[str, object]) -> ReadingStudy:
        changed = replace(self, parameters={**self.parameters, **changes})
        rule = changed.rule()
        return replace(changed, symbols=tuple(rule.symbols), comparator=rule.comparator)

    def refuted(self, d: float, decisions: tuple[Decision, ...]) -> bool | None:
        strategy: type[Reading] = self.strategy
        return strategy.refuted(d, decisions)


@dataclass(frozen=True)
class PlainStudy(Study):
    """Any other `bt.Strategy`: it sends its own orders when it likes, and runs in Backtrader only.

    Raises RequestError for a beta of its earlier returns as its comparator, since those are not known.
    """

    has_rule: ClassVar[bool] = False
    ignores: ClassVar[Mapping[str, str]] = {
        "rebalance": "it decides by itself when it trades",
        "lag": "it sends its own orders, which fill at the next open",
        "shock": "it is not told of any event",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.comparator, BetaMatched):
            raise RequestError(f"{self.name} has no rule whose earlier returns could be matched; give Fund('SPY')")

    def with_parameters(self, changes: Mapping[str, object]) -> PlainStudy:
        return replace(self, parameters={**self.parameters, **changes})

    def refuted(self, d: float, decisions: tuple[Decision, ...]) -> bool | None:
        return None


def prepare(
    name: str,
    strategy: type[Any],
    benchmark: str,
    symbols: tuple[str, ...] = (),
    parameters: Mapping[str, object] = {},
) -> Study:
    """A study of a strategy class: a reading as it declares itself, any other strategy against the benchmark.

    A strategy that was named by its path is called by its class name. Raises RequestError for one that does not say
    what it trades, StrategyError for a reading whose symbols or comparator are none.
    """
    name = strategy.__name__ if ":" in name else name
    if issubclass(strategy, Reading):
        rule = strategy.rule(**parameters)
        return ReadingStudy(name, strategy, _symbols_of_rule(name, rule), rule.comparator, parameters)
    declared = getattr(strategy, "symbols", None) or symbols
    if isinstance(declared, str) or not declared or not all(isinstance(symbol, str) for symbol in declared):
        raise RequestError(
            f"{name} does not say what it trades; give --symbols A,B or a class attribute `symbols`, a tuple of texts"
        )
    return PlainStudy(name, strategy, tuple(dict.fromkeys(declared)), Fund(benchmark), parameters)


def _symbols_of_rule(name: str, rule: Reading) -> tuple[str, ...]:
    """The symbols of a reading, each once. Raises StrategyError where it does not declare what a study needs."""
    strategy, symbols = type(rule), rule.symbols
    if symbols == () and isinstance(strategy.symbols, property):
        raise RequestError(
            f"{name} trades nothing by itself; give its symbols as parameters, in an event file or by a subclass"
        )
    remedy = f"write symbols = ('SPY', 'TLT') in class {strategy.__name__}"
    if isinstance(symbols, str) or not isinstance(symbols, Sequence) or not symbols:
        raise StrategyError(f"{strategy.__name__} declares symbols = {symbols!r}, which names none to trade; {remedy}")
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol != symbol.strip().upper() or not symbol:
            raise StrategyError(f"{strategy.__name__} declares the symbol {symbol!r}; {remedy}, in capitals")
    if not isinstance(rule.comparator, Comparator):
        raise StrategyError(
            f"{strategy.__name__} declares comparator = {rule.comparator!r}; write Cash(), Fund('SPY') or another "
            f"of strategies.base"
        )
    return tuple(dict.fromkeys(symbols))
