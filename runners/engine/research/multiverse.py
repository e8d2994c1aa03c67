"""The multiverse: every reading under all choices of `specification`, at the real and at past entries.

The specifications of a reading form a grid. Its entries, rebalancing intervals, lags, costs and borrow rates are
simulated in one batch for each basket and comparator. One simulation gives all horizons, since equity at a horizon does
not depend on the rest of the hold. A task is one basket of one reading; its outcome depends on the task only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from data.errors import RequestError
from data.events.event import Event
from data.prices import Prices
from reports.records.multiverse import Choice, Multiverse, RollingMedians
from reports.records.result import HORIZONS, Failure
from reports.statistics import placebo
from reports.statistics.availability import Missing
from reports.statistics.specification_curve import nan_safe_median
from runners.engine.author_code import author_code
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_log_wealth, comparator_name, excess_over, log_wealth
from runners.engine.execution.executor import Executor, Progress, Serial, map_surviving, no_progress
from runners.engine.plan import broken_error
from runners.engine.research import specification
from runners.engine.research.evidence_plan import LONGEST_HISTORY
from runners.engine.research.perturbations import perturbed_reading
from runners.engine.research.specification import AGAINST, BASKET, HORIZON, LAG
from runners.engine.research.specification_space import CALENDAR, SpecificationSpace
from runners.engine.story import story_of
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure, is_authors_fault, worker_death
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenarios
from strategies.base.reading import SHOCK_BEFORE_ENTRY

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


def run_multiverse(
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


def _require_coverage(spaces: Sequence[SpecificationSpace], prices: Prices, entry: int, offsets: Sequence[int]) -> None:
    latest, last = entry + max(offsets), len(prices.sessions) - 1
    if latest > last:
        raise RequestError(
            f"prices end on {prices.days[-1]}, before the latest entry of the multiverse, {max(offsets)} sessions "
            f"after {prices.days[entry]}; load later prices"
        )
    for error in filter(None, (history_shortage(space, prices, entry, offsets) for space in spaces)):
        raise error


def history_shortage(
    space: SpecificationSpace, prices: Prices, entry: int, offsets: Sequence[int]
) -> RequestError | None:
    """The error of a reading that needs more closes before its earliest entry than there are; None if it has them."""
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
