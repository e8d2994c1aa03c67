"""The folder of base rates: its files, and that it can be written again."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from data.errors import RequestError
from reports.folders import base_rates
from tests.resources.shocks import DATES, rates_of


def test_the_folder_holds_page_tables_and_manifest_and_is_replaced_by_the_next_run(tmp_path):
    out = tmp_path / "base-rates"
    for version in ("1.0", "2.0"):
        base_rates.write(rates_of(version=version), out)
    assert sorted(path.name for path in out.iterdir()) == [
        "base_rates.json",
        "index.html",
        "manifest.json",
        "shocks.csv",
    ]
    results = json.loads((out / "base_rates.json").read_text())
    assert (results["version"], results["shocks"], results["dates"]) == ("2.0", 24, 24)
    table = pd.read_csv(out / "shocks.csv")
    assert len(table) == 2 * len(DATES)
    assert table[table.date == DATES[-1]].excess_252.isna().all()


def test_what_no_run_wrote_stays(tmp_path):
    out = tmp_path / "base-rates"
    base_rates.write(rates_of(), out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(RequestError, match=r"notes\.txt"):
        base_rates.write(rates_of(), out)
