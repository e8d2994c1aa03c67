"""The page that compares readings: its numbers, its data for the charts, and that nothing escapes or is fetched."""

# The signs of the page are typed as they stand there.
# ruff: noqa: RUF001

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports.pages import index as index_page
from reports.records.result import Horizon, Story
from reports.statistics.placebo import OneSidedPower
from reports.statistics.verdict import Verdict
from tests.resources.page import HOSTILE, READ, Page

ALLOWED = r"default-src 'none'; style-src 'unsafe-inline'; script-src ('sha256-[\w+/]{43}=' ){3}'self'; img-src data:"


def shown(run):
    return Page(index_page.render(run))


def by_reading(table, heads=1):
    return {row[0]: row[1:] for row in table[heads:]}


@pytest.fixture
def small(result_of, run_of):
    """Three sessions after the start, with figures that are worked out by hand.

    The reading goes 1,000,000 - 1,100,000 - 990,000 - 1,188,000 USD, the benchmark rises 1 % a session.
    """
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"])
    fills = pd.DataFrame(
        {
            "session": sessions[1:3],
            "symbol": ["AAA", "AAA"],
            "size": [1000.0, -1000.0],
            "price": [100.0, 110.0],
            "commission": [600.0, 700.0],
            "spread_cost": [1200.0, 1400.0],
        }
    )
    result = result_of(
        "hand",
        sessions=sessions,
        equity=pd.Series([1e6, 1.1e6, 0.99e6, 1.188e6], sessions),
        gross=pd.Series([0.0, 0.5, 0.0, 0.0], sessions),
        fills=fills,
        d=-0.0721,
        horizons={5: Horizon(0.12345, -0.0456, float("-inf"))},
        interest={"cash": 2500.0, "debit": 80.0, "borrow": 310.0},
        refuted=True,
    )
    return run_of(result, benchmark=pd.Series(0.01, sessions[1:]), risk_free=pd.Series(0.0, sessions[1:]))


def test_figures_are_those_of_the_run(small):
    table = shown(small).named["table-figures"]
    figures = dict(zip(table[0][1:], by_reading(table)["hand"], strict=True))
    # The benchmark: 1.01 cubed is 1.030301. The drawdown: 0.99 / 1.1 - 1.
    assert figures["Net return"] == "+18.8%"
    assert figures["Vs benchmark"] == "+15.8%"
    assert figures["Excess"] == "−7.0%"  # exp(-0.0721) - 1
    assert figures["Max. drawdown"] == "−10.0%"
    assert figures["In market"] == "33.3%"
    assert figures["Costs, USD"] == "3,900"
    assert figures["Refuted"] == "yes"
    # Three sessions are too few to be blown up to a year.
    assert {figures[name] for name in ("CAGR", "Sharpe", "Beta", "Alpha", "Turnover")} == {"–"}


def test_figures_a_year_are_those_of_pandas(run_of):
    run = run_of()
    result = run.results[0]
    table = shown(run).named["table-figures"]
    figures = dict(zip(table[0][1:], by_reading(table)[result.name], strict=True))
    excess = result.returns - (1.041 ** (1 / 252) - 1)
    assert figures["Sharpe"] == f"{excess.mean() / excess.std() * np.sqrt(252):.2f}".replace("-", "−")
    assert figures["Volatility"] == f"{100 * excess.std() * np.sqrt(252):.1f}%"
    traded, years = 100 * 50.0 + 100 * 60.0, len(excess) / 252
    assert figures["Turnover"] == f"{traded / years / result.equity.mean():.2f}"


def test_the_benchmark_has_a_row_of_its_own(small, run_of):
    table = shown(small).named["table-figures"]
    figures = dict(zip(table[0][1:], by_reading(table)["SPY"], strict=True))
    assert figures["Net return"] == "+3.0%" and figures["Max. drawdown"] == "0.0%" and figures["In market"] == "100.0%"
    assert {figures[name] for name in ("Vs benchmark", "Excess", "Turnover", "Costs, USD", "Refuted")} == {"–"}
    assert (
        dict(zip(table[0][1:], by_reading(shown(run_of()).named["table-figures"])["SPY"], strict=True))["Beta"]
        == "1.00"
    )


