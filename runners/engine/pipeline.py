"""From a plan to a run: prices, backtests, the count of trials, evidence, and the folder of pages.

Each step is handed what the one before it made: Request -> Plan -> PricedPlan -> Run -> folder.
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
from reports.figures.metrics import compute_metrics
from reports.folders import run as run_folder
from reports.records.result import Failure, Result, Run
from reports.statistics.returns import PERIODS
from runners.engine import drawing
from runners.engine.backtest.cerebro import window_rows
from runners.engine.evaluation import evaluate
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.execution.processes import Processes, preload
from runners.engine.plan import Plan, make_plan, needed_symbols, nothing_left
from runners.engine.provenance import run_manifest
from runners.engine.request import PriceWindow, Request
from runners.engine.research import evidence
from runners.engine.run_settings import chart_marks, claims_note, hindsight_notice, run_settings, unknown_rates_notice
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure
from runners.engine.trial_key import trial_key, window_fingerprint
from runners.engine.trial_ledger import LedgerError, Trial, TrialLedger, Trials

Key = TypeVar("Key")
ReadPrices = Callable[[Sequence[str]], Prices]
Step = Callable[[str, int | None], Progress]


def no_step(_name: str, _total: int | None = None) -> Progress:
    """A step whose progress is not shown."""
    return no_progress


@dataclass(frozen=True, eq=False)
class PricedPlan:
    """A plan whose studies all have prices, with notices about prices that are missing."""

    plan: Plan
    prices: Prices
    notices: tuple[str, ...] = ()


def with_prices(plan: Plan, read: ReadPrices) -> PricedPlan:
    """Prices of what is traded and compared and, for evidence, of what could have been traded instead.

    A study whose own symbols have no prices stops no other and is listed in `plan.failed`. Where only the evidence
    lacks prices a notice says so. Raises RequestError or DataError where the benchmark has no prices or nothing is
    left, BrokenStrategyError where nothing is left and other strategies crashed.
    """
    try:
        return _priced(plan, read)
    except (RequestError, DataError):
        read((plan.request.benchmark,))  # needed by all: without it the request is wrong, not a study
        needed = {study.name: needed_symbols(plan.request, [study]) for study in plan.studies}
        lacking = price_failures(needed, read)
        if not lacking:
            raise
        left = plan.without(lacking)
    return _priced(left, read)


def _priced(plan: Plan, read: ReadPrices) -> PricedPlan:
    needed = plan.symbols
    more = evidence.evidence_symbols(plan) if plan.request.evidence else ()
    try:
        return PricedPlan(plan, read((*needed, *more)))
    except (RequestError, DataError) as error:
        if not more:
            raise
        return PricedPlan(plan, read(needed), (f"Some of the evidence is missing, since its prices are: {error}",))


def price_failures(needed: Mapping[Key, Sequence[str]], read: ReadPrices) -> dict[Key, Failure]:
    """Failures by key, for symbols without prices."""
    found = {}
    for key, symbols in needed.items():
        try:
            read(symbols)
        except (RequestError, DataError) as error:
            found[key] = describe_failure(error)
    return found


def run_to_folder(request: Request, window: PriceWindow, out: Path, command: str, jobs: int | None, step: Step) -> Run:
    """Run a request and write its folder, which is replaced whole or not at all.

    `command` is the command line that repeats the run.
    Raises RequestError where `out` cannot be such a folder, before anything is run.
    """
    source = open_source(window.source)
    plan = make_plan(request)
    run_folder.require_writable(out)
    step("prices", None)
    priced = with_prices(plan, partial(load_prices, start=window.start, end=window.end, source=source))
    priced = replace(priced, notices=(*source.notes, *priced.notices))
    preload(drawing.PRELOAD)
    run = produce_run(priced, command, Processes(jobs), step)
    sheets = drawing.draw_tearsheets(run, out, jobs, step("tearsheets", len(run.results)))
    run_folder.write(run, sheets, out)
    return run


def draw_to_folder(run: Run, out: Path, jobs: int | None = None) -> Path:
    """Write the folder of a run that is there already, drawn by a Python process of its own."""
    run_folder.require_writable(out)
    run_folder.write(run, drawing.draw_in_subprocess(run, out.absolute(), jobs), out)
    return out


def produce_run(priced: PricedPlan, command: str | None, executor: Executor, step: Step = no_step) -> Run:
    """Backtests of a priced plan, counted among the trials, with evidence where the request asks for it."""
    plan, prices = priced.plan, priced.prices
    run = run_studies(priced, step("backtests", len(plan.studies)))
    plan = plan.with_results(run.results)
    known, unkept = count_trials(run_trials(plan, prices, run), run.real)
    run = replace(run, notices=(*run.notices, *unkept), manifest={"command": command, **run.manifest})
    if not plan.request.evidence:
        return run
    return evidence.gather_evidence(run, plan, prices, known, executor, step("evidence", len(plan.studies)))


def run_studies(priced: PricedPlan, done: Progress = no_progress) -> Run:
    """Run every study; `done` gets each name as it finishes.

    A strategy that crashes, or whose prices are too few, is listed in `failed`. Raises RequestError where prices do not
    reach around the entry or suffice for no strategy, BrokenStrategyError where all crash.
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
            results.append(evaluate(study, prices, schedule, request.frictions, benchmark))
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
        marks=chart_marks(request.event, sessions),
        settings=run_settings(request, sessions),
        frictions=request.frictions.as_dict(),
        manifest=run_manifest(plan.with_results(results), prices, results),
        failed=failed,
    )


def run_trials(plan: Plan, prices: Prices, run: Run) -> list[Trial]:
    """The variants that a run looked at, in the order of its results."""
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
            # Cash alone has a Sharpe ratio that says nothing about any rule.
            None
            if result.fills.empty or (yearly := compute_metrics(result, run).sharpe) is None
            else yearly / sqrt(PERIODS),
        )
        for study, result in zip(plan.studies, run.results, strict=True)
    ]


def count_trials(own: Sequence[Trial], real: bool) -> tuple[Trials, tuple[str, ...]]:
    """All trials so far with `own` among them, and a notice where the ledger cannot be kept.

    Only trials on real prices are added to the ledger: a reconstruction is not history.
    """
    ledger = TrialLedger()
    try:
        known = ledger.read().union(own)
        if real:
            ledger.add(own)
    except LedgerError as error:
        return Trials({}).union(own), (f"Trials are not counted: {error}",)
    return known, ()


def benchmark_returns(prices: Prices, symbol: str, start: int, stop: int) -> pd.Series[float]:
    """Daily simple total returns of a fund held without costs, from the session after row `start`."""
    fund = prices.select((symbol,)).rebased(start)
    close = pd.Series(fund.close[start:stop, 0], fund.sessions[start:stop], name=symbol)
    return close.pct_change().iloc[1:]


def _require_benchmark(symbol: str, prices: Prices, start: int) -> None:
    listed = int(prices.listed[prices.columns[symbol]])
    if listed > start:
        raise RequestError(
            f"the benchmark {symbol} has no close on {prices.sessions[start]:%Y-%m-%d}, before the entry; "
            f"choose one that was trading, for example --benchmark SPY"
        )
