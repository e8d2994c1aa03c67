"""Comparators: many at once against Backtrader one by one, and simple cases by hand."""

from __future__ import annotations

from dataclasses import replace

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

import strategies
from data.errors import RequestError
from data.prices import FIELDS
from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import (
    comparator_log_wealth,
    comparator_name,
    comparator_wealth,
    earlier_betas,
    excess_log_returns,
    excess_over,
    log_wealth,
    slope,
)
from runners.engine.evaluation import evaluate
from runners.engine.pipeline import benchmark_returns
from runners.engine.study import PlainStudy, ReadingStudy, Study, prepare
from runners.engine.vectorized.batch import run_batch, run_each
from runners.engine.vectorized.scenarios import Scenario, Scenarios, TradingConditions
from strategies.base import BetaMatched, Cash, EqualWeight, Fund, Past, Reading, Variants, Weights
from tests.resources.comparator_oracle import beta_of_earlier_returns, oracle_wealth
from tests.resources.readings import READINGS
from tests.resources.rules import HalfMarket
from tests.resources.workers import Crossing

FREE = Frictions(0, 0, 0, 0)
COSTS = (Frictions(2, 3, 0.01, lag=2), Frictions(0, 0, 0, 0.05))
SETTINGS = ({"share": 0.9}, {"share": -0.4, "back": 3})
COMPARATORS = [
    Cash(),
    Fund("M"),
    EqualWeight(("M", "LATE"), "both", closes=3),
    BetaMatched("M", 25),
    Variants(({"share": 0.2}, {"back": 5}), "others"),
    pytest.param(Variants(({"share": 0.2, "back": 5},), "one, whatever the setting"), id="one variant"),
]


class Trend(Reading):
    """Long or short N with its recent trend; depends on the shock too."""

    params = (("share", 0.5), ("back", 1))
    symbols = ("N",)
    history = 6

    def weights(self, past: Past) -> Weights:
        rose = past.growth("N", self.p.back) > 1
        return {"N": self.p.share * (1 if rose else 0.5) * (1 if past.shock < past.session else 0.9)}


@pytest.fixture
def prices(random_prices):
    """M and N over 100 sessions; LATE is listed at the 60th."""
    made = random_prices(("M", "N", "LATE"), 100)
    unlisted = (np.arange(100)[:, None] < 60) & (np.arange(3) == 2)
    return replace(made, **{name: np.where(unlisted, np.nan, getattr(made, name)) for name in (*FIELDS, "factor")})


@pytest.fixture(params=[run_batch, run_each])
def simulate(request):
    """Both simulators."""
    return request.param


def trend(compared, **parameters: object) -> Study:
    return ReadingStudy("trend", Trend, ("N",), compared, parameters)


def half(compared, **parameters: object) -> Study:
    return ReadingStudy("half", HalfMarket, ("M",), compared, parameters)


def single(schedule: EntrySchedule, frictions: Frictions = FREE, **parameters: object) -> Scenarios:
    return Scenarios.of(
        [Scenario(schedule.entry, schedule.hold, schedule.rebalance, schedule.shock, frictions, parameters)]
    )


def wealth(study, prices, schedule, frictions, simulate) -> np.ndarray:
    return comparator_wealth(study, prices, single(schedule, frictions, **study.parameters), simulate)[0]


def beta(study, prices, schedule, simulate, frictions=FREE) -> float:
    measure, scenarios = study.comparator, single(schedule, frictions, **study.parameters)
    return earlier_betas(study, prices, scenarios, measure.symbol, measure.sessions, simulate)[0]


# --- against Backtrader ----------------------------------------------------------------------------------------------


def at_horizons(wealth: np.ndarray, hold: int | None) -> list[float]:
    """Log wealth at the horizons within hold and prices, and at the end."""
    reach = min(len(wealth) - 1, len(wealth) if hold is None else hold)
    return [*(np.log(wealth[n]) if n <= reach else np.nan for n in HORIZONS), np.log(wealth[-1])]