def test_horizons_that_are_not_reached_and_ruin_are_dashes(small):
    horizons = by_reading(shown(small).named["table-horizons"], heads=2)
    assert horizons["hand"] == ["+12.3%", "−4.6%", "–", *["–"] * 12]
    assert horizons["SPY"] == ["–"] * 15


def test_the_benchmark_at_horizons_counts_from_the_entry_session(run_of):
    run = run_of()
    run = replace(run, benchmark=pd.Series(0.001, run.benchmark.index))
    row = by_reading(shown(run).named["table-horizons"], heads=2)["SPY"]
    # 1.001 to the 5th, 20th, 60th, 120th and 252nd.
    assert row[::3] == ["+0.5%", "+2.0%", "+6.2%", "+12.7%", "+28.6%"]


def test_costs_and_interest_in_usd(small):
    row = by_reading(shown(small).named["table-costs"])["hand"]
    # 2,500 received less 1,300 + 2,600 + 310 + 80 paid.
    assert row == ["2", "1,300", "2,600", "310", "80", "2,500", "−1,790"]


def test_cards_tell_claims_outcome_and_link(run_of, result_of):
    page = shown(run_of(result_of("one", warnings=("MDB was left out.",), refuted=None)))
    for words in ("Title of one", "claims C1 C5", "A claim.", "Made money.", "The idle account", "When it lost."):
        assert words in page.text
    assert "MDB was left out." in page.text and "No criterion of its own" in page.text
    assert page.addresses.count("one.html") == 3


def test_notices_are_loud(run_of, result_of):
    ruined = result_of("gone", ruined=pd.Timestamp("2025-03-04"))
    page = index_page.render(run_of(ruined, real=False, origin="the sample", notices=("Entered with hindsight.",)))
    assert re.findall(r'<p class="notice">(.*?)</p>', page) == [
        "These are not market prices: the sample is a reconstruction.",
        "Entered with hindsight.",
        "gone was ruined on 2025-03-04: equity fell to zero or below.",
    ]
    assert '<p class="notice">' not in index_page.render(run_of())


def test_remarks_on_prices_are_quiet(run_of):
    page = index_page.render(run_of(remarks=("VRT: the bar of 2019-05-28 repeats",)))
    assert page.count("VRT: the bar of") == 1 and '<p class="notice">' not in page
    assert "VRT: the bar of" in page[page.index("How it was run</h2>") :]


@pytest.mark.parametrize(("count", "said"), [(10, []), (12, ["and 2 more; results.json lists all"])])
def test_warnings_beyond_ten_are_counted(run_of, result_of, count, said):
    text = index_page.render(run_of(result_of("loud", warnings=tuple(f"Warning {n}." for n in range(count)))))
    assert re.findall(r"<li>([^<]*)</li>", text) == [*(f"Warning {n}." for n in range(10)), *said]


def test_charts_get_the_curves(small):
    data = shown(replace(small, marks=((pd.Timestamp("2025-01-27"), "shock", "event"),))).data
    assert data["sessions"] == ["2025-01-30", "2025-01-31", "2025-02-03", "2025-02-04"]
    assert data["lines"] == [
        {"name": "SPY", "values": [1.0, 1.01, 1.0201, 1.0303]},
        {"name": "hand", "values": [1.0, 1.1, 0.99, 1.188]},
    ]
    assert data["marks"] == [{"date": "2025-01-27", "label": "shock", "kind": "event"}]


