"""Calibration: false positives are rare, large injected effects are found."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest

from data.errors import RequestError
from data.events.catalog import load_event
from data.synthetic import factor_model
from reports.folders.calibration import calibration_results
from reports.pages.calibration import render
from reports.records.calibration import TESTS, TRUTHS
from reports.statistics import bootstrap, placebo
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
from tests.resources.commands import within
from tests.resources.events import DEEPSEEK

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[4]
TARIFFS = load_event("tariffs")


@pytest.fixture(scope="module")
def setup():
    return calibration_setup(CalibrationRequest(DEEPSEEK, 1, draws=99, seed=11))


def study_named(setup, name):
    return next(each for each in setup.studies if each.name == name)


def run(folder, *words):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    command = [sys.executable, "-m", "runners.calibrate", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def is_rare(count, markets, rate=0.025):
    """Whether `count` false positives are at most `rate` of the markets, plus two standard errors."""
    return count / markets <= rate + 2 * sqrt(rate * (1 - rate) / markets)


def require_promised_sizes(setup, words, tests=("timing", "year", "stocks", "equal")):
    """No test is wrong more often than promised, in any family and on any side; nor is the verdict.

    `words` has shape (n_markets, len(TESTS), n_readings), see MarketOutcome.
    """
    for side in (1, -1):
        for test in tests:
            for family in setup.families:
                columns = [setup.names.index(name) for name in family]
                false = (words[:, TESTS.index(test)][:, columns] == side).any(axis=1).sum()
                assert is_rare(false, len(words)), (test, family, side, false)
        # A month in both families, and stock selection in both: four times 2.5 %.
        false = (words[:, TESTS.index("verdict")] == side).any(axis=1).sum()
        assert is_rare(false, len(words), rate=0.1), (side, false)


@pytest.mark.parametrize("markets", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_the_test_of_stock_selection_has_its_size_where_the_former_test_had_not(markets):
    """Markets whose stocks have their own loadings."""
    setup = calibration_setup(CalibrationRequest(DEEPSEEK))
    choosing = [study.name for study in setup.choosing]
    false = Counter()
    for number in range(markets):
        prices = setup.selection.prices(number)
        found = calibration.stock_statistics(setup, setup.selection, prices, number)
        tests = calibration.declared_tests("stocks", found.studentised, choosing, setup.families)
        for family in setup.families:
            false.update({(family, tests[name].word) for name in family if name in choosing})
        former = calibration.former_test(found.raw, choosing)
        false.update({("former", test.word) for test in former.values()})
    for word in ("supported", "refuted"):
        for family in setup.families:
            assert is_rare(false[family, word], markets), (family, word, false)
        assert not is_rare(false["former", word], markets), "it found what is not there"


def test_false_positives_are_rare_in_two_hundred_markets(monkeypatch):
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "1")
    setup = calibration_setup(CalibrationRequest(DEEPSEEK))
    markets = [SimulatedMarket(number) for number in range(1, 201)]  # 2,000 in the slow tests
    outcomes = Processes(2).map(try_market, (setup,), markets)
    words = np.array([outcome.words for outcome in outcomes])
    require_promised_sizes(setup, words)
    assert (words != 0).any(), "no false positive in 200 markets: the tests are not run"


@pytest.mark.slow
def test_false_positives_are_rare_in_two_thousand_markets(tmp_path):
    done = run(tmp_path, "--markets", "2000", "--out", "out", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    results = json.loads(done.stdout)
    assert results["kept"] is True and results["promised"] == pytest.approx(0.1)
    for name, test in results["false_positives"].items():
        for side in test.values():
            # All readings at once are two families of 2.5 %; the verdict rests on two tests.
            rate = {"former": 1.0, "verdict": 0.1}.get(name, 0.05)
            assert is_rare(side["any"]["count"], 2000, rate), (name, side["any"])
            if name in ("timing", "year", "stocks", "equal"):
                for reading, share in side["readings"].items():
                    assert is_rare(share["count"], 2000), (name, reading)
    former = results["false_positives"]["former"]
    assert not any(is_rare(side["any"]["count"], 2000) for side in former.values()), "why it is not used"
    assert all(rate["share"] > 0.9 for rate in results["intervals"].values())
    for name, points in results["power"]["stocks"]["readings"].items():
        assert points[-1]["share"] > 0.8, name


@pytest.mark.slow
def test_the_command_writes_the_bytes_of_a_serial_run(tmp_path):
    done = run(tmp_path, "--markets", "2", "--draws", "40", "--seed", "5", "--jobs", "2", "--out", "out")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "2 simulated markets, seed 5"
    assert [line.split()[0] for line in lines[3:6]] == ["gpu_bubble", "ai_software", "fomc_tilt"]
    calibrated = run_calibration(CalibrationRequest(DEEPSEEK, 2, 40, 5), Serial())
    assert (tmp_path / "out" / "index.html").read_text(encoding="utf-8") == render(calibrated)
    assert json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8")) == calibration_results(
        calibrated
    )
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["index.html", "manifest.json", "results.json"]


def test_a_market_depends_on_its_number_only(setup):
    first, second = (try_market(setup, SimulatedMarket(number)).words for number in (1, 2))
    both = Processes(2).map(try_market, (setup,), [SimulatedMarket(number) for number in (1, 2)])
    assert (both[0].words == first).all() and (both[1].words == second).all()


def test_the_timing_test_has_the_real_entry_and_its_placebos(setup):
    prices = setup.timing.prices(1)
    windows = calibration.year_differences(setup, prices)
    assert windows.shape == (64 + 12, len(setup.studies)) and np.isfinite(windows).all()
    values = calibration.month_differences(windows)
    entries = setup.timing.entry - 20 * np.arange(65)
    first = calibration.differences_at_horizon(setup.timing, setup.studies[0], prices, entries)
    assert values.shape == (65, len(setup.studies)) and values[:, 0] == pytest.approx(first, abs=1e-12)
    assert str(setup.timing.sessions[setup.timing.entry].date()) == "2025-01-31"


def test_exchangeable_stocks_have_equal_loadings_and_volatilities(setup):
    model, plain = setup.equal.model, factor_model.sample_model()
    own = setup.selection.model
    assert (own.volatility == plain.volatility).all() and (own.loadings == plain.loadings).all()
    chosen = np.isin(model.symbols, [stock for study in setup.studies for stock in study.chooses])
    ordered = sorted(plain.volatility[chosen])
    assert model.volatility[chosen][0] == statistics.median(ordered) != pytest.approx(statistics.mean(ordered))
    assert model.loadings[chosen][0].tolist() == list(factor_model.LOADINGS["platform"])
    assert len(np.unique(model.volatility[chosen])) == 1 and (np.ptp(model.loadings[chosen], axis=0) == 0).all()
    assert (model.volatility[~chosen] == plain.volatility[~chosen]).all()
    assert (model.loadings[~chosen] == plain.loadings[~chosen]).all()


@pytest.mark.parametrize(("name", "moved"), [("high_end_demand", {"NVDA": 1, "VRT": 1}), ("gpu_bubble", {"NVDA": -1})])
def test_an_effect_moves_the_positions_of_the_reading_after_the_entry_only(setup, name, moved):
    world = setup.timing
    prices = world.prices(3)
    changed = world.prices(3, 0.25 * world.direction(study_named(setup, name), prices))
    before, last = world.entry, world.entry + world.spread - 1
    assert (changed.close[:before] == prices.close[:before]).all() and (
        changed.open[:before] == prices.open[:before]
    ).all()
    ratio = dict(zip(prices.symbols, changed.close[last] / prices.close[last], strict=True))
    assert {symbol: ratio[symbol] for symbol in moved} == pytest.approx(
        {symbol: np.exp(0.25 * sign) for symbol, sign in moved.items()}
    )
    assert ratio["SPY"] == ratio["MSFT"] == 1.0


def test_a_reading_with_half_of_the_exposure_needs_twice_the_move(setup):
    world, study = setup.timing, study_named(setup, "gpu_bubble")
    half = replace(study, parameters={**study.parameters, "gross": 0.5})
    prices = world.prices(3)
    moved = world.direction(half, prices).sum(axis=0)
    assert sorted(set(np.abs(moved).round(12))) == [0.0, 2.0] and moved[prices.columns["NVDA"]] == pytest.approx(-2)


def test_without_a_position_the_effect_moves_all_symbols_of_the_reading(setup):
    comeback = study_named(setup, "nvda_comeback")
    for seed in range(6):  # flat at the entry in some markets, invested in others
        direction = setup.timing.direction(comeback, setup.timing.prices(seed))
        assert direction.sum() == pytest.approx(1.0) and np.count_nonzero(direction.any(axis=0)) == 1


@pytest.mark.parametrize("markets", [(1,), pytest.param((1, 2, 3), marks=pytest.mark.slow)], ids=len)
def test_a_large_effect_is_found_and_a_zero_effect_changes_nothing(setup, markets):
    timing, selection = replace(setup.timing, effects=(0.0, 0.6)), replace(setup.selection, effects=(0.0, 2.0))
    few = replace(setup, timing=timing, selection=selection)
    found = {"timing": [], "stocks": []}
    for number in markets:
        outcome = try_market(few, SimulatedMarket(number, injected=True))
        for test, injected in (("timing", outcome.timing), ("stocks", outcome.selection)):
            columns = [study in setup.choosing for study in setup.studies] if test == "stocks" else slice(None)
            assert (injected.found[0] == (outcome.words[TESTS.index(test), columns] == 1)).all()
            assert injected.gained[0] == pytest.approx(0, abs=1e-12)
            found[test].append(injected.found[1])
    timing = dict(zip([each.name for each in setup.studies], np.all(found["timing"], axis=0), strict=True))
    assert timing["high_end_demand"] and timing["bad_news"] and timing["sector_tailwind"]
    assert not timing["diversity_pool"], "its comparator holds the same stocks"
    assert np.mean(found["stocks"]) > 0.8


def test_d_grows_by_the_injected_effect_where_the_comparator_does_not_move(setup):
    few = replace(setup, timing=replace(setup.timing, effects=(0.1,)))
    prices = few.timing.prices(4)
    month = calibration.month_differences(calibration.year_differences(few, prices))
    injected = calibration.inject_into_timing(few, prices, month, 4)
    gained = dict(zip([each.name for each in setup.studies], injected.gained[0], strict=True))
    # Part of the first session's move comes before its open; the comparator of these is a fund, which does not move.
    for name in ("ai_software", "high_end_demand", "sector_tailwind"):
        assert gained[name] == pytest.approx(0.1, abs=0.004)
    assert gained["two_shocks"] == pytest.approx(0.0, abs=0.01)


def test_notes_say_why_d_moves_by_less_than_the_effect(setup):
    notes = calibration.power_notes(setup)
    assert "variants of itself" in notes["diversity_pool"] and "SPY" in notes["fomc_tilt"]
    assert "between two scheduled decisions" in notes["nvda_comeback"] and "gpu_bubble" not in notes


def test_the_true_figure_lies_inside_above_or_below_its_interval(setup):
    model = setup.timing.model
    prices = setup.timing.prices(5)
    assert (calibration.interval_sides(prices, model, 1) == 0).all()
    rising = np.zeros(prices.close.shape)
    rising[:, model.symbols.index("NVDA")] = 0.01
    assert (calibration.interval_sides(setup.timing.prices(5, rising), model, 1) == -1).all()
    assert (calibration.interval_sides(setup.timing.prices(5, -rising), model, 1) == 1).all()


def test_the_log_wealth_of_a_martingale_falls_by_half_of_the_variance(setup):
    """A drift raises both ends of the interval of the CAGR alike: its side changes where an end meets the true one."""
    model, prices = setup.timing.model, setup.timing.prices(5)
    column, place = model.symbols.index("NVDA"), TRUTHS.index("CAGR")
    true = -(float(model.volatility[column]) ** 2) / 2
    closes = prices.select(("NVDA", "SPY")).close[-253:]
    held, market = (closes[1:] / closes[:-1] - 1).T
    interval = bootstrap.cagr_interval(held, bootstrap.resample_positions(252, bootstrap.block_length(held, market), 1))
    for end, outside in ((interval.low, -1), (interval.high, 1)):
        sides = []
        for step in (1e-5, -1e-5):
            injected = np.zeros(prices.close.shape)
            injected[:, column] = (true - np.log1p(end)) / 252 + step * outside
            sides.append(int(calibration.interval_sides(setup.timing.prices(5, injected), model, 1)[place]))
        assert sides == [0, outside]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"markets": 0}, "--markets is 0"),
        ({"draws": 39}, "with so few, no p is below 2.5%"),
        ({"seed": -1}, "--seed is -1"),
    ],
)
def test_too_small_settings_are_refused(changes, said):
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
    done = within("calibrate", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("error: ") and not list(tmp_path.iterdir())


def test_a_folder_with_something_else_is_refused_before_the_work(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    done = within("calibrate", "--out", "mine", cwd=tmp_path)
    assert done.returncode == 2 and "holds thesis.txt" in done.stderr


def test_another_event_has_its_own_entry_and_shock_lead():
    setup = calibration_setup(CalibrationRequest(TARIFFS, 1, draws=40))
    assert [study.name for study in setup.studies] == [member.name for member in TARIFFS.readings]
    for world in (setup.timing, setup.selection, setup.equal):
        assert f"{world.sessions[world.entry]:%Y-%m-%d}" == "2025-04-03" and world.conditions.shock_lead == 0
    assert [study.name for study in setup.choosing] == ["services_over_goods"]


def test_an_event_without_a_choice_of_stocks_is_refused():
    with pytest.raises(RequestError, match=r"--event tariffs: no reading .* chooses stocks, so that there is no"):
        calibration_setup(CalibrationRequest(replace(TARIFFS, readings=TARIFFS.readings[:3])))
