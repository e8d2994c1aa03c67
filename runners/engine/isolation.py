"""Run each backtest as if alone: what an earlier run changed in its author's code is put back before the next."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from types import CodeType, FunctionType, ModuleType
from typing import Any

import backtrader as bt
import numpy as np

from data.errors import StrategyError
from runners.engine.tracebacks import is_authors_module

SEED = 0  # of the global random generators of Python and NumPy at the start of each run
ABSENT = object()
IMMUTABLE = (bool, int, float, complex, str, bytes, type(None), type, ModuleType, FunctionType, property)


@contextmanager
def as_if_alone(strategy: type[Any], is_pure: bool = False) -> Iterator[None]:
    """Run a strategy as if no other run had been before it in this process.

    Put back is what earlier runs changed in their authors' code: attributes of classes, and whatever methods reach by
    name, that is global variables, variables of the author's modules, default arguments and closures. What somebody
    else has changed since stays, and so does what the last run left, for its author to look at. The global random
    generators of Python and NumPy start every run in the same state, and orders and trades are numbered from 1. State
    elsewhere (installed packages, files, the environment, iterators) is not covered.

    A rule that `is_pure` is called for thousands of entries in any order: StrategyError names what it changed.
    """
    while LEFT:
        LEFT.pop().put_back()
    snapshot = Snapshot(strategy)
    generators = random.getstate(), np.random.get_state()  # noqa: NPY002 the global generator is what strategies use
    numbers = bt.order.OrderBase.refbasis, bt.trade.Trade.refbasis
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002
    bt.order.OrderBase.refbasis, bt.trade.Trade.refbasis = count(1), count(1)
    try:
        yield
        if is_pure and (changed := next(snapshot.certain_changes(), None)):
            raise StrategyError(
                f"{strategy.__name__} changes {changed} while it decides, but weights(past) must depend on self.p and "
                f"past alone; compute it from past, or cache it with functools.lru_cache"
            )
    finally:
        LEFT.extend(snapshot.changes())
        random.setstate(generators[0])
        np.random.set_state(generators[1])  # noqa: NPY002
        bt.order.OrderBase.refbasis, bt.trade.Trade.refbasis = numbers


@dataclass(frozen=True, eq=False)
class Namespace:
    """Variables of an author's code: `names` (all if None) of a dictionary, or attributes of a class or function."""

    owner: Any
    label: str
    names: tuple[str, ...] | None = None

    def read(self) -> dict[str, Any]:
        """The variables by name, without those that do not exist."""
        if self.names is None:  # names such as __module__ belong to Python
            values = self.owner if isinstance(self.owner, dict) else vars(self.owner)
            return {name: value for name, value in values.items() if not name.startswith("__")}
        if isinstance(self.owner, dict):
            return {name: self.owner[name] for name in self.names if name in self.owner}
        return {name: getattr(self.owner, name) for name in self.names if hasattr(self.owner, name)}

    def write(self, name: str, value: Any) -> None:
        """Set a variable."""
        if isinstance(self.owner, dict):
            self.owner[name] = value
        else:
            setattr(self.owner, name, value)

    def delete(self, name: str) -> None:
        """Delete a variable."""
        if isinstance(self.owner, dict):
            del self.owner[name]
        else:
            delattr(self.owner, name)


@dataclass(frozen=True, eq=False)
class Variable:
    """A variable's value, with its pickle if it has one, and a copy of the value unless it is immutable."""

    value: Any
    pickled: bytes | None = None
    copied: Any = ABSENT

    @property
    def is_mutable(self) -> bool:
        """Whether the contents of the value can change."""
        return self.copied is not ABSENT

    def may_differ_from(self, value: Any) -> bool:
        """Whether `value` is another object or its contents, as far as they can be compared, are others."""
        if value is not self.value:
            return True
        return self.is_mutable and (self.pickled is None or self.pickled != _pickled(value))