def several(prices) -> list[Scenario]:
    """Scenarios that differ in one field each, and the first one repeated."""
    first = Scenario(prices.sessions[40], 21, 5, prices.sessions[30], COSTS[0], SETTINGS[0])
    changed = [
        {"entry": prices.sessions[58]},
        {"hold": None},
        {"rebalance": None},
        {"shock": prices.sessions[45]},
        {"frictions": COSTS[1]},
        {"parameters": SETTINGS[1]},
        {"entry": prices.sessions[90], "hold": 30},
        {"entry": prices.sessions[15], "rebalance": 3, "parameters": SETTINGS[1]},
    ]
    return [first, *(replace(first, **each) for each in changed), first]


@pytest.mark.parametrize("compared", COMPARATORS, ids=lambda each: type(each).__name__)
def test_a_comparator_of_many_scenarios_equals_single_ones(compared, prices):
    scenarios, expected = several(prices), []
    for each in scenarios:
        schedule = EntrySchedule(each.entry, each.hold, each.rebalance, each.shock)
        expected.append(oracle_wealth(trend(compared, **each.parameters), prices, schedule, each.frictions))
    for simulate in (run_batch, run_each):
        values = comparator_wealth(trend(compared), prices, Scenarios.of(scenarios), simulate)
        for own, curve in zip(values, expected, strict=True):
            assert own[: len(curve)] == pytest.approx(curve, rel=1e-8)
            assert np.isnan(own[len(curve) :]).all()
    values = comparator_log_wealth(trend(compared), prices, Scenarios.of(scenarios))
    logs = [at_horizons(curve, each.hold) for curve, each in zip(expected, scenarios, strict=True)]
    assert values == pytest.approx(np.array(logs), abs=1e-8, nan_ok=True)


@pytest.mark.parametrize("compared", COMPARATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    "conditions", [TradingConditions(21, 5, COSTS[0]), TradingConditions(None, None, COSTS[1], shock_lead=9)]
)
def test_excess_log_returns_equal_those_of_single_scenarios(compared, conditions, prices):
    entries, own = np.array([35, 58, 79, 97]), trend(compared, **SETTINGS[1])
    if isinstance(compared, BetaMatched):
        own = replace(own, comparator=BetaMatched("M", 9))
        entries = entries[1:]  # needs sixty closes before the rule's history
        entries[0] = 66
    values, expected = excess_log_returns(own, prices, entries, conditions), []
    for row in entries.tolist():
        shock = prices.sessions[row - conditions.shock_lead]
        schedule = EntrySchedule(prices.sessions[row], conditions.hold, conditions.rebalance, shock)
        run = run_backtest(Trend, prices.select(("N",)), schedule, conditions.frictions, own.parameters)
        beaten = oracle_wealth(own, prices, schedule, conditions.frictions)
        expected.append(
            np.subtract(at_horizons(run.equity / 1e6, conditions.hold), at_horizons(beaten, conditions.hold))
        )
    assert values == pytest.approx(np.array(expected), abs=1e-8, nan_ok=True)


def evaluated(study: Study, prices, row: int, conditions: TradingConditions) -> list[float]:
    """d at the horizons and at the end of a single run."""
    schedule = EntrySchedule(prices.sessions[row], conditions.hold, conditions.rebalance)
    benchmark = benchmark_returns(prices, "SPY", row - 1, min(row + 260, len(prices.sessions)))
    result = evaluate(study, prices, schedule, conditions.frictions, benchmark)
    return [*(result.horizons[n].d if n in result.horizons else np.nan for n in HORIZONS), result.d]


