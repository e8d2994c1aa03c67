"""The base rates that come with the project: computed once from real prices, and carried without them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import pandas as pd

from reports.folders.base_rates_json import read_base_rates
from reports.records.base_rates import BaseRates

RESULTS, SHOCKS = "base-rates.json", "leader-shocks.csv"


@cache
def bundled_base_rates() -> BaseRates:
    """The base rates of the readings in strategies/, with the day on which they were computed."""
    facts = files("data") / "facts"
    with (facts / SHOCKS).open() as table:
        shocks = pd.read_csv(table)
    return read_base_rates(json.loads((facts / RESULTS).read_text(encoding="utf-8")), shocks)
