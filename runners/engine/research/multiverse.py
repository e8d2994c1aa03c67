"""The multiverse: every reading under all choices of `specification`, at the real and at past entries.

The specifications of a reading form a grid. Its entries, rebalancing intervals, lags, costs and borrow rates are
simulated in one batch for each basket and comparator. One simulation gives all horizons, since equity at a horizon does
not depend on the rest of the hold. A task is one basket of one reading; its outcome depends on the task only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.errors import BrokenStrategyError, RequestError
from data.events.event import Event
from data.prices import Prices
from reports.records.multiverse import Choice, Dimension, Multiverse, MultiverseRun, RollingMedians
from reports.records.result import HORIZONS, Failure
from reports.statistics import placebo
from reports.statistics.availability import Missing
from reports.statistics.specification_curve import nan_safe_median
from runners.engine import strategy_set
from runners.engine.author_code import author_code
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_log_wealth, comparator_name, excess_over, log_wealth
from runners.engine.execution.executor import Executor, Progress, Serial, map_surviving, no_progress
from runners.engine.plan import Plan, broken_error, make_plan
from runners.engine.provenance import input_provenance
from runners.engine.request import Request
from runners.engine.research import specification
from runners.engine.research.evidence_plan import LONGEST_HISTORY
from runners.engine.research.perturbations import perturbed_reading
from runners.engine.research.specification import AGAINST, BASKET, HORIZON, LAG, ReadingVariant
from runners.engine.run_settings import unknown_rates_notice
from runners.engine.story import story_of
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure, is_authors_fault, worker_death
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenarios
from strategies.base.comparator import comparator_symbols
from strategies.base.reading import SHOCK_BEFORE_ENTRY, Reading

CALENDAR = "SPY"  # past entries begin after its first session, whatever the readings trade
AXES = ("entry", "horizon", "rebalance", "lag", "costs", "borrow", BASKET, AGAINST)  # of every grid
NOT_REQUESTED = Missing("not requested: --all-dates")


@dataclass(frozen=True, eq=False)
class MultiversePlan:
    """Entry dates: rows of the real entry, of the placebo entries (the nearest first), and of all dates.

    Placebo entries lie `step` sessions apart, the length of the longest tested window.
    """

    event: Event
    entry: int
    placebos: np.ndarray
    all_dates: np.ndarray
    step: int


@dataclass(frozen=True)
class SpecificationSpace:
    """A reading with its dimensions in the order of AXES, including those with a single choice."""

    study: Study
    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return int(self.distinct.sum())

    def choices(self, name: str) -> tuple[Choice, ...]:
        """The choices of one dimension."""
        return self.dimensions[AXES.index(name)].choices

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of choices of each dimension."""
        return tuple(len(dimension.choices) for dimension in self.dimensions)

    @property
    def codes(self) -> np.ndarray:
        """The choice of every point of the grid in each dimension, shape (n_points, n_dimensions)."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T

    @property
    def distinct(self) -> np.ndarray:
        """Whether a point of the grid repeats no other one, shape (n_points,).

        A decision at or after the horizon does not change d at it: among rebalancing intervals that reach the horizon,
        only the shortest counts, and so among turns of a reading.
        """
        codes = self.codes
        horizons, intervals = (
            np.array([choice.value for choice in self.choices(name)])[codes[:, AXES.index(name)]]
            for name in ("horizon", "rebalance")
        )
        distinct, turns = shortest_beyond(intervals, horizons), [each.value.turn for each in self.choices(BASKET)]
        if None in turns:
            return distinct
        return distinct & shortest_beyond(np.array(turns)[codes[:, AXES.index(BASKET)]], horizons)

    @property
    def needed(self) -> tuple[str, ...]:
        """All symbols whose prices are needed."""
        symbols = [*self.study.required_symbols]
        for choice in (*self.choices(BASKET), *self.choices(AGAINST)):
            variant: ReadingVariant = choice.value
            symbols += [] if variant.perturbation is None else variant.perturbation.added
            symbols += [] if variant.comparator is None else comparator_symbols(variant.comparator)
        return tuple(dict.fromkeys(symbols))


def shortest_beyond(intervals: np.ndarray, horizons: np.ndarray) -> np.ndarray:
    """Whether an interval ends before its horizon or is the shortest one that does not; all shapes are (n,)."""
    ordered = np.unique(intervals)
    shortest = np.append(ordered, ordered[-1])[ordered.searchsorted(horizons)]
    return np.asarray((intervals < horizons) | (intervals == shortest))


@dataclass(frozen=True)
class BasketTask:
    """One basket of one reading."""

    space: SpecificationSpace
    basket: int

    def __str__(self) -> str:
        return f"{self.space.study.name}, {self.space.choices(BASKET)[self.basket].label}"


@dataclass(frozen=True, eq=False)
class BasketOutcome:
    """d of one basket.

    `real` has the shape of the grid without the axis of baskets. `placebos`, shape (n_placebos, n_entries, n_horizons,
    ...), holds d at the placebo entries, for tested entries and horizons only; `all_dates` likewise.
    """

    real: np.ndarray
    placebos: np.ndarray
    all_dates: np.ndarray


def planned_spaces(
    readings: Sequence[str], event: Event
) -> tuple[Plan, tuple[SpecificationSpace, ...], tuple[SpecificationSpace, ...]]:
    """The plan of a multiverse, and the spaces of the requested readings and of their rivals.

    Strategies of installed packages without a rule are left out. Raises RequestError where a plain strategy is
    requested, BrokenStrategyError where nothing can be loaded.
    """
    for name in readings:
        if _is_plain(event, name):
            raise RequestError(
                f"{name} is no Reading, and a multiverse varies the decisions of a rule; derive it from "
                f"strategies.base.Reading, or vary its parameters with runners.sweep"
            )
    plan = make_plan(Request(event, tuple(readings), evidence=True))
    return plan, specification_spaces(plan.studies, event), specification_spaces(plan.others, event)


def specification_spaces(studies: Sequence[Study], event: Event) -> tuple[SpecificationSpace, ...]:
    """The spaces of the studies that have a rule."""
    return tuple(
        SpecificationSpace(study, specification.all_dimensions(study, event)) for study in studies if study.has_rule
    )


def _is_plain(event: Event, name: str) -> bool:
    try:
        with author_code():
            return not issubclass(strategy_set.load_strategy(event, name), Reading)
    except AUTHOR_ERRORS:  # `make_plan` reports it
        return False


def multiverse_symbols(spaces: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """All symbols whose prices the run needs, in order of first mention."""
    return tuple(dict.fromkeys([*(symbol for space in spaces for symbol in space.needed), CALENDAR]))


def essential_symbols(spaces: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """Symbols that the declared baskets and all comparators need."""
    return multiverse_symbols([narrow_to_prices(space, space.study.required_symbols) for space in spaces])


def narrow_to_prices(space: SpecificationSpace, symbols: Sequence[str]) -> SpecificationSpace:
    """The space without the baskets that need other symbols than `symbols`."""
    baskets = tuple(choice for choice in space.choices(BASKET) if set(_added(choice)) <= set(symbols))
    return SpecificationSpace(
        space.study,
        tuple(
            replace(each, choices=baskets) if axis == BASKET else each
            for axis, each in zip(AXES, space.dimensions, strict=True)
        ),
    )


def multiverse_plan(
    event: Event, spaces: Sequence[SpecificationSpace], prices: Prices, all_dates: bool = False
) -> MultiversePlan:
    """The entry dates. Raises RequestError where the prices do not cover the real entry in all its variants.

    A window runs from the earliest tested entry to the close of the longest tested horizon after the latest one, plus
    the longest lag, so that the fills of one window end before the next begins.
    """
    entries = specification.entry_choices(event).choices
    entry, offsets = prices.row(event.entry), [choice.value for choice in entries]
    _require_coverage(spaces, prices, entry, offsets)
    tested = [choice.value for choice in entries if choice.tested]
    longest = max(choice.value for choice in HORIZON.choices if choice.tested)
    step = longest + max(tested) - min(tested) + max(choice.value for choice in LAG.choices)
    listed = int(prices.listed[prices.columns[CALENDAR]])
    first = max(listed + LONGEST_HISTORY, *(space.study.required_closes for space in spaces))
    last = len(prices.sessions) - longest - max(tested)
    return MultiversePlan(
        event,
        entry,
        placebo.aligned_entries(entry, step, first),
        np.arange(first, last + 1) if all_dates else np.zeros(0, dtype=int),
        step,
    )


def short_histories(event: Event, spaces: Sequence[SpecificationSpace], prices: Prices) -> dict[str, Failure]:
    """Failures by name, for readings that need more closes before their earliest entry than there are."""
    entry, offsets = prices.row(event.entry), [choice.value for choice in specification.entry_choices(event).choices]
    errors = {space.study.name: _shortage(space, prices, entry, offsets) for space in spaces}
    return {name: describe_failure(error) for name, error in errors.items() if error is not None}


def run_multiverse_or_failures(
    spaces: Sequence[SpecificationSpace],
    prices: Prices,
    plan: MultiversePlan,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> tuple[tuple[Multiverse, ...], dict[str, Failure]]:
    """The multiverses of the readings that run, and the failures of the others by name.

    Raises BrokenStrategyError where none runs.
    """
    tasks = [BasketTask(space, basket) for space in spaces for basket in range(len(space.choices(BASKET)))]
    outcomes = iter(
        map_surviving(executor, simulate_or_failure, (prices, plan), tasks, lambda _, error: worker_death(error), done)
    )
    multiverses, failed = list[Multiverse](), dict[str, Failure]()
    for space in spaces:
        baskets: list[BasketOutcome | Failure] = [next(outcomes) for _ in space.choices(BASKET)]
        if failures := [basket for basket in baskets if isinstance(basket, Failure)]:
            failed[space.study.name] = failures[0]
        else:
            complete = [basket for basket in baskets if isinstance(basket, BasketOutcome)]
            multiverses.append(specification_values(space, complete, prices, plan))
    if not multiverses:
        raise broken_error(failed)
    return tuple(multiverses), failed


def rival_multiverses(
    spaces: Sequence[SpecificationSpace],
    prices: Prices,
    plan: MultiversePlan,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> tuple[Multiverse, ...]:
    """The multiverses of rivals, for which p-values are adjusted; rivals that fail are left out."""
    if not spaces:
        return ()
    without_all_dates = replace(plan, all_dates=plan.all_dates[:0])
    with suppress(BrokenStrategyError):
        return run_multiverse_or_failures(spaces, prices, without_all_dates, executor, done)[0]
    return ()


def simulate_or_failure(prices: Prices, plan: MultiversePlan, task: BasketTask) -> BasketOutcome | Failure:
    """The outcome of a task, or the failure of the reading's own code, which stops no other reading."""
    module = task.space.study.strategy.__module__
    try:
        with author_code(module):
            return simulate_basket(prices, plan, task)
    except AUTHOR_ERRORS as error:
        if not is_authors_fault(error, module):
            raise
        return describe_failure(error, module)


