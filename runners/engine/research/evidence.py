"""The evidence on a run: what has to be run for it, and what the statistics of `reports.evidence` make of that."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from data import calendar
from data.errors import DataError, RequestError
from data.events.catalog import DEFAULT
from data.events.event import Event
from data.prices import Prices
from reports.figures.metrics import daily_risk_free_rate
from reports.pages.evidence_prose import listed_names
from reports.records.evidence import END, BreakEven, Description, Evidence, PastEntries, RunEvidence, SharpeEvidence
from reports.records.result import HORIZONS, Result, Run
from reports.statistics import bootstrap, overfitting, placebo
from reports.statistics.availability import Missing, Unavailable, value_or_missing
from reports.statistics.bootstrap import Interval
from reports.statistics.event_study import EventSample
from reports.statistics.multiple_testing import Superiority, superiority_test
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.regression import Regression, regress
from reports.statistics.returns import PERIODS
from reports.statistics.shock import ShockStudy, study_shock
from reports.statistics.verdict import HORIZON, Verdict, decide_verdict
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_log_wealth, excess_log_returns, excess_over, log_wealth
from runners.engine.execution.executor import Executor, Progress, WorkerDiedError, map_surviving, no_progress
from runners.engine.plan import Plan
from runners.engine.provenance import run_manifest
from runners.engine.request import Request
from runners.engine.research import permutation
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure, worker_death
from runners.engine.trial_ledger import Trials
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.comparator import BetaMatched, Fund

T = TypeVar("T")
FIRST = 148  # sessions before the first placebo launch: what the rule with the longest history needs
KEYS = (*map(str, HORIZONS), END)
EFFECTS = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.60)  # d of the power curve
ESTIMATION = 220  # sessions of the event study
AROUND = (1, 20)  # sessions before and after the shock
MOST_BPS = 1000.0  # one-way trading costs beyond which no break-even is looked for
MOST_BORROW = 5.0  # a year, likewise
BOTTOM = -10.0  # stands for the log of ruin where a zero is looked for
WORST = 0.1  # share of launches after the deepest falls
PROXIES = ("SPY", "QQQ")  # of the market, for alpha and beta


@dataclass(frozen=True)
class EvidencePlan:
    """What is run for the evidence, and how much of it. `entry` is the row of the real entry session."""

    entry: int
    first: int
    shock: pd.Timestamp
    quiet_until: pd.Timestamp
    conditions: TradingConditions
    market: str
    draws: int = 5000
    resamples: int = 2000
    seed: int = 20250131


NO_RULE = Missing("only a Reading, with a rule of its own, can be asked")


@dataclass(frozen=True, eq=False)
class ExaminedReading:
    """What was run for one reading: d of launches at the rows `entries` (n, 6), of draws (n_draws + 1, 6), and more.

    The columns are HORIZONS and the end; draws begin with the reading itself and are None where names are no choice.
    `reason` says why there are no launches.
    """

    entries: np.ndarray
    launches: np.ndarray
    intervals: Mapping[str, Interval | Missing]
    regressions: Mapping[str, Regression | Missing]
    draws: np.ndarray | Missing | None = None
    break_even: BreakEven | Missing = NO_RULE
    shock: ShockStudy | Missing = NO_RULE
    described: tuple[Description, ...] = ()
    reason: str = ""

    @property
    def uncounted(self) -> bool:
        """Whether a declared test of it could not be run, so that the others' family-wise values lack it."""
        return bool(self.reason) or isinstance(self.draws, Missing)


def evidence_plan(prices: Prices, request: Request, market: str, studies: Sequence[Study]) -> EvidencePlan:
    """The plan of a run. `market` is the fund of the event study, whose first session also counts for placebos."""
    event, launch = request.event, request.schedule
    day = launch.shock if launch.shock is not None else calendar.offset(launch.entry, -event.lead)
    quiet = event.quiet_until if event.quiet_until is not None else calendar.offset(event.shock, -1)
    moved = calendar.calendar_index(day) - calendar.calendar_index(event.shock)
    listed = int(prices.listed[prices.columns[market]])
    return EvidencePlan(
        entry=prices.row(launch.entry),
        first=max(
            listed + FIRST,
            *(subject.required_closes for subject in studies),
            *(_traded(prices, each) for each in studies),
        ),
        shock=day,
        quiet_until=calendar.offset(quiet, moved),
        conditions=TradingConditions(
            launch.hold,
            launch.rebalance,
            request.frictions,
            shock_lead=calendar.calendar_index(launch.entry) - calendar.calendar_index(day),
        ),
        market=market,
    )


