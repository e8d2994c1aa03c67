"""A million entries x settings on one core, without curves. Prints JSON: {"seconds": S, "peak_gb": GB}.

Usage: python million.py PRICES. A process of its own, so that the peak is that of this work alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter

for library in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = "1"  # read when NumPy is imported
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]


def peak_bytes() -> int:
    """Peak resident memory of this process since it began."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux `getrusage` may count what the parent held when it started us
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(folder: Path) -> None:
    import batches

    from runners.engine.vectorized.batch import run_batch

    prices = batches.market(folder, batches.GpuBubble)
    began = perf_counter()
    batch = run_batch(batches.GpuBubble, prices, batches.multiverse(prices, 1_000_000), curves=False)
    seconds = perf_counter() - began
    if len(batch.terminal) != 1_000_000:
        raise AssertionError(f"{len(batch.terminal)} of a million scenarios came back")
    print(json.dumps({"seconds": seconds, "peak_gb": peak_bytes() / 1e9}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
