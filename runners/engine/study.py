"""Studies: a named strategy with its symbols, its comparator and its parameters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

import strategies
from data.errors import RequestError, StrategyError
from runners.engine.parameters import Parameters, declared_parameters
from strategies.base.comparator import BetaMatched, Comparator, Fund, comparator_symbols
from strategies.base.general_form import GeneralForm
from strategies.base.reading import Decision, Reading

BETA_RETURNS = 60  # daily returns needed to estimate a beta; fewer would be noise


@dataclass(frozen=True)
class Study(ABC):
    """A named strategy with its symbols, comparator and parameters; either a ReadingStudy or a PlainStudy.

    `title` and `claim`, unless empty, replace those of the strategy's docstring. `universe`, unless empty, replaces the
    stocks that a reading's class chooses from. `form`, unless None, replaces the general form of its class.
    `parameters` are stored as `Parameters`.
    """

    name: str
    strategy: type[Any]
    symbols: tuple[str, ...]
    comparator: Comparator
    parameters: Mapping[str, object] = field(default_factory=Parameters)
    title: str = ""
    claim: str = ""
    universe: tuple[str, ...] = ()
    form: GeneralForm | None = None

    has_rule: ClassVar[bool]  # a rule gives weights at any close, so that many entries can be simulated at once
    ignores: ClassVar[Mapping[str, str]] = {}  # run settings that do not apply, each with the reason

    def __post_init__(self) -> None:
        strategies.require_valid_name(self.name)  # a class created by type() can have any name
        object.__setattr__(self, "parameters", Parameters(self.parameters))

    @property
    def variant(self) -> tuple[type[Any], Mapping[str, object]]:
        """Strategy and parameters: hashable, and equal for studies that give equal results."""
        return self.strategy, self.parameters

    @property
    def all_parameters(self) -> Parameters:
        """All parameters of the strategy, with defaults for those not given."""
        declared = declared_parameters(self.strategy)
        return Parameters({name: self.parameters.get(name, default) for name, default in declared.items()})

    @property
    def required_symbols(self) -> tuple[str, ...]:
        """Symbols whose prices the study needs: its own and those of its comparator."""
        return tuple(dict.fromkeys((*self.symbols, *comparator_symbols(self.comparator))))

    @property
    def claims(self) -> tuple[str, ...]:
        """The claims of the essay that the strategy takes literally; only readings declare them."""
        return ()

    @property
    def history(self) -> int:
        """Number of closes that the strategy needs at its first decision; only readings declare it."""
        return 1

    @property
    def long_run(self) -> bool:
        """Whether its claim is about the long run, so that a month says nothing about it; only readings declare it."""
        return False

    @property
    def general_form(self) -> GeneralForm | None:
        """What the strategy says about every comparable shock, if anything."""
        return self.form

    @property
    def required_closes(self) -> int:
        """Number of closes needed before the entry: the strategy's history, and returns for a beta."""
        return self.history + (BETA_RETURNS if isinstance(self.comparator, BetaMatched) else 0)

    @property
    def chooses(self) -> tuple[str, ...]:
        """Stocks that the strategy selects from; empty if it selects none."""
        return self.universe

    @abstractmethod
    def with_parameters(self, changes: Mapping[str, object]) -> Study:
        """The study with some parameters changed, and the symbols and comparator that result."""

    @abstractmethod
    def refuted(self, d: float, decisions: tuple[Decision, ...]) -> bool | None:
        """Whether the strategy's refutation criterion is met; None if it declares none."""