def test_texts_are_escaped(run_of, result_of):
    result = result_of("plain")
    story = replace(result.story, title=HOSTILE, claim=HOSTILE, refuted=HOSTILE)
    bad = replace(
        result,
        name=HOSTILE,
        story=story,
        claims=(HOSTILE,),
        comparator_name=HOSTILE,
        outcome=HOSTILE,
        warnings=(HOSTILE,),
    )
    run = run_of(
        bad,
        benchmark_name=HOSTILE,
        origin=HOSTILE,
        title=HOSTILE,
        notices=(HOSTILE,),
        marks=((pd.Timestamp("2025-02-03"), HOSTILE, "event"),),
        settings={HOSTILE: HOSTILE},
    )
    page = shown(run)
    tame = shown(run_of(result, notices=("x",)))
    counts = [{tag: sum(one == tag for one, _ in each.elements) for tag in ("script", "img")} for each in (page, tame)]
    assert counts == [{"script": 5, "img": 0}] * 2
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "49" not in re.findall(r"\{\{.*?\}\}", page.text) and "{{ 7*7 }}" in page.text
    assert [line["name"] for line in page.data["lines"]] == [READ, READ]
    assert page.data["marks"][0]["label"] == READ
    assert not set("".join(page.carried[0])) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("name", ["javascript:alert(1)", "../up", "//elsewhere", "a b"])
def test_links_lead_beside_the_page(name):
    assert re.fullmatch(r"[\w.%-]+\.html", index_page.page_address(name))


