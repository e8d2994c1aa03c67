"""A sweep from its request to its result: run on prices, judged as a whole, and recorded for the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np
import pandas as pd

from data.errors import RequestError
from data.events.event import Event
from data.prices import Prices
from reports.figures.sweep import rank_variants, ranked_count
from reports.records.evidence import SharpeEvidence
from reports.records.sweep import FIGURES, OBJECTIVES, CrossValidation, SearchRecord, SweepResult, SweptParameter
from reports.statistics import overfitting
from reports.statistics.availability import Missing, Unavailable, value_or_missing
from reports.statistics.overfitting import ReturnMoments
from reports.statistics.returns import PERIODS
from runners.engine.backtest.foresight import foresight_notices
from runners.engine.comparators import comparator_name
from runners.engine.evaluation import plain_value
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.pipeline import count_trials
from runners.engine.plan import first_needed_session, load_studies
from runners.engine.provenance import PACKAGES, code_hash, input_provenance, package_versions
from runners.engine.request import Request
from runners.engine.run_settings import unknown_rates_notice
from runners.engine.sharpe_evidence import deflated_sharpe_evidence
from runners.engine.story import story_of
from runners.engine.sweep import parameter_grid
from runners.engine.sweep.chunk import ChunkInputs, daily_policy_rates
from runners.engine.sweep.parameter_grid import ParameterRange, ParameterSpace
from runners.engine.sweep.resumable import CHUNK, ResumableRunner, SweepOutcome, run_grid
from runners.engine.sweep.search import BATCH, SAMPLERS, require_sampler, run_search
from runners.engine.trial_key import trial_key, window_fingerprint
from runners.engine.trial_ledger import Trial, Trials

SHARED = overfitting.BLOCKS * overfitting.LEAST_BLOCK  # sessions that variants must share to be cross-validated
RELATIVE_SHOCK = "as long before the entry as in the event"


@dataclass(frozen=True)
class SweepRequest:
    """The request of a sweep. `parameters` are texts NAME=VALUE,VALUE; `budget` is the number of trials of a search.

    `history` and `foresight_check` are those of Request; the check runs the strategy with its own parameters.

    Raises RequestError for an unknown objective or search, and for a search without a budget.
    """

    event: Event
    reading: str
    parameters: tuple[str, ...]
    entry: str = "published"
    benchmark: str = "SPY"
    symbols: tuple[str, ...] = ()
    objective: str = "d"
    search: str | None = None
    budget: int | None = None
    confirmed: bool = False
    history: int | None = 1
    foresight_check: bool = True

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise RequestError(f"--objective {self.objective} is not known; choose from {', '.join(OBJECTIVES)}")
        if self.search is not None and self.search not in SAMPLERS:
            raise RequestError(f"--search {self.search} is not known; choose from {', '.join(SAMPLERS)}")
        if self.search is not None and self.budget is None:
            raise RequestError(
                f"--search {self.search} needs a number of trials: add --budget, for example --budget 200"
            )
        if self.search is None and self.budget is not None:
            raise RequestError(f"--budget {self.budget} is for a search; add --search optuna")
        if self.budget is not None and self.budget < 1:
            raise RequestError(f"--budget {self.budget} is too small; give 1 trial or more")

    @property
    def run_request(self) -> Request:
        """The request of a run of the same reading."""
        return Request(
            self.event,
            (self.reading,),
            self.entry,
            benchmark=self.benchmark,
            symbols=self.symbols,
            history=self.history,
        )


def prepare_space(request: SweepRequest) -> ParameterSpace:
    """The space of a request. Raises RequestError for a parameter that cannot be swept, or too many variants."""
    (study,) = load_studies(request.run_request)
    space = parameter_grid.parameter_space(request.event, study, request.entry, request.parameters)
    space = replace(space, history=request.history)
    if request.search is None or request.budget is None:
        parameter_grid.require_affordable(
            space.size, request.confirmed, "give fewer values, --search optuna with a --budget"
        )
    else:
        parameter_grid.require_affordable(request.budget, request.confirmed, "give a smaller --budget")
        require_sampler(space, request.search)
    return space


def first_needed(space: ParameterSpace) -> pd.Timestamp | None:
    """The first session whose prices a variant declares to need; None for all."""
    return first_needed_session(space.entries, space.shocks, [space.study], space.history)


def expected_chunks(request: SweepRequest, space: ParameterSpace) -> int:
    """The approximate number of chunks, for a display of progress."""
    variants = space.size if request.budget is None else request.budget
    if not space.study.has_rule:
        return variants
    return ceil(variants / (CHUNK if request.budget is None else BATCH))


def run_sweep(
    request: SweepRequest,
    space: ParameterSpace,
    prices: Prices,
    executor: Executor,
    checkpoint: Checkpoint,
    done: Progress = no_progress,
) -> tuple[SweepOutcome, SearchRecord | None]:
    """Run every variant of the request that the checkpoint does not hold yet."""
    inputs = ChunkInputs(space.study, prices, request.benchmark)
    runner = ResumableRunner(space, inputs, executor, checkpoint, sweep_identity(request, space, prices), done)
    if request.search is None or request.budget is None:
        return run_grid(runner), None
    return run_search(runner, request.objective, request.budget)


def foresight_notes(request: SweepRequest, space: ParameterSpace, prices: Prices) -> tuple[str, ...]:
    """Notices on the foresight check of the strategy with its own parameters; none for a reading.

    Raises StrategyError if the strategy looks ahead.
    """
    study, scenario = space.study, replace(space, parameters=()).scenario(())
    if study.has_rule or not request.foresight_check:
        return ()
    notes = foresight_notices(
        study.strategy, prices.select(study.symbols), scenario.schedule, scenario.frictions, scenario.parameters
    )
    return tuple(f"{study.name}: {note}" for note in notes)


def sweep_identity(request: SweepRequest, space: ParameterSpace, prices: Prices) -> str:
    """Everything besides its values on which the outcome of a variant depends, as JSON: strategy, prices, code, ..."""
    study = space.study
    strategy = [study.strategy.__module__, study.strategy.__qualname__, *study.symbols]
    code = [code_hash([study]), *package_versions(_packages(request)).items()]
    swept = [parameter.name for parameter in space.parameters]
    window = [request.entry, request.event.as_dict(), request.benchmark, request.history]
    fixed = sorted(study.parameters.items())
    return json.dumps([strategy, swept, window, fixed, prices.fingerprint, code], default=repr)


def sweep_result(
    request: SweepRequest,
    space: ParameterSpace,
    prices: Prices,
    outcome: SweepOutcome,
    search: SearchRecord | None,
    notices: Sequence[str],
    command: str,
) -> SweepResult:
    """The record of a sweep; on real prices every variant is now counted among the trials.

    Raises RequestError where no variant has the objective.
    """
    trials, trial_notices = count_trials(sweep_trials(space, outcome, prices), prices.real)
    parameters, codes = varied_parameters(space, outcome)
    figures = {name: outcome.column(name) for name in FIGURES if name != "hindsight"}
    days = variant_windows(outcome, prices)
    early = (days[:, 0] != "") & (days[:, 0] < f"{request.event.entry:%Y-%m-%d}")
    figures["hindsight"] = np.where(np.isnan(outcome.column("start")), np.nan, early.astype(float))
    sweep = SweepResult(
        name=space.study.name,
        story=story_of(space.study),
        comparator=comparator_name(space.study.comparator),
        benchmark=request.benchmark,
        parameters=parameters,
        codes=codes,
        fixed=fixed_choices(space, request.event),
        figures={name: figures[name] for name in FIGURES},
        days=days,
        failed=outcome.failed,
        objective=request.objective,
        validation=validate_variants(outcome, prices),
        sharpe=Missing("not computed yet"),
        origin=prices.origin,
        real=prices.real,
        search=search,
        publication=request.event.publication,
        changed=shared_choice_changed(request, space),
        notices=(
            *notices,
            *_hindsight(early, request.event),
            *unknown_rates_notice(max(days[:, 1].tolist())),
            *trial_notices,
        ),
        manifest={"command": command, **sweep_manifest(request, space, prices, trials)},
    )
    if not ranked_count(sweep):
        raise RequestError(
            f"--objective {request.objective}: no variant has a {OBJECTIVES[request.objective]}; choose another"
        )
    return replace(sweep, sharpe=deflated_best(outcome, int(rank_variants(sweep)[0]), trials))


def validate_variants(outcome: SweepOutcome, prices: Prices) -> CrossValidation | Missing:
    """PBO of the variants whose equity curves were kept, on the sessions that they share."""
    return value_or_missing(lambda: _cross_validation(outcome, prices))


def shared_returns(outcome: SweepOutcome, prices: Prices) -> tuple[np.ndarray, list[int], int, int]:
    """Daily excess returns on the sessions that variants share, shape (n_sessions, n_variants), and which these are.

    Also returns the indices of the variants, and the first and last row of the sessions. Variants that were ruined or
    ran for fewer than SHARED sessions are left out. Raises Unavailable where fewer than two variants remain, or they
    share fewer sessions.
    """
    lengths, starts = outcome.column("sessions"), outcome.column("start")
    usable = [index for index in outcome.curves if lengths[index] >= SHARED and not outcome.column("ruined")[index]]
    if len(usable) < 2:
        raise Unavailable(f"{len(usable)} variants ran for {SHARED} sessions or more; 2 are needed")
    first = int(starts[usable].max()) + 1
    last = int((starts[usable] + lengths[usable]).min())
    if last - first + 1 < SHARED:
        raise Unavailable(
            f"the windows of the variants share {max(0, last - first + 1)} sessions; {SHARED} are needed, "
            f"so give entries that are closer to each other, or longer holds"
        )
    rate = float(daily_policy_rates(prices, np.array([first - 1]), np.array([last]))[0])
    columns = []
    for index in usable:
        offset = first - 1 - int(starts[index])
        curve = outcome.curves[index][offset : offset + last - first + 2]
        columns.append(curve[1:] / curve[:-1] - 1 - rate)
    return np.column_stack(columns), usable, first, last


def deflated_best(outcome: SweepOutcome, best: int, trials: Trials) -> SharpeEvidence | Missing:
    """The Sharpe ratio of the best variant, deflated for the number of trials, all variants included."""
    annual, skewness, kurtosis = (float(outcome.column(name)[best]) for name in ("sharpe", "skewness", "kurtosis"))
    length = int(outcome.column("sessions")[best])
    if np.isnan(annual):
        return Missing("the best variant has no Sharpe ratio: it was ruined, or ran for too few sessions")
    sample = value_or_missing(lambda: ReturnMoments(annual / sqrt(PERIODS), length, skewness, kurtosis))
    if isinstance(sample, Missing):
        return sample
    return deflated_sharpe_evidence(sample, annual, length / PERIODS, trials)


def sweep_trials(space: ParameterSpace, outcome: SweepOutcome, prices: Prices) -> list[Trial]:
    """A trial for every variant that could be run."""
    study, prints = space.study, dict[int, str]()
    stops, sharpes = outcome.column("start") + outcome.column("sessions") + 1, outcome.column("sharpe")
    traded = outcome.column("turnover") > 0  # the ratio of cash alone says nothing about a rule
    trials = []
    for index, variant in enumerate(outcome.variants):
        if index in outcome.failed:
            continue
        stop, scenario = int(stops[index]), space.scenario(variant)
        if stop not in prints:
            prints[stop] = window_fingerprint(prices, study.symbols, stop)
        key = trial_key(study.strategy, scenario.parameters, scenario.schedule, scenario.frictions, prints[stop])
        has_ratio = traded[index] and not np.isnan(sharpes[index])
        sharpe = float(sharpes[index]) / sqrt(PERIODS) if has_ratio else None
        trials.append(Trial(key, study.name, sharpe))
    return trials


def _cross_validation(outcome: SweepOutcome, prices: Prices) -> CrossValidation:
    returns, indices, first, last = shared_returns(outcome, prices)
    probability = overfitting.overfitting_probability(returns).probability
    days = prices.days
    return CrossValidation(probability, len(indices), outcome.sampled, len(returns), str(days[first]), str(days[last]))


def varied_parameters(space: ParameterSpace, outcome: SweepOutcome) -> tuple[tuple[SweptParameter, ...], np.ndarray]:
    """The parameters with more than one value among the variants, and the index of each variant's value."""
    varied, columns = [], []
    for index, parameter in enumerate(space.parameters):
        values = [variant[index] for variant in outcome.variants]
        is_range = isinstance(parameter.values, ParameterRange)
        distinct = sorted(set(values)) if is_range else list(parameter.values)  # type: ignore[type-var, arg-type]
        labels = [parameter.declared.label(value) for value in distinct]
        if len(labels) == 1:
            continue
        codes_of = {label: code for code, label in enumerate(labels)}
        varied.append(SweptParameter(parameter.name, tuple(labels), parameter.declared.default_label))
        columns.append([codes_of[parameter.declared.label(value)] for value in values])
    codes = np.array(columns, dtype=int).T if columns else np.zeros((len(outcome.variants), 0), dtype=int)
    return tuple(varied), codes


