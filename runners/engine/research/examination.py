"""Everything that is run for the evidence on one reading, in any process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np

from data.errors import DataError, RequestError
from data.prices import Prices
from reports.records.evidence import BreakEven, Description
from reports.records.result import HORIZONS
from reports.statistics import bootstrap, placebo
from reports.statistics.availability import Missing, Unavailable, value_or_missing
from reports.statistics.bootstrap import Interval
from reports.statistics.event_study import EventSample
from reports.statistics.regression import Regression, regress
from reports.statistics.shock import ShockStudy, study_shock
from reports.statistics.verdict import HORIZON
from reports.statistics.year_timing import window_entries
from runners.engine.author_code import author_code
from runners.engine.comparators import excess_log_returns
from runners.engine.research import permutation
from runners.engine.research.break_even import break_even_costs
from runners.engine.research.descriptions import descriptions
from runners.engine.research.evidence_plan import KEYS, EvidencePlan, ReadingCase
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure

T = TypeVar("T")
ESTIMATION = 220  # sessions of the estimation window of the event study
AROUND = (1, 20)  # sessions before and after the shock
NO_RULE = Missing("only a Reading has a rule that can be run at other dates")


@dataclass(frozen=True, eq=False)
class ExaminedReading:
    """What was run for one reading.

    `d`, shape (n, 6), is that of the entries in the rows `entries`, with KEYS as columns; `permuted`, shape
    (n_draws + 1,), holds the statistics of the reading (first) and of its permutations of stocks, None for a reading
    that does not choose stocks. `long_run`: its claim is about the long run. `reason` says why there are no past
    entries.
    """

    entries: np.ndarray
    d: np.ndarray
    intervals: Mapping[str, Interval | Missing]
    regressions: Mapping[str, Regression | Missing]
    permuted: np.ndarray | Missing | None = None
    break_even: BreakEven | Missing = NO_RULE
    shock: ShockStudy | Missing = NO_RULE
    described: tuple[Description, ...] = ()
    long_run: bool = False
    reason: str = ""

    @property
    def uncounted(self) -> bool:
        """Whether one of its declared tests could not be run, so that p-values are not adjusted for it."""
        return bool(self.reason) or isinstance(self.permuted, Missing)


def examine_reading(prices: Prices, plan: EvidencePlan, case: ReadingCase) -> ExaminedReading:
    """Run everything for one reading. A failure is kept as the reason why a figure is missing."""
    study, reason = case.study, ""
    try:
        with author_code(study.strategy.__module__):
            entries, d = excess_by_entry(prices, plan, study, all_sessions=case.returns is not None)
    except AUTHOR_ERRORS as error:  # a rule may fail at any other date
        entries, d = np.array([plan.entry]), np.full((1, len(KEYS)), np.nan)
        reason = f"it failed at another entry date: {describe_failure(error, study.strategy.__module__).summary}"
    if case.returns is None or case.excess is None or case.proxies is None:
        permuted = permuted_or_missing(prices, plan, study)
        return ExaminedReading(entries, d, {}, {}, permuted, long_run=study.long_run, reason=reason)
    return ExaminedReading(
        entries,
        d,
        long_run=study.long_run,
        reason=reason,
        intervals=bootstrap_intervals(case.returns, case.excess, case.proxies[plan.market], plan),
        regressions={
            name: value_or_missing(partial(regress, case.excess, funds))
            for name, funds in market_proxies(case.proxies).items()
        },
        **(examine_rule(prices, plan, study) if study.has_rule else {}),
    )


def examine_rule(prices: Prices, plan: EvidencePlan, study: Study) -> dict[str, Any]:
    """The fields of ExaminedReading that need a rule."""
    return {
        "permuted": permuted_or_missing(prices, plan, study),
        "break_even": result_or_missing(lambda: break_even_costs(prices, plan, study)),
        "shock": result_or_missing(lambda: shock_evidence(prices, plan, study)),
        "described": descriptions(prices, plan, study),
    }


def permuted_or_missing(prices: Prices, plan: EvidencePlan, study: Study) -> np.ndarray | Missing | None:
    """The statistics of the permutations, or why there are none; None for a study that does not choose stocks."""
    return result_or_missing(lambda: permuted_stocks(prices, plan, study)) if study.chooses else None


def result_or_missing(compute: Callable[[], T]) -> T | Missing:
    """The result of `compute`, or the reason why it failed."""
    try:
        with author_code():
            return compute()
    except (Unavailable, RequestError, DataError) as error:
        return Missing(str(error))
    except AUTHOR_ERRORS as error:  # a rule may raise anything
        return Missing(f"it failed: {describe_failure(error).summary}")


def excess_by_entry(
    prices: Prices, plan: EvidencePlan, study: Study, all_sessions: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the real and the past entries, shape (n,), and d of each, shape (n, 6).

    With a rule, every session is an entry, or, without `all_sessions`, the tested ones only; without a rule, those
    at the horizons that have enough of them. Raises RequestError where the real entry comes too early.
    """
    if not study.has_rule:
        return plain_strategy_differences(prices, plan, study)
    if plan.entry < plan.first:
        raise RequestError(f"the entry comes before {prices.days[plan.first]}, the first that every reading can have")
    entries = plan.first + np.arange(len(prices.sessions) - plan.first)
    if not all_sessions:
        entries = tested_entry_rows(plan, len(prices.sessions) - 1)
    return entries, excess_log_returns(study, prices, entries, plan.conditions)


