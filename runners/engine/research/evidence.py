"""The evidence on a run: every reading examined on an executor, then judged together."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from data.prices import Prices
from reports.pages.evidence_prose import listed_names
from reports.records.result import Run
from runners.engine.execution.executor import Executor, Progress, WorkerDiedError, map_surviving, no_progress
from runners.engine.plan import Plan
from runners.engine.provenance import run_manifest
from runners.engine.research.evidence_plan import ReadingCase, plan_evidence, reading_cases, symbols_with_choices
from runners.engine.research.examination import ExaminedReading, examine_reading
from runners.engine.research.families import AS_DECLARED
from runners.engine.research.judgement import judge_run
from runners.engine.study import Study
from runners.engine.tracebacks import worker_death
from runners.engine.trial_ledger import Trials

# Slow libraries that workers need for the evidence, imported once while prices are read.
PRELOAD = ("runners.engine.research.examination", "arch.bootstrap", "statsmodels.regression.linear_model")


def gather_evidence(
    run: Run,
    plan: Plan,
    prices: Prices,
    trials: Trials,
    executor: Executor,
    done: Progress = no_progress,
) -> Run:
    """The run with the evidence on all its readings.

    A reading whose worker process dies counts as failed and stops no other. Raises WorkerDiedError where none is left.
    """
    rivals = tuple(rival for rival in plan.others if set(symbols_with_choices(rival)) <= set(prices.columns))
    evidence_plan = plan_evidence(prices, plan.request, run.benchmark_name, (*plan.studies, *rivals))
    cases = [*reading_cases(run, plan.studies, prices, evidence_plan.market), *map(ReadingCase, rivals)]
    outcomes = map_surviving(executor, examine_reading, (prices, evidence_plan), cases, lambda _, error: error, done)
    run = without_dead(run, plan, prices, cases, outcomes)
    survivors = [
        (case.study, outcome)
        for case, outcome in zip(cases, outcomes, strict=True)
        if isinstance(outcome, ExaminedReading)
    ]
    labels = unique_labels([study.name for study, _ in survivors])
    examined = dict(zip(labels, (reading for _, reading in survivors), strict=True))
    counted = {study.variant for study, reading in survivors if not reading.uncounted}
    unpriced = [rival.name for rival in plan.others if rival not in rivals]
    incomplete = incomplete_set_reason(unpriced, uncounted_readings(plan, counted))
    changed = [study.name for study in plan.studies if is_changed(study, plan)]
    report = judge_run(run, evidence_plan, examined, prices, trials, plan.request, incomplete, changed, executor)
    settings = {name: getattr(evidence_plan, name) for name in ("draws", "resamples", "seed")}
    counts = {"trials": len(trials), "forgotten": trials.forgotten}
    manifest = {**run.manifest, "evidence": {**settings, **counts}}
    return replace(run, with_evidence=True, evidence_report=report, manifest=manifest)


def is_changed(study: Study, plan: Plan) -> bool:
    """Whether a reading of the event's strategy set runs with parameters other than the declared ones."""
    declared = plan.required.get(study.name)
    return declared is not None and declared.variant != study.variant


def without_dead(
    run: Run,
    plan: Plan,
    prices: Prices,
    cases: Sequence[ReadingCase],
    outcomes: Sequence[ExaminedReading | WorkerDiedError],
) -> Run:
    """The run with the readings whose worker died among the failed ones. Raises WorkerDiedError where none is left."""
    dead = {
        case.study.name: outcome
        for case, outcome in zip(cases, outcomes, strict=True)
        if isinstance(outcome, WorkerDiedError) and case.returns is not None
    }
    if not dead:
        return run
    results = tuple(result for result in run.results if result.name not in dead)
    if not results:
        raise next(iter(dead.values()))
    failed = {name: worker_death(error) for name, error in dead.items()}
    manifest = {**run.manifest, **run_manifest(plan.with_results(results), prices, results)}
    return replace(run, results=results, failed={**run.failed, **failed}, manifest=manifest)


def unique_labels(names: Sequence[str]) -> list[str]:
    """The names, made unique: a rival with the name of a reading of the run is marked as declared."""
    labels: list[str] = []
    for name in names:
        labels.append(f"{name}{AS_DECLARED}" if name in labels else name)
    return labels


def uncounted_readings(plan: Plan, counted: Container[object]) -> list[str]:
    """Readings of the event's strategy set whose declared variant is not among those `counted`."""
    return [name for name, study in plan.required.items() if study is None or study.variant not in counted]


def incomplete_set_reason(unpriced: Sequence[str], uncounted: Sequence[str]) -> str:
    """Why the strategy set is incomplete; empty where it is complete."""
    if unpriced:
        return f"there are no prices for {len(unpriced)} of its readings, such as {unpriced[0]}"
    if uncounted:
        return f"{listed_names(uncounted)} could not be counted; mend the code that fails, or remove the file"
    return ""
