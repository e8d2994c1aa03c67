"""A sweep: what was asked for, run on prices, judged as a whole and handed to the reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from data.errors import RequestError
from data.events.event import Event
from data.prices import Prices
from reports.records.evidence import SharpeEvidence
from reports.records.sweep import (
    FIGURES,
    OBJECTIVES,
    CrossValidation,
    SearchRecord,
    SweepResult,
    SweptParameter,
    judged_count,
    rank_variants,
)
from reports.statistics import overfitting
from reports.statistics.availability import Missing, Unavailable, value_or_missing
from reports.statistics.overfitting import ReturnMoments
from reports.statistics.returns import LEAST, PERIODS
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.comparators import comparator_name
from runners.engine.evaluation import plain_value
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Executor, Progress, no_progress
from runners.engine.pipeline import count_trials
from runners.engine.plan import load_studies
from runners.engine.provenance import PACKAGES, code_hash, input_provenance, package_versions
from runners.engine.request import Request
from runners.engine.run_settings import unknown_rates_notice
from runners.engine.story import story_of
from runners.engine.sweep import parameter_grid
from runners.engine.sweep.chunk import ChunkInputs, daily_policy_rates
from runners.engine.sweep.parameter_grid import ParameterRange, ParameterSpace
from runners.engine.sweep.resumable import PART, ResumableRunner, SweepOutcome, run_grid
from runners.engine.sweep.search import BATCH, SAMPLERS, require_sampler, run_search
from runners.engine.trial_key import trial_key, window_fingerprint
from runners.engine.trial_ledger import Trial, Trials

SHARED = 2 * LEAST  # sessions that specs must have in common to be cross-validated
UNTOLD = "as long before the entry as in the event"


@dataclass(frozen=True)
class SweepRequest:
    """What a sweep is asked for. `knobs` are written NAME=VALUE,VALUE; `budget` is the number of trials of a search.

    Raises RequestError for an objective or a search that there is not, or a search without a budget.
    """

    event: Event
    reading: str
    knobs: tuple[str, ...]
    entry: str = "published"
    benchmark: str = "SPY"
    symbols: tuple[str, ...] = ()
    objective: str = "d"
    search: str | None = None
    budget: int | None = None
    confirmed: bool = False

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
    def request(self) -> Request:
        """The same in the terms of the main job."""
        return Request(self.event, (self.reading,), self.entry, benchmark=self.benchmark, symbols=self.symbols)


def prepare_space(wanted: SweepRequest) -> ParameterSpace:
    """The space of what is wanted. Raises RequestError for what cannot be swept, or is too much of it."""
    (subject,) = load_studies(wanted.request)
    space = parameter_grid.parameter_space(wanted.event, subject, wanted.entry, wanted.knobs)
    if wanted.search is None or wanted.budget is None:
        parameter_grid.require_affordable(
            space.size, wanted.confirmed, "give fewer values, --search optuna with a --budget"
        )
    else:
        parameter_grid.require_affordable(wanted.budget, wanted.confirmed, "give a smaller --budget")
        require_sampler(space, wanted.search)
    return space


def expected_chunks(wanted: SweepRequest, space: ParameterSpace) -> int:
    """About how many parts there are, for a display of progress."""
    specs = space.size if wanted.budget is None else wanted.budget
    if not space.subject.has_rule:
        return specs
    return ceil(specs / (PART if wanted.budget is None else BATCH))


def run_sweep(
    wanted: SweepRequest,
    space: ParameterSpace,
    prices: Prices,
    executor: Executor,
    kept: Checkpoint,
    done: Progress = no_progress,
) -> tuple[SweepOutcome, SearchRecord | None]:
    """Run every spec that is wanted, but for those that are kept already."""
    bench = ChunkInputs(space.subject, prices, wanted.benchmark)
    works = ResumableRunner(space, bench, executor, kept, sweep_identity(wanted, space, prices), done)
    if wanted.search is None or wanted.budget is None:
        return run_grid(works), None
    return run_search(works, wanted.objective, wanted.budget)


def sweep_identity(wanted: SweepRequest, space: ParameterSpace, prices: Prices) -> str:
    """What decides the outcome of a spec beside its own values: strategy, entry, benchmark, prices, code, versions."""
    subject = space.subject
    names = [subject.strategy.__module__, subject.strategy.__qualname__, *subject.symbols]
    code = [code_hash([subject]), *package_versions(_packages(wanted)).items()]
    knobs = [knob.name for knob in space.knobs]
    asked = [wanted.entry, wanted.event.as_dict(), wanted.benchmark]
    return json.dumps([names, knobs, asked, sorted(subject.parameters.items()), prices.fingerprint, code], default=repr)


def sweep_result(
    wanted: SweepRequest,
    space: ParameterSpace,
    prices: Prices,
    found: SweepOutcome,
    search: SearchRecord | None,
    notices: Sequence[str],
    command: str,
) -> SweepResult:
    """What was found, judged as a whole; on real prices every spec is now counted among the trials.

    Raises RequestError where no spec has the objective.
    """
    known, unkept = count_trials(sweep_trials(space, found, prices), prices.real)
    knobs, codes = varied_parameters(space, found)
    figures = {name: found.column(name) for name in FIGURES if name != "hindsight"}
    days = variant_windows(found, prices)
    early = (days[:, 0] != "") & (days[:, 0] < f"{wanted.event.entry:%Y-%m-%d}")
    figures["hindsight"] = np.where(np.isnan(found.column("start")), np.nan, early.astype(float))
    sweep = SweepResult(
        name=space.subject.name,
        story=story_of(space.subject),
        comparator=comparator_name(space.subject.comparator),
        benchmark=wanted.benchmark,
        knobs=knobs,
        codes=codes,
        fixed=fixed_choices(space, wanted.event),
        figures={name: figures[name] for name in FIGURES},
        days=days,
        failed=found.failed,
        objective=wanted.objective,
        validation=validate_variants(found, prices),
        sharpe=Missing("no spec was judged"),
        origin=prices.origin,
        real=prices.real,
        search=search,
        publication=wanted.event.publication,
        changed=shared_choice_changed(wanted, space),
        notices=(*notices, *_hindsight(early, wanted.event), *unknown_rates_notice(max(days[:, 1].tolist())), *unkept),
        manifest={"command": command, **sweep_manifest(wanted, space, prices, known)},
    )
    if not judged_count(sweep):
        raise RequestError(
            f"--objective {wanted.objective}: no spec has a {OBJECTIVES[wanted.objective]}; choose another"
        )
    return replace(sweep, sharpe=deflated_best(found, int(rank_variants(sweep)[0]), known))


def validate_variants(found: SweepOutcome, prices: Prices) -> CrossValidation | Missing:
    """PBO of the specs whose curves were kept, on the sessions that they share."""
    return value_or_missing(lambda: _validated(found, prices))


def shared_returns(found: SweepOutcome, prices: Prices) -> tuple[np.ndarray, list[int], int, int]:
    """Daily excess returns on the sessions that specs share, shape (n_sessions, n_specs), places, first and last row.

    Specs that were ruined or run for fewer than SHARED sessions are left out. Raises Unavailable where fewer than two
    stay, or those that stay do not share that many.
    """
    lengths, starts = found.column("sessions"), found.column("start")
    usable = [place for place in found.curves if lengths[place] >= SHARED and not found.column("ruined")[place]]
    if len(usable) < 2:
        raise Unavailable(f"{len(usable)} specs ran for {SHARED} sessions or more; 2 are needed")
    first = int(starts[usable].max()) + 1
    last = int((starts[usable] + lengths[usable]).min())
    if last - first + 1 < SHARED:
        raise Unavailable(
            f"the windows of the specs share {max(0, last - first + 1)} sessions; {SHARED} are needed, "
            f"so give entries that are closer to each other, or longer holds"
        )
    rate = float(daily_policy_rates(prices, np.array([first - 1]), np.array([last]))[0])
    columns = []
    for place in usable:
        offset = first - 1 - int(starts[place])
        curve = found.curves[place][offset : offset + last - first + 2]
        columns.append(curve[1:] / curve[:-1] - 1 - rate)
    return np.column_stack(columns), usable, first, last


def deflated_best(found: SweepOutcome, best: int, trials: Trials) -> SharpeEvidence | Missing:
    """The Sharpe ratio of the best spec after chance and trying, all specs counted."""
    yearly, length = float(found.column("sharpe")[best]), int(found.column("sessions")[best])
    if np.isnan(yearly):
        return Missing("the best spec has no Sharpe ratio: it was ruined, or ran for too few sessions")
    sample = value_or_missing(
        lambda: ReturnMoments(
            yearly / sqrt(PERIODS), length, float(found.column("skewness")[best]), float(found.column("kurtosis")[best])
        )
    )
    if isinstance(sample, Missing):
        return sample
    known, count = trials.sharpes, len(trials)
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    expected = value_or_missing(lambda: overfitting.expected_maximum(count, deviation) * sqrt(PERIODS))
    return SharpeEvidence(
        annual=yearly,
        probabilistic=overfitting.probabilistic_sharpe(sample),
        deflated=value_or_missing(lambda: overfitting.deflated_sharpe(sample, count, deviation)),
        expected_best=expected,
        years_needed=value_or_missing(lambda: overfitting.minimum_track_record(sample) / PERIODS),
        years=length / PERIODS,
        trials=count,
        forgotten=trials.forgotten,
    )


def sweep_trials(space: ParameterSpace, found: SweepOutcome, prices: Prices) -> list[Trial]:
    """The variants that were looked at: every spec that could be run."""
    subject, prints = space.subject, dict[int, str]()
    stops, sharpes = found.column("start") + found.column("sessions") + 1, found.column("sharpe")
    traded = found.column("turnover") > 0  # cash alone has a ratio that says nothing of any rule
    made = []
    for place, spec in enumerate(found.specs):
        if place in found.failed:
            continue
        stop, scenario = int(stops[place]), space.scenario(spec)
        if stop not in prints:
            prints[stop] = window_fingerprint(prices, subject.symbols, stop)
        launch = EntrySchedule(scenario.entry, scenario.hold, scenario.rebalance, scenario.shock)
        key = trial_key(subject.strategy, scenario.parameters, launch, scenario.frictions, prints[stop])
        known = traded[place] and not np.isnan(sharpes[place])
        sharpe = float(sharpes[place]) / sqrt(PERIODS) if known else None
        made.append(Trial(key, subject.name, sharpe))
    return made


def _validated(found: SweepOutcome, prices: Prices) -> CrossValidation:
    returns, places, first, last = shared_returns(found, prices)
    outcome = overfitting.overfitting_probability(returns)
    days = prices.days
    return CrossValidation(
        outcome.probability, len(places), found.sampled, len(returns), str(days[first]), str(days[last])
    )


def varied_parameters(space: ParameterSpace, found: SweepOutcome) -> tuple[tuple[SweptParameter, ...], np.ndarray]:
    """The knobs that have more than one value among the specs, and the place of each spec's value."""
    knobs, columns = [], []
    for place, knob in enumerate(space.knobs):
        values = [spec[place] for spec in found.specs]
        listed = sorted(set(values)) if isinstance(knob.values, ParameterRange) else list(knob.values)  # type: ignore[type-var]
        labels = [knob.declared.told(value) for value in listed]
        if len(labels) == 1:
            continue
        at = {label: number for number, label in enumerate(labels)}
        knobs.append(SweptParameter(knob.name, tuple(labels), knob.declared.usual))
        columns.append([at[knob.declared.told(value)] for value in values])
    codes = np.array(columns, dtype=int).T if columns else np.zeros((len(found.specs), 0), dtype=int)
    return tuple(knobs), codes