def shared_choice_changed(request: SweepRequest, space: ParameterSpace) -> bool:
    """Whether a setting that all variants share differs from the declared one."""
    shared = [
        (parameter.declared, parameter.values[0])
        for parameter in space.parameters
        if not isinstance(parameter.values, ParameterRange) and len(parameter.values) == 1
    ]
    return request.entry != "published" or any(each.label(value) != each.default_label for each, value in shared)


def fixed_choices(space: ParameterSpace, event: Event) -> dict[str, str]:
    """The settings that all variants share, by name: swept parameters with one value, and defaults of all others."""
    varied = {each.name for each in space.parameters if isinstance(each.values, ParameterRange) or len(each.values) > 1}
    single = {
        each.name: each.values[0]
        for each in space.parameters
        if each.name not in varied and not isinstance(each.values, ParameterRange)
    }
    fixed = {}
    for name, parameter in parameter_grid.sweepable_parameters(space.study, event).items():
        if name in varied:
            continue
        value = single.get(name, space.entry if parameter.scheduled == "entry" else parameter.default)
        label = parameter.label(plain_value(value) if parameter.kind is None else value)
        fixed[name] = RELATIVE_SHOCK if parameter.scheduled == "shock" and value is None else label
    return fixed


def variant_windows(outcome: SweepOutcome, prices: Prices) -> np.ndarray:
    """ISO dates of the entry session and of the last session of each variant, empty where it could not be run."""
    days = np.append(prices.days.astype(str), "")
    starts = outcome.column("start")
    ran = ~np.isnan(starts)
    first = np.where(ran, np.nan_to_num(starts) + 1, -1).astype(int)
    last = np.where(ran, np.nan_to_num(starts) + np.nan_to_num(outcome.column("sessions")), -1).astype(int)
    return np.column_stack((days[first], days[last]))