@dataclass(frozen=True)
class ReadingStudy(Study):
    """A study of a reading, which gives target weights and declares its comparator and refutation criterion."""

    has_rule: ClassVar[bool] = True

    @property
    def claims(self) -> tuple[str, ...]:
        return tuple(self.strategy.claims)

    @property
    def history(self) -> int:
        return int(self.strategy.history)

    @property
    def long_run(self) -> bool:
        return bool(self.strategy.long_run)

    @property
    def general_form(self) -> GeneralForm | None:
        form: GeneralForm | None = self.form or self.strategy.general_form
        return form

    @property
    def chooses(self) -> tuple[str, ...]:
        return self.universe or tuple(self.strategy.chooses)

    def rule(self) -> Reading:
        """The reading as a rule, with the study's parameters."""
        strategy: type[Reading] = self.strategy
        return strategy.rule(**self.parameters)

    def with_parameters(self, changes: Mapping[str, object]) -> ReadingStudy:
        changed = replace(self, parameters={**self.parameters, **changes})
        rule = changed.rule()
        return replace(changed, symbols=tuple(rule.symbols), comparator=rule.comparator)

    def refuted(self, d: float, decisions: tuple[Decision, ...]) -> bool | None:
        strategy: type[Reading] = self.strategy
        refuted = strategy.refuted(d, decisions)
        if not isinstance(refuted, bool | np.bool_):
            raise StrategyError(f"{self.name}: refuted(d, decisions) returned {refuted!r:.60}; return True or False")
        return bool(refuted)


@dataclass(frozen=True)
class PlainStudy(Study):
    """A study of any other `bt.Strategy`, which sends its own orders and runs only in Backtrader.

    Raises RequestError for a beta-matched comparator, since the strategy has no rule to simulate before the entry.
    """

    has_rule: ClassVar[bool] = False
    ignores: ClassVar[Mapping[str, str]] = {
        "rebalance": "it decides when it trades",
        "lag": "it sends its own orders, which fill at the next open",
        "shock": "it does not see the event",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.comparator, BetaMatched):
            raise RequestError(f"{self.name} has no rule whose earlier returns could be matched; use Fund('SPY')")

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
    """A study of a strategy class: a reading with its declared comparator, any other strategy with the benchmark.

    A strategy given by its path takes its class name. Raises RequestError for a strategy without symbols, StrategyError
    for a reading whose symbols or comparator are invalid.
    """
    name = strategy.__name__ if ":" in name else name
    if issubclass(strategy, Reading):
        rule = strategy.rule(**parameters)
        return ReadingStudy(name, strategy, _symbols_of_rule(name, rule), rule.comparator, parameters)
    declared = declared_symbols(strategy) or symbols
    if not declared:
        raise RequestError(
            f"{name} declares no symbols; give --symbols A,B or a class attribute `symbols`, a tuple of strings"
        )
    return PlainStudy(name, strategy, tuple(dict.fromkeys(declared)), Fund(benchmark), parameters)


def declared_symbols(strategy: type[Any]) -> tuple[str, ...]:
    """The class attribute `symbols` of a strategy that is not a reading, if it is a tuple of strings; else empty.

    Anything else under that name, such as a property or a list, is the author's own.
    """
    symbols = getattr(strategy, "symbols", ())
    is_declaration = isinstance(symbols, tuple) and all(isinstance(symbol, str) for symbol in symbols)
    return symbols if is_declaration else ()


def _symbols_of_rule(name: str, rule: Reading) -> tuple[str, ...]:
    """The symbols of a reading, each once. Raises StrategyError if its symbols or its comparator are invalid."""
    strategy, symbols = type(rule), rule.symbols
    if symbols == () and isinstance(strategy.symbols, property):
        raise RequestError(
            f"{name} has no symbols of its own; give them as parameters, in an event file or in a subclass"
        )
    remedy = f"write symbols = ('SPY', 'TLT') in class {strategy.__name__}"
    if isinstance(symbols, str) or not isinstance(symbols, Sequence) or not symbols:
        raise StrategyError(f"{strategy.__name__} declares symbols = {symbols!r}, not a tuple of symbols; {remedy}")
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol != symbol.strip().upper() or not symbol:
            raise StrategyError(f"{strategy.__name__} declares the symbol {symbol!r}; {remedy}, in capitals")
    if not isinstance(rule.comparator, Comparator):
        raise StrategyError(
            f"{strategy.__name__} declares comparator = {rule.comparator!r}; use Cash(), Fund('SPY') or another "
            f"comparator of strategies.base"
        )
    return tuple(dict.fromkeys(symbols))
