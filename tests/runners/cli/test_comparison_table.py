"""Terminal output of a comparison, from hand-made differences of one, several and many readings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reports.comparison.diff import ABSENT, Change, Comparison, Divergence, ReadingDifference
from reports.comparison.run_reader import FillRow, PriceSpan, SavedRun
from runners.cli.comparison_table import show_comparison

DAYS = "2025-01-31", "2025-02-03"
FILL = FillRow(DAYS[0], "NVDA", -100.0, 120.5, 1.2, 2.4)
PRICES = PriceSpan(500, "2024-01-02", "2026-02-03", "a" * 64)


def saved(folder: str, *readings: str) -> SavedRun:
    results = {"benchmark": "SPY", "readings": dict.fromkeys(readings)}
    return SavedRun(folder, results, {}, {"SPY": dict.fromkeys(DAYS, 0.0)}, {}, {}, ())


SAME = Comparison(saved("a"), saved("b"), (), (), (), (), (), (), (), None, ())


def change(path: str, base: object, other: object) -> Change:
    return Change(tuple(path.split("/")), base, other)


def fill(base: object, other: object, day: str = DAYS[0]) -> Change:
    return Change(("fills", (day, "NVDA", 1)), base, other)


def reading(name: str = "gpu_bubble", **changes: object) -> ReadingDifference:
    return replace(ReadingDifference(name, (), (), (), (), (), (), (), None), **changes)


@pytest.fixture
def shown(capsys, monkeypatch):
    """Output for a comparison that differs from SAME in these fields; it fits 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def of(**changes: object) -> str:
        show_comparison(replace(SAME, **changes))
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 80
        return text

    return of


def test_equal_runs_are_three_lines(shown):
    lines = shown().splitlines()
    assert [line.split() for line in lines[:2]] == [["base", "a"], ["other", "b"]]
    assert lines[2].startswith("Equal: the same settings") and len(lines) == 3


def test_inputs_come_before_results(shown):
    text = shown(
        base=saved("a", "left"),
        other=saved("b", "came", "too"),
        settings=(change("settings/request/hold", 252, 60),),
        code=(change("code/code", "c" * 64, "d" * 64),),
        prices=(
            change("prices/NVDA", PRICES, PRICES._replace(sha256="b" * 64)),
            *(change(f"prices/S{number:02}", ABSENT, PRICES) for number in range(15)),
        ),
        results=(change("results/window/last", "2026-02-03", "2025-05-01"),),
        benchmark=Divergence(DAYS[1], -0.25, DAYS[1]),
    )
    assert text.index("Inputs") < text.index("request.hold") < text.index("Results") < text.index("2025-05-01")
    rows = [line.split() for line in text.splitlines()]
    assert ["request.hold", "252", "60"] in rows
    assert ["code", "c" * 12, "d" * 12] in rows
    assert ["last", "day", "2026-02-03", "2025-05-01"] in rows
    assert "1 with different prices: NVDA" in text
    assert "15 in the other only: S00" in text and "S11 and 3 more" in " ".join(text.split()) and "S12" not in text
    assert "only in the base: left" in text and "only in the other: came, too" in text
    assert "benchmark: differs from 2025-02-03 on, largest gap -25.00% on 2025-02-03" in text


def test_one_reading_is_shown_in_full(shown):
    warnings = reading(
        metrics=(
            change("metrics/total_return", 0.1, 0.2),
            change("metrics/costs", 100.0, 120.0),
            change("metrics/sharpe", None, 1.0),
        ),
        horizons=(change("horizons/20/d", 0.01, ABSENT),),
        facts=(change("facts/entry", "2025-01-31", "2025-02-03"), change("facts/outcome", "Lost.", "Won.")),
        evidence=(change("evidence/p", 0.1, 0.2), change("evidence/names/low", 0.1, 0.2)),
        fills=(fill(FILL, FILL._replace(size=-50.0)), fill(ABSENT, FILL, DAYS[1])),
        curve=Divergence(DAYS[0], None, None),
        warnings=(
            change("warnings/one", "one", ABSENT),
            *(change(f"warnings/{number}", ABSENT, f"new {number}") for number in range(7)),
        ),
    )
    text = shown(readings=(warnings,))
    lines = text.splitlines()
    rows = [line.split() for line in lines]
    assert ["gpu_bubble", "+10.0%", ".", "now", "defined", ".", "+20", "2", "2025-01-31"] in rows
    assert ["gpu_bubble", "2025-01-31", "NVDA", "-100", "at", "120.50", "-50", "at", "120.50"] in rows
    assert ["net", "return", "+10.0%", "+20.0%", "+10.0%", "better"] in rows
    assert ["costs,", "USD", "100", "120", "+20", "worse"] in rows
    assert ["p", "0.100", "0.200", "+0.100", "higher"] in rows
    assert ["d,", "20", "trading", "days", "+0.010", "not", "there", "gone"] in rows
    assert "entry: 2025-01-31 -> 2025-02-03: gpu_bubble" in lines and "outcome: Lost. -> Won." in lines
    assert "evidence: 1 more figure, first names.low: 0.1 -> 0.2" in lines
    assert "curve: differs from 2025-01-31 on; no gap on days that both runs have" in lines
    assert "warning gone: one" in lines and lines.count("and 2 more warnings new") == 1
    assert [line for line in lines if line.startswith("warning new")] == [
        f"warning new: new {number}" for number in range(5)
    ]


def test_more_than_two_readings_have_one_line_each(shown):
    verdict = (change("evidence/verdict", "a", "b"),)
    readings = (
        reading("first", metrics=(change("metrics/total_return", 0.1, -0.1),), evidence=verdict),
        reading("second", evidence=verdict, warnings=(change("warnings/w", ABSENT, "w"),)),
        reading(
            "third",
            evidence=verdict,
            facts=(change("facts/entry", "x", "y"),),
            fills=(fill(FILL, ABSENT),),
            curve=Divergence(DAYS[1], 0.1, DAYS[1]),
        ),
    )
    text = shown(readings=readings)
    rows = [line.split() for line in text.splitlines()]
    assert ["first", "-20.0%", ".", ".", ".", ".", ".", "."] in rows
    assert ["third", ".", ".", ".", ".", ".", "1", "2025-02-03"] in rows
    assert ["third", "2025-01-31", "NVDA", "-100", "at", "120.50", "none"] in rows
    assert "verdict: a -> b: all 3 readings" in text and "entry: x -> y: third" in text
    assert "second: 0 warnings gone, 1 new" in text
    assert "every metric, fill and warning: --out compared.html, or --json" in text
