"""The page on one reading: what it says, that it says why something is missing, and that nothing escapes."""

# The signs of the page are typed as they stand there.
# ruff: noqa: RUF001

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.pages import evidence as evidence_page
from reports.statistics.availability import Missing
from reports.statistics.placebo import LEAST_PLACEBOS, Power, placebo_ranks
from reports.statistics.verdict import Verdict
from tests.resources.page import HOSTILE, Page


def shown(run, place=0):
    result = run.results[place]
    return Page(evidence_page.render(run.evidence_report.readings[result.name], result, run))


def table(page, first):
    """The rows of the table whose first heading is `first`."""
    return next(rows for rows in page.tables if rows[0][0] == first)


def rows(page, first, heads):
    return {row[0]: row[1:] for row in table(page, first)[heads:]}


# --- the verdict ----------------------------------------------------------------------------------------------------


def test_the_verdict_never_comes_without_n_effect_interval_p_and_source(judged):
    text = shown(judged()).text
    # Of 64 placebos 6 did at least as well: with the real one 7 of 65.
    assert "The same rule, entered at 64 other dates whose windows do not overlap, did at least as well in 6" in text
    assert "p = 0.108. Adjusted for all readings of its family, p = 0.600." in text
    assert "p 0.108 Adjusted p 0.600 n 64 past entries that do not overlap" in text
    # Logs of 0.05, -0.03 and 0.12 as percentages.
    for part in ("Not distinguishable from chance", "Excess +5.1%", "Effect, 95% −3.0% to +12.7%", "Prices: made up."):
        assert part in text
    # 7 of 65 are 0.10769; of 5,001 that is 538.6.
    assert (
        "With market, chips and software taken out of all returns, randomly drawn stocks did at least as well in 538 "
        "of 5,000 draws; with the real one that is 539 of 5,001, p = 0.108." in text
    )


def test_a_verdict_names_its_tests_and_a_contradiction_is_loud(judged, evidence_of):
    conflict = "stock selection says refuted; the smaller p decides"
    page = shown(judged(evidence_of(verdict=Verdict("supported", ("timing over a month",), conflict))))
    assert "Supported by timing over a month" in page.text
    assert f"The tests contradict each other: {conflict}." in page.text


def test_what_happened_is_description(judged):
    # exp(0.252) = 1.2866
    assert (
        "At the end of its holding period the reading had 28.7% more wealth than the idle account. By its own "
        "criterion it is not refuted. This describes one window; it is not a test."
    ) in shown(judged()).text


def test_hindsight_is_said_beside_the_verdict(judged):
    text = shown(judged(evidence_report={"hindsight": True})).text
    assert "With hindsight: the entry is earlier than the publication of the reading." in text
    assert "Not distinguishable from chance, with hindsight" in text
    assert "the entry is earlier" not in shown(judged()).text


def test_a_reconstruction_gives_no_verdict_on_history(judged, evidence_of):
    reason = "the prices are a reconstruction, which gives no verdict on history"
    page = shown(judged(evidence_of(verdict=Verdict(None, reason=reason)), evidence_report={"real": False}))
    assert "No verdict There is no verdict: the prices are a reconstruction, which gives no verdict" in page.text
    assert "made up is a reconstruction, which gives no verdict on history." in page.text
    assert "Prices: made up (reconstructed)." in page.text


def test_a_reading_that_selects_no_stocks_says_that_there_is_no_test(judged):
    page = shown(judged(), 1)
    assert page.text.count("No test: this reading does not select stocks") == 2
    assert "stocks" not in page.data and not [rows for rows in page.tables if rows[0][0] == "Stocks"]


# --- numbers --------------------------------------------------------------------------------------------------------


def test_the_table_has_every_horizon_and_says_what_is_not_available(judged):
    horizons = rows(shown(judged()), "At the end of", 2)
    assert horizons["20 trading days, declared"] == [
        *("64", "+5.1%", "−3.0% to +12.7%", "+1.0%", "0.040", "1.00"),
        *("0.108", "0.600", "0.908", "1.000"),
    ]
    assert horizons["60 trading days"][:3] == ["21", "−2.0%", "–"]
    assert horizons["120 trading days"] == [
        "5",
        "−9.5%",
        "Not available: 5 placebos that do not overlap; 19 are needed.",
    ]


def test_intervals_begin_where_the_page_says():
    """The page says that below so many launches there is no interval."""
    least = evidence_page.LEAST_BOUNDED
    draws = np.random.default_rng(1).normal(size=(least + 1, 1))
    assert placebo_ranks(draws)[0].low is not None
    assert placebo_ranks(draws[:-1])[0].low is None and least > LEAST_PLACEBOS


