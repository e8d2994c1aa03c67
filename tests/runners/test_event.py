"""Other events: their readings, dates and texts on every page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import calendar, load_prices
from data.events.catalog import load_event
from runners.engine import strategy_set
from runners.engine.pipeline import PricedPlan, run_studies
from runners.engine.plan import Plan, load_studies, make_plan
from runners.engine.request import Request
from runners.engine.research import multiverse as engine
from runners.engine.research.evidence_plan import evidence_symbols, plan_evidence
from runners.engine.research.multiverse_run import planned_spaces
from runners.engine.run_settings import chart_marks
from tests.resources.commands import ROOT, command, within
from tests.resources.events import DEEPSEEK

TARIFFS = load_event("tariffs")
OTHERS = re.compile(r"deepseek|essay|seoul|2025-01-(27|31)|gpu_bubble|\bC1\b", re.IGNORECASE)
OWN = """name = "holiday"
title = "A <b>slow</b> summer & more"
shock = 2024-07-01
published = 2024-07-02T18:00:00-04:00
publication = "the forecast"
calendar = { 2024-08-22 = "Jackson Hole" }

[baskets]
safe = ["TLT", "IEF"]

[marks]
2024-07-01 = "it begins"

[[readings]]
name = "bonds_first"
strategy = "strategies.generic.long_short:LongShort"
title = "Long <i>bonds</i>"
parameters = { long = "safe", short = ["SPY"] }

[[readings]]
strategy = "sector_tailwind"
"""


def pages(folder: Path) -> dict[str, str]:
    """The visible text of each page, and the data of its scripts."""
    values = {}
    for path in sorted(folder.glob("*.html")):
        text = re.sub(r"<style.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        values[path.name] = text.replace("runners.deepseek", "the command")
    return values


@pytest.fixture(scope="module")
def tariffs(market_data, run_once) -> tuple[Path, str]:
    """A run on real prices, with evidence."""
    place, printed = run_once("deepseek", "--event", "tariffs", "--source", market_data.resolve())
    return place / "reports" / "latest", printed


def test_no_test_is_called_declared_before_prices_that_were_known(tariffs):
    result = pages(tariffs[0])
    assert "fixed in code before this run, after the event" in result["index.html"]
    assert "fixed in code before this run, after the event" in result["panic_passes-evidence.html"]
    assert not any("before any price was seen" in page for page in result.values())


def test_the_events_readings_run_from_its_entry_with_evidence(tariffs):
    out, printed = tariffs
    results = json.loads((out / "results.json").read_text())["readings"]
    assert list(results) == list(strategy_set.reading_names(TARIFFS))
    assert {each["entry"] for each in results.values()} == {"2025-04-03"}
    assert all(each["evidence"]["verdict"] for each in results.values())
    assert all(each["evidence"]["n"] >= 19 for each in results.values())
    assert results["services_over_goods"]["evidence"]["selection"] is not None
    assert printed.startswith("The tariff crash of April 2025\n")
    decided = pd.read_csv(out / "decisions.csv")
    # A close ten per cent below that of 2 April first occurs on 4 April: -4.9 % and -5.9 % make -10.5 %.
    assert decided.query("reading == 'panic_passes'")[["session", "symbol", "weight"]].values.tolist() == [
        ["2025-04-04", "SPY", 1.0]
    ]
    assert set(decided.query("reading != 'panic_passes'")["session"].str[:7]) >= {"2025-04"}


def test_no_page_mentions_the_other_event(tariffs):
    out, printed = tariffs
    shown = pages(out)
    assert len(shown) == 2 + 2 * len(TARIFFS.readings)  # index, side by side and two pages per reading
    for name, text in {**shown, "terminal": printed}.items():
        assert not (result := OTHERS.search(text)), (name, text[max(0, result.start() - 80) : result.end() + 40])
    assert "The tariff crash of April 2025" in shown["panic_passes.html"]
    assert "when the order on tariffs was published" in shown["index.html"]
    assert "China answers with tariffs of its own" in shown["chips_hit_more-evidence.html"]


def test_the_worked_example_shows_these_figures(tariffs):
    out, printed = tariffs
    text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert shown in printed
    results = json.loads((out / "results.json").read_text())["readings"]
    output = " ".join(text.split())
    stocks = results["services_over_goods"]["evidence"]["selection"]
    share = f"{100 * stocks['p_lower']:.0f} %"
    assert f"of {stocks['n']:,} other pairs of baskets from the same universe, {share} did as badly" in output
    p = results["services_over_goods"]["evidence"]["p"]
    assert f"Its timing says nothing (p = {p:.2f} at 20 trading days)" in output
    panic = results["panic_passes"]["evidence"]
    assert (
        f"Of {panic['n']} past entries with windows that do not overlap, {100 * panic['p']:.1f} % did as well" in output
    )
    assert f"Adjusted for the five readings, that is {100 * panic['p_family']:.1f} %" in output
    d = results["panic_passes"]["horizons"]["252"]["d"]
    assert f"{100 * np.expm1(d):.1f} % more wealth than SPY bought at the first open" in output


def test_manifest_and_command_line_say_which_event_it_was(tariffs):
    manifest = json.loads((tariffs[0] / "manifest.json").read_text())
    assert "--event=tariffs" in manifest["command"]
    values = {key: manifest["event"][key] for key in ("name", "shock", "published", "entry", "quiet_until")}
    assert values == {
        "name": "tariffs",
        "shock": "2025-04-03",
        "published": "2025-04-02T20:00:00-04:00",
        "entry": "2025-04-03",
        "quiet_until": "2025-01-17",
    }
    assert manifest["parameters"]["china_exposure"]["short"] == ["KWEB", "FXI"]


@pytest.mark.slow
def test_the_event_runs_on_the_sample(tmp_path):
    done = command("deepseek", "--event", "tariffs", "--source", "sample", "--no-evidence", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulated in between" in done.stdout
    assert not any(OTHERS.search(text) for text in pages(tmp_path / "out").values())


@pytest.fixture
def own(tmp_path) -> Path:
    """A user's event, far from the bundled ones."""
    (tmp_path / "holiday.toml").write_text(OWN)
    return tmp_path