def test_the_page_loads_nothing(run_of):
    text = index_page.render(run_of())
    page = Page(text)
    inside = {address for address in page.addresses if address.startswith("#")}
    assert set(page.addresses) - inside == {"first.html", "second.html", "data:,", "uplot.js", "side-by-side.html"}
    assert {address[1:] for address in inside} <= {attributes.get("id") for _, attributes in page.elements}
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|new Worker|import\(", text)
    assert re.search(f'http-equiv="Content-Security-Policy" content="{ALLOWED}', text)


def test_equal_runs_give_equal_pages(run_of):
    assert index_page.render(run_of()) == index_page.render(run_of())


def test_the_table_can_be_sorted_by_buttons(run_of):
    page = shown(run_of())
    heads = [attributes for tag, attributes in page.elements if tag == "button" and attributes.get("class") == "sort"]
    overview, figures = page.named["table-overview"], page.named["table-figures"]
    assert len(heads) == len(overview[0]) + len(figures[0])
    keys = [attributes["data-sort"] for tag, attributes in page.elements if tag == "td" and "data-sort" in attributes]
    assert len(keys) == 2 * 7 + 3 * 15
    assert all(key == "" or np.isfinite(float(key)) for key in keys)


def test_a_judged_run_has_verdicts_that_sort_and_lead_to_the_evidence(judged, evidence_of):
    words = {"first": "refuted", "second": None, "third": "supported"}
    page = shown(judged(*(evidence_of(name, verdict=Verdict(word)) for name, word in words.items())))
    heads = page.named["table-figures"][0]
    assert heads[3:6] == ["Excess", "Verdict", "Refuted"]
    figures = {name: row[heads.index("Verdict") - 1] for name, row in by_reading(page.named["table-figures"]).items()}
    assert figures == {"first": "refuted", "second": "none", "third": "supported", "SPY": "–"}
    keys = [attributes["data-sort"] for tag, attributes in page.elements if tag == "td" and "data-sort" in attributes]
    overview = 3 * (len(page.named["table-overview"][0]) - 1)
    assert keys[overview + heads.index("Verdict") - 1 :: len(heads) - 1] == ["-2", "", "3", ""]
    # The overview, the table of figures, that of verdicts, and the card.
    assert page.addresses.count("third-evidence.html") == 4


def test_the_table_of_adjusted_p_values_has_n_effect_and_p(judged):
    page = shown(judged())
    first, second = by_reading(page.named["table-chance"], heads=2).values()
    timing = ["64", "+5.1%", "−3.0% to +12.7%", "0.108", "0.600"]
    year = ["+3.0%", "0.020", "0.070", "0.039"]  # exp(0.02 + 0.01) = 1.0305, three of 76 shifts
    assert first == ["chance", *timing, "1.25", "0.108", "0.600", *year]
    assert second == ["chance", *timing, "no test: selects no stocks", *year]
    head, under = page.named["table-chance"][:2]
    assert head == [
        *("Reading", "Verdict", "Timing over a month (20 trading days)", "Stock selection"),
        "Timing over the year, exploratory",
    ]
    assert under == [
        *("n", "Excess", "Effect, 95%", "p", "Adjusted p", "Statistic", "p", "Adjusted p"),
        *("Difference a month", "p", "Adjusted p", "Cyclic p"),
    ]
    assert "Timing over the year (exploratory): the months after the entry" in page.text
    assert "fixed in code before this run, after the event" in page.text
    assert "Not distinguishable from chance: 2 of 2 readings." in page.text
    assert "p = 0.168 (superior" in page.text and "finds no reading to be better" in page.text
    assert "5,000 draws of stocks, 2,000 resamples of returns, seed 20250131. Prices: made up." in page.text
    assert "This page alone says nothing about chance" not in page.text and "--no-evidence" not in page.text


def test_what_a_test_could_not_say_stands_in_the_table(judged, empty_evidence):
    page = shown(judged(empty_evidence(), evidence_report={"real": False, "hindsight": True}))
    gone = "Not available: a launch at another date failed: nothing left."
    row = by_reading(page.named["table-chance"], heads=2)["first"]
    assert row == ["none", gone, gone, gone]
    assert "No reading has a verdict. All entries are made with hindsight" in page.text
    assert "The prices are a reconstruction, which gives no verdict on history." in page.text


def test_without_evidence_the_page_says_so(run_of):
    page = shown(run_of())
    assert "The run was made without evidence ( --no-evidence )" in page.text
    assert "Verdict" not in page.text and "Did they beat chance?" not in page.text


def test_the_overview_has_excess_and_p_at_every_horizon(judged, evidence_of, rank_of):
    declared = {"20": rank_of(64, 0.04, p=1 / 65, p_family=0.02), "60": rank_of(21, 0.12, p=1 / 22, p_family=0.01)}
    timing = {**evidence_of().timing, **declared}
    page = shown(judged(evidence_of("first", timing=timing), evidence_of("second", d=-0.01, selection=None)))
    table = page.named["table-overview"]
    assert table[0] == [
        *("Reading", "Verdict", "5 days", "20 daysdeclared test", "60 days"),
        *("120 days", "252 days", "Enddeclared test"),
    ]
    # Horizon(0.01 n, 0.001 n, 0.002 n): d is 0.002 n, and exp(0.002 n) - 1 is shown; at the end d of the evidence.
    first = ["chance", "+1.0%p 0.108 (0.600)", "+4.1%p 0.015 (0.020)", "+12.7%p 0.045 (0.010)"]
    assert by_reading(table)["first"] == [*first, "+27.1%", "+65.5%", "+28.7%better, p 0.108 (0.600)"]
    assert by_reading(table)["second"][-1] == "−1.0%"
    assert by_reading(table)["Readings ahead"] == ["", *["2 of 2"] * 5, "1 of 2"]
    framed = [attributes["class"] for tag, attributes in page.elements if "certain" in attributes.get("class", "")]
    assert framed == ["heat certain declared", "heat certain"]


def test_stock_selection_in_the_overview_says_its_side(judged, evidence_of, rank_of):
    """The excess may have the other sign."""
    ahead = evidence_of("first", d=-0.2, selection=rank_of(5000, 1.25))
    behind = evidence_of("second", d=0.2, selection=rank_of(5000, -1.25))
    table = by_reading(shown(judged(ahead, behind)).named["table-overview"])
    # exp(-0.2) = 0.8187, exp(0.2) = 1.2214; 59 of 65 are 0.908.
    assert table["first"][-1] == "−18.1%better, p 0.108 (0.600)"
    assert table["second"][-1] == "+22.1%worse, p 0.908 (1.000)"


def test_a_month_is_no_declared_test_of_a_claim_about_the_long_run(judged, evidence_of, rank_of):
    timing = {**evidence_of().timing, "20": rank_of(64, 0.04, p=1 / 65, p_family=0.02)}
    page = shown(judged(evidence_of("first", timing=timing, long_run=True), evidence_of("second", timing=timing)))
    framed = [attributes["class"] for tag, attributes in page.elements if "certain" in attributes.get("class", "")]
    assert framed == ["heat certain", "heat certain declared"]


def test_what_cannot_be_supported_is_marked(judged, evidence_of):
    reason = "d was not above zero at any of 65 launches"
    held = evidence_of("first", power=OneSidedPower(reason))
    other = evidence_of("second", power=OneSidedPower(reason), selection=None)
    page = shown(judged(held, other))
    # Its stock selection can still support the first one.
    rows = by_reading(page.named["table-overview"])
    assert (rows["first"][0], rows["second"][0]) == ("chance", "chance†")
    assert by_reading(page.named["table-figures"])["second"][3] == "chance†"
    assert by_reading(page.named["table-chance"], heads=2)["second"][0] == "chance†"
    assert f"says less here than elsewhere: {reason}." in page.text
    assert page.text.count("The timing test cannot support second") == 1


def test_ruin_and_what_was_not_reached_stand_in_the_overview(run_of, result_of):
    gone = result_of("gone", d=float("-inf"), horizons={5: Horizon(-1.2, -1.3, float("-inf"))})
    row = by_reading(shown(run_of(gone)).named["table-overview"])["gone"]
    assert row == ["no", "ruined", "ruined"]


def test_months_are_those_of_pandas(run_of):
    run = run_of()
    table = shown(run).named["table-months"]
    for name, returns in ((run.results[0].name, run.results[0].returns), ("SPY", run.benchmark)):
        expected = (1 + returns).resample("ME").prod() - 1
        assert table[0][1:-1] == [f"{month:%Y-%m}" for month in expected.index]
        written = [float(text.replace("−", "-")) for text in by_reading(table)[name]]
        whole = 100 * ((1 + returns).prod() - 1)
        assert written == pytest.approx([*(100 * expected), whole], abs=0.0501)


def test_correlations_are_those_of_pandas_by_falling_likeness_to_the_benchmark(run_of, result_of):
    still = result_of("still")
    still = replace(still, equity=still.equity * 0 + 1e6)
    run = run_of(result_of("one", 1), still, result_of("two", 2))
    table = shown(run).named["table-correlation"]
    names = [row[0] for row in table[1:]]
    daily = pd.concat([run.benchmark.rename("SPY"), *(result.returns for result in run.results)], axis=1)
    expected = daily.corr().loc[names, names]
    assert names[0] == "SPY" and names[-1] == "still" and table[0][1:] == names
    assert expected["SPY"].iloc[1:-1].is_monotonic_decreasing
    for row in table[1:]:
        known = [np.nan if text == "–" else float(text.replace("−", "-")) for text in row[1:]]
        np.testing.assert_allclose(known, expected.loc[row[0]], atol=0.00501)


def test_few_sessions_have_no_correlation(small):
    page = shown(small)
    assert "table-correlation" not in page.named
    assert "Not available: 3 sessions; 20 are needed." in page.text


@pytest.mark.parametrize(("returns", "enough"), [(19, False), (20, True)])
def test_twenty_sessions_have_a_correlation(run_of, result_of, returns, enough):
    days = pd.bdate_range("2025-01-30", periods=returns + 1)
    page = shown(run_of(result_of("one", 1, sessions=days), result_of("two", 2, sessions=days)))
    assert ("table-correlation" in page.named) == enough


@pytest.fixture
def holder(small):
    """The small run with holdings: half in AAA, a fifth short BBB, then nothing; CCC never."""
    (result,) = small.results
    weights = {"AAA": [0, 0.5, 0.4, 0], "BBB": [0, -0.2, 0, 0], "CCC": [0, 0, 0, 0]}
    held = replace(result, holdings=pd.DataFrame(weights, result.equity.index, dtype=float))
    return replace(small, results=(held,))


def test_exposure_is_the_mean_over_closes_from_the_entry_on(holder):
    row = by_reading(shown(holder).named["table-holdings"])["hand"]
    # long (0.5 + 0.4 + 0) / 3, short 0.2 / 3; symbols (2 + 1 + 0) / 3
    assert row == ["+23%", "36.7%", "30.0%", "6.7%", "70.0%", "1.0", "AAA +30%, BBB −7%"]


def test_the_chart_of_holdings_gets_what_was_ever_held(holder, small):
    assert shown(holder).data["holdings"] == [
        {"symbols": ["AAA", "BBB"], "weights": [[0, 5000, 4000, 0], [0, -2000, 0, 0]]}
    ]
    page = shown(small)
    assert page.data["holdings"] == [{"symbols": [], "weights": []}]
    assert by_reading(page.named["table-holdings"])["hand"][-1] == "nothing was held"


def test_the_week_of_the_shock_draws_no_return_that_nobody_earned(run_of):
    shock = (pd.Timestamp("2025-01-27"), "shock", "event")
    buttons = {each["key"]: each for each in shown(run_of(marks=(shock,))).data["ranges"]}
    week = buttons["week"]
    # The entry is the open of Friday 31 January; the fifth session held is Thursday 6 February.
    assert (week["label"], week["first"], week["last"]) == ("Shock week", "2025-01-27", "2025-02-06")
    assert "Nothing was held before the open of 2025-01-31" in week["note"]
    assert (buttons["sixty"]["first"], buttons["year"]["first"]) == ("2025-01-30", "2025-01-30")
    assert (buttons["all"]["first"], buttons["all"]["last"]) == ("2025-01-27", "2026-02-03")


def test_a_shock_inside_the_window_has_its_own_five_sessions(run_of):
    marks = ((pd.Timestamp("2025-03-10"), "shock", "event"), (pd.Timestamp("2025-02-19"), "FOMC holds", "fomc"))
    week = shown(run_of(marks=marks)).data["ranges"][0]
    assert (week["label"], week["first"], week["last"], week["note"]) == ("Shock week", "2025-03-07", "2025-03-14", "")


def test_ranges_longer_than_the_window_are_left_out(small):
    small = replace(small, marks=())
    buttons = shown(small).data["ranges"]
    assert [(each["label"], each["last"]) for each in buttons] == [("First week", "2025-02-04"), ("All", "2025-02-04")]


def test_a_card_has_a_small_curve(small):
    (svg,) = re.findall(r'<svg class="spark".*?</svg>', index_page.render(small))
    curves = re.findall(r'points="(.*?)"', svg)
    benchmark, wealth = ([point.split(",") for point in each.split()] for each in curves)
    assert "hand ends at 1.19, SPY at 1.03" in svg
    # 0.99 is the lowest and 1.188 the highest of both: the foot and the top of the box.
    assert [float(y) for _, y in wealth] == pytest.approx([53.2, 24.9, 56.0, 0.0], abs=0.051)
    assert [float(x) for x, _ in benchmark] == [0.0, 80.0, 160.0, 240.0]


def luminance(colour):
    parts = np.asarray(colour) / 255
    return float(np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722))


