"""Which base rates a run shows: its own where its prices reach back far enough, else the bundled ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from data.events.catalog import load_event
from data.peer_groups import bundled_groups
from data.sources.cache import Cache
from data.sources.csv_folder import FolderSource
from data.sources.sample import SampleSource
from data.sources.yahoo import YahooSource
from reports.folders.base_rates_json import base_rate_results, read_base_rates, shock_table
from runners.engine.base_rates import of_run
from runners.engine.base_rates.bundled import bundled_base_rates
from runners.engine.base_rates.study import BaseRateRequest, studies_with_general_form
from runners.engine.execution.executor import Serial
from runners.engine.pipeline import no_step
from runners.engine.plan import Plan
from runners.engine.request import PriceWindow, Request

EVENT = load_event("deepseek")


def plan_of(*names: str, event=EVENT) -> Plan:
    return Plan(Request(event, names, evidence=True), studies_with_general_form(event, names))


def test_the_bundled_ones_survive_being_written_and_read():
    bundled = bundled_base_rates()
    assert read_base_rates(base_rate_results(bundled), shock_table(bundled)) == bundled


def test_the_bundled_ones_are_about_every_reading_with_a_general_form():
    bundled, studies = bundled_base_rates(), studies_with_general_form(EVENT)
    forms = {study.name: study.general_form.text for study in studies}
    assert {name: rate.form for name, rate in bundled.readings.items()} | {
        bundled.decisions.name: bundled.decisions.form
    } == forms
    assert (len(bundled.shocks), bundled.real, bundled.declared) == (142, True, True)


def test_a_run_gets_the_bundled_ones_of_its_readings():
    plan = plan_of("gpu_bubble", "nvda_holder")
    found = of_run.bundled_for(plan.studies, plan)
    assert [*found.readings] == ["gpu_bubble", "nvda_holder"]


def test_other_events_and_other_forms_get_none_of_them():
    plan = plan_of("gpu_bubble")
    changed = replace(plan.studies[0], form=type(plan.studies[0].general_form)(leader=-1.0))
    assert of_run.bundled_for((changed,), plan) is None
    tariffs = Plan(Request(load_event("tariffs")), plan.studies)
    assert of_run.bundled_for(plan.studies, tariffs) is None


def test_symbols_at_hand_are_those_that_need_no_download(tmp_path):
    (tmp_path / "NVDA.csv").write_text("Date\n")
    assert of_run.symbols_at_hand(FolderSource(tmp_path)) == {"NVDA"}
    cache = Cache(tmp_path / "cache")
    (tmp_path / "cache" / "prices").mkdir(parents=True)
    (tmp_path / "cache" / "prices" / "AMD.parquet").write_bytes(b"")
    assert of_run.symbols_at_hand(YahooSource(cache)) == {"AMD"}
    assert of_run.symbols_at_hand(SampleSource()) == frozenset()


def test_groups_count_with_three_members():
    groups = bundled_groups()
    assert of_run.groups_with_prices(groups, frozenset(("NVDA", "AMD"))) == 0
    assert of_run.groups_with_prices(groups, frozenset(("NVDA", "AMD", "INTC", "JPM"))) == 1
    everything = frozenset(symbol for group in groups for symbol in group.members)
    assert of_run.groups_with_prices(groups, everything) == len(groups) == 31


def test_few_groups_are_no_base_rates_of_ones_own(tmp_path):
    (tmp_path / "SPY.csv").write_text("Date\n")
    request = BaseRateRequest(plan_of("gpu_bubble").studies, EVENT, PriceWindow(""))
    found, reason = of_run.own_base_rates(request, FolderSource(tmp_path), Serial(), no_step)
    assert found is None and reason == "the prices of this run hold 0 of 31 peer groups"


def test_enough_prices_are_computed_once_and_kept(market_data, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_CACHE", str(tmp_path))
    monkeypatch.setattr(of_run, "LEAST_GROUPS", 4)
    monkeypatch.setattr(of_run, "LEAST_SHOCKS", 10)
    request = BaseRateRequest(plan_of("nvda_holder").studies, EVENT, PriceWindow(""))
    first, reason = of_run.own_base_rates(request, FolderSource(market_data), Serial(), no_step)
    assert first is not None and reason == "" and len(first.shocks) >= 10
    monkeypatch.setattr(of_run, "base_rates_of", lambda *_: pytest.fail("computed again"))
    assert of_run.own_base_rates(request, FolderSource(market_data), Serial(), no_step) == (first, "")
    (file,) = (tmp_path / "base-rates").iterdir()
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        of_run.own_base_rates(request, FolderSource(market_data), Serial(), no_step)
    monkeypatch.setattr(of_run, "LEAST_SHOCKS", 1000)
    monkeypatch.setattr(of_run, "base_rates_of", lambda *_: first)
    found, reason = of_run.own_base_rates(request, FolderSource(market_data), Serial(), no_step)
    assert found is None and reason.endswith("comparable shocks, 1000 are needed")
