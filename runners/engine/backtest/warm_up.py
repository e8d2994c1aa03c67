"""Warm-up of a strategy that is not a reading: its indicators run, its own methods wait for the entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

METHODS = ("prenext", "nextstart", "next")


def hold_back(strategy: Any) -> None:
    """Call none of the author's `prenext`, `nextstart`, `next` and `notify_timer` before the close ahead of the entry.

    Backtrader would call them on every bar; a strategy that sent an order there, which cannot be filled before the
    entry, would believe it pending or filled. The first call is `nextstart` if the minimum period has passed by then.
    """
    notify_timer = strategy.notify_timer

    def begin_with(name: str) -> Callable[[], None]:
        def call() -> None:
            if strategy.broker.has_begun:
                for method in METHODS:
                    delattr(strategy, method)
                getattr(strategy, name)()

        return call

    def timer(*arguments: Any, **keywords: Any) -> None:
        if strategy.broker.has_begun:
            notify_timer(*arguments, **keywords)

    strategy.prenext = begin_with("prenext")
    strategy.nextstart = strategy.next = begin_with("nextstart")
    strategy.notify_timer = timer
