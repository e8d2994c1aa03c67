"""Evidence on a run: number of placebos, agreement with Backtrader, break-even costs, reasons for missing figures."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import strategies
from data.events.event import EventReading
from data.prices import FIELDS, Prices
from data.universe import AI_UNIVERSE
from reports.folders.evidence_json import evidence_summary, json_value
from reports.records.evidence import END
from reports.records.result import HORIZONS, Run
from reports.statistics.availability import Missing
from reports.statistics.verdict import Verdict, year_test
from reports.statistics.year_timing import window_entries, year_timings
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import log_wealth
from runners.engine.evaluation import evaluate
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, benchmark_returns, count_trials, run_studies, run_trials
from runners.engine.plan import Plan, load_studies, make_plan
from runners.engine.request import Request
from runners.engine.research import judgement
from runners.engine.research.evidence import gather_evidence
from runners.engine.research.evidence_plan import KEYS, LONGEST_HISTORY, EvidencePlan
from runners.engine.research.examination import excess_by_entry
from runners.engine.research.judgement import undeclared_settings
from runners.engine.research.permutation import FACTORS
from runners.engine.study import PlainStudy, ReadingStudy, prepare
from runners.engine.trial_ledger import TrialLedger, Trials
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base import Cash, Past, Reading, Weights
from tests.resources.events import DEEPSEEK, deepseek_of
from tests.resources.workers import Crossing


def run_with_evidence(
    request: Request, prices: Prices, studies=None, executor=Serial(), real=True, parameters=MappingProxyType({})
) -> Run:
    """A run with its evidence."""
    plan = make_plan(replace(request, evidence=True), parameters=parameters)
    plan = plan if studies is None else replace(plan, studies=studies)
    ran = replace(run_studies(PricedPlan(plan, prices)), real=real)
    return gather_evidence(ran, plan, prices, Trials({}).union(run_trials(plan, prices, ran)), executor)


@pytest.fixture(scope="module")
def main_job(market_data, run_once) -> dict[str, dict]:
    """All readings on real prices, with the declared settings: results.json of the main job."""
    place, _ = run_once("deepseek", "--source", market_data.resolve())
    readings = json.loads((place / "reports" / "latest" / "results.json").read_text(encoding="utf-8"))["readings"]
    assert len(readings) == len(strategies.names())
    return readings


@pytest.fixture(scope="module")
def details(main_job) -> dict[str, dict]:
    """The evidence on each reading of the main job."""
    return {name: result["evidence"]["details"] for name, result in main_job.items()}


def test_placebos_are_the_past_entries_whose_windows_do_not_overlap(details):
    for evidence in details.values():
        timing = evidence["timing"]
        assert [timing[key]["n"] for key in ("5", "20", "60", "120", "252")] == [257, 64, 21, 10, 5]
        assert timing["20"]["p_family"] is not None and timing["60"]["p"] is not None
        assert timing["120"]["p"] is None and "10 placebos that do not overlap; 19" in timing["120"]["reason"]


def test_effects_equal_the_run_in_backtrader(main_job, details):
    for name, result in main_job.items():
        for horizon, outcome in result["horizons"].items():
            assert details[name]["timing"][horizon]["effect"] == pytest.approx(outcome["d"], abs=1e-9)


def test_a_placebo_equals_a_backtrader_run_entered_on_that_date(real_prices):
    report = run_with_evidence(Request(deepseek_of("two_shocks")), real_prices).evidence_report
    past = report.readings["two_shocks"].launches
    index = past.aligned["20"][10]
    study = prepare("two_shocks", strategies.load("two_shocks"), "SPY")
    benchmark = pd.Series(np.zeros(300))
    schedule = EntrySchedule(pd.Timestamp(past.sessions[index]))
    result = evaluate(study, real_prices, schedule, Frictions(), benchmark)
    assert past.d["20"][index] == pytest.approx(result.horizons[20].d, abs=1e-6)
    assert real_prices.row("2025-01-31") - real_prices.row(past.sessions[index]) == 11 * 20


def test_stock_selection_is_tested_where_it_is_the_claim(details):
    tested = {name for name, evidence in details.items() if evidence["selection"] is not None}
    assert tested == {
        *("gpu_bubble", "ai_software", "midrange_challengers", "high_end_demand", "policy_winners"),
        *("named_partners", "antitrust_yields"),
    }
    assert {details[name]["selection"]["n"] for name in tested} == {5000}


@pytest.mark.parametrize(
    ("name", "statistic", "side", "exact"),
    [
        # p from 200,000 permutations of other code.
        ("ai_software", 1.2502, "p", 0.2312),
        ("high_end_demand", 1.2950, "p", 0.1991),
        ("midrange_challengers", -1.6805, "p_lower", 0.0288),
        ("gpu_bubble", 0.4755, "p", 0.3261),
    ],
)
def test_golden_statistics_of_stock_selection(details, name, statistic, side, exact):
    rank = details[name]["selection"]
    assert rank["effect"] == pytest.approx(statistic, abs=5e-5)
    error = np.sqrt(exact * (1 - exact) * (1 / 5000 + 1 / 200_000))
    assert rank[side] == pytest.approx(exact, abs=3 * error)


def test_golden_timing_over_the_year(real_prices):
    """Of log wealth with interest, which is the excess over cash at zero."""
    request, values = Request(DEEPSEEK), []
    rows = window_entries(real_prices.row("2025-01-31"), 20, LONGEST_HISTORY, len(real_prices.sessions) - 1)
    for name in ("gpu_bubble", "midrange_challengers"):
        study = prepare(name, strategies.load(name), "SPY")
        conditions = TradingConditions(20, 20, request.frictions, shock_lead=4)
        scenarios = conditions.at(rows, real_prices, study.parameters)
        batch = run_batch(study.strategy, real_prices.select(study.symbols), scenarios, curves=False)
        values.append(log_wealth(batch)[:, HORIZONS.index(20)])
    bubble, challengers = (year_timings(each[:, None], 12, seed=20250131)[0] for each in values)
    assert (bubble.after, bubble.before) == pytest.approx((0.0151, -0.0255), abs=5e-5)
    assert bubble.difference == pytest.approx(0.040546, abs=5e-7) and bubble.z == pytest.approx(2.17, abs=5e-3)
    # p .0134 from 9,999 permutations of other code, so that both have this error; 3 of 76 cyclic shifts are .039.
    assert bubble.p == pytest.approx(0.0134, abs=3 * np.sqrt(2 * 0.0134 * 0.9866 / 9_999))
    assert bubble.cyclic == pytest.approx(3 / 76)
    assert challengers.difference == pytest.approx(-0.0080, abs=5e-5)
    assert challengers.p_lower == pytest.approx(0.105, abs=3 * np.sqrt(2 * 0.105 * 0.895 / 9_999))


def test_the_year_of_the_evidence_has_76_windows_and_is_exploratory(main_job):
    for name, result in main_job.items():
        year = result["evidence"]["year"]
        assert year["reason"] == "" and None not in (year["after"], year["before"]), name
        assert result["evidence"]["year_declared"] is False
        assert "timing over the year" not in result["evidence"]["by"]


def test_families_of_the_event(main_job):
    families = {name: tuple(result["evidence"]["family"]) for name, result in main_job.items()}
    primary, others = families["gpu_bubble"], families["bad_news"]
    assert primary == ("gpu_bubble", "ai_software", "fomc_tilt")
    assert {*primary, *others} == set(main_job) - {"us_over_china"}
    assert all(name in family for name, family in families.items() if name != "us_over_china")
    assert families["us_over_china"] == ()


def test_a_claim_about_the_long_run_has_no_verdict_of_a_month(main_job):
    evidence = main_job["us_over_china"]["evidence"]
    assert evidence["details"]["long_run"] and evidence["details"]["timing"]["20"]["p"] is not None
    assert evidence["verdict"] == "exploratory" and evidence["by"] == [] and evidence["conflict"] is None
    assert evidence["reason"] == "its claim is about the long run, on which no test was declared"


def test_power_is_measured_on_both_sides(real_prices, monkeypatch):
    """Against plain ranking: every aligned value in turn is moved by the effect and ranked among the others."""
    monkeypatch.setattr(strategies.load("fomc_tilt"), "variants", {})  # its description takes longer than its test
    report = run_with_evidence(Request(deepseek_of(*DEEPSEEK.primary)), real_prices).evidence_report
    family = report.families[0]
    assert family == ("gpu_bubble", "ai_software", "fomc_tilt")
    assert all(len(evidence.drawn) == 5000 for evidence in report.readings.values() if evidence.selection is not None)
    values = []
    for name in family:
        launches = report.readings[name].launches
        values.append([launches.d["20"][index] for index in launches.aligned["20"]])
    d = np.array(values).T
    for sign, which in ((1, "power"), (-1, "power_down")):
        power = getattr(report.readings["gpu_bubble"], which)
        assert 0.05 in [pytest.approx(np.expm1(effect)) for effect in power.effects], "the declared bound is tried"
        for effect, share in zip(power.effects, power.shares, strict=True):
            found = 0
            for row in range(len(d)):
                moved = sign * d
                moved[row, 0] += effect
                z = (moved[:, 0] - moved[:, 0].mean()) / moved[:, 0].std(ddof=1)
                rest = (moved[:, 1:] - moved[:, 1:].mean(axis=0)) / moved[:, 1:].std(axis=0, ddof=1)
                p = np.mean(np.maximum(z, rest.max(axis=1)) >= z[row])
                found += p < 0.025 and moved[row, 0] > 0
            assert share == pytest.approx(found / len(d), abs=1.5 / len(d)), (which, effect)  # d is rounded


def test_at_the_break_even_cost_d_is_zero_in_backtrader(details, real_prices):
    study = prepare("sprint_then_pool", strategies.load("sprint_then_pool"), "SPY")
    evidence = details["sprint_then_pool"]["break_even"]
    benchmark = pd.Series(np.zeros(300))
    schedule = Request(DEEPSEEK).schedule
    for frictions in (Frictions(evidence["trading_bps"], 0.0), Frictions(borrow_rate=evidence["borrow_rate"])):
        assert evaluate(study, real_prices, schedule, frictions, benchmark).d == pytest.approx(0.0, abs=1e-5)
    assert list(details["ai_software"]["break_even"]["trading_bps"]) == ["not_available"]


def test_a_reading_that_holds_its_comparator_cannot_be_supported(details):
    missing = {name: why for name, each in details.items() if (why := each["power"].get("not_available"))}
    assert list(missing) == ["diversity_pool"]
    assert "can be refuted but not supported" in missing["diversity_pool"]


def test_abnormal_return_on_the_day_of_the_shock(details):
    shock = details["gpu_bubble"]["shock"]
    assert (shock["day"], shock["last"], shock["days"]) == ("2025-01-27", "2024-12-24", 220)
    nvda = next(row for row in shock["names"] if row["name"] == "NVDA" and row["model"] == "market-adjusted")
    # facts/shock-day.csv: NVDA -16.97 %, SPY -1.41 %
    assert nvda["car"]["[0]"] == pytest.approx(-0.1697 + 0.0141, abs=2e-4)


def test_calendar_variants_are_sixteen_and_falls_are_a_tenth_of_the_sessions(details):
    variants = [each for each in details["fomc_tilt"]["described"] if each["horizon"] == "20"]
    assert [each["n"] for each in variants] == [16]
    falls = [each for each in details["nvda_comeback"]["described"] if each["horizon"] == "20"]
    assert len(falls) == 1 and 150 < falls[0]["n"] < 165


def test_verdicts_are_words_of_the_declared_list(main_job):
    verdicts = {result["evidence"]["verdict"] for result in main_job.values()}
    words = {"supported", "refuted", "bounded", "underpowered", "not distinguishable from chance", "exploratory"}
    assert verdicts <= words


def test_a_missing_figure_is_written_with_its_reason():
    assert json_value(Missing("why")) == {"not_available": "why"}


@pytest.mark.slow
@pytest.mark.parametrize("executor", [Serial(), Processes(1), Processes(2)])
def test_workers_do_not_change_results(main_job, real_prices, executor):
    again = run_with_evidence(Request(DEEPSEEK), real_prices, executor=executor).evidence_report
    for name, result in main_job.items():
        summary = evidence_summary(again.readings[name], again)
        for key in ("details", "superiority", "p", "p_family", "names"):
            assert summary[key] == result["evidence"][key], (name, key)


def test_a_reconstruction_gives_no_verdict_on_history(real_prices):
    run = run_with_evidence(Request(deepseek_of("bad_news")), real_prices, real=False)
    verdict = run.evidence_report.readings["bad_news"].verdict
    assert verdict.word is None and "reconstruction" in verdict.reason


def test_a_trial_on_real_prices_is_counted_once_and_one_on_a_reconstruction_is_not(real_prices, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))
    request = Request(DEEPSEEK, ("bad_news", "gpu_bubble"))
    studies = load_studies(request)
    run = run_studies(PricedPlan(Plan(request, studies), real_prices))
    own = run_trials(Plan(request, studies), real_prices, run)
    assert len(count_trials(own, real=False)[0]) == 2 and len(TrialLedger().read()) == 0
    for _ in range(2):
        assert len(count_trials(own, real=True)[0]) == 2 and len(TrialLedger().read()) == 2
    other = run_trials(Plan(Request(DEEPSEEK, ("bad_news", "gpu_bubble"), hold=60), studies), real_prices, run)
    assert len(count_trials(other, real=True)[0]) == 4, "another hold is another variant"
    (tmp_path / "trials.txt").unlink()
    (tmp_path / "trials.txt").mkdir()
    trials, notices = count_trials(own, real=True)
    assert len(trials) == 2 and "Trials are not counted" in notices[0]


def test_a_single_reading_is_still_adjusted_for_the_full_strategy_set(real_prices):
    event = deepseek_of("gpu_bubble", "ai_software", "high_end_demand", "named_partners", "two_shocks")
    together = run_with_evidence(Request(event), real_prices).evidence_report
    alone = run_with_evidence(Request(event, ("high_end_demand",)), real_prices).evidence_report
    single, full = alone.readings["high_end_demand"], together.readings["high_end_demand"]
    assert set(alone.readings) == {"high_end_demand"}
    assert [len(family) for family in alone.families] == [2, 3]
    assert list(map(set, alone.families)) == list(map(set, together.families))
    assert (single.verdict, single.timing, single.selection) == (full.verdict, full.timing, full.selection)
    assert (single.year, single.power, single.power_down) == (full.year, full.power, full.power_down)


def test_an_entry_at_the_shock_is_marked_as_hindsight_and_equals_the_run_in_backtrader(main_job, real_prices):
    run = run_with_evidence(Request(deepseek_of("nvda_comeback", "two_shocks"), entry="shock"), real_prices)
    assert run.evidence_report.hindsight and not any(each["evidence"]["hindsight"] for each in main_job.values())
    for result in run.results:
        timing = run.evidence_report.readings[result.name].timing
        for horizon, outcome in result.horizons.items():
            assert timing[str(horizon)].effect == pytest.approx(outcome.d, abs=1e-9)


def test_no_past_entry_comes_before_the_fund_of_the_comparator_is_listed(real_prices):
    late, row, column = {}, 900, real_prices.columns["QQQ"]
    for name in (*FIELDS, "factor"):
        late[name] = np.array(getattr(real_prices, name))
        late[name][:row, column] = np.nan
    prices = Prices(real_prices.sessions, real_prices.symbols, **late)
    report = run_with_evidence(Request(deepseek_of("high_end_demand")), prices).evidence_report
    evidence = report.readings["high_end_demand"]
    assert evidence.launches.sessions[0] == str(prices.days[row + 1])
    assert evidence.timing["20"].n == (real_prices.row("2025-01-31") - row - 1) // 20


def test_past_entries_cut_short_by_the_end_of_prices_are_not_compared_at_the_end(details):
    described = {each["horizon"]: each["n"] for each in details["nvda_comeback"]["described"]}
    assert described[END] < described["20"]


def test_prices_that_begin_late_give_reasons_beside_the_figures_that_remain(real_prices):
    late = real_prices.rows(real_prices.row("2024-06-03"), len(real_prices.sessions))
    evidence = run_with_evidence(Request(ALONE), late).evidence_report.readings["gpu_bubble"]
    assert evidence.verdict.word in ("supported", "refuted", "underpowered"), "a month cannot be told"
    assert evidence.year.reason.startswith("it needs 64 windows before the entry and 12 after it, and there are ")
    assert evidence.timing["20"].p is None and "19 are needed" in evidence.timing["20"].reason
    assert not isinstance(evidence.intervals["sharpe"], Missing)
    assert evidence.shock.days < 220


def test_prices_that_end_early_give_reasons_at_long_horizons(real_prices):
    early = real_prices.rows(0, real_prices.row("2025-02-10") + 1)
    evidence = run_with_evidence(Request(deepseek_of("bad_news")), early).evidence_report.readings["bad_news"]
    assert "before this horizon" in evidence.timing["20"].reason and evidence.timing["5"].p is not None
    assert evidence.verdict.word is None
    row = next(leg for leg in evidence.shock.legs if leg.name == "names sold short")
    assert row.car["[0,+20]"] is None and row.car["[0,+5]"] is not None and "[0,+20]" in row.reason


def test_stocks_that_could_have_been_chosen_need_prices(real_prices):
    few = real_prices.select(("NVDA", "AMD", "INTC", "SPY"))
    evidence = run_with_evidence(Request(DEEPSEEK, ("gpu_bubble",)), few).evidence_report.readings["gpu_bubble"]
    assert "no prices for QCOM" in evidence.selection.reason and evidence.timing["20"].p is not None
    assert evidence.verdict.word is None and "the strategy set is incomplete" in evidence.verdict.reason
    assert list(evidence.regressions) == ["SPY"]


ALONE = replace(DEEPSEEK, readings=(EventReading("gpu_bubble"),), primary=())  # nothing else to adjust for


@pytest.fixture(scope="module")
def few_prices(real_prices):
    """Prices of gpu_bubble, of the stocks that it could have chosen, and of the factors."""
    return real_prices.select((*AI_UNIVERSE, *FACTORS, "QQQ"))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"entry": "2025-02-03"}, "it enters on 2025-02-03 instead of 2025-01-31"),
        ({"entry": "shock"}, "it enters on 2025-01-27 instead of 2025-01-31"),
        ({"hold": 60}, "it holds for 60 sessions instead of 252"),
        ({"hold": None}, "it holds to the end of the prices instead of 252"),
        ({"rebalance": 5}, "it rebalances every 5 sessions instead of 20"),
        ({"frictions": Frictions(half_spread_bps=3)}, "its costs are not the declared ones"),
        ({"frictions": Frictions(lag=2)}, "its costs are not the declared ones"),
        (
            {"entry": "2025-02-03", "hold": 60, "rebalance": 5},
            (
                "it enters on 2025-02-03 instead of 2025-01-31, it holds for 60 sessions instead of 252, it rebalances "
                "every 5 sessions instead of 20"
            ),
        ),
        ({}, ""),
        ({"entry": "2025-01-31", "benchmark": "QQQ"}, ""),
    ],
)
def test_settings_that_were_not_declared(changes, reason):
    assert undeclared_settings(Request(DEEPSEEK, **changes)) == reason


def test_other_settings_or_parameters_make_a_run_exploratory(few_prices):
    declared = run_with_evidence(Request(ALONE), few_prices).evidence_report
    assert declared.readings["gpu_bubble"].verdict.word not in (None, "exploratory")
    other = run_with_evidence(Request(ALONE, hold=60), few_prices).evidence_report.readings["gpu_bubble"]
    assert other.verdict == Verdict("exploratory", reason="it holds for 60 sessions instead of 252")
    assert other.timing["20"].p is not None and other.selection.p is not None
    changed = run_with_evidence(Request(ALONE, ("gpu_bubble",)), few_prices, parameters={"gross": 0.5}).evidence_report
    reason = "its parameters are not the declared ones"
    assert changed.readings["gpu_bubble"].verdict == Verdict("exploratory", reason=reason)
    assert changed.families == (("gpu_bubble", "gpu_bubble, as declared"),)


def test_a_later_event_has_timing_over_the_year_among_its_tests(few_prices, monkeypatch):
    """The test over the year was released after this event; were it older, it would be declared."""
    monkeypatch.setattr(judgement, "YEAR_TEST_RELEASED", "2025-01-27")
    run = run_with_evidence(Request(ALONE), few_prices)
    (evidence,) = run.evidence_report.readings.values()
    year = year_test(evidence.year)
    assert run.evidence_report.year_declared and year.reason == ""
    assert ("timing over the year" in evidence.verdict.by) == (year.word == evidence.verdict.word)
    monkeypatch.setattr(judgement, "YEAR_TEST_RELEASED", "2025-01-28")
    assert not run_with_evidence(Request(ALONE), few_prices).evidence_report.year_declared


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
        if past.session.year < 2025:
            raise ZeroDivisionError("not there")
        return {"SPY": 1.0}


def test_a_reading_that_never_trades_or_fails_at_other_dates_stops_no_other(real_prices):
    request = Request(deepseek_of("bad_news"))
    studies = (
        *load_studies(request),
        *(ReadingStudy(each.__name__, each, ("SPY",), Cash()) for each in (Idle, Elsewhere)),
    )
    evidence = run_with_evidence(request, real_prices, studies).evidence_report.readings
    assert evidence["bad_news"].timing["20"].p is not None
    assert evidence["Idle"].verdict == Verdict(None, reason="it never took a position")
    assert isinstance(evidence["Idle"].shock, Missing) and "never takes a position" in evidence["Idle"].shock.reason
    assert "not there" in evidence["Elsewhere"].timing["20"].reason and evidence["Elsewhere"].verdict.word is None


@pytest.mark.slow
def test_aligned_entries_of_a_plain_strategy_run_in_backtrader(real_prices):
    prices = real_prices.select(("SPY",))
    request = Request(DEEPSEEK, hold=60)
    study = PlainStudy("Crossing", Crossing, ("SPY",), Cash())
    evidence = run_with_evidence(request, prices, (study,)).evidence_report.readings["Crossing"]
    assert evidence.timing["20"].n == 64 and evidence.timing["20"].p is not None
    assert evidence.timing["60"].n == 21 and evidence.timing["60"].p is not None
    assert isinstance(evidence.break_even, Missing) and evidence.selection is None


def test_aligned_entries_of_a_plain_strategy_equal_single_backtrader_runs(random_prices):
    """Each is held to the longest horizon that counts it; horizons with too few placebos have no entries."""
    prices, request = random_prices(("SPY",), sessions=500), Request(DEEPSEEK)
    study = PlainStudy("Crossing", Crossing, ("SPY",), Cash())
    conditions = TradingConditions(252, None, request.frictions)
    plan = EvidencePlan(420, 30, prices.sessions[416], prices.sessions[415], conditions, "SPY")
    entries, by_entry = excess_by_entry(prices, plan, study)
    assert entries.tolist() == list(range(40, 481, 20)), "three windows of the year follow the entry"
    ends = [int(np.isfinite(row).sum()) for row in by_entry]
    for row, d in zip(entries[[0, 9, 19, 21]], by_entry[[0, 9, 19, 21]], strict=True):
        hold = 252 if row == 420 else 20
        schedule = EntrySchedule(prices.sessions[row], hold, shock=prices.sessions[row - 4])
        window = benchmark_returns(prices, "SPY", row - 1, min(row + hold + 3, len(prices.sessions)))
        horizons = evaluate(study, prices, schedule, request.frictions, window).horizons
        assert {n: d[KEYS.index(str(n))] for n in horizons} == pytest.approx(
            {n: horizon.d for n, horizon in horizons.items()}, abs=1e-12, nan_ok=True
        )
    assert ends[19] > ends[0] >= 2 and ends[21] == ends[0]


@pytest.mark.parametrize(
    ("future", "names"),
    [
        ("wild", ("two_shocks", "bad_news")),
        pytest.param("wild", ("two_shocks", "fomc_tilt"), marks=pytest.mark.slow),
        pytest.param("missing", ("two_shocks", "fomc_tilt"), marks=pytest.mark.slow),
    ],
)
def test_future_prices_do_not_change_the_timing_test(real_prices, future, names):
    until = real_prices.row("2025-03-10")
    cut = real_prices.rows(0, until + 1)
    wild = Prices(
        real_prices.sessions,
        real_prices.symbols,
        *(np.vstack((getattr(cut, name), 3 * getattr(real_prices, name)[until + 1 :])) for name in (*FIELDS, "factor")),
    )
    request = Request(deepseek_of(*names))
    reports = [
        run_with_evidence(request, prices).evidence_report.readings
        for prices in (real_prices, {"missing": cut, "wild": wild}[future])
    ]
    for name in names:
        assert reports[1][name].timing["20"] == reports[0][name].timing["20"]
