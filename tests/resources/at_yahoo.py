"""Run a command with a stub for Yahoo and a chosen clock.

    python -m tests.resources.at_yahoo ADDRESS NOW MODULE [ARGUMENT ...]

Only the host of requests and the time are fake; yfinance, curl, the cache and the command are real.
"""

from __future__ import annotations

import runpy
import sys
from functools import partial

import pandas as pd

from data import clock


def main() -> None:
    """Set the clock and the session, then run the command in this process."""
    address, now, module = sys.argv[1:4]
    clock.now = partial(pd.Timestamp, now, tz="UTC")  # before any module binds the real one
    from data.sources import downloader
    from tests.resources.yahoo_stub import StubSession

    # `data.sources.yahoo` looks the class up when it needs it.
    downloader.Downloader = partial(downloader.Downloader, session=StubSession(address))  # type: ignore[misc,assignment]
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
