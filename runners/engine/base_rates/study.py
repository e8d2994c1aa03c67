"""The base rates of readings: find the shocks, launch every general form, and pool what followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version

import pandas as pd

from data import clock
from data.errors import RequestError
from data.events.event import Event
from data.histories import Histories
from data.loading import load_histories
from data.peer_groups import PeerGroup, bundled_groups
from reports.records.base_rates import BaseRates, DecisionClass, MeanOf
from reports.records.result import HORIZONS
from reports.statistics.availability import Missing, value_or_missing
from reports.statistics.verdict import EXPLORATORY, Verdict
from runners.engine import strategy_set
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates.bundled import bundled_base_rates, is_bundled
from runners.engine.base_rates.decisions import decision_class
from runners.engine.base_rates.judgement import SEED, judge_base_rates, shock_outcome, split_by_regime
from runners.engine.base_rates.launches import launch_all, launch_form
from runners.engine.base_rates.shocks import ShockClass
from runners.engine.base_rates.simulation import RuleOnLeader
from runners.engine.execution.executor import Executor, Progress, Serial, no_progress
from runners.engine.plan import load_studies
from runners.engine.request import PriceWindow, Request
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.general_form import AroundDecisions, OnLeader

MARKET = "SPY"
RATES = ("IEF", "BIL")  # their trend tells regimes apart
DECLARED = ShockClass()
FIRST = "2000-01-01"
CHANGED = "the class of shocks, the costs or the dates of the prices differ from the declared ones"


@dataclass(frozen=True)
class BaseRateRequest:
    """What to compute: studies with a general form, for an event, on prices, after a class of shocks.

    p-values are adjusted for all `studies`; the result is about those named in `shown`, or about all. `groups` replace
    the bundled ones. Raises RequestError for a study without a general form.
    """

    studies: tuple[Study, ...]
    event: Event
    window: PriceWindow
    settings: ShockClass = DECLARED
    groups: tuple[PeerGroup, ...] = ()
    frictions: Frictions = Frictions()
    shown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for study in self.studies:
            if study.general_form is None:
                raise RequestError(
                    f"{study.name} has no general form, so that it has no base rate; give its class one, such as "
                    f"general_form = RoleWeights(leader=-0.5, market=0.5)"
                )
            form = study.general_form
            if isinstance(form, OnLeader) and form.parameter not in study.all_parameters:
                raise RequestError(
                    f"{study.name}: general_form: OnLeader({form.parameter!r}) names a parameter that the reading does "
                    f"not have; it has {', '.join(study.all_parameters) or 'none'}"
                )

    @property
    def peer_groups(self) -> tuple[PeerGroup, ...]:
        """The given groups, or the bundled ones."""
        return self.groups or bundled_groups()

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that is asked for, the market first."""
        members = [symbol for group in self.peer_groups for symbol in group.members]
        own = [symbol for study in self.studies for symbol in _own_symbols(study)]
        return tuple(dict.fromkeys([MARKET, *members, *RATES, *own]))

    @property
    def is_declared(self) -> bool:
        """Whether the class of shocks, the costs and the dates of the prices are those fixed in code."""
        return self.is_declared_class and self.window.start in (None, FIRST) and self.window.end is None

    @property
    def is_declared_class(self) -> bool:
        """Whether the class of shocks and the costs are those fixed in code, whatever the dates."""
        return self.settings == DECLARED and not self.groups and self.frictions == Frictions()


def _own_symbols(study: Study) -> tuple[str, ...]:
    """Symbols that a study needs besides its roles."""
    form = launch_form(study)
    if isinstance(form, RuleOnLeader):
        return form.other_symbols
    return study.required_symbols if isinstance(study.general_form, AroundDecisions) else ()


def studies_with_general_form(event: Event, names: Sequence[str] = ()) -> tuple[Study, ...]:
    """All readings of an event that have a general form, with those of the given `names`.

    Raises RequestError if there is none.
    """
    named = load_studies(Request(event, tuple(names), benchmark=MARKET)) if names else ()
    found = adjusted_together(named, strategy_set.loadable_studies(event, MARKET))
    if not found:
        raise RequestError(
            f"no reading of the event {event.name!r} has a general form; give one of them `roles`, as in "
            f"docs/base-rates.md"
        )
    return found


