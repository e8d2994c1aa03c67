"""Throughput of the cluster executor with one and two local workers, and the overhead of a task.

The work is scenarios of gpu_bubble in Backtrader, milliseconds each, as in a sweep of a plain strategy.
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
from batches import Seconds, admissible, market

from data.prices import Prices
from runners.engine.execution.dask import MOST, Cluster
from runners.engine.vectorized.batch import backtrader_columns
from runners.engine.vectorized.scenarios import Scenario
from strategies.gpu_bubble import GpuBubble
from tests.resources import workers
from tests.resources.machines import Machines

HOLD, LAUNCHES, TASKS, ROUNDS = 60, 800, 1_000, 3
MANY = 100  # workers of the estimate


def measure(folder: Path) -> tuple[Seconds, Seconds, Seconds, Seconds, float]:
    """Seconds a scenario with one worker and with two, in turn; of an empty task; of the client; the estimate."""
    prices = market(folder, GpuBubble)
    one, two, tasks, client = [], [], [], []
    with machines(1) as single, machines(2) as pair:
        for _ in range(ROUNDS):
            one.append(simulating(single, prices))
            two.append(simulating(pair, prices))
            tasks.append(overhead(pair))
            client.append(handling(prices))
    return one, two, tasks, client, estimate(median(one), median(tasks), median(client))


@contextmanager
def machines(count: int) -> Iterator[str]:
    """The address of a scheduler with `count` workers."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Machines(Path(folder), count)
        try:
            cluster.wait(count)
            yield cluster.address
        finally:
            cluster.stop()


def scenarios(prices: Prices) -> list[Scenario]:
    entries = admissible(GpuBubble, prices, HOLD)
    return [Scenario(entry, HOLD) for entry in entries[np.linspace(0, len(entries) - 1, LAUNCHES).astype(int)]]


def simulating(address: str, prices: Prices) -> float:
    """Seconds a scenario, many at once; imports and connecting are not counted."""
    scenarios_to_run, shared = scenarios(prices), (GpuBubble, prices, False)
    with closing(Cluster(address)) as cluster:
        cluster.map(backtrader_columns, shared, scenarios_to_run[:16:2])
        began = perf_counter()
        cluster.map(backtrader_columns, shared, scenarios_to_run)
        return (perf_counter() - began) / len(scenarios_to_run)


def overhead(address: str) -> float:
    """Seconds a task: sending it, finding a worker, and fetching the result."""
    with closing(Cluster(address, chunk=1)) as cluster:
        cluster.map(workers.square, (), [-1.0, -2.0])
        began = perf_counter()
        cluster.map(workers.square, (), [float(number) for number in range(TASKS)])
        return (perf_counter() - began) / TASKS


def handling(prices: Prices) -> float:
    """Seconds a scenario that the client needs to pack it and to unpack its result."""
    scenarios_to_run = scenarios(prices)
    result = pickle.dumps(
        backtrader_columns(GpuBubble, prices, False, scenarios_to_run[0]), protocol=pickle.HIGHEST_PROTOCOL
    )
    began = perf_counter()
    for scenario in scenarios_to_run:
        pickle.dumps(scenario, protocol=pickle.HIGHEST_PROTOCOL)
        pickle.loads(result)  # noqa: S301  (made three lines above)
    return (perf_counter() - began) / len(scenarios_to_run)


def estimate(scenario: float, task: float, handled: float, many: int = MANY) -> float:
    """Seconds a scenario with `many` workers in a large sweep: an extrapolation, not a measurement.

    Workers run in parallel; one scheduler and one client handle tasks and scenarios in turn. The slower of both
    decides. Networks, and machines slower than this one, are left out.
    """
    return max(scenario / many, task / MOST + handled)