def contrast(one, two):
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


def palettes(text):
    """The colours of the page in light and in dark, as the style has them."""
    blocks = re.findall(r"\{([^{}]*--page:[^{}]*)\}", text)
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in (blocks[0], blocks[1]))
    full = {
        name: value if len(value) == 7 else "#" + "".join(2 * sign for sign in value[1:])
        for name, value in light.items()
    }
    return [
        {name: [int(value[at : at + 2], 16) for at in (1, 3, 5)] for name, value in each.items()}
        for each in (full, {**full, **dark})
    ]


def test_texts_have_the_contrast_of_aa_in_light_and_dark(run_of):
    text = index_page.render(run_of())
    most = {int(part) / 100 for part in re.findall(r"var\(--s\)\) \* (\d+)%", text)}
    assert len(most) == 1
    for colours in palettes(text):
        for name in ("ink", "soft", "accent", "loss", "line-2"):
            assert contrast(colours[name], colours["card"]) >= 4.5, name
        assert contrast(colours["card"], colours["accent"]) >= 4.5  # a pressed button
        assert contrast(colours["edge"], colours["card"]) >= 3  # the border of a control
        for tint in ("gain", "fall"):
            (share,) = most
            cell = share * np.asarray(colours[tint]) + (1 - share) * np.asarray(colours["card"])
            small = 0.86 * np.asarray(colours["ink"]) + 0.14 * cell
            assert contrast(small, cell) >= 4.5, tint


