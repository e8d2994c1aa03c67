"""Throughput of the cluster executor with one and two local workers, and what a task costs beside its work.

The work is launches of gpu_bubble through Backtrader, milliseconds each, as a sweep of a plain strategy has them.
Scheduler, workers and client share the processors of this machine.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from launches import Seconds, admissible, market

from data.prices import Prices
from runners.engine.execution.dask import MOST, Cluster
from runners.engine.vectorized.batch import launched
from runners.engine.vectorized.scenarios import Scenario
from strategies.gpu_bubble import GpuBubble
from tests.resources import workers
from tests.resources.machines import Machines

HOLD, LAUNCHES, TASKS, ROUNDS = 60, 800, 1_000, 3
MANY = 100  # workers of the estimate


def measure(folder: Path) -> tuple[Seconds, Seconds, Seconds, Seconds, float]:
    """Seconds a launch with one worker and with two, in turn; a task of next to nothing; the client; the estimate."""
    prices = market(folder, GpuBubble)
    one, two, tasks, client = [], [], [], []
    with machines(1) as single, machines(2) as pair:
        for _ in range(ROUNDS):
            one.append(launching(single, prices))
            two.append(launching(pair, prices))
            tasks.append(overhead(pair))
            client.append(handling(prices))
    return one, two, tasks, client, estimate(median(one), median(tasks), median(client))


@contextmanager
def machines(count: int) -> Iterator[str]:
    """The address of a scheduler with as many workers."""
    with tempfile.TemporaryDirectory() as folder:
        own = Machines(Path(folder), count)
        try:
            own.wait(count)
            yield own.address
        finally:
            own.stop()


def scenarios(prices: Prices) -> list[Scenario]:
    entries = admissible(GpuBubble, prices, HOLD)
    return [Scenario(entry, HOLD) for entry in entries[np.linspace(0, len(entries) - 1, LAUNCHES).astype(int)]]


def launching(address: str, prices: Prices) -> float:
    """Seconds a launch, many being asked for at once; imports and connecting are not counted."""
    specs, shared = scenarios(prices), (GpuBubble, prices, False)
    with closing(Cluster(address)) as cluster:
        cluster.map(launched, shared, specs[:16:2])
        began = perf_counter()
        cluster.map(launched, shared, specs)
        return (perf_counter() - began) / len(specs)


def overhead(address: str) -> float:
    """Seconds a task: sending it, finding a worker for it, and fetching what came of it."""
    with closing(Cluster(address, chunk=1)) as cluster:
        cluster.map(workers.square, (), [-1.0, -2.0])
        began = perf_counter()
        cluster.map(workers.square, (), [float(number) for number in range(TASKS)])
        return (perf_counter() - began) / TASKS


def handling(prices: Prices) -> float:
    """Seconds that the client has to do for a launch: to pack it, and to unpack what came of it."""
    specs = scenarios(prices)
    answer = pickle.dumps(launched(GpuBubble, prices, False, specs[0]), protocol=pickle.HIGHEST_PROTOCOL)
    began = perf_counter()
    for spec in specs:
        pickle.dumps(spec, protocol=pickle.HIGHEST_PROTOCOL)
        pickle.loads(answer)  # noqa: S301  (made three lines above)
    return (perf_counter() - began) / len(specs)


def estimate(launch: float, task: float, handled: float, many: int = MANY) -> float:
    """Seconds a launch with `many` workers in a large sweep: an extrapolation, not a measurement.

    Workers run side by side; one scheduler and one client do their part of each task and launch in turn. The slower
    of both decides. Networks, and machines slower than this one, are left out.
    """
    return max(launch / many, task / MOST + handled)