def test_abnormal_returns_alpha_costs_and_description_stand_in_tables(judged):
    page = shown(judged())
    windows = table(page, "Window, trading days")
    assert windows[0][1:] == ["[0]", "[0,+1]", "[−1,+1]", "[0,+5]", "[0,+10]", "[0,+20]"]
    assert [row[0] for row in windows[1:]] == [
        *("Legs", "Long leg", "Names sold short", "Long less short"),
        *("Stocks", "AAA", "BBB", "CCC", "DDD"),
    ]
    assert re.fullmatch(r"[+−]\d+\.\d% ±\d+\.\d", windows[2][1])
    # The same tables again for the two other models, and tests across the names of the long leg only.
    assert len([rows for rows in page.tables if rows[0][0] == "Window, trading days"]) == 3
    assert len([rows for rows in page.tables if rows[0][0] == "Window"]) == 1
    assert rows(page, "Figure, a year", 1)["Compound growth"] == ["+28.0%", "−17.0% to +98.0%"]
    assert rows(page, "Fund", 1)["SPY"] == ["Alpha", "+10.0%", "−10.0% to +30.0%", "0.300", "0.500", "253"]
    assert rows(page, "Fund", 1)["Beta to SPY"] == ["1.20", "1.00 to 1.40", "<0.0001", "", ""]
    assert "748.3 bp of the value traded would reduce the excess" in page.text
    assert "Not available: nothing is sold short." in page.text
    assert rows(page, "Others", 1)["Decisions moved by days"] == ["20 trading days", "16", "−0.3%", "+0.4%", "93.8%"]
    assert "2025-01-29 The FOMC holds rates" in page.text
    assert "12 variants tried" in page.text and "3 more were deleted from it" in page.text


def test_two_stocks_are_too_few_for_a_test_across_stocks():
    from reports.statistics.event_study import EventSample
    from reports.statistics.shock import study_shock

    rng = np.random.default_rng(6)
    sample = EventSample(
        rng.normal(size=(60, 3)), rng.normal(size=60), rng.normal(size=(22, 3)), rng.normal(size=22), 1
    )
    span = ("2024-09-03", "2024-12-24")
    pair = study_shock(sample, "ABC", {"A": 0.5, "B": 0.25, "C": -0.25}, "2025-01-27", span, "SPY")
    three = study_shock(sample, "ABC", {"A": 0.5, "B": 0.25, "C": 0.25}, "2025-01-27", span, "SPY")
    assert not pair.across and set(three.across) == {"long leg"}


def test_the_tests_that_over_reject_are_marked(judged):
    heads = table(shown(judged()), "Window")[0]
    assert [head for head in heads if head.endswith("over-rejects")] == [
        *("Plain t: over-rejects", "Patell: over-rejects"),
        *("BMP: over-rejects", "Sign: over-rejects"),
    ]
    assert "Kolari-Pynnönen" in heads


def test_power_is_one_sentence_with_a_table(judged, evidence_of):
    page = shown(judged())
    # exp(0.1) = 1.1052 and exp(0.05) = 1.0513
    sentence = (
        "The timing test would have found an effect of 10.5% more wealth than its comparator after 20 trading days in "
        "93.8% of the cases, at least four in five; one of +5.1% in 53.1%. "
        # exp(-0.1) = 0.9048 and exp(-0.05) = 0.9512
        "The timing test would have found an effect of 9.5% less wealth than its comparator after 20 trading days in "
        "84.4% of the cases, at least four in five; one of −4.9% in 40.0%."
    )
    assert page.text.count(sentence) == 2
    assert table(page, "Upward effect, excess") == [
        ["Upward effect, excess", "+2.0%", "+5.1%", "+10.5%"],
        ["Found in", "10.0%", "53.1%", "93.8%"],
    ]
    assert table(page, "Downward effect, excess") == [
        ["Downward effect, excess", "−2.0%", "−4.9%", "−9.5%"],
        ["Found in", "0.0%", "40.0%", "84.4%"],
    ]
    assert page.data["power"]["effects"] == [-0.1, -0.05, -0.02, 0.02, 0.05, 0.1]
    weak = shown(judged(evidence_of(power=Power((0.02, 0.6), (0.0, 0.4), None))))  # exp(0.6) = 1.8221
    assert "The timing test is weak upward: even an effect of 82.2% more wealth" in weak.text
    assert "would have been found in only 40.0% of the cases." in weak.text
    blind = shown(judged(evidence_of(power_down=Power((0.02, 0.6), (0.0, 0.0), None))))  # exp(-0.6) = 0.5488
    assert "The timing test can find nothing downward: even an effect of 45.1% less wealth" in blind.text
    assert "would have been found in none of the cases." in blind.text


