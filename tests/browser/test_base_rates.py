"""The page of base rates in a real browser: the first screen, the chart, and the table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.folders import base_rates
from tests.browser.test_pages import COLOURS, brightness, problems
from tests.resources.chromium import address
from tests.resources.page import HOSTILE
from tests.resources.shocks import DATES, EVENT, LEADERS, excesses, rate_of, rates_of

WIDTHS = (360, 768, 1440, 1920)
# Elements whose text does not fit, and texts of drawings beyond their edge.
CUT = """
() => [
  ...[...document.querySelectorAll("h1, h2, p, li, dd, button, label, strong, small")]
    .filter((part) => part.offsetParent && part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0),
  ...[...document.querySelectorAll(".dots text")].filter((text) => {
    const [inner, outer] = [text.getBoundingClientRect(), text.closest("svg").getBoundingClientRect()];
    return inner.left < outer.left - 1 || inner.right > outer.right + 1 || inner.bottom > outer.bottom + 1;
  }),
].map((part) => part.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("base-rates") / "made"
    base_rates.write(rates_of(), out)
    return out / "index.html"


def rows(page):
    """Texts of the rows of the table that are shown."""
    found = page.locator("#table-shocks tbody tr:visible")
    return [row.locator("th, td").all_inner_texts() for row in found.all()]


def title(page):
    return page.locator("[data-chart=shocks] .title").inner_text()


def test_it_can_be_read_by_all_in_light_and_dark(opening, file):
    with opening() as page:
        page.goto(address(file))
        page.locator("summary").first.click()
        assert problems(page) == []
        page.get_by_role("button", name="Dark colours").click()
        assert brightness(page) < 40
        assert problems(page, runOnly=COLOURS) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_screen(opening, file, width):
    with opening(width=width) as page:
        page.goto(address(file))
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CUT) == []


def test_the_first_screen_holds_headline_tiles_and_chart(opening, file):
    with opening(width=1440, height=900) as page:
        page.goto(address(file))
        for part in ("h1", ".tiles", "[data-chart=shocks] .controls", "[data-chart=shocks] .chart svg"):
            box = page.locator(part).first.bounding_box()
            assert box["height"] > 20 and box["y"] >= 0 and box["y"] + box["height"] <= 900, part


def test_each_result_is_a_dot_and_this_event_is_labelled(opening, file):
    with opening() as page:
        page.goto(address(file))
        chart = page.locator("[data-chart=shocks] .chart")
        assert chart.locator(".dot").count() == len(DATES)
        assert chart.locator(".dot.own").count() == 1
        assert chart.locator("text.own").text_content().startswith("An event, BBB \u221221.0%: ")
        heights = chart.locator(".dot").evaluate_all(
            "all => all.map(dot => [dot.dataset.index, dot.getAttribute('cy')])"
        )
        up = [float(y) for _, y in sorted(heights, key=lambda each: -excesses(1)[int(each[0]), 1])]
        assert up == sorted(up), "a higher result is a higher dot"
        assert page.locator("[data-chart=decisions] .dot").count() == 30


def test_keys_choose_reading_and_holding_period(opening, file):
    with opening() as page:
        page.goto(address(file))
        assert title(page).startswith("first, 20 trading days after the entry: 24 shocks")
        page.locator("[data-series=second]").focus()
        page.keyboard.press("Enter")
        assert title(page).startswith("second, 20 trading days after the entry: 24 shocks")
        assert page.locator("#listed").inner_text() == "second"
        page.locator("[data-horizon='252']").focus()
        page.keyboard.press("Space")
        assert title(page).startswith("second, 252 trading days after the entry: 23 shocks")
        assert page.locator("[data-horizon='252']").get_attribute("aria-pressed") == "true"
        assert page.locator("[data-horizon='20']").get_attribute("aria-pressed") == "false"
        assert page.locator("[data-chart=shocks] .dot").count() == 23
        value = f"{100 * excesses(2)[3, 4]:+.1f}%".replace("-", "\u2212")
        assert rows(page)[3][-1] == value


def test_a_dot_tells_its_shock_to_pointer_and_keys(opening, file):
    with opening() as page:
        page.goto(address(file))
        chart = page.locator("[data-chart=shocks] .chart")
        tip = chart.locator(".tip")
        chart.locator(".dot.own").hover()
        # Two decimals, since all results lie within 10 %.
        value = f"{100 * excesses(1)[DATES.index(EVENT), 1]:+.2f}%".replace("-", "\u2212")
        assert tip.inner_text().split("\n") == [
            f"{EVENT} BBB \u221221.0%",
            "car makers; market \u22121.2%",
            f"excess {value}",
        ]
        page.mouse.move(0, 0)
        assert tip.is_hidden()
        chart.focus()
        page.keyboard.press("Home")
        assert DATES[0] in tip.inner_text()
        page.keyboard.press("ArrowRight")
        assert DATES[1] in tip.inner_text()
        page.keyboard.press("End")
        assert DATES[-1] in tip.inner_text()
        page.keyboard.press("Escape")
        assert tip.is_hidden()


def test_the_table_filters_by_text_and_group(opening, file):
    with opening() as page:
        page.goto(address(file))
        page.get_by_label("Find").fill("ccc")
        assert {row[2] for row in rows(page)} == {"CCC"}
        assert page.get_by_text("8 of 24 shown").is_visible()
        page.get_by_label("Find").fill("2025-")
        assert [row[0] for row in rows(page)] == [EVENT, "2025-11-03"]
        page.get_by_label("Find").fill("")
        page.get_by_label("Group").select_option("car makers")
        assert {row[2] for row in rows(page)} == {LEADERS["cars"]}
        page.get_by_label("Find").fill("nothing")
        assert rows(page) == []


def test_the_table_sorts_and_stays_sorted_when_the_reading_changes(opening, file):
    with opening() as page:
        page.goto(address(file))
        heading = page.locator("#table-shocks").get_by_role("button", name="252 days")

        def last():
            shown = [row[-1] for row in rows(page)]
            assert shown[-1] == "\u2013", "undefined values stay last"
            return [float(text.replace("\u2212", "-").rstrip("%")) for text in shown[:-1]]

        heading.click()
        assert last() == sorted(last(), reverse=True)
        page.locator("[data-series=second]").click()
        assert last() == sorted(last(), reverse=True)
        heading.click()
        assert last() == sorted(last())
        page.locator("#table-shocks").get_by_role("button", name="Leader", exact=True).click()
        assert [row[2] for row in rows(page)] == sorted(row[2] for row in rows(page))


def test_without_scripts_the_figures_are_there(browser, file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address(file))
    assert page.locator(".scriptless svg").is_visible()
    assert page.locator("[data-chart=shocks]").is_hidden()
    assert len(rows(page)) == len(DATES)
    context.close()


def test_others_texts_are_shown_and_chosen_but_not_obeyed(opening, tmp_path):
    hostile = rate_of(HOSTILE, title=HOSTILE, form=HOSTILE)
    groups = {"chips": HOSTILE, "cars": "car makers", "air": "airlines"}
    rates = rates_of(rate_of("first"), hostile, event=HOSTILE, groups=groups, missing=(HOSTILE,))
    base_rates.write(rates, tmp_path / "out")
    with opening(width=360) as page:
        page.goto(address(tmp_path / "out" / "index.html"))
        page.get_by_role("group", name="Reading").get_by_role("button", name=re.compile("alert")).click()
        assert "<img src=x" in title(page)
        page.get_by_label("Group").select_option(index=1)
        assert len(rows(page)) == 8
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 360
