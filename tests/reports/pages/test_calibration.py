"""The page and the folder of a calibration, from figures made by hand."""

# The signs of the page are typed as they stand there.
# ruff: noqa: RUF001

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
TIMING, YEAR, STOCKS, EQUAL, FORMER, VERDICT = range(6)


@pytest.fixture
def calibration() -> Calibration:
    """100 markets: in three a reading is supported, in one another is refuted; effects are injected in ten.

    The former test of stock selection is wrong in 13 and 15 markets.
    """
    words = np.zeros((100, 6, 2), dtype=np.int8)
    words[:2, TIMING, 0] = words[2, STOCKS, 1] = 1
    words[3, TIMING, 1] = -1
    words[:2, VERDICT, 0] = words[2, VERDICT, 1] = 1
    words[3, VERDICT, 1] = -1
    words[:13, FORMER, 1], words[50:65, FORMER, 1] = 1, -1
    detected = np.zeros((10, 2, 2), dtype=bool)
    detected[:, 1, 0] = detected[:8, 1, 1] = True
    timing = PowerCurve(NAMES, (0.1, 0.4), 20, detected, np.full(detected.shape, 0.25))
    stocks = PowerCurve(NAMES[1:], (0.2, 0.8), 252, detected[:, :, 1:], np.full((10, 2, 1), 0.5))
    sides = np.zeros((10, 3), dtype=np.int8)
    sides[0] = [1, -1, 0]
    return Calibration(
        readings=NAMES,
        families=((NAMES[0],), (NAMES[1],)),
        seed=7,
        draws=499,
        placebos=64,
        outcomes=words,
        timing=timing,
        stocks=stocks,
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
        ("year", "supported"): 0,
        ("year", "refuted"): 0,
        ("stocks", "supported"): 1,
        ("stocks", "refuted"): 0,
        ("equal", "supported"): 0,
        ("equal", "refuted"): 0,
        ("former", "supported"): 13,
        ("former", "refuted"): 15,
        ("verdict", "supported"): 3,
        ("verdict", "refuted"): 1,
    }
    assert list(calibration.each("stocks", "supported")) == [NAMES[1]], "the other has no such test"
    by_family = [calibration.any("timing", "supported", family).count for family in calibration.families]
    assert by_family == [2, 0]


def only(calibration, test, count, reading=0, sign=1):
    """The calibration with no other outcome than that of one test on one reading, in `count` of 100 markets."""
    words = np.zeros((100, 6, 2), dtype=np.int8)
    words[:count, test, reading] = sign
    return replace(calibration, outcomes=words)


def test_what_is_promised_grows_with_families_and_tests(calibration):
    # Timing over a month in both families, stock selection in the second: three times 2.5 %.
    assert calibration.promised == pytest.approx(0.075)
    one = replace(calibration, families=(NAMES,))
    assert one.promised == pytest.approx(0.05)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("test", "most"),
    [
        # 2.5 % and twice the root of .025 * .975 / 100: 5.6 markets of 100.
        (TIMING, 5),
        (YEAR, 5),
        (STOCKS, 5),
        (EQUAL, 5),
        # 7.5 % and twice the root of .075 * .925 / 100: 12.8 markets of 100.
        (VERDICT, 12),
        # The former test promises nothing.
        (FORMER, 100),
    ],
)
def test_the_allowed_rate_holds_up_to_two_standard_errors(calibration, test, most, sign):
    kept = only(calibration, test, most, 1, sign)
    assert kept.holds and "do not contradict" in calibration_conclusion(kept)
    if test != FORMER:
        broken = only(calibration, test, most + 1, 1, sign)
        assert not broken.holds and "that is NOT kept" in calibration_conclusion(broken)
        assert '<section class="card broken"' in render(broken)


def test_each_family_keeps_its_own_promise(calibration):
    words = np.zeros((100, 6, 2), dtype=np.int8)
    words[:5, TIMING, 0] = words[50:55, TIMING, 1] = 1  # ten markets, five in each family
    assert replace(calibration, outcomes=words).holds
    assert not replace(calibration, outcomes=words, families=(NAMES,)).holds


def test_the_page_says_what_the_former_test_of_stock_selection_finds(calibration):
    text = Page(render(calibration)).text
    assert "The former test of stock selection, which left market and sector moves in, calls some reading" in text
    assert "supported in 13.0% and refuted in 15.0% of them." in text
    headline = Page(render(calibration)).tables[0]
    former = [row for row in headline if row[0].startswith("Former stock test")]
    assert [row[1:5] for row in former] == [
        ["13.0%", "7.1% to 21.2%", "–", "13"],  # Clopper & Pearson, from scipy.stats.binomtest
        ["15.0%", "8.6% to 23.5%", "–", "15"],
    ]


def test_a_calibration_with_one_family_has_one_row_a_test_and_side(calibration):
    one = replace(calibration, families=(NAMES,))
    labels = [row[0] for row in Page(render(one)).tables[0][1:]]
    assert labels[:2] == ["Timing over a month, all readings: supported", "Timing over a month, all readings: refuted"]
    assert len(labels) == 12 and "Verdict: refuted" in labels
    two = [row[0] for row in Page(render(calibration)).tables[0][1:]]
    assert two[:4] == [
        "Timing over a month, primary family: supported",
        "Timing over a month, primary family: refuted",
        "Timing over a month, other readings: supported",
        "Timing over a month, other readings: refuted",
    ]
    results = calibration_results(one)
    assert results["families"] == [list(NAMES)] and results["schema"] == 2 and results["promised"] == 0.05


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
    assert headline[-2][:5] == ["Verdict: supported", "3.0%", "0.6% to 8.5%", "7.5%", "3"]
    assert each[2][:3] == ["alpha_reading", "2.0%0.2% to 7.0%", "0.0%0.0% to 3.6%"]
    assert each[2][5:11] == ["–"] * 6, "it selects no stocks"
    assert each[3][5] == "1.0%0.0% to 5.4%" and each[3][9] == "13.0%7.1% to 21.2%"
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
