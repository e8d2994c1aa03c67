"""From what was run to the evidence on every reading of a run: ranks among placebos, verdicts, Sharpe ratios."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from data.events.catalog import DEFAULT
from data.events.event import Event
from data.prices import Prices
from reports.figures.metrics import daily_risk_free_rate
from reports.records.evidence import END, Evidence, EvidenceReport, PastEntries, SharpeEvidence
from reports.records.result import HORIZONS, Result, Run
from reports.statistics import overfitting, placebo
from reports.statistics.availability import Missing, value_or_missing
from reports.statistics.multiple_testing import Superiority, superiority_test
from reports.statistics.placebo import PlaceboRank, Power
from reports.statistics.returns import PERIODS
from reports.statistics.verdict import HORIZON, Verdict, decide_verdict
from runners.engine.request import Request
from runners.engine.research.evidence_plan import KEYS, EvidencePlan
from runners.engine.research.examination import ExaminedReading
from runners.engine.sharpe_evidence import deflated_sharpe_evidence
from runners.engine.trial_ledger import Trials

EFFECTS = (0.02, 0.05, 0.10, 0.15, 0.20, 0.30, 0.40, 0.60)  # d of the power curve


def judge_run(
    run: Run,
    plan: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    prices: Prices,
    trials: Trials,
    request: Request,
    incomplete: str = "",
) -> EvidenceReport:
    """The evidence on each reading and on all of them together.

    `examined` begins with the readings of the run, under their names; rivals follow. `incomplete` says why the strategy
    set is incomplete, in which case there is no verdict.
    """
    return EvidenceReport(
        readings=judge_readings(run, plan, examined, prices, trials, incomplete),
        superiority=value_or_missing(lambda: judge_superiority(run, plan)),
        confounders=window_confounders(request.event, run),
        hindsight=request.hindsight,
        real=run.real,
        origin=run.origin,
        draws=plan.draws,
        resamples=plan.resamples,
        seed=plan.seed,
        family=tuple(name for name, reading in examined.items() if not reading.reason),
        beforehand=request.event.name == request.event.origin == DEFAULT,
    )


def judge_readings(
    run: Run,
    plan: EvidencePlan,
    examined: Mapping[str, ExaminedReading],
    prices: Prices,
    trials: Trials,
    incomplete: str,
) -> dict[str, Evidence]:
    """The evidence on each reading of the run, by name; see `judge_run`."""
    timing, selection = timing_ranks(plan, examined), selection_ranks(examined)
    aligned = aligned_values(plan, examined, HORIZON)
    evidence = {}
    for column, result in enumerate(run.results):
        reading, timing_rank = examined[result.name], timing[result.name][str(HORIZON)]
        ranks = selection.get(result.name)
        evidence[result.name] = Evidence(
            name=result.name,
            verdict=run_verdict(run, result, timing_rank, ranks[END] if ranks else None, incomplete),
            d=result.d,
            occurred=result.refuted,
            timing=timing[result.name],
            names=ranks,
            launches=Missing(reading.reason) if reading.reason else past_entries(plan, reading, prices),
            drawn=tuple(np.round(reading.permuted[1:, -1], 6).tolist())
            if isinstance(reading.permuted, np.ndarray)
            else (),
            power=timing_power(aligned, column, timing_rank),
            shock=reading.shock,
            intervals=reading.intervals,
            regressions=reading.regressions,
            break_even=reading.break_even,
            sharpe=sharpe_evidence(result, run, trials),
            described=reading.described,
        )
    return evidence


def run_verdict(
    run: Run, result: Result, timing: PlaceboRank, selection: PlaceboRank | None, incomplete: str
) -> Verdict:
    """The verdict on a reading, or why there is none."""
    if result.fills.empty:
        return Verdict(None, reason="it never took a position")
    if not run.real:
        return Verdict(None, reason="the prices are a reconstruction, which gives no verdict on history")
    verdict = decide_verdict(timing, selection)
    if verdict.word is not None and incomplete:
        return Verdict(None, reason=f"the strategy set is incomplete: {incomplete}")
    return verdict


def timing_power(aligned: np.ndarray, column: int, rank: PlaceboRank) -> Power | Missing:
    """The power of the timing test on the reading in one column of `aligned` (see `aligned_values`)."""
    if rank.p is not None and np.max(aligned[:, column]) <= 10**-placebo.DIGITS:
        return placebo.OneSidedPower(
            f"d was not above zero at any of {rank.n + 1} entries: over {HORIZON} sessions the reading holds only its "
            f"comparator, so that it can be refuted but not supported"
        )
    return placebo.placebo_power(aligned, column, EFFECTS) or Missing(rank.reason or "there are no aligned entries")


def aligned_values(plan: EvidencePlan, examined: Mapping[str, ExaminedReading], horizon: int) -> np.ndarray:
    """d at the real entry and at the aligned ones, shape (n + 1, n_readings); NaN where an entry was not run."""
    rows = np.concatenate(([plan.entry], placebo.aligned_entries(plan.entry, horizon, plan.first)))
    values = np.full((len(rows), len(examined)), np.nan)
    for column, reading in enumerate(examined.values()):
        _, at, source = np.intersect1d(rows, reading.entries, return_indices=True)
        values[at, column] = reading.d[source, HORIZONS.index(horizon)]
    return values


def timing_ranks(plan: EvidencePlan, examined: Mapping[str, ExaminedReading]) -> dict[str, dict[str, PlaceboRank]]:
    """Ranks of the real entry among the aligned ones, by reading and horizon."""
    ranks: dict[str, dict[str, PlaceboRank]] = {name: {} for name in examined}
    for horizon in HORIZONS:
        at_horizon = placebo.placebo_ranks(aligned_values(plan, examined, horizon))
        for (name, reading), rank in zip(examined.items(), at_horizon, strict=True):
            ranks[name][str(horizon)] = replace(rank, reason=reading.reason) if reading.reason else rank
    return ranks


def selection_ranks(examined: Mapping[str, ExaminedReading]) -> dict[str, dict[str, PlaceboRank]]:
    """Ranks among the permutations of stocks, by reading and by horizon or END; only of readings that choose stocks."""
    permuted = {name: each.permuted for name, each in examined.items() if isinstance(each.permuted, np.ndarray)}
    ranks: dict[str, dict[str, PlaceboRank]] = {
        name: dict.fromkeys(KEYS, PlaceboRank(0, None, reason=each.permuted.reason))
        for name, each in examined.items()
        if isinstance(each.permuted, Missing)
    }
    for column, key in enumerate(KEYS):
        values = np.column_stack([d[:, column] for d in permuted.values()]) if permuted else np.zeros((1, 0))
        for name, rank in zip(permuted, placebo.placebo_ranks(values), strict=True):
            ranks.setdefault(name, {})[key] = rank
    return ranks


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


def judge_superiority(run: Run, plan: EvidencePlan) -> Superiority:
    """The bootstrap test of whether any reading beats its comparator."""
    excess = {
        result.name: result.returns.to_numpy() - result.comparator.pct_change().iloc[1:].to_numpy()
        for result in run.results
    }
    return superiority_test(excess, plan.seed, count=plan.resamples)


def window_confounders(event: Event, run: Run) -> tuple[tuple[str, str], ...]:
    """Other dated news within the window, or in the two weeks before it."""
    first, last = run.benchmark.index[0] - pd.Timedelta(days=14), run.benchmark.index[-1]
    return tuple((day, words) for day, words in event.confounders if first <= pd.Timestamp(day) <= last)