def count_tasks(spaces: Sequence[SpecificationSpace]) -> int:
    """Number of tasks, for a display of progress."""
    return sum(len(space.choices(BASKET)) for space in spaces)


def own_dimensions(space: SpecificationSpace) -> tuple[Dimension, ...]:
    """The dimensions that only this reading has: its baskets (or sprints) and comparators, where there are several."""
    return tuple(each for each in space.dimensions[AXES.index(BASKET) :] if len(each.choices) > 1)


def simulate_basket(prices: Prices, plan: MultiversePlan, task: BasketTask) -> BasketOutcome:
    """All specifications of one basket, at all entry dates of the plan."""
    space, entries = task.space, np.array([choice.value for choice in task.space.choices("entry")])
    tested = [index for index, choice in enumerate(space.choices("entry")) if choice.tested]
    horizons = [choice.value for choice in space.choices("horizon") if choice.tested]
    at = partial(entry_differences, task, prices, lead=plan.event.lead)
    hold = max(choice.value for choice in space.choices("horizon"))
    return BasketOutcome(
        real=at(np.array([plan.entry]), entries, hold)[0],
        placebos=at(plan.placebos, entries[tested], max(horizons))[:, :, : len(horizons)],
        all_dates=_at_all_dates(at, plan.all_dates, entries[tested], max(horizons), space)[:, :, : len(horizons)],
    )


