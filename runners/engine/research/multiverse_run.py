"""From the readings that a multiverse is asked for to its folder: prices, simulation, trials, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from data import load_prices
from data.errors import BrokenStrategyError, DataError, RequestError
from data.events.event import Event
from data.prices import Prices
from data.sources import open_source
from reports.folders import atomic
from reports.folders import multiverse as multiverse_folder
from reports.records.multiverse import Multiverse, MultiverseRun
from reports.records.result import Failure
from runners.engine import strategy_set
from runners.engine.author_code import author_code
from runners.engine.execution.executor import Executor, Progress, Serial, no_progress
from runners.engine.execution.processes import preload
from runners.engine.pipeline import Step, count_trials, no_step, price_failures
from runners.engine.plan import Plan, make_plan, nothing_left
from runners.engine.provenance import input_provenance
from runners.engine.request import PriceWindow, Request
from runners.engine.research import specification
from runners.engine.research.multiverse import MultiversePlan, history_shortage, multiverse_plan, run_multiverse
from runners.engine.research.multiverse_trials import specification_trials
from runners.engine.research.specification_space import (
    CALENDAR,
    SpecificationSpace,
    count_tasks,
    essential_symbols,
    multiverse_symbols,
    narrow_to_prices,
    specification_spaces,
)
from runners.engine.run_settings import unknown_rates_notice
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure
from strategies.base.reading import Reading

IMPORTS = ("runners.engine.research.multiverse",)  # imported by workers while prices are read


@dataclass(frozen=True)
class MultiverseRequest:
    """The readings of an event to vary (all if none are named), the prices, and whether to enter at all dates too."""

    event: Event
    readings: tuple[str, ...]
    window: PriceWindow
    all_dates: bool = False


def multiverse_to_folder(
    request: MultiverseRequest, out: Path, command: str, executor: Executor, step: Step = no_step
) -> MultiverseRun:
    """Load prices, run every specification at every entry and write the folder; `command` repeats the run."""
    source, event = open_source(request.window.source), request.event
    plan, requested, rivals = planned_spaces(request.readings, event)
    atomic.require_writable(out, atomic.MULTIVERSE)
    preload(IMPORTS)
    step("prices", None)
    read = partial(load_prices, start=request.window.start, end=request.window.end, source=source)
    supply = load_multiverse_prices(requested, rivals, plan.failed, event, read)
    prices, everything = supply.prices, (*supply.spaces, *supply.others)
    dates = multiverse_plan(event, everything, prices, request.all_dates)
    done = step("baskets", count_tasks(everything))
    ran, failed = run_multiverse(supply.spaces, prices, dates, executor, done)
    uncalled = rival_multiverses(supply.others, prices, dates, executor, done)
    spaces = _without(supply.spaces, failed)
    names = {multiverse.name for multiverse in uncalled}
    counted = (*spaces, *(space for space in supply.others if space.study.name in names))
    _, ledger_notices = count_trials(specification_trials(spaces, prices, dates), prices.real)
    notices = (*source.notes, *prices.warnings, *supply.notices, *ledger_notices)
    failed = {**supply.stopped, **failed}
    missing = missing_readings(counted, plan)
    survey = multiverse_run(event, spaces, ran, prices, dates, notices, command, failed, uncalled, missing)
    multiverse_folder.write(survey, out)
    return survey


@dataclass(frozen=True)
class PricedReadings:
    """Requested readings and the others of their strategy set, with sufficient prices, and notices about them.

    `stopped` maps the names of requested readings that cannot run to the failure.
    """

    spaces: tuple[SpecificationSpace, ...]
    others: tuple[SpecificationSpace, ...]
    prices: Prices
    notices: tuple[str, ...]
    stopped: Mapping[str, Failure]


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


def _is_plain(event: Event, name: str) -> bool:
    try:
        with author_code():
            return not issubclass(strategy_set.load_strategy(event, name), Reading)
    except AUTHOR_ERRORS:  # `make_plan` reports it
        return False


def load_multiverse_prices(
    spaces: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    stopped: Mapping[str, Failure],
    event: Event,
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Read the prices of every symbol of the requested readings `spaces` and of the `others`.

    A reading whose prices are missing or too few is moved to `stopped`; a notice names baskets that are left out.
    Raises RequestError or DataError if the calendar's prices are missing or no reading is left, BrokenStrategyError if
    none is left and some crashed.
    """
    failures = dict(stopped)
    try:
        supply = _read_prices(spaces, others, prices_of)
    except (RequestError, DataError):
        prices_of((CALENDAR,))  # every reading needs it: without it the request is wrong
        needed = {space.study.variant: essential_symbols([space]) for space in (*spaces, *others)}
        absent = price_failures(needed, prices_of)
        failures |= {space.study.name: absent[space.study.variant] for space in spaces if space.study.variant in absent}
        remaining, others = (
            tuple(space for space in group if space.study.variant not in absent) for group in (spaces, others)
        )
        if not remaining:
            raise nothing_left(failures) from None
        if not absent:
            raise
        supply = _read_prices(remaining, others, prices_of)
    failures |= short_histories(event, supply.spaces, supply.prices)
    if not (remaining := _without(supply.spaces, failures)):
        raise nothing_left(failures)
    others = _without(supply.others, short_histories(event, supply.others, supply.prices))
    return replace(supply, spaces=remaining, others=others, stopped=failures)


def _read_prices(
    spaces: tuple[SpecificationSpace, ...],
    others: tuple[SpecificationSpace, ...],
    prices_of: Callable[[Sequence[str]], Prices],
) -> PricedReadings:
    """Prices of all symbols; if some are missing, without the baskets that need them."""
    try:
        return PricedReadings(spaces, others, prices_of(multiverse_symbols((*spaces, *others))), (), {})
    except (RequestError, DataError) as error:
        symbols, missing = essential_symbols((*spaces, *others)), error
    prices = prices_of(symbols)
    notices = (f"Some baskets are left out for lack of prices: {missing}",)
    return PricedReadings(_narrowed(spaces, symbols), _narrowed(others, symbols), prices, notices, {})


def _narrowed(spaces: tuple[SpecificationSpace, ...], symbols: Sequence[str]) -> tuple[SpecificationSpace, ...]:
    return tuple(narrow_to_prices(space, symbols) for space in spaces)


def _without(spaces: tuple[SpecificationSpace, ...], stopped: Mapping[str, Failure]) -> tuple[SpecificationSpace, ...]:
    return tuple(space for space in spaces if space.study.name not in stopped)


def short_histories(event: Event, spaces: Sequence[SpecificationSpace], prices: Prices) -> dict[str, Failure]:
    """Failures by name, for readings that need more closes before their earliest entry than there are."""
    entry, offsets = prices.row(event.entry), [choice.value for choice in specification.entry_choices(event).choices]
    errors = {space.study.name: history_shortage(space, prices, entry, offsets) for space in spaces}
    return {name: describe_failure(error) for name, error in errors.items() if error is not None}


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
        return run_multiverse(spaces, prices, without_all_dates, executor, done)[0]
    return ()


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
