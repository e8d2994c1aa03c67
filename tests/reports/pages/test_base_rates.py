"""The page of base rates and the section for other pages, from figures made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.pages.base_rates import base_rate_section, decision_words, reading_strip, render, tiles
from reports.rendering.numbers import MINUS, UNDEFINED
from reports.statistics.availability import Missing
from reports.statistics.verdict import Verdict
from tests.resources.page import HOSTILE, READ, Page
from tests.resources.shocks import DATES, EVENT, LATE, OWN, excesses, pooled_of, rank_of, rate_of, rates_of

LIMIT = 400_000  # bytes of a page


def percents(*values: float) -> list[str]:
    texts = (f"{100 * value:+.1f}%".replace("-", MINUS) for value in values)
    return [text.lstrip(f"+{MINUS}") if text[1:] == "0.0%" else text for text in texts]


def table_of(page: Page, *headings: str) -> list[list[str]]:
    """Rows of the first table whose first heading row begins with these."""
    return next(table for table in page.tables if table[0][: len(headings)] == list(headings))


def test_every_shock_has_a_row_with_the_first_readings_results():
    table = Page(render(rates_of())).named["table-shocks"]
    assert len(table) == 1 + len(DATES)
    values = excesses(1)
    assert table[1 + OWN] == [
        EVENT,
        "car makers",
        "BBB",
        f"{MINUS}21.0%",
        f"{MINUS}1.2%",
        *percents(*values[OWN]),
    ]
    assert table[1 + LATE][5:] == [*percents(*values[LATE, :2]), *[UNDEFINED] * 3]
    assert table[1][5:] == ["0.0%"] * 5


def test_a_reading_has_a_row_for_each_holding_period():
    rows = table_of(Page(render(rates_of())), "Trading days", "Shocks", "Dates")
    month = excesses(1)[:, 1]
    below = (month[[*range(OWN), LATE]] < month[OWN]).mean()
    expected = pooled_of(month)
    assert rows[3] == [
        "20",
        "24",
        "24",
        *percents(expected.mean),
        " to ".join(percents(expected.low, expected.high)),
        *percents(expected.median),
        f"{100 * (month > 0).mean():.1f}%",
        *percents(expected.rank.mean),
        "0.700",
        "0.900",
        "0.001",
        "2.1%",
        "1.9%",
        *percents(month[OWN]),
        f"{100 * below:.1f}%",
    ]


def test_a_reason_stands_in_place_of_p():
    rate = rate_of()
    untested = replace(rate.pooled["60"], rank=rank_of(reason="7 calendars are left; 19 are needed"))
    rates = rates_of(replace(rate, pooled={**rate.pooled, "60": untested}))
    row = table_of(Page(render(rates)), "Trading days", "Shocks", "Dates")[4]
    assert row[0] == "60" and row[8] == "7 calendars are left; 19 are needed" and len(row) == 11


def test_the_first_screen_has_shocks_both_horizons_this_event_decisions_and_the_limit():
    assert [tile.heading for tile in tiles(rates_of())] == [
        "Comparable shocks",
        "Smallest p, 20 days",
        "Smallest p, 120 days",
        "This event, 20 days",
        "FOMC decisions",
        "Main limit",
    ]
    text = Page(render(rates_of())).text
    assert "on 24 dates, 2003 to 2025" in text
    assert "Survivors only" in text


def test_the_tile_of_a_horizon_shows_the_reading_furthest_from_luck():
    second = rate_of("second", 2)
    far = replace(
        second.pooled["120"], mean=-0.126, low=-0.169, high=-0.08, n=137, rank=rank_of(z=-4.0, p_family=0.0002)
    )
    found = list(tiles(rates_of(rate_of(), replace(second, pooled={**second.pooled, "120": far}))))[2]
    assert found.figure == f"{MINUS}12.6%"
    assert found.note == f"second, n 137; 95%: {MINUS}16.9% to {MINUS}8.0%; adjusted p = 0.0002"


def test_simulated_prices_missing_symbols_and_other_classes_are_said_before_the_finding():
    text = Page(render(rates_of(real=False, declared=False, missing=("AAA",)))).text
    assert text.index("Simulated prices") < text.index("On simulated prices")
    assert "No prices for AAA" in text
    assert "Exploratory: the class of shocks" in text


def test_what_is_not_available_is_said():
    text = Page(render(rates_of(decisions=Missing("no prices for BIL"), splits=()))).text
    assert "No result: no prices for BIL." in text
    assert "With interest rates" not in text


def test_a_run_about_decisions_alone_has_a_page():
    rates = rates_of()
    page = Page(render(replace(rates, readings={}, splits=())))
    assert "table-shocks" not in page.named
    assert "Around 30 scheduled FOMC decisions, around beat its comparator" in page.text


def test_an_event_that_is_no_shock_is_not_marked():
    page = Page(render(rates_of(event_session="2024-07-01")))
    assert page.data["shocks"]["own"] is None
    assert not any("own" in (attributes.get("class") or "").split() for tag, attributes in page.elements if tag == "tr")


def test_files_date_and_version_are_named_and_the_page_is_small():
    html = render(rates_of())
    page = Page(html)
    assert {"shocks.csv", "base_rates.json"} <= set(page.addresses)
    assert "2026-11-28" in page.text and "version 1.2.3" in page.text
    assert len(html.encode()) < LIMIT


def test_others_texts_are_escaped():
    rate = rate_of(HOSTILE, title=HOSTILE, form=HOSTILE, verdict=Verdict(None, reason=HOSTILE))
    rates = rates_of(
        rate, event=HOSTILE, origin=HOSTILE, missing=(HOSTILE,), groups=dict.fromkeys(("chips", "cars", "air"), HOSTILE)
    )
    for html in (render(rates), base_rate_section(rate, rates, "base-rates/index.html")):
        page = Page(html)
        assert not any(tag == "img" for tag, _ in page.elements)
        assert not any("alert(1)" in script for script in page.scripts if "\\u003c" not in script)
        assert READ in page.text


def test_the_section_for_other_pages_marks_this_event_and_leads_to_all_shocks():
    rates = rates_of()
    page = Page(base_rate_section(rates.readings["second"], rates, "../base-rates/index.html"))
    assert page.text.startswith("After comparable shocks bounded After 24 comparable shocks its general form (")
    assert "After this event (An event) it made" in page.text and "still listed" in page.text
    assert "../base-rates/index.html" in page.addresses
    assert page.scripts == []


def test_the_strip_holds_all_results_but_this_events_which_is_apart():
    rates = rates_of()
    strip = reading_strip(rates.readings["first"], rates)
    others = [value for row, value in enumerate(excesses(1)[:, 1]) if row != OWN]
    assert strip.up.count("M") == sum(value > 0 for value in others)
    assert strip.down.count("M") == sum(value < 0 for value in others)
    assert (strip.flat.count("M"), strip.own.count("M")) == (1, 1)


def test_a_reading_without_any_result_has_no_strip():
    rates = rates_of()
    none = dict.fromkeys(("5", "20", "60", "120", "252"))
    empty = tuple(replace(shock, excess=dict.fromkeys(shock.excess, none)) for shock in rates.shocks)
    rate = rate_of(this_event=none, percentile=none)
    assert reading_strip(rate, replace(rates, shocks=empty)) is None
    assert "<svg" not in base_rate_section(rate, replace(rates, shocks=empty), "index.html")


@pytest.mark.parametrize(
    ("change", "words"),
    [(None, "unknown decision"), (0.0, "no change"), (-50.0, "cut by 50 bp"), (25.0, "raised by 25 bp")],
)
def test_a_decision_in_words(change, words):
    assert decision_words(change) == words
