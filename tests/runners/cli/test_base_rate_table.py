"""Terminal output of base rates, in 80 and 140 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.pages.base_rates_prose import SIMULATED
from reports.statistics.availability import Missing
from runners.cli.base_rate_table import show_base_rates
from tests.resources.shocks import rate_of, rates_of


@pytest.fixture(params=[80, 140])
def shown(capsys, monkeypatch, request):
    """Output for base rates that differ from the made ones in these fields; it fits the columns."""
    monkeypatch.setenv("COLUMNS", str(request.param))

    def of(*readings, **changes) -> str:
        show_base_rates(rates_of(*readings, **changes), Path("out"))
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= request.param
        assert text.isascii()
        return text

    return of


def test_the_finding_comes_first_then_a_row_for_each_reading(shown):
    lines = shown(rate_of("midrange_challengers"), rate_of("second", 2)).splitlines()
    assert lines[0].startswith("After 24 falls of a sector's leader, none of 2 ways")
    header, first, second = (
        line.split() for line in lines if line.startswith(("reading ", "midrange_challengers ", "second "))
    )
    assert header == ["reading", "n", "mean", "20d", "95%", "interval", "ahead", "mean", "120d", "verdict"]
    # Means of the made values, in plain numpy.
    assert first == ["midrange_challengers", "24", "-0.7%", "-1.6%", "to", "+0.3%", "42%", "-0.2%", "bounded"]
    assert second[:3] == ["second", "24", "-0.5%"]


def test_n_limits_and_files_follow(shown):
    words = " ".join(shown().split())
    assert "24 after 20, 23 after 60" in words
    assert "limit Only companies that were still listed" in words
    assert "prices made up, 2000-01-03 to 2026-05-01" in words
    assert "page out/index.html tables out/base_rates.json, shocks.csv" in words
    assert "Around 30 scheduled FOMC decisions" in words


def test_simulated_prices_and_missing_symbols_are_said_loudly(shown):
    text = shown(real=False, missing=("AAA", "BBB"), decisions=Missing("no prices"))
    assert text.splitlines()[0] == SIMULATED
    assert "No prices for AAA, BBB" in text
    assert "FOMC" not in text