@pytest.mark.parametrize("name", READINGS)
def test_d_of_many_entries_equals_that_of_each_evaluation(name, real_prices):
    study = prepare(name, strategies.load(name), "SPY")
    conditions = TradingConditions(hold=70, rebalance=15, frictions=COSTS[0])
    entries = np.array([150, 640, 1436, len(real_prices.sessions) - 30])
    values = excess_log_returns(study, real_prices, entries, conditions)
    expected = [evaluated(study, real_prices, row, conditions) for row in entries.tolist()]
    assert values == pytest.approx(np.array(expected), abs=1e-9, nan_ok=True)
    assert np.isnan(values[:, HORIZONS.index(120) : -1]).all(), "beyond the hold"
    assert not np.isnan(values[:3, :3]).any()


def test_a_longer_hold_changes_nothing_at_a_horizon_inside_the_shorter(real_prices):
    study = prepare("two_shocks", strategies.load("two_shocks"), "SPY")
    entries = np.arange(200, 1200, 100)
    short = excess_log_returns(study, real_prices, entries, TradingConditions(hold=20))
    whole = excess_log_returns(study, real_prices, entries, TradingConditions(hold=252))
    assert whole[:, :2] == pytest.approx(short[:, :2], abs=1e-12)


def test_a_plain_strategy_has_past_entries_too(random_prices):
    prices = random_prices(("A", "B"), 120)
    study = PlainStudy("Crossing", Crossing, ("A", "B"), Cash())
    values = excess_log_returns(study, prices, np.array([30, 60]), TradingConditions(hold=20))
    assert np.isfinite(values[:, :2]).all() and np.isnan(values[:, 2:-1]).all()


# --- the beta of earlier returns -------------------------------------------------------------------------------------


@pytest.mark.parametrize("sessions", [25, 400])
def test_betas_of_many_entries_equal_those_of_each_entry(sessions, prices, simulate):
    own, rows = trend(BetaMatched("M", sessions), **SETTINGS[0]), np.array([40, 90])
    expected = [
        beta_of_earlier_returns(own, prices, EntrySchedule(prices.sessions[row], 21, 5), COSTS[0])
        for row in rows.tolist()
    ]
    scenarios = TradingConditions(21, 5, COSTS[0]).at(rows, prices, own.parameters)
    assert earlier_betas(own, prices, scenarios, "M", sessions, simulate).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_shock_keeps_its_distance_for_earlier_returns(prices):
    own = trend(BetaMatched("M", 25), **SETTINGS[0])
    usual, sooner = (
        TradingConditions(21, 5, COSTS[0], shock_lead=lead).at(np.array([40, 90]), prices, own.parameters)
        for lead in (4, 1)
    )
    values = [earlier_betas(own, prices, scenarios, "M", 25).tolist() for scenarios in (usual, sooner)]
    assert values[0] == values[1]


def test_the_earlier_beta_covers_the_declared_sessions_only(random_prices, simulate):
    prices = random_prices(("M", "N"))
    at = EntrySchedule(prices.sessions[280], 20, 1)
    # re-weighted to one half of M every session: half of M's move, up to the drift of a day's gap
    assert beta(half(BetaMatched("M")), prices, at, simulate) == pytest.approx(0.5, abs=0.01)
    for sessions in (60, 100, 270):
        # Half of M at every close; NumPy fits its returns on those of N.
        run = run_backtest(
            HalfMarket, prices.select(("M",)), EntrySchedule(prices.sessions[280 - sessions], None, 1), FREE
        )
        own, fund = run.equity[: sessions + 1], prices.close[280 - sessions - 1 : 280, 1]
        fitted = np.polyfit(fund[1:] / fund[:-1], own[1:] / own[:-1], 1)[0]
        assert beta(half(BetaMatched("N", sessions)), prices, at, simulate) == pytest.approx(fitted, rel=1e-9)


def test_the_earlier_beta_sees_nothing_after_the_first_decision(random_prices, simulate):
    prices = random_prices(("M", "N"))
    at, own = EntrySchedule(prices.sessions[280], 20, 1), half(BetaMatched("M"))
    whole, cut = (beta(own, seen, at, simulate) for seen in (prices, prices.rows(0, 281)))
    assert whole == cut


