"""Remake the bundled base rates, data/facts/base-rates.json and leader-shocks.csv, from a folder of long histories.

    python tests/resources/make_base_rates.py ../shared/market-data/history

They hold excess returns and dates, no prices.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from data.atomic import write_file
from data.events.catalog import load_event
from reports.folders.atomic import to_csv, to_json
from reports.folders.base_rates_json import base_rate_results, shock_table
from runners.engine.base_rates.bundled import RESULTS, SHOCKS
from runners.engine.base_rates.study import BaseRateRequest, run_base_rates, studies_with_general_form
from runners.engine.execution.processes import Processes
from runners.engine.request import PriceWindow

FACTS = Path(__file__).parents[2] / "data" / "facts"


def main(folder: str) -> None:
    """Compute and write both files."""
    event = load_event("deepseek")
    request = BaseRateRequest(studies_with_general_form(event), event, PriceWindow(folder))
    rates = replace(run_base_rates(request, Processes()), bundled={})
    write_file(FACTS / RESULTS, to_json(base_rate_results(rates)))
    write_file(FACTS / SHOCKS, to_csv(shock_table(rates)))


if __name__ == "__main__":
    main(sys.argv[1])
