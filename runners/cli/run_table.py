"""Terminal summary of a run: one row per reading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich import box
from rich.text import Text

from reports.figures.metrics import compute_metrics
from reports.pages import base_rates_prose, evidence_prose
from reports.records.evidence import EvidenceReport
from reports.records.result import Result, Run, Story
from reports.statistics.placebo import SIZE
from reports.statistics.verdict import BOUND, CHANCE, HORIZON
from runners.cli.tables import WIDEST, PlainConsole, PlainTable, excess_cell

MOST_WARNINGS = 3  # printed per reading
EXCESS_LEGEND = "excess    how much more (+) or less (-) wealth than the reading's own comparator"
REFUTED_LEGEND = "refuted   by the reading's own criterion; says nothing about luck"
VERDICT_MEANINGS = {
    "supported": "better than other dates or stocks, by more than luck",
    "refuted": "worse than other dates or stocks, by more than luck",
    "bounded": f"an effect beyond {BOUND:.0%} over {HORIZON} trading days is excluded",
    "underpowered": f"an effect of {BOUND:.0%} over {HORIZON} trading days could be missed",
    "chance": CHANCE,
    "exploratory": "a look, not a test; the evidence page gives the reason",
}


def show_run(run: Run, out: Path) -> None:
    """Print prices, notices, one row per reading, warnings, the legend and the paths of the files written."""
    console = PlainConsole()
    console.print(Text(run.title, "bold"))
    console.print(f"prices: {run.origin}")
    for notice in run.notices:
        console.print(Text(notice, "bold yellow"))
    for remark in run.remarks:
        console.print(remark, soft_wrap=True)
    console.print(_summary_table(run))
    for result in run.results:
        for warning in result.warnings[:MOST_WARNINGS]:
            console.print(Text(f"{result.name}: {warning}", "yellow"))
        if len(result.warnings) > MOST_WARNINGS:
            rest = len(result.warnings) - MOST_WARNINGS
            console.print(Text(f"{result.name}: and {rest} more, see its page", "yellow"))
    console.print(EXCESS_LEGEND, soft_wrap=True)
    console.print(
        REFUTED_LEGEND if run.evidence_report is None else verdict_legend(run.evidence_report), soft_wrap=True
    )
    if run.base_rates is not None:
        console.print(f"base rate {base_rates_prose.headline(run.base_rates)}", soft_wrap=True)
    if run.base_rates_note:
        console.print(f"{'base rate' if run.base_rates is None else '':9} {run.base_rates_note}", soft_wrap=True)
    console.print(f"compare   {out / 'index.html'}", soft_wrap=True)
    console.print(f"sheets    {out}/NAME.html", soft_wrap=True)
    if run.evidence_report is not None:
        console.print(f"evidence  {out}/NAME-evidence.html", soft_wrap=True)
    console.print(f"tables    {out}/results.json, returns.csv, fills.csv, decisions.csv", soft_wrap=True)


def verdict_legend(evidence_report: EvidenceReport) -> str:
    """Meaning of each verdict that occurs in the table."""
    verdicts = {evidence_prose.short_verdict(evidence.verdict) for evidence in evidence_report.readings.values()}
    lines = [f"verdict   by tests fixed in code after the event, at an adjusted p below {SIZE:.1%}"]
    lines += [f"{word}: {meaning}" for word, meaning in VERDICT_MEANINGS.items() if word in verdicts]
    if None in verdicts:
        lines.append("-: no verdict; the evidence page gives the reason")
    if evidence_report.hindsight:
        lines.append("with hindsight: the entry comes before the publication of the readings")
    return "\n          ".join(lines)


def readings_table(rows: Iterable[tuple[str, str, Story]]) -> None:
    """Print one row per reading: name, claims and title."""
    table = PlainTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("reading", "claims", "what it says"):
        table.add_column(heading, no_wrap=heading == "reading", max_width=WIDEST if heading == "reading" else None)
    for name, claims, story in rows:
        table.add_row(Text(name, "bold"), Text(claims or "-"), Text(story.title))
    PlainConsole().print(table)


def _summary_table(run: Run) -> PlainTable:
    """One row per reading; at most 80 columns wide for the bundled readings."""
    table = PlainTable(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in (
        "net",
        f"vs {run.benchmark_name}",
        "excess",
        "Sharpe",
        "max DD",
        *(("costs $", "refuted") if run.evidence_report is None else ("verdict",)),
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in run.results:
        table.add_row(*_row(result, run))
    return table


def _row(result: Result, run: Run) -> tuple[str, ...]:
    metrics = compute_metrics(result, run)
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    return (
        result.name,
        f"{metrics.total_return:+.1%}",
        f"{metrics.total_return - benchmark:+.1%}",
        excess_cell(result.d),
        "-" if metrics.sharpe is None else f"{metrics.sharpe:.2f}",
        f"{metrics.max_drawdown:.1%}",
        *((f"{metrics.costs:,.0f}",) if run.evidence_report is None else ()),
        _outcome(result, run.evidence_report),
    )


def _outcome(result: Result, evidence_report: EvidenceReport | None) -> str:
    """The verdict, or without evidence whether the reading is refuted by its own criterion."""
    if evidence_report is None:
        return {True: "yes", False: "no", None: "-"}[result.refuted]
    return evidence_prose.short_verdict(evidence_report.readings[result.name].verdict) or "-"