def entry_differences(
    task: BasketTask,
    prices: Prices,
    rows: np.ndarray,
    offsets: np.ndarray,
    hold: int,
    lead: int = SHOCK_BEFORE_ENTRY,
) -> np.ndarray:
    """d at entries `offsets` sessions after each of `rows`; the shock is always `lead` sessions before the row.

    Shape (n_rows, n_offsets, n_horizons, n_rebalances, n_lags, n_costs, n_borrows, n_comparators), NaN at horizons that
    the hold or the prices do not reach.
    """
    space, shape = task.space, (len(rows), len(offsets))
    if not len(rows):
        return np.zeros((*shape, *(len(each.choices) for each in space.dimensions[1:6]), len(space.choices(AGAINST))))
    entries = (rows[:, None] + offsets).ravel()
    shocks = np.repeat(rows - lead, len(offsets))
    scenarios = scenario_grid(space, prices, entries, shocks, hold)
    wealth, differences = dict[Mapping[str, object], np.ndarray](), []
    for choice in space.choices(AGAINST):
        study = varied_study(space, task.basket, choice)
        varied = replace(scenarios, parameters=(study.parameters,))
        if study.parameters not in wealth:
            batch = run_batch(study.strategy, prices.select(study.symbols), varied, curves=False, executor=Serial())
            wealth[study.parameters] = log_wealth(batch)
        differences.append(excess_over(wealth[study.parameters], comparator_log_wealth(study, prices, varied)))
    return _as_grid(np.stack(differences, axis=-1), space, shape)