def test_a_slope_by_hand():
    # Returns of 10 % and -10 % on the fund, 30 % and -10 % on the rule: (0.3 + 0.1) / 0.2 = 2.
    assert slope(np.array([1.0, 1.3, 1.17]), np.array([50.0, 55.0, 49.5])) == pytest.approx(2.0)


@pytest.mark.parametrize(("share", "weight"), [(0.5, 0.5), (-0.5, 0.0)])
def test_a_beta_is_clipped_to_zero_and_one(random_prices, simulate, share, weight):
    prices = random_prices(("M", "N"))
    at = EntrySchedule(prices.sessions[280], 20, 1)
    mixed = wealth(half(BetaMatched("M"), share=share), prices, at, FREE, simulate)
    part = wealth(half(Variants(({"share": weight},), "part"), share=share), prices, at, FREE, simulate)
    assert mixed == pytest.approx(part, abs=0.002)


def test_a_beta_above_one_is_matched_by_the_whole_fund_without_credit(random_prices, simulate):
    """N moves four times as much as M, so its comparator is all of M from the open of the 71st row."""
    made = random_prices(("M", "N"), 100)
    moves = 1 + 4 * (made.close[1:, 0] / made.close[:-1, 0] - 1)
    close = np.column_stack([made.close[:, 0], 50 * np.cumprod([1, *moves])])
    steep = replace(made, **dict.fromkeys(FIELDS[:4], close))
    own, at = trend(BetaMatched("M", 25), share=0.9), EntrySchedule(steep.sessions[70], 20, None)
    assert beta(own, steep, at, simulate) > 1.05
    # sized at the previous close, paid at the open
    whole = 1 + (close[[74, 89], 0] - close[70, 0]) / close[69, 0]
    assert np.abs(np.log(whole)).min() > 0.02, "a fund that hardly moves would tell nothing"
    assert wealth(own, steep, at, FREE, simulate)[[5, 20]] == pytest.approx(whole, abs=1e-4)  # whole shares


# --- the idle account ------------------------------------------------------------------------------------------------


class NowAndThen(Reading):
    """Short N after it rose, from the second decision on; nothing at `share` 0. Asked at every close."""

    params = (("share", 0.0),)
    symbols = ("M", "N")
    watches = True

    def weights(self, past: Past) -> Weights:
        rose = past.held > 4 and past.beats("N", "M", 3)
        return {"M": self.p.share, "N": -self.p.share} if self.p.share and rose else {}


class Sleeper(bt.Strategy):
    """Sends no order."""


CASH_RATES = [Frictions(), Frictions(cash_rate=0), Frictions(cash_rate=0.07), Frictions(5, 5, 0.02, 0.031, lag=3)]


@pytest.mark.parametrize("frictions", CASH_RATES, ids=lambda each: str(each.cash_rate))
@pytest.mark.parametrize("hold", [22, 200])
def test_an_account_that_holds_nothing_equals_the_idle_account_to_the_last_bit(
    random_prices, simulate, frictions, hold
):
    prices = random_prices(("M", "N"), 300)
    study = ReadingStudy("now_and_then", NowAndThen, ("M", "N"), Cash())
    scenarios = Scenarios.product(
        prices.sessions[[8, 30, 141]], (hold,), (7,), (frictions,), ({"share": 0.0}, {"share": 0.5})
    )
    own = simulate(NowAndThen, prices.select(("M", "N")), scenarios, True)
    idle = comparator_wealth(study, prices, scenarios, simulate)
    still = own.turnover == 0
    assert 3 <= still.sum() < len(scenarios), "both kinds run side by side"
    # Equal to the last bit: no tolerance.
    np.testing.assert_array_equal(own.curves[still] / CAPITAL, idle[still])
    if simulate is run_batch:
        d = excess_over(log_wealth(own), comparator_log_wealth(study, prices, scenarios))[still]
        assert (d[~np.isnan(d)] == 0.0).all() and (d[:, -1] == 0.0).all()


