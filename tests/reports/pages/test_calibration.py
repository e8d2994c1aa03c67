"""The page and the folder of a calibration, from figures made by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from data.errors import RequestError
from reports.folders import atomic
from reports.folders.calibration import calibration_results, write
from reports.pages import calibration as calibration_page
from reports.pages.calibration import calibration_conclusion, render
from reports.records import calibration as report
from reports.records.calibration import Calibration, PowerCurve
from reports.statistics.error_rates import ErrorRate, PowerPoint, attainable_size, detectable_effect
from tests.resources.page import HOSTILE, Page

NAMES = ("alpha_reading", "<b>bold</b>")


@pytest.fixture
def calibration() -> Calibration:
    """100 markets: in three a reading is supported, in one another is refuted; effects are injected in ten."""
    words = np.zeros((100, 3, 2), dtype=np.int8)
    words[:2, 0, 0] = words[2, 1, 1] = 1
    words[3, 0, 1] = -1
    words[:3, 2] = words[:3, :2].max(axis=1)
    words[3, 2, 1] = -1
    detected = np.zeros((10, 2, 2), dtype=bool)
    detected[:, 1, 0] = detected[:8, 1, 1] = True
    timing = PowerCurve(NAMES, (0.1, 0.4), 20, detected, np.full(detected.shape, 0.25))
    names = PowerCurve(NAMES[1:], (0.2, 0.8), 252, detected[:, :, 1:], np.full((10, 2, 1), 0.5))
    sides = np.zeros((10, 3), dtype=np.int8)
    sides[0] = [1, -1, 0]
    return Calibration(
        readings=NAMES,
        seed=7,
        draws=499,
        placebos=64,
        outcomes=words,
        timing=timing,
        names=names,
        sides=sides,
        resampled=("NVDA", "SPY", 252, 2000),
        years=("2019-05-29", "2025-03-03"),
        notes={NAMES[1]: "it <i>cannot</i> gain"},
    )


def test_the_interval_is_that_of_clopper_and_pearson():
    # Where none or all of n markets say so, the other bound is a root: (alpha / 2)^(1 / n).
    assert ErrorRate(0, 20).bounds == pytest.approx((0, 1 - 0.025 ** (1 / 20)))
    assert ErrorRate(20, 20).bounds == pytest.approx((0.025 ** (1 / 20), 1))


@pytest.mark.parametrize(
    ("placebos", "size"), [(64, 1 / 65), (499, 12 / 500), (39, 0.0), (40, 1 / 41), (5000, 125 / 5001)]
)
def test_p_moves_in_steps_and_must_fall_below_the_size(placebos, size):
    assert attainable_size(placebos) == pytest.approx(size)


def test_a_market_counts_once_for_any_reading(calibration):
    counts = {(test, side): calibration.any(test, side).count for test in report.TESTS for side in report.SIDES}
    assert counts == {
        ("timing", "supported"): 2,
        ("timing", "refuted"): 1,
        ("names", "supported"): 1,
        ("names", "refuted"): 0,
        ("verdict", "supported"): 3,
        ("verdict", "refuted"): 1,
    }
    assert list(calibration.each("names", "supported")) == [NAMES[1]], "the other has no such test"


def test_the_allowed_rate_holds_up_to_two_standard_errors(calibration):
    # 5 % and twice the root of .05 * .95 / 100: 9.4 markets of 100.
    def supported(count):
        words = np.zeros((100, 3, 2), dtype=np.int8)
        words[:count, 2, 0] = 1
        return replace(calibration, outcomes=words)

    assert supported(9).holds and not supported(10).holds
    assert "do not contradict" in calibration_conclusion(supported(9)) and "that is NOT kept" in calibration_conclusion(
        supported(10)
    )
    assert '<section class="card broken"' in render(supported(10))


def test_few_markets_say_little(calibration):
    assert "simulate more" in calibration_conclusion(replace(calibration, outcomes=calibration.outcomes[4:24]))
    assert "simulate more" not in calibration_conclusion(
        replace(calibration, outcomes=np.tile(calibration.outcomes, (20, 1, 1)))
    )


def test_what_four_in_five_find():
    points = [
        PowerPoint(effect, ErrorRate(count, 10), effect) for effect, count in ((0.0, 0), (0.1, 7), (0.2, 8), (0.4, 10))
    ]
    assert (detectable_effect(points), detectable_effect(points[:2])) == (0.2, None)


def test_the_figures_are_in_the_json(calibration):
    results = calibration_results(calibration)
    assert results["false_positives"]["verdict"]["supported"]["any"]["share"] == 0.03
    none, weak, strong = results["power"]["timing"]["readings"]["alpha_reading"]
    assert (none["share"], none["of"], weak["share"], strong["share"]) == (0.02, 100, 0.0, 1.0)
    assert (strong["effect"], strong["gained"], strong["of"]) == (0.4, 0.25, 10)
    assert results["intervals"]["CAGR"]["share"] == 0.9
    assert (results["intervals"]["CAGR"]["true_below"], results["intervals"]["Sharpe ratio"]["true_above"]) == (1, 1)


def test_the_page_escapes_texts_and_loads_nothing(calibration):
    text = render(replace(calibration, notes={NAMES[1]: HOSTILE}, left_out=(HOSTILE,)))
    page = Page(text)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "b", "img", "iframe", "base", "form"})
    assert page.addresses == ["data:,"] and "default-src 'none'" in text
    assert NAMES[1] in page.text and page.text.count("alert(1)") == 2
    assert text == render(replace(calibration, notes={NAMES[1]: HOSTILE}, left_out=(HOSTILE,)))


def test_the_tables_are_read_without_scripts(calibration):
    headline, each, timing, names, intervals = Page(render(calibration)).tables
    assert headline[5][:5] == ["Verdict: supported", "3.0%", "0.6% to 8.5%", "5.0%", "3"]
    assert each[2] == ["alpha_reading", "2.0%0.2% to 7.0%", "0.0%0.0% to 3.6%", "\u2013", "\u2013", *each[2][5:]]
    assert timing[1] == ["alpha_reading", "2.0%", "0.0%+28.4%", "100.0%+28.4%"]  # exp(0.25) - 1
    assert names[1] == [NAMES[1], "1.0%", "0.0%+64.9%", "80.0%+64.9%"]  # exp(0.5) - 1
    assert intervals[1] == ["Sharpe ratio", "90.0%", "55.5% to 99.7%", "0", "1"]


def test_the_page_lists_readings_left_out(calibration):
    assert "Left out" not in render(calibration)
    assert "stranger, other" in render(replace(calibration, left_out=("stranger", "other")))


def test_the_curve_begins_at_the_false_positives_and_ends_at_the_right(calibration):
    drawing = calibration_page.draw_power_curve("alpha_reading", calibration.power("timing")["alpha_reading"])
    points = [tuple(map(float, point.split(","))) for point in drawing.line.split()]
    assert points[0] == (
        calibration_page.LEFT,
        pytest.approx(calibration_page.BOTTOM - 0.02 * (calibration_page.BOTTOM - calibration_page.TOP), abs=0.05),
    )
    assert points[-1] == (calibration_page.RIGHT, calibration_page.TOP)
    assert drawing.summary == "80% from +49%"  # exp(0.4) - 1


def test_a_folder_is_replaced_whole_and_only_if_it_is_ours(calibration, tmp_path):
    out = tmp_path / "calibration"
    write(calibration, out)
    assert sorted(path.name for path in out.iterdir()) == ["index.html", "manifest.json", "results.json"]
    atomic.require_writable(out, atomic.CALIBRATE)
    write(replace(calibration, seed=8), out)
    assert json.loads((out / "results.json").read_text())["seed"] == 8
    assert [path.name for path in tmp_path.iterdir()] == ["calibration"]
    with pytest.raises(RequestError, match=r"holds what runners\.calibrate wrote, and runners\.sweep would"):
        atomic.require_writable(out, atomic.SWEEP)
    (out / "mine.txt").touch()
    for refused in (lambda: atomic.require_writable(out, atomic.CALIBRATE), lambda: write(calibration, out)):
        with pytest.raises(RequestError, match="holds"):
            refused()
    assert (out / "mine.txt").exists() and json.loads((out / "results.json").read_text())["seed"] == 8


def test_a_page_of_somebody_else_is_left_alone(calibration, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    with pytest.raises(RequestError, match=r"holds index\.html"):
        write(calibration, tmp_path / "site")


def test_what_a_killed_run_left_is_put_back_or_cleared(calibration, tmp_path):
    out, previous = tmp_path / "out", tmp_path / ".out.previous"
    write(calibration, out)
    out.rename(previous)  # killed between the two renames
    write(replace(calibration, seed=8), out)
    assert not previous.exists()
    write(calibration, previous)  # killed before the old one was removed
    write(calibration, out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
