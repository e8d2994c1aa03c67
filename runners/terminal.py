"""What a person sees in the terminal: progress while it runs, tables when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path

import numpy as np
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from reports import words
from reports.evidence.placebo import SIZE
from reports.evidence.record import Court
from reports.evidence.verdict import CHANCE
from reports.metrics import metrics
from reports.result import Result, Run, Story
from runners.screen import WIDEST, Screen, Table


class Steps:
    """The steps of a job on a progress display."""

    def __init__(self, display: Progress) -> None:
        self._display = display

    def step(self, name: str, total: int | None = None) -> Callable[[str], None]:
        """Begin a step of `total` parts; call the result with the name of each part that is done.

        A step before it whose parts nobody counts is over with that.
        """
        for before in self._display.tasks:
            if before.total is None:
                self._display.update(before.id, total=1, completed=1)
        task = self._display.add_task(name, total=total)
        return lambda part: self._display.update(task, advance=1, description=f"{name} {part}")


@contextmanager
def progress() -> Iterator[Steps]:
    """A progress display on standard error that vanishes when done; silent where that is no terminal."""
    console = Screen(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as display:
        yield Steps(display)


def show_run(run: Run, out: Path) -> None:
    """The summary of a run: source and notices, a row a reading, and what was written."""
    console = Screen()
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
    if run.court is not None:
        console.print(legend(run.court), soft_wrap=True)
    console.print(f"compare   {out / 'index.html'}", soft_wrap=True)
    console.print(f"sheets    {out}/NAME.html", soft_wrap=True)
    if run.court is not None:
        console.print(f"evidence  {out}/NAME-evidence.html", soft_wrap=True)
    console.print(f"tables    {out}/results.json, returns.csv, fills.csv, decisions.csv", soft_wrap=True)


MEANINGS = {
    "supported": "better than other dates or names, by more than luck",
    "refuted": "worse than other dates or names, by more than luck",
    "chance": CHANCE,
}


def legend(court: Court) -> str:
    """What the words in the column of verdicts mean, in the terms that were fixed for them."""
    shown = {words.short(evidence.verdict) for evidence in court.evidence.values()}
    meanings = [f"{word}: {meaning}" for word, meaning in MEANINGS.items() if word in shown]
    meanings += ["-: no verdict, its page says why"] * (None in shown)
    meanings += ["with hindsight: the entry comes before the readings could be known"] * court.hindsight
    told = f"verdicts  from two tests declared beforehand, each at a family-wise {SIZE:.1%}"
    return told + "".join(f"\n          {meaning}" for meaning in meanings)


def show_readings(rows: Iterable[tuple[str, str, Story]]) -> None:
    """A row a reading: its name, the claims that it stands for, what it does."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("reading", "claims", "what it says"):
        table.add_column(heading, no_wrap=heading == "reading", max_width=WIDEST if heading == "reading" else None)
    for name, claims, story in rows:
        table.add_row(Text(name, "bold"), Text(claims or "-"), Text(story.title))
    Screen().print(table)


def _summary(run: Run) -> Table:
    """A row a reading, 80 columns wide for the names of ours."""
    table = Table(box=None, show_edge=False, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in (
        "net",
        f"vs {run.benchmark_name}",
        "d",
        "Sharpe",
        "worst",
        "costs $",
        "criterion" if run.court is None else "verdict",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in run.results:
        table.add_row(*_row(result, run))
    return table


def _row(result: Result, run: Run) -> tuple[str, ...]:
    measured = metrics(result, run)
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    return (
        result.name,
        f"{measured.total_return:+.1%}",
        f"{measured.total_return - benchmark:+.1%}",
        f"{result.d:+.3f}" if isfinite(result.d) else "-",
        "-" if measured.sharpe is None else f"{measured.sharpe:.2f}",
        f"{measured.max_drawdown:.1%}",
        f"{measured.costs:,.0f}",
        _outcome(result, run.court),
    )


def _outcome(result: Result, court: Court | None) -> str:
    """The verdict; without evidence, whether the reading's own criterion of refutation came true."""
    if court is None:
        return {True: "met", False: "not met", None: "-"}[result.occurred]
    return words.short(court.evidence[result.name].verdict) or "-"