def tested_entry_rows(plan: EvidencePlan, last: int) -> np.ndarray:
    """Rows of the real entry, of the aligned ones of all horizons, and of the windows of the year, in order.

    `last` is the last row of the prices.
    """
    rows = [placebo.aligned_entries(plan.entry, horizon, plan.first) for horizon in HORIZONS]
    return np.unique(np.concatenate(([plan.entry], *rows, window_entries(plan.entry, HORIZON, plan.first, last))))


def plain_strategy_differences(prices: Prices, plan: EvidencePlan, study: Study) -> tuple[np.ndarray, np.ndarray]:
    """The tested entries of a plain strategy, each held to the longest horizon that counts it."""
    after = window_entries(plan.entry, HORIZON, plan.entry, len(prices.sessions) - 1)
    holds = dict.fromkeys(after.tolist(), HORIZON) | {plan.entry: max(HORIZONS)}
    for horizon in HORIZONS[1:]:
        rows = placebo.aligned_entries(plan.entry, horizon, plan.first)
        holds |= dict.fromkeys(rows.tolist(), horizon) if len(rows) >= placebo.LEAST_PLACEBOS else {}
    entries = np.array(sorted(holds))
    d = np.full((len(entries), len(KEYS)), np.nan)
    for hold in sorted(set(holds.values())):
        same_hold = np.array([holds[row] == hold for row in entries.tolist()])
        limit = hold if plan.conditions.hold is None else min(hold, plan.conditions.hold)
        conditions = replace(plan.conditions, hold=limit)
        d[same_hold] = excess_log_returns(study, prices, entries[same_hold], conditions)
    return entries, d


def permuted_stocks(prices: Prices, plan: EvidencePlan, study: Study) -> np.ndarray:
    """The statistic of every permutation of stocks, shape (n_draws + 1,); the first is the reading itself."""
    needed = (*study.chooses, *permutation.FACTORS)
    if absent := [symbol for symbol in needed if symbol not in prices.columns]:
        raise Unavailable(f"no prices for {', '.join(absent)}, which the test of stock selection needs")
    universe = permutation.tradable_stocks(study.chooses, prices, plan.entry - 1)
    permutations = permutation.StockPermutations.of(universe, plan.draws, plan.seed)
    return permutation.permuted_statistics(study, prices, plan.entry, plan.conditions, permutations).studentised


def shock_evidence(prices: Prices, plan: EvidencePlan, study: Study) -> ShockStudy:
    """The event study around the shock, with the stocks and weights of the reading's first position."""
    decisions = permutation.decisions_at_entry(study, prices, plan.entry, plan.conditions).values()
    weights = next((weights for weights in decisions if any(weights.values())), {})
    position = {symbol: weight for symbol, weight in weights.items() if weight}
    if not position:
        raise Unavailable("the reading never takes a position, so that there are no legs")
    first, last = estimation_window(prices, plan)
    sample = event_sample(prices, plan, tuple(position), first, last)
    span = str(prices.days[first]), str(prices.days[last])
    return study_shock(sample, list(position), position, str(prices.days[prices.row(plan.shock)]), span, plan.market)


def estimation_window(prices: Prices, plan: EvidencePlan) -> tuple[int, int]:
    """First and last row of the estimation window of the event study. Raises Unavailable if prices begin too late."""
    last = int(prices.sessions.searchsorted(plan.quiet_until, side="right")) - 1
    first = max(1, last - ESTIMATION + 1)
    if first > last or prices.row(plan.shock) <= AROUND[0]:
        raise Unavailable(f"prices begin on {prices.days[0]}; the estimation window needs earlier ones")
    return first, last


def event_sample(prices: Prices, plan: EvidencePlan, symbols: tuple[str, ...], first: int, last: int) -> EventSample:
    """Returns of `symbols` and of the market, in the estimation window and around the shock."""
    close = prices.rebased(0).select((*symbols, plan.market)).close
    returns = close[1:] / close[:-1] - 1  # row t - 1 holds the return of session t
    before, after = AROUND
    shock = prices.row(plan.shock)
    estimation, event = returns[first - 1 : last], returns[shock - before - 1 : shock + after]
    return EventSample(estimation[:, :-1], estimation[:, -1], event[:, :-1], event[:, -1], before)


def bootstrap_intervals(
    returns: np.ndarray, excess: np.ndarray, market: np.ndarray, plan: EvidencePlan
) -> dict[str, Interval | Missing]:
    """Bootstrap intervals of Sharpe ratio, CAGR and alpha on the market, from one set of resamples."""

    def resample() -> np.ndarray:
        block = bootstrap.block_length(excess, market)
        return bootstrap.resample_positions(len(excess), block, plan.seed, plan.resamples)

    resamples = value_or_missing(resample)
    if isinstance(resamples, Missing):
        return dict.fromkeys(("sharpe", "cagr", "alpha"), resamples)
    return {
        "sharpe": value_or_missing(lambda: bootstrap.sharpe_interval(excess, resamples)),
        "cagr": value_or_missing(lambda: bootstrap.cagr_interval(returns, resamples)),
        "alpha": value_or_missing(lambda: bootstrap.alpha_interval(excess, market, resamples)),
    }


def market_proxies(funds: Mapping[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """The regressors of each regression: every proxy of the market alone, then all of them together."""
    alone = {name: {name: returns} for name, returns in funds.items()}
    return alone if len(alone) == 1 else {**alone, " and ".join(funds): dict(funds)}
