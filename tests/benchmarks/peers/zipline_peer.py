"""zipline's leanest form: a bundle of CSV files, no slippage, and no metrics but the value at every close.

Usage: python zipline_peer.py WINDOWS, see serve.py. A daily order of zipline fills at the next close, so on the session
of a fill it gets the open. Building the bundle is not timed; opening it is part of every run.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from serve import Answer, serve
from windows import CAPITAL, Windows

BUNDLE = METRICS = "benchmark"


def write_csvs(windows: Windows, sessions: pd.DatetimeIndex, folder: Path) -> list[str]:
    """Write a file for each symbol as zipline's `csvdir` reads them; returns the symbols."""
    folder.mkdir(parents=True)
    columns = {f"S{number:02d}": prices for number, prices in enumerate(windows.traded().T)}
    for symbol, prices in columns.items():
        bars = dict.fromkeys(("open", "high", "low", "close"), prices)
        frame = pd.DataFrame({**bars, "volume": 1e6, "dividend": 0.0, "split": 1.0}, index=sessions)
        frame.to_csv(folder / f"{symbol}.csv", index_label="date")
    return list(columns)


class Rebalanced:
    """Fixed weights, ordered at the sessions before the fills."""

    def __init__(self, windows: Windows, folder: Path) -> None:
        from zipline.data import bundles
        from zipline.data.bundles.csvdir import csvdir_equities
        from zipline.finance import metrics

        self.sessions = pd.DatetimeIndex(windows.days.astype("datetime64[ns]"))
        self.symbols = write_csvs(windows, self.sessions, folder / "daily")
        self.orders = dict(zip(windows.fills() - 1, windows.weights[windows.fills()].tolist(), strict=True))
        self.fee = float(windows.fees[0])
        metrics.register(METRICS, lambda: {metrics.DailyLedgerField("portfolio.portfolio_value")})
        span = {"start_session": self.sessions[0], "end_session": self.sessions[-1]}
        bundles.register(BUNDLE, csvdir_equities(["daily"], str(folder)), calendar_name="XNYS", **span)
        bundles.ingest(BUNDLE, show_progress=False)

    def initialize(self, context) -> None:
        from zipline import api
        from zipline.finance import commission, slippage

        context.assets = [api.symbol(symbol) for symbol in self.symbols]
        context.session = 0
        api.set_slippage(slippage.NoSlippage())
        api.set_commission(commission.PerDollar(self.fee))

    def handle_data(self, context, data) -> None:
        from zipline.api import order_target_percent

        for asset, weight in zip(context.assets, self.orders.get(context.session, ()), strict=False):
            order_target_percent(asset, weight)
        context.session += 1

    def run(self) -> Answer:
        from zipline import run_algorithm

        flat = pd.Series(0.0, self.sessions)
        began = perf_counter()
        performance = run_algorithm(
            self.sessions[0],
            self.sessions[-1],
            self.initialize,
            CAPITAL,
            handle_data=self.handle_data,
            bundle=BUNDLE,
            metrics_set=METRICS,
            benchmark_returns=flat,
            default_extension=False,
        )
        curve = performance["portfolio_value"].to_numpy(dtype=np.float64)
        return perf_counter() - began, curve[-1:]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ZIPLINE_ROOT"] = scratch  # read when zipline is imported
        serve({"curves": Rebalanced(Windows.load(sys.argv[1]), Path(scratch) / "csv").run})
