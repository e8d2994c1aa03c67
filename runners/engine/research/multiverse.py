"""The multiverse: every reading under all choices of `choices`, at the real entry and at launches beside it.

What is run is a grid: entries, rebalancing, lag, costs and lending fees walk side by side in one batch for each basket
and comparator, and one walk gives all horizons, since equity at a horizon does not depend on how long the hold goes on.
A task is one basket of one reading; what comes out depends on nothing but the task.
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
from reports.records.multiverse import Choice, Dimension, Multiverse, MultiverseRun, RollingMedians, nan_safe_median
from reports.records.result import HORIZONS, Failure
from reports.statistics import placebo
from reports.statistics.availability import Missing
from runners.engine import strategy_set
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_log_wealth, comparator_name, excess_over, log_wealth
from runners.engine.execution.executor import Executor, Progress, Serial, map_surviving, no_progress
from runners.engine.plan import Plan, broken_error, make_plan
from runners.engine.provenance import input_provenance
from runners.engine.request import Request
from runners.engine.research import specification
from runners.engine.research.evidence import FIRST
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

CALENDAR = "SPY"  # its first session counts for the placebo launches, whatever the readings trade
AXES = ("entry", "horizon", "rebalance", "lag", "costs", "borrow", BASKET, AGAINST)  # of every grid
NOT_ASKED = Missing("not asked for: --all-dates")


@dataclass(frozen=True, eq=False)
class MultiversePlan:
    """Where the readings are launched: rows of the real entry, of the placebo launches (the nearest first), of all.

    `step` counts the sessions from one launch to the next: as many as the longest tested window has.
    """

    event: Event
    entry: int
    placebos: np.ndarray
    everywhere: np.ndarray
    step: int


@dataclass(frozen=True)
class SpecificationSpace:
    """A reading with its dimensions; those with a single choice are among them, in the order of AXES."""

    subject: Study
    dimensions: tuple[Dimension, ...]

    def __len__(self) -> int:
        return int(self.distinct.sum())

    def choices(self, name: str) -> tuple[Choice, ...]:
        """The choices of one dimension."""
        return self.dimensions[AXES.index(name)].choices

    @property
    def shape(self) -> tuple[int, ...]:
        """Choices of each dimension."""
        return tuple(len(dimension.choices) for dimension in self.dimensions)

    @property
    def codes(self) -> np.ndarray:
        """Which choice of each dimension every point of the grid has, shape (n_points, n_dimensions)."""
        return np.indices(self.shape).reshape(len(self.shape), -1).T

    @property
    def distinct(self) -> np.ndarray:
        """Points of the grid that are not another one once more, shape (n_points,).

        A decision at or after the horizon changes nothing at it: of several intervals as long as the horizon or longer,
        the shortest stays.
        """
        codes = self.codes
        horizons, intervals = (
            np.array([choice.value for choice in self.choices(name)])[codes[:, AXES.index(name)]]
            for name in ("horizon", "rebalance")
        )
        listed = np.unique([choice.value for choice in self.choices("rebalance")])
        least = np.append(listed, listed[-1])[listed.searchsorted(horizons)]  # the shortest that never decides again
        return np.asarray((intervals < horizons) | (intervals == least))

    @property
    def needed(self) -> tuple[str, ...]:
        """All symbols whose prices are needed."""
        found = [*self.subject.required_symbols]
        for choice in (*self.choices(BASKET), *self.choices(AGAINST)):
            variant: ReadingVariant = choice.value
            found += [] if variant.alteration is None else variant.alteration.added
            found += [] if variant.comparator is None else comparator_symbols(variant.comparator)
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class BasketTask:
    """One basket of one reading."""

    space: SpecificationSpace
    basket: int

    def __str__(self) -> str:
        return f"{self.space.subject.name}, {self.space.choices(BASKET)[self.basket].label}"


@dataclass(frozen=True, eq=False)
class BasketOutcome:
    """d of one basket.

    `real` has the shape of the grid without its baskets; `launched`, shape (n_launches, n_entries, n_horizons, ...),
    the same for the placebos, of entries and horizons that are tested; `everywhere` likewise for all dates.
    """

    real: np.ndarray
    launched: np.ndarray
    everywhere: np.ndarray


def planned_spaces(
    readings: Sequence[str], event: Event
) -> tuple[Plan, tuple[SpecificationSpace, ...], tuple[SpecificationSpace, ...]]:
    """The plan of a multiverse, and the readings asked for and their rivals with their dimensions.

    Strategies of installed packages that have no rule are left out. Raises RequestError where a plain strategy is
    asked for, BrokenStrategyError where nothing can be loaded.
    """
    for name in readings:
        if _is_plain(event, name):
            raise RequestError(
                f"{name} is no Reading: a multiverse changes what a rule decides; derive it from "
                f"strategies.base.Reading, or turn its own parameters with runners.sweep"
            )
    whole = make_plan(Request(event, tuple(readings), evidence=True))
    return whole, specification_spaces(whole.studies, event), specification_spaces(whole.others, event)


def specification_spaces(subjects: Sequence[Study], event: Event) -> tuple[SpecificationSpace, ...]:
    """The readings among the studies, with their dimensions."""
    return tuple(
        SpecificationSpace(subject, specification.all_dimensions(subject, event))
        for subject in subjects
        if subject.has_rule
    )


def _is_plain(event: Event, name: str) -> bool:
    try:
        return not issubclass(strategy_set.load_strategy(event, name), Reading)
    except AUTHOR_ERRORS:  # told when it is gathered
        return False


def multiverse_symbols(found: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """All symbols whose prices the run needs, in order of first mention."""
    return tuple(dict.fromkeys([*(symbol for space in found for symbol in space.needed), CALENDAR]))


def essential_symbols(found: Sequence[SpecificationSpace]) -> tuple[str, ...]:
    """Those without which a reading as it is declared cannot be run, or not be measured against a fund."""
    return multiverse_symbols([narrow_to_prices(space, space.subject.required_symbols) for space in found])


def narrow_to_prices(space: SpecificationSpace, known: Sequence[str]) -> SpecificationSpace:
    """The space without the baskets that need other symbols than `known`."""
    kept = tuple(choice for choice in space.choices(BASKET) if set(_added(choice)) <= set(known))
    return SpecificationSpace(
        space.subject,
        tuple(replace(each, choices=kept) if each.name == BASKET else each for each in space.dimensions),
    )


def multiverse_plan(
    event: Event, found: Sequence[SpecificationSpace], prices: Prices, everywhere: bool = False
) -> MultiversePlan:
    """Where to launch. Raises RequestError where prices do not reach around all entries.

    A window runs from the earliest tested entry to the close of the longest tested horizon after the latest one; the
    longest lag is added, so that no fill of one launch falls into the next.
    """
    entries = specification.entry_choices(event).choices
    entry, offsets = prices.row(event.entry), [choice.value for choice in entries]
    _require_reach(found, prices, entry, offsets)
    tested = [choice.value for choice in entries if choice.tested]
    longest = max(choice.value for choice in HORIZON.choices if choice.tested)
    step = longest + max(tested) - min(tested) + max(choice.value for choice in LAG.choices)
    listed = int(prices.listed[prices.columns[CALENDAR]])
    first = max(listed + FIRST, *(space.subject.required_closes for space in found))
    last = len(prices.sessions) - longest - max(tested)
    return MultiversePlan(
        event,
        entry,
        placebo.aligned_entries(entry, step, first),
        np.arange(first, last + 1) if everywhere else np.zeros(0, dtype=int),
        step,
    )


def short_histories(event: Event, found: Sequence[SpecificationSpace], prices: Prices) -> dict[str, Failure]:
    """The readings that need more closes before their earliest entry than there are, with what is said of them."""
    entry, offsets = prices.row(event.entry), [choice.value for choice in specification.entry_choices(event).choices]
    errors = {space.subject.name: _shortage(space, prices, entry, offsets) for space in found}
    return {name: describe_failure(error) for name, error in errors.items() if error is not None}


def run_multiverse(
    found: Sequence[SpecificationSpace],
    prices: Prices,
    planned: MultiversePlan,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> tuple[Multiverse, ...]:
    """Run every spec of every reading; `done` is told each task. Raises BrokenStrategyError where one is stopped."""
    walked, failed = run_multiverse_or_failures(found, prices, planned, executor, done)
    if failed:
        raise broken_error(failed)
    return walked


def run_multiverse_or_failures(
    found: Sequence[SpecificationSpace],
    prices: Prices,
    planned: MultiversePlan,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> tuple[tuple[Multiverse, ...], dict[str, Failure]]:
    """The same, of the readings that their own code does not stop; and what stopped the others, by name."""
    specs = [BasketTask(space, basket) for space in found for basket in range(len(space.choices(BASKET)))]
    walked = iter(
        map_surviving(executor, walk_or_failure, (prices, planned), specs, lambda _, error: worker_death(error), done)
    )
    multiverses, failed = list[Multiverse](), dict[str, Failure]()
    for space in found:
        own: list[BasketOutcome | Failure] = [next(walked) for _ in space.choices(BASKET)]
        if stopped := [one for one in own if isinstance(one, Failure)]:
            failed[space.subject.name] = stopped[0]
        else:
            multiverses.append(
                specification_values(space, [one for one in own if isinstance(one, BasketOutcome)], prices, planned)
            )
    if not multiverses:
        raise broken_error(failed)
    return tuple(multiverses), failed


def uncalled_outcomes(
    found: Sequence[SpecificationSpace],
    prices: Prices,
    planned: MultiversePlan,
    executor: Executor = Serial(),
    done: Progress = no_progress,
) -> tuple[Multiverse, ...]:
    """Readings that are not asked for but belong to the family; those that their own code stops are left out."""
    if not found:
        return ()
    nowhere = replace(planned, everywhere=planned.everywhere[:0])
    with suppress(BrokenStrategyError):
        return run_multiverse_or_failures(found, prices, nowhere, executor, done)[0]
    return ()


def walk_or_failure(prices: Prices, planned: MultiversePlan, task: BasketTask) -> BasketOutcome | Failure:
    """What a task gives, or what in the reading's own code stopped it: it stops no other reading."""
    module = task.space.subject.strategy.__module__
    try:
        return walk_basket(prices, planned, task)
    except AUTHOR_ERRORS as error:
        if not is_authors_fault(error, module):
            raise
        return describe_failure(error, module)


