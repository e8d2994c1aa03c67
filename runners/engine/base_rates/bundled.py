"""The base rates that come with the project: computed once from real prices, and carried without them."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

import pandas as pd

from reports.folders.base_rates_json import read_base_rates
from reports.records.base_rates import BaseRate, BaseRates, DecisionClass
from runners.engine.parameters import declared_parameters
from runners.engine.study import Study

RESULTS, SHOCKS = "base-rates.json", "leader-shocks.csv"


@cache
def bundled_base_rates() -> BaseRates:
    """The base rates of the readings in strategies/, with the day on which they were computed."""
    facts = files("data") / "facts"
    with (facts / SHOCKS).open() as table:
        shocks = pd.read_csv(table)
    return read_base_rates(json.loads((facts / RESULTS).read_text(encoding="utf-8")), shocks)


def is_bundled(study: Study | None, rate: BaseRate | DecisionClass) -> bool:
    """Whether a bundled result is about this study: a reading of the project as declared, in the same general form."""
    if study is None or study.name != rate.name or not study.strategy.__module__.startswith("strategies."):
        return False
    is_declared = study.all_parameters == declared_parameters(study.strategy)
    return is_declared and study.general_form is not None and study.general_form.text == rate.form
