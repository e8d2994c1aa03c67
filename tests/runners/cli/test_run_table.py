"""The terminal summary of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.records.evidence import Evidence, EvidenceReport, SharpeEvidence
from reports.records.result import Result, Run, Story
from reports.statistics.availability import Missing
from reports.statistics.placebo import PlaceboRank
from reports.statistics.verdict import Verdict
from reports.statistics.year_timing import YearTiming
from runners.cli import run_table

NONE = Missing("nothing was run")
LONGEST = "midrange_challengers"
VERDICTS = {"first": "supported", "second": "not distinguishable from chance", LONGEST: "refuted", "fourth": None}


def result(name: str) -> Result:
    sessions = pd.bdate_range("2025-01-30", periods=30)
    equity = pd.Series(np.linspace(1e6, 1.911e6, 30), sessions)
    return Result(
        name=name,
        claims=(),
        story=Story("", "", "", "", ""),
        parameters={},
        symbols=(),
        entry=sessions[1],
        exit=None,
        d=-0.466,
        equity=equity,
        gross=pd.Series(1.0, sessions),
        comparator=pd.Series(1.0, sessions),
        comparator_name="cash",
        fills=pd.DataFrame({"commission": [7000.0], "spread_cost": [3000.0], "size": [1.0], "price": [1.0]}),
        decisions=pd.DataFrame(),
        interest={},
        horizons={},
        refuted=True,
        outcome="",
    )


def evidence(name: str, word: str | None) -> Evidence:
    return Evidence(
        name=name,
        verdict=Verdict(word),
        d=0.1,
        refuted=True,
        long_run=False,
        timing={"20": PlaceboRank(64, 0.1)},
        year=YearTiming(reason="nothing was run"),
        selection=None,
        launches=NONE,
        drawn=(),
        power=NONE,
        power_down=NONE,
        shock=NONE,
        intervals={},
        regressions={},
        break_even=NONE,
        sharpe=SharpeEvidence(NONE, NONE, NONE, NONE, NONE, 1.0, 1),
        described=(),
    )


@pytest.fixture
def run() -> Run:
    results = tuple(result(name) for name in VERDICTS)
    index = results[0].equity.index[1:]
    return Run(
        results=results,
        benchmark_name="SPY",
        benchmark=pd.Series(0.001, index),
        risk_free=pd.Series(0.04, index),
        origin="made up",
        real=True,
        title="A shock",
        notices=(),
        marks=(),
        settings={},
        frictions={},
    )


@pytest.fixture
def judged(run: Run) -> Run:
    values = {name: evidence(name, word) for name, word in VERDICTS.items()}
    return replace(
        run, with_evidence=True, evidence_report=EvidenceReport(values, NONE, (), False, True, "made up", 10, 10, 1)
    )


def printed(run, capsys, monkeypatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    run_table.show_run(run, Path("out"))
    return capsys.readouterr().out.splitlines()


def test_verdicts_are_in_a_table_of_80_columns_with_a_legend(judged, capsys, monkeypatch):
    lines = printed(judged, capsys, monkeypatch)
    rows = {line.split()[0]: line.split()[-1] for line in lines[2:7]}
    assert rows == {"reading": "verdict", "first": "supported", "second": "chance", LONGEST: "refuted", "fourth": "-"}
    assert max(map(len, lines)) <= 80
    assert lines[7:13] == [
        "excess    how much more (+) or less (-) wealth than the reading's own comparator",
        "verdict   by tests fixed in code after the event, at an adjusted p below 2.5%",
        "          supported: better than other dates or stocks, by more than luck",
        "          refuted: worse than other dates or stocks, by more than luck",
        "          chance: not distinguishable from chance",
        "          -: no verdict; the evidence page gives the reason",
    ]
    assert "evidence  out/NAME-evidence.html" in lines


def test_no_number_and_no_verdict_is_cut(judged, capsys, monkeypatch):
    first, *others = judged.results
    rich = replace(first, equity=first.equity * np.linspace(1, 120, 30), d=4.5, fills=first.fills * 1000)
    lines = printed(replace(judged, results=(rich, *others)), capsys, monkeypatch)
    # 1.911 * 120 = 229.32 times the money; the benchmark grew by 1.001 ** 29; exp(4.5) = 90.017.
    words = lines[3].split()
    assert words[:4] == ["first", "+22832.0%", "+22829.1%", "+8901.7%"] and words[-1] == "supported"
    assert lines[2].split() == ["reading", "net", "vs", "SPY", "excess", "Sharpe", "max", "DD", "verdict"]
    assert not any("..." in line or "\u2026" in line for line in lines[2:7])


def test_every_verdict_fits_and_is_explained(judged, capsys, monkeypatch):
    words = {"first": "bounded", "second": "underpowered", LONGEST: "exploratory", "fourth": "supported"}
    changed = {name: evidence(name, word) for name, word in words.items()}
    lines = printed(
        replace(judged, evidence_report=replace(judged.evidence_report, readings=changed)), capsys, monkeypatch
    )
    assert {line.split()[0]: line.split()[-1] for line in lines[3:7]} == words
    assert max(map(len, lines)) <= 80
    assert lines[9:13] == [
        "          supported: better than other dates or stocks, by more than luck",
        "          bounded: an effect beyond 5% over 20 trading days is excluded",
        "          underpowered: an effect of 5% over 20 trading days could be missed",
        "          exploratory: a look, not a test; the evidence page gives the reason",
    ]


def test_only_verdicts_that_occur_are_explained_and_hindsight_is_stated(judged, capsys, monkeypatch):
    only = {name: evidence(name, "refuted") for name in VERDICTS}
    lines = printed(
        replace(judged, evidence_report=replace(judged.evidence_report, readings=only, hindsight=True)),
        capsys,
        monkeypatch,
    )
    assert lines[9:12] == [
        "          refuted: worse than other dates or stocks, by more than luck",
        "          with hindsight: the entry comes before the publication of the readings",
        "compare   out/index.html",
    ]


def test_excess_is_the_return_over_the_comparator_in_per_cent(run, capsys, monkeypatch):
    row = printed(run, capsys, monkeypatch)[3].split()  # reading, net, vs SPY, excess
    assert row[3] == "-37.2%"  # exp(-0.466) - 1


def test_without_evidence_the_readings_own_criterion_is_shown(run, capsys, monkeypatch):
    lines = printed(run, capsys, monkeypatch)
    assert lines[2].endswith("refuted") and all(line.endswith("  yes") for line in lines[3:7])
    assert lines[8] == "refuted   by the reading's own criterion; says nothing about luck"
    assert not any("evidence" in line or "verdict" in line for line in lines)