def count_tasks(found: Sequence[SpecificationSpace]) -> int:
    """How many tasks there are, for a display of progress."""
    return sum(len(space.choices(BASKET)) for space in found)


def own_dimensions(space: SpecificationSpace) -> tuple[Dimension, ...]:
    """What this reading has to choose beside what all of them have."""
    return tuple(each for each in space.dimensions if each.name in (BASKET, AGAINST) and len(each.choices) > 1)


def walk_basket(prices: Prices, planned: MultiversePlan, task: BasketTask) -> BasketOutcome:
    """All specs of one basket, at every launch."""
    space, entries = task.space, np.array([choice.value for choice in task.space.choices("entry")])
    tested = [place for place, choice in enumerate(space.choices("entry")) if choice.tested]
    horizons = [choice.value for choice in space.choices("horizon") if choice.tested]
    at = partial(entry_differences, task, prices, lead=planned.event.lead)
    hold = max(choice.value for choice in space.choices("horizon"))
    return BasketOutcome(
        real=at(np.array([planned.entry]), entries, hold)[0],
        launched=at(planned.placebos, entries[tested], max(horizons))[:, :, : len(horizons)],
        everywhere=_everywhere(at, planned.everywhere, entries[tested], max(horizons), space)[:, :, : len(horizons)],
    )