def _packages(request: SweepRequest) -> tuple[str, ...]:
    """Packages whose versions affect the results."""
    return (*PACKAGES, *((request.search,) if request.search else ()))


def sweep_manifest(request: SweepRequest, space: ParameterSpace, prices: Prices, trials: Trials) -> dict[str, object]:
    """The inputs of the sweep: request, versions, fingerprints of the prices; neither time nor place of the run."""
    return {
        "request": {
            "reading": space.study.name,
            "knobs": list(request.parameters),
            "entry": request.entry,
            "benchmark": request.benchmark,
            "objective": request.objective,
            "search": request.search,
            "budget": request.budget,
            "first_price": f"{prices.sessions[0]:%Y-%m-%d}",
            "last_price": f"{prices.sessions[-1]:%Y-%m-%d}",
        },
        "event": request.event.as_dict(),
        **input_provenance([space.study], prices, _packages(request)),
        "trials": {"trials": len(trials), "forgotten": trials.forgotten},
    }


def _hindsight(early: np.ndarray, event: Event) -> tuple[str, ...]:
    count = int(early.sum())
    if not count:
        return ()
    which = "all variants enter" if count == len(early) else f"{count:,} of {len(early):,} variants enter"
    return (f"With hindsight: {which} before {event.entry:%Y-%m-%d}, the first session without hindsight.",)
