"""Words that others wrote, as pages show them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reports.rendering.template import breakable_name, notice_html, prose_html

TEMPLATES = Path(__file__).parents[3] / "reports" / "templates"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("what `weights(past)` gives", "what <code>weights(past)</code> gives"),
        ("``a`` and `b`", "<code>a</code> and <code>b</code>"),
        ("`<b>` is <b>", "<code>&lt;b&gt;</code> is &lt;b&gt;"),
        ("a lone ` stays", "a lone ` stays"),
        ("use --source <DIR>", 'use <span class="whole">--source</span> &lt;DIR&gt;'),
    ],
)
def test_what_stands_between_backticks_is_code_and_all_is_escaped(words, shown):
    assert prose_html(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("add --all-dates, or (--yes)", "add {}--all-dates</span>, or ({}--yes</span>)"),
        ("/data/`raw`/x--year and a--b", "/data/`raw`/x--year and a--b"),
        ("--" + "long" * 100, "--" + "long" * 100),
        ("<b> --out", "&lt;b&gt; {}--out</span>"),
        ("2025-01-31 to 2026-02-03.", "{}2025-01-31</span> to {}2026-02-03</span>."),
        ("12025-01-31 and 2025-01-31-x", "12025-01-31 and 2025-01-31-x"),
    ],
)
def test_a_notice_stays_as_it_is_but_for_options_and_dates_which_do_not_break(words, shown):
    assert notice_html(words) == shown.format(*['<span class="whole">'] * 2)


def test_a_name_may_break_after_its_underscores():
    assert breakable_name("a_b<i>") == "a_<wbr>b&lt;i&gt;"


def test_every_page_has_a_policy_before_anything_it_could_stop():
    texts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html")}
    pages = {name: text for name, text in texts.items() if re.search("<!doctype|<html|<head", text, re.IGNORECASE)}
    assert len(pages) >= 9
    for name, text in pages.items():
        before, policy, _ = text.partition('<meta http-equiv="Content-Security-Policy" content="{{ policy(')
        assert policy, f"{name} has no Content-Security-Policy"
        begun = re.split("<!doctype", before, flags=re.IGNORECASE)[1]
        assert not re.search(r"<(script|style|link|img|iframe|body)\b", begun), name