def entry_differences(
    task: BasketTask,
    prices: Prices,
    launches: np.ndarray,
    offsets: np.ndarray,
    hold: int,
    lead: int = SHOCK_BEFORE_ENTRY,
) -> np.ndarray:
    """d at launches whose entries lie `offsets` sessions from the rows `launches`, the shock staying where it was.

    That is `lead` sessions before the launch.

    Shape (n_launches, n_entries, n_horizons, n_rebalances, n_lags, n_costs, n_borrows, n_comparators), NaN at horizons
    that the hold or the prices do not reach.
    """
    space, shape = task.space, (len(launches), len(offsets))
    if not len(launches):
        return np.zeros((*shape, *(len(each.choices) for each in space.dimensions[1:6]), len(space.choices(AGAINST))))
    entries = (launches[:, None] + offsets).ravel()
    shocks = np.repeat(launches - lead, len(offsets))
    scenarios = scenario_grid(space, prices, entries, shocks, hold)
    own, found = dict[Mapping[str, object], np.ndarray](), []
    for choice in space.choices(AGAINST):
        subject = vary_study(space, task.basket, choice)
        those = replace(scenarios, parameters=(subject.parameters,))
        if subject.parameters not in own:
            ran = run_batch(subject.strategy, prices.select(subject.symbols), those, curves=False, executor=Serial())
            own[subject.parameters] = log_wealth(ran)
        found.append(excess_over(own[subject.parameters], comparator_log_wealth(subject, prices, those)))
    return _shaped(np.stack(found, axis=-1), space, shape)