def test_what_is_missing_says_why_everywhere(judged, empty_evidence):
    run = judged(empty_evidence())
    page = shown(run)
    assert page.data == {}
    assert "No verdict There is no verdict: timing: nothing left." in page.text
    assert "Not available: the reading never takes a position, so that there are no legs." in page.text
    # Timing at five horizons, stocks, three tests of the verdict, entries, intervals, alpha, Sharpe ratio, costs.
    assert (
        page.text.count("Not available: a launch at another date failed: nothing left.")
        == 5 + 1 + 3 + 1 + 3 + 1 + 5 + 1
    )
    assert "At the end of the holding period the excess is undefined" in page.text
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b", page.text)


def test_a_leg_that_cannot_be_measured_says_why(judged, evidence_of, shock_of):
    whole = shock_of()
    first, *others = whole.legs
    none = dict.fromkeys(first.car)
    late = {**first.car, "[0,+20]": None}
    shock = replace(
        whole,
        legs=(
            replace(first, car=none, error=none, reason="the residuals do not vary"),
            replace(others[0], car=late, error=late, reason="the prices end before [0,+20]"),
            *others[1:],
        ),
        paths=(replace(whole.paths[0], car=(None,) * 22), *whole.paths[1:]),
    )
    page = shown(judged(evidence_of(shock=shock)))
    assert table(page, "Window, trading days")[2] == ["Long leg", "Not available: the residuals do not vary."]
    assert table(page, "Window, trading days")[3][-1] == "–"
    assert "A dash: the prices end before [0,+20]." in page.text
    assert [path["leg"] for path in page.data["paths"]] == ["names sold short", "long less short"]


def test_a_shock_without_legs_stands(judged, evidence_of, shock_of):
    bare = replace(shock_of(), legs=(), paths=(), alone=(), across={})
    page = shown(judged(evidence_of(shock=bare)))
    assert "paths" not in page.data and "What the market did around the shock" in page.text


# --- charts ---------------------------------------------------------------------------------------------------------


def test_the_histogram_marks_entries_that_do_not_overlap_and_the_real_one(judged):
    histogram = shown(judged()).data["timing"]["20"]
    assert (histogram["n"], histogram["missing"], histogram["real"]) == (38, 2, 0.05)
    # Entries 35, 25, 15 and 5 of a sawtooth of period nine.
    assert histogram["marked"] == [0.01, 0.02, 0.03, 0.04]
    assert histogram["start"] == pytest.approx(-0.04) and sum(histogram["counts"]) == 38


def test_p_by_horizon_is_on_the_side_of_the_effect(judged):
    curves = shown(judged()).data["p"]
    assert curves["ticks"] == ["5", "20", "60", "120", "252"]
    # At 60 trading days d is below zero.
    assert curves["lines"] == {
        "timing": [0.10769, 0.10769, 0.90769, None, None],
        "timing-adjusted": [0.6, 0.6, 1.0, None, None],
    }


def test_the_test_of_stock_selection_has_its_statistic_and_both_sides(judged):
    page = shown(judged())
    head, _, row = table(page, "Stocks")
    assert head[:3] == ["Stocks", "n", "Statistic"]
    assert row == ["Of the reading", "5,000", "1.25", "0.10", "1.100", "1.00", "0.108", "0.600", "0.908", "1.000"]
    assert "Statistic 1.25 p 0.108 Adjusted p 0.600 n 5,000 draws of stocks" in page.text
    assert page.data["stocks"]["real"] == 1.25 and page.data["stocks"]["n"] == 500


def test_the_year_has_its_means_and_all_three_p(judged, evidence_of, year_of):
    # exp(0.02) = 1.0202 and exp(-0.01) = 0.9900; 3 of 76 shifts are 0.039.
    sentence = (
        "In the 12 months after the entry the mean excess was +2.0%, in the 64 before it −1.0%. Months in random order "
        "differ as much this way in 0.020 of the cases (adjusted 0.070), months shifted in a circle in 0.039."
    )
    page = shown(judged())
    assert f"Timing over the year, exploratory {sentence}" in page.text
    # exp(0.02 + 0.01) = 1.0305
    assert "Difference +3.0% a month p 0.020 Adjusted p 0.070 Cyclic p 0.039" in page.text
    declared = shown(judged(evidence_report={"year_declared": True}))
    assert f"Timing over the year {sentence}" in declared.text
    lower = shown(judged(evidence_of(year=year_of(after=-0.02, before=0.01))))
    assert "in 0.980 of the cases (adjusted 1.000), months shifted in a circle in 0.974." in lower.text  # 74 of 76


def test_a_claim_about_the_long_run_has_no_declared_month(judged, evidence_of):
    reason = "its claim is about the long run, on which no test was declared"
    page = shown(judged(evidence_of(long_run=True, verdict=Verdict("exploratory", reason=reason))))
    assert f"Exploratory Only a look, no test: {reason}." in page.text
    assert "Timing over a month, description" in page.text
    assert "20 trading days" in rows(page, "At the end of", 2) and "The claim is about the long run" in page.text


