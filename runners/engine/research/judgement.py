"""From what was run to the evidence on every reading of a run: ranks among placebos, verdicts, Sharpe ratios."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import log1p

import numpy as np
import pandas as pd

from data.events.event import Event
from data.prices import Prices
from reports.figures.metrics import daily_risk_free_rate
from reports.records.evidence import Evidence, EvidenceReport, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Result, Run
from reports.statistics import overfitting, placebo, year_timing
from reports.statistics.availability import Missing, value_or_missing
from reports.statistics.multiple_testing import Superiority, superiority_test
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.returns import PERIODS
from reports.statistics.verdict import (
    BOUND,
    EXPLORATORY,
    HORIZON,
    MONTH,
    STOCKS,
    Sensitivity,
    Verdict,
    decide_verdict,
    placebo_test,
    year_test,
)
from reports.statistics.year_timing import YearTiming
from runners.engine.execution.executor import Executor, Serial
from runners.engine.request import Request
from runners.engine.research.evidence_plan import KEYS, EvidencePlan
from runners.engine.research.examination import ExaminedReading
from runners.engine.research.families import Families, grouped, ranks_by_family, reading_families
from runners.engine.sharpe_evidence import deflated_sharpe_evidence
from runners.engine.trial_ledger import Trials

YEAR_TEST_RELEASED = "2026-11-28"  # for events from this day on timing over the year is declared, else exploratory
EFFECTS = tuple(map(log1p, (0.02, BOUND, 0.10, 0.15, 0.20, 0.30, 0.40, 0.60)))  # d of the power curve


def judge_run(
    run: Run,
    plan: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    prices: Prices,
    trials: Trials,
    request: Request,
    incomplete: str = "",
    changed: Collection[str] = (),
    executor: Executor = Serial(),
) -> EvidenceReport:
    """The evidence on each reading and on all of them together.

    `examined` begins with the readings of the run, under their names; rivals follow. `incomplete` says why the strategy
    set is incomplete, in which case there is no verdict; `changed` are readings with parameters of their own.
    """
    counted = [name for name, reading in examined.items() if not reading.reason]
    families = reading_families(request.event, counted, [name for name in counted if examined[name].long_run])
    year_declared = request.event.shock >= pd.Timestamp(YEAR_TEST_RELEASED)
    circumstances = Circumstances(run.real, undeclared_settings(request), tuple(changed), incomplete, year_declared)
    return EvidenceReport(
        readings=judge_readings(run, plan, examined, prices, trials, families, circumstances),
        superiority=judge_superiority(run, plan, executor),
        confounders=window_confounders(request.event, run),
        hindsight=request.hindsight,
        real=run.real,
        origin=run.origin,
        draws=plan.draws,
        resamples=plan.resamples,
        seed=plan.seed,
        families=families,
        year_declared=year_declared,
    )


@dataclass(frozen=True)
class Circumstances:
    """What decides whether a run can give verdicts: see `run_verdict`."""

    real: bool
    undeclared: str = ""
    changed: tuple[str, ...] = ()
    incomplete: str = ""
    year_declared: bool = False


def undeclared_settings(request: Request) -> str:
    """The settings of a run that are not the declared ones, in words; empty for none."""
    declared = Request(request.event)
    words = []
    if request.schedule.entry != declared.schedule.entry:
        words.append(f"it enters on {request.schedule.entry:%Y-%m-%d} instead of {declared.schedule.entry:%Y-%m-%d}")
    if request.hold != declared.hold:
        hold = "to the end of the prices" if request.hold is None else f"for {request.hold} sessions"
        words.append(f"it holds {hold} instead of {declared.hold}")
    if request.rebalance != declared.rebalance:
        words.append(f"it rebalances every {request.rebalance} sessions instead of {declared.rebalance}")
    if request.frictions != declared.frictions:
        words.append("its costs are not the declared ones")
    return ", ".join(words)


def judge_readings(
    run: Run,
    plan: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    prices: Prices,
    trials: Trials,
    families: Families,
    circumstances: Circumstances,
) -> dict[str, Evidence]:
    """The evidence on each reading of the run, by name; see `judge_run`."""
    timing, year = timing_ranks(plan, examined, families), timings_over_year(plan, prices, examined, families)
    selection = selection_ranks(examined, families)
    evidence = {}
    for result in run.results:
        reading = examined[result.name]
        up, down = timing_power(plan, examined, families, result.name, timing[result.name][str(HORIZON)])
        month = timing[result.name][str(HORIZON)]
        verdict = run_verdict(
            result, reading, month, year[result.name], selection.get(result.name), (up, down), circumstances
        )
        evidence[result.name] = Evidence(
            name=result.name,
            verdict=verdict,
            d=result.d,
            refuted=result.refuted,
            long_run=reading.long_run,
            timing=timing[result.name],
            year=year[result.name],
            selection=selection.get(result.name),
            launches=Missing(reading.reason) if reading.reason else past_entries(plan, reading, prices),
            drawn=tuple(np.round(reading.permuted[1:], 6).tolist()) if isinstance(reading.permuted, np.ndarray) else (),
            power=up,
            power_down=down,
            shock=reading.shock,
            intervals=reading.intervals,
            regressions=reading.regressions,
            break_even=reading.break_even,
            sharpe=sharpe_evidence(result, run, trials),
            described=reading.described,
        )
    return evidence


def run_verdict(
    result: Result,
    reading: ExaminedReading,
    month: PlaceboRank,
    year: YearTiming,
    selection: PlaceboRank | None,
    power: tuple[Power | Missing, Power | Missing],
    circumstances: Circumstances,
) -> Verdict:
    """The verdict on a reading, or why there is none."""
    if (early := verdict_without_tests(result, circumstances)) is not None:
        return early
    tests = [] if reading.long_run else [placebo_test(MONTH, month)]
    tests += [year_test(year)] if circumstances.year_declared else []
    tests += [] if selection is None else [placebo_test(STOCKS, selection)]
    if reading.long_run and not tests:
        return Verdict(EXPLORATORY, reason="its claim is about the long run, on which no test was declared")
    up, down = (None if isinstance(each, Missing) else each.detectable for each in power)
    sensitivity = None if reading.long_run else Sensitivity(month.low, month.high, up, down)
    verdict = decide_verdict(tests, sensitivity)
    if verdict.word is not None and circumstances.incomplete:
        return Verdict(None, reason=f"the strategy set is incomplete: {circumstances.incomplete}")
    return verdict


def verdict_without_tests(result: Result, circumstances: Circumstances) -> Verdict | None:
    """The verdict on a reading whose prices, fills or settings permit no other; None if they do."""
    if not circumstances.real:
        return Verdict(None, reason="the prices are a reconstruction, which gives no verdict on history")
    if result.fills.empty:
        return Verdict(None, reason="it never took a position")
    if circumstances.undeclared:
        return Verdict(EXPLORATORY, reason=circumstances.undeclared)
    if result.name in circumstances.changed:
        return Verdict(EXPLORATORY, reason="its parameters are not the declared ones")
    return None


def timing_power(
    plan: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    families: Families,
    name: str,
    rank: PlaceboRank,
) -> tuple[Power | Missing, Power | Missing]:
    """The power of the timing test on a reading: against effects upward, and downward."""
    family = family_of(name, families)
    aligned = aligned_values(plan, {each: examined[each] for each in family}, HORIZON)
    column, unavailable = family.index(name), Missing(rank.reason or "there are no aligned entries")
    down = placebo.placebo_power(-aligned, column, EFFECTS) or unavailable
    if rank.p is not None and np.max(aligned[:, column]) <= 10**-placebo.DIGITS:
        return (
            placebo.OneSidedPower(
                f"the excess was not above zero at any of {rank.n + 1} entries: over {HORIZON} sessions the reading "
                f"holds only its comparator, so that it can be refuted but not supported"
            ),
            down,
        )
    return placebo.placebo_power(aligned, column, EFFECTS) or unavailable, down


def family_of(name: str, families: Families) -> tuple[str, ...]:
    """The family of a reading; the reading alone if it could not be counted."""
    return next((family for family in families if name in family), (name,))


def aligned_values(plan: EvidencePlan, examined: Mapping[str, ExaminedReading], horizon: int) -> np.ndarray:
    """d at the real entry and at the aligned ones, shape (n + 1, n_readings); NaN where an entry was not run."""
    rows = np.concatenate(([plan.entry], placebo.aligned_entries(plan.entry, horizon, plan.first)))
    return entry_values(examined, rows, horizon)


def entry_values(examined: Mapping[str, ExaminedReading], rows: np.ndarray, horizon: int) -> np.ndarray:
    """d of every reading at the entries in these rows, shape (n_rows, n_readings); NaN where an entry was not run."""
    values = np.full((len(rows), len(examined)), np.nan)
    for column, reading in enumerate(examined.values()):
        _, at, source = np.intersect1d(rows, reading.entries, return_indices=True)
        values[at, column] = reading.d[source, HORIZONS.index(horizon)]
    return values


def timing_ranks(
    plan: EvidencePlan, examined: Mapping[str, ExaminedReading], families: Families
) -> dict[str, dict[str, PlaceboRank]]:
    """Ranks of the real entry among the aligned ones, by reading and horizon, adjusted within each family."""
    ranks: dict[str, dict[str, PlaceboRank]] = {
        name: dict.fromkeys(map(str, HORIZONS), PlaceboRank(0, None, reason=reading.reason))
        for name, reading in examined.items()
        if reading.reason
    }
    counted = {name: reading for name, reading in examined.items() if not reading.reason}
    for horizon in HORIZONS:
        at_horizon = ranks_by_family(aligned_values(plan, counted, horizon), list(counted), families)
        for name, rank in at_horizon.items():
            ranks.setdefault(name, {})[str(horizon)] = rank
    return ranks


def timings_over_year(
    plan: EvidencePlan,
    prices: Prices,
    examined: Mapping[str, ExaminedReading],
    families: Families,
) -> dict[str, YearTiming]:
    """The months after the entry against those before it, by reading, adjusted within each family."""
    entries = year_timing.window_entries(plan.entry, HORIZON, plan.first, len(prices.sessions) - 1)
    after = int(np.sum(entries >= plan.entry))
    timings = {name: YearTiming(reason=reading.reason) for name, reading in examined.items() if reading.reason}
    for family in grouped([name for name in examined if name not in timings], families):
        values = entry_values({name: examined[name] for name in family}, entries, HORIZON)
        timings |= dict(zip(family, year_timing.year_timings(values, after, plan.seed), strict=True))
    return timings


def selection_ranks(examined: Mapping[str, ExaminedReading], families: Families) -> dict[str, PlaceboRank]:
    """Ranks among the permutations of stocks, by reading, adjusted within each family; only of those that choose."""
    ranks = {
        name: PlaceboRank(0, None, reason=each.permuted.reason)
        for name, each in examined.items()
        if isinstance(each.permuted, Missing)
    }
    permuted = {name: each.permuted for name, each in examined.items() if isinstance(each.permuted, np.ndarray)}
    if not permuted:
        return ranks
    return ranks | ranks_by_family(np.column_stack([*permuted.values()]), list(permuted), families)


def past_entries(plan: EvidencePlan, reading: ExaminedReading, prices: Prices) -> PastEntries:
    """d at all entries by horizon, and the indices of those whose windows do not overlap."""
    indices = {int(row): index for index, row in enumerate(reading.entries)}
    aligned = {horizon: placebo.aligned_entries(plan.entry, horizon, plan.first).tolist() for horizon in HORIZONS}
    return PastEntries(
        tuple(str(day) for day in prices.days[reading.entries]),
        {
            key: tuple(round(value, 6) if np.isfinite(value) else None for value in reading.d[:, column].tolist())
            for column, key in enumerate(KEYS[:-1])
        },
        {str(horizon): tuple(indices[row] for row in rows if row in indices) for horizon, rows in aligned.items()},
    )


def sharpe_evidence(result: Result, run: Run, trials: Trials) -> SharpeEvidence:
    """The Sharpe ratio of a result, deflated for the number of trials."""
    excess = result.returns.to_numpy() - daily_risk_free_rate(run)
    years = len(result.returns) / PERIODS
    sample = value_or_missing(lambda: overfitting.return_moments(excess))
    if isinstance(sample, Missing):
        return SharpeEvidence(sample, sample, sample, sample, sample, years, len(trials), trials.forgotten)
    return deflated_sharpe_evidence(sample, float(sample.sharpe * np.sqrt(PERIODS)), years, trials)


def judge_superiority(run: Run, plan: EvidencePlan, executor: Executor) -> Superiority | Missing:
    """The bootstrap test of whether any reading beats its comparator, in a worker, which has its library loaded."""
    excess = {
        result.name: result.returns.to_numpy() - result.comparator.pct_change().iloc[1:].to_numpy()
        for result in run.results
    }
    tested: list[Superiority | Missing] = executor.map(superiority_or_missing, (excess, plan.seed), [plan.resamples])
    return tested[0]


def superiority_or_missing(excess: Mapping[str, np.ndarray], seed: int, resamples: int) -> Superiority | Missing:
    """The test on daily returns in excess of the comparators', or why there is none."""
    return value_or_missing(lambda: superiority_test(excess, seed, count=resamples))


def window_confounders(event: Event, run: Run) -> tuple[tuple[str, str], ...]:
    """Other dated news within the window, or in the two weeks before it."""
    first, last = run.benchmark.index[0] - pd.Timedelta(days=14), run.benchmark.index[-1]
    return tuple((day, words) for day, words in event.confounders if first <= pd.Timestamp(day) <= last)
