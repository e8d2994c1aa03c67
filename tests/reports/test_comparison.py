"""What differs between two runs: changes made by hand are found, named, judged, and mirrored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports import comparison_json, comparison_page, comparison_words, saved_run
from reports.comparison import ABSENT, Bars, Change, compare
from tests.resources.page import HOSTILE, READ, Page
from tests.resources.saved import edit, save, swap


@pytest.fixture
def pair(run_of, tmp_path):
    """Two folders of the same run."""
    return save(run_of(), tmp_path / "a"), save(run_of(), tmp_path / "b")


def differ(pair, tolerance=0.0):
    return compare(*map(saved_run.read, pair), tolerance)


def test_the_same_run_is_equal(pair):
    found = differ(pair)
    assert found.equal and found.readings == () and found.command is None


def test_a_run_with_evidence_equals_itself_only(judged, run_of, tmp_path):
    with_it, without = save(judged(), tmp_path / "a"), save(run_of(), tmp_path / "b")
    assert differ((with_it, with_it)).equal
    found = differ((with_it, without))
    assert [change.name for change in found.readings[0].evidence] == ["evidence"]
    edit(without, "results.json", lambda results: results.clear() or results.update(json.loads(
        (with_it / "results.json").read_text(encoding="utf-8"))))  # fmt: skip
    edit(without, "results.json", lambda results: results["readings"]["first"]["evidence"].update(p=0.25))
    assert [(one.name, one.evidence) for one in differ((with_it, without)).readings if one.evidence] == [
        ("first", (Change("p", 7 / 65, 0.25),))
    ]


def test_code_packages_command_and_place_are_told_and_do_not_count(run_of, tmp_path, pair):
    changed = {"command": "x", "code": "d" * 64, "versions": {"numpy": "2.5"}, "source": "elsewhere"}
    other = save(run_of(origin="elsewhere"), tmp_path / "c", **changed)
    found = differ((pair[0], other))
    assert found.equal and found.code == Change("code", "c" * 64, "d" * 64)
    assert found.versions == (Change("versions.numpy", "2.4.6", "2.5"),)
    assert comparison_words.verdict(found) == (
        "Equal: the same settings, prices and results of 2 readings, from other code and packages."
    )


def test_settings_are_whatever_the_manifest_holds(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest["request"].update(hold=60))
    edit(pair[1], "manifest.json", lambda manifest: manifest.update(event={"day": "2025-01-27"}))
    found = differ(pair)
    assert not found.equal and found.readings == ()
    assert found.settings == (Change("request.hold", 252, 60), Change("event", ABSENT, {"day": "2025-01-27"}))


def test_a_price_by_a_cent_shows_in_its_fingerprint(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest["prices"]["AAA"].update(sha256="b" * 64))
    (change,) = differ(pair).prices
    span = (500, date(2024, 1, 2), date(2026, 2, 3))
    assert (change.symbol, change.base, change.other) == ("AAA", Bars(*span, "a" * 64), Bars(*span, "b" * 64))
    assert comparison_words.verdict(differ(pair)) == "Different: prices of 1 symbol."


def test_a_fill_changed_by_hand_is_found(pair):
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0", "first,2025-01-31,AAA,100.0,50.01")
    found = differ(pair)
    (reading,) = found.readings
    (fill,) = reading.fills
    assert comparison_words.rows(fill) == (
        "+100 at 50.00, commission 0.50, spread 1.00",
        "+100 at 50.01, commission 0.50, spread 1.00",
    )
    finer = replace(fill, base=replace(fill.base, price=50.00999))
    assert comparison_words.rows(finer, comparison_words.traded) == ("+100 at 50.00999", "+100 at 50.01000")
    assert (reading.name, fill.session, fill.symbol) == ("first", date(2025, 1, 31), "AAA")
    assert (fill.base.price, fill.other.price) == (50, 50.01)
    assert reading.curve is None and reading.metrics == ()
    assert comparison_words.cause(found) == "Nothing that went in differs: a file was changed after its run."


def test_fills_are_matched_by_session_and_symbol_and_order(pair):
    line = "first,2025-01-31,AAA,100.0,50.0,0.5,1.0\n"
    swap(pair[1], "fills.csv", line, "first,2025-01-31,AAB,7,50,0,0\n" + line)
    assert [(row.symbol, row.base) for row in differ(pair).readings[0].fills] == [("AAB", None)]
    swap(pair[1], "fills.csv", line, line + line)
    assert [(row.symbol, row.base) for row in differ(pair).readings[0].fills] == [("AAA", None), ("AAB", None)]


@pytest.mark.parametrize(
    ("name", "base", "other", "word"),
    [
        ("sharpe", 1.0, 1.5, "better"),
        ("sharpe", 1.0, 0.5, "worse"),
        ("max_drawdown", -0.1, -0.2, "worse"),
        ("max_drawdown", -0.2, -0.1, "better"),
        ("costs", 100.0, 120.0, "worse"),
        ("costs", 120.0, 100.0, "better"),
        ("volatility", 0.1, 0.2, "higher"),
        ("beta", 0.2, 0.1, "lower"),
        ("60.d", 0.1, 0.2, "better"),
        ("sharpe", None, 1.0, "now defined"),
        ("sharpe", 1.0, None, "no longer defined"),
        ("sharpe", ABSENT, 1.0, "new"),
        ("sharpe", 1.0, ABSENT, "gone"),
        ("word", "a", "b", "changed"),
    ],
)
def test_directions(name, base, other, word):
    assert comparison_words.direction(Change(name, base, other)) == word


@pytest.mark.parametrize(
    ("change", "texts", "by"),
    [
        (Change("total_return", 0.10, 0.25), ("+10.0%", "+25.0%"), "+15.0%"),
        (Change("total_return", 0.10001, 0.10002), ("+10.001%", "+10.002%"), "+0.001%"),
        (Change("costs", 1072.3, 1001.9), ("1,072", "1,002"), "−70"),  # noqa: RUF001
        (Change("d", 0.1, 0.25), ("+0.100", "+0.250"), "+0.150"),
        (Change("volatility", 0.1, 0.25), ("10.0%", "25.0%"), "+15.0%"),
        (Change("rate", 0.123456789, 0.5), ("0.1235", "0.5"), "+0.376543211"),
        (Change("x", True, False), ("yes", "no"), ""),
        (Change("x", None, ABSENT), ("none", "not there"), ""),
        (Change("sharpe", 1.0, 1.0 + 2**-52), ("1.0", "1.0000000000000002"), "+2.22044604925e−16"),  # noqa: RUF001
    ],
)
def test_values_are_as_long_as_it_takes_to_tell_them_apart(change, texts, by):
    assert (comparison_words.values(change), comparison_words.by(change)) == (texts, by)


def test_curves_part_where_the_first_return_differs_and_gaps_are_of_wealth(result_of, run_of, tmp_path):
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"])
    curves = ([100.0, 110.0, 121.0, 121.0], [100.0, 110.0, 99.0, 111.0])
    pair = [
        save(run_of(result_of("first", sessions=sessions, equity=pd.Series(curve, sessions))), tmp_path / str(place))
        for place, curve in enumerate(curves)
    ]
    (reading,) = differ(pair).readings
    # 1.21 to 0.99 on the third of February, 1.21 to 1.11 a day later.
    assert reading.curve.first == reading.curve.on == date(2025, 2, 3)
    assert reading.curve.gap == pytest.approx(-0.22, abs=1e-12)


def test_readings_of_one_run_only_are_told_once(result_of, run_of, tmp_path, pair):
    alone = save(run_of(result_of("first")), tmp_path / "c", parameters={"first": {"gross": 1.0}})
    found = differ((pair[0], alone))
    assert (found.only_base, found.only_other, found.settings, found.readings) == (("second",), (), (), ())
    assert not found.equal


def test_warnings_that_come_and_go(result_of, run_of, tmp_path):
    pair = [
        save(run_of(result_of("first", warnings=told)), tmp_path / name)
        for name, told in (("a", ("x", "y", "y")), ("b", ("y", "z")))
    ]
    (reading,) = differ(pair).readings
    assert (reading.gone, reading.new) == (("x", "y"), ("z",))


def test_tolerance_forgives_last_digits_and_no_more(pair):
    swap(pair[1], "fills.csv", "50.0,", "50.0000000001,")
    assert not differ(pair).equal
    assert differ(pair, 1e-9).equal
    assert not differ(pair, 1e-13).equal


CHANGES = {
    "hold": lambda f: edit(f, "manifest.json", lambda m: m["request"].update(hold=60)),
    "price": lambda f: edit(f, "manifest.json", lambda m: m["prices"]["AAA"].update(rows=499)),
    "symbol": lambda f: edit(f, "manifest.json", lambda m: m["prices"].pop("SPY")),
    "fill": lambda f: swap(f, "fills.csv", "50.0", "51.0"),
    "decision": lambda f: swap(f, "decisions.csv", "0.5", "0.6"),
    "sharpe": lambda f: edit(f, "results.json", lambda r: r["readings"]["first"]["metrics"].update(sharpe=9.0)),
    "warning": lambda f: edit(f, "results.json", lambda r: r["readings"]["second"]["warnings"].append("new")),
    "return": lambda f: swap(f, "returns.csv", "2025-02-04,", "2025-02-04,1"),
}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.sampled_from(sorted(CHANGES))))
def test_any_change_is_a_difference_and_the_other_way_round_its_mirror(run_of, tmp_path, names):
    pair = save(run_of(), tmp_path / "a"), save(run_of(), tmp_path / "b")
    for name in names:
        CHANGES[name](pair[1])
    there, back = differ(pair), differ(pair[::-1])
    assert there.equal == back.equal == (not names)
    assert differ((pair[1], pair[1])).equal
    assert {(c.name, c.base, c.other) for c in there.settings} == {(c.name, c.other, c.base) for c in back.settings}
    assert {(c.symbol, c.base, c.other) for c in there.prices} == {(c.symbol, c.other, c.base) for c in back.prices}
    for one, two in zip(there.readings, back.readings, strict=True):
        assert [(c.name, c.direction) for c in one.metrics] == [(c.name, -c.direction) for c in two.metrics]
        assert [(r.session, r.base, r.other) for r in one.fills] == [(r.session, r.other, r.base) for r in two.fills]
        assert (one.gone, one.new) == (two.new, two.gone)
        if one.curve:
            assert (one.curve.first, one.curve.gap) == (two.curve.first, -two.curve.gap)


def test_json_leaves_out_the_side_that_has_no_value(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest.update(event="other"))
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0,0.5,1.0\n", "")
    told = json.loads(comparison_json.text([differ(pair)]))
    assert told["equal"] is False
    (found,) = told["comparisons"]
    assert found["settings"] == [{"name": "event", "other": "other"}]
    (fill,) = found["readings"]["first"]["fills"]
    assert fill["base"]["price"] == 50 and fill["session"] == "2025-01-31" and "other" not in fill


def test_the_page_has_the_differences_and_the_curves_of_all_runs(pair):
    swap(pair[1], "returns.csv", "2025-02-04,", "2025-02-04,-")
    edit(pair[1], "results.json", lambda r: r["readings"]["first"]["metrics"].update(max_drawdown=-0.9))
    found = [differ(pair), differ((pair[0], pair[0]))]
    page = Page(comparison_page.render(found))
    assert "Runs compared: different" in page.text and "Different: results of 1 reading." in page.text
    row = next(row for table in page.tables for row in table if row[0] == "first")
    assert row[4].endswith("worse") and row[-1] == "2025-02-04"
    lines = page.data["readings"]["first"]
    returns = pd.read_csv(pair[1] / "returns.csv")["first"]
    assert lines[1] == pytest.approx(np.cumprod(1 + returns).tolist(), abs=1e-6)
    assert lines[0] == lines[2] != lines[1]
    assert len(page.data["sessions"]) == len(returns)


def test_what_others_wrote_is_escaped_and_nothing_is_fetched(result_of, run_of, tmp_path):
    pair = []
    for place, word in enumerate(("a", HOSTILE)):
        results = [result_of(HOSTILE, warnings=(word,), outcome=word)]
        pair.append(save(run_of(*results), tmp_path / str(place), event=word, code=word, command=word))
    text = comparison_page.render([differ(pair)])
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 3 and "img" not in [tag for tag, _ in page.elements]
    assert page.addresses == ["data:,"]
    assert "{{ 7*7 }}" in page.text and "\u2028" not in text
    assert "default-src 'none'" in text
    assert list(page.data["readings"]) == [READ]


def test_prices_are_told_in_short():
    assert comparison_words.bars(None) == "\u2013"
    assert comparison_words.bars(Bars(1_500, None, None, "0123456789abcdef")) == "1,500 rows, SHA-256 0123456789ab"
    spanning = Bars(2, date(2025, 1, 2), date(2025, 1, 3), "f" * 64)
    assert comparison_words.bars(spanning) == f"2 rows, 2025-01-02 to 2025-01-03, SHA-256 {'f' * 12}"


def test_the_cause_of_other_results_is_what_went_in_otherwise(pair):
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0", "first,2025-01-31,AAA,100.0,50.01")
    found = differ(pair)
    trials = Change("evidence.trials", 12, 13)

    def told(**changes):
        return comparison_words.cause(replace(found, **changes))

    assert told(readings=()) is None
    assert told(settings=(trials,)).startswith("Only the trials counted so far differ")
    assert told(settings=(trials, Change("request.hold", 252, 60))) == "Only the settings differ among what went in."
    code = Change("code", "c" * 64, "d" * 64)
    assert told(code=code) == "Only the code differs among what went in."
    assert told(settings=(trials,), code=code) == "The settings and code differ among what went in."
    unaltered = replace(found.base, altered=()), replace(found.other, altered=())
    assert told(base=unaltered[0], other=unaltered[1]) == (
        "Nothing that went in differs: the same inputs have given other results."
    )
