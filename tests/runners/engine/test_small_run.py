"""A small run on made-up prices: every number that it writes and tests, recomputed by plain pandas."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from data import calendar, fomc
from data.prices import FIELDS, Prices
from reports.folders.run import run_files
from reports.records.evidence import END
from reports.statistics import bootstrap
from reports.statistics.availability import Missing
from reports.statistics.multiple_testing import superiority_test
from reports.statistics.placebo import placebo_power
from runners.engine.comparators import excess_log_returns
from runners.engine.execution.checkpoint import Checkpoint
from runners.engine.execution.executor import Serial
from runners.engine.pipeline import PricedPlan, run_studies, run_trials
from runners.engine.plan import Plan
from runners.engine.request import Request
from runners.engine.research.descriptions import after_fall_descriptions, compare_with_others
from runners.engine.research.evidence_plan import KEYS, plan_evidence, reading_cases
from runners.engine.research.examination import (
    ExaminedReading,
    estimation_window,
    event_sample,
    examine_reading,
    permuted_stocks,
)
from runners.engine.research.judgement import (
    EFFECTS,
    Circumstances,
    judge_readings,
    judge_run,
    sharpe_evidence,
    window_confounders,
)
from runners.engine.run_settings import chart_marks
from runners.engine.study import ReadingStudy
from runners.engine.sweep import sweep
from runners.engine.trial_ledger import Trial, Trials
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base import Cash, Fund, Past, Reading, Weights
from tests.resources.events import DEEPSEEK

ENTRY = pd.Timestamp("2024-08-20")  # before three changes of the policy rate
HOLD = 100
SESSIONS = 520


class Pair(Reading):
    """Long A, short B, by the last 20 sessions."""

    params = (("gross", 1.0),)
    symbols = ("A", "B")
    reacts_to = "B"
    chooses = ("A", "B", "C", "D", "E")

    def weights(self, past: Past) -> Weights:
        ahead = past.growth("A", 20) > past.growth("B", 20)
        return {"A": self.p.gross * (0.5 if ahead else 0.2), "B": -self.p.gross * 0.3}


class Hold(Reading):
    """Holds A, against SPY."""

    symbols = ("A",)
    comparator = Fund("SPY")

    def weights(self, past: Past) -> Weights:
        return {"A": 0.7}


STUDIES = (ReadingStudy("pair", Pair, Pair.symbols, Cash()), ReadingStudy("hold", Hold, Hold.symbols, Fund("SPY")))
REQUEST = Request(DEEPSEEK, entry=f"{ENTRY:%Y-%m-%d}", hold=HOLD, rebalance=10)
PLAN = Plan(REQUEST, STUDIES)


@pytest.fixture(scope="module")
def prices() -> Prices:
    """Random walks of stocks and funds; A, SPY and QQQ pay dividends during the run, and B falls at two shocks."""
    rng = np.random.default_rng(11)
    place = calendar.calendar_index("2023-06-01")
    days = calendar.xnys()[place : place + SESSIONS]
    moves = rng.normal(0.0003, 0.01, (SESSIONS, 1)) + rng.normal(0, 0.012, (SESSIONS, 7))
    # Four sessions before the entry, and before the last past entry whose hold ends within the prices.
    moves[[days.get_loc(ENTRY) - 4, SESSIONS - HOLD - 1 - 4], 1] = -0.08
    gaps = rng.normal(0, 0.004, moves.shape)
    sectors = moves[:, :2].mean(axis=1, keepdims=True) / 2 + rng.normal(0, 0.01, (SESSIONS, 2))  # SMH and IGV
    close = 50 * np.exp(np.cumsum(np.hstack((moves, sectors)), axis=0))
    opened = close * np.exp(np.hstack((gaps, rng.normal(0, 0.004, sectors.shape))))
    high, low = np.maximum(opened, close) * 1.003, np.minimum(opened, close) * 0.997
    factor = np.ones(close.shape)
    for column, day in ((0, "2024-09-10"), (2, "2024-10-08"), (3, "2024-10-22")):
        factor[: days.get_loc(day), column] = 0.98 + 0.001 * column
    return Prices(
        days,
        ("A", "B", "SPY", "QQQ", "C", "D", "E", "SMH", "IGV"),
        opened,
        high,
        low,
        close,
        np.full(close.shape, 1e6),
        factor,
    )


@pytest.fixture(scope="module")
def run(prices):
    return run_studies(PricedPlan(PLAN, prices))


@pytest.fixture(scope="module")
def written(run):
    """results.json, returns.csv and fills.csv, as another program reads them."""
    files = run_files(run, {})
    tables = [pd.read_csv(BytesIO(files[name])) for name in ("returns.csv", "fills.csv", "decisions.csv")]
    return json.loads(files["results.json"]), *tables


def total_return_closes(prices: Prices) -> pd.DataFrame:
    """Closes times the factor of each session: dividends reinvested."""
    return pd.DataFrame(prices.close * prices.factor, prices.sessions, list(prices.symbols))


@pytest.fixture(scope="module")
def window(prices) -> pd.DatetimeIndex:
    """The close before the entry, the held sessions, and the session on whose open positions are closed."""
    row = list(prices.sessions).index(ENTRY)
    return prices.sessions[row - 1 : row + HOLD + 1]


def policy_rate(days) -> pd.Series:
    lower, upper = fomc.policy_range(days)
    return pd.Series((lower + upper) / 2, days)


def daily_rate(days) -> float:
    return (1 + policy_rate(days).mean()) ** (1 / 252) - 1


def test_the_risk_free_rate_changes_within_the_window(window):
    assert len(set(policy_rate(window[1:]))) == 4


def test_dates_are_those_of_the_window(written, window, run):
    results, returns, fills, decisions = written
    assert results["window"] == {"first": "2024-08-19", "last": f"{window[-1]:%Y-%m-%d}"}
    assert list(returns["date"]) == list(window[1:].strftime("%Y-%m-%d"))
    for name in ("pair", "hold"):
        reading = results["readings"][name]
        own = fills[fills["reading"] == name]
        assert (reading["entry"], reading["exit"]) == ("2024-08-20", f"{window[-1]:%Y-%m-%d}")
        assert (own["session"].min(), own["session"].max()) == (reading["entry"], reading["exit"])
        assert decisions[decisions["reading"] == name]["session"].min() == "2024-08-19"
    pd.testing.assert_series_equal(
        run.risk_free, policy_rate(window[1:]), check_names=False, check_freq=False, rtol=1e-12
    )


def test_the_benchmark_is_its_total_return(written, prices, window):
    closes = total_return_closes(prices)["SPY"][window]
    assert written[1]["SPY"].to_numpy() == pytest.approx(closes.pct_change().iloc[1:].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("name", ["pair", "hold"])
def test_metrics_follow_from_returns_and_fills(written, window, name):
    results, returns, fills, _ = written
    metrics, own, market = results["readings"][name]["metrics"], returns[name], returns["SPY"]
    traded = fills[fills["reading"] == name]
    rate = daily_rate(window[1:])
    wealth = pd.Series([1.0, *(1 + own).cumprod()])
    excess, theirs = own - rate, market - rate
    years = len(own) / 252
    beta, level = np.polyfit(theirs, excess, 1)
    drawdown = (wealth / wealth.cummax() - 1).min()
    growth = wealth.iloc[-1] ** (1 / years) - 1
    costs = traded["commission"].sum() + traded["spread_cost"].sum()
    expected = {
        "total_return": wealth.iloc[-1] - 1,
        "cagr": growth,
        "volatility": own.std() * 252**0.5,
        "sharpe": excess.mean() / excess.std() * 252**0.5,
        "sortino": excess.mean() / (excess.clip(upper=0) ** 2).mean() ** 0.5 * 252**0.5,
        "max_drawdown": drawdown,
        "calmar": growth / -drawdown,
        "time_in_market": HOLD / (HOLD + 1),  # the last session closes the positions
        "turnover": (traded["size"].abs() * traded["price"]).sum() / years / (wealth.mean() * 1e6),
        "costs": costs,
        "beta": beta,
        "alpha_annual": level * 252,
    }
    assert metrics.keys() == {*expected, "d"}
    for figure, value in expected.items():
        assert metrics[figure] == pytest.approx(value, rel=1e-7), figure


def test_costs_are_a_basis_point_and_a_spread_of_two(written):
    fills = written[2]
    value = fills["size"].abs() * fills["price"]
    assert fills["commission"].to_numpy() == pytest.approx((value * 1e-4).to_numpy(), rel=1e-6)
    assert fills["spread_cost"].to_numpy() == pytest.approx((value * 2e-4).to_numpy(), rel=1e-6)


@pytest.mark.parametrize("name", ["pair", "hold"])
def test_the_last_equity_is_capital_less_fills_and_costs_plus_interest(written, name):
    results, returns, fills, _ = written
    own, interest = fills[fills["reading"] == name], results["readings"][name]["interest"]
    paid = (own["size"] * own["price"]).sum() + own["commission"].sum() + own["spread_cost"].sum()
    earned = interest["cash"] - interest["debit"] - interest["borrow"]
    assert own["size"].groupby(own["symbol"]).sum().abs().max() == 0, "everything is closed"
    assert interest["cash"] > 1000 and (interest["borrow"] > 100) == (name == "pair")
    assert (1 + returns[name]).prod() * 1e6 == pytest.approx(1e6 - paid + earned, abs=0.05)


def idle(days) -> pd.Series:
    """Growth of cash by the nights between sessions: the lower bound of the policy range less half a point a year."""
    lower, _ = fomc.policy_range(days[:-1])
    nights = np.diff(days.to_numpy()) / np.timedelta64(365, "D")
    return pd.Series(np.cumprod([1.0, *(1 + (lower - 0.005) * nights)]), days)


@pytest.mark.parametrize("name", ["pair", "hold"])
def test_horizons_follow_from_returns(written, window, name):
    results, returns, _, _ = written
    reading = results["readings"][name]
    for days in (5, 20, 60):
        own, market = ((1 + returns[column].iloc[:days]).prod() - 1 for column in (name, "SPY"))
        assert reading["horizons"][str(days)]["return"] == pytest.approx(own, rel=1e-9)
        assert reading["horizons"][str(days)]["excess_benchmark"] == pytest.approx(own - market, rel=1e-8)
        if name == "pair":  # against the idle account
            lead = np.log((1 + own) / idle(window).iloc[days])
            assert reading["horizons"][str(days)]["d"] == pytest.approx(lead, abs=1e-8)
    assert reading["horizons"]["120"] is reading["horizons"]["252"] is None


def test_d_is_the_lead_over_the_comparator(written, run, window):
    results, returns, _, _ = written
    growth = {name: (1 + returns[name]).prod() for name in ("pair", "hold")}
    ahead = np.log(growth["pair"] / idle(window).iloc[-1])
    assert results["readings"]["pair"]["metrics"]["d"] == pytest.approx(ahead, abs=1e-8)
    fund = run.results[1].comparator
    assert results["readings"]["hold"]["metrics"]["d"] == pytest.approx(
        np.log(growth["hold"] / fund.iloc[-1]), rel=1e-8
    )


# --- evidence --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evidence_plan(prices):
    return plan_evidence(prices, REQUEST, "SPY", STUDIES)


def test_returns_of_readings_and_market_funds_are_over_the_risk_free_rate(run, prices, window):
    closes, rate = total_return_closes(prices).loc[window], daily_rate(window[1:])
    for case, result in zip(reading_cases(run, STUDIES, prices, "SPY"), run.results, strict=True):
        assert case.study.name == result.name and list(case.proxies) == ["SPY", "QQQ"]
        own = result.equity.to_numpy()
        assert case.returns == pytest.approx(own[1:] / own[:-1] - 1, abs=1e-14)
        assert case.excess == pytest.approx(own[1:] / own[:-1] - 1 - rate, abs=1e-14)
        for fund, excess in case.proxies.items():
            assert excess == pytest.approx(closes[fund].pct_change().iloc[1:].to_numpy() - rate, abs=1e-14)


def test_entries_after_a_fall_follow_the_worst_tenth_of_sessions(prices, evidence_plan):
    """The shock of an entry is four sessions before it; the worst tenth by plain pandas."""
    study, entry = STUDIES[0], list(prices.sessions).index(ENTRY)
    assert evidence_plan.conditions.shock_lead == 4
    moves = total_return_closes(prices)["B"].pct_change()
    entries = pd.Series(range(evidence_plan.first, len(prices.sessions)))
    at_shock = pd.Series([moves.iloc[row - 4] for row in entries])
    chosen = [
        row for row, move in zip(entries, at_shock, strict=True) if move <= at_shock.quantile(0.1) and row != entry
    ]
    d = excess_log_returns(study, prices, np.array(chosen), evidence_plan.conditions)
    real = excess_log_returns(study, prices, np.array([entry]), evidence_plan.conditions)[0]
    described = {each.horizon: each for each in after_fall_descriptions(prices, evidence_plan, study)}
    assert set(described) == {"20", "60", END} and len(chosen) > 20
    assert at_shock[entry - evidence_plan.first] <= at_shock.quantile(0.1), "the real entry follows a fall, too"
    assert SESSIONS - HOLD - 1 in chosen
    for key, each in described.items():
        column = d[:, KEYS.index(key)]
        if key == END:  # only those whose hold ends before the prices do
            column = np.array(
                [value for row, value in zip(chosen, column, strict=True) if len(prices.sessions) - row > HOLD]
            )
        column = column[~np.isnan(column)]
        assert (each.n, each.median) == (len(column), pytest.approx(np.median(column)))
        assert each.effect == pytest.approx(real[KEYS.index(key)])
        assert each.share == pytest.approx(np.mean(column.round(6) >= round(each.effect, 6)))


def test_equal_values_count_as_at_or_above_the_real_one():
    real, others = np.full(6, 0.1), np.repeat([[0.3], [0.1000000004], [0.1], [-0.2], [np.nan]], 6, axis=1)
    rows = compare_with_others("others", real, others)
    assert [(each.horizon, each.n, each.share) for each in rows] == [("20", 4, 0.75), ("60", 4, 0.75), (END, 4, 0.75)]


def test_the_sharpe_evidence_is_that_of_excess_returns(run, window):
    for result in run.results:
        excess = result.returns - daily_rate(window[1:])
        ratio, n = excess.mean() / excess.std(), len(excess)
        spread = 1 - excess.skew() * ratio + (excess.kurt() + 2) / 4 * ratio**2
        trials = Trials({}).union([Trial(f"{n:064x}", "other", sharpe) for n, sharpe in enumerate((0.05, -0.02, 0.01))])
        evidence = sharpe_evidence(result, run, trials)
        assert (evidence.trials, evidence.years) == (3, pytest.approx(n / 252))
        assert evidence.annual == pytest.approx(ratio * 252**0.5)
        assert evidence.probabilistic == pytest.approx(norm.cdf(ratio * (n - 1) ** 0.5 / spread**0.5))
        gamma = 0.5772156649015329
        best = np.std([0.05, -0.02, 0.01], ddof=1) * (
            (1 - gamma) * norm.ppf(1 - 1 / 3) + gamma * norm.ppf(1 - 1 / (3 * np.e))
        )
        assert evidence.expected_best == pytest.approx(best * 252**0.5)
        assert evidence.deflated == pytest.approx(norm.cdf((ratio - best) * (n - 1) ** 0.5 / spread**0.5))
        if ratio > 0:
            assert evidence.years_needed == pytest.approx((1 + spread * (norm.ppf(0.95) / ratio) ** 2) / 252)
        else:
            assert isinstance(evidence.years_needed, Missing)


@pytest.fixture(scope="module")
def examined(run, prices, evidence_plan):
    """Everything that is run for the evidence on both readings, with few draws."""
    few = replace(evidence_plan, draws=39, resamples=200)
    cases = reading_cases(run, STUDIES, prices, "SPY")
    return few, {case.study.name: examine_reading(prices, few, case) for case in cases}


@pytest.fixture(scope="module")
def judged(run, prices, examined):
    trials = Trials({}).union(run_trials(PLAN, prices, run))
    return judge_run(run, *examined, prices, trials, REQUEST)


def test_ranks_follow_from_the_past_entries_and_the_drawn_permutations(judged, prices, evidence_plan):
    """Every fifth session back from the entry, and the share of permutations that did as well."""
    entry, days = list(prices.sessions).index(ENTRY), [f"{day:%Y-%m-%d}" for day in prices.sessions]
    for evidence in judged.readings.values():
        past, rank = evidence.launches, evidence.timing["5"]
        rows = range(entry - 5, evidence_plan.first - 1, -5)
        values = [past.d["5"][past.sessions.index(days[row])] for row in rows]
        assert [past.sessions[index] for index in past.aligned["5"]] == [days[row] for row in rows]
        real = past.d["5"][past.sessions.index(f"{ENTRY:%Y-%m-%d}")]
        assert (rank.n, rank.effect) == (len(rows), pytest.approx(real, abs=1e-6))
        assert rank.p == (1 + sum(value >= real for value in values)) / (1 + len(rows))
        assert rank.p_lower == (1 + sum(value <= real for value in values)) / (1 + len(rows))
    chosen = judged.readings["pair"]
    assert judged.readings["hold"].selection is None and len(chosen.drawn) == chosen.selection.n == 39
    real = round(chosen.selection.effect, 6)
    assert chosen.selection.p == (1 + sum(value >= real for value in chosen.drawn)) / 40
    assert chosen.selection.p_lower == (1 + sum(value <= real for value in chosen.drawn)) / 40


def test_a_stock_listed_on_the_entry_day_could_not_have_been_chosen(prices, evidence_plan):
    row, few = evidence_plan.entry, replace(evidence_plan, draws=20)
    late = {name: np.array(getattr(prices, name)) for name in (*FIELDS, "factor")}
    for values in late.values():
        values[:row, prices.columns["E"]] = np.nan
    four = replace(STUDIES[0], universe=("A", "B", "C", "D"))
    expected = permuted_stocks(prices, few, four)
    assert permuted_stocks(replace(prices, **late), few, STUDIES[0]) == pytest.approx(expected, nan_ok=True)
    assert permuted_stocks(prices, few, STUDIES[0]) != pytest.approx(expected, nan_ok=True)


def test_power_and_adjusted_p_belong_to_each_reading(run, evidence_plan, random_prices):
    """Past entries that were made up: 44 of them do not overlap."""
    plan, rows = replace(evidence_plan, entry=900, first=20), np.arange(20, 901)
    rng = np.random.default_rng(4)
    spread = {"pair": 0.05, "hold": 0.2}
    examined = {
        name: ExaminedReading(rows, rng.normal(0, scale, (len(rows), len(KEYS))).round(6), {}, {})
        for name, scale in spread.items()
    }
    trials = Trials({}).union([Trial("0" * 64, "other", 0.1)])
    prices = random_prices(("SPY",), sessions=1000, first="2020-01-02")
    judged = judge_readings(run, plan, examined, prices, trials, (("pair", "hold"),), Circumstances(real=True))
    aligned = np.arange(900, 19, -20)
    values = np.column_stack([reading.d[aligned - 20, KEYS.index("20")] for reading in examined.values()])
    z = (values - values.mean(axis=0)) / values.std(axis=0, ddof=1)
    assert judged["pair"].power != judged["hold"].power
    for column, evidence in enumerate(judged.values()):
        rank = evidence.timing["20"]
        assert (rank.n, rank.effect) == (44, values[0, column])
        assert rank.p_family == np.mean(z.max(axis=1) >= z[0, column])
        assert rank.p_family_lower == np.mean(z.min(axis=1) <= z[0, column])
        assert evidence.power == placebo_power(values, column, EFFECTS)


def test_superiority_is_that_of_returns_less_those_of_the_comparator(judged, run):
    ahead = {
        result.name: (result.equity.pct_change() - result.comparator.pct_change()).iloc[1:].to_numpy()
        for result in run.results
    }
    assert judged.superiority == superiority_test(ahead, 20250131, count=200)


def test_intervals_are_those_of_net_returns_and_of_excess_returns(judged, run, prices, window):
    rate = daily_rate(window[1:])
    market = total_return_closes(prices).loc[window, "SPY"].pct_change().iloc[1:].to_numpy() - rate
    for result in run.results:
        returns = result.equity.pct_change().iloc[1:].to_numpy()
        excess = returns - rate
        resamples = bootstrap.resample_positions(len(excess), bootstrap.block_length(excess, market), 20250131, 200)
        expected = {
            "sharpe": bootstrap.sharpe_interval(excess, resamples),
            "cagr": bootstrap.cagr_interval(returns, resamples),
            "alpha": bootstrap.alpha_interval(excess, market, resamples),
        }
        for name, interval in judged.readings[result.name].intervals.items():
            for end in ("estimate", "low", "high"):
                assert getattr(interval, end) == pytest.approx(getattr(expected[name], end), rel=1e-6), (name, end)


def test_the_event_study_reads_the_days_around_the_shock_and_those_before_it_was_known(prices, evidence_plan):
    returns = total_return_closes(prices).pct_change()
    # The essay was quiet until 24 December, 20 sessions before the shock on 27 January.
    shock, known = (returns.index.get_loc(day) for day in ("2024-08-14", "2024-07-17"))
    assert shock - known == 20
    assert estimation_window(prices, evidence_plan) == (known - 219, known)
    sample = event_sample(prices, evidence_plan, ("A", "B"), known - 219, known)
    assert (sample.day, len(sample.estimation)) == (1, 220)
    estimation, event = returns.iloc[known - 219 : known + 1], returns.iloc[shock - 1 : shock + 21]
    for stocks, market, expected in (
        (sample.estimation, sample.estimation_market, estimation),
        (sample.event, sample.event_market, event),
    ):
        assert stocks == pytest.approx(expected[["A", "B"]].to_numpy(), abs=1e-12)
        assert market == pytest.approx(expected["SPY"].to_numpy(), abs=1e-12)


# --- dates that are marked, and news that confounds ------------------------------------------------------------------


def test_marks_reach_from_five_sessions_before_the_window_to_its_end():
    """Each at its own date; sessions by hand: 23 January is the fifth before 30 January."""
    days = ("2025-01-22", "2025-01-23", "2025-01-24", "2025-01-30", "2025-02-13", "2025-02-14", "2025-02-18")
    event = replace(DEEPSEEK, calendar=(), marks=tuple((day, f"on {day}") for day in days))
    shown = chart_marks(event, pd.bdate_range("2025-01-30", "2025-02-14"))
    assert shown == tuple((pd.Timestamp(day), f"on {day}", "event") for day in days[1:6])


def test_a_run_marks_the_decisions_of_its_window(run):
    assert [(f"{day:%Y-%m-%d}", label) for day, label, _ in run.marks] == [
        ("2024-09-18", "FOMC cuts 50 bp"),
        ("2024-11-07", "FOMC cuts 25 bp"),
        ("2024-12-18", "FOMC cuts 25 bp"),
    ]


def test_confounding_news_reaches_from_two_weeks_before_the_entry_to_the_last_day(run):
    days = ("2024-08-05", "2024-08-06", "2024-08-20", "2025-01-14", "2025-01-15")
    assert f"{run.benchmark.index[-1]:%Y-%m-%d}" == "2025-01-14"
    event = replace(DEEPSEEK, confounders=tuple((day, day) for day in days))
    assert [day for day, _ in window_confounders(event, run)] == list(days[1:4])


# --- trials ----------------------------------------------------------------------------------------------------------


def changed_at(prices: Prices, row: int) -> Prices:
    """Prices whose close of A in a row is a little lower."""
    close = np.array(prices.close)
    close[row, 0] *= 0.9999
    return replace(prices, close=close, low=np.minimum(prices.low, close))


def swept(prices, folder, *parameters):
    """The variants of Pair: request, space and outcome."""
    with pytest.MonkeyPatch.context() as patch, Checkpoint.next_to(folder / "out") as checkpoint:
        patch.setattr("strategies.load", lambda name: Pair)
        request = sweep.SweepRequest(DEEPSEEK, "pair", parameters)
        space = sweep.prepare_space(request)
        return space, sweep.run_sweep(request, space, prices, Serial(), checkpoint)[0]


def test_the_key_of_a_trial_covers_every_session_of_its_window_and_none_later(prices, run, window, tmp_path):
    last = list(prices.sessions).index(window[-1])
    space, outcome = swept(prices, tmp_path, "gross=0.5,1", f"hold={HOLD}", f"entry={ENTRY:%Y-%m-%d}")
    for trials in (partial(run_trials, PLAN, run=run), partial(sweep.sweep_trials, space, outcome)):
        before, seen, unseen, without = (
            [trial.key for trial in trials(prices=given)]
            for given in (prices, changed_at(prices, last), changed_at(prices, last + 1), prices.rows(0, last + 1))
        )
        assert len(set(before)) == 2 and set(seen).isdisjoint(before)
        assert unseen == without == before


def test_trials_carry_the_daily_sharpe_ratio(prices, run, window):
    rate = daily_rate(window[1:])
    for trial, result in zip(run_trials(PLAN, prices, run), run.results, strict=True):
        excess = result.returns - rate
        assert (trial.name, trial.sharpe) == (result.name, pytest.approx(excess.mean() / excess.std()))


def test_variants_of_a_sweep_share_the_risk_free_rate_of_their_sessions(prices, tmp_path):
    """The rate falls within the shared window, so that a window one session off has another mean."""
    entries = "2024-09-17,2024-09-19"  # the rate falls on the 19th
    _, outcome = swept(prices, tmp_path, f"entry={entries}", "gross=0.5,1", "hold=165")
    returns, usable, first, last = sweep.shared_returns(outcome, prices)
    sessions = prices.sessions[first : last + 1]
    assert f"{sessions[0]:%Y-%m-%d}" == "2024-09-19" and usable == [0, 1, 2, 3]
    curves = {
        index: pd.Series(outcome.curves[index], prices.sessions[start : start + 167])
        for index, start in enumerate(outcome.column("start").astype(int).tolist())
    }
    rate = daily_rate(sessions)
    assert rate != pytest.approx(daily_rate(sessions[1:]), rel=1e-5), "a session more or less changes the mean"
    for column, index in enumerate(usable):
        expected = curves[index].pct_change()[sessions] - rate
        assert returns[:, column] == pytest.approx(expected.to_numpy(), abs=1e-12)
        ratio = curves[index].pct_change().iloc[1:] - daily_rate(curves[index].index[1:])
        assert outcome.column("sharpe")[index] == pytest.approx(ratio.mean() / ratio.std() * 252**0.5)


def test_conditions_of_the_evidence_are_those_of_the_run(evidence_plan, prices):
    assert evidence_plan.entry == list(prices.sessions).index(ENTRY)
    assert evidence_plan.conditions == TradingConditions(HOLD, 10, REQUEST.frictions, shock_lead=4)
    assert f"{evidence_plan.shock:%Y-%m-%d}" == "2024-08-14"


def test_the_best_variant_is_deflated_by_its_own_window(prices, tmp_path):
    """60 held sessions and the one that closes them: 61 daily returns."""
    space, outcome = swept(prices, tmp_path, f"entry={ENTRY:%Y-%m-%d}", "gross=0.5,1", "hold=60")
    start = list(prices.sessions).index(ENTRY) - 1
    days = prices.sessions[start + 1 : start + 62]
    trials = sweep.sweep_trials(space, outcome, prices)
    evidence = sweep.deflated_best(outcome, 1, Trials({}).union(trials))
    excess = pd.Series(outcome.curves[1]).pct_change().iloc[1:] - daily_rate(days)
    ratio = excess.mean() / excess.std()
    spread = 1 - excess.skew() * ratio + (excess.kurt() + 2) / 4 * ratio**2
    assert len(excess) == 61 and [trial.name for trial in trials] == ["pair", "pair"]
    assert trials[1].sharpe == pytest.approx(ratio)
    assert evidence.annual == pytest.approx(ratio * 252**0.5)
    assert evidence.years == pytest.approx(61 / 252)
    assert evidence.probabilistic == pytest.approx(norm.cdf(ratio * 60**0.5 / spread**0.5))
