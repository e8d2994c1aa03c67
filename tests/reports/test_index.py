"""The page that compares readings: its numbers, its data for the charts, and that nothing escapes or is fetched."""

# The signs of the page are typed as they stand there.
# ruff: noqa: RUF001

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from reports import index
from reports.evidence.verdict import Verdict
from reports.result import Horizon
from tests.resources.page import HOSTILE, Page

ALLOWED = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def shown(run):
    return Page(index.render(run))


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
        occurred=True,
    )
    return run_of(result, benchmark=pd.Series(0.01, sessions[1:]), risk_free=pd.Series(0.0, sessions[1:]))


def test_figures_are_those_of_the_run(small):
    table = shown(small).tables[0]
    figures = dict(zip(table[0][1:], by_reading(table)["hand"], strict=True))
    # The benchmark: 1.01 cubed is 1.030301. The drawdown: 0.99 / 1.1 - 1.
    assert figures["Net return"] == "+18.8%"
    assert figures["Excess"] == "+15.8%"
    assert figures["d"] == "−0.072"
    assert figures["Worst drawdown"] == "−10.0%"
    assert figures["In market"] == "33.3%"
    assert figures["Costs, USD"] == "3,900"
    assert figures["Refuted"] == "yes"
    # Three sessions are too few to be blown up to a year.
    assert {figures[name] for name in ("CAGR", "Sharpe", "Beta", "Alpha", "Turnover")} == {"–"}


def test_figures_a_year_are_those_of_pandas(run_of):
    run = run_of()
    result = run.results[0]
    table = shown(run).tables[0]
    figures = dict(zip(table[0][1:], by_reading(table)[result.name], strict=True))
    excess = result.returns - (1.041 ** (1 / 252) - 1)
    assert figures["Sharpe"] == f"{excess.mean() / excess.std() * np.sqrt(252):.2f}".replace("-", "−")
    assert figures["Volatility"] == f"{100 * excess.std() * np.sqrt(252):.1f}%"
    traded, years = 100 * 50.0 + 100 * 60.0, len(excess) / 252
    assert figures["Turnover"] == f"{traded / years / result.equity.mean():.2f}"


def test_the_benchmark_has_a_row_of_its_own(small, run_of):
    table = shown(small).tables[0]
    figures = dict(zip(table[0][1:], by_reading(table)["SPY"], strict=True))
    assert figures["Net return"] == "+3.0%" and figures["Worst drawdown"] == "0.0%" and figures["In market"] == "100.0%"
    assert {figures[name] for name in ("Excess", "d", "Turnover", "Costs, USD", "Refuted")} == {"–"}
    assert dict(zip(table[0][1:], by_reading(shown(run_of()).tables[0])["SPY"], strict=True))["Beta"] == "1.00"


def test_horizons_that_are_not_reached_and_ruin_are_dashes(small):
    horizons = by_reading(shown(small).tables[1], heads=2)
    assert horizons["hand"] == ["+12.3%", "−4.6%", "–", *["–"] * 12]
    assert horizons["SPY"] == ["–"] * 15


def test_the_benchmark_at_horizons_counts_from_the_entry_session(run_of):
    run = run_of()
    run = replace(run, benchmark=pd.Series(0.001, run.benchmark.index))
    row = by_reading(shown(run).tables[1], heads=2)["SPY"]
    # 1.001 to the 5th, 20th, 60th, 120th and 252nd.
    assert row[::3] == ["+0.5%", "+2.0%", "+6.2%", "+12.7%", "+28.6%"]


def test_costs_and_interest_in_usd(small):
    row = by_reading(shown(small).tables[2])["hand"]
    # 2,500 received less 1,300 + 2,600 + 310 + 80 paid.
    assert row == ["2", "1,300", "2,600", "310", "80", "2,500", "−1,790"]


def test_cards_tell_claims_outcome_and_link(run_of, result_of):
    page = shown(run_of(result_of("one", warnings=("MDB was left out.",), occurred=None)))
    for words in ("Title of one", "claims C1 C5", "A claim.", "Made money.", "Cash at zero", "When it lost."):
        assert words in page.text
    assert "MDB was left out." in page.text and "No criterion of its own" in page.text
    assert page.addresses.count("one.html") == 2


def test_notices_are_loud(run_of, result_of):
    ruined = result_of("gone", ruined=pd.Timestamp("2025-03-04"))
    page = index.render(run_of(ruined, real=False, origin="the sample", notices=("Entered with hindsight.",)))
    assert re.findall(r'<p class="notice">(.*?)</p>', page) == [
        "These are not the market's prices: the sample is a reconstruction.",
        "Entered with hindsight.",
        "gone was ruined on 2025-03-04: equity fell to zero or below.",
    ]
    assert '<p class="notice">' not in index.render(run_of())


