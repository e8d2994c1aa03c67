"""Which base rates a run shows: its own where its prices reach back far enough, else the bundled ones."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from data.errors import DataError, RequestError, SourceError
from data.events.catalog import load_event
from data.peer_groups import bundled_groups
from data.sources.cache import Cache
from data.sources.csv_folder import FolderSource
from data.sources.sample import SampleSource
from data.sources.yahoo import YahooSource
from reports.folders.base_rates_json import base_rate_results, read_base_rates, shock_table
from reports.statistics.availability import Missing
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates import of_run
from runners.engine.base_rates.bundled import bundled_base_rates
from runners.engine.base_rates.shocks import ShockClass
from runners.engine.base_rates.study import FIRST, BaseRateRequest, studies_with_general_form
from runners.engine.execution.executor import Serial
from runners.engine.pipeline import no_step
from runners.engine.request import PriceWindow
from strategies.base import RoleWeights

EVENT = load_event("deepseek")


def request_of(*names: str, event=EVENT, **changes) -> BaseRateRequest:
    return BaseRateRequest(
        studies_with_general_form(event, names), event, PriceWindow("", FIRST), shown=names, **changes
    )


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


def test_a_run_gets_the_bundled_ones_of_its_readings_alone():
    found = of_run.bundled_for(request_of("gpu_bubble", "nvda_holder"))
    bundled = bundled_base_rates()
    assert [*found.readings] == ["gpu_bubble", "nvda_holder"] and isinstance(found.decisions, Missing)
    assert found.readings["gpu_bubble"] == bundled.readings["gpu_bubble"]  # adjusted for all six
    assert all([*split.means] == ["gpu_bubble", "nvda_holder"] for split in found.splits)
    assert all([*shock.excess] == ["gpu_bubble", "nvda_holder"] for shock in found.shocks)
    assert of_run.bundled_for(request_of("fomc_tilt")).decisions == bundled.decisions


def with_parameters(name: str, **parameters) -> BaseRateRequest:
    request = request_of(name)
    changed = [each.with_parameters(parameters) if each.name == name else each for each in request.studies]
    return replace(request, studies=tuple(changed))


@pytest.mark.parametrize(
    "request_",
    [
        request_of("gpu_bubble", frictions=Frictions(commission_bps=200)),
        request_of("gpu_bubble", settings=ShockClass(threshold=-0.08)),
        replace(request_of("gpu_bubble"), event=replace(EVENT, published=EVENT.published + pd.Timedelta(days=1))),
        replace(request_of("gpu_bubble"), event=load_event("tariffs")),
        with_parameters("gpu_bubble", gross=0.5),
        with_parameters("fomc_tilt", before=3),
        with_parameters("nvda_comeback", symbol="AMD"),
    ],
    ids=["costs", "class", "lead", "event", "gross", "before", "symbol"],
)
def test_what_differs_from_the_bundled_run_gets_none_of_them(request_):
    assert of_run.bundled_for(request_) is None


def test_another_form_gets_none_of_them():
    request = request_of("gpu_bubble")
    changed = [replace(each, form=RoleWeights(leader=-1.0)) for each in request.studies if each.name == "gpu_bubble"]
    assert of_run.bundled_for(replace(request, studies=tuple(changed))) is None


def test_p_values_are_adjusted_for_all_readings_whichever_are_shown():
    alone, both = request_of("gpu_bubble"), request_of("gpu_bubble", "nvda_holder")
    assert {study.name for study in alone.studies} == {study.name for study in both.studies}
    assert len(alone.studies) == 7 and alone.shown == ("gpu_bubble",)


def test_symbols_at_hand_are_those_that_need_no_download(tmp_path):
    (tmp_path / "NVDA.csv").write_text("Date\n")
    assert of_run.at_hand(FolderSource(tmp_path))[1] == {"NVDA"}
    cache = Cache(tmp_path / "cache")
    (tmp_path / "cache" / "prices").mkdir(parents=True)
    (tmp_path / "cache" / "prices" / "AMD.parquet").write_bytes(b"")
    local, symbols = of_run.at_hand(YahooSource(cache))
    assert symbols == {"AMD"} and local.cached_only
    assert of_run.at_hand(SampleSource())[1] == frozenset()


def test_without_a_download_only_what_is_cached_from_the_beginning_counts(tmp_path):
    source = YahooSource(Cache(tmp_path), cached_only=True, downloader=None)
    with pytest.raises(RequestError, match="no cached prices of NVDA from 2000-01-03 on"):
        source.bars(("NVDA",), pd.Timestamp("2000-01-03"))


@pytest.mark.parametrize("error", [SourceError, DataError, RequestError])
def test_prices_that_cannot_be_used_cost_no_run(error, monkeypatch, tmp_path):
    def fail(*_):
        raise error("no prices")

    for symbol in ("SPY", "NVDA", "AMD", "INTC"):
        (tmp_path / f"{symbol}.csv").write_text("Date\n")
    monkeypatch.setattr(of_run, "LEAST_GROUPS", 1)
    monkeypatch.setattr(of_run, "load_histories", fail)
    found = of_run.own_base_rates(request_of("gpu_bubble"), FolderSource(tmp_path), Serial(), no_step)
    assert found == (None, "the long histories cannot be used (no prices)")


def test_groups_count_with_three_members():
    groups = bundled_groups()
    assert of_run.groups_with_prices(groups, frozenset(("NVDA", "AMD"))) == 0
    assert of_run.groups_with_prices(groups, frozenset(("NVDA", "AMD", "INTC", "JPM"))) == 1
    everything = frozenset(symbol for group in groups for symbol in group.members)
    assert of_run.groups_with_prices(groups, everything) == len(groups) == 31


def test_few_groups_are_no_base_rates_of_ones_own(tmp_path):
    (tmp_path / "SPY.csv").write_text("Date\n")
    request = request_of("gpu_bubble")
    found, reason = of_run.own_base_rates(request, FolderSource(tmp_path), Serial(), no_step)
    assert found is None and reason == "the prices of this run hold 0 of 31 peer groups"


def test_enough_prices_are_computed_once_and_kept(market_data, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_CACHE", str(tmp_path))
    monkeypatch.setattr(of_run, "LEAST_GROUPS", 4)
    monkeypatch.setattr(of_run, "LEAST_SHOCKS", 10)
    request = request_of("nvda_holder")
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
