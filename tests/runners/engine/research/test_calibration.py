"""The declared tests where it is known what they should find: seldom what is not there, surely what is plain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from data.errors import RequestError
from data.events.catalog import load_event
from data.synthetic import factor_model
from data.universe import AI_UNIVERSE
from reports.folders.calibration import calibration_results
from reports.pages.calibration import render
from reports.records.calibration import TESTS
from reports.statistics import placebo
from runners.calibrate import ONE_THREAD
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.research import calibration
from runners.engine.research.calibration import (
    CalibrationRequest,
    SimulatedMarket,
    calibration_setup,
    run_calibration,
    try_market,
)
from tests.resources import commands
from tests.resources.events import DEEPSEEK

ROOT = Path(__file__).parents[4]
TARIFFS = load_event("tariffs")


@pytest.fixture(scope="module")
def made():
    return calibration_setup(CalibrationRequest(DEEPSEEK, 1, draws=99, seed=11))


def subject(made, name):
    return next(each for each in made.subjects if each.name == name)


def run(folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "runners.calibrate", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def within(found, markets):
    """Whether so many are as rare as promised: 5 % and two standard errors."""
    return found / markets <= 0.05 + 2 * sqrt(0.05 * 0.95 / markets)


def test_false_positives_are_as_rare_as_promised(monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")
    markets = [SimulatedMarket(number) for number in range(1, 21)]  # 2,000 in the slow tests
    tried = Processes(2).map(try_market, (calibration_setup(CalibrationRequest(DEEPSEEK)),), markets)
    words = np.array([one.words for one in tried])
    for test in range(len(TESTS)):
        for side in (1, -1):
            assert within((words[:, test] == side).any(axis=1).sum(), len(markets)), (TESTS[test], side)
    assert (words != 0).any(), "20 markets without a single false positive: the tests are not held"


@pytest.mark.slow
def test_two_thousand_markets_keep_the_promise(tmp_path):
    done = run(tmp_path, "--markets", "2000", "--out", "out", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    for test in told["false_positives"].values():
        for side in test.values():
            assert within(side["any"]["count"], 2000)
    assert all(rate["share"] > 0.9 for rate in told["intervals"].values())
    for name, points in told["power"]["names"]["readings"].items():
        assert points[-1]["share"] > 0.8, name


@pytest.mark.slow
def test_the_command_gives_the_same_bytes_as_one_market_after_the_other_in_this_process(tmp_path):
    done = run(tmp_path, "--markets", "2", "--draws", "40", "--seed", "5", "--jobs", "2", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "2 simulated markets, seed 5"
    assert [line.split()[0] for line in lines[3:6]] == ["gpu_bubble", "ai_software", "fomc_tilt"]
    found = run_calibration(CalibrationRequest(DEEPSEEK, 2, 40, 5), Serial())
    assert (tmp_path / "out" / "index.html").read_text(encoding="utf-8") == render(found)
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8")) == calibration_results(found)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", "manifest.json", "results.json"]


def test_more_markets_begin_with_the_same_ones(made):
    first, second = (try_market(made, SimulatedMarket(number)).words for number in (1, 2))
    both = Processes(2).map(try_market, (made,), [SimulatedMarket(number) for number in (1, 2, 3)])
    assert (both[0].words == first).all() and (both[1].words == second).all()


def test_the_timing_test_has_the_real_launch_and_its_placebos(made):
    launches = calibration.timing_differences(made, made.timing.prices(1))
    assert launches.shape == (65, len(made.subjects)) and np.isfinite(launches).all()
    assert str(made.timing.sessions[made.timing.entry].date()) == "2025-01-31"


def test_where_names_are_exchangeable_none_differs_from_another(made):
    model, plain = made.names.model, factor_model.sample_model()
    chosen = np.isin(model.symbols, AI_UNIVERSE)
    assert len(np.unique(model.volatility[chosen])) == 1 and (np.ptp(model.loadings[chosen], axis=0) == 0).all()
    assert (model.volatility[~chosen] == plain.volatility[~chosen]).all()
    assert (model.loadings[~chosen] == plain.loadings[~chosen]).all()


@pytest.mark.parametrize(("name", "moved"), [("high_end_demand", {"NVDA": 1, "VRT": 1}), ("gpu_bubble", {"NVDA": -1})])
def test_an_effect_moves_the_names_of_the_reading_after_the_entry_and_no_others(made, name, moved):
    world = made.timing
    prices = world.prices(3)
    changed = world.prices(3, 0.25 * world.direction(subject(made, name), prices))
    before, last = world.entry, world.entry + world.spread - 1
    assert (changed.close[:before] == prices.close[:before]).all() and (
        changed.open[:before] == prices.open[:before]
    ).all()
    ratio = dict(zip(prices.symbols, changed.close[last] / prices.close[last], strict=True))
    assert {symbol: ratio[symbol] for symbol in moved} == pytest.approx(
        {symbol: np.exp(0.25 * sign) for symbol, sign in moved.items()}
    )
    assert ratio["SPY"] == ratio["MSFT"] == 1.0


def test_what_decides_nothing_is_planted_in_all_that_it_trades(made):
    comeback = subject(made, "nvda_comeback")
    for seed in range(6):  # out at the entry in some of them, in by then in others
        direction = made.timing.direction(comeback, made.timing.prices(seed))
        assert direction.sum() == pytest.approx(1.0) and np.count_nonzero(direction.any(axis=0)) == 1


def test_a_plain_effect_is_found_and_none_changes_nothing(made):
    few = replace(made, timing=replace(made.timing, effects=(0.0, 0.6)), names=replace(made.names, effects=(0.0, 2.0)))
    found = {"timing": [], "names": []}
    for number in (1, 2):
        tried = try_market(few, SimulatedMarket(number, planted=True))
        for test, planted in (("timing", tried.timing), ("names", tried.names)):
            columns = made.choosing if test == "names" else slice(None)
            assert (planted.found[0] == (tried.words[TESTS.index(test), columns] == 1)).all()
            assert planted.gained[0] == pytest.approx(0, abs=1e-12)
            found[test].append(planted.found[1])
    timing = dict(zip([each.name for each in made.subjects], np.all(found["timing"], axis=0), strict=True))
    assert timing["high_end_demand"] and timing["bad_news"] and timing["sector_tailwind"]
    assert not timing["diversity_pool"], "its yardstick holds the same names"
    assert np.mean(found["names"]) > 0.8


def test_d_grows_by_what_was_planted_where_nothing_else_moves(made):
    few = replace(made, timing=replace(made.timing, effects=(0.1,)))
    prices = few.timing.prices(4)
    planted = calibration.inject_into_timing(few, prices, calibration.timing_differences(few, prices), 4)
    gained = dict(zip([each.name for each in made.subjects], planted.gained[0], strict=True))
    # Part of the first session's move comes before its open; a fund as the yardstick does not move.
    for name in ("ai_software", "high_end_demand", "sector_tailwind"):
        assert gained[name] == pytest.approx(0.1, abs=0.004)
    assert gained["two_shocks"] == pytest.approx(0.0, abs=0.01)


def test_why_an_effect_cannot_show_is_told(made):
    told = calibration.power_notes(made)
    assert "variants of itself" in told["diversity_pool"] and "SPY" in told["fomc_tilt"]
    assert "between two scheduled decisions" in told["nvda_comeback"] and "gpu_bubble" not in told


def test_the_truth_lies_inside_outside_or_above(made):
    model = made.timing.model
    prices = made.timing.prices(5)
    assert (calibration.interval_sides(prices, model, 1) == 0).all()
    rising = np.zeros(prices.close.shape)
    rising[:, model.symbols.index("NVDA")] = 0.01
    assert (calibration.interval_sides(made.timing.prices(5, rising), model, 1) == -1).all()
    assert (calibration.interval_sides(made.timing.prices(5, -rising), model, 1) == 1).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"markets": 0}, "--markets is 0"), ({"draws": 39}, "no p is below 2.5%"), ({"seed": -1}, "--seed is -1")],
)
def test_too_little_is_refused(changes, said):
    with pytest.raises(RequestError, match=said):
        CalibrationRequest(DEEPSEEK, **changes)


def test_the_least_number_of_draws_can_reject():
    values = np.vstack((np.ones((1, 1)), np.zeros((CalibrationRequest(DEEPSEEK, draws=40).draws, 1))))
    (rank,) = placebo.placebo_ranks(values)
    assert rank.p_family < placebo.SIZE


@pytest.mark.parametrize(
    "words", [("--markets", "0"), ("--draws", "39"), ("--seed", "-1"), ("--jobs", "0"), ("--markets", "few"), ("more",)]
)
def test_a_wrong_request_is_one_line_and_status_2(tmp_path, words):
    done = commands.within("calibrate", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ") and not list(tmp_path.iterdir())


def test_a_folder_with_something_else_is_refused_before_the_work(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    done = commands.within("calibrate", "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2 and "holds thesis.txt" in done.stderr


def test_another_event_is_tried_at_its_own_entry_and_distance():
    made = calibration_setup(CalibrationRequest(TARIFFS, 1, draws=40))
    assert [subject.name for subject in made.subjects] == [member.name for member in TARIFFS.readings]
    for world in (made.timing, made.names):
        assert f"{world.sessions[world.entry]:%Y-%m-%d}" == "2025-04-03" and world.conditions.shock_lead == 0
    assert [made.subjects[place].name for place in made.choosing] == ["services_over_goods"]


def test_an_event_without_a_choice_of_names_is_refused():
    with pytest.raises(RequestError, match=r"--event tariffs: no reading .* chooses names, so that there is no test"):
        calibration_setup(CalibrationRequest(replace(TARIFFS, readings=TARIFFS.readings[:3])))
