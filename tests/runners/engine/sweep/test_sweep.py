"""Figures of a sweep against those of one study after the other, of the main job, and of pandas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from reports.figures.metrics import compute_metrics
from reports.records.result import HORIZONS
from reports.records.sweep import FIGURES, declared_variant, rank_variants
from reports.statistics.availability import Missing
from reports.statistics.overfitting import overfitting_probability
from reports.statistics.returns import sharpe_moments
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, benchmark_returns, run_studies, run_trials
from runners.engine.plan import Plan, load_studies
from runners.engine.request import Request
from runners.engine.research import evidence
from runners.engine.study import prepare
from runners.engine.sweep import resumable, sweep
from runners.engine.sweep.chunk import COLUMNS, ChunkInputs, ChunkOutcome, measure_variants
from runners.engine.trial_ledger import TrialLedger, Trials
from runners.engine.vectorized.scenarios import Scenario
from strategies.base import Cash, Reading
from tests.resources.events import DEEPSEEK
from tests.resources.readings import READINGS
from tests.resources.workers import Crossing

# Values beside the declared ones.
OTHERS = {
    "gpu_bubble": {"gross": 0.3},
    "ai_software": {"hedge": True, "beta_sessions": 60},
    "diversity_pool": {"lookback": 100, "power": 0.5},
    "fomc_tilt": {"before": 3},
    "policy_winners": {"count": 3},
    "two_shocks": {"lookback": 20, "scaled": False},
}


def swept(prices, kept, name, *knobs, symbols=(), executor=Serial(), **wanted):
    """A sweep from its words, in memory."""
    asked = sweep.SweepRequest(DEEPSEEK, name, knobs, symbols=symbols, **wanted)
    space = sweep.prepare_space(asked)
    found, search = sweep.run_sweep(asked, space, prices, executor, kept)
    return sweep.sweep_result(asked, space, prices, found, search, (), "command"), found, space


@pytest.fixture
def kept(tmp_path):
    with Checkpoint.beside(tmp_path / "out") as opened:
        yield opened


@pytest.mark.parametrize("name", READINGS)
def test_d_of_every_setting_is_that_of_its_study(name, real_prices):
    rng = np.random.default_rng(sum(map(ord, name)))
    subject = prepare(name, strategies.load(name), "SPY")
    specs = [
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
    table, _ = measure_variants(ChunkInputs(subject, real_prices, "SPY"), specs)
    for row, spec in zip(table, specs, strict=True):
        launch = EntrySchedule(spec.entry, spec.hold, spec.rebalance)
        first = real_prices.row(spec.entry) - 1
        last = len(real_prices.sessions) if spec.hold is None else first + 1 + spec.hold + spec.frictions.lag
        benchmark = benchmark_returns(real_prices, "SPY", first, min(last, len(real_prices.sessions)))
        alone = evaluate(replace(subject, parameters=spec.parameters), real_prices, launch, spec.frictions, benchmark)
        reached = [alone.horizons[n].d if n in alone.horizons else np.nan for n in HORIZONS]
        ours = [row[COLUMNS.index(column)] for column in ("d", *(f"d_{n}" for n in HORIZONS), "net")]
        net = alone.equity.iloc[-1] / alone.equity.iloc[0] - 1
        assert ours == pytest.approx([alone.d, *reached, net], abs=1e-9, nan_ok=True), spec


def test_the_declared_spec_has_the_figures_of_the_main_job(real_prices, kept):
    told, _, _ = swept(real_prices, kept, "two_shocks", "hold=60,252", "lookback=20,60")
    request = Request(DEEPSEEK, ("two_shocks",))
    run = run_studies(PricedPlan(Plan(request, load_studies(request)), real_prices))
    known = compute_metrics(run.results[0], run)
    place = 3
    assert told.text(place) == "hold=252 lookback=60"
    figures = {name: told.figures[name][place] for name in FIGURES}
    benchmark = float((1 + run.benchmark).prod() - 1)
    assert figures["net"] == pytest.approx(known.total_return, abs=1e-9)
    assert figures["excess"] == pytest.approx(known.total_return - benchmark, abs=1e-9)
    assert figures["d"] == pytest.approx(run.results[0].d, abs=1e-9)
    assert figures["sharpe"] == pytest.approx(known.sharpe, rel=1e-8)
    assert figures["drawdown"] == pytest.approx(known.max_drawdown, abs=1e-9)
    assert figures["costs"] == pytest.approx(known.costs, abs=1e-3)
    assert figures["exposure"] == pytest.approx(run.results[0].gross.iloc[1:].mean(), abs=1e-9)
    traded = (run.results[0].fills["size"].abs() * run.results[0].fills["price"]).sum()
    assert figures["turnover"] == pytest.approx(traded / 1e6, rel=1e-9)
    assert told.days[place].tolist() == [f"{day:%Y-%m-%d}" for day in run.benchmark.index[[0, -1]]]
    assert [figures[name] for name in ("truncated", "ruined", "refused", "hindsight")] == [0, 0, 0, 0]


def test_the_best_is_deflated_as_the_main_job_does_it(real_prices, kept, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    told, _, _ = swept(real_prices, kept, "bad_news", "rebalance=20,60", objective="net")
    assert len(TrialLedger().read()) == 2, "every spec is in the ledger"
    request = Request(DEEPSEEK, ("bad_news",), rebalance=int(told.labels(int(rank_variants(told)[0]))[0]))
    subjects = load_studies(request)
    run = run_studies(PricedPlan(Plan(request, subjects), real_prices))
    known = TrialLedger().read()
    (own,) = run_trials(Plan(request, subjects), real_prices, run)
    assert own.key in known, "and it is the same trial as in the main job"
    expected = evidence.sharpe_evidence(run.results[0], run, known)
    for name in ("annual", "probabilistic", "deflated", "expected_best", "years_needed", "years"):
        value = getattr(expected, name)
        assert getattr(told.sharpe, name) == (
            value if isinstance(value, Missing) else pytest.approx(value, rel=1e-6)
        ), name
    assert (told.sharpe.trials, told.manifest["trials"]["trials"]) == (2, 2)


def test_reconstructed_prices_add_nothing_to_the_ledger(real_prices, kept, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    told, _, _ = swept(replace(real_prices, real=False), kept, "bad_news", "rebalance=20,60")
    assert not (tmp_path / "trials.txt").exists()
    assert told.sharpe.trials == 2


def test_what_is_cross_validated_are_the_daily_excess_returns_that_all_specs_share(real_prices, kept):
    told, found, space = swept(
        real_prices, kept, "gpu_bubble", "hold=20,80,end", "entry=2025-02-03,2025-02-10", "gross=1,.5"
    )
    returns, places, first, last = sweep.shared_returns(found, real_prices)
    expected = {}
    for place in range(4, 12):  # those of 20 sessions are too short
        scenario = space.scenario(found.specs[place])
        request = Request(DEEPSEEK, ("gpu_bubble",), entry=f"{scenario.entry:%Y-%m-%d}", hold=scenario.hold)
        (subject,) = load_studies(request)
        changed = (replace(subject, parameters=scenario.parameters),)
        expected[place] = run_studies(PricedPlan(Plan(request, changed), real_prices)).results[0].returns
    frame = pd.DataFrame(expected).dropna()
    assert (len(frame), str(frame.index[0])[:10]) == (76, "2025-02-10")
    from data import fomc

    lower, upper = fomc.policy_range(frame.index)
    rate = (1 + pd.Series((lower + upper) / 2).mean()) ** (1 / 252) - 1
    assert places == list(expected)
    assert returns == pytest.approx(frame.to_numpy() - rate, abs=1e-12)
    assert (str(real_prices.days[first]), str(real_prices.days[last])) == tuple(
        f"{day:%Y-%m-%d}" for day in frame.index[[0, -1]]
    )
    assert told.validation.probability == overfitting_probability(frame.to_numpy() - rate).probability
    assert (told.validation.specs, told.validation.sampled, told.validation.sessions) == (8, 12, 76)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        (("hold=5,20",), "0 specs ran for 40 sessions or more; 2 are needed"),
        (("hold=20,60",), "1 specs ran for 40 sessions or more"),
        (
            ("entry=2024-01-02,2025-01-31", "hold=60"),
            "share 0 sessions; 40 are needed, so give entries that are closer",
        ),
    ],
)
def test_what_cannot_be_cross_validated_says_why(real_prices, kept, knobs, reason):
    told, _, _ = swept(real_prices, kept, "bad_news", *knobs)
    assert isinstance(told.validation, Missing) and reason in told.validation.reason


def test_moments_are_those_of_pandas():
    rng = np.random.default_rng(5)
    excess = rng.standard_t(4, (3, 60)) * 0.01
    excess[1, 40:] = np.nan
    excess[2, 19:] = np.nan
    ratio, skewness, kurtosis = sharpe_moments(excess, np.array([False, False, False]))
    for row in (0, 1):
        series = pd.Series(excess[row]).dropna()
        assert ratio[row] == pytest.approx(series.mean() / series.std(), rel=1e-12)
        assert skewness[row] == pytest.approx(series.skew(), rel=1e-9)
        assert kurtosis[row] == pytest.approx(series.kurt() + 3, rel=1e-9)
    assert np.isnan([ratio[2], skewness[2], kurtosis[2]]).all(), "19 returns are too few"
    assert np.isnan(sharpe_moments(excess[:1], np.array([True]))[0]).all(), "nor after ruin"


class Fussy(Reading):
    """Fails at some of its settings, each in a way of its own."""

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


def test_a_spec_that_cannot_be_run_is_told_and_stops_no_other(fussy, random_prices, kept):
    prices = random_prices(("A", "B", "SPY"), 400)
    told, found, _ = swept(prices, kept, "fussy", "gross=0.5,-1,1,2,0.7", "hold=5,30")
    assert sorted(told.failed) == [2, 3, 6, 7]
    assert told.failed[2].startswith(
        "ZeroDivisionError: no such gross (tests/runners/engine/sweep/test_sweep.py, line "
    )
    assert told.failed[6].startswith("Fussy at 2025-01-30: gross exposure 2.000000 of the targets exceeds 1")
    assert np.isnan(told.figures["d"][[2, 3, 6, 7]]).all() and np.isfinite(told.figures["d"][[0, 1, 4, 5, 8, 9]]).all()
    alone, _, _ = swept(prices, kept, "fussy", "gross=0.7", "hold=5,30")
    assert told.figures["net"][[8, 9]] == pytest.approx(alone.figures["net"], abs=1e-12)
    assert told.days[2].tolist() == ["", ""]
    assert rank_variants(told)[-4:].tolist() == [2, 3, 6, 7]
    assert set(found.curves) == {0, 1, 4, 5, 8, 9}


def test_where_nothing_can_be_run_the_first_reason_is_told(fussy, random_prices, kept):
    with pytest.raises(RequestError, match=r"not one of 2 specs could be run; the first: .*gross exposure 2.000000"):
        swept(random_prices(("A", "B", "SPY"), 400), kept, "fussy", "gross=2,3")


def test_an_entry_before_the_history_is_a_spec_that_could_not_be_run(real_prices, kept):
    told, _, _ = swept(real_prices, kept, "fomc_tilt", "entry=2019-06-03,2025-01-31")
    assert told.failed == {
        0: "fomc_tilt needs 90 closes before its entry on 2019-06-03, and there are 11; "
        "enter later, or load earlier prices"
    }


def test_hindsight_is_counted(real_prices, kept):
    told, _, _ = swept(real_prices, kept, "bad_news", "entry=shock,published,2025-01-30")
    assert told.figures["hindsight"].tolist() == [1, 0, 1]
    assert told.notices[0].startswith("With hindsight: 2 of 3 specs enter before 2025-01-31")


def test_an_objective_that_no_spec_has_is_refused(real_prices, kept):
    with pytest.raises(RequestError, match="--objective d_252: no spec has a d after 252 sessions"):
        swept(real_prices, kept, "bad_news", "hold=5,20", objective="d_252")


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_a_plain_strategy_is_swept_too(random_prices, kept, executor):
    prices = random_prices(("A", "SPY"), 330)
    told, _, _ = swept(
        prices,
        kept,
        "tests.resources.workers:Crossing",
        "period=5,20",
        "hold=10,30",
        "half_spread_bps=0,50",
        symbols=("A",),
        executor=executor,
    )
    subject = prepare("tests.resources.workers:Crossing", Crossing, "SPY", ("A",))
    entry = pd.Timestamp("2025-01-31")
    first = prices.row(entry) - 1
    for place, (period, hold, bps) in enumerate((p, h, b) for p in (5, 20) for h in (10, 30) for b in (0.0, 50.0)):
        costs = Frictions(half_spread_bps=bps)
        benchmark = benchmark_returns(prices, "SPY", first, first + 2 + hold)
        own = replace(subject, parameters={"period": period})
        alone = evaluate(own, prices, EntrySchedule(entry, hold), costs, benchmark)
        assert told.figures["d"][place] == pytest.approx(alone.d, abs=1e-9)
        assert told.figures["net"][place] == pytest.approx(alone.equity.iloc[-1] / 1e6 - 1, abs=1e-12)
    assert told.figures["refused"].max() == 0, "orders of the warm-up are set aside as intended"


def test_slow_specs_still_keep_many_workers_busy(random_prices, kept, monkeypatch):
    clock, asked = [0.0], []

    class Slow(Serial):
        def map(self, work, shared, specs, *told):
            asked.append(len(specs))
            clock[0] += 60.0
            return super().map(work, shared, specs, *told)

    monkeypatch.setattr(resumable, "monotonic", lambda: clock[0])
    words = ("tests.resources.workers:Crossing", "half_spread_bps=" + ",".join(map(str, range(96))), "hold=5")
    swept(random_prices(("A", "SPY"), 330), kept, *words, symbols=("A",), executor=Slow())
    assert min(asked[:-1]) >= 32 and sum(asked) == 96


def test_the_same_comes_out_in_parts_of_any_number_of_processes(real_prices, tmp_path, monkeypatch):
    monkeypatch.setattr(resumable, "PART", 4)
    words = ("two_shocks", "hold=20,60,120", "rebalance=5,20", "lookback=20,60")
    tables = []
    for executor in (Serial(), Processes(2)):
        with Checkpoint.beside(tmp_path / type(executor).__name__) as kept:
            _, found, _ = swept(real_prices, kept, *words, executor=executor)
        tables.append(found.table)
    assert tables[0].tobytes() == tables[1].tobytes()


def test_what_is_finished_is_not_run_again(real_prices, tmp_path, monkeypatch):
    monkeypatch.setattr(resumable, "PART", 4)
    words = ("bad_news", "hold=20,60,120", "rebalance=5,20")
    with Checkpoint.beside(tmp_path / "out") as kept:
        _, found, _ = swept(real_prices, kept, *words)
    asked = []

    class Counting(Serial):
        def map(self, work, shared, specs, *told):
            asked.extend(specs)
            return super().map(work, shared, specs, *told)

    with Checkpoint.beside(tmp_path / "out") as kept:
        _, same, _ = swept(real_prices, kept, *words, executor=Counting())
    assert not asked
    assert same.table.tobytes() == found.table.tobytes()
    assert all((same.curves[place] == found.curves[place]).all() for place in found.curves)
    key, content = next(iter(Checkpoint(kept.path).contents.items()))
    kept.remove()
    kept.add(key, content)
    with Checkpoint.beside(tmp_path / "out") as first:
        _, same, _ = swept(real_prices, first, *words, executor=Counting())
    assert len(asked) == 1
    assert same.table.tobytes() == found.table.tobytes()
    asked.clear()
    with Checkpoint.beside(tmp_path / "out") as kept:
        swept(real_prices.rows(0, len(real_prices.sessions) - 1), kept, *words, executor=Counting())
    assert len(asked) == 2, "other prices are another sweep"


def test_an_outcome_is_read_back_to_the_last_bit():
    table = np.random.default_rng(1).normal(size=(3, len(COLUMNS)))
    table[1] = np.nan
    table[2, 0], table[2, 1] = -np.inf, -0.0
    outcome = ChunkOutcome(table, {1: 'no "such" spec\n é'}, {0: np.array([1e6, 1e6 + 1e-9])})
    text = outcome.as_text()
    assert text.isascii() and "\n" not in text
    again = ChunkOutcome.of_text(text)
    assert again.table.tobytes() == table.tobytes()
    assert again.failed == outcome.failed
    assert again.curves[0].tolist() == outcome.curves[0].tolist()


def test_one_sweep_at_a_time_for_a_folder(tmp_path):
    again = Checkpoint.beside(tmp_path / "out")
    with Checkpoint.beside(tmp_path / "out"), pytest.raises(RequestError, match="is being worked on by another sweep"):
        again.__enter__()


@pytest.mark.parametrize(("size", "most"), [(1, 10), (10, 10), (11, 10), (2001, 1000), (999_999, 1000)])
def test_samples_are_even(size, most):
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
def test_what_cannot_be_asked_for_is_refused(changes, complaint):
    with pytest.raises(RequestError, match=complaint):
        sweep.SweepRequest(DEEPSEEK, "gpu_bubble", ("hold=20",), **changes)


def test_no_ledger_no_deviation(real_prices, kept):
    _, found, _ = swept(real_prices, kept, "bad_news", "hold=5,20")
    assert sweep.deflated_best(found, 0, Trials({})) == Missing(
        "the best spec has no Sharpe ratio: it was ruined, or ran for too few sessions"
    )


def test_a_setting_that_shares_a_changed_choice_is_not_the_declared_one(real_prices, kept):
    told, _, _ = swept(real_prices, kept, "gpu_bubble", "hold=20,252", "commission_bps=50")
    assert declared_variant(told) is None
    told, _, _ = swept(real_prices, kept, "gpu_bubble", "hold=20,252", "commission_bps=1")
    assert declared_variant(told) == 1
    told, _, _ = swept(real_prices, kept, "gpu_bubble", "hold=20,252", entry="shock")
    assert declared_variant(told) is None


def test_a_setting_that_never_trades_is_counted_and_has_no_ratio(real_prices, kept):
    _, found, space = swept(real_prices, kept, "gpu_bubble", "lag=1,9999")
    trades, never = sweep.sweep_trials(space, found, real_prices)
    assert trades.sharpe is not None and never.sharpe is None


@pytest.mark.parametrize(
    "knob",
    ["hold=99999999999999999999", "rebalance=100001", "borrow_rate=1e300", "half_spread_bps=10001", "cash_rate=1e9"],
)
def test_absurd_numbers_are_refused_with_what_is_allowed(knob):
    with pytest.raises(RequestError, match=r"is no value for .*(1 to 100,000|0 to 10,000|0 to 100)"):
        sweep.prepare_space(sweep.SweepRequest(DEEPSEEK, "gpu_bubble", (knob,)))