@pytest.mark.parametrize("frictions", CASH_RATES[:3], ids=lambda each: str(each.cash_rate))
@pytest.mark.parametrize(
    "study",
    [ReadingStudy("now_and_then", NowAndThen, ("M", "N"), Cash()), PlainStudy("sleeper", Sleeper, ("M",), Cash())],
    ids=["reading", "plain"],
)
def test_a_run_that_holds_nothing_has_an_excess_of_zero_and_wins_nothing(prices, study, frictions):
    schedule = EntrySchedule(prices.sessions[30], 25, 5)
    result = evaluate(study, prices, schedule, frictions, pd.Series(0.0, prices.sessions[30:]))
    assert result.d == 0.0 and [horizon.d for horizon in result.horizons.values()] == [0.0, 0.0]
    assert result.refuted in (True, None)
    assert ", as much wealth as the idle account." in result.outcome


def test_the_idle_account_earns_interest_by_calendar_days(make_prices, simulate):
    # Friday 7 February 2025 is the close before the entry: three days to Monday, one to Tuesday, at 3.65 % a year.
    prices = make_prices({"M": [100.0, 90.0, 80.0]}, first="2025-02-07")
    idle = wealth(
        half(Cash()), prices, EntrySchedule(prices.sessions[1], None, 1), Frictions(cash_rate=0.0365), simulate
    )
    assert idle.tolist() == pytest.approx([1.0, 1.0003, 1.0003 * 1.0001], rel=1e-14)
    # The range was 4.25 to 4.50 %: half a point less than its lower bound.
    policy = wealth(half(Cash()), prices, EntrySchedule(prices.sessions[1], None, 1), Frictions(), simulate)
    assert policy.tolist() == pytest.approx([1.0, 1 + 0.0375 * 3 / 365, (1 + 0.0375 * 3 / 365) * (1 + 0.0375 / 365)])


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_fund_is_bought_once_and_held(random_prices, simulate):
    prices = random_prices(("M", "N"))
    values = wealth(half(Fund("M")), prices, EntrySchedule(prices.sessions[280], 20, 1), FREE, simulate)
    shares = np.floor(1e6 / prices.close[279, 0] + 1e-6)
    held = 1e6 - shares * prices.open[280, 0] + shares * prices.close[280:300, 0]
    assert values[1:-1] == pytest.approx(held / 1e6, abs=1e-9)


def test_a_fund_pays_only_for_its_purchase(make_prices, simulate):
    prices = make_prices({"M": [100.0] * 40})
    # 10,000 shares at a cost of 1 %; selling to repay the credit would cost again.
    values = wealth(
        half(Fund("M")), prices, EntrySchedule(prices.sessions[1], None, 5), Frictions(100, 0, 0, 0), simulate
    )
    assert values.tolist() == pytest.approx([1.0] + [values[1]] * 39, abs=1e-12)


def test_comparators_have_the_schedule_and_the_costs_of_the_run(make_prices, simulate):
    prices = make_prices({"M": [100.0, 100.0, 100.0, 120.0, 120.0, 120.0], "N": [50.0] * 6})
    at, costly = EntrySchedule(prices.sessions[1], 2, 1), Frictions(100, 0, 0, 0)
    # 9,900 shares: the purchase leaves room for the cost of 1 %, paid at entry and exit.
    fund = wealth(half(Fund("M")), prices, at, costly, simulate)
    one = wealth(half(EqualWeight(("M", "N"), "both")), prices, at, costly, simulate)
    assert len(fund) == len(one) == 4 and fund[1] == pytest.approx(0.99, abs=2e-4) and one[1] < 0.9902


