"""Show or delete the trial ledger: the variants run on real prices."""

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
FEW = 10  # damaged lines listed by number

EXAMPLES = f"""
\b
Examples:
  python -m runners.trials            number of trials of each reading
  python -m runners.trials --json     every trial
  python -m runners.trials --forget   delete all trials; their number is kept

The environment variable {VARIABLE} names another ledger file.
"""


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.option("--forget", is_flag=True, help="Delete all trials after asking; keep their number.")
@click.option("--yes", is_flag=True, help="With --forget: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print every trial as JSON instead of a table.")
def trials(forget: bool, yes: bool, as_json: bool) -> int:
    """Show the trials: all variants of readings run on real prices, each counted once.

    Their number enters the deflated Sharpe ratios of the pages.
    """
    if yes and not forget:
        raise RequestError("--yes answers the question of --forget; give both, or neither")
    ledger = TrialLedger()
    if forget and (yes or _confirmed(ledger)):
        ledger.forget()
    recorded = ledger.read()
    if as_json:
        console.echo_json(trials_as_json(ledger, recorded))
    else:
        show_trials(ledger, recorded)
    return console.DONE


def show_trials(ledger: TrialLedger, recorded: Trials) -> None:
    """Print the ledger file, the number of trials and a row per reading."""
    from rich import box
    from rich.text import Text

    from runners.cli.tables import WIDEST, PlainConsole, PlainTable

    out = PlainConsole()
    out.print(f"ledger: {ledger.path}", soft_wrap=True)
    out.print(Text(recorded.summary, "bold"))
    if recorded.damaged:
        out.print(Text(_damage(recorded.damaged), "bold red"))
    if not recorded:
        return
    table = PlainTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("reading", no_wrap=True, max_width=WIDEST)
    for heading in ("trials", "best Sharpe a year"):
        table.add_column(heading, no_wrap=True, justify="right")
    for name, (number, best) in trials_by_reading(recorded).items():
        table.add_row(Text(name), f"{number:,}", "-" if best is None else f"{best:.2f}")
    out.print(table)


def trials_as_json(ledger: TrialLedger, recorded: Trials) -> str:
    """The same as JSON, with every trial."""
    readings = {
        name: {"trials": number, "best_sharpe_annual": best}
        for name, (number, best) in trials_by_reading(recorded).items()
    }
    head = {"schema": 1, "path": str(ledger.path), "n": len(recorded), "forgotten": recorded.forgotten}
    every = [asdict(trial) for trial in recorded.values()]
    return json.dumps({**head, "damaged": recorded.damaged, "readings": readings, "trials": every}, indent=2)


def trials_by_reading(recorded: Trials) -> dict[str, tuple[int, float | None]]:
    """Number of trials of each reading, and their best annualised Sharpe ratio, None without any."""
    grouped: dict[str, list[float | None]] = defaultdict(list)
    for trial in recorded.values():
        grouped[trial.name].append(trial.sharpe)
    return {name: (len(sharpes), _best(sharpes)) for name, sharpes in grouped.items()}


def _best(sharpes: list[float | None]) -> float | None:
    defined = [sharpe for sharpe in sharpes if sharpe is not None]
    return max(defined) * sqrt(SESSIONS_A_YEAR) if defined else None


def _damage(lines: tuple[int, ...]) -> str:
    numbers = ", ".join(map(str, lines[:FEW])) + (f" and {len(lines) - FEW:,} more" if len(lines) > FEW else "")
    if len(lines) == 1:
        return f"line {numbers} of the former text file is damaged and not counted; running its variant again counts it"
    return (
        f"lines {numbers} of the former text file are damaged and not counted; running their variants again counts them"
    )


def _confirmed(ledger: TrialLedger) -> bool:
    """Ask for confirmation on standard error; False without asking if there is nothing to delete."""
    recorded = ledger.read()
    if not recorded and not recorded.damaged:
        return False
    count = recorded.summary.partition(";")[0]
    question = f"Delete {count} in {ledger.path}? Pages will say that they were deleted."
    try:
        return click.confirm(escape_unprintable(question), err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        console.echo(err=True)
        raise RequestError("--forget asks for confirmation, which was not given; add --yes") from None


if __name__ == "__main__":
    console.run_command(trials)