@pytest.mark.slow
def test_a_users_event_needs_only_its_file(own):
    done = command("deepseek", "--event", "holiday.toml", "--source", "sample", "--out", "out", cwd=own)
    assert (done.returncode, done.stderr) == (0, "")
    shown = pages(own / "out")
    assert set(shown) == {"index.html", "side-by-side.html"} | {
        f"{name}{page}.html" for name in ("bonds_first", "sector_tailwind") for page in ("", "-evidence")
    }
    for text in shown.values():
        assert "<b>slow</b>" not in text and "<i>bonds</i>" not in text
        assert not re.search(r"deepseek|essay", text, re.IGNORECASE)
    # Published after the close of 2 July: the entry is 3 July, two sessions after the shock.
    results = json.loads((own / "out" / "results.json").read_text())["readings"]
    assert {each["entry"] for each in results.values()} == {"2024-07-03"}
    assert "Jackson Hole" in shown["index.html"] and "FOMC holds" not in shown["index.html"]
    assert "--event=holiday.toml" in json.loads((own / "out" / "manifest.json").read_text())["command"]


@pytest.mark.parametrize("module", ["deepseek", "multiverse", "calibrate"])
@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        ("tarifs", "no event 'tarifs'; did you mean tariffs"),
        ("broken.toml", "event file 'broken.toml': shok: unknown key; did you mean shock?"),
    ],
)
def test_a_wrong_event_exits_2_with_one_line(own, module, event, complaint):
    (own / "broken.toml").write_text(OWN.replace("shock =", "shok ="))
    done = within(module, "--event", event, cwd=own)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert complaint in done.stderr