@pytest.mark.parametrize(("count", "said"), [(10, []), (12, ["and 2 more: all are in results.json"])])
def test_warnings_beyond_ten_are_counted(run_of, result_of, count, said):
    text = index.render(run_of(result_of("loud", warnings=tuple(f"Warning {n}." for n in range(count)))))
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
    assert counts == [{"script": 3, "img": 0}] * 2
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "49" not in re.findall(r"\{\{.*?\}\}", page.text) and "{{ 7*7 }}" in page.text
    assert [line["name"] for line in page.data["lines"]] == [HOSTILE, HOSTILE]
    assert page.data["marks"][0]["label"] == HOSTILE
    assert not set(page.scripts[0]) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("name", ["javascript:alert(1)", "../up", "//elsewhere", "a b"])
def test_links_lead_beside_the_page(name):
    assert re.fullmatch(r"[\w.%-]+\.html", index.page(name))


def test_the_page_loads_nothing(run_of):
    text = index.render(run_of())
    page = Page(text)
    assert set(page.addresses) <= {"first.html", "second.html", "data:,", "#terms", "side-by-side.html"}
    assert not re.search(r"url\(|@import|\bfetch\(|XMLHttpRequest|new Worker|import\(", text)
    assert f'http-equiv="Content-Security-Policy" content="{ALLOWED}' in text


def test_equal_runs_give_equal_pages(run_of):
    assert index.render(run_of()) == index.render(run_of())


def test_the_table_can_be_sorted_by_buttons(run_of):
    page = shown(run_of())
    heads = [attributes for tag, attributes in page.elements if tag == "button" and attributes.get("class") == "sort"]
    assert len(heads) == len(page.tables[0][0])
    keys = [attributes["data-sort"] for tag, attributes in page.elements if tag == "td" and "data-sort" in attributes]
    assert len(keys) == 3 * 15
    assert all(key == "" or np.isfinite(float(key)) for key in keys)


def test_a_judged_run_has_verdicts_that_sort_and_lead_to_the_evidence(judged, evidence_of):
    words = {"first": "refuted", "second": None, "third": "supported"}
    page = shown(judged(*(evidence_of(name, verdict=Verdict(word)) for name, word in words.items())))
    heads = page.tables[0][0]
    assert heads[3:6] == ["d", "Verdict", "Criterion"] and "Refuted" not in heads
    figures = {name: row[heads.index("Verdict") - 1] for name, row in by_reading(page.tables[0]).items()}
    assert figures == {"first": "refuted", "second": "none", "third": "supported", "SPY": "–"}
    keys = [attributes["data-sort"] for tag, attributes in page.elements if tag == "td" and "data-sort" in attributes]
    assert keys[heads.index("Verdict") - 1 :: len(heads) - 1] == ["-1", "", "1", ""]
    # The table of figures, that of verdicts, and the card.
    assert page.addresses.count("third-evidence.html") == 3


def test_the_family_wise_table_has_n_effect_and_p_beside_each_other(judged):
    page = shown(judged())
    first, second = by_reading(page.tables[1], heads=2).values()
    timing = ["64", "+0.050", "−0.030 to +0.120", "1.00", "0.108", "0.600"]
    beside = ["21", "−0.020", "0.908", "1.000"]
    assert first == ["chance", *timing, "5,000", "+0.050", "0.108", "0.600", *beside]
    assert second == ["chance", *timing, "not held: no choice of names", *beside]
    assert "Not distinguishable from chance: 2 of 2 readings." in page.text
    assert "p = 0.168 for the best of them" in page.text and "holds none of the readings to be better" in page.text
    assert "5,000 draws of names, 2,000 resamples of returns, seed 20250131. Prices: made up." in page.text
    assert "This page alone says nothing about chance" not in page.text and "--no-evidence" not in page.text


def test_what_a_test_could_not_say_stands_in_the_table(judged, empty_evidence):
    page = shown(judged(empty_evidence(), court={"real": False, "hindsight": True}))
    gone = "not available: a launch at another date failed: nothing left"
    row = by_reading(page.tables[1], heads=2)["first"]
    assert row == ["none", *["0", "–", gone] * 3]
    assert "No reading has a verdict. All with hindsight" in page.text
    assert "The prices are a reconstruction, which gives no verdict on history." in page.text


def test_without_evidence_the_page_says_that_none_was_asked_for(run_of):
    page = shown(run_of())
    assert "No evidence was asked for ( --no-evidence )." in page.text
    assert "Verdict" not in page.text and "Did they beat chance?" not in page.text


def test_twelve_readings_weigh_little(run_of, result_of):
    run = run_of(*(result_of(f"reading_{n}", n) for n in range(12)))
    assert len(index.render(run).encode()) < 250_000


def test_a_single_session_is_shown(run_of, result_of):
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31"])
    assert by_reading(shown(run_of(result_of("short", sessions=sessions))).tables[0])["SPY"][5] == "–"


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (index.percent, 0.0004, "0.0%"),
        (index.percent, -0.0004, "0.0%"),
        (index.percent, 12.3456, "+1234.6%"),
        (index.log_ratio, float("-inf"), "–"),
        (index.ratio, float("nan"), "–"),
        (index.ratio, -1.005, "−1.00"),
        (index.usd, -1234567.8, "−1,234,568"),
        (index.yes_no, False, "no"),
    ],
)
def test_numbers_are_written_with_a_real_minus_and_a_dash_for_nothing(write, value, text):
    assert write(value) == text