def scenario_grid(
    space: SpecificationSpace, prices: Prices, entries: np.ndarray, shocks: np.ndarray, hold: int
) -> Scenarios:
    """Every rebalancing, lag, cost and lending fee at each start, the starts varying fastest."""
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


def scaled_frictions(lag: int, times: float, borrow: float) -> Frictions:
    """The declared frictions with trading costs multiplied."""
    declared = Frictions()
    return replace(
        declared,
        commission_bps=declared.commission_bps * times,
        half_spread_bps=declared.half_spread_bps * times,
        borrow_rate=borrow,
        lag=lag,
    )


def vary_study(space: SpecificationSpace, basket: int, against: Choice) -> Study:
    """The reading with one basket, measured against one comparator."""
    subject, variants = space.subject, (space.choices(BASKET)[basket].value, against.value)
    for variant in variants:
        if variant.alteration is not None:
            strategy = perturbed_reading(subject.strategy, variant.alteration, subject.symbols)
            subject = replace(subject, strategy=strategy, symbols=strategy.symbols)
        subject = replace(
            subject,
            parameters={**subject.parameters, **variant.parameters},
            comparator=variant.comparator or subject.comparator,
        )
    return subject


def specification_values(
    space: SpecificationSpace, walked: Sequence[BasketOutcome], prices: Prices, planned: MultiversePlan
) -> Multiverse:
    """What was walked, spec by spec, in the order of the grid; without the dimensions that have one choice."""
    real, beside, everywhere = (
        np.stack([getattr(one, name) for one in walked], axis=-2) for name in ("real", "launched", "everywhere")
    )
    distinct, several = space.distinct, [place for place, count in enumerate(space.shape) if count > 1]
    made = Multiverse(
        name=space.subject.name,
        story=story_of(space.subject),
        comparator=comparator_name(space.subject.comparator),
        dimensions=tuple(space.dimensions[place] for place in several),
        fixed=specification.unvaried_dimensions(space.subject, planned.event),
        codes=space.codes[distinct][:, several],
        d=real.ravel()[distinct],
        launched=np.zeros(0),
        sessions=(),
        everywhere=NOT_ASKED,
    )
    kept = _tested(space)
    curves = np.concatenate((made.d[made.tested][None], _flat(beside)[:, kept]))
    return replace(
        made,
        launched=curves,
        sessions=_days(prices, np.concatenate(([planned.entry], planned.placebos))),
        everywhere=_middle(everywhere, kept, prices, planned),
    )


def multiverse_run(
    event: Event,
    found: Sequence[SpecificationSpace],
    multiverses: Sequence[Multiverse],
    prices: Prices,
    planned: MultiversePlan,
    notices: Sequence[str],
    command: str,
    failed: Mapping[str, Failure] = {},
    beside: Sequence[Multiverse] = (),
    missing: Sequence[str] = (),
) -> MultiverseRun:
    """What the pages tell; `missing` are the readings of the family that could not be counted."""
    return MultiverseRun(
        multiverses=tuple(multiverses),
        dimensions=specification.general_choices(event),
        publication=event.publication,
        step=planned.step,
        origin=prices.origin,
        real=prices.real,
        notices=(
            *notices,
            *(
                f"{name} is left out{'' if each.lacking else ', stopped by its own code'}: {each.summary}"
                for name, each in failed.items()
            ),
            *uncounted_note(missing),
            *unknown_rates_notice(str(prices.days[-1])),
        ),
        failed=failed,
        beside=tuple(beside),
        missing=tuple(missing),
        manifest={"command": command, **multiverse_manifest(found, prices, planned, event)},
    )


def missing_readings(counted: Sequence[SpecificationSpace], whole: Plan) -> tuple[str, ...]:
    """Names of the readings of the strategy set that are not among those `counted`."""
    variants = {space.subject.variant for space in counted}
    return tuple(
        name
        for name, study in whole.required.items()
        if study is None or (study.has_rule and study.variant not in variants)
    )