def shared_choice_changed(wanted: SweepRequest, space: ParameterSpace) -> bool:
    """Whether a choice that all specs share is not the declared one."""
    shared = [
        (knob.declared, knob.values[0])
        for knob in space.knobs
        if not isinstance(knob.values, ParameterRange) and len(knob.values) == 1
    ]
    return wanted.entry != "published" or any(knob.told(value) != knob.usual for knob, value in shared)


def fixed_choices(space: ParameterSpace, event: Event) -> dict[str, str]:
    """The choices that stay the same for all specs, by name: knobs with one value, and the defaults of the others."""
    given = {
        knob.name: "" if isinstance(knob.values, ParameterRange) or len(knob.values) > 1 else knob.values[0]
        for knob in space.knobs
    }
    found = {}
    for name, knob in parameter_grid.sweepable_parameters(space.subject, event).items():
        default = space.moment if knob.scheduled == "entry" else knob.default
        value = given.get(name, default)
        if name in given and value == "":
            continue
        told = knob.told(plain_value(value) if knob.kind is None else value)
        found[name] = UNTOLD if knob.scheduled == "shock" and value is None else told
    return found


def variant_windows(found: SweepOutcome, prices: Prices) -> np.ndarray:
    """ISO dates of the entry session and of the last session of each spec, empty where it could not be run."""
    days = np.append(prices.days.astype(str), "")
    starts = found.column("start")
    known = ~np.isnan(starts)
    first = np.where(known, np.nan_to_num(starts) + 1, -1).astype(int)
    last = np.where(known, np.nan_to_num(starts) + np.nan_to_num(found.column("sessions")), -1).astype(int)
    return np.column_stack((days[first], days[last]))