def test_a_fund_is_not_reweighted_and_a_basket_is(make_prices, simulate):
    prices = make_prices({"M": [100.0, 100.0, 200.0, 200.0, 100.0, 100.0], "N": [100.0] * 6})
    basket, at = half(EqualWeight(("M", "N"), "both")), EntrySchedule(prices.sessions[1], None, 1)
    # Half each; at 1,500,000 back to 750,000 each, of which M falls by half.
    values = wealth(basket, prices, at, FREE, simulate)
    assert values.tolist() == pytest.approx([1.0, 1.0, 1.5, 1.5, 1.125, 1.125])
    never = wealth(basket, prices, EntrySchedule(at.entry, None, None), FREE, simulate)
    assert never.tolist() == pytest.approx([1.0, 1.0, 1.5, 1.5, 1.0, 1.0])


def test_stocks_of_a_basket_join_with_their_history(make_prices, simulate):
    young = make_prices({"M": [10.0] * 8 + [20.0], "LATE": [np.nan] * 2 + [1.0] * 7})
    at = EntrySchedule(young.sessions[4], None, 100)
    grown = [
        wealth(half(EqualWeight(("M", "LATE"), "both", closes)), young, at, FREE, simulate)[-1] for closes in (2, 3)
    ]
    assert grown == [1.5, 2.0]


def test_the_better_variant_counts_at_each_session(make_prices, simulate):
    prices = make_prices({"M": [100.0, 100.0, 50.0, 50.0, 200.0, 200.0]})
    study = half(Variants(({"share": 0.0}, {"share": 1.0}), "all or nothing"))
    values = wealth(study, prices, EntrySchedule(prices.sessions[1], None, None), FREE, simulate)
    assert values.tolist() == pytest.approx([1.0, 1.0, 1.0, 1.0, 2.0, 2.0])


def test_ruin_on_either_side():
    inf = np.inf
    own, other = np.array([0.5, -inf, 0.5, -inf, np.nan]), np.array([0.2, 0.2, -inf, -inf, 0.1])
    assert excess_over(own, other).tolist() == pytest.approx([0.3, -inf, inf, -inf, np.nan], nan_ok=True)


def test_log_wealth_of_nothing_is_minus_infinity():
    class Run:
        horizons = np.array([[0.1, -1.0], [-1.5, np.nan]])
        terminal = np.array([1_210_000.0, 0.0])

    expected = [[np.log(1.1), -np.inf, np.log(1.21)], [-np.inf, np.nan, -np.inf]]
    assert log_wealth(Run()).tolist() == [pytest.approx(row, nan_ok=True) for row in expected]


def test_comparators_in_words():
    every = [Cash(), Fund("M"), BetaMatched("M"), EqualWeight(("M",), "the basket"), Variants(({},), "the other rule")]
    assert list(map(comparator_name, every)) == [
        "the idle account",
        "M, bought and held",
        "M and cash mixed at the rule's own earlier beta",
        "the basket",
        "the other rule",
    ]


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compared", [Fund("LATE"), BetaMatched("LATE", 9)], ids=["fund", "beta"])
def test_a_fund_that_does_not_trade_yet_is_refused(compared, prices):
    # The first decision of row 60 falls at the close of row 59, a session before the listing; of row 61 at its own.
    early, late = (Scenarios.of([Scenario(prices.sessions[row], 5)]) for row in (60, 61))
    with pytest.raises(RequestError) as error:
        comparator_log_wealth(trend(compared), prices, early)
    assert str(error.value) == (
        f"trend is compared with LATE, which has no close on {prices.sessions[59]:%Y-%m-%d}; "
        "enter later or load earlier prices"
    )
    if isinstance(compared, Fund):
        assert np.isfinite(comparator_log_wealth(trend(compared), prices, late)[0, 0])


def test_an_entry_before_the_history_is_refused_by_its_row(prices):
    with pytest.raises(RequestError, match=r"^trend needs 6 closes before its entry; row 5 has fewer$"):
        excess_log_returns(trend(Cash()), prices, np.array([6, 5, 4]), TradingConditions(5))
    values = excess_log_returns(trend(Cash()), prices, np.array([6]), TradingConditions(5))
    assert values.shape == (1, len(HORIZONS) + 1)