def uncounted_note(names: Sequence[str]) -> tuple[str, ...]:
    """What is to be said where not all of the family is counted."""
    if not names:
        return ()
    told = f"Family-wise values are without {', '.join(names)}: prices lack or are too few, or the code breaks."
    return (f"{told} With the whole family they could only be higher.",)


def multiverse_manifest(
    found: Sequence[SpecificationSpace], prices: Prices, planned: MultiversePlan, event: Event
) -> dict[str, object]:
    """What the multiverse was made of; nothing of when or where."""
    return {
        "request": {
            "readings": [space.subject.name for space in found],
            "entry": str(prices.days[planned.entry]),
            "all_dates": bool(len(planned.everywhere)),
            "first_price": str(prices.days[0]),
            "last_price": str(prices.days[-1]),
        },
        "event": event.as_dict(),
        **input_provenance([space.subject for space in found], prices),
    }


def _added(choice: Choice) -> tuple[str, ...]:
    variant: ReadingVariant = choice.value
    return () if variant.alteration is None else variant.alteration.added


def _require_reach(found: Sequence[SpecificationSpace], prices: Prices, entry: int, offsets: Sequence[int]) -> None:
    latest, last = entry + max(offsets), len(prices.sessions) - 1
    if latest > last:
        raise RequestError(
            f"prices end on {prices.days[-1]}, before the latest entry of the multiverse, {max(offsets)} sessions "
            f"after {prices.days[entry]}; load later prices"
        )
    for error in filter(None, (_shortage(space, prices, entry, offsets) for space in found)):
        raise error


def _shortage(space: SpecificationSpace, prices: Prices, entry: int, offsets: Sequence[int]) -> RequestError | None:
    if entry + min(offsets) >= max(space.subject.required_closes, 1):
        return None
    return RequestError(
        f"{space.subject.name} needs {space.subject.required_closes} closes before its earliest entry, "
        f"{-min(offsets)} sessions before {prices.days[entry]}, and there are {max(0, entry + min(offsets))}; "
        f"load earlier prices"
    )


def _shaped(values: np.ndarray, space: SpecificationSpace, starts: tuple[int, int]) -> np.ndarray:
    """From (n_scenarios, n_horizons + 1, n_comparators) in the order of `starts` to the axes of the grid."""
    counts = [len(space.choices(name)) for name in ("lag", "costs", "borrow", "rebalance")]
    grid = values.reshape(*counts, *starts, *values.shape[1:])
    wanted = [HORIZONS.index(choice.value) for choice in space.choices("horizon")]
    return np.asarray(grid.transpose(4, 5, 6, 3, 0, 1, 2, 7)[:, :, wanted])


def _everywhere(
    at: partial[np.ndarray], launches: np.ndarray, offsets: np.ndarray, hold: int, space: SpecificationSpace
) -> np.ndarray:
    """d at every launch date. Unless the rule looks at the shock, one launch's late entry is another's early one."""
    if not len(launches) or specification.own_choices(space.subject).follows_shock:
        return at(launches, offsets, hold)
    rows = np.arange(launches[0] + offsets.min(), launches[-1] + offsets.max() + 1)
    single = at(rows, np.array([0]), hold)[:, 0]
    return np.asarray(single[(launches[:, None] + offsets) - rows[0]])


def _tested(space: SpecificationSpace) -> np.ndarray:
    """Places of the tested specs in a grid that has only the entries and horizons that are tested."""
    marks = [np.array([choice.tested for choice in space.choices(name)]) for name in ("entry", "horizon")]
    inside = marks[0][:, None] & marks[1]
    whole = space.distinct.reshape(*space.shape)
    return np.flatnonzero(whole[inside].ravel())


def _flat(grids: np.ndarray) -> np.ndarray:
    """A row a launch."""
    return grids.reshape(len(grids), int(np.prod(grids.shape[1:])))


def _middle(
    everywhere: np.ndarray, kept: np.ndarray, prices: Prices, planned: MultiversePlan
) -> RollingMedians | Missing:
    if not len(planned.everywhere):
        return NOT_ASKED
    medians = nan_safe_median(_flat(everywhere)[:, kept])
    return RollingMedians(_days(prices, planned.everywhere), medians)


def _days(prices: Prices, rows: np.ndarray) -> tuple[str, ...]:
    return tuple(prices.days[rows].astype(str).tolist())
