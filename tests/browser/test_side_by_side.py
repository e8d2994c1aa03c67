"""Tearsheets side by side: what is chosen stands in the address, and what scrolls takes the others along."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.resources.chromium import address

pytestmark = pytest.mark.thorough

TOP = "document.querySelector('[data-section={}]').getBoundingClientRect().top"


@pytest.fixture
def beside(opening, folders):
    """The page with these readings, once all of their sheets are there."""

    def make(page, *names):
        page.goto(address(folders / "run" / "side-by-side.html", "#" + ",".join(names) if names else ""))
        page.wait_for_url("**/side-by-side.html#*")
        return sheets(page)

    return make


def sheets(page):
    """The sheets by name, once as many as the address names are there: frames follow it a moment later."""
    expect(page.locator("iframe")).to_have_count(page.url.count(",") + 1)
    for frame in page.locator("iframe").all():
        frame.content_frame.locator("footer").wait_for(state="attached")
    return {frame.url.rpartition("/")[2].removesuffix(".html"): frame for frame in page.frames[1:]}


def go(sheet, section):
    sheet.evaluate(f"scrollTo({{ top: scrollY + {TOP.format(section)}, behavior: 'instant' }})")


def until(sheet, condition):
    """Wait for it; Playwright's own way to wait would need eval, which the pages forbid."""
    for _ in range(2400):
        if sheet.evaluate(condition):
            return
        sheet.wait_for_timeout(50)
    pytest.fail(f"{condition} never came true in {sheet.url}")


def settled(sheet, section):
    until(sheet, f"Math.abs({TOP.format(section)}) < 2")


def test_without_a_choice_the_first_two_are_shown(opening, beside):
    with opening() as page:
        assert list(beside(page)) == ["gpu_bubble", "ai_software"]
        assert page.url.endswith("#gpu_bubble,ai_software")
        assert page.locator("iframe").first.get_attribute("title") == "Tearsheet of gpu_bubble"


def test_one_scrolled_takes_the_other_to_the_same_section(opening, beside):
    with opening() as page:
        one, other = beside(page, "nvda_comeback", "ai_software").values()
        for leader, follower in ((one, other), (other, one)):
            go(leader, "figures")
            settled(follower, "figures")
            go(leader, "run")
            settled(follower, "run")
        # Sections of unlike length end together.
        assert one.evaluate(TOP.format("returns")) != pytest.approx(other.evaluate(TOP.format("returns")), abs=2)
        one.evaluate(f"scrollBy({{ top: {TOP.format('returns')}, behavior: 'instant' }})")
        settled(other, "returns")


def test_the_wheel_and_the_keyboard_scroll_in_step(opening, beside):
    with opening() as page:
        one, other = beside(page, "gpu_bubble", "ai_software").values()
        page.mouse.move(200, 600)
        page.mouse.wheel(0, 900)
        until(other, "scrollY > 500")
        before = other.evaluate("scrollY")
        page.locator("iframe").first.focus()
        page.keyboard.press("End")
        until(other, f"scrollY > {before + 1000}")
        until(one, "scrollY > 3000")


def test_the_switch_sets_them_free_and_together_again(opening, beside):
    with opening() as page:
        one, other = beside(page, "gpu_bubble", "ai_software").values()
        page.get_by_label("Scroll together").uncheck()
        go(one, "figures")
        page.wait_for_timeout(300)
        assert other.evaluate("scrollY") == 0
        page.get_by_label("Scroll together").check()
        settled(other, "figures")


def test_choosing_changes_the_address_and_keeps_what_is_there(opening, beside):
    with opening() as page:
        one, _ = beside(page, "gpu_bubble", "ai_software").values()
        one.evaluate("window.kept = true")
        go(one, "figures")
        page.get_by_label("nvda_comeback").check()
        page.wait_for_url("**/side-by-side.html#gpu_bubble,ai_software,nvda_comeback")
        settled(sheets(page)["nvda_comeback"], "figures")
        page.get_by_role("button", name="Remove ai_software").click()
        page.wait_for_url("**/side-by-side.html#gpu_bubble,nvda_comeback")
        assert list(sheets(page)) == ["gpu_bubble", "nvda_comeback"] and one.evaluate("window.kept")
        assert not page.get_by_label("ai_software").is_checked()


def test_names_that_the_run_does_not_have_are_said(opening, folders):
    with opening() as page:
        page.goto(address(folders / "run" / "side-by-side.html", "#gpu_bubble,%3Cimg%20src=x%3E"))
        expect(page.locator("iframe")).to_have_count(1)
        assert "Not in this run: <img src=x>." in page.get_by_role("status").inner_text()
        assert "Choose another reading" in page.get_by_role("status").inner_text()


def test_messages_of_another_shape_or_sender_are_ignored(opening, beside):
    with opening() as page:
        one, other = beside(page, "gpu_bubble", "ai_software").values()
        bad = (
            *('"x"', "null", "{kind: 'position'}", "{kind: 'position', section: 'figures', fraction: 2}"),
            *("{kind: 'position', section: 'figures', fraction: '0.5; x'}", "{kind: 'toString'}"),
            *("{kind: 'position', section: 7, fraction: 0.5}", "{kind: 'height', height: 1e9}"),
        )
        for message in bad:
            one.evaluate(f"parent.postMessage({message}, '*')")
            page.evaluate(f"frames[0].postMessage({message}, '*')")
        good = "{kind: 'position', section: 'figures', fraction: 0}"
        page.evaluate(f"postMessage({good}, '*')")
        one.evaluate(f"parent.frames[1].postMessage({good}, '*')")
        page.wait_for_timeout(300)
        assert [sheet.evaluate("scrollY") for sheet in (one, other)] == [0, 0]
        one.evaluate(f"parent.postMessage({good}, '*')")
        settled(other, "figures")


def test_a_link_in_a_sheet_opens_in_the_whole_window(opening, beside):
    with opening() as page:
        one, _ = beside(page, "gpu_bubble", "ai_software").values()
        one.get_by_role("link", name="evidence page").click()
        page.wait_for_url("**/gpu_bubble-evidence.html")


def test_a_tearsheet_leads_here(opening, folders):
    with opening() as page:
        page.goto(address(folders / "run" / "ai_software.html"))
        page.get_by_role("link", name="Compare side by side").click()
        page.wait_for_url("**/side-by-side.html#ai_software")
        assert list(sheets(page)) == ["ai_software"]


def test_on_a_phone_columns_are_swiped(opening, beside):
    with opening(width=360, height=740) as page:
        beside(page, "gpu_bubble", "ai_software")
        assert not page.get_by_label("nvda_comeback").is_visible()
        columns = page.get_by_role("group", name="Tearsheets side by side")
        assert columns.evaluate("each => each.scrollWidth") > 1.7 * 360
        assert page.locator("iframe").first.bounding_box()["width"] < 330