def adjusted_together(studies: Sequence[Study], others: Iterable[Study]) -> tuple[Study, ...]:
    """The studies for which p-values are adjusted together: these, and the `others` that have a general form.

    Of two with the same name the first counts.
    """
    with_form = (study for study in others if study.general_form is not None)
    family = {study.name: study for study in reversed((*studies, *with_form))}
    return tuple(reversed(family.values()))


def run_base_rates(
    request: BaseRateRequest,
    executor: Executor = Serial(),
    loaded: Progress = no_progress,
    done: Progress = no_progress,
    now: Callable[[], pd.Timestamp] = clock.now,
) -> BaseRates:
    """The base rates of the request's readings.

    `loaded` is called for each symbol, `done` for each group. Raises RequestError where the source has no prices of the
    market, or the prices hold no comparable shock.
    """
    window = request.window
    histories = load_histories(request.symbols, window.start, window.end, window.source, loaded)
    if MARKET not in histories.prices.columns:
        raise RequestError(
            f"{histories.prices.origin} has no prices of {MARKET}, by which falls of a leader are told from falls of "
            f"the market; add them"
        )
    return base_rates_of(request, histories, executor, done, now)


def base_rates_of(
    request: BaseRateRequest,
    histories: Histories,
    executor: Executor = Serial(),
    done: Progress = no_progress,
    now: Callable[[], pd.Timestamp] = clock.now,
) -> BaseRates:
    """The base rates on histories that are loaded already; see run_base_rates."""
    event, studies = request.event, {study.name: study for study in request.studies}
    forms = {name: form for name, study in studies.items() if (form := launch_form(study)) is not None}
    conditions = TradingConditions(hold=max(HORIZONS), frictions=request.frictions, shock_lead=event.lead)
    launches = launch_all(histories, request.peer_groups, MARKET, request.settings, forms, conditions, executor, done)
    session = f"{event.shock:%Y-%m-%d}"
    rates = BaseRates(
        event=event.title,
        event_session=session,
        shocks=tuple(shock_outcome(launches, shock) for shock in launches.shocks),
        readings=judge_base_rates(launches, studies, session, verdict_instead(request, histories)),
        splits=tuple(split_by_regime(launches, histories)),
        decisions=decision_results(request, histories, executor),
        settings={**asdict(request.settings), "lead": event.lead},
        declared=request.is_declared,
        groups={group.name: group.title for group in request.peer_groups},
        first=f"{histories.sessions[0]:%Y-%m-%d}",
        last=f"{histories.sessions[-1]:%Y-%m-%d}",
        origin=histories.prices.origin,
        real=histories.prices.real,
        missing=histories.missing,
        computed=f"{now():%Y-%m-%d}",
        version=version("deepseek-readings"),
        bundled=bundled_means(studies) if histories.prices.real and request.is_declared else {},
    )
    return rates.only(request.shown) if request.shown else rates


def bundled_means(studies: Mapping[str, Study]) -> dict[str, MeanOf]:
    """Means of the bundled base rates of those studies that they are about, by name."""
    return {
        name: MeanOf(rate.headline.n, rate.headline.mean)
        for name, rate in bundled_base_rates().readings.items()
        if is_bundled(studies.get(name), rate)
    }


def verdict_instead(request: BaseRateRequest, histories: Histories) -> Verdict | None:
    """The verdict on simulated prices, or with settings that were not declared; None where the tests decide."""
    if not histories.prices.real:
        return Verdict(None, reason="the prices are simulated")
    return None if request.is_declared else Verdict(EXPLORATORY, reason=CHANGED)


def decision_results(request: BaseRateRequest, histories: Histories, executor: Executor) -> DecisionClass | Missing:
    """The class of FOMC decisions, for the first reading that has one."""
    for study in request.studies:
        form = study.general_form
        if isinstance(form, AroundDecisions):
            compute = partial(decision_class, study, form, histories, request.frictions, SEED, executor)
            return value_or_missing(compute)
    return Missing("no reading of this run is about FOMC decisions")
