"""The trial ledger by itself: how many variants were run, and how to forget them."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import asdict
from math import sqrt

import click

from data.errors import RequestError
from data.text import escape_unprintable
from runners.cli import console
from runners.engine.trial_ledger import VARIABLE, TrialLedger, Trials

SESSIONS_A_YEAR = 252  # PERIODS of reports.figures.metrics, which is slow to import
FEW = 10  # damaged lines that are named one by one

EXAMPLES = f"""
\b
Examples:
  python -m runners.trials            how many variants were run, by reading
  python -m runners.trials --json     every one of them
  python -m runners.trials --forget   delete them, which stays on record

The variable {VARIABLE} names another file for them.
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.option("--forget", is_flag=True, help="Delete all trials, after a question; how many they were stays on record.")
@click.option("--yes", is_flag=True, help="With --forget: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every trial, instead of a table.")
def trials(forget: bool, yes: bool, as_json: bool) -> int:
    """Show the trials: every variant that was run for a reading on real prices, each counted once.

    Their number goes into the deflated Sharpe ratios of the pages.
    """
    if yes and not forget:
        raise RequestError("--yes answers the question of --forget; give both, or neither")
    ledger = TrialLedger()
    if forget and (yes or _confirmed(ledger)):
        ledger.forget()
    found = ledger.read()
    if as_json:
        console.echo_json(trials_as_json(ledger, found))
    else:
        show_trials(ledger, found)
    return console.DONE


def show_trials(ledger: TrialLedger, found: Trials) -> None:
    """A row a reading on the terminal, under the file and the number of trials."""
    from rich import box
    from rich.text import Text

    from runners.cli.tables import WIDEST, PlainConsole, PlainTable

    out = PlainConsole()
    out.print(f"ledger: {ledger.path}", soft_wrap=True)
    out.print(Text(found.summary, "bold"))
    if found.damaged:
        out.print(Text(_damage(found.damaged), "bold red"))
    if not found:
        return
    table = PlainTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in ("trials", "best Sharpe a year"):
        table.add_column(heading, no_wrap=True, justify="right")
    for name, (number, best) in trials_by_reading(found).items():
        table.add_row(Text(name), f"{number:,}", "-" if best is None else f"{best:.2f}")
    out.print(table)


def trials_as_json(ledger: TrialLedger, found: Trials) -> str:
    """The same as JSON, with every trial."""
    readings = {
        name: {"trials": number, "best_sharpe_annual": best}
        for name, (number, best) in trials_by_reading(found).items()
    }
    head = {"schema": 1, "path": str(ledger.path), "n": len(found), "forgotten": found.forgotten}
    every = [asdict(trial) for trial in found.values()]
    return json.dumps({**head, "damaged": found.damaged, "readings": readings, "trials": every}, indent=2)


def trials_by_reading(found: Trials) -> dict[str, tuple[int, float | None]]:
    """Number of trials and best annualised Sharpe ratio of each reading; None where none of its trials has one."""
    grouped: dict[str, list[float | None]] = defaultdict(list)
    for trial in found.values():
        grouped[trial.name].append(trial.sharpe)
    return {name: (len(sharpes), _best(sharpes)) for name, sharpes in grouped.items()}


def _best(sharpes: list[float | None]) -> float | None:
    defined = [sharpe for sharpe in sharpes if sharpe is not None]
    return max(defined) * sqrt(SESSIONS_A_YEAR) if defined else None


def _damage(lines: tuple[int, ...]) -> str:
    named = ", ".join(map(str, lines[:FEW])) + (f" and {len(lines) - FEW:,} more" if len(lines) > FEW else "")
    if len(lines) == 1:
        return f"line {named} of its former text file is damaged and not counted; running its variant again counts it"
    return (
        f"lines {named} of its former text file are damaged and not counted; running their variants again counts them"
    )


def _confirmed(ledger: TrialLedger) -> bool:
    """Ask on standard error; where there is nothing to forget, nothing is asked."""
    found = ledger.read()
    if not found and not found.damaged:
        return False
    what = found.summary.partition(";")[0]
    question = f"Forget {what} in {ledger.path}? Pages will say that they were deleted."
    try:
        return click.confirm(escape_unprintable(question), err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        console.echo(err=True)
        raise RequestError("--forget asks first and nobody answered; add --yes") from None


if __name__ == "__main__":
    console.run_command(trials)
