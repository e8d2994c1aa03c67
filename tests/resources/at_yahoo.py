"""Runs a command with Yahoo's stand-in and a clock of one's choice.

    python -m tests.resources.at_yahoo ADDRESS NOW MODULE [ARGUMENT ...]

Everything but the host of requests and the hour is real: yfinance, curl, the cache, the command.
"""

from __future__ import annotations

import runpy
import sys
from functools import partial

import pandas as pd

from data import clock


def main() -> None:
    """Become the command."""
    address, now, module = sys.argv[1:4]
    clock.now = partial(pd.Timestamp, now, tz="UTC")  # before anything keeps the real one
    from data.sources import downloader
    from tests.resources.yahoo_stub import StubSession

    # Looked up where it is used.
    downloader.Downloader = partial(downloader.Downloader, session=StubSession(address))  # type: ignore[misc,assignment]
    sys.argv = [module, *sys.argv[4:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