def test_the_multiverse_and_a_sweep_take_events_too(tmp_path):
    done = within(
        *("multiverse", "china_exposure", "panic_passes", "--event", "tariffs", "--source", "sample"),
        *("--out", tmp_path / "multiverse"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = within(
        *("sweep", "panic_passes", "--event", "tariffs", "--source", "sample", "--out", tmp_path / "sweep"),
        *("-p", "fall=0.02,0.05", "-p", "entry=published,2025-04-01"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "With hindsight: 2 of 4 variants enter before 2025-04-03" in " ".join(done.stdout.split())
    shown = {**pages(tmp_path / "multiverse"), **pages(tmp_path / "sweep")}
    assert not [name for name, text in shown.items() if OTHERS.search(text)]
    assert "--event=tariffs" in json.loads((tmp_path / "sweep" / "manifest.json").read_text())["command"]


def test_a_sweep_does_not_change_what_is_traded(tmp_path):
    done = within("sweep", "china_exposure", "--event", "tariffs", "-p", "short=FXI,NVDA", "--source", "sample")
    assert done.returncode == 2
    assert "-p short: NVDA changes the symbols of china_exposure or of its comparator" in done.stderr


@pytest.fixture(scope="module")
def prices(market_data):
    """Real prices of all symbols of the tariff readings."""
    plan = make_plan(Request(TARIFFS, evidence=True))
    return load_prices((*plan.symbols, *evidence_symbols(plan)), source=str(market_data))


def test_later_prices_change_no_decision(prices):
    request = Request(TARIFFS)
    studies = load_studies(request)
    stop = prices.row(TARIFFS.entry) + 30
    cut, whole = (run_studies(PricedPlan(Plan(request, studies), each)) for each in (prices.rows(0, stop), prices))
    last = prices.sessions[stop - 1]
    for early, late in zip(cut.results, whole.results, strict=True):
        known = late.decisions[late.decisions["session"] <= last].reset_index(drop=True)
        assert len(known) and early.decisions.equals(known)
        assert np.allclose(early.equity, late.equity.loc[:last], rtol=0, atol=0.01)


def test_another_shock_moves_the_windows(prices):
    moved = replace(TARIFFS, shock=pd.Timestamp("2025-03-27"))
    studies = load_studies(Request(TARIFFS))
    plans = {}
    for event in (TARIFFS, moved):
        planned = plan_evidence(prices, Request(event), "SPY", studies)
        plans[event.shock] = planned
        assert planned.entry == prices.row("2025-04-03") and planned.quiet_until == pd.Timestamp("2025-01-17")
    # 27, 28, 31 March, 1 and 2 April: five sessions.
    assert [plan.conditions.shock_lead for plan in plans.values()] == [0, 5]
    assert engine.multiverse_plan(moved, planned_spaces(("panic_passes",), moved)[1], prices).event.lead == 5
    # The panic rule measures from another close, so it sees another fall at another session.
    wait = strategy_set.load_study(TARIFFS, "panic_passes", "SPY")
    wait = replace(wait, parameters={**wait.parameters, "fall": 0.06})
    days = []
    for event in (TARIFFS, moved):
        (result,) = run_studies(PricedPlan(Plan(Request(event), (wait,)), prices)).results
        days.append(str(result.decisions["session"].iloc[0].date()))
    close = pd.Series(prices.close[:, prices.columns["SPY"]], prices.sessions)
    expected = []
    for before in ("2025-04-02", "2025-03-26"):
        after = close.loc[pd.Timestamp(before) + pd.Timedelta(days=1) :]
        expected.append(str(after[after <= close.loc[before] * 0.94].index[0].date()))
    assert days == expected
    # An entry by date keeps the event's distance from the shock.
    for event, shock in ((TARIFFS, "2025-05-01"), (moved, "2025-04-24"), (DEEPSEEK, "2025-04-25")):
        schedule = Request(event, entry="2025-05-01").schedule
        assert schedule.shock == pd.Timestamp(shock) == calendar.offset(schedule.entry, -event.lead)


def test_marks_are_those_of_the_events_own_calendar():
    sessions = pd.DatetimeIndex(["2025-04-02", "2025-05-09"])
    own = replace(TARIFFS, calendar=(("2025-04-04", "jobs report"), ("2026-01-09", "later")))
    assert [(f"{day:%m-%d}", label, kind) for day, label, kind in chart_marks(own, sessions)] == [
        ("04-03", "shock", "event"),
        ("04-04", "jobs report", "calendar"),  # instead of the event's own mark of that day
        ("04-09", "90-day pause", "event"),
    ]
    assert ("05-07", "FOMC holds", "fomc") in [
        (f"{day:%m-%d}", label, kind) for day, label, kind in chart_marks(TARIFFS, sessions)
    ]


FAMILY = """\
name = "week"
title = "A week"
shock = 2025-01-27
published = 2025-01-31T03:16:00-05:00

[[readings]]
name = "first"
strategy = "ideas.py:First"

[[readings]]
name = "second"
strategy = "bad_news"
"""
PLAIN = """\
import backtrader as bt


class First(bt.Strategy):
    symbols = ("SPY",)

    def next(self):
        if not self.position:
            self.order_target_percent(target=0.9)
"""
BROKEN = """\
from strategies.base import Fund, Reading


class First(Reading):
    symbols = ("SPY",)
    comparator = Fund("SPY")

    def weights(self, past):
        if past.session.year == 2023:
            raise KeyError("typo")
        return {"SPY": 0.5}
"""


def asked(folder: Path, market_data: Path, code: str, *names: str) -> dict[str, object]:
    """results.json of an event file next to the strategy that it names, run from another folder."""
    (folder / "event").mkdir(exist_ok=True)
    (folder / "event" / "week.toml").write_text(FAMILY)
    (folder / "event" / "ideas.py").write_text(code)
    words = ("--event", "event/week.toml", "--source", market_data, "--out", "out")
    done = command("deepseek", *names, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out" / "results.json").read_text())["readings"]["second"]["evidence"]


@pytest.mark.slow
def test_a_plain_strategy_of_the_set_is_counted_whichever_are_named(tmp_path, market_data):
    both, alone = asked(tmp_path, market_data, PLAIN), asked(tmp_path, market_data, PLAIN, "second")
    assert both["family"] == ["first", "second"] and sorted(alone["family"]) == ["first", "second"]
    assert (both["p_family"], both["p_family_lower"]) == (alone["p_family"], alone["p_family_lower"])


@pytest.mark.slow
@pytest.mark.parametrize("names", [(), ("second",)], ids=["all", "one"])
def test_an_incomplete_strategy_set_gives_no_verdict(tmp_path, market_data, names):
    result = asked(tmp_path, market_data, BROKEN, *names)
    assert result["verdict"] is None and result["p"] is not None and result["family"] == ["second"]
    assert "the family is not whole: first could not be counted" in result["reason"]


@pytest.mark.parametrize("strategy", ["code.py:Idea", "some.package:Idea"])
def test_the_list_does_not_run_the_code_that_an_event_file_names(tmp_path, strategy):
    (tmp_path / "code.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    reading = f'[[readings]]\nname = "idea"\nstrategy = "{strategy}"\ntitle = "Its title"\n'
    (tmp_path / "event.toml").write_text(f"{OWN}\n{reading}")
    done = within("deepseek", "--list", "--json", "--event", tmp_path / "event.toml", cwd=tmp_path)
    titles = {row["name"]: row["title"] for row in json.loads(done.stdout)}
    assert titles["idea"] == "Its title" and titles["sector_tailwind"] and not (tmp_path / "ran").exists()