def _traded(prices: Prices, subject: Study) -> int:
    """The first entry at which the fund that a reading must beat can be bought."""
    if not isinstance(subject.comparator, Fund | BetaMatched):
        return 0
    return int(prices.listed[prices.columns[subject.comparator.symbol]]) + 1


@dataclass(frozen=True, eq=False)
class ReadingCase:
    """A reading with its daily returns over the window, less the risk-free rate, shape (n_sessions,).

    `proxies` holds the same of the funds that stand for the market. All are None for a reading that was not asked for,
    and is run only because family-wise p-values count it.
    """

    subject: Study
    returns: np.ndarray | None = None
    excess: np.ndarray | None = None
    proxies: Mapping[str, np.ndarray] | None = None

    def __str__(self) -> str:
        return self.subject.name


def examine_reading(prices: Prices, planned: EvidencePlan, case: ReadingCase) -> ExaminedReading:
    """Run all that the evidence on one reading needs. What cannot be run is told, and stops no other reading."""
    subject, reason = case.subject, ""
    try:
        entries, launches = excess_by_past_entry(prices, planned, subject, whole=case.returns is not None)
    except AUTHOR_ERRORS as error:  # whatever the author of a strategy let through, at another date
        entries, launches = np.array([planned.entry]), np.full((1, len(KEYS)), np.nan)
        reason = f"a launch at another date failed: {describe_failure(error, subject.strategy.__module__).summary}"
    if case.returns is None or case.excess is None or case.proxies is None:
        draws = result_or_missing(lambda: permuted_differences(prices, planned, subject)) if subject.chooses else None
        return ExaminedReading(entries, launches, {}, {}, draws, reason=reason)
    asked = examine_rule(prices, planned, subject) if subject.has_rule else {}
    return ExaminedReading(
        entries,
        launches,
        reason=reason,
        intervals=bootstrap_intervals(case.returns, case.excess, case.proxies[planned.market], planned),
        regressions={
            name: value_or_missing(partial(regress, case.excess, own))
            for name, own in market_proxies(case.proxies).items()
        },
        **asked,
    )


def examine_rule(prices: Prices, planned: EvidencePlan, subject: Study) -> dict[str, Any]:
    """What only a reading can be asked, since it has a rule."""
    return {
        "draws": result_or_missing(lambda: permuted_differences(prices, planned, subject)) if subject.chooses else None,
        "break_even": result_or_missing(lambda: break_even_costs(prices, planned, subject)),
        "shock": result_or_missing(lambda: shock_evidence(prices, planned, subject)),
        "described": descriptions(prices, planned, subject),
    }


def result_or_missing(work: Callable[[], T]) -> T | Missing:
    """What `work` gives, or why it could not be run."""
    try:
        return work()
    except (Unavailable, RequestError, DataError) as error:
        return Missing(str(error))
    except AUTHOR_ERRORS as error:  # whatever the author of a strategy let through
        return Missing(f"it failed: {describe_failure(error).summary}")


