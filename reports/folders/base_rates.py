"""Folder of base rates: page, results, a table with a row for each shock and reading, and manifest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from reports.folders import atomic
from reports.folders.base_rates_json import base_rate_results
from reports.pages.base_rates import render
from reports.records.base_rates import BaseRates
from reports.records.result import HORIZONS

PAGE, TABLE, ROWS = "index.html", "base_rates.json", "shocks.csv"


def reading_table(rates: BaseRates) -> pd.DataFrame:
    """A row for each shock and reading, with the excess return at every horizon."""
    rows = [
        {
            "date": shock.session,
            "group": shock.group,
            "leader": shock.leader,
            "fall": shock.fall,
            "market": shock.market,
            "reading": name,
            **{f"excess_{horizon}": excess[str(horizon)] for horizon in HORIZONS},
        }
        for shock in rates.shocks
        for name, excess in shock.excess.items()
    ]
    return pd.DataFrame(rows)


def write(rates: BaseRates, out: Path) -> None:
    """Write the folder of base rates: built beside `out`, then exchanged with it.

    Earlier base rates in `out` are replaced and stay unchanged until the exchange. Raises RequestError if `out` holds
    something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    files = {
        PAGE: render(rates).encode(),
        TABLE: atomic.to_json(base_rate_results(rates)),
        ROWS: atomic.to_csv(reading_table(rates)),
    }
    names = ("event", "event_session", "origin", "first", "last", "computed", "version")
    settings = {
        **{name: getattr(rates, name) for name in names},
        "readings": [*rates.readings],
        "class": rates.settings,
    }
    atomic.write_folder(atomic.with_manifest(files, {"base_rates": settings}), out)
