"""Differences between two runs: edits are found, named, classified and mirrored."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reports.comparison import prose, run_reader
from reports.comparison.as_json import comparisons_as_json
from reports.comparison.diff import ABSENT, Change, compare_runs, document_changes, growth_of_one
from reports.comparison.page import render
from reports.comparison.run_reader import DecisionRow, FillRow, PriceSpan
from tests.resources.page import HOSTILE, READ, Page
from tests.resources.saved import edit, save, swap


@pytest.fixture(scope="module")
def whole(run_of, tmp_path_factory):
    """The folder of a run, which no test changes."""
    return save(run_of(), tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture
def pair(whole, tmp_path):
    """Two folders of the same run; the second is there to be changed."""
    return whole, shutil.copytree(whole, tmp_path / "b")


def compared(pair, tolerance=0.0):
    return compare_runs(*map(run_reader.read, pair), tolerance)


def test_document_changes_are_paths_with_both_values():
    one = {"a": {"b": 1, "same": [1, {"c": 2}]}, "gone": {"x": 1}, "null": None, "list": [1, 2]}
    two = {"a": {"b": True, "same": [1.0, {"c": 2.0}]}, "new": 0, "null": 0, "list": [2, 1]}
    assert list(document_changes(one, two, 0.0, ())) == [
        Change(("a", "b"), 1, True),
        Change(("gone",), {"x": 1}, ABSENT),
        Change(("null",), None, 0),
        Change(("list",), [1, 2], [2, 1]),
        Change(("new",), ABSENT, 0),
    ]


def test_a_run_with_evidence_equals_itself_only(judged, run_of, tmp_path):
    evidence, without = save(judged(), tmp_path / "a"), save(run_of(), tmp_path / "b")
    assert compared((evidence, evidence)).equal
    (first, *_) = compared((evidence, without)).readings
    assert [change.name for change in first.verdict] == ["evidence"] and first.details == ()
    (without / "results.json").write_bytes((evidence / "results.json").read_bytes())

    def change(results):
        results["readings"]["first"]["evidence"].update(p=0.25)
        results["readings"]["first"]["evidence"]["selection"].update(effect=0.5)

    edit(without, "results.json", change)
    (first, *_) = compared((evidence, without)).readings
    assert first.verdict == (Change(("evidence", "p"), 7 / 65, 0.25),)
    assert first.details == (Change(("evidence", "selection", "effect"), 1.25, 0.5),)


def test_code_packages_command_and_source_are_reported_but_do_not_count(run_of, tmp_path, pair):
    changed = {"command": "x", "code": "d" * 64, "versions": {"numpy": "2.5"}, "source": "elsewhere"}
    found = compared((pair[0], save(run_of(origin="elsewhere"), tmp_path / "c", **changed)))
    assert found.equal
    assert found.code == (Change(("code", "code"), "c" * 64, "d" * 64),)
    assert [(change.name, change.other) for change in (*found.versions, *found.command, *found.source)] == [
        ("versions.numpy", "2.5"),
        ("command", "x"),
        ("source", "elsewhere"),
    ]
    assert prose.verdict_sentence(found) == (
        "Equal: the same settings, prices and results of 2 readings, with different code and packages."
    )


def test_every_other_key_of_the_manifest_is_a_setting(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest["request"].update(hold=60))
    edit(pair[1], "manifest.json", lambda manifest: manifest.update(event={"day": "2025-01-27"}))
    found = compared(pair)
    assert not found.equal and found.readings == ()
    assert [(change.name, change.base, change.other) for change in found.settings] == [
        ("request.hold", 252, 60),
        ("event", ABSENT, {"day": "2025-01-27"}),
    ]


def test_prices_are_compared_by_digest_without_tolerance(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest["prices"]["AAA"].update(sha256="b" * 64))
    found = compared(pair, tolerance=0.5)
    span = (500, "2024-01-02", "2026-02-03")
    assert found.prices == (Change(("prices", "AAA"), PriceSpan(*span, "a" * 64), PriceSpan(*span, "b" * 64)),)
    assert prose.verdict_sentence(found) == "Different: prices of 1 symbol."
    assert prose.price_texts(found.prices[0])[1] == f"500 rows, 2024-01-02 to 2026-02-03, SHA-256 {'b' * 12}"


def test_a_fill_changed_by_hand_is_found(pair):
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0", "first,2025-01-31,AAA,100.0,50.01")
    found = compared(pair)
    (reading,) = found.readings
    (fill,) = reading.fills
    assert (reading.name, prose.day_and_symbol(fill)) == ("first", "2025-01-31 AAA")
    assert prose.row_texts(fill) == ("+100 at 50.00", "+100 at 50.01")
    assert reading.curve is None and reading.metrics == ()
    assert prose.cause(found) == "No input differs: a file was changed after its run."


@pytest.mark.parametrize(
    ("other", "texts"),
    [
        ({"price": 50.00001}, ("+100 at 50.00000", "+100 at 50.00001")),
        ({"size": 100.5}, ("+100 at 50.00", "+100.50 at 50.00")),
        (
            {"commission": 0.6},
            ("+100 at 50.00, commission 0.50, spread 1.00", "+100 at 50.00, commission 0.60, spread 1.00"),
        ),
    ],
)
def test_texts_of_fills_have_enough_digits_to_differ(other, texts):
    fill = FillRow("2025-01-31", "AAA", 100.0, 50.0, 0.5, 1.0)
    assert prose.row_texts(Change(("fills",), fill, fill._replace(**other))) == texts


def test_fills_are_matched_by_date_and_symbol_and_order(pair):
    line = "first,2025-01-31,AAA,100.0,50.0,0.5,1.0\n"
    swap(pair[1], "fills.csv", line, "first,2025-01-31,AAB,7,50,0,0\n" + line)
    assert [(fill.path[1], fill.base) for fill in compared(pair).readings[0].fills] == [
        (("2025-01-31", "AAB", 1), ABSENT)
    ]
    swap(pair[1], "fills.csv", line, line + line)
    assert [fill.path[1] for fill in compared(pair).readings[0].fills] == [
        ("2025-01-31", "AAA", 2),
        ("2025-01-31", "AAB", 1),
    ]


@pytest.mark.parametrize(
    ("path", "base", "other", "word"),
    [
        ("metrics.sharpe", 1.0, 1.5, "better"),
        ("metrics.sharpe", 1.0, 0.5, "worse"),
        ("metrics.max_drawdown", -0.1, -0.2, "worse"),
        ("metrics.costs", 100.0, 120.0, "worse"),
        ("metrics.costs", 120.0, 100.0, "better"),
        ("metrics.volatility", 0.1, 0.2, "higher"),
        ("metrics.beta", 0.2, 0.1, "lower"),
        ("horizons.60.d", 0.1, 0.2, "better"),
        ("metrics.sharpe", None, 1.0, "now defined"),
        ("metrics.sharpe", 1.0, None, "no longer defined"),
        ("metrics.sharpe", ABSENT, 1.0, "new"),
        ("metrics.sharpe", 1.0, ABSENT, "gone"),
        ("facts.outcome", "a", "b", "changed"),
    ],
)
def test_directions(path, base, other, word):
    assert prose.direction(Change(tuple(path.split(".")), base, other)) == word


def test_metrics_of_different_windows_are_neither_better_nor_worse():
    assert prose.direction(Change(("metrics", "sharpe"), 1.0, 1.5), same_window=False) == "higher"
    assert prose.direction(Change(("horizons", "60", "d"), 0.1, 0.2), same_window=False) == "better"


@pytest.mark.parametrize(
    ("path", "base", "other", "texts", "difference"),
    [
        ("metrics.total_return", 0.10, 0.25, ("+10.0%", "+25.0%"), "+15.0%"),
        ("metrics.total_return", 0.10001, 0.10002, ("+10.001%", "+10.002%"), "+0.001%"),
        ("metrics.costs", 1072.3, 1001.9, ("1,072", "1,002"), "−70"),  # noqa: RUF001
        ("metrics.d", 0.1, 0.25, ("+0.100", "+0.250"), "+0.150"),
        ("metrics.volatility", 0.1, 0.25, ("10.0%", "25.0%"), "+15.0%"),
        ("settings.rate", 0.123456789, 0.5, ("0.1235", "0.5"), "+0.376543211"),
        ("settings.x", True, False, ("yes", "no"), ""),
        ("settings.x", None, ABSENT, ("none", "not there"), ""),
        ("settings.x", [1, "é"], {"long": "x" * 100}, ('[1, "é"]', "there"), ""),
        ("metrics.sharpe", 1.0, 1.0 + 2**-52, ("1.0", "1.0000000000000002"), "+2.22044604925e−16"),  # noqa: RUF001
        ("results.failed.x", ABSENT, "Traceback:\n  line 1\nKeyError: 'AAA'\n", ("not there", "KeyError: 'AAA'"), ""),
    ],
)
def test_texts_of_values_have_enough_digits_to_differ(path, base, other, texts, difference):
    change = Change(tuple(path.split(".")), base, other)
    assert (prose.value_texts(change), prose.difference(change)) == (texts, difference)


def test_divergence_starts_at_the_first_different_return(result_of, run_of, tmp_path):
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"])
    curves = ([100.0, 110.0, 121.0, 121.0], [100.0, 110.0, 99.0, 111.0])
    pair = [
        save(run_of(result_of("first", sessions=sessions, equity=pd.Series(curve, sessions))), tmp_path / str(index))
        for index, curve in enumerate(curves)
    ]
    (reading,) = compared(pair).readings
    # 1.21 to 0.99 on the third of February, 1.21 to 1.11 a day later.
    assert reading.curve.first == reading.curve.on == "2025-02-03"
    assert reading.curve.gap == pytest.approx(-0.22, abs=1e-12)
    assert prose.describe_curve(reading.curve) == "differs from 2025-02-03 on, largest gap −22.00% on 2025-02-03"  # noqa: RUF001


def test_a_curve_ends_where_a_return_is_undefined():
    assert growth_of_one({"2025-01-31": 0.5, "2025-02-03": None, "2025-02-04": 0.5}) == {"2025-01-31": 1.5}


def test_a_decision_is_shown_by_its_weight():
    decision = DecisionRow("2025-01-31", "AAA", 0.5)
    assert prose.row_texts(Change(("decisions",), decision, ABSENT)) == ("weight +50.0%", "none")


def test_readings_of_one_run_only_are_reported_once(result_of, run_of, tmp_path, pair):
    alone = save(run_of(result_of("first")), tmp_path / "c", parameters={"first": {"gross": 1.0}})
    found = compared((pair[0], alone))
    assert (found.only_base, found.only_other, found.settings, found.readings) == (["second"], [], (), ())
    assert prose.verdict_sentence(found) == "Different: 1 reading in one run only."
    lines = Page(render([found])).data["readings"]["second"]
    assert lines[0][0] is not None and lines[1] is None


def test_a_horizon_that_one_run_lacks_is_reported_by_figure(pair):
    edit(pair[1], "results.json", lambda results: results["readings"]["first"]["horizons"].update({"60": None}))
    (reading,) = compared(pair).readings
    assert [(change.name, change.base, change.other) for change in reading.horizons] == [
        ("60.return", 0.6, ABSENT),
        ("60.excess_benchmark", 0.06, ABSENT),
        ("60.d", 0.12, ABSENT),
    ]


def test_new_and_gone_warnings_are_reported(result_of, run_of, tmp_path):
    pair = [
        save(run_of(result_of("first", warnings=warnings)), tmp_path / name)
        for name, warnings in (("a", ("x", "y", "y")), ("b", ("y", "z")))
    ]
    (reading,) = compared(pair).readings
    assert (reading.gone, reading.new) == (["x", "y"], ["z"])


def test_tolerance_covers_only_small_differences(pair):
    swap(pair[1], "fills.csv", "50.0,", "50.0000000001,")
    assert not compared(pair).equal
    assert compared(pair, 1e-9).equal
    assert not compared(pair, 1e-13).equal


CHANGES = {
    "hold": lambda f: edit(f, "manifest.json", lambda m: m["request"].update(hold=60)),
    "price": lambda f: edit(f, "manifest.json", lambda m: m["prices"]["AAA"].update(rows=499)),
    "symbol": lambda f: edit(f, "manifest.json", lambda m: m["prices"].pop("SPY")),
    "fill": lambda f: swap(f, "fills.csv", "50.0", "51.0"),
    "decision": lambda f: swap(f, "decisions.csv", "0.5", "0.6"),
    "sharpe": lambda f: edit(f, "results.json", lambda r: r["readings"]["first"]["metrics"].update(sharpe=9.0)),
    "warning": lambda f: edit(f, "results.json", lambda r: r["readings"]["second"]["warnings"].append("new")),
    "failed": lambda f: edit(f, "results.json", lambda r: r["failed"].update(third="KeyError")),
    "return": lambda f: swap(f, "returns.csv", "2025-02-04,", "2025-02-04,1"),
}


def mirrored(changes):
    return {(change.path, change.other, change.base) for change in changes}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.sets(st.sampled_from(sorted(CHANGES))))
def test_any_change_is_found_and_mirrored(whole, tmp_path, names):
    pair = whole, shutil.copytree(whole, tmp_path / "b", dirs_exist_ok=True)
    for name in names:
        CHANGES[name](pair[1])
    there, back = compared(pair), compared(pair[::-1])
    assert there.equal == back.equal == (not names)
    assert compared((pair[1], pair[1])).equal
    for section in ("settings", "prices", "results"):
        changes = getattr(there, section)
        assert {(change.path, change.base, change.other) for change in changes} == mirrored(getattr(back, section))
    for one, two in zip(there.readings, back.readings, strict=True):
        for section in ("metrics", "fills", "decisions", "warnings"):
            changes = getattr(one, section)
            assert {(change.path, change.base, change.other) for change in changes} == mirrored(getattr(two, section))
        if one.curve:
            assert (one.curve.first, one.curve.gap) == (two.curve.first, -two.curve.gap)


def test_json_of_a_comparison(pair):
    edit(pair[1], "manifest.json", lambda manifest: manifest.update(event="other"))
    edit(pair[1], "results.json", lambda r: r["readings"]["first"]["metrics"].update(costs=1e6))
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0,0.5,1.0\n", "")
    text = json.loads(comparisons_as_json([compared(pair)]))
    assert (text["schema"], text["kind"], text["equal"]) == (1, "comparison", False)
    (found,) = text["comparisons"]
    assert found["settings"] == [{"name": "event", "other": "other"}]
    first = found["readings"]["first"]
    (fill,) = first["fills"]
    assert fill["base"]["price"] == 50 and fill["session"] == "2025-01-31" and "other" not in fill
    (costs,) = first["metrics"]
    assert (costs["name"], costs["other"], costs["direction"]) == ("costs", 1e6, "worse")
    assert costs["by"] == 1e6 - costs["base"]


def test_the_page_has_the_differences_and_the_curves_of_all_runs(pair):
    swap(pair[1], "returns.csv", "2025-02-04,", "2025-02-04,-")
    edit(pair[1], "results.json", lambda r: r["readings"]["first"]["metrics"].update(max_drawdown=-0.9))
    page = Page(render([compared(pair), compared((pair[0], pair[0]))]))
    assert "Runs compared: different" in page.text and "Different: results of 1 reading." in page.text
    row = next(row for table in page.tables for row in table if row[0] == "first")
    assert row[4].endswith("worse") and row[-1] == "2025-02-04"
    lines = page.data["readings"]["first"]
    returns = pd.read_csv(pair[1] / "returns.csv")["first"]
    assert lines[1] == pytest.approx(np.cumprod(1 + returns).tolist(), abs=1e-6)
    assert lines[0] == lines[2] != lines[1]
    assert len(page.data["sessions"]) == len(returns)


def test_foreign_text_is_escaped_and_nothing_is_fetched(result_of, run_of, tmp_path):
    pair = []
    for index, word in enumerate(("a", HOSTILE)):
        results = [result_of(HOSTILE, warnings=(word,), outcome=word)]
        pair.append(save(run_of(*results), tmp_path / str(index), event=word, code=word, command=word))
    text = render([compared(pair)])
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 3 and "img" not in [tag for tag, _ in page.elements]
    assert page.addresses == ["data:,"]
    assert "{{ 7*7 }}" in page.text and "\u2028" not in text
    assert "default-src 'none'" in text
    assert list(page.data["readings"]) == [READ]


def test_a_cause_that_is_not_an_input_is_named(pair):
    swap(pair[1], "fills.csv", "first,2025-01-31,AAA,100.0,50.0", "first,2025-01-31,AAA,100.0,50.01")
    found = compared(pair)
    trials = Change(("settings", "evidence", "trials"), 12, 13)
    hold = Change(("settings", "request", "hold"), 252, 60)
    code = Change(("code", "code"), "c" * 64, "d" * 64)

    def cause(**changes):
        return prose.cause(replace(found, **changes))

    assert cause(readings=()) is None
    assert cause(settings=(trials,)).startswith("Of the inputs, only the number of trials differs")
    assert cause(settings=(trials, hold)) is None and cause(settings=(trials,), code=(code,)) is None
    unaltered = {side: replace(getattr(found, side), altered=()) for side in ("base", "other")}
    assert cause(**unaltered) == "No input differs: the same inputs gave different results."
