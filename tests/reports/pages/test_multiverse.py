"""The pages and the folder of a multiverse, from figures made by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from data.errors import RequestError
from reports.figures.multiverse import variance_by_dimension
from reports.folders import multiverse as multiverse_folder
from reports.pages import multiverse as multiverse_page
from reports.pages.multiverse import (
    excess_axis,
    median_strip,
    render,
    render_reading_multiverse,
    specification_curve,
    year_ticks,
)
from reports.records.multiverse import MultiverseRun, RollingMedians
from reports.rendering.numbers import MINUS, UNDEFINED
from reports.statistics.availability import Missing
from tests.resources.multiverses import multiverse_of, survey_of
from tests.resources.page import HOSTILE, Page


def excess(d: float) -> str:
    return f"{100 * (np.exp(d) - 1):+.1f}%".replace("-", MINUS)


def reading_page(survey: MultiverseRun, place: int = 0) -> Page:
    return Page(render_reading_multiverse(survey, survey.multiverses[place]))


def test_the_table_holds_the_figures_of_each_reading():
    survey = survey_of()
    table = Page(render(survey)).tables[0]
    row = next(row for row in table if row[0] == "first")
    one, found = survey.multiverses[0], survey.joint["first"]
    tested = one.d[one.tested]
    middle = np.median(tested)
    assert row[1:3] == ["12", "6"]
    assert row[3] == excess(middle)
    assert row[4] == f"{100 * np.mean(np.sign(tested) == np.sign(middle)):.1f}%"
    assert row[5:8] == [f"{p:.3f}" for p in (found.median.p, found.share.p, found.median.p_family)]
    described = one.d[one.honest & ~one.tested]
    assert row[8] == excess(np.median(described))


def test_the_choices_that_explain_most_come_first():
    one = multiverse_of()
    shares = sorted(variance_by_dimension(one), key=lambda part: -part.share)
    texts = [f"{part.name} {100 * part.share:.0f}%" for part in shares]
    assert multiverse_page.leading_choices(one) == texts[0]
    assert multiverse_page.leading_choices(one, 2) == f"{texts[0]}, {texts[1]}"
    assert multiverse_page.leading_choices(multiverse_of(d=np.full(18, 0.1))) == UNDEFINED


def test_choices_are_printed_with_their_reasons():
    text = Page(render(survey_of())).text
    for words in ("When? ", "published", "At once", "shock day", "Too early"):
        assert words in text
    page = reading_page(survey_of())
    assert "Not varied: it is never short." in page.text
    assert "Which names?" in page.text and "without A" in page.text and "Not A" in page.text


def test_each_choice_has_a_row_with_its_specifications():
    survey = survey_of()
    one = survey.multiverses[0]
    rows = {row[0]: row for table in reading_page(survey).tables for row in table}
    without_a = (one.codes[:, 2] == 1) & one.honest
    assert rows["without A"][1] == "4"
    assert rows["without A"][2] == excess(np.median(one.d[without_a]))
    assert rows["shock day"][1] == "6"


def test_a_multiverse_says_what_it_is_not():
    for page in (Page(render(survey_of())), reading_page(survey_of())):
        assert "A multiverse is not a thousand tests" in page.text
        assert "they are one observation" in page.text
        assert "need not add up to 100%" in page.text
        assert "left out of every median, share and p" in page.text


def test_pages_load_nothing_and_say_so_to_the_browser():
    for page in (Page(render(survey_of())), reading_page(survey_of())):
        assert all(
            address in {"data:,", "index.html", "specs.csv"} or (address.endswith(".html") and "/" not in address)
            for address in page.addresses
        )
        policy = next(dict(attributes) for tag, attributes in page.elements if "http-equiv" in attributes)
        assert policy["content"].startswith("default-src 'none'")
        assert "http" not in " ".join(page.scripts)


def test_names_and_words_from_outside_are_only_words():
    one = multiverse_of(HOSTILE, comparator=HOSTILE, fixed=((HOSTILE, HOSTILE),))
    survey = survey_of(one, origin=HOSTILE, notices=(HOSTILE,))
    for text in (render(survey), render_reading_multiverse(survey, one)):
        page = Page(text)
        assert "alert" not in " ".join(page.scripts)
        assert not any(tag == "img" or any(key.startswith("on") for key in marks) for tag, marks in page.elements)
        assert HOSTILE.replace("\u2028", " ")[:60] in page.text


def test_without_scripts_the_curve_is_there():
    survey = survey_of()
    text = render_reading_multiverse(survey, survey.multiverses[0])
    page = Page(text.split("<script")[0])
    paths = [marks for tag, marks in page.elements if tag == "path"]
    dots = [marks["d"].count("M") for marks in paths if marks.get("class") in {"tested", "described", "hindsight"}]
    assert sum(dots[:3]) == 18, "every specification has its dot"
    ticks = [marks["d"].count("M") for marks in paths if "class" not in marks]
    assert ticks == [6, 6, 6, 9, 9, 6, 6, 6], "and its tick in each dimension"


def test_a_curve_runs_from_the_lowest_to_the_highest_and_keeps_both_ends():
    rng = np.random.default_rng(3)
    codes = np.indices((3, 2, 3, 100)).reshape(4, -1)[:3].T
    one = multiverse_of(codes=codes, d=rng.normal(0, 1, 1800))
    curve = specification_curve(one, 100)
    values = one.d[curve.drawn]
    assert (len(values), curve.per_point) == (100, 18)
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == (one.d.min(), one.d.max())
    heights = [float(part.split("h")[0].split()[1]) for _, path in curve.dots for part in path.split("M")[1:]]
    assert min(heights) >= 0 and max(heights) <= 100


def test_the_declared_specification_is_marked_at_its_rank():
    one = multiverse_of()
    declared = np.flatnonzero(one.declared)[0]
    expected = (np.sum(one.d < one.d[declared]) + 0.5) / 18
    assert specification_curve(one, 480).declared == pytest.approx(expected)
    assert specification_curve(multiverse_of(d=np.where(one.declared, np.nan, one.d)), 480).declared is None


def test_specifications_without_a_d_and_ruined_ones_are_not_drawn():
    one = multiverse_of()
    d = one.d.copy()
    d[:3], d[3] = np.nan, -np.inf
    broken = replace(one, d=d)
    assert len(specification_curve(broken, 480).drawn) == 14
    assert Page(render_reading_multiverse(survey_of(broken), broken)).text
    nothing = replace(one, d=np.full(18, np.nan), d_by_entry=np.full((20, 6), np.nan))
    page = reading_page(survey_of(nothing))
    assert "No specification reaches its horizon" in page.text
    assert "Not available: the hold or the prices end before this horizon." in page.text


def test_few_past_entries_give_no_p_and_say_why():
    one = multiverse_of(launches=4)
    survey = survey_of(one)
    reason = "4 placebos that do not overlap; 19 are needed"
    assert f"Not available: {reason}." in reading_page(survey).text
    assert f"No p is available: {reason}." in Page(render(survey)).text
    assert median_strip(one) is not None, "the entries are drawn all the same"
    assert median_strip(multiverse_of(launches=0)) is None
    assert reading_page(survey_of(multiverse_of(launches=0))).text


def test_reconstructed_prices_are_called_that():
    survey = survey_of(real=False, origin="bundled sample")
    for page in (Page(render(survey)), reading_page(survey)):
        assert "These are not market prices: bundled sample." in page.text
        assert "A reconstructed sample gives no p-values about history." in page.text
        assert "which gives no p on history" in page.text
    assert Page(render(survey)).tables[0][2][5] == UNDEFINED


def test_nineteen_past_entries_cannot_decide_and_the_page_says_it():
    assert "With 19 others no p can fall below 0.050: the test cannot decide." in reading_page(survey_of()).text


def test_all_dates_are_a_line_behind_the_past_entries():
    one = multiverse_of()
    dates = tuple(str(day.date()) for day in pd.bdate_range("2020-02-03", periods=300))
    heights = np.sin(np.arange(300) / 30)
    strip = median_strip(replace(one, rolling=RollingMedians(dates, heights)))
    assert strip.line.count("L") == 299
    assert median_strip(one).line == ""
    survey = survey_of(replace(one, rolling=RollingMedians(dates, heights)))
    assert "gives no p" in reading_page(survey).text
    results = multiverse_folder.multiverse_results(survey)
    assert results["launches"]["all_dates"] == list(dates)
    assert results["readings"]["first"]["all_dates"] == pytest.approx(heights, abs=1e-6)


@pytest.mark.parametrize("values", [[0.0], [0.3, -0.2, 0.0], [1e-4, 2e-4, 0.0], [-30.0, 2.0], [0.0999, 0.0]])
def test_an_axis_holds_all_values_and_has_few_ticks_at_round_percentages(values):
    ticks, low, high = excess_axis(values)
    assert low < min(values) <= max(values) < high
    assert 1 <= len(ticks) <= multiverse_page.TICKS + 1
    for position, text in ticks:
        percentage = float(text.replace(MINUS, "-").removesuffix("%"))
        assert np.log(1 + percentage / 100) == pytest.approx(position, abs=1e-12)


def test_years_are_marked_where_they_begin():
    first, last = (np.datetime64(day).astype(int) for day in ("2023-07-02", "2025-01-01"))
    marks = year_ticks(float(first), float(last))
    assert [mark.text for mark in marks] == ["2024", "2025"]
    assert [mark.at for mark in marks] == pytest.approx([183 / 549, 1.0])


def test_the_folder_holds_pages_tables_and_a_manifest_of_them(tmp_path):
    survey, out = survey_of(), tmp_path / "out"
    multiverse_folder.write(survey, out)
    names = {"index.html", "first.html", "second.html", "results.json", "specs.csv", "manifest.json"}
    assert {path.name for path in out.iterdir()} == names
    assert list(tmp_path.iterdir()) == [out]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["command"] == "python -m runners.multiverse"
    for name, digest in manifest["files"].items():
        assert sha256((out / name).read_bytes()).hexdigest() == digest


def test_equal_surveys_are_equal_bytes_and_another_is_replaced(tmp_path):
    files = multiverse_folder.multiverse_files(survey_of())
    assert files == multiverse_folder.multiverse_files(survey_of())
    multiverse_folder.write(survey_of(), tmp_path / "out")
    multiverse_folder.write(survey_of(multiverse_of("third")), tmp_path / "out")
    assert (tmp_path / "out" / "third.html").exists() and not (tmp_path / "out" / "first.html").exists()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(RequestError, match=r"mine\.txt, which no run wrote"):
        multiverse_folder.write(survey_of(), tmp_path / "out")


def test_the_table_of_specifications_gives_every_figure_again(tmp_path):
    survey = survey_of()
    multiverse_folder.write(survey, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "specs.csv")
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert len(table) == 36
    assert set(table["used"]) == {"tested", "described", "hindsight"}
    for name, told in results["readings"].items():
        own = table[table["reading"] == name]
        tested = own[own["used"] == "tested"]
        assert told["tested"]["median"] == pytest.approx(tested["d"].median(), abs=1e-6)
        assert told["tested"]["n"] == told["specs"]["tested"] == len(tested)
        honest = own[own["used"] != "hindsight"]
        means = honest.groupby("basket")["d"].transform("mean") - honest["d"].mean()
        share = np.sum(means**2) / np.sum((honest["d"] - honest["d"].mean()) ** 2)
        assert told["variance_shares"]["basket"] == pytest.approx(share)
        declared = own[(own["entry"] == 0) & (own["horizon"] == 252) & (own["basket"] == "declared")]
        assert told["declared"]["d"] == pytest.approx(declared["d"].item(), abs=1e-6)
        assert told["launches"]["medians"][0] == told["joint"]["median"]["effect"]


def test_results_are_json_whatever_is_missing():
    one = multiverse_of(d=np.full(18, np.nan), d_by_entry=np.full((20, 6), np.nan))
    told = json.loads(multiverse_folder.multiverse_files(survey_of(one))["results.json"])["readings"]["first"]
    assert told["declared"] is None and told["tested"]["median"] is None
    assert told["all_dates"] == {"not_available": "not asked for"}
    assert isinstance(one.rolling, Missing)


def test_choices_that_are_numbers_are_written_as_numbers():
    table = multiverse_folder.specification_table(survey_of())
    assert table["entry"].unique().tolist() == ["0", "1", "-4"]
    assert table["horizon"].unique().tolist() == ["60", "252"]
    assert table["basket"].unique().tolist() == ["declared", "without A", "without B"]