def scenario_grid(
    space: SpecificationSpace, prices: Prices, entries: np.ndarray, shocks: np.ndarray, hold: int
) -> Scenarios:
    """Every rebalancing interval, lag, cost and borrow rate at each entry, entries varying fastest."""
    scenarios = Scenarios.product(
        prices.sessions[entries],
        (hold,),
        [choice.value for choice in space.choices("rebalance")],
        [
            scaled_frictions(lag.value, costs.value, borrow.value)
            for lag in space.choices("lag")
            for costs in space.choices("costs")
            for borrow in space.choices("borrow")
        ],
    )
    return replace(scenarios, shock=np.tile(prices.days[shocks], len(scenarios) // len(entries)))


def scaled_frictions(lag: int, factor: float, borrow_rate: float) -> Frictions:
    """The declared frictions with trading costs multiplied by `factor`."""
    declared = Frictions()
    return replace(
        declared,
        commission_bps=declared.commission_bps * factor,
        half_spread_bps=declared.half_spread_bps * factor,
        borrow_rate=borrow_rate,
        lag=lag,
    )


def varied_study(space: SpecificationSpace, basket: int, against: Choice) -> Study:
    """The study with one of its baskets and one of its comparators."""
    study, variants = space.study, (space.choices(BASKET)[basket].value, against.value)
    for variant in variants:
        if variant.perturbation is not None:
            strategy = perturbed_reading(study.strategy, variant.perturbation, study.symbols)
            study = replace(study, strategy=strategy, symbols=strategy.symbols)
        study = replace(
            study,
            parameters={**study.parameters, **variant.parameters},
            comparator=variant.comparator or study.comparator,
        )
    return study


def specification_values(
    space: SpecificationSpace, outcomes: Sequence[BasketOutcome], prices: Prices, plan: MultiversePlan
) -> Multiverse:
    """d of every specification, in the order of the grid, without the dimensions that have a single choice."""
    real, placebos, all_dates = (
        np.stack([getattr(outcome, name) for outcome in outcomes], axis=-2)
        for name in ("real", "placebos", "all_dates")
    )
    distinct, varied = space.distinct, [axis for axis, count in enumerate(space.shape) if count > 1]
    multiverse = Multiverse(
        name=space.study.name,
        story=story_of(space.study),
        comparator=comparator_name(space.study.comparator),
        dimensions=tuple(space.dimensions[axis] for axis in varied),
        fixed=specification.unvaried_dimensions(space.study, plan.event),
        codes=space.codes[distinct][:, varied],
        d=real.ravel()[distinct],
        d_by_entry=np.zeros(0),
        sessions=(),
        rolling=NOT_REQUESTED,
    )
    tested = _tested(space)
    curves = np.concatenate((multiverse.d[multiverse.tested][None], _row_per_entry(placebos)[:, tested]))
    return replace(
        multiverse,
        d_by_entry=curves,
        sessions=_days(prices, np.concatenate(([plan.entry], plan.placebos))),
        rolling=_medians_at_all_dates(all_dates, tested, prices, plan),
    )


def multiverse_run(
    event: Event,
    spaces: Sequence[SpecificationSpace],
    multiverses: Sequence[Multiverse],
    prices: Prices,
    plan: MultiversePlan,
    notices: Sequence[str],
    command: str,
    failed: Mapping[str, Failure] = {},
    rivals: Sequence[Multiverse] = (),
    missing: Sequence[str] = (),
) -> MultiverseRun:
    """The record of a run; `missing` are the readings of the strategy set that could not be counted."""
    return MultiverseRun(
        multiverses=tuple(multiverses),
        dimensions=specification.general_choices(event),
        publication=event.publication,
        step=plan.step,
        origin=prices.origin,
        real=prices.real,
        notices=(
            *notices,
            *(
                f"{name} is left out{'' if failure.lacking else ', stopped by its own code'}: {failure.summary}"
                for name, failure in failed.items()
            ),
            *uncounted_note(missing),
            *unknown_rates_notice(str(prices.days[-1])),
        ),
        failed=failed,
        others=tuple(rivals),
        missing=tuple(missing),
        manifest={"command": command, **multiverse_manifest(spaces, prices, plan, event)},
    )


def missing_readings(counted: Sequence[SpecificationSpace], plan: Plan) -> tuple[str, ...]:
    """Names of the readings of the strategy set that are not among those `counted`."""
    variants = {space.study.variant for space in counted}
    return tuple(
        name
        for name, study in plan.required.items()
        if study is None or (study.has_rule and study.variant not in variants)
    )


def uncounted_note(names: Sequence[str]) -> tuple[str, ...]:
    """A notice where readings of the strategy set are not counted."""
    if not names:
        return ()
    reason = "prices are missing or too few, or the code fails"
    notice = f"Adjusted p-values leave out {', '.join(names)}: {reason}."
    return (f"{notice} With the full strategy set they could only be higher.",)


def multiverse_manifest(
    spaces: Sequence[SpecificationSpace], prices: Prices, plan: MultiversePlan, event: Event
) -> dict[str, object]:
    """The inputs of the multiverse; neither time nor place of the run."""
    return {
        "request": {
            "readings": [space.study.name for space in spaces],
            "entry": str(prices.days[plan.entry]),
            "all_dates": bool(len(plan.all_dates)),
            "first_price": str(prices.days[0]),
            "last_price": str(prices.days[-1]),
        },
        "event": event.as_dict(),
        **input_provenance([space.study for space in spaces], prices),
    }


def _added(choice: Choice) -> tuple[str, ...]:
    variant: ReadingVariant = choice.value
    return () if variant.perturbation is None else variant.perturbation.added


def _require_coverage(spaces: Sequence[SpecificationSpace], prices: Prices, entry: int, offsets: Sequence[int]) -> None:
    latest, last = entry + max(offsets), len(prices.sessions) - 1
    if latest > last:
        raise RequestError(
            f"prices end on {prices.days[-1]}, before the latest entry of the multiverse, {max(offsets)} sessions "
            f"after {prices.days[entry]}; load later prices"
        )
    for error in filter(None, (_shortage(space, prices, entry, offsets) for space in spaces)):
        raise error


def _shortage(space: SpecificationSpace, prices: Prices, entry: int, offsets: Sequence[int]) -> RequestError | None:
    if entry + min(offsets) >= max(space.study.required_closes, 1):
        return None
    return RequestError(
        f"{space.study.name} needs {space.study.required_closes} closes before its earliest entry, "
        f"{-min(offsets)} sessions before {prices.days[entry]}, and there are {max(0, entry + min(offsets))}; "
        f"load earlier prices"
    )


def _as_grid(values: np.ndarray, space: SpecificationSpace, entries: tuple[int, int]) -> np.ndarray:
    """Values of shape (n_scenarios, n_horizons + 1, n_comparators) on the axes of `entry_differences`."""
    counts = [len(space.choices(name)) for name in ("lag", "costs", "borrow", "rebalance")]
    grid = values.reshape(*counts, *entries, *values.shape[1:])
    horizons = [HORIZONS.index(choice.value) for choice in space.choices("horizon")]
    return np.asarray(grid.transpose(4, 5, 6, 3, 0, 1, 2, 7)[:, :, horizons])


def _at_all_dates(
    at: partial[np.ndarray], rows: np.ndarray, offsets: np.ndarray, hold: int, space: SpecificationSpace
) -> np.ndarray:
    """d at every date. Unless the rule looks at the shock, the late entry of one date is the early one of another."""
    if not len(rows) or specification.own_choices(space.study).follows_shock:
        return at(rows, offsets, hold)
    entries = np.arange(rows[0] + offsets.min(), rows[-1] + offsets.max() + 1)
    once = at(entries, np.array([0]), hold)[:, 0]
    return np.asarray(once[(rows[:, None] + offsets) - entries[0]])


def _tested(space: SpecificationSpace) -> np.ndarray:
    """Indices of the tested specifications in a grid of tested entries and horizons only."""
    entries, horizons = (np.array([choice.tested for choice in space.choices(name)]) for name in ("entry", "horizon"))
    distinct = space.distinct.reshape(*space.shape)
    return np.flatnonzero(distinct[entries[:, None] & horizons].ravel())


def _row_per_entry(grids: np.ndarray) -> np.ndarray:
    """Grids as rows, shape (n_entries, n_points)."""
    return grids.reshape(len(grids), int(np.prod(grids.shape[1:])))


def _medians_at_all_dates(
    values: np.ndarray, tested: np.ndarray, prices: Prices, plan: MultiversePlan
) -> RollingMedians | Missing:
    if not len(plan.all_dates):
        return NOT_REQUESTED
    medians = nan_safe_median(_row_per_entry(values)[:, tested])
    return RollingMedians(_days(prices, plan.all_dates), medians)


def _days(prices: Prices, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(prices.days[rows].astype(str).tolist())
