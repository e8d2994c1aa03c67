"""What the pages of one reading say about its base rate."""

from __future__ import annotations

from reports.pages.base_rate_summary import reading_section
from tests.resources.page import Page
from tests.resources.shocks import rate_of, rates_of

NOTE = "No base rates: the prices of this run hold 4 of 31 peer groups; fetch more."


def section(name, run):
    return Page(reading_section(name, run)).text


def test_a_reading_without_a_general_form_says_so_and_not_where_the_others_are_from(run_of):
    rates = rates_of(rate_of("first"))
    run = run_of(with_evidence=True, base_rates=rates, base_rates_note="As computed on 2026-11-28.")
    assert section("first", run).startswith("After comparable shocks bounded")
    assert section("second", run) == (
        "After comparable shocks No base rate: the reading has no general form, which would say what it holds after "
        "any shock."
    )


def test_a_run_without_base_rates_says_why(run_of):
    run = run_of(with_evidence=True, base_rates_note=NOTE)
    assert section("first", run) == f"After comparable shocks {NOTE}"
