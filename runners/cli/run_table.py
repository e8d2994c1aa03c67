"""The table of a run in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from pathlib import Path

import numpy as np
from rich import box
from rich.text import Text

from reports.figures.metrics import compute_metrics
from reports.pages import evidence_prose
from reports.records.evidence import EvidenceReport
from reports.records.result import Result, Run, Story
from reports.statistics.placebo import SIZE
from reports.statistics.verdict import CHANCE
from runners.cli.tables import WIDEST, PlainConsole, PlainTable


def show_run(run: Run, out: Path) -> None:
    """The summary of a run: source and notices, a row a reading, and what was written."""
    console = PlainConsole()
    console.print(Text(run.title, "bold"))
    console.print(f"prices: {run.origin}")
    for notice in run.notices:
        console.print(Text(notice, "bold yellow"))
    console.print(_summary(run))
    for result in run.results:
        for warning in result.warnings[:3]:
            console.print(Text(f"{result.name}: {warning}", "yellow"))
        if len(result.warnings) > 3:
            console.print(Text(f"{result.name}: and {len(result.warnings) - 3} more, see its page", "yellow"))
    if run.evidence_report is not None:
        console.print(verdict_legend(run.evidence_report), soft_wrap=True)
    console.print(f"compare   {out / 'index.html'}", soft_wrap=True)
    console.print(f"sheets    {out}/NAME.html", soft_wrap=True)
    if run.evidence_report is not None:
        console.print(f"evidence  {out}/NAME-evidence.html", soft_wrap=True)
    console.print(f"tables    {out}/results.json, returns.csv, fills.csv, decisions.csv", soft_wrap=True)


MEANINGS = {
    "supported": "better than other dates or names, by more than luck",
    "refuted": "worse than other dates or names, by more than luck",
    "chance": CHANCE,
}


def verdict_legend(evidence_report: EvidenceReport) -> str:
    """What the words in the column of verdicts mean, in the terms that were fixed for them."""
    shown = {evidence_prose.short_verdict(evidence.verdict) for evidence in evidence_report.readings.values()}
    meanings = [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in shown]
    meanings += ["-: no verdict, its page says why"] * (None in shown)
    meanings += ["with hindsight: the entry comes before the readings could be known"] * evidence_report.hindsight
    told = f"verdicts  from two tests declared beforehand, each at a family-wise {SIZE:.1%}"
    return told + "".join(f"\n          {meaning}" for meaning in meanings)


def readings_table(rows: Iterable[tuple[str, str, Story]]) -> None:
    """A row a reading: its name, the claims that it stands for, what it does."""
    table = PlainTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("reading", "claims", "what it says"):
        table.add_column(heading, no_wrap=heading == "reading", max_width=WIDEST if heading == "reading" else None)
    for name, claims, story in rows:
        table.add_row(Text(name, "bold"), Text(claims or "-"), Text(story.title))
    PlainConsole().print(table)


def _summary(run: Run) -> PlainTable:
    """A row a reading, 80 columns wide for the names of ours."""
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in (
        "net",
        f"vs {run.benchmark_name}",
        "d",
        "Sharpe",
        "worst",
        "costs $",
        "criterion" if run.evidence_report is None else "verdict",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in run.results:
        table.add_row(*_row(result, run))
    return table


def _row(result: Result, run: Run) -> tuple[str, ...]:
    measured = compute_metrics(result, run)
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    return (
        result.name,
        f"{measured.total_return:+.1%}",
        f"{measured.total_return - benchmark:+.1%}",
        f"{result.d:+.3f}" if isfinite(result.d) else "-",
        "-" if measured.sharpe is None else f"{measured.sharpe:.2f}",
        f"{measured.max_drawdown:.1%}",
        f"{measured.costs:,.0f}",
        _outcome(result, run.evidence_report),
    )


def _outcome(result: Result, evidence_report: EvidenceReport | None) -> str:
    """The verdict; without evidence, whether the reading's own criterion of refutation came true."""
    if evidence_report is None:
        return {True: "met", False: "not met", None: "-"}[result.refuted]
    return evidence_prose.short_verdict(evidence_report.readings[result.name].verdict) or "-"
