"""From a request to a folder of pages: prices, backtests, the count of trials, evidence.

Each step takes the result of the one before: Request -> Plan -> PricedPlan -> Run -> folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TypeVar

import pandas as pd

from data import fomc, load_prices
from data.errors import DataError, RequestError
from data.prices import Prices
from data.sources import open_source
from data.sources.source import Source
from reports.figures.metrics import compute_metrics
from reports.folders import run as run_folder
from reports.records.result import Failure, Result, Run
from reports.statistics.returns import PERIODS
from runners.engine import drawing
from runners.engine.author_code import author_code
from runners.engine.backtest.cerebro import window_rows
from runners.engine.base_rates.of_run import with_base_rates
from runners.engine.evaluation import evaluate
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.execution.processes import Processes, preload
from runners.engine.plan import Plan, make_plan, needed_symbols, nothing_left
from runners.engine.provenance import run_manifest
from runners.engine.request import PriceWindow, Request
from runners.engine.research import evidence
from runners.engine.research.evidence_plan import evidence_symbols
from runners.engine.run_settings import chart_marks, claims_note, hindsight_notice, run_settings, unknown_rates_notice
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure
from runners.engine.trial_key import trial_key, window_fingerprint
from runners.engine.trial_ledger import LedgerError, Trial, TrialLedger, Trials

Key = TypeVar("Key")
ReadPrices = Callable[[Sequence[str]], Prices]
Step = Callable[[str, int | None], Progress]


def no_step(_name: str, _total: int | None = None) -> Progress:
    """A step that shows no progress."""
    return no_progress


@dataclass(frozen=True, eq=False)
class PricedPlan:
    """A plan whose studies all have prices, with notices about missing ones."""

    plan: Plan
    prices: Prices
    notices: tuple[str, ...] = ()

    def with_notes(self, notes: Sequence[str]) -> PricedPlan:
        """The plan with the notes of the source and the notices about its prices, except for the quiet ones."""
        about_prices = (notice.text for notice in self.prices.notices if not notice.quiet)
        return replace(self, notices=(*notes, *about_prices, *self.notices))


def price_reader(plan: Plan, source: Source, start: str | None, end: str | None) -> ReadPrices:
    """What reads the prices of a run: faults in rows that it does not need are only noted."""
    return partial(load_prices, start=start, end=end, source=source, needed_from=plan.needed_from)


def with_prices(plan: Plan, read: ReadPrices) -> PricedPlan:
    """Read the prices of everything that is traded or compared and, for evidence, of the alternatives.

    A study without prices is moved to `plan.failed`; the others still run. If only the evidence lacks prices, a notice
    says so. Raises RequestError or DataError if the benchmark has no prices or no study is left, BrokenStrategyError if
    none is left and some crashed.
    """
    try:
        return _priced(plan, read)
    except (RequestError, DataError):
        read((plan.request.benchmark,))  # every study needs it: without it the request is wrong
        needed = {study.name: needed_symbols(plan.request, [study]) for study in plan.studies}
        failures = price_failures(needed, read)
        if not failures:
            raise
        remaining = plan.without(failures)
    return _priced(remaining, read)


def _priced(plan: Plan, read: ReadPrices) -> PricedPlan:
    needed = plan.symbols
    extra = evidence_symbols(plan) if plan.request.evidence else ()
    try:
        return PricedPlan(plan, read((*needed, *extra)))
    except (RequestError, DataError) as error:
        if not extra:
            raise
        return PricedPlan(plan, read(needed), (f"Some evidence is missing for lack of prices: {error}",))


def price_failures(needed: Mapping[Key, Sequence[str]], read: ReadPrices) -> dict[Key, Failure]:
    """Failures by key, for symbols without prices."""
    failures = {}
    for key, symbols in needed.items():
        try:
            read(symbols)
        except (RequestError, DataError) as error:
            failures[key] = describe_failure(error)
    return failures


def run_to_folder(request: Request, window: PriceWindow, out: Path, command: str, jobs: int | None, step: Step) -> Run:
    """Run a request and write its folder, which is replaced as a whole or not at all.

    `command` is the command line that repeats the run. Raises RequestError before anything runs if `out` cannot be
    replaced.
    """
    source = open_source(window.source)
    plan = make_plan(request)
    run_folder.require_writable(out)
    step("prices", None)
    priced = with_prices(plan, price_reader(plan, source, window.start, window.end)).with_notes(source.notes)
    preload((*evidence.PRELOAD, *drawing.PRELOAD) if request.evidence else drawing.PRELOAD)
    executor = Processes(jobs)
    run = produce_run(priced, command, executor, step)
    run = with_base_rates(run, priced.plan.with_results(run.results), source, window, executor, step)
    sheets = drawing.draw_tearsheets(run, out, jobs, step("tearsheets", len(run.results)))
    run_folder.write(run, sheets, out)
    return run


def draw_to_folder(run: Run, out: Path, jobs: int | None = None) -> Path:
    """Draw a finished run in a separate Python process and write its folder."""
    run_folder.require_writable(out)
    run_folder.write(run, drawing.draw_in_subprocess(run, out.absolute(), jobs), out)
    return out


def produce_run(priced: PricedPlan, command: str | None, executor: Executor, step: Step = no_step) -> Run:
    """Run the backtests of a priced plan, count them as trials, and add the evidence if requested."""
    plan, prices = priced.plan, priced.prices
    run = run_studies(priced, step("backtests", len(plan.studies)))
    plan = plan.with_results(run.results)
    trials, ledger_notices = count_trials(run_trials(plan, prices, run), run.real)
    run = replace(run, notices=(*run.notices, *ledger_notices), manifest={"command": command, **run.manifest})
    if not plan.request.evidence:
        return run
    return evidence.gather_evidence(run, plan, prices, trials, executor, step("evidence", len(plan.studies)))


def run_studies(priced: PricedPlan, done: Progress = no_progress) -> Run:
    """Run every study; `done` is called with the name of each as it finishes.

    A strategy that crashes or has too little history is listed in `failed`. Raises RequestError if the prices do not
    span the entry or suffice for no strategy, BrokenStrategyError if all crash.
    """
    plan, prices = priced.plan, priced.prices
    request, schedule = plan.request, plan.request.schedule
    start, stop = window_rows(prices, schedule, request.frictions.lag)
    sessions = prices.sessions[start:stop]
    _require_benchmark(request.benchmark, prices, start)
    benchmark = benchmark_returns(prices, request.benchmark, start, stop)
    results, failed = list[Result](), dict(plan.failed)
    for study in plan.studies:
        try:
            with author_code(study.strategy.__module__):
                results.append(evaluate(study, prices, schedule, request.frictions, benchmark, request.foresight_check))
        except AUTHOR_ERRORS as error:
            failed[study.name] = describe_failure(error, study.strategy.__module__)
        done(study.name)
    if not results:
        raise nothing_left(failed)
    lower, upper = fomc.policy_range(sessions[1:])
    return Run(
        results=tuple(results),
        benchmark_name=request.benchmark,
        benchmark=benchmark,
        risk_free=pd.Series((lower + upper) / 2, sessions[1:]),
        origin=prices.origin,
        real=prices.real,
        title=request.event.title + (" (with hindsight)" if request.hindsight else ""),
        claims=claims_note(request.event),
        notices=(*priced.notices, *hindsight_notice(request), *unknown_rates_notice(f"{sessions[-1]:%Y-%m-%d}")),
        remarks=tuple(notice.text for notice in prices.notices if notice.quiet),
        marks=chart_marks(request.event, sessions),
        settings=run_settings(request, sessions),
        frictions=request.frictions.as_dict(),
        manifest=run_manifest(plan.with_results(results), prices, results),
        failed=failed,
    )


def run_trials(plan: Plan, prices: Prices, run: Run) -> list[Trial]:
    """The variants of a run as trials, in the order of its results."""
    schedule, costs = plan.request.schedule, plan.request.frictions
    _, stop = window_rows(prices, schedule, costs.lag)
    return [
        Trial(
            trial_key(
                study.strategy,
                study.parameters,
                schedule,
                costs,
                window_fingerprint(prices, study.symbols, stop),
            ),
            study.name,
            # The Sharpe ratio of cash alone says nothing about a rule.
            None
            if result.fills.empty or (yearly := compute_metrics(result, run).sharpe) is None
            else yearly / sqrt(PERIODS),
        )
        for study, result in zip(plan.studies, run.results, strict=True)
    ]


def count_trials(new: Sequence[Trial], real: bool) -> tuple[Trials, tuple[str, ...]]:
    """All trials so far including the `new` ones, and a notice if the ledger cannot be read or written.

    Only trials on real prices are added to the ledger: simulated prices are not history.
    """
    ledger = TrialLedger()
    try:
        trials = ledger.read().union(new)
        if real:
            ledger.add(new)
    except LedgerError as error:
        return Trials({}).union(new), (f"Trials are not counted: {error}",)
    return trials, ()


def benchmark_returns(prices: Prices, symbol: str, start: int, stop: int) -> pd.Series[float]:
    """Daily simple total returns of a fund, without costs, on the sessions of rows `start` + 1 to `stop` - 1."""
    fund = prices.select((symbol,)).rebased(start)
    close = pd.Series(fund.close[start:stop, 0], fund.sessions[start:stop], name=symbol)
    return close.pct_change().iloc[1:]


def _require_benchmark(symbol: str, prices: Prices, start: int) -> None:
    listed = int(prices.listed[prices.columns[symbol]])
    if listed > start:
        raise RequestError(
            f"the benchmark {symbol} has no close on {prices.sessions[start]:%Y-%m-%d}, before the entry; "
            f"choose one that already traded, for example --benchmark SPY"
        )
