"""Another event, as a user runs it: its own readings, dates, distances and words on every page."""

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
from runners.engine.research import evidence
from runners.engine.research import multiverse as engine
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
    """What a reader sees of each page, and what scripts draw from."""
    found = {}
    for path in sorted(folder.glob("*.html")):
        text = re.sub(r"<style.*?</style>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found[path.name] = text.replace("runners.deepseek", "the command")
    return found


@pytest.fixture(scope="module")
def tariffs(market_data, tmp_path_factory) -> tuple[Path, str]:
    """A run on real prices, with evidence."""
    out = tmp_path_factory.mktemp("tariffs") / "out"
    done = within("deepseek", "--event", "tariffs", "--source", market_data, "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    return out, done.stdout


def test_no_test_is_said_to_be_declared_before_prices_that_were_known(tariffs):
    told = pages(tariffs[0])
    assert "The same two tests are held for every event" in told["index.html"]
    assert "The same two tests are held for every event" in told["panic_passes-evidence.html"]
    assert not any("before any price was seen" in page for page in told.values())


def test_its_own_readings_run_from_its_own_entry_with_evidence(tariffs):
    out, printed = tariffs
    results = json.loads((out / "results.json").read_text())["readings"]
    assert list(results) == list(strategy_set.reading_names(TARIFFS))
    assert {each["entry"] for each in results.values()} == {"2025-04-03"}
    assert all(each["evidence"]["verdict"] for each in results.values())
    assert all(each["evidence"]["n"] >= 19 for each in results.values())
    assert results["services_over_goods"]["evidence"]["names"] is not None
    assert printed.startswith("The tariff crash of April 2025\n")
    decided = pd.read_csv(out / "decisions.csv")
    # Ten per cent below the close of 2 April was first seen at the close of 4 April: -4.9 % and -5.9 % make -10.5 %.
    assert decided.query("reading == 'panic_passes'")[["session", "symbol", "weight"]].values.tolist() == [
        ["2025-04-04", "SPY", 1.0]
    ]
    assert set(decided.query("reading != 'panic_passes'")["session"].str[:7]) >= {"2025-04"}


def test_no_page_speaks_of_the_other_event(tariffs):
    out, printed = tariffs
    shown = pages(out)
    assert len(shown) == 2 + 2 * len(TARIFFS.readings)  # index and side by side, two a reading
    for name, text in {**shown, "terminal": printed}.items():
        assert not (found := OTHERS.search(text)), (name, text[max(0, found.start() - 80) : found.end() + 40])
    assert "The tariff crash of April 2025" in shown["panic_passes.html"]
    assert "when the order on tariffs was published" in shown["index.html"]
    assert "China answers with tariffs of its own" in shown["chips_hit_more-evidence.html"]


def test_the_worked_example_shows_these_figures(tariffs):
    out, printed = tariffs
    text = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert shown in printed
    results = json.loads((out / "results.json").read_text())["readings"]
    told = " ".join(text.split())
    by_names = results["services_over_goods"]["evidence"]["names"]
    share = f"{100 * by_names['p_lower']:.2f} %"
    assert f"of {by_names['n']:,} other pairs of baskets from the same universe, {share} did as badly" in told
    p = results["services_over_goods"]["evidence"]["p"]
    assert f"Its timing says nothing (p = {p:.2f} at 20 trading days)" in told
    panic = results["panic_passes"]["evidence"]
    assert (
        f"Of {panic['n']} past entries with windows that do not overlap, {100 * panic['p']:.1f} % did as well" in told
    )
    assert f"Adjusted for the five readings, that is {100 * panic['p_family']:.1f} %" in told
    d = results["panic_passes"]["horizons"]["252"]["d"]
    assert f"{100 * np.expm1(d):.1f} % more wealth than SPY bought at the first open (d = {d:+.3f})" in told


def test_manifest_and_command_line_say_which_event_it_was(tariffs):
    manifest = json.loads((tariffs[0] / "manifest.json").read_text())
    assert "--event=tariffs" in manifest["command"]
    told = {key: manifest["event"][key] for key in ("name", "shock", "published", "entry", "quiet_until")}
    assert told == {
        "name": "tariffs",
        "shock": "2025-04-03",
        "published": "2025-04-02T20:00:00-04:00",
        "entry": "2025-04-03",
        "quiet_until": "2025-01-17",
    }
    assert manifest["parameters"]["china_exposure"]["short"] == ["KWEB", "FXI"]


@pytest.mark.slow
def test_the_same_on_the_sample(tmp_path):
    done = command("deepseek", "--event", "tariffs", "--source", "sample", "--no-evidence", "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "simulated in between" in done.stdout
    assert not any(OTHERS.search(text) for text in pages(tmp_path / "out").values())


@pytest.fixture
def own(tmp_path) -> Path:
    """An event of a user's own, far from both."""
    (tmp_path / "holiday.toml").write_text(OWN)
    return tmp_path


@pytest.mark.slow
def test_an_event_of_ones_own_needs_nothing_but_its_file(own):
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
        ("broken.toml", "event file 'broken.toml': shok: there is no such key; did you mean shock?"),
    ],
)
def test_a_wrong_event_exits_2_with_one_line(own, module, event, complaint):
    (own / "broken.toml").write_text(OWN.replace("shock =", "shok ="))
    done = within(module, "--event", event, cwd=own)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert complaint in done.stderr


@pytest.mark.slow
def test_the_multiverse_takes_events_too(tmp_path):
    words = ("china_exposure", "panic_passes", "--event", "tariffs", "--source", "sample")
    done = within("multiverse", *words, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert not [name for name, text in pages(tmp_path / "out").items() if OTHERS.search(text)]


def test_a_sweep_takes_events_too(tmp_path):
    done = within(
        *("sweep", "panic_passes", "--event", "tariffs", "--source", "sample", "--out", tmp_path / "sweep"),
        *("-p", "fall=0.02,0.05", "-p", "entry=published,2025-04-01"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "With hindsight: 2 of 4 specs enter before 2025-04-03" in " ".join(done.stdout.split())
    assert not [name for name, text in pages(tmp_path / "sweep").items() if OTHERS.search(text)]
    assert "--event=tariffs" in json.loads((tmp_path / "sweep" / "manifest.json").read_text())["command"]


def test_a_sweep_does_not_change_what_is_traded(tmp_path):
    done = within("sweep", "china_exposure", "--event", "tariffs", "-p", "short=FXI,NVDA", "--source", "sample")
    assert done.returncode == 2
    assert "-p short: NVDA changes what china_exposure trades or must beat" in done.stderr


@pytest.fixture(scope="module")
def prices(market_data):
    """Real prices of what the tariff readings need."""
    plan = make_plan(Request(TARIFFS, evidence=True))
    return load_prices((*plan.symbols, *evidence.evidence_symbols(plan)), source=str(market_data))


def test_what_comes_later_changes_no_decision(prices):
    request = Request(TARIFFS)
    subjects = load_studies(request)
    stop = prices.row(TARIFFS.entry) + 30
    cut, whole = (run_studies(PricedPlan(Plan(request, subjects), each)) for each in (prices.rows(0, stop), prices))
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
        planned = evidence.evidence_plan(prices, Request(event), "SPY", studies)
        plans[event.shock] = planned
        assert planned.entry == prices.row("2025-04-03") and planned.quiet_until == pd.Timestamp("2025-01-17")
    # 27, 28, 31 March, 1 and 2 April: five sessions.
    assert [plan.conditions.shock_lead for plan in plans.values()] == [0, 5]
    assert engine.multiverse_plan(moved, engine.planned_spaces(("panic_passes",), moved)[1], prices).event.lead == 5
    # The rule of the panic looks from another close: another fall, at another session.
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
    # An entry by date keeps the distance of its event.
    for event, shock in ((TARIFFS, "2025-05-01"), (moved, "2025-04-24"), (DEEPSEEK, "2025-04-25")):
        launch = Request(DEEPSEEK, event, entry="2025-05-01").launch
        assert launch.shock == pd.Timestamp(shock) == calendar.offset(launch.entry, -event.lead)


def test_marks_are_those_of_the_events_own_calendar():
    sessions = pd.DatetimeIndex(["2025-04-02", "2025-05-09"])
    own = replace(TARIFFS, calendar=(("2025-04-04", "jobs report"), ("2026-01-09", "later")))
    assert [(f"{day:%m-%d}", label, kind) for day, label, kind in chart_marks(own, sessions)] == [
        ("04-03", "shock", "event"),
        ("04-04", "jobs report", "calendar"),  # instead of the event's own mark of that day
        ("04-09", "pause of 90 days", "event"),
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
    """results.json of an event whose file lies beside the strategy that it names, asked for from elsewhere."""
    (folder / "event").mkdir(exist_ok=True)
    (folder / "event" / "week.toml").write_text(FAMILY)
    (folder / "event" / "ideas.py").write_text(code)
    words = ("--event", "event/week.toml", "--source", market_data, "--out", "out")
    done = command("deepseek", *names, *words, cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "out" / "results.json").read_text())["readings"]["second"]["evidence"]


@pytest.mark.slow
def test_a_plain_member_of_the_family_is_counted_whichever_are_named(tmp_path, market_data):
    both, alone = asked(tmp_path, market_data, PLAIN), asked(tmp_path, market_data, PLAIN, "second")
    assert both["family"] == ["first", "second"] and sorted(alone["family"]) == ["first", "second"]
    assert (both["p_family"], both["p_family_lower"]) == (alone["p_family"], alone["p_family_lower"])


@pytest.mark.slow
@pytest.mark.parametrize("names", [(), ("second",)], ids=["all", "one"])
def test_a_family_of_which_one_is_stopped_gives_no_verdict(tmp_path, market_data, names):
    told = asked(tmp_path, market_data, BROKEN, *names)
    assert told["verdict"] is None and told["p"] is not None and told["family"] == ["second"]
    assert "the family is not whole: first could not be counted" in told["reason"]
