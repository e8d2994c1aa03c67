"""Words that others wrote, as pages show them."""

from __future__ import annotations

import pytest

from reports.template import breakable, notice, prose


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("what `weights(past)` gives", "what <code>weights(past)</code> gives"),
        ("``a`` and `b`", "<code>a</code> and <code>b</code>"),
        ("`<b>` is <b>", "<code>&lt;b&gt;</code> is &lt;b&gt;"),
        ("a lone ` stays", "a lone ` stays"),
        ("use --source <DIR>", 'use <span class="option">--source</span> &lt;DIR&gt;'),
    ],
)
def test_what_stands_between_backticks_is_code_and_all_is_escaped(words, shown):
    assert prose(words) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("add --all-dates, or (--yes)", "add {}--all-dates</span>, or ({}--yes</span>)"),
        ("/data/`raw`/x--year and a--b", "/data/`raw`/x--year and a--b"),
        ("--" + "long" * 100, "--" + "long" * 100),
        ("<b> --out", "&lt;b&gt; {}--out</span>"),
    ],
)
def test_a_notice_stays_as_it_is_but_for_options_which_do_not_break(words, shown):
    assert notice(words) == shown.format(*['<span class="option">'] * 2)


def test_a_name_may_break_after_its_underscores():
    assert breakable("a_b<i>") == "a_<wbr>b&lt;i&gt;"
