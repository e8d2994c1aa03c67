"""Figures of a sweep against single evaluations, runs and pandas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from reports.figures.metrics import compute_metrics
from reports.figures.sweep import declared_variant, rank_variants
from reports.records.result import HORIZONS
from reports.records.sweep import FIGURES
from reports.statistics.availability import Missing
from reports.statistics.overfitting import overfitting_probability
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, benchmark_returns, run_studies, run_trials
from runners.engine.plan import Plan, load_studies
from runners.engine.request import Request
from runners.engine.research.judgement import sharpe_evidence
from runners.engine.study import prepare
from runners.engine.sweep import resumable, sweep
from runners.engine.sweep.chunk import COLUMNS, ChunkInputs, measure_variants
from runners.engine.trial_ledger import TrialLedger, Trials
from runners.engine.vectorized.scenarios import Scenario
from strategies.base import Cash, Reading
from tests.resources.events import DEEPSEEK
from tests.resources.readings import READINGS
from tests.resources.workers import Crossing

# Values other than the declared ones.
OTHERS = {
    "gpu_bubble": {"gross": 0.3},
    "ai_software": {"hedge": True, "beta_sessions": 60},
    "diversity_pool": {"lookback": 100, "power": 0.5},
    "fomc_tilt": {"before": 3},
    "policy_winners": {"count": 3},
    "two_shocks": {"lookback": 20, "scaled": False},
}


def swept(prices, checkpoint, name, *parameters, symbols=(), executor=Serial(), **changes):
    """The result, outcome and space of a sweep, in memory."""
    request = sweep.SweepRequest(DEEPSEEK, name, parameters, symbols=symbols, **changes)
    space = sweep.prepare_space(request)
    outcome, search = sweep.run_sweep(request, space, prices, executor, checkpoint)
    return sweep.sweep_result(request, space, prices, outcome, search, (), "command"), outcome, space


@pytest.fixture
def checkpoint(tmp_path):
    with Checkpoint.next_to(tmp_path / "out") as opened:
        yield opened


@pytest.mark.parametrize("name", READINGS)
def test_d_of_every_variant_equals_its_evaluation(name, real_prices):
    rng = np.random.default_rng(sum(map(ord, name)))
    real_prices = real_prices.rows(len(real_prices.sessions) - 700, len(real_prices.sessions))
    study = prepare(name, strategies.load(name), "SPY")
    variants = [
        Scenario(
            real_prices.sessions[int(rng.integers(160, len(real_prices.sessions) - 3))],
            [None, 1, 20, 70][rng.integers(4)],
            [None, 1, 5, 20][rng.integers(4)],
            None,
            Frictions(
                float(rng.integers(9)), 2.0, 0.01, "policy" if rng.random() < 0.5 else 0.02, int(rng.integers(1, 4))
            ),
            OTHERS.get(name, {}) if number % 2 else {},
        )
        for number in range(3)
    ]
    table, _ = measure_variants(ChunkInputs(study, real_prices, "SPY"), variants)
    for row, variant in zip(table, variants, strict=True):
        schedule = EntrySchedule(variant.entry, variant.hold, variant.rebalance)
        first = real_prices.row(variant.entry) - 1
        last = len(real_prices.sessions) if variant.hold is None else first + 1 + variant.hold + variant.frictions.lag
        benchmark = benchmark_returns(real_prices, "SPY", first, min(last, len(real_prices.sessions)))
        single = evaluate(
            replace(study, parameters=variant.parameters), real_prices, schedule, variant.frictions, benchmark
        )
        reached = [single.horizons[n].d if n in single.horizons else np.nan for n in HORIZONS]
        ours = [row[COLUMNS.index(column)] for column in ("d", *(f"d_{n}" for n in HORIZONS), "net")]
        net = single.equity.iloc[-1] / single.equity.iloc[0] - 1
        assert ours == pytest.approx([single.d, *reached, net], abs=1e-9, nan_ok=True), variant


def test_the_declared_variant_has_the_figures_of_the_run(real_prices, checkpoint):
    result, _, _ = swept(real_prices, checkpoint, "two_shocks", "hold=60,252", "lookback=20,60")
    request = Request(DEEPSEEK, ("two_shocks",))
    run = run_studies(PricedPlan(Plan(request, load_studies(request)), real_prices))
    metrics = compute_metrics(run.results[0], run)
    index = 3
    assert result.text(index) == "hold=252 lookback=60"
    figures = {name: result.figures[name][index] for name in FIGURES}
    benchmark = float((1 + run.benchmark).prod() - 1)
    assert figures["net"] == pytest.approx(metrics.total_return, abs=1e-9)
    assert figures["excess"] == pytest.approx(metrics.total_return - benchmark, abs=1e-9)
    assert figures["d"] == pytest.approx(run.results[0].d, abs=1e-9)
    assert figures["sharpe"] == pytest.approx(metrics.sharpe, rel=1e-8)
    assert figures["drawdown"] == pytest.approx(metrics.max_drawdown, abs=1e-9)
    assert figures["costs"] == pytest.approx(metrics.costs, abs=1e-3)
    assert figures["exposure"] == pytest.approx(run.results[0].gross.iloc[1:].mean(), abs=1e-9)
    traded = (run.results[0].fills["size"].abs() * run.results[0].fills["price"]).sum()
    assert figures["turnover"] == pytest.approx(traded / 1e6, rel=1e-9)
    assert result.days[index].tolist() == [f"{day:%Y-%m-%d}" for day in run.benchmark.index[[0, -1]]]
    assert [figures[name] for name in ("truncated", "ruined", "refused", "hindsight")] == [0, 0, 0, 0]


def test_the_best_variant_is_deflated_as_in_a_run(real_prices, checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    result, _, _ = swept(real_prices, checkpoint, "bad_news", "rebalance=20,60", objective="net")
    assert len(TrialLedger().read()) == 2, "every variant is in the ledger"
    request = Request(DEEPSEEK, ("bad_news",), rebalance=int(result.labels(int(rank_variants(result)[0]))[0]))
    studies = load_studies(request)
    run = run_studies(PricedPlan(Plan(request, studies), real_prices))
    trials = TrialLedger().read()
    (own,) = run_trials(Plan(request, studies), real_prices, run)
    assert own.key in trials, "the same trial as in the run"
    expected = sharpe_evidence(run.results[0], run, trials)
    for name in ("annual", "probabilistic", "deflated", "expected_best", "years_needed", "years"):
        value = getattr(expected, name)
        assert getattr(result.sharpe, name) == (
            value if isinstance(value, Missing) else pytest.approx(value, rel=1e-6)
        ), name
    assert (result.sharpe.trials, result.manifest["trials"]["trials"]) == (2, 2)


def test_reconstructed_prices_add_nothing_to_the_ledger(real_prices, checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    result, _, _ = swept(replace(real_prices, real=False), checkpoint, "bad_news", "rebalance=20,60")
    assert not (tmp_path / "trials.txt").exists()
    assert result.sharpe.trials == 2


def test_cross_validation_uses_the_shared_daily_excess_returns(real_prices, checkpoint):
    result, outcome, space = swept(
        real_prices, checkpoint, "gpu_bubble", "hold=20,180,end", "entry=2025-02-03,2025-02-10", "gross=1,.5"
    )
    returns, places, first, last = sweep.shared_returns(outcome, real_prices)
    expected = {}
    for index in range(4, 12):  # variants held for 20 sessions are too short
        scenario = space.scenario(outcome.variants[index])
        request = Request(DEEPSEEK, ("gpu_bubble",), entry=f"{scenario.entry:%Y-%m-%d}", hold=scenario.hold)
        (study,) = load_studies(request)
        changed = (replace(study, parameters=scenario.parameters),)
        expected[index] = run_studies(PricedPlan(Plan(request, changed), real_prices)).results[0].returns
    frame = pd.DataFrame(expected).dropna()
    assert (len(frame), str(frame.index[0])[:10]) == (176, "2025-02-10")
    from data import fomc

    lower, upper = fomc.policy_range(frame.index)
    rate = (1 + pd.Series((lower + upper) / 2).mean()) ** (1 / 252) - 1
    assert places == list(expected)
    assert returns == pytest.approx(frame.to_numpy() - rate, abs=1e-12)
    assert (str(real_prices.days[first]), str(real_prices.days[last])) == tuple(
        f"{day:%Y-%m-%d}" for day in frame.index[[0, -1]]
    )
    assert result.validation.probability == overfitting_probability(frame.to_numpy() - rate).probability
    assert (result.validation.specs, result.validation.sampled, result.validation.sessions) == (8, 12, 176)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        (("hold=5,20",), "0 variants ran for 160 sessions or more; 2 are needed"),
        (("hold=20,200",), "1 variants ran for 160 sessions or more"),
        (
            ("entry=2024-01-02,2025-01-31", "hold=252"),
            "share 0 sessions; 160 are needed, so give entries that are closer",
        ),
    ],
)
def test_reasons_why_there_is_no_cross_validation(real_prices, checkpoint, parameters, reason):
    result, _, _ = swept(real_prices, checkpoint, "bad_news", *parameters)
    assert isinstance(result.validation, Missing) and reason in result.validation.reason


class Fussy(Reading):
    """Fails with some parameters, in different ways."""

    params = (("gross", 1.0),)
    symbols = ("A", "B")
    comparator = Cash()

    def weights(self, past):
        if self.p.gross < 0:
            raise ZeroDivisionError("no such gross")
        return {"A": self.p.gross}


@pytest.fixture
def fussy(monkeypatch):
    monkeypatch.setattr("strategies.load", lambda name: Fussy)


def test_a_variant_that_fails_stops_no_other(fussy, random_prices, checkpoint):
    prices = random_prices(("A", "B", "SPY"), 400)
    result, outcome, _ = swept(prices, checkpoint, "fussy", "gross=0.5,-1,1,2,0.7", "hold=5,30")
    assert sorted(result.failed) == [2, 3, 6, 7]
    assert result.failed[2].startswith(
        "ZeroDivisionError: no such gross (tests/runners/engine/sweep/test_sweep.py, line "
    )
    assert result.failed[6].startswith("Fussy at 2025-01-30: gross exposure 2.000000 of the targets exceeds 1")
    assert (
        np.isnan(result.figures["d"][[2, 3, 6, 7]]).all() and np.isfinite(result.figures["d"][[0, 1, 4, 5, 8, 9]]).all()
    )
    single, _, _ = swept(prices, checkpoint, "fussy", "gross=0.7", "hold=5,30")
    assert result.figures["net"][[8, 9]] == pytest.approx(single.figures["net"], abs=1e-12)
    assert result.days[2].tolist() == ["", ""]
    assert rank_variants(result)[-4:].tolist() == [2, 3, 6, 7]
    assert set(outcome.curves) == {0, 1, 4, 5, 8, 9}


def test_where_nothing_runs_the_first_failure_is_reported(fussy, random_prices, checkpoint):
    with pytest.raises(
        RequestError, match=r"none of 2 variants could be run; the first failed: .*gross exposure 2.000000"
    ):
        swept(random_prices(("A", "B", "SPY"), 400), checkpoint, "fussy", "gross=2,3")


def test_a_variant_entered_before_its_history_fails(real_prices, checkpoint):
    result, _, _ = swept(real_prices, checkpoint, "fomc_tilt", "entry=2019-06-03,2025-01-31")
    assert result.failed == {
        0: "fomc_tilt needs 90 closes before its entry on 2019-06-03, and there are 11; "
        "enter later, or load earlier prices"
    }


def test_hindsight_is_counted(real_prices, checkpoint):
    result, _, _ = swept(real_prices, checkpoint, "bad_news", "entry=shock,published,2025-01-30")
    assert result.figures["hindsight"].tolist() == [1, 0, 1]
    assert result.notices[0].startswith("With hindsight: 2 of 3 variants enter before 2025-01-31")


def test_an_objective_that_no_variant_has_is_refused(real_prices, checkpoint):
    with pytest.raises(RequestError, match="--objective d_252: no variant has a d after 252 sessions"):
        swept(real_prices, checkpoint, "bad_news", "hold=5,20", objective="d_252")


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_a_plain_strategy_can_be_swept(random_prices, checkpoint, executor):
    prices = random_prices(("A", "SPY"), 330)
    result, _, _ = swept(
        prices,
        checkpoint,
        "tests.resources.workers:Crossing",
        "period=5,20",
        "hold=10,30",
        "half_spread_bps=0,50",
        symbols=("A",),
        executor=executor,
    )
    study = prepare("tests.resources.workers:Crossing", Crossing, "SPY", ("A",))
    entry = pd.Timestamp("2025-01-31")
    first = prices.row(entry) - 1
    for index, (period, hold, bps) in enumerate((p, h, b) for p in (5, 20) for h in (10, 30) for b in (0.0, 50.0)):
        costs = Frictions(half_spread_bps=bps)
        benchmark = benchmark_returns(prices, "SPY", first, first + 2 + hold)
        own = replace(study, parameters={"period": period})
        single = evaluate(own, prices, EntrySchedule(entry, hold), costs, benchmark)
        assert result.figures["d"][index] == pytest.approx(single.d, abs=1e-9)
        assert result.figures["net"][index] == pytest.approx(single.equity.iloc[-1] / 1e6 - 1, abs=1e-12)
    assert result.figures["refused"].max() == 0, "orders of the warm-up are not counted"


def test_slow_variants_keep_many_workers_busy(random_prices, checkpoint, monkeypatch):
    clock, sizes = [0.0], []

    class Slow(Serial):
        def map(self, work, shared, variants, *rest):
            sizes.append(len(variants))
            clock[0] += 60.0
            return super().map(work, shared, variants, *rest)

    monkeypatch.setattr(resumable, "monotonic", lambda: clock[0])
    words = ("tests.resources.workers:Crossing", "half_spread_bps=" + ",".join(map(str, range(96))), "hold=5")
    swept(random_prices(("A", "SPY"), 90, first="2024-11-01"), checkpoint, *words, symbols=("A",), executor=Slow())
    assert min(sizes[:-1]) >= 32 and sum(sizes) == 96


def test_results_do_not_depend_on_the_number_of_processes(real_prices, tmp_path, monkeypatch):
    monkeypatch.setattr(resumable, "CHUNK", 4)
    words = ("two_shocks", "hold=20,60,120", "rebalance=5,20", "lookback=20,60")
    tables = []
    for executor in (Serial(), Processes(2)):
        with Checkpoint.next_to(tmp_path / type(executor).__name__) as checkpoint:
            _, outcome, _ = swept(real_prices, checkpoint, *words, executor=executor)
        tables.append(outcome.table)
    assert tables[0].tobytes() == tables[1].tobytes()


def test_finished_chunks_are_not_run_again(real_prices, tmp_path, monkeypatch):
    monkeypatch.setattr(resumable, "CHUNK", 4)
    words = ("bad_news", "hold=20,60,120", "rebalance=5,20")
    with Checkpoint.next_to(tmp_path / "out") as checkpoint:
        _, outcome, _ = swept(real_prices, checkpoint, *words)
    started = []

    class Counting(Serial):
        def map(self, work, shared, variants, *rest):
            started.extend(variants)
            return super().map(work, shared, variants, *rest)

    with Checkpoint.next_to(tmp_path / "out") as checkpoint:
        _, same, _ = swept(real_prices, checkpoint, *words, executor=Counting())
    assert not started
    assert same.table.tobytes() == outcome.table.tobytes()
    assert all((same.curves[index] == outcome.curves[index]).all() for index in outcome.curves)
    key, content = next(iter(Checkpoint(checkpoint.path).contents.items()))
    checkpoint.remove()
    checkpoint.add(key, content)
    with Checkpoint.next_to(tmp_path / "out") as first:
        _, same, _ = swept(real_prices, first, *words, executor=Counting())
    assert len(started) == 1
    assert same.table.tobytes() == outcome.table.tobytes()
    started.clear()
    with Checkpoint.next_to(tmp_path / "out") as checkpoint:
        swept(real_prices.rows(0, len(real_prices.sessions) - 1), checkpoint, *words, executor=Counting())
    assert len(started) == 2, "other prices are another sweep"


def test_a_folder_takes_one_sweep_at_a_time(tmp_path):
    again = Checkpoint.next_to(tmp_path / "out")
    with Checkpoint.next_to(tmp_path / "out"), pytest.raises(RequestError, match="is in use by another sweep"):
        again.__enter__()


@pytest.mark.parametrize(("size", "most"), [(1, 10), (10, 10), (11, 10), (2001, 1000), (999_999, 1000)])
def test_evenly_spaced_indices(size, most):
    places = resumable.evenly_spaced(size, most)
    assert len(set(places)) == len(places) == min(size, most)
    assert (places[0], places[-1]) == (0, size - 1)
    assert len(places) < 3 or np.ptp(np.diff(places)) <= 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"objective": "profit"}, "--objective profit is not known; choose from d, net, sharpe, drawdown, d_5"),
        ({"search": "grid"}, "--search grid is not known; choose from optuna"),
        ({"search": "optuna"}, "--search optuna needs a number of trials: add --budget"),
        ({"budget": 10}, "--budget 10 is for a search; add --search optuna"),
        ({"search": "optuna", "budget": 0}, "--budget 0 is too small"),
    ],
)
def test_wrong_requests_are_refused(changes, complaint):
    with pytest.raises(RequestError, match=complaint):
        sweep.SweepRequest(DEEPSEEK, "gpu_bubble", ("hold=20",), **changes)


def test_a_variant_of_few_sessions_has_no_sharpe_evidence(real_prices, checkpoint):
    _, outcome, _ = swept(real_prices, checkpoint, "bad_news", "hold=5,20")
    assert sweep.deflated_best(outcome, 0, Trials({})) == Missing(
        "the best variant has no Sharpe ratio: it was ruined, or ran for too few sessions"
    )


def test_no_variant_is_declared_where_a_shared_setting_is_not(real_prices, checkpoint):
    result, _, _ = swept(real_prices, checkpoint, "gpu_bubble", "hold=20,252", "commission_bps=50")
    assert declared_variant(result) is None
    result, _, _ = swept(real_prices, checkpoint, "gpu_bubble", "hold=20,252", "commission_bps=1")
    assert declared_variant(result) == 1
    result, _, _ = swept(real_prices, checkpoint, "gpu_bubble", "hold=20,252", entry="shock")
    assert declared_variant(result) is None


def test_a_variant_that_never_trades_is_a_trial_without_a_ratio(real_prices, checkpoint):
    _, outcome, space = swept(real_prices, checkpoint, "gpu_bubble", "lag=1,9999")
    trades, never = sweep.sweep_trials(space, outcome, real_prices)
    assert trades.sharpe is not None and never.sharpe is None


@pytest.mark.parametrize(
    "parameter",
    ["hold=99999999999999999999", "rebalance=100001", "borrow_rate=1e300", "half_spread_bps=10001", "cash_rate=1e9"],
)
def test_numbers_out_of_bounds_are_refused(parameter):
    with pytest.raises(RequestError, match=r"is no value for .*(1 to 100,000|0 to 10,000|0 to 100)"):
        sweep.prepare_space(sweep.SweepRequest(DEEPSEEK, "gpu_bubble", (parameter,)))