@dataclass(frozen=True, eq=False)
class LeftBehind:
    """A variable that a run has changed or may have changed: as it was, and what the run left."""

    space: Namespace
    name: str
    before: Variable | None  # None: the run created it
    after: Any
    pickled_after: bytes | None

    def put_back(self) -> None:
        """Give the variable its earlier value, unless somebody else has changed it since."""
        now = self.space.read().get(self.name, ABSENT)
        if now is not self.after or _pickled(now) != self.pickled_after:
            return
        if self.before is None:
            self.space.delete(self.name)
        elif not self.before.is_mutable:
            self.space.write(self.name, self.before.value)
        elif now is not self.before.value or not _refill(now, self.before.copied):
            self.space.write(self.name, self.before.copied)


LEFT: list[LeftBehind] = []  # changes of the last run in this process


class Snapshot:
    """The variables that a strategy's code reaches by name and that belong to its author, as they are now."""

    def __init__(self, strategy: type[Any]) -> None:
        copies: dict[int, Any] = {}  # shared, so that two names of one object stay two names of one object
        self._spaces = [
            (space, {name: _variable(value, copies) for name, value in space.read().items()})
            for space in _namespaces(strategy)
        ]

    def changes(self) -> Iterator[LeftBehind]:
        """Variables that have another value or may have other contents than they had, are new or gone."""
        for space, variables in self._spaces:
            now = space.read()
            for name in {**variables, **now}:
                before, after = variables.get(name), now.get(name, ABSENT)
                if before is None or before.may_differ_from(after):
                    yield LeftBehind(space, name, before, after, _pickled(after))

    def certain_changes(self) -> Iterator[str]:
        """Names of variables that have certainly changed: of some contents nothing can be said."""
        for change in self.changes():
            before = change.before
            if before is None or change.after is not before.value or before.pickled is not None:
                yield f"{change.space.label}{change.name}"


def _refill(container: Any, contents: Any) -> bool:
    """Give a list, dictionary or set other contents, so that all its names see them; False for other types."""
    if type(container) not in (list, dict, set):
        return False
    container.clear()
    (container.extend if isinstance(container, list) else container.update)(contents)
    return True


def _variable(value: Any, copies: dict[int, Any]) -> Variable:
    if isinstance(value, IMMUTABLE):
        return Variable(value)
    try:
        return Variable(value, _pickled(value), copy.deepcopy(value, copies))
    except Exception:  # noqa: BLE001 an open file, a lock: nothing that can be put back
        return Variable(value)


def _pickled(value: Any) -> bytes | None:
    """The pickle of a value, which tells whether its contents change; None if it cannot be pickled."""
    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001 objects raise what they like
        return None


def _namespaces(strategy: type[Any]) -> list[Namespace]:
    """The namespaces of the author's classes, functions and modules that a strategy's code reaches by name."""
    package = strategy.__module__.partition(".")[0]
    spaces, seen, waiting = list[Namespace](), set[int](), [*strategy.__mro__]
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen.add(id(value))
            for space in _namespaces_of(value, package):
                spaces.append(space)
                waiting += map(_unwrapped, space.read().values())
    return spaces


def _namespaces_of(value: Any, package: str) -> Iterator[Namespace]:
    """The namespaces of a module, class or function, if it is the author's; none for anything else."""
    if not isinstance(value, ModuleType | type | FunctionType):
        return
    if not is_authors_module(value.__name__ if isinstance(value, ModuleType) else value.__module__, package):
        return
    label = f"{value.__name__}."
    if isinstance(value, ModuleType):
        yield Namespace(vars(value), label)
    elif isinstance(value, type):
        yield Namespace(value, label)
    else:
        yield Namespace(value.__globals__, "", tuple(set(_names(value.__code__))))
        yield Namespace(value, label, ("__defaults__", "__kwdefaults__"))
        yield Namespace(vars(value), label)
        for cell, name in zip(value.__closure__ or (), value.__code__.co_freevars, strict=True):
            yield Namespace(cell, f"{name} in {label}", ("cell_contents",))


def _names(code: CodeType) -> Iterator[str]:
    """Names of variables and attributes in the code of a function and of functions inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _unwrapped(value: Any) -> Any:
    """The function behind a property, a class method or a static method."""
    return getattr(value, "fget", None) or getattr(value, "__func__", None) or value
