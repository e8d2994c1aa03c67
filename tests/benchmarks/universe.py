"""10,000 symbols x 2,520 sessions: CPU seconds and peak memory of one step. Prints {"seconds": S, "peak_gb": GB}.

Usage: python universe.py STEP, one of STEPS. It runs in its own process, so that the peak is that of the step
and its prices: six float64 arrays of 0.2 GB each. `bt-10000` takes about five minutes and is not part of
`run.py universe`.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import TypeVar

for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = "1"  # read when NumPy is imported

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

import numpy as np  # noqa: E402
from million import peak_bytes  # noqa: E402

from data import calendar, load_prices  # noqa: E402
from data.prices import Prices  # noqa: E402
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest  # noqa: E402
from runners.engine.backtest.frictions import Frictions  # noqa: E402
from runners.engine.vectorized.batch import run_batch  # noqa: E402
from runners.engine.vectorized.scenarios import Scenario, Scenarios  # noqa: E402
from strategies.base.basket import Basket  # noqa: E402

SYMBOLS = tuple(f"N{number:05d}" for number in range(10_000))
SESSIONS = calendar.xnys()[calendar.calendar_index("2015-01-02") :][:2_520]
REBALANCE = 20
INVESTED = 0.9
SPENT: list[float] = []
Done = TypeVar("Done")


def build() -> Prices:
    """Seeded random walks, built in place so that the peak is that of the prices alone."""
    rng = np.random.default_rng(10)
    close = rng.normal(0, 0.02, (len(SESSIONS), len(SYMBOLS)))
    np.cumsum(close, axis=0, out=close)
    np.exp(close, out=close)
    close *= 50
    opened = np.roll(close, 1, axis=0)
    opened[0] = close[0]
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    volume, factor = np.full(close.shape, 1e6), np.ones(close.shape)
    for column in range(0, len(SYMBOLS), 10):  # every tenth symbol is listed within the ten years
        for values in (opened, high, low, close, volume, factor):
            values[: column % len(SESSIONS), column] = np.nan
    for values in (opened, high, low, close, volume, factor):
        values.flags.writeable = False  # Prices copies what others could change
    return Prices(SESSIONS, SYMBOLS, opened, high, low, close, volume, factor)


def load() -> None:
    """Load as many from a folder of CSV files with all checks; writing the files is not counted."""
    rng = np.random.default_rng(10)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(SESSIONS))))
    lines = [
        f"{day:%Y-%m-%d},{price:.4f},{price * 1.01:.4f},{price * 0.99:.4f},{price:.4f},{price:.4f},1000000"
        for day, price in zip(SESSIONS, close.tolist(), strict=True)
    ]
    text = "\n".join(["Date,Open,High,Low,Close,Adj Close,Volume", *lines]) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        for symbol in SYMBOLS:
            (Path(folder) / f"{symbol}.csv").write_text(text, encoding="utf-8")
        prices = timed(lambda: load_prices(SYMBOLS, source=folder))
    require(prices.close.shape == (len(SESSIONS), len(SYMBOLS)))


def through_backtrader(symbols: tuple[str, ...]) -> None:
    """Equal weight in `symbols`, rebalanced every 20 sessions for ten years, fed with their prices only."""
    prices = build()
    parameters = {"names": symbols, "weight": INVESTED}
    schedule = EntrySchedule(SESSIONS[1], None, REBALANCE)
    result = timed(lambda: run_backtest(Basket, prices.select(symbols), schedule, Frictions(), parameters))
    require(len({fill.symbol for fill in result.fills}) == len(symbols) and result.equity[-1] != CAPITAL)


def through_batch() -> None:
    """Equal weight in all 10,000 symbols, by `run_batch`."""
    prices = build()
    scenario = Scenario(SESSIONS[1], None, REBALANCE, parameters={"names": SYMBOLS, "weight": INVESTED})
    batch = timed(lambda: run_batch(Basket, prices, Scenarios.of([scenario])))
    require(batch.turnover[0] > INVESTED and batch.sessions[0] == len(SESSIONS) - 1)


def timed(work: Callable[[], Done]) -> Done:
    """The result of `work`, whose CPU seconds are recorded."""
    began = process_time()
    done = work()
    SPENT.append(process_time() - began)
    return done


def require(sound: bool) -> None:
    if not sound:
        raise AssertionError("the benchmark did not do its work")


STEPS = {
    "build": lambda: timed(build),
    "load": load,
    "bt-20": lambda: through_backtrader(SYMBOLS[:20]),
    "bt-1000": lambda: through_backtrader(SYMBOLS[:1_000]),
    "bt-10000": lambda: through_backtrader(SYMBOLS),
    "batch": through_batch,
}

if __name__ == "__main__":
    STEPS[sys.argv[1]]()
    print(json.dumps({"seconds": SPENT[0], "peak_gb": peak_bytes() / 1e9}))
