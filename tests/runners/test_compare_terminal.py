"""The terminal of a comparison, from differences made by hand: what is told of one, of many, and of too many."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from reports.comparison import ABSENT, Bars, Change, Comparison, Parting, PriceChange, ReadingDifference, RowChange
from reports.saved_run import Decision, Fill, SavedRun
from runners import compare_terminal

DAYS = date(2025, 1, 31), date(2025, 2, 3)
FILL = Fill(DAYS[0], "NVDA", -100.0, 120.5, 1.2, 2.4)
BARS = Bars(500, date(2024, 1, 2), date(2026, 2, 3), "a" * 64)


def saved(folder: str) -> SavedRun:
    return SavedRun(folder, {}, {}, "SPY", "c" * 64, {}, DAYS, (0.0, 0.0), {}, ())


SAME = Comparison(saved("a"), saved("b"), (), (), (), None, None, None, (), (), (), None, ())


def reading(name: str = "gpu_bubble", **changes: object) -> ReadingDifference:
    return replace(ReadingDifference(name, (), (), (), (), (), (), (), (), (), None), **changes)


@pytest.fixture
def told(capsys, monkeypatch):
    """What is printed of a comparison that differs from SAME so, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def of(**changes: object) -> str:
        compare_terminal.show(replace(SAME, **changes))
        return capsys.readouterr().out

    return of


def test_of_equal_runs_only_that_is_said(told):
    lines = told().splitlines()
    assert [line.split() for line in lines[:2]] == [["base", "a"], ["other", "b"]]
    assert lines[2].startswith("Equal: the same settings") and len(lines) == 3


def test_what_went_in_comes_before_what_came_out(told):
    shown = told(
        settings=(Change("request.hold", 252, 60),),
        code=Change("code", "c" * 64, "d" * 64),
        prices=(PriceChange("NVDA", BARS, replace(BARS, sha256="b" * 64)), PriceChange("AMD", BARS, None)),
        results=(Change("window.last", "2026-02-03", "2025-05-01"),),
        benchmark=Parting(DAYS[1], -0.25, DAYS[1]),
        only_base=("left",),
        only_other=("came", "too"),
    )
    assert shown.index("What went in") < shown.index("What came out")
    rows = [line.split() for line in shown.splitlines()]
    assert ["request.hold", "252", "60"] in rows
    assert ["code", "c" * 12, "d" * 12] in rows
    assert ["last", "session", "2026-02-03", "2025-05-01"] in rows
    assert "NVDA" in shown and "AMD" in shown
    assert "only in the base: left" in shown and "only in the other: came, too" in shown
    assert "benchmark: apart from 2025-02-03, farthest -25.00% on 2025-02-03" in shown


def test_of_many_symbols_twelve_are_named(told):
    shown = told(prices=tuple(PriceChange(f"S{number:02}", None, BARS) for number in range(15)))
    assert "S11 and 3 more" in " ".join(shown.split()) and "S12" not in shown


def test_of_one_reading_all_is_told(told):
    found = reading(
        metrics=(Change("total_return", 0.1, 0.2), Change("costs", 100.0, 120.0), Change("sharpe", None, 1.0)),
        horizons=(Change("20.d", 0.01, ABSENT),),
        facts=(Change("entry", "2025-01-31", "2025-02-03"),),
        fills=(RowChange(DAYS[0], "NVDA", FILL, replace(FILL, size=-50.0)), RowChange(DAYS[1], "AMD", None, FILL)),
        decisions=(RowChange(DAYS[0], "NVDA", Decision(DAYS[0], "NVDA", -1.0), None),),
        details=(Change("bootstrap.low", 0.1, 0.2), Change("bootstrap.high", 0.3, 0.4)),
        curve=Parting(DAYS[0], None, None),
        gone=("one",),
        new=tuple(f"new {number}" for number in range(7)),
    )
    shown = told(readings=(found,))
    lines = shown.splitlines()
    rows = [line.split() for line in lines]
    assert ["net", "return", "+10.0%", "+20.0%", "+10.0%", "better"] in rows
    assert ["costs,", "USD", "100", "120", "+20", "worse"] in rows
    assert any(row[0] == "Sharpe" and row[-2:] == ["now", "defined"] for row in rows if row)
    assert any(row[:3] == ["d,", "20", "sessions"] and row[-1] == "gone" for row in rows)
    assert "entry: 2025-01-31 -> 2025-02-03" in shown
    assert "first decision that differs, of 1: 2025-01-31 NVDA" in shown
    assert "  base   weight -100.0%" in lines and "  other  none" in lines
    assert "first fill that differs, of 2: 2025-01-31 NVDA" in shown
    assert "  base   -100 at 120.50, commission 1.20, spread 2.40" in lines
    assert "curve: apart from 2025-01-31, in no session that both have" in shown
    assert "evidence: 2 other figures, first bootstrap.low: 0.1 -> 0.2" in shown
    assert "warning gone: one" in lines and lines.count("and 2 more warnings new") == 1
    assert [line for line in lines if line.startswith("warning new")] == [
        f"warning new: new {number}" for number in range(5)
    ]


def test_of_more_than_two_readings_each_has_a_line(told):
    readings = (
        reading("first", metrics=(Change("total_return", 0.1, -0.1),), evidence=(Change("verdict", "a", "b"),)),
        reading("second", evidence=(Change("verdict", "a", "b"),), new=("w",)),
        reading(
            "third",
            evidence=(Change("verdict", "a", "b"),),
            facts=(Change("entry", "x", "y"),),
            fills=(RowChange(DAYS[0], "NVDA", FILL, None),),
            curve=Parting(DAYS[1], 0.1, DAYS[1]),
        ),
    )
    shown = told(readings=readings)
    rows = [line.split() for line in shown.splitlines()]
    assert ["first", "-20.0%", ".", ".", ".", ".", ".", "."] in rows
    assert ["third", ".", ".", ".", ".", ".", "1", "2025-02-03"] in rows
    assert ["third", "2025-01-31", "NVDA", "-100", "at", "120.50", "none"] in rows
    assert "verdict: a -> b: all 3 of them" in shown and "entry: x -> y: third" in shown
    assert "second: 0 warnings gone, 1 new" in shown
    assert "every metric, fill and warning: --out compared.html, or --json" in shown
    assert max(map(len, shown.splitlines())) <= 80
