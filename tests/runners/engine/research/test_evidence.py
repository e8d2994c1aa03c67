"""What is run for the evidence: counted placebos, break-even costs that break even, reasons where something lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import strategies
from data.events.event import Event, EventReading
from data.prices import FIELDS, Prices
from reports.folders.evidence_json import evidence_summary, json_value
from reports.records.evidence import END
from reports.records.result import Run
from reports.statistics.availability import Missing
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, benchmark_returns, count_trials, run_studies, run_trials
from runners.engine.plan import Plan, load_studies, make_plan
from runners.engine.request import Request
from runners.engine.research import evidence
from runners.engine.study import PlainStudy, ReadingStudy, prepare
from runners.engine.trial_ledger import TrialLedger, Trials
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base import Cash, Past, Reading, Weights
from tests.resources.events import DEEPSEEK
from tests.resources.workers import Crossing


def family(*names: str) -> Event:
    """The event with these readings alone: with all twelve, each test would hold the evidence of twelve."""
    return replace(DEEPSEEK, readings=tuple(map(EventReading, names)))


def judged(request: Request, prices: Prices, subjects=None, executor=Serial()) -> Run:
    """A run with its evidence."""
    plan = make_plan(replace(request, evidence=True))
    plan = plan if subjects is None else replace(plan, asked=subjects)
    ran = replace(run_studies(PricedPlan(plan, prices)), real=True)
    return evidence.gather_evidence(ran, plan, prices, Trials({}).union(run_trials(plan, prices, ran)), executor)


@pytest.fixture(scope="module")
def whole(real_prices) -> Run:
    """Evidence on all twelve, on real prices, with the declared settings."""
    return judged(Request(DEEPSEEK), real_prices)


def test_the_placebos_are_as_many_as_do_not_overlap(whole):
    for found in whole.court.evidence.values():
        assert [found.timing[key].n for key in ("5", "20", "60", "120", "252")] == [257, 64, 21, 10, 5]
        assert found.timing["20"].p_family is not None and found.timing["60"].p is not None
        assert found.timing["120"].p is None and "10 placebos that do not overlap; 19" in found.timing["120"].reason


def test_effects_are_those_of_the_run_in_backtrader(whole):
    for result in whole.results:
        found = whole.court.evidence[result.name]
        for horizon, outcome in result.horizons.items():
            assert found.timing[str(horizon)].effect == pytest.approx(outcome.d, abs=1e-9)
        if found.names is not None:
            assert found.names[END].effect == pytest.approx(result.d, abs=1e-9)


def test_one_placebo_is_what_backtrader_makes_of_that_date(whole, real_prices):
    launches = whole.court.evidence["two_shocks"].launches
    place = launches.aligned["20"][10]
    subject = prepare("two_shocks", strategies.load("two_shocks"), "SPY")
    benchmark = pd.Series(np.zeros(300))
    ran = evaluate(subject, real_prices, EntrySchedule(pd.Timestamp(launches.sessions[place])), Frictions(), benchmark)
    assert launches.d["20"][place] == pytest.approx(ran.horizons[20].d, abs=1e-6)
    assert real_prices.row("2025-01-31") - real_prices.row(launches.sessions[place]) == 11 * 20


def test_names_are_tested_where_they_are_the_claim(whole):
    tested = {name for name, found in whole.court.evidence.items() if found.names is not None}
    assert tested == {"gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"}
    for name in tested:
        assert whole.court.evidence[name].names[END].n == len(whole.court.evidence[name].drawn) == 5000


def test_at_the_break_even_cost_d_is_zero_in_backtrader(whole, real_prices):
    subject = prepare("us_over_china", strategies.load("us_over_china"), "SPY")
    found = whole.court.evidence["us_over_china"].break_even
    benchmark = pd.Series(np.zeros(300))
    launch = Request(DEEPSEEK).launch
    for costs in (Frictions(found.trading_bps, 0.0), Frictions(borrow_rate=found.borrow_rate)):
        assert evaluate(subject, real_prices, launch, costs, benchmark).d == pytest.approx(0.0, abs=1e-5)
    assert isinstance(whole.court.evidence["ai_software"].break_even.trading_bps, Missing)


def test_a_reading_that_holds_what_it_must_beat_says_that_it_cannot_be_supported(whole):
    power = whole.court.evidence["diversity_pool"].power
    assert isinstance(power, Missing) and "can be refuted but not supported" in power.reason
    assert sum(isinstance(found.power, Missing) for found in whole.court.evidence.values()) == 1


def test_the_shock_is_that_of_the_day(whole):
    shock = whole.court.evidence["gpu_bubble"].shock
    assert (shock.day, shock.last, shock.days) == ("2025-01-27", "2024-12-24", 220)
    nvda = next(row for row in shock.names if row.name == "NVDA" and row.model == "market-adjusted")
    # facts/shock-day.csv: NVDA -16.97 %, SPY -1.41 %
    assert nvda.car["[0]"] == pytest.approx(-0.1697 + 0.0141, abs=2e-4)


def test_the_calendar_placebo_moves_sixteen_times(whole):
    told = [each for each in whole.court.evidence["fomc_tilt"].described if each.horizon == "20"]
    assert [each.n for each in told] == [16]
    falls = [each for each in whole.court.evidence["nvda_comeback"].described if each.horizon == "20"]
    assert len(falls) == 1 and 150 < falls[0].n < 165


def test_everything_can_be_written_as_json_and_said_again(whole):
    import json

    told = {name: evidence_summary(found, whole.court) for name, found in whole.court.evidence.items()}
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert all(each["verdict"] in ("supported", "refuted", "not distinguishable from chance") for each in told.values())
    assert json_value(Missing("why")) == {"not_available": "why"}


@pytest.mark.slow
@pytest.mark.parametrize("executor", [Processes(1), Processes(2)])
def test_workers_change_nothing(whole, real_prices, executor):
    again = judged(Request(DEEPSEEK), real_prices, executor=executor)
    for name, found in whole.court.evidence.items():
        assert evidence_summary(found, whole.court) == evidence_summary(again.court.evidence[name], again.court)


def test_a_look_at_real_prices_is_counted_once_and_one_at_a_reconstruction_is_not(real_prices, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    request = Request(DEEPSEEK, ("bad_news", "gpu_bubble"))
    subjects = load_studies(request)
    run = run_studies(PricedPlan(Plan(request, subjects), real_prices))
    own = run_trials(Plan(request, subjects), real_prices, run)
    assert len(count_trials(own, real=False)[0]) == 2 and len(TrialLedger().read()) == 0
    for _ in range(2):
        assert len(count_trials(own, real=True)[0]) == 2 and len(TrialLedger().read()) == 2
    other = run_trials(Plan(Request(DEEPSEEK, ("bad_news", "gpu_bubble"), hold=60), subjects), real_prices, run)
    assert len(count_trials(other, real=True)[0]) == 4, "another hold is another variant"
    (tmp_path / "trials.txt").unlink()
    (tmp_path / "trials.txt").mkdir()
    known, notices = count_trials(own, real=True)
    assert len(known) == 2 and "Trials are not counted" in notices[0]


def test_naming_one_reading_does_not_make_its_family_smaller(real_prices):
    names = ("high_end_demand", "bad_news", "us_over_china")
    alone, every = (judged(Request(family(*names), asked), real_prices).court for asked in (names[:1], ()))
    found, among = alone.evidence["high_end_demand"], every.evidence["high_end_demand"]
    assert set(alone.family) == set(names) and set(alone.evidence) == {"high_end_demand"}
    assert (found.verdict, found.timing, found.names) == (among.verdict, among.timing, among.names)


def test_at_the_shock_itself_the_shock_stays_where_it_is_and_hindsight_is_said(whole, real_prices):
    run = judged(Request(family("nvda_comeback", "two_shocks"), entry="shock"), real_prices)
    assert run.court.hindsight and not whole.court.hindsight
    for result in run.results:
        timing = run.court.evidence[result.name].timing
        for horizon, outcome in result.horizons.items():
            assert timing[str(horizon)].effect == pytest.approx(outcome.d, abs=1e-9)


def test_no_launch_comes_before_the_fund_that_it_must_beat(real_prices):
    late, row, column = {}, 900, real_prices.columns["QQQ"]
    for name in (*FIELDS, "factor"):
        late[name] = np.array(getattr(real_prices, name))
        late[name][:row, column] = np.nan
    prices = Prices(real_prices.sessions, real_prices.symbols, **late)
    found = judged(Request(family("high_end_demand")), prices).court.evidence["high_end_demand"]
    assert found.launches.sessions[0] == str(prices.days[row + 1])
    assert found.timing["20"].n == (real_prices.row("2025-01-31") - row - 1) // 20


def test_launches_that_were_cut_short_are_not_compared_at_the_end(whole):
    (told,) = [each for each in whole.court.evidence["nvda_comeback"].described if each.horizon == END]
    others = [each for each in whole.court.evidence["nvda_comeback"].described if each.horizon == "20"]
    assert told.n < others[0].n


def test_prices_that_begin_late_leave_reasons_and_numbers_that_are_there(real_prices):
    late = real_prices.rows(real_prices.row("2024-06-03"), len(real_prices.sessions))
    found = judged(Request(family("gpu_bubble")), late).court.evidence["gpu_bubble"]
    assert found.verdict.word in ("supported", "refuted", "not distinguishable from chance"), "by its names"
    assert found.timing["20"].p is None and "19 are needed" in found.timing["20"].reason
    assert not isinstance(found.intervals["sharpe"], Missing)
    assert found.shock.days < 220


def test_prices_that_end_early_do_not_reach_long_windows(real_prices):
    early = real_prices.rows(0, real_prices.row("2025-02-10") + 1)
    found = judged(Request(DEEPSEEK, ("bad_news",)), early).court.evidence["bad_news"]
    assert "before this horizon" in found.timing["20"].reason and found.timing["5"].p is not None
    assert found.verdict.word is None
    row = next(leg for leg in found.shock.legs if leg.name == "names sold short")
    assert row.car["[0,+20]"] is None and row.car["[0,+5]"] is not None and "[0,+20]" in row.reason


def test_names_that_could_have_been_chosen_must_be_there(real_prices):
    few = real_prices.select(("NVDA", "AMD", "INTC", "SPY"))
    found = judged(Request(DEEPSEEK, ("gpu_bubble",)), few).court.evidence["gpu_bubble"]
    assert "no prices for QCOM" in found.names[END].reason and found.timing["20"].p is not None
    assert found.verdict.word is None and "the family is not whole" in found.verdict.reason
    assert list(found.regressions) == ["SPY"]


class Idle(Reading):
    """Never holds anything."""

    symbols = ("SPY",)

    def weights(self, past: Past) -> Weights:
        return {}


class Elsewhere(Reading):
    """Fails at every other date."""

    symbols = ("SPY",)
    reacts_to = "SPY"

    def weights(self, past: Past) -> Weights:
        if past.session.year != 2025:
            raise ZeroDivisionError("not there")
        return {"SPY": 1.0}


def test_a_reading_that_never_trades_or_fails_elsewhere_stops_no_other(real_prices):
    request = Request(DEEPSEEK, ("bad_news",), hold=40)
    subjects = (
        *load_studies(request),
        *(ReadingStudy(each.__name__, each, ("SPY",), Cash()) for each in (Idle, Elsewhere)),
    )
    told = judged(request, real_prices, subjects).court.evidence
    assert told["bad_news"].timing["20"].p is not None
    assert isinstance(told["Idle"].shock, Missing) and "never takes a position" in told["Idle"].shock.reason
    assert "not there" in told["Elsewhere"].timing["20"].reason and told["Elsewhere"].verdict.word is None


@pytest.mark.slow
def test_a_plain_strategy_gets_its_aligned_launches_through_backtrader(real_prices):
    prices = real_prices.select(("SPY",))
    request = Request(DEEPSEEK, hold=60)
    subject = PlainStudy("Crossing", Crossing, ("SPY",), Cash())
    found = judged(request, prices, (subject,)).court.evidence["Crossing"]
    assert found.timing["20"].n == 64 and found.timing["20"].p is not None
    assert found.timing["60"].n == 21 and found.timing["60"].p is not None
    assert isinstance(found.break_even, Missing) and found.names is None


def test_aligned_launches_of_a_plain_strategy_are_those_of_backtrader_one_by_one(random_prices):
    """At the horizon that counts each, and no further; rows for which there are too few placebos are not launched."""
    prices, request = random_prices(("SPY",), sessions=500), Request(DEEPSEEK)
    subject = PlainStudy("Crossing", Crossing, ("SPY",), Cash())
    conditions = TradingConditions(252, None, request.frictions)
    planned = evidence.EvidencePlan(420, 30, prices.sessions[416], prices.sessions[415], conditions, "SPY")
    entries, found = evidence.excess_by_past_entry(prices, planned, subject)
    assert entries.tolist() == list(range(20, 421, 20))[1:]
    ends = [int(np.isfinite(row).sum()) for row in found]
    for row, d in zip(entries[[0, 9, -1]], found[[0, 9, -1]], strict=True):
        hold = 252 if row == 420 else 20
        launch = EntrySchedule(prices.sessions[row], hold, shock=prices.sessions[row - 4])
        window = benchmark_returns(prices, "SPY", row - 1, min(row + hold + 3, len(prices.sessions)))
        theirs = evaluate(subject, prices, launch, request.frictions, window).horizons
        assert {n: d[evidence.KEYS.index(str(n))] for n in theirs} == pytest.approx(
            {n: horizon.d for n, horizon in theirs.items()}, abs=1e-12, nan_ok=True
        )
    assert ends[-1] > ends[0] >= 2


@pytest.mark.parametrize("future", [pytest.param("missing", marks=pytest.mark.slow), "wild"])
def test_future_prices_change_nothing_of_the_timing_test(whole, real_prices, future):
    until = real_prices.row("2025-03-10")
    cut = real_prices.rows(0, until + 1)
    wild = Prices(
        real_prices.sessions,
        real_prices.symbols,
        *(np.vstack((getattr(cut, name), 3 * getattr(real_prices, name)[until + 1 :])) for name in (*FIELDS, "factor")),
    )
    other = judged(Request(DEEPSEEK, ("two_shocks", "fomc_tilt")), {"missing": cut, "wild": wild}[future])
    assert len(other.court.evidence) == 2
    for name, found in other.court.evidence.items():
        assert found.timing["20"] == whole.court.evidence[name].timing["20"]
