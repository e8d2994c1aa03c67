"""Every page in a real browser: quiet, alone, readable by all, on a phone and in the dark."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.resources.chromium import address, opened

PAGES = (
    "run/index.html",
    "run/side-by-side.html",
    "run/gpu_bubble.html",
    "run/gpu_bubble-evidence.html",
    "sweep/index.html",
    "multiverse/index.html",
    "multiverse/two_shocks.html",
    "calibration/index.html",
)
# Frames are scanned as pages of their own; axe cannot speak to frames of files, and says so on the console.
SCAN = {"resultTypes": ["violations"], "iframes": False}
# The scheme changes colours and nothing else.
COLOURS = ["color-contrast", "link-in-text-block"]


def brightness(page):
    """Of the page behind everything, 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def problems(page, **options):
    """What axe finds serious: rule and some of the elements."""
    found = Axe().run(page, options={**SCAN, **options}).response["violations"]
    serious = [rule for rule in found if rule["impact"] in {"serious", "critical"}]
    return [(rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in serious]


@pytest.mark.parametrize("file", PAGES)
def test_it_opens_clean_and_can_be_read_by_all_in_light_and_dark_and_on_a_phone(opening, folders, file):
    with opening() as page:
        page.goto(address(folders / file))
        assert problems(page) == []
        assert brightness(page) > 230
        page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        assert problems(page, runOnly=COLOURS) == []
        assert brightness(page) < 40
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(address(folders / file))
        assert brightness(page) < 40
        assert page.evaluate("document.documentElement.scrollWidth") == 360, "a phone scrolls down only"
        rows = "[...document.querySelectorAll('tbody tr')].map(row => row.offsetHeight)"
        assert max(page.evaluate(rows), default=0) < 120, "a row of a few words is a column of letters"


def names(page):
    rows = page.get_by_role("region", name="Figures").get_by_role("row").all()[1:]
    return [row.get_by_role("rowheader").inner_text().strip() for row in rows]


def test_the_index_sorts_by_a_column(opening, folders):
    with opening() as page:
        page.goto(address(folders / "run" / "index.html"))
        table = page.get_by_role("region", name="Figures")
        before = names(page)
        place = [head.inner_text().strip() for head in table.get_by_role("columnheader").all()].index("Net return")
        table.get_by_role("button", name="Net return").click()
        shown = [row.get_by_role("cell").all()[place - 1].inner_text() for row in table.get_by_role("row").all()[1:]]
        figures = [float(text.replace("\u2212", "-").rstrip("%")) for text in shown]
        assert figures == sorted(figures, reverse=True)
        table.get_by_role("button", name="Net return").click()
        assert names(page) != before or len(set(figures)) == 1
        table.get_by_role("button", name="Reading").click()
        assert names(page) == sorted(before, key=str.casefold)


def test_the_index_hides_and_shows_a_line(opening, folders):
    with opening() as page:
        page.goto(address(folders / "run" / "index.html"))
        line = page.get_by_role("button", name=re.compile("^ai_software"))
        pixels = page.locator("#growth canvas")
        assert line.get_attribute("aria-pressed") == "true"
        before = pixels.evaluate("canvas => canvas.toDataURL()")
        line.click()
        page.mouse.move(0, 0)
        assert line.get_attribute("aria-pressed") == "false"
        page.wait_for_function("before => document.querySelector('#growth canvas').toDataURL() !== before", arg=before)
        line.click()
        assert line.get_attribute("aria-pressed") == "true"


# Resolves when what was due has been drawn: after a whole frame, however long that takes.
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def test_the_index_zooms_both_charts_and_back(opening, folders):
    with opening() as page:
        page.goto(address(folders / "run" / "index.html"))
        growth = page.locator("#growth .u-over")
        growth.scroll_into_view_if_needed()

        def drawn():
            page.mouse.move(0, 0)
            page.evaluate(DRAWN)
            return [
                page.locator(f"#{name} canvas").evaluate("canvas => canvas.toDataURL()")
                for name in ("growth", "drawdown")
            ]

        kept = drawn()
        box = growth.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=5)
        page.mouse.up()
        zoomed = drawn()
        assert zoomed[0] != kept[0] and zoomed[1] != kept[1]
        growth.dblclick()
        assert drawn() == kept


# Records the points of curves (the longest path), and of vertical lines from a chart's foot to its top.
RECORDER = """
  window.vertical = new Set();
  window.curve = [];
  const points = new WeakMap();
  const line = Path2D.prototype.lineTo;
  Path2D.prototype.lineTo = function (x, y) {
    if (!points.has(this)) points.set(this, []);
    points.get(this).push(x);
    if (points.get(this).length > window.curve.length) window.curve = points.get(this);
    return line.call(this, x, y);
  };
  const context = CanvasRenderingContext2D.prototype;
  const { moveTo, lineTo } = context;
  let last = null;
  context.moveTo = function (x, y) { last = [x, y]; return moveTo.call(this, x, y); };
  context.lineTo = function (x, y) {
    if (last && x === last[0] && last[1] - y > 100) window.vertical.add(x);
    return lineTo.call(this, x, y);
  };
"""


def test_a_mark_stands_at_the_curve_of_its_session(opening, folders):
    with opening() as page:
        page.add_init_script(RECORDER)
        page.goto(address(folders / "run" / "index.html"))
        curve, vertical = page.evaluate("[window.curve, [...window.vertical]]")
        run = page.evaluate("JSON.parse(document.getElementById('run').textContent)")
        held = dict(zip(run["sessions"][::-1], curve[::-1], strict=False))
        inside = [held[mark["date"]] for mark in run["marks"] if mark["date"] in held]
        assert len(inside) > 5
        # Both are whole pixels.
        assert max(min(abs(place - session) for place in vertical) for session in inside) <= 1
        assert (curve[-1] - curve[0]) / (len(curve) - 1) > 2.5, "a mark one session off would be seen"


def test_on_a_phone_a_range_and_a_day_are_one_tap_or_key_away(browser, folders):
    with opened(browser, width=360, height=740, touch=True) as page:
        page.goto(address(folders / "run" / "index.html"))
        week = page.get_by_role("button", name="Shock week")
        week.tap()
        assert week.get_attribute("aria-pressed") == "true"
        assert "Nothing was held before" in page.get_by_text("From the shock on").inner_text()
        growth = page.locator("#growth .u-over")
        growth.scroll_into_view_if_needed()
        box = growth.bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] * 0.6, box["y"] + 60)
        tip = page.locator(".tip:visible")
        assert "gpu_bubble" in tip.inner_text()
        tapped = page.locator("#when").inner_text()
        assert tip.inner_text().startswith(tapped)
        slider = page.get_by_label("Trading day")
        slider.press("ArrowRight")
        page.wait_for_function("day => document.getElementById('when').textContent > day", arg=tapped)
        assert slider.get_attribute("aria-valuetext").startswith(page.locator("#when").inner_text())
        assert week.get_attribute("aria-pressed") == "true", "the next trading day is in the week"