def test_families_and_what_is_promised_are_said(judged):
    text = shown(judged()).text
    assert "The family: first, second." in text
    # Two tests in one family, 2.5 % each.
    assert "2 tests and 1 family together in at most 5.0% a side." in text
    two = shown(judged(evidence_report={"families": (("first",), ("second",)), "year_declared": True})).text
    assert "First family: first. Second family: second." in two
    assert "3 tests and 2 families together in at most 15.0% a side." in two
    assert "before any price was seen" not in text and "fixed in code before this run, after the event" in text


def test_a_plain_strategy_has_entries_only_where_the_tests_need_them(judged, evidence_of):
    evidence = evidence_of()
    few = replace(
        evidence.launches,
        sessions=evidence.launches.sessions[:5],
        d={key: d[:5] for key, d in evidence.launches.d.items()},
        aligned=dict.fromkeys(evidence.launches.aligned, (0, 1, 2, 3)),
    )
    assert "A plain strategy is run only from the entry dates" in shown(judged(evidence_of(launches=few))).text
    assert "The bars count an entry on every trading day" in shown(judged()).text


@given(
    st.lists(st.floats(-5, 5) | st.none() | st.just(float("-inf")), max_size=60),
    st.none() | st.floats(-5, 5),
)
def test_every_value_is_in_one_bin_and_zero_is_an_edge(values, real):
    known = [value for value in values if value is not None and np.isfinite(value)]
    drawn = evidence_page.histogram_bins(values, (), real)
    if not known:
        assert drawn == {}
        return
    assert sum(drawn["counts"]) == drawn["n"] == len(known)
    assert drawn["missing"] == len(values) - len(known)
    end = drawn["start"] + len(drawn["counts"]) * drawn["width"]
    spread = [*known, *([] if real is None else [real])]
    assert drawn["start"] - 1e-6 <= min(spread) and max(spread) <= end + 1e-6
    edge = drawn["start"] / drawn["width"]
    assert edge == pytest.approx(round(edge), abs=0.02)
    assert len(drawn["counts"]) <= evidence_page.BINS + 2


@pytest.mark.parametrize(("width", "rounded"), [(0.0, 1e-4), (0.012, 0.02), (0.02, 0.02), (0.7, 1.0), (0.03, 0.05)])
def test_bins_have_a_round_width(width, rounded):
    assert evidence_page.round_width(width) == rounded


# --- the page -------------------------------------------------------------------------------------------------------


def test_texts_are_escaped(judged, evidence_of, shock_of):
    evil = evidence_of(
        "first",
        verdict=Verdict(None, reason=HOSTILE),
        described=(replace(evidence_of().described[0], heading=HOSTILE),),
        shock=shock_of((HOSTILE, "B", "C", "D")),
        break_even=Missing(HOSTILE),
        regressions={HOSTILE: Missing(HOSTILE)},
    )
    run = judged(
        evil,
        evidence_report={"confounders": (("2025-01-29", HOSTILE),), "origin": HOSTILE},
        title=HOSTILE,
        notices=(HOSTILE,),
    )
    result = replace(
        run.results[0],
        name=HOSTILE,
        comparator_name=HOSTILE,
        story=replace(run.results[0].story, title=HOSTILE),
    )
    page = Page(evidence_page.render(replace(evil, name=HOSTILE), result, run))
    counts = {tag: sum(one == tag for one, _ in page.elements) for tag in ("script", "img")}
    assert counts == {"script": 3, "img": 0}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in page.text and "{{49}}" not in page.text
    assert not set(page.scripts[0]) & set("<>&\u2028\u2029")
    assert re.fullmatch(r"[\w.%-]+\.html", page.addresses[2])


def test_the_page_loads_nothing_and_leads_to_its_neighbours(judged):
    run = judged()
    text = evidence_page.render(run.evidence_report.readings["first"], run.results[0], run)
    assert set(Page(text).addresses) == {"data:,", "index.html", "first.html", "#terms", "uplot.js"}
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|new Worker|import\(", text)
    assert "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-" in text


def test_headings_regions_and_charts_have_names(judged):
    page = shown(judged())
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        assert attributes.get("aria-labelledby", ids[0]) in ids
        if attributes.get("role") in {"img", "region", "group"}:
            assert attributes.get("aria-label") or attributes.get("aria-labelledby")


def test_equal_evidence_gives_equal_bytes_and_a_small_page(judged):
    first, second = (
        evidence_page.render(run.evidence_report.readings["first"], run.results[0], run) for run in (judged(), judged())
    )
    assert first == second
    assert len(first.encode()) < 250_000
