"""Words that others wrote, as pages show them."""

from __future__ import annotations

import pytest

from reports.template import breakable, prose


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


def test_a_name_may_break_after_its_underscores():
    assert breakable("a_b<i>") == "a_<wbr>b&lt;i&gt;"