def test_controls_have_names_and_regions_can_be_scrolled_by_keys(judged):
    page = shown(judged())
    buttons = [attributes for tag, attributes in page.elements if tag == "button"]
    assert all(attributes.get("type") == "button" for attributes in buttons)
    assert {"theme", "log", "all", "none"} <= {attributes.get("id") for attributes in buttons}
    regions = [attributes for _, attributes in page.elements if attributes.get("role") == "region"]
    assert len(regions) == len(page.tables)
    assert all(each["tabindex"] == "0" and ("aria-labelledby" in each or "aria-label" in each) for each in regions)
    named = {attributes.get("id") for _, attributes in page.elements}
    assert all(each["aria-labelledby"] in named for _, each in page.elements if "aria-labelledby" in each)


def test_ids_are_given_once(judged):
    ids = [attributes["id"] for _, attributes in shown(judged()).elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_forty_readings_and_one_are_shown(run_of, result_of):
    many = shown(run_of(*(result_of(f"reading_{n}", n) for n in range(40))))
    assert len(many.named["table-overview"]) == 42 and len(many.data["holdings"]) == 40
    one = shown(run_of(result_of("alone")))
    assert [row[0] for row in one.named["table-overview"]] == ["Reading", "alone"]
    assert len(one.named["table-correlation"]) == 3


def test_a_strategy_without_a_story_has_a_card(run_of, result_of):
    bare = result_of("Plain", claims=(), story=Story("Plain", "", "", "", ""), refuted=None)
    assert "No criterion of its own" in shown(run_of(bare)).text


def test_twelve_readings_weigh_little(run_of, result_of):
    def result(n):
        made = result_of(f"reading_{n}", n)
        weights = np.random.default_rng(n).dirichlet(np.ones(10), len(made.equity))
        return replace(made, holdings=pd.DataFrame(weights, made.equity.index, [f"SYM{k}" for k in range(10)]))

    # Twelve sheets of 190 KB, twelve pages of evidence and the tables leave this much of 5 MB.
    assert len(index_page.render(run_of(*map(result, range(12)))).encode()) < 500_000


def test_a_single_session_is_shown(run_of, result_of):
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31"])
    assert by_reading(shown(run_of(result_of("short", sessions=sessions))).named["table-figures"])["SPY"][5] == "–"


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (index_page.percent, 0.0004, "0.0%"),
        (index_page.percent, -0.0004, "0.0%"),
        (index_page.percent, 12.3456, "+1234.6%"),
        (index_page.excess_percent, float("-inf"), "–"),
        (index_page.excess_percent, None, "–"),
        (index_page.excess_percent, 0.1, "+10.5%"),
        (index_page.ratio, float("nan"), "–"),
        (index_page.ratio, -1.005, "−1.00"),
        (index_page.usd, -1234567.8, "−1,234,568"),
        (index_page.yes_no, False, "no"),
    ],
)
def test_numbers_are_written_with_a_real_minus_and_a_dash_for_nothing(write, value, text):
    assert write(value) == text
