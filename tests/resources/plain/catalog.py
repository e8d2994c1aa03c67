"""All plain strategies of this folder, by name. Each trades the symbols that it declares."""

from __future__ import annotations

from inspect import isclass

import backtrader as bt

from tests.resources.plain import baskets, hooks, indicators, orders, signals, sizers, timers

MODULES = (orders, timers, indicators, baskets, signals, sizers, hooks)
BASES = (orders.Alternating, timers.Timed, indicators.Following, sizers.Sized)  # of others, nothing by themselves

STRATEGIES: dict[str, type[bt.Strategy]] = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isclass(value) and issubclass(value, bt.Strategy) and value.__module__ == module.__name__ and value not in BASES
}
