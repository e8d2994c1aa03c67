"""Work for worker processes in tests, which import it by name."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import backtrader as bt
import numpy as np

from data.errors import RequestError
from data.prices import Prices
from runners.engine.comparators import excess_log_returns
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions


def square(number: float) -> float:
    return number * number


def call(function: Callable[[], object]) -> object:
    return function()


def shifted(offset: float, number: float) -> float:
    time.sleep(0.02 * (number % 3))  # later items may finish first
    return offset + number


def fragile(item: str) -> str:
    if item == "fatal":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "wrong":
        raise ZeroDivisionError("division by zero")
    time.sleep(0.1)
    return item


def restless(number: float) -> float:
    """Leave a thread that never ends."""
    threading.Thread(target=threading.Event().wait).start()
    return number


def slow(number: float) -> float:
    time.sleep(0.3)
    return number


def own_process(_: object) -> int:
    return os.getpid()


class Crossing(bt.Strategy):
    """Long the first feed while its close is above its mean."""

    params = (("period", 10),)

    def __init__(self) -> None:
        self.mean = bt.indicators.SMA(self.data.close, period=self.p.period)

    def next(self) -> None:
        self.order_target_percent(target=0.9 if self.data.close[0] > self.mean[0] else 0.0)


def noted(folder: str, number: float) -> float:
    """Append each call to a file."""
    with (Path(folder) / "calls").open("a") as calls:
        calls.write(f"{number}\n")
    time.sleep(0.02)
    return number


def refused(number: float) -> float:
    raise RequestError(f"{number} is too much; give less")


def left(number: float) -> float:
    sys.exit(f"{number} left")


def distance(prices: Prices, conditions: TradingConditions, item: tuple[Study, int]) -> np.ndarray:
    """Excess log return d of a study entered at one row, shape (1, n_horizons + 1)."""
    study, row = item
    return excess_log_returns(study, prices, np.array([row]), conditions)


def draw_or_die(folder: Path, name: object) -> bytes:
    """The name as bytes; "always" kills its worker, "once" only if the folder has no mark yet, which it leaves."""
    mark = folder / "mark"
    if str(name) == "always" or (str(name) == "once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return str(name).encode()


def mark_and_wait(mark: Path) -> None:
    mark.touch()
    threading.Event().wait()
