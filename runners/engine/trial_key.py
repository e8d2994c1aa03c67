"""Keys of trials: two runs of the same variant of a strategy have the same key and count once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from strategies.author_imports import plain_name

if TYPE_CHECKING:
    from data.prices import Prices
    from runners.engine.backtest.cerebro import EntrySchedule
    from runners.engine.backtest.frictions import Frictions

EXACT = 2**53  # integers up to here are exact as floats


def trial_key(
    strategy: type[Any],
    parameters: Mapping[str, object],
    schedule: EntrySchedule,
    frictions: Frictions,
    prices_fingerprint: str,
) -> str:
    """SHA-256 (hexadecimal) of a variant, equal for equal variants.

    It covers the strategy's module and qualified name, all its parameters with defaults filled in (a changed default
    makes another variant), entry and hold, for a Reading also rebalance and shock (other strategies do not see them),
    for another strategy its history if more than its indicators need,
    frictions, and the `window_fingerprint` of the prices.

    The order of parameters does not matter, nor does 1 or 1.0, a list or a tuple. Floats are compared to the last bit,
    dates as YYYY-MM-DD, classes and functions by name, other objects by their attributes.
    """
    variant = {
        "strategy": f"{plain_name(strategy.__module__)}.{strategy.__qualname__}",
        "parameters": _parameters(strategy, parameters),
        "schedule": _schedule(strategy, schedule),
        "frictions": frictions.as_dict(),
        "prices": prices_fingerprint,
    }
    # Changing this text would make every variant of every user a new trial.
    text = json.dumps({name: _canonical(part) for name, part in variant.items()}, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def window_fingerprint(prices: Prices, symbols: Sequence[str], stop: int) -> str:
    """SHA-256 (hexadecimal) of the bars that a strategy sees: those of `symbols`, in order, before row `stop`.

    Unlike `prices.fingerprint` it does not change with later sessions and dividends, which shift all earlier adjustment
    factors and would make the same variant a new trial every day. Dividends enter as ratios of consecutive factors,
    rounded to six digits.
    """
    import numpy as np

    from data.prices import FIELDS

    selected = prices.select(symbols)
    window = selected.rows(min(int(selected.listed.min()), stop - 1), stop)  # independent of other loaded symbols
    steps = np.round(window.factor[1:] / window.factor[:-1], 6)
    digest = sha256(" ".join(symbols).encode() + window.days.astype("<i8").tobytes())
    for values in (*(getattr(window, name) for name in FIELDS), steps):
        digest.update(np.nan_to_num(values, nan=-1.0).astype("<f8").tobytes())
    return digest.hexdigest()


def _parameters(strategy: type[Any], given: Mapping[str, object]) -> dict[str, object]:
    from strategies.base.reading import Reading

    declared = strategy.params
    schedule = set(Reading.params._getkeys()) if issubclass(strategy, Reading) else set()
    defaults = dict(zip(declared._getkeys(), declared._getdefaults(), strict=True))
    return {name: value for name, value in {**defaults, **given}.items() if name not in schedule}


def _schedule(strategy: type[Any], schedule: EntrySchedule) -> dict[str, object]:
    from data import calendar
    from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading

    fields: dict[str, object] = {"entry": schedule.entry, "hold": schedule.hold}
    if not issubclass(strategy, Reading):
        return fields if schedule.history == 1 else {**fields, "history": schedule.history or "all"}
    shock = schedule.shock or calendar.offset(schedule.entry, -SHOCK_BEFORE_ENTRY)
    return {**fields, "rebalance": schedule.rebalance, "shock": shock}


def _canonical(value: object) -> object:
    """A value in JSON types, equal for equal values; unlike `plain_value` it keeps attributes."""
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return value if abs(value) > EXACT else float(value) + 0.0  # + 0.0 turns -0.0 into 0.0
        case date():  # pd.Timestamp is one
            return value.isoformat().removesuffix("T00:00:00")
        case list() | tuple() | set() | frozenset() | Mapping():
            return _canonical_items(value)
    return _canonical_object(value)


def _canonical_items(values: Iterable[Any]) -> object:
    if isinstance(values, Mapping):
        pairs = ([_canonical(key), _canonical(item)] for key, item in values.items())
        return {"mapping": sorted(pairs, key=json.dumps)}
    items = [_canonical(item) for item in values]
    return items if isinstance(values, list | tuple) else {"set": sorted(items, key=json.dumps)}


def _canonical_object(value: Any) -> object:
    if hasattr(value, "__qualname__"):
        return f"{plain_name(value.__module__)}.{value.__qualname__}"
    for method in ("to_dict", "tolist"):  # of pandas and numpy
        if hasattr(value, method):
            return _canonical(getattr(value, method)())
    content = _canonical(vars(value)) if hasattr(value, "__dict__") else re.sub(" at 0x[0-9A-Fa-f]+", "", repr(value))
    return {f"{type(value).__module__}.{type(value).__qualname__}": content}
