"""Money to the cent: fills, costs, interest and credit against hand arithmetic."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from data.errors import RequestError
from runners.engine.backtest.cerebro import CerebroModes, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from strategies.base import Past, Reading, Weights
from tests.resources.rules import Fixed

FREE = Frictions(commission_bps=0, half_spread_bps=0, borrow_rate=0, cash_rate=0)
ENTRY = pd.Timestamp("2025-01-31")  # a Friday; 2025-01-30 is the close before


def run(prices, target, frictions=FREE, **schedule):
    given = {"entry": ENTRY, "hold": None, "rebalance": None, **schedule}
    return run_backtest(Fixed, prices, EntrySchedule(**given), frictions, {"target": tuple(target.items())})


def test_shares_are_sized_at_the_decision_close_and_filled_at_the_next_open(make_prices):
    prices = make_prices({"A": [100, 101, 102, 90, 91]}, {"A": [100, 101, 102, 90, 95]})
    result = run(prices, {"A": 0.5})
    # closes: Mon 27th 100, 28th 101, 29th 102, 30th 90 (decision); open of the 31st 95
    assert [(fill.session, fill.size, fill.price) for fill in result.fills] == [(ENTRY, 5555, 95.0)]
    # 5555 = floor(500,000 / 90); cash 1,000,000 - 5555 * 95 = 472,275; equity at 91: + 505,505
    assert result.equity.tolist() == [1_000_000.0, 977_780.0]


def test_costs_are_commission_plus_half_spread_on_the_value_filled(make_prices):
    prices = make_prices({"A": [50] * 4 + [50]})
    result = run(prices, {"A": -0.4}, Frictions(commission_bps=1, half_spread_bps=2, borrow_rate=0, cash_rate=0))
    (fill,) = result.fills
    # 8,000 shares of 50 USD: 400,000 USD; 1 bp is 40 USD, 2 bp are 80 USD
    assert (fill.size, round(fill.commission, 8), round(fill.spread_cost, 8)) == (-8000, 40.0, 80.0)
    assert result.equity[-1] == pytest.approx(999_880.0, abs=1e-6)


def test_borrow_is_charged_on_the_market_value_of_the_previous_close(make_prices):
    # entry Friday 31 January: short 5,000 at 100; close 120; Monday is three days later
    prices = make_prices({"A": [100, 100, 100, 100, 120, 120]}, {"A": [100, 100, 100, 100, 100, 120]})
    result = run(prices, {"A": -0.5}, Frictions(0, 0, borrow_rate=0.0365, cash_rate=0))
    # 5,000 * 120 = 600,000 USD; 3.65 % a year is 0.01 % a day: 60 USD a day, 180 USD over the week-end
    assert result.interest["borrow"] == pytest.approx(180.0, abs=1e-9)
    assert result.equity[-1] == pytest.approx(1_000_000 - 5_000 * 20 - 180.0, abs=1e-6)


def test_free_cash_earns_the_lower_bound_less_half_a_point_and_short_proceeds_earn_nothing(make_prices):
    # In January 2025 the range is 4.25 to 4.50 %: cash earns 3.75 %.
    prices = make_prices({"A": [100] * 6})
    idle = run(prices, {"A": 0.0}, Frictions(0, 0, 0))
    # one night to Friday 31 January and three to Monday: 1,000,000 * 0.0375 / 365 * 1, then on the larger sum * 3
    friday = 1_000_000 * (1 + 0.0375 / 365)
    assert idle.equity.tolist() == pytest.approx([1_000_000, friday, friday * (1 + 0.0375 * 3 / 365)], abs=1e-6)
    short = run(prices, {"A": -0.5}, Frictions(0, 0, 0))
    # Friday: cash 1.5 million and change, of which only the part beyond the shorts' 500,000 proceeds and value is free
    cash = friday + 500_000
    assert short.equity[-1] == pytest.approx(friday + (cash - 500_000) * 0.0375 * 3 / 365, abs=1e-6)


def test_a_gap_up_is_paid_on_credit_at_the_upper_bound_plus_half_a_point(make_prices):
    prices = make_prices({"A": [100, 100, 100, 100, 110, 110]}, {"A": [100, 100, 100, 100, 110, 110]})
    result = run(prices, {"A": 1.0}, Frictions(0, 0, 0))
    # 10,000 shares at 110 cost 1,100,000 USD: about 100,000 on credit over the week-end at 4.50 + 0.50 %
    night = 1_000_000 * 0.0375 / 365
    debt = 100_000 - night
    assert result.fills[0].size == 10_000
    assert result.interest["debit"] == pytest.approx(debt * 0.05 * 3 / 365, abs=1e-6)
    assert result.equity[-1] == pytest.approx(1_000_000 + night - result.interest["debit"], abs=1e-6)


def test_sells_go_before_buys(make_prices):
    class Swap(Reading):
        symbols = ("A", "B")

        def weights(self, past: Past) -> Weights:
            return {"A": 1.0} if past.held == 0 else {"B": 1.0}

    prices = make_prices({"A": [10.0] * 8, "B": [20.0] * 8})
    result = run_backtest(Swap, prices, EntrySchedule(ENTRY, hold=None, rebalance=1), FREE)
    assert [(fill.symbol, fill.size) for fill in result.fills] == [("A", 100_000), ("A", -100_000), ("B", 50_000)]


def test_lag_delays_the_fill_but_not_the_sizing(make_prices):
    prices = make_prices({"A": [100, 100, 100, 100, 200, 400]})
    result = run(prices, {"A": 0.5}, Frictions(0, 0, 0, 0, lag=2))
    assert [(fill.session, fill.size, fill.price) for fill in result.fills] == [
        (pd.Timestamp("2025-02-03"), 5000, 400.0)
    ]


def test_the_entry_is_session_one_of_the_hold_and_the_exit_is_at_the_next_open(make_prices):
    prices = make_prices({"A": [100.0] * 8})
    result = run(prices, {"A": 1.0}, hold=2)
    # sessions: 31 January (1), 3 February (2); out at the open of 4 February, where the window ends
    assert [str(fill.session.date()) for fill in result.fills] == ["2025-01-31", "2025-02-04"]
    assert result.exit == result.sessions[-1] == pd.Timestamp("2025-02-04")
    assert len(result.sessions) == 4


def test_a_hold_beyond_the_prices_stays_open(make_prices):
    result = run(make_prices({"A": [100.0] * 8}), {"A": 1.0}, hold=252)
    assert result.exit is None and len(result.fills) == 1


def test_ruin_ends_the_run(make_prices):
    prices = make_prices({"A": [100, 100, 100, 100, 100, 250, 300, 50]})
    result = run(prices, {"A": -0.9})
    # short 9,000 at 100: at 250 equity is 1,900,000 - 2,250,000 = -350,000 USD, from then on
    assert result.ruined == pd.Timestamp("2025-02-03")
    assert result.equity[-3:].tolist() == [-350_000.0] * 3
    assert len(result.fills) == 1 and result.exit is None


def test_rounding_of_shares_forgives_float_noise_but_buys_no_extra_share(make_prices):
    # 0.3 * 1,000,000 / 100 is 2999.9999999999995 in floats
    assert run(make_prices({"A": [100.0] * 5}), {"A": 0.3}).fills[0].size == 3000
    assert run(make_prices({"A": [100.01] * 5}), {"A": 0.3}).fills[0].size == 2999


def test_every_equity_reconciles_with_fills_interest_and_closes(random_prices):
    prices = random_prices(("A", "B", "C"))
    frictions = Frictions(borrow_rate=0.01)
    target = {"A": -0.5, "B": 0.3, "C": 0.2}
    result = run(prices, target, frictions, entry=prices.sessions[40], hold=100, rebalance=7)
    shares, cash, sums = dict.fromkeys("ABC", 0.0), 1_000_000.0, []
    based = prices.rebased(39)
    earns, pays = frictions.cash_rates(result.sessions)
    for row, session in enumerate(result.sessions):
        if row:
            days = (session - result.sessions[row - 1]).days / 365
            closes = dict(zip("ABC", based.close[39 + row - 1], strict=True))
            shorts = sum(-shares[name] * closes[name] for name in "ABC" if shares[name] < 0)
            cash += max(0, cash - shorts) * earns[row - 1] * days - max(0, -cash) * pays[row - 1] * days
            cash -= shorts * 0.01 * days if cash else 0
        for fill in result.fills:
            if fill.session == session:
                shares[fill.symbol] += fill.size
                cash -= fill.size * fill.price + fill.commission + fill.spread_cost
        sums.append(cash + sum(shares[name] * close for name, close in zip("ABC", based.close[39 + row], strict=True)))
    assert result.equity == pytest.approx(np.array(sums), abs=0.005)
    assert shares == dict.fromkeys("ABC", 0.0)


def test_the_curve_is_the_brokers_value_on_every_session(random_prices):
    prices, seen = random_prices(("A", "B")), []

    class Watched(Fixed):
        def next(self) -> None:
            super().next()
            seen.append(self.broker.getvalue())

    target = (("A", -0.5), ("B", 0.5))
    schedule = EntrySchedule(prices.sessions[30], hold=60, rebalance=5)
    result = run_backtest(Watched, prices, schedule, parameters={"target": target})
    assert result.equity.tolist() == seen


@pytest.mark.parametrize(
    ("name", "most"),
    [("commission_bps", 10_000), ("half_spread_bps", 10_000), ("borrow_rate", 100), ("cash_rate", 100)],
)
def test_frictions_are_at_most_the_traded_value(name, most):
    assert getattr(Frictions(**{name: most}), name) == most
    with pytest.raises(ValueError, match=f"^{name} is {most + 1}; give {most} or less$"):
        Frictions(**{name: most + 1})


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("runonce", [True, False])
def test_every_mode_of_backtrader_gives_the_same_numbers(random_prices, preload, runonce):
    prices = random_prices(("A", "B"))
    schedule = EntrySchedule(prices.sessions[30], hold=60, rebalance=5)
    target = {"target": (("A", -0.5), ("B", 0.5))}
    reference = run_backtest(Fixed, prices, schedule, parameters=target)
    result = run_backtest(Fixed, prices, schedule, parameters=target, modes=CerebroModes(preload, runonce))
    assert result.equity.tolist() == reference.equity.tolist() and result.fills == reference.fills


class Crossover(bt.Strategy):
    """A plain strategy: two moving averages, fully invested or flat."""

    params = (("fast", 5), ("slow", 20), ("share", 0.9))

    def __init__(self) -> None:
        self.cross = bt.ind.CrossOver(bt.ind.SMA(period=self.p.fast), bt.ind.SMA(period=self.p.slow))

    def next(self) -> None:
        if self.cross > 0:
            self.order_target_percent(target=self.p.share)
        elif self.cross < 0:
            self.close()


@pytest.mark.parametrize(("history", "refused"), [(1, set()), (60, set()), (None, {"before the entry"})])
def test_a_plain_strategy_trades_inside_the_window_only(random_prices, history, refused):
    prices = random_prices(("A",))
    schedule = EntrySchedule(prices.sessions[100], hold=100, history=history)
    result = run_backtest(Crossover, prices, schedule)
    assert {refusal.reason for refusal in result.refusals} == refused
    assert result.fills and all(schedule.entry <= fill.session <= result.exit for fill in result.fills)
    assert sum(fill.size for fill in result.fills) == 0
    assert result.equity[0] == 1_000_000


def test_shorts_of_a_plain_strategy_are_covered_after_the_sells_that_pay_for_them(make_prices):
    class Pair(bt.Strategy):
        def next(self) -> None:
            if len(self) == 1:
                self.sell(data=self.data0, size=14_000)
                self.buy(data=self.data1, size=14_000)

    prices = make_prices({"A": [100.0] * 12, "B": [100.0] * 12})
    result = run_backtest(Pair, prices, EntrySchedule(ENTRY, hold=3), FREE)
    assert [(fill.symbol, fill.size) for fill in result.fills[2:]] == [("B", -14_000), ("A", 14_000)]
    assert result.exit is not None and not result.refusals


SETTERS = [name for name in dir(bt.brokers.BackBroker) if name.startswith(("set_", "setc", "add"))]


@pytest.mark.parametrize("meddle", SETTERS)
def test_a_plain_strategy_cannot_change_the_rules_of_the_account(make_prices, meddle):
    class Meddler(bt.Strategy):
        def start(self) -> None:
            getattr(self.broker, meddle)(1)

    with pytest.raises(RequestError, match=f"calls broker.{meddle}"):
        run_backtest(Meddler, make_prices({"A": [100.0] * 8}), EntrySchedule(ENTRY), FREE)


def test_a_study_without_any_price_at_its_entry_is_refused(make_prices):
    prices = make_prices({"LATE": [np.nan] * 5 + [1.0] * 3})
    with pytest.raises(RequestError, match="none of LATE has a close on 2025-01-30"):
        run(prices, {"LATE": 1.0})


def test_an_order_of_a_plain_strategy_without_the_cash_is_refused_and_reported(make_prices):
    class Greedy(bt.Strategy):
        def next(self) -> None:
            if not self.position:
                self.buy(size=1_000_000)

    result = run_backtest(Greedy, make_prices({"A": [100.0] * 8}), EntrySchedule(ENTRY, None, history=None), FREE)
    assert not result.fills
    assert {refusal.reason for refusal in result.refusals} == {"before the entry", "margin", "still open"}


def test_scaling_the_rates_scales_the_costs(random_prices):
    prices = random_prices(("A", "B"))
    costs = [
        sum(
            fill.commission
            for fill in run(prices, {"A": 0.5}, Frictions(bps, 0, 0, 0), entry=prices.sessions[30]).fills
        )
        for bps in (1, 2)
    ]
    assert costs[1] == pytest.approx(2 * costs[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commission_bps", -1),
        ("half_spread_bps", float("nan")),
        ("borrow_rate", "x"),
        ("lag", 0),
        ("lag", 1.5),
        ("cash_rate", "prime"),
    ],
)
def test_frictions_name_the_field_and_the_value_they_refuse(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value!r}"):
        Frictions(**{name: value})


@pytest.mark.parametrize("preload", [True, False])
@pytest.mark.parametrize("runonce", [True, False])
def test_a_stock_listed_after_the_window_is_no_obstacle(make_prices, preload, runonce):
    class Patient(Reading):
        symbols = ("A", "LATE")

        def weights(self, past: Past) -> Weights:
            return dict.fromkeys(past.tradable(self.symbols), 0.5)

    prices = make_prices({"A": [100.0] * 9, "LATE": [np.nan] * 8 + [1.0]})
    result = run_backtest(Patient, prices, EntrySchedule(ENTRY, hold=2), FREE, modes=CerebroModes(preload, runonce))
    assert [(fill.symbol, fill.size) for fill in result.fills] == [("A", 5000), ("A", -5000)]
