"""What shows itself at a prompt and in a notebook, of results made by hand."""

from __future__ import annotations

from dataclasses import replace

from reports.result import Failure


def test_a_result_of_no_run_tells_what_it_can(result_of):
    lone = result_of("first", 1, d=0.125, comparator_name="SPY")
    first, last = (f"{day:%Y-%m-%d}" for day in (lone.equity.index[0], lone.equity.index[-1]))
    assert repr(lone) == f"first, {first} to {last}: d +0.125 against SPY"
    page = lone._repr_html_()
    assert f"<strong>{lone!r}</strong>" in page and "<p>Made money.</p>" in page and "<table>" not in page


def test_a_result_of_a_run_has_its_figures_and_the_notices(run_of):
    run = run_of(notices=("made by hand",))
    head, notice = repr(run["first"]).splitlines()
    assert head.startswith("first, ") and ", Sharpe " in head and notice == "made by hand"
    page = run["first"]._repr_html_()
    assert "<small>Made by hand</small>" in page and page.count("<tr>") == 2, "a heading and one row"


def test_a_run_names_what_failed_as_it_is_spelt(run_of):
    run = replace(run_of(), failed={"mine": Failure("ValueError: <b>", "")})
    assert "mine failed: ValueError: <b>" in repr(run).splitlines()
    assert "<p><small>mine failed: ValueError: &lt;b&gt;</small></p>" in run._repr_html_()