def _packages(wanted: SweepRequest) -> tuple[str, ...]:
    """Packages whose versions shape numbers and page."""
    return (*PACKAGES, *((wanted.search,) if wanted.search else ()))


def sweep_manifest(wanted: SweepRequest, space: ParameterSpace, prices: Prices, known: Trials) -> dict[str, object]:
    """What the sweep was made of: the request, versions, fingerprints of the prices; nothing of when or where."""
    return {
        "request": {
            "reading": space.subject.name,
            "knobs": list(wanted.knobs),
            "entry": wanted.entry,
            "benchmark": wanted.benchmark,
            "objective": wanted.objective,
            "search": wanted.search,
            "budget": wanted.budget,
            "first_price": f"{prices.sessions[0]:%Y-%m-%d}",
            "last_price": f"{prices.sessions[-1]:%Y-%m-%d}",
        },
        "event": wanted.event.as_dict(),
        **input_provenance([space.subject], prices, _packages(wanted)),
        "trials": {"trials": len(known), "forgotten": known.forgotten},
    }


def _hindsight(early: np.ndarray, event: Event) -> tuple[str, ...]:
    count = int(early.sum())
    if not count:
        return ()
    which = "all specs enter" if count == len(early) else f"{count:,} of {len(early):,} specs enter"
    return (f"With hindsight: {which} before {event.entry:%Y-%m-%d}, the first honest session.",)