def excess_by_past_entry(
    prices: Prices, planned: EvidencePlan, subject: Study, whole: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the real and the past entries, shape (n,), and d of each, shape (n, 6).

    Of a rule every session, or, where not the `whole` is wanted, the aligned ones; of any other strategy the aligned
    ones at the horizons that need them.
    """
    if subject.has_rule:
        if planned.entry < planned.first:
            raise RequestError(
                f"the entry comes before {prices.days[planned.first]}, the first session at which all can be launched"
            )
        entries = np.arange(planned.first, len(prices.sessions)) if whole else aligned_entry_rows(planned)
        return entries, excess_log_returns(subject, prices, entries, planned.conditions)
    return plain_strategy_differences(prices, planned, subject)


def aligned_entry_rows(planned: EvidencePlan) -> np.ndarray:
    """The real entry and the aligned ones of all horizons."""
    rows = [placebo.aligned_entries(planned.entry, horizon, planned.first) for horizon in HORIZONS]
    return np.unique(np.concatenate(([planned.entry], *rows)))


def plain_strategy_differences(prices: Prices, planned: EvidencePlan, subject: Study) -> tuple[np.ndarray, np.ndarray]:
    """The real launch and the aligned ones of a plain strategy, each held to the longest horizon that counts it."""
    holds = {planned.entry: max(HORIZONS)}
    for horizon in HORIZONS[1:]:
        rows = placebo.aligned_entries(planned.entry, horizon, planned.first)
        holds |= dict.fromkeys(rows.tolist(), horizon) if len(rows) >= placebo.LEAST_PLACEBOS else {}
    entries = np.array(sorted(holds))
    found = np.full((len(entries), len(KEYS)), np.nan)
    for hold in sorted(set(holds.values())):
        those = np.array([holds[row] == hold for row in entries.tolist()])
        limit = hold if planned.conditions.hold is None else min(hold, planned.conditions.hold)
        found[those] = excess_log_returns(subject, prices, entries[those], replace(planned.conditions, hold=limit))
    return entries, found


def permuted_differences(prices: Prices, planned: EvidencePlan, subject: Study) -> np.ndarray:
    """d of every draw of other names at the real entry, shape (n_draws + 1, 6); the first is the reading itself."""
    if absent := [name for name in subject.chooses if name not in prices.columns]:
        raise Unavailable(f"no prices for {', '.join(absent)}, names that could have been chosen")
    universe = permutation.tradable_names(subject.chooses, prices, planned.entry - 1)
    draws = permutation.NamePermutations.of(universe, planned.draws, planned.seed)
    run = permutation.permuted_weights(subject, prices, planned.entry, planned.conditions, draws)
    scenarios = planned.conditions.at(np.array([planned.entry]), prices, subject.parameters)
    return excess_over(log_wealth(run), comparator_log_wealth(subject, prices, scenarios))


def break_even_costs(prices: Prices, planned: EvidencePlan, subject: Study) -> BreakEven:
    """One-way trading costs and the borrow rate at which d at the end is zero."""
    costs = planned.conditions.frictions
    decided = permutation.decisions_at_entry(subject, prices, planned.entry, planned.conditions)
    short = any(weight < 0 for weights in decided.values() for weight in weights.values())

    def d(changed: Frictions) -> float:
        conditions = replace(planned.conditions, frictions=changed)
        found = excess_log_returns(subject, prices, np.array([planned.entry]), conditions)
        return max(float(found[0, -1]), BOTTOM)

    return BreakEven(
        break_even_cost(lambda bps: d(replace(costs, commission_bps=bps, half_spread_bps=0.0)), MOST_BPS, "{:,.0f} bp"),
        break_even_cost(lambda rate: d(replace(costs, borrow_rate=rate)), MOST_BORROW, "{:.0%} a year")
        if short
        else Missing("nothing is sold short"),
        costs.commission_bps + costs.half_spread_bps,
        costs.borrow_rate,
    )


def break_even_cost(d: Callable[[float], float], most: float, unit: str) -> float | Missing:
    """The cost at which d falls to zero."""
    from scipy.optimize import brentq

    if d(0.0) <= 0:
        return Missing("d is not above zero even without this cost")
    if d(most) > 0:
        return Missing(f"d stays above zero up to {unit.format(most)}, beyond which nothing is tried")
    return float(brentq(d, 0.0, most, xtol=most * 1e-6))


def shock_evidence(prices: Prices, planned: EvidencePlan, subject: Study) -> ShockStudy:
    """The event study around the shock, of the names and weights of the reading's first position."""
    decided = permutation.decisions_at_entry(subject, prices, planned.entry, planned.conditions).values()
    weights = next((weights for weights in decided if any(weights.values())), {})
    held = [name for name, weight in weights.items() if weight]
    if not held:
        raise Unavailable("the reading never takes a position, so that there are no legs")
    last, day = int(prices.sessions.searchsorted(planned.quiet_until, side="right")) - 1, prices.row(planned.shock)
    first, end = max(1, last - ESTIMATION + 1), min(len(prices.sessions), day + AROUND[1] + 1)
    if first > last or day <= AROUND[0]:
        raise Unavailable(f"prices begin on {prices.days[0]}; the estimation window needs earlier ones")
    close = prices.rebased(0).select((*held, planned.market)).close
    returns = close[1:] / close[:-1] - 1  # row t - 1 holds the return of session t
    sample = EventSample(
        returns[first - 1 : last, :-1],
        returns[first - 1 : last, -1],
        returns[day - AROUND[0] - 1 : end - 1, :-1],
        returns[day - AROUND[0] - 1 : end - 1, -1],
        AROUND[0],
    )
    span = str(prices.days[first]), str(prices.days[last])
    return study_shock(
        sample, held, {name: weights[name] for name in held}, str(prices.days[day]), span, planned.market
    )


def descriptions(prices: Prices, planned: EvidencePlan, subject: Study) -> tuple[Description, ...]:
    """What stands beside the tests: variants that the reading names, and launches after a fall of what it reacts to."""
    try:
        return (*variant_descriptions(prices, planned, subject), *after_fall_descriptions(prices, planned, subject))
    except AUTHOR_ERRORS:  # what stands beside the tests must not stop them
        return ()


def variant_descriptions(prices: Prices, planned: EvidencePlan, subject: Study) -> list[Description]:
    """The reading at its own entry with other parameters."""
    entry, found = np.array([planned.entry]), []
    for heading, settings in subject.strategy.variants.items():
        own = excess_log_returns(subject, prices, entry, planned.conditions)[0]
        changed = [replace(subject, parameters={**subject.parameters, **setting}) for setting in settings]
        others = [excess_log_returns(each, prices, entry, planned.conditions)[0] for each in changed]
        found += compare_with_others(heading, own, np.array(others))
    return found


def after_fall_descriptions(prices: Prices, planned: EvidencePlan, subject: Study) -> list[Description]:
    """Launches whose shock session was among the worst tenth of the symbol that the reading reacts to."""
    symbol = subject.strategy.reacts_to
    if not symbol:
        return []
    entries = np.arange(planned.first, len(prices.sessions))
    close = prices.rebased(0).close[:, prices.columns[symbol]]
    shocks = entries - planned.conditions.shock_lead
    moves = close[shocks] / close[shocks - 1] - 1
    fell = entries[(moves <= np.nanquantile(moves, WORST)) & (entries != planned.entry)]
    own = excess_log_returns(subject, prices, np.array([planned.entry]), planned.conditions)[0]
    heading = f"launches after the worst tenth of {symbol}'s sessions (they overlap)"
    others = excess_log_returns(subject, prices, fell, planned.conditions)
    hold = len(prices.sessions) if planned.conditions.hold is None else planned.conditions.hold
    others[len(prices.sessions) - fell < hold + planned.conditions.frictions.lag, -1] = (
        np.nan
    )  # cut short: other lengths
    return compare_with_others(heading, own, others)


def compare_with_others(heading: str, own: np.ndarray, others: np.ndarray) -> list[Description]:
    """The real d beside those of others, at the horizon of the verdict, at 60 sessions and at the end."""
    found = []
    for key in (str(HORIZON), "60", END):
        column = KEYS.index(key)
        known = others[:, column][np.isfinite(others[:, column])]
        if np.isfinite(own[column]) and len(known):
            share = float(np.mean(np.round(known, placebo.DIGITS) >= round(own[column], placebo.DIGITS)))
            found.append(Description(heading, key, len(known), float(own[column]), float(np.median(known)), share))
    return found


def bootstrap_intervals(
    returns: np.ndarray, excess: np.ndarray, market: np.ndarray, planned: EvidencePlan
) -> dict[str, Interval | Missing]:
    """Bootstrap intervals of Sharpe, CAGR and alpha on the market, from one set of resamples."""

    def drawn() -> np.ndarray:
        block = bootstrap.block_length(excess, market)
        return bootstrap.resample_positions(len(excess), block, planned.seed, planned.resamples)

    draws = value_or_missing(drawn)
    if isinstance(draws, Missing):
        return dict.fromkeys(("sharpe", "cagr", "alpha"), draws)
    return {
        "sharpe": value_or_missing(lambda: bootstrap.sharpe_interval(excess, draws)),
        "cagr": value_or_missing(lambda: bootstrap.cagr_interval(returns, draws)),
        "alpha": value_or_missing(lambda: bootstrap.alpha_interval(excess, market, draws)),
    }


def market_proxies(funds: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Each proxy of the market alone, and all of them together."""
    alone = {name: {name: returns} for name, returns in funds.items()}
    return alone if len(alone) == 1 else {**alone, " and ".join(funds): dict(funds)}


def reading_cases(run: Run, subjects: Sequence[Study], prices: Prices, market: str) -> list[ReadingCase]:
    """Every reading with what its statistics need."""
    rate, index = daily_risk_free_rate(run), run.benchmark.index
    start = prices.row(run.results[0].equity.index[0])
    funds = {}
    for name in dict.fromkeys((market, *(proxy for proxy in PROXIES if proxy in prices.columns))):
        close = prices.select((name,)).rebased(start).close[start : start + len(index) + 1, 0]
        funds[name] = close[1:] / close[:-1] - 1 - rate
    return [
        ReadingCase(subject, result.returns.to_numpy(), result.returns.to_numpy() - rate, funds)
        for subject, result in zip(subjects, run.results, strict=True)
    ]


def judge_run(
    run: Run,
    planned: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    prices: Prices,
    trials: Trials,
    request: Request,
    broken: str = "",
) -> RunEvidence:
    """From what was run to the evidence on each reading and on all of them together.

    The first of `examined` are the readings of the run, under their names. `broken` says why the family is not whole,
    which gives no verdict.
    """
    timing = timing_ranks(planned, examined)
    spatial = selection_ranks(examined)
    grid = aligned_values(planned, examined, HORIZON)
    found = {}
    for column, result in enumerate(run.results):
        own = examined[result.name]
        by_timing, by_names = timing[result.name], spatial.get(result.name)
        found[result.name] = Evidence(
            name=result.name,
            verdict=run_verdict(run, by_timing[str(HORIZON)], by_names[END] if by_names else None, broken),
            d=result.d,
            occurred=result.occurred,
            timing=by_timing,
            names=by_names,
            launches=Missing(own.reason) if own.reason else past_entries(planned, own, prices),
            drawn=tuple(np.round(own.draws[1:, -1], 6).tolist()) if isinstance(own.draws, np.ndarray) else (),
            power=timing_power(grid, column, by_timing[str(HORIZON)]),
            shock=own.shock,
            intervals=own.intervals,
            regressions=own.regressions,
            break_even=own.break_even,
            sharpe=sharpe_evidence(result, run, trials),
            described=own.described,
        )
    return RunEvidence(
        evidence=found,
        superiority=value_or_missing(lambda: test_superiority(run, planned)),
        confounders=window_confounders(request.event, run),
        hindsight=request.hindsight,
        real=run.real,
        origin=run.origin,
        draws=planned.draws,
        resamples=planned.resamples,
        seed=planned.seed,
        family=tuple(name for name, own in examined.items() if not own.reason),
        beforehand=request.event.name == request.event.origin == DEFAULT,
    )


def run_verdict(run: Run, timing: PlaceboRank, drawn: PlaceboRank | None, broken: str) -> Verdict:
    """The verdict, where these prices and readings can give one."""
    if not run.real:
        return Verdict(None, reason="the prices are a reconstruction, which gives no verdict on history")
    found = decide_verdict(timing, drawn)
    return found if found.word is None or not broken else Verdict(None, reason=f"the family is not whole: {broken}")


def timing_power(grid: np.ndarray, column: int, rank: PlaceboRank) -> Power | Missing:
    """The power of the timing test on one reading."""
    if rank.p is not None and np.max(grid[:, column]) <= 10**-placebo.DIGITS:
        return placebo.OneSidedPower(
            f"d was not above zero at any of {rank.n + 1} launches: over {HORIZON} sessions the reading holds nothing "
            f"else than what it must beat, so that it can be refuted but not supported"
        )
    return placebo.placebo_power(grid, column, EFFECTS) or Missing(rank.reason or "there are no aligned launches")


def aligned_values(planned: EvidencePlan, examined: Mapping[str, ExaminedReading], horizon: int) -> np.ndarray:
    """d at the real entry and at the aligned launches, shape (n + 1, n_readings); NaN where a launch was not run."""
    rows = np.concatenate(([planned.entry], placebo.aligned_entries(planned.entry, horizon, planned.first)))
    column = HORIZONS.index(horizon)
    values = np.full((len(rows), len(examined)), np.nan)
    for place, own in enumerate(examined.values()):
        _, at, there = np.intersect1d(rows, own.entries, return_indices=True)
        values[at, place] = own.launches[there, column]
    return values


def timing_ranks(planned: EvidencePlan, examined: Mapping[str, ExaminedReading]) -> dict[str, dict[str, PlaceboRank]]:
    """The placebo in time of every reading at every horizon."""
    found: dict[str, dict[str, PlaceboRank]] = {name: {} for name in examined}
    for horizon in HORIZONS:
        ranked = placebo.placebo_ranks(aligned_values(planned, examined, horizon))
        for (name, own), rank in zip(examined.items(), ranked, strict=True):
            found[name][str(horizon)] = replace(rank, reason=own.reason) if own.reason else rank
    return found


def selection_ranks(examined: Mapping[str, ExaminedReading]) -> dict[str, dict[str, PlaceboRank]]:
    """The placebo in space of the readings that choose names, at every horizon and at the end."""
    drawn = {name: own.draws for name, own in examined.items() if isinstance(own.draws, np.ndarray)}
    found: dict[str, dict[str, PlaceboRank]] = {
        name: dict.fromkeys(KEYS, PlaceboRank(0, None, reason=own.draws.reason))
        for name, own in examined.items()
        if isinstance(own.draws, Missing)
    }
    for column, key in enumerate(KEYS):
        values = np.column_stack([draws[:, column] for draws in drawn.values()]) if drawn else np.zeros((1, 0))
        for name, rank in zip(drawn, placebo.placebo_ranks(values), strict=True):
            found.setdefault(name, {})[key] = rank
    return found


def past_entries(planned: EvidencePlan, own: ExaminedReading, prices: Prices) -> PastEntries:
    """d of all launches, and which of them do not overlap."""
    places = {int(row): place for place, row in enumerate(own.entries)}
    return PastEntries(
        tuple(str(day) for day in prices.days[own.entries]),
        {
            key: tuple(round(value, 6) if np.isfinite(value) else None for value in own.launches[:, column].tolist())
            for column, key in enumerate(KEYS[:-1])
        },
        {
            str(horizon): tuple(
                places[row]
                for row in placebo.aligned_entries(planned.entry, horizon, planned.first).tolist()
                if row in places
            )
            for horizon in HORIZONS
        },
    )


def sharpe_evidence(result: Result, run: Run, trials: Trials) -> SharpeEvidence:
    """The Sharpe ratio after chance and trying."""
    sample = value_or_missing(lambda: overfitting.return_moments(result.returns.to_numpy() - daily_risk_free_rate(run)))
    known, count = trials.sharpes, len(trials)
    years = len(result.returns) / PERIODS
    if isinstance(sample, Missing):
        return SharpeEvidence(sample, sample, sample, sample, sample, years, count, trials.forgotten)
    deviation = float(np.std(known, ddof=1)) if len(known) > 1 else 0.0
    best = value_or_missing(lambda: overfitting.expected_maximum(count, deviation) * np.sqrt(PERIODS))
    return SharpeEvidence(
        annual=float(sample.sharpe * np.sqrt(PERIODS)),
        probabilistic=value_or_missing(lambda: overfitting.probabilistic_sharpe(sample)),
        deflated=value_or_missing(lambda: overfitting.deflated_sharpe(sample, count, deviation)),
        expected_best=best if isinstance(best, Missing) else float(best),
        years_needed=value_or_missing(lambda: overfitting.minimum_track_record(sample) / PERIODS),
        years=years,
        trials=count,
        forgotten=trials.forgotten,
    )


def test_superiority(run: Run, planned: EvidencePlan) -> Superiority:
    """Are all readings together better than what they must beat?"""
    excess = {
        result.name: result.returns.to_numpy() - result.comparator.pct_change().iloc[1:].to_numpy()
        for result in run.results
    }
    return superiority_test(excess, planned.seed, count=planned.resamples)


def window_confounders(event: Event, run: Run) -> tuple[tuple[str, str], ...]:
    """What else happened in the window, or in the two weeks before it."""
    first, last = run.benchmark.index[0] - pd.Timedelta(days=14), run.benchmark.index[-1]
    return tuple((day, words) for day, words in event.confounders if first <= pd.Timestamp(day) <= last)


def gather_evidence(
    run: Run,
    whole: Plan,
    prices: Prices,
    trials: Trials,
    executor: Executor,
    done: Progress = no_progress,
) -> Run:
    """The run with the evidence on all its readings: what has to be run for it is run on `executor`, then judged.

    A reading of which a worker process dies is told as failed, and stops no other.
    """
    there = tuple(rival for rival in whole.others if set(symbols_with_choices(rival)) <= set(prices.columns))
    request, subjects = whole.request, whole.studies
    planned = evidence_plan(prices, request, run.benchmark_name, (*subjects, *there))
    asked = [*reading_cases(run, subjects, prices, planned.market), *map(ReadingCase, there)]
    examined = map_surviving(executor, examine_reading, (prices, planned), asked, lambda _, error: error, done)
    run = without_dead(run, whole, prices, asked, examined)
    asked = [case for case, own in zip(asked, examined, strict=True) if isinstance(own, ExaminedReading)]
    examined = [own for own in examined if isinstance(own, ExaminedReading)]
    by_name = dict(zip(unique_labels([case.subject.name for case in asked]), examined, strict=True))
    counted = {case.subject.variant for case, own in zip(asked, examined, strict=True) if not own.uncounted}
    broken = incomplete_set_reason(
        [rival.name for rival in whole.others if rival not in there], uncounted_readings(whole, counted)
    )
    court = judge_run(run, planned, by_name, prices, trials, request, broken)
    settings = {"draws": planned.draws, "resamples": planned.resamples, "seed": planned.seed}
    tried = {"trials": len(trials), "forgotten": trials.forgotten}
    return replace(run, judged=True, court=court, manifest={**run.manifest, "evidence": {**settings, **tried}})


def without_dead(
    run: Run,
    whole: Plan,
    prices: Prices,
    asked: Sequence[ReadingCase],
    examined: Sequence[ExaminedReading | WorkerDiedError],
) -> Run:
    """The run without the readings of which a worker died, which are told as failed. Raises WorkError without any."""
    dead = {
        case.subject.name: own
        for case, own in zip(asked, examined, strict=True)
        if isinstance(own, WorkerDiedError) and case.returns is not None
    }
    if not dead:
        return run
    results = tuple(result for result in run.results if result.name not in dead)
    if not results:
        raise next(iter(dead.values()))
    failed = {name: worker_death(error) for name, error in dead.items()}
    manifest = {**run.manifest, **run_manifest(whole.with_results(results), prices, results)}
    return replace(run, results=results, failed={**run.failed, **failed}, manifest=manifest)


def unique_labels(names: Sequence[str]) -> list[str]:
    """A name for each, in their order: a rival that is called like a reading of the run is told apart."""
    found: list[str] = []
    for name in names:
        found.append(f"{name}, as declared" if name in found else name)
    return found


def uncounted_readings(whole: Plan, counted: Container[object]) -> list[str]:
    """Readings of the event's strategy set whose declared variant is not among those `counted`."""
    return [name for name, study in whole.required.items() if study is None or study.variant not in counted]


def incomplete_set_reason(priceless: Sequence[str], others: Sequence[str]) -> str:
    """Why the family is not whole; empty where it is."""
    if priceless:
        return f"there are no prices for {len(priceless)} of its readings, {priceless[0]} the first of them"
    if others:
        return (
            f"{listed_names(others)} could not be counted; mend what stops them, or take their files out of the family"
        )
    return ""


def symbols_with_choices(subject: Study) -> tuple[str, ...]:
    """Symbols that a reading needs, with the names that it could have chosen."""
    return (*subject.required_symbols, *subject.chooses)


def evidence_symbols(whole: Plan) -> tuple[str, ...]:
    """What the evidence needs beyond the plan's symbols: stocks to choose from, rivals, proxies of the market."""
    every = dict.fromkeys(
        (*(name for study in (*whole.studies, *whole.others) for name in symbols_with_choices(study)), *PROXIES)
    )
    return tuple(name for name in every if name not in whole.symbols)
