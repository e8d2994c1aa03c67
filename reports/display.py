"""How a Result, its figures and a Run show themselves at a prompt and in a notebook."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

import jinja2
import numpy as np
import pandas as pd

from data.printable import printable
from reports.metrics import metrics
from reports.numbers import log_ratio, percent, ratio, usd
from reports.result import Result, Run
from reports.template import template


def table(run: Run) -> pd.DataFrame:
    """See `reports.result.Run.table`."""
    benchmark = float(np.prod(1 + run.benchmark.to_numpy()) - 1)
    rows = {}
    for result in run.results:
        known = asdict(metrics(result, run))
        own = {"excess_benchmark": known["total_return"] - benchmark, "d": result.d, "refuted": result.occurred}
        rows[result.name] = {**known, **own, **({} if run.court is None else {"verdict": _word(result, run)})}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reading")


def rows(run: Run) -> list[dict[str, str]]:
    """What is shown of each reading."""
    shown = []
    for result in run.results:
        known = metrics(result, run)
        shown.append(
            {
                "reading": result.name,
                "net": percent(known.total_return),
                "d": log_ratio(result.d),
                "Sharpe": ratio(known.sharpe),
                "worst drawdown": percent(known.max_drawdown),
                "costs, USD": usd(known.costs),
                **({} if run.court is None else {"verdict": _word(result, run) or "no verdict"}),
            }
        )
    return shown


def result_text(result: Result) -> str:
    """One line, and one for each notice of its run."""
    head = f"{result.name}, {result.equity.index[0]:%Y-%m-%d} to {result.equity.index[-1]:%Y-%m-%d}"
    if "_run" not in vars(result):
        return f"{head}: d {log_ratio(result.d)} against {result.comparator_name}"
    known, run = result.metrics, result.run
    told = f"net {percent(known.total_return)}, d {log_ratio(result.d)} against {result.comparator_name}"
    verdict = "" if run.court is None else f", {_word(result, run) or 'no verdict'}"
    return printable("\n".join((f"{head}: {told}, Sharpe {ratio(known.sharpe)}{verdict}", *run.notices)))


def run_text(run: Run) -> str:
    """Title, source and notices over a table."""
    shown = pd.DataFrame(rows(run)).to_string(index=False) if run.results else "no readings"
    return printable("\n".join((run.title, f"prices: {run.origin}", *run.notices, *_failures(run), shown)))


def result_html(result: Result) -> str:
    """The same of one reading, with what happened."""
    if "_run" not in vars(result):
        return _page(title=result_text(result), outcome=result.outcome)
    run = result.run
    own = [row for row in rows(run) if row["reading"] == result.name]
    return _page(title=run.title, origin=run.origin, notices=run.notices, rows=own, outcome=result.outcome)


def run_html(run: Run) -> str:
    """The same of all readings."""
    return _page(title=run.title, origin=run.origin, notices=run.notices, failures=_failures(run), rows=rows(run))


def _failures(run: Run) -> tuple[str, ...]:
    return tuple(f"{name} failed: {failure.summary}" for name, failure in run.failed.items())


def _word(result: Result, run: Run) -> str | None:
    return None if run.court is None else run.court.evidence[result.name].verdict.word


def _page(title: str, **shown: object) -> str:
    return _template().render(title=title, **{"notices": (), "failures": (), "rows": (), "outcome": "", **shown})


@cache
def _template() -> jinja2.Template:
    return template("notebook.html")
