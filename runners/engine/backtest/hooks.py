"""Methods and timers of a strategy that a run on daily bars never calls."""

from __future__ import annotations

import inspect
from datetime import time, timedelta
from typing import Any

import backtrader as bt

from data.errors import StrategyError

OPEN = "decide in next, whose orders fill at the next open"
LIVE = "there is no live feed"
UNCALLED = {
    "next_open": OPEN,
    "nextstart_open": OPEN,
    "prenext_open": OPEN,
    "notify_data": LIVE,
    "notify_store": LIVE,
}
DAY = timedelta(days=1)


def uncalled_hooks(strategy: Any) -> tuple[str, ...]:
    """A sentence for each method that a strategy, a class or an instance, overrides and that is never called."""
    kind = strategy if inspect.isclass(strategy) else type(strategy)
    return tuple(
        f"{kind.__name__}.{name} is never called here: {remedy}"
        for name, remedy in UNCALLED.items()
        if _overrides(kind, name)
    )


def require_callable_hooks(strategy: Any) -> None:
    """Raise StrategyError for a strategy, a class or an instance, that can trade only where it is never called."""
    kind = strategy if inspect.isclass(strategy) else type(strategy)
    if (sentences := uncalled_hooks(kind)) and not _overrides(kind, "next") and not _overrides(kind, "notify_timer"):
        raise StrategyError(sentences[0])


def _overrides(kind: Any, name: str) -> bool:
    return getattr(kind, name) is not getattr(bt.Strategy, name)


def require_daily_timer(when: object, offset: timedelta = timedelta(), tzdata: object = None) -> None:
    """Raise StrategyError for a timer that daily bars, which are stamped at midnight, never reach.

    Times in a time zone of the timer's own are not checked.
    """
    since_midnight = _since_midnight(when)
    if tzdata is None and since_midnight is not None and since_midnight + offset > timedelta():
        name = "SESSION_END" if when == bt.timer.SESSION_END else str(since_midnight + offset)
        raise StrategyError(
            f"a timer at {name} never fires, since daily bars have no time of day; use bt.timer.SESSION_START, which "
            f"fires at every bar's close"
        )


def _since_midnight(when: object) -> timedelta | None:
    if isinstance(when, time):
        return timedelta(hours=when.hour, minutes=when.minute, seconds=when.second, microseconds=when.microsecond)
    return {bt.timer.SESSION_START: timedelta(), bt.timer.SESSION_END: DAY}.get(when)


class DailyCerebro(bt.Cerebro):
    """A Cerebro on daily bars, which refuses strategies and timers that it would never call."""

    def addstrategy(self, strategy: Any, *arguments: Any, **parameters: Any) -> int:
        """Add a strategy, see Backtrader. Raises StrategyError if it could never trade."""
        require_callable_hooks(strategy)
        index: int = super().addstrategy(strategy, *arguments, **parameters)
        return index

    def _add_timer(self, owner: Any, when: Any, offset: timedelta = timedelta(), **options: Any) -> Any:
        """What strategies' add_timer and Cerebro's own end in."""
        require_daily_timer(when, offset, options.get("tzdata"))
        return super()._add_timer(owner, when, offset, **options)
