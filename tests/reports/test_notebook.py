"""Results at a prompt and in a notebook."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from reports.notebook import NotebookRun
from reports.records.result import Failure


def test_a_result_shows_its_metrics_and_the_notices_of_its_run(run_of):
    run = NotebookRun.of(run_of(notices=("made by hand",)))
    head, notice = repr(run["first"]).splitlines()
    assert head.startswith("first, ") and ", Sharpe " in head and notice == "made by hand"
    page = run["first"]._repr_html_()
    assert "<small>Made by hand</small>" in page and page.count("<tr>") == 2, "a heading and one row"


def test_a_run_lists_failures_and_escapes_them_in_html(run_of):
    run = replace(NotebookRun.of(run_of()), failed={"mine": Failure("ValueError: <b>", "")})
    assert "mine failed: ValueError: <b>" in repr(run).splitlines()
    assert "<p><small>mine failed: ValueError: &lt;b&gt;</small></p>" in run._repr_html_()


def test_results_refer_to_their_run_after_replace_and_deepcopy(run_of):
    run = NotebookRun.of(run_of())
    changed = deepcopy(replace(run, title="Another"))
    assert [result.run.title for result in changed] == ["Another"] * len(run.results)
    assert changed["first"].metrics == run["first"].metrics
    with pytest.raises(KeyError, match="no reading 'third' in this run; it has first"):
        run["third"]
