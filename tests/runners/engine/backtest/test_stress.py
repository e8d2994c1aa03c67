"""Extreme prices: outcomes computed by hand, equal in Backtrader and in the batch simulator.

`run` takes every market through Backtrader and the batch executor and lets no cent lie between them; what it gives back
is compared with hand arithmetic. `by_hand` is that arithmetic where there is too much of it to write down.
"""

from __future__ import annotations

from math import copysign, floor

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import calendar, load_prices
from data.errors import DataError
from data.prices import Prices
from runners.engine.backtest.broker import CreditBroker
from runners.engine.backtest.cerebro import CAPITAL, Backtest, EntrySchedule, run_backtest
from runners.engine.backtest.feed import reading_feeds
from runners.engine.backtest.frictions import Frictions
from runners.engine.run_notes import run_warnings
from runners.engine.study import ReadingStudy
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Cash, Past, Weights
from tests.resources.rules import Fixed

FREE = Frictions(commission_bps=0, half_spread_bps=0, borrow_rate=0, cash_rate=0)
COSTLY = Frictions(commission_bps=1, half_spread_bps=2, borrow_rate=0, cash_rate=0)
CENT = 0.01
# The exchange was open on 27, 28, 29, 30 and 31 January 2025 and on 3 February; prices of `make_prices` begin there.
DECISION, ENTRY = pd.Timestamp("2025-01-27"), pd.Timestamp("2025-01-28")


class Listed(Fixed):
    """Holds the target weights of listed stocks."""

    def weights(self, past: Past) -> Weights:
        listed = past.tradable(self.symbols)
        return {name: weight for name, weight in self.p.target if name in listed}


def run(prices: Prices, target: dict[str, float], frictions: Frictions = FREE, hold=None, rebalance=None) -> Backtest:
    """Backtrader's run, after checking that the batch simulator gives the same equity on every session."""
    chosen, entry = {"target": tuple(target.items())}, prices.sessions[1]
    ran = run_backtest(Listed, prices, EntrySchedule(entry, hold, rebalance), frictions, chosen)
    scenario = Scenario(entry, hold, rebalance, frictions=frictions, parameters=chosen)
    batch = run_batch(Listed, prices, Scenarios.of([scenario]))
    assert batch.equity[0] == pytest.approx(ran.equity, abs=CENT, rel=CENT / CAPITAL)
    assert batch.ruined[0] == (ran.ruined is not None)
    assert batch.costs[0] == pytest.approx(costs(ran), abs=CENT, rel=CENT / CAPITAL)
    return ran


def costs(ran: Backtest) -> float:
    return sum(fill.commission + fill.spread_cost for fill in ran.fills)


def sizes(ran: Backtest) -> list[tuple[str, float, float]]:
    return [(fill.symbol, fill.size, fill.price) for fill in ran.fills]


def by_hand(prices: Prices, target: dict[str, float], rate: float, rebalance: int | None) -> list[float]:
    """Equity at each close in plain Python: whole shares at the close, filled at the next open; cash earns nothing."""
    cash, shares, due, curve = CAPITAL, dict.fromkeys(target, 0.0), {}, []
    for row in range(len(prices.sessions)):
        for name, wanted in due.items():
            if wanted != shares[name]:  # a stock that is not listed yet has no open
                value = (wanted - shares[name]) * prices.open[row, prices.columns[name]]
                cash -= value + abs(value) * rate
                shares[name] = wanted
        closes = {name: prices.close[row, prices.columns[name]] for name in target}
        curve.append(cash + sum(shares[name] * closes[name] for name in target if shares[name]))
        if curve[-1] <= 0:
            return curve + curve[-1:] * (len(prices.sessions) - row - 1)
        due = {}
        if row % rebalance == 0 if rebalance else row == 0:
            listed = [name for name in target if not np.isnan(closes[name])]
            due = dict.fromkeys(target, 0.0) | {
                name: copysign(floor(abs(target[name]) * curve[-1] / closes[name] + 1e-6), target[name])
                for name in listed
            }
    return curve


def test_extreme_share_prices_are_handled(make_prices):
    """Shares are whole at any price, and equity is exact to the cent."""
    prices = make_prices({"MICE": [1e-4, 1e-4, 1.37e-4], "WHALE": [100_000.0, 1e5, 1.5e6]})
    ran = run(prices, {"MICE": 0.5, "WHALE": 0.5})
    # 500,000 / 0.0001 = 5,000,000,000 shares; 500,000 / 100,000 = 5 shares.
    assert sizes(ran) == [("MICE", 5_000_000_000, 1e-4), ("WHALE", 5, 1e5)]
    assert ran.equity.tolist() == pytest.approx([1e6, 1e6, 5e9 * 1.37e-4 + 5 * 1.5e6], abs=CENT)


def test_a_share_that_costs_all_of_the_capital_is_bought_once(make_prices):
    """One share of 1,000,000 USD is a whole portfolio; a dearer one cannot be bought."""
    ran = run(make_prices({"WHALE": [1e6, 1e6, 1.1e6]}), {"WHALE": 1.0})
    assert sizes(ran) == [("WHALE", 1, 1e6)]
    assert ran.equity.tolist() == [1e6, 1e6, 1.1e6]


def test_a_target_below_one_share_trades_nothing_and_is_reported_once(make_prices):
    """0.6 of 1,000,000 USD is no whole share of 1,000,000: nothing is traded, and a warning says so, once a name."""
    prices = make_prices({"WHALE": [1e6] * 6, "A": [10.0] * 6})
    ran = run(prices, {"WHALE": 0.6, "A": 0.4}, rebalance=1)
    assert sizes(ran) == [("A", 40_000, 10.0)]
    assert ran.under_a_share == {"WHALE": DECISION}
    warnings = run_warnings(ReadingStudy("fixed", Listed, ("WHALE", "A"), Cash()), ran)
    assert warnings[0] == "WHALE was not held on 2025-01-27: a target of less than one share"
    assert sum("less than one share" in line for line in warnings) == 1


def test_many_targets_below_one_share_share_a_line(make_prices):
    """A hundred lines would hide everything else on the page."""
    names = [f"N{number}" for number in range(100)]
    ran = run(make_prices(dict.fromkeys(names, [20_000.0] * 3)), dict.fromkeys(names, 1e-2))
    warnings = run_warnings(ReadingStudy("fixed", Listed, tuple(names), Cash()), ran)
    assert warnings[:2] == (
        "no position was ever taken: the return is interest on cash",
        "100 stocks were not held, first 2025-01-27 to 2025-01-27: a target of less than one share (N0, N1, N2, ...)",
    )


def test_rounding_noise_around_zero_is_no_target(make_prices):
    """0.1 + 0.2 - 0.3 of equity is 5.6e-17, which nobody meant to hold: it is not told."""
    assert run(make_prices({"A": [10.0] * 3}), {"A": 0.1 + 0.2 - 0.3}).under_a_share == {}


def test_a_crash_of_99_percent_leaves_a_holder_one_percent(make_prices):
    """Long: 10,000 of 1,000,000 USD are left and stay invested."""
    ran = run(make_prices({"A": [100, 100, 100, 1, 1, 1.5]}), {"A": 1.0}, rebalance=3)
    # The decision at the close of the crash finds 10,000 shares of 1 USD where it wants 10,000.
    assert sizes(ran) == [("A", 10_000, 100)]
    assert ran.equity.tolist() == [1e6, 1e6, 1e6, 10_000, 10_000, 15_000]
    assert ran.ruined is None


def test_a_crash_of_99_percent_pays_a_seller_99_percent(make_prices):
    """Short: 990,000 USD are earned; the next decision sells short more than a hundred times as many shares."""
    ran = run(make_prices({"A": [100, 100, 1, 1, 1]}), {"A": -1.0}, rebalance=2)
    # 1,990,000 USD of equity at a price of 1.
    assert sizes(ran) == [("A", -10_000, 100), ("A", -1_980_000, 1)]
    assert ran.equity.tolist() == [1e6, 1e6, 1.99e6, 1.99e6, 1.99e6]


def test_a_squeeze_of_1000_percent_ruins_a_seller_at_that_close(make_prices):
    """Equity falls below zero and stays there as a reported debt."""
    ran = run(make_prices({"A": [100, 100, 1_100, 1, 1]}), {"A": -1.0}, rebalance=1)
    # 2,000,000 USD of cash against 10,000 shares of 1,100; later prices no longer matter.
    assert ran.equity.tolist() == [1e6, 1e6, -9e6, -9e6, -9e6]
    assert ran.ruined == pd.Timestamp("2025-01-29") and ran.exit is None
    assert sizes(ran) == [("A", -10_000, 100)]


def test_a_small_short_survives_a_squeeze_of_1000_percent(make_prices):
    """A twentieth sold short costs half of the capital, and the next decision covers the excess."""
    ran = run(make_prices({"A": [100, 100, 1_100, 1_100]}), {"A": -0.05}, rebalance=2)
    # 500 shares cost 500 * 1,000; a twentieth of what is left, 500,000, is 22 shares of 1,100.
    assert sizes(ran) == [("A", -500, 100), ("A", 478, 1_100)]
    assert ran.equity.tolist() == [1e6, 1e6, 500_000, 500_000]


@pytest.mark.parametrize(("close", "left", "drawdown"), [(200.0, 0.0, -1.0), (1_100.0, -9e6, -10.0)])
def test_zero_equity_is_ruin_and_has_no_sharpe_ratio(make_prices, close, left, drawdown):
    """Returns after ruin are meaningless: 0 / 0 after zero equity gives no figure and no warning."""
    prices = make_prices({"A": [100, 100, close, 100, 100, 100]})
    assert run(prices, {"A": -1.0}, rebalance=1).equity.tolist() == [1e6, 1e6, *[left] * 4]
    scenario = Scenario(ENTRY, None, 1, frictions=FREE, parameters={"target": (("A", -1.0),)})
    batch = run_batch(Listed, prices, Scenarios.of([scenario]), curves=False)
    assert (batch.terminal[0], batch.max_drawdown[0]) == (left, drawdown)
    assert np.isnan(batch.sharpe[0]) and batch.exposure[0] == 0.2, "a gross exposure of 1 on the first of five sessions"


def test_ruin_is_judged_at_closes(make_prices):
    """A squeeze that is over by the close ruins no account: prices are daily, and a margin call is not modelled."""
    prices = make_prices({"A": [100, 100, 100, 100]}, {"A": [100, 100, 1_100, 100]})
    assert run(prices, {"A": -1.0}).equity.tolist() == [1e6] * 4


def test_a_gap_between_signal_and_fill_can_ruin_a_buyer(make_prices):
    """Shares are sized at the close; an open three times as high is paid on credit, and the fall back leaves a debt."""
    prices = make_prices({"A": [100, 100, 100, 100]}, {"A": [100, 300, 100, 100]})
    ran = run(prices, {"A": 1.0})
    # 10,000 shares at 300 cost 3,000,000: 2,000,000 on credit against shares of 1,000,000.
    assert sizes(ran) == [("A", 10_000, 300)]
    assert ran.equity.tolist() == [1e6, -1e6, -1e6, -1e6] and ran.ruined == ENTRY


def test_a_gap_down_between_signal_and_fill_leaves_a_small_short(make_prices):
    """10,000 shares sold at 10 instead of 100 USD are 100,000 USD short, until the next decision."""
    prices = make_prices({"A": [100, 10, 11, 11]}, {"A": [100, 10, 10, 11]})
    ran = run(prices, {"A": -1.0}, rebalance=2)
    # Then 990,000 / 11 = 90,000 shares short in all.
    assert sizes(ran) == [("A", -10_000, 10), ("A", -80_000, 11)]
    assert ran.equity.tolist() == [1e6, 1e6, 990_000, 990_000]


def write_bars(folder, closes: list[float], splits: list[float]) -> None:
    """A.csv as Yahoo writes it, split-adjusted or not, from Monday 27 January 2025 on."""
    sessions = calendar.sessions_between(pd.Timestamp("2025-01-27"), pd.Timestamp("2025-03-01"))[: len(closes)]
    lines = ["Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits"]
    lines += [
        f"{day:%Y-%m-%d},{close},{close * 1.01},{close * 0.99},{close},{close},1000,0,{split}"
        for day, close, split in zip(sessions, closes, splits, strict=True)
    ]
    folder.mkdir()
    (folder / "A.csv").write_text("\n".join(lines) + "\n")


def test_a_listed_split_in_files_changes_nothing_when_adjusted_and_is_refused_when_not(tmp_path):
    """The split is on the day of the fill. Adjusted files give the equity of a stock without a split; raw ones stop."""
    none, split = [0.0] * 5, [0.0, 10.0, 0.0, 0.0, 0.0]
    closes = [1_000.0, 1_010.0, 1_020.0, 990.0, 1_000.0]
    write_bars(tmp_path / "never", closes, none)
    write_bars(tmp_path / "adjusted", [close / 10 for close in closes], split)
    write_bars(tmp_path / "raw", [closes[0], *(close / 10 for close in closes[1:])], split)
    never, adjusted = (
        run(load_prices(["A"], source=str(tmp_path / name)), {"A": 0.9}) for name in ("never", "adjusted")
    )
    assert adjusted.equity == pytest.approx(never.equity, abs=CENT)
    assert never.equity[-1] == pytest.approx(1_000_000 + 900 * (1_000 - 1_010), abs=CENT)
    with pytest.raises(
        DataError, match=r"A on 2025-01-28, Close: .* was not adjusted for the split of 10 listed that day .*; divide"
    ):
        load_prices(["A"], source=str(tmp_path / "raw"))


GONE = {"A": [100.0] * 6, "GONE": [100.0, 90.0, 80.0, np.nan, np.nan, np.nan]}
LAST = "GONE ends on 2025-01-29, but the run ends on 2025-02-03: refresh the prices of GONE, end the run on 2025-01-29"


@pytest.mark.parametrize("target", [{"A": 0.5, "GONE": -0.5}, {"A": 0.5, "GONE": 0.5}, {"A": 1.0, "GONE": 0.0}])
def test_a_stock_delisted_inside_the_window_is_refused_by_both(make_prices, target):
    """Whether held, sold short or only watched: payments to holders are not in prices, so any number would be wrong."""
    prices, chosen = make_prices(GONE), {"target": tuple(target.items())}
    with pytest.raises(DataError, match=f"^{LAST} or earlier"):
        run_backtest(Listed, prices, EntrySchedule(ENTRY, hold=None), FREE, chosen)
    with pytest.raises(DataError, match=f"^scenario 0: {LAST} or earlier"):
        run_batch(Listed, prices, Scenarios.of([Scenario(ENTRY, None, parameters=chosen)]))


def test_a_run_may_end_with_the_last_price_of_a_stock(make_prices):
    """The suggested remedy works: a short is bought back at the last open."""
    prices = make_prices(GONE, {"GONE": [100.0, 90.0, 80.0, np.nan, np.nan, np.nan]})
    ran = run(prices, {"A": 0.5, "GONE": -0.5}, hold=1)
    # 5,000 shares, sold at 90 and bought back at 80.
    assert ran.equity.tolist() == [1e6, 1e6, 1_050_000]
    assert ran.exit == pd.Timestamp("2025-01-29")


@pytest.mark.parametrize(
    ("field", "value"),
    [("open", 0.0), ("close", np.nan), ("low", np.inf)],
)
def test_a_number_that_is_no_price_is_refused_by_both(make_prices, field, value):
    """Zero, negative, infinite, missing and infinitesimal prices are named with symbol, session and field."""
    good = make_prices({"A": [100.0] * 6, "B": [50.0] * 6})
    fields = {name: getattr(good, name).copy() for name in ("open", "high", "low", "close", "volume", "factor")}
    fields[field][2, 1] = value
    prices, chosen = Prices(good.sessions, good.symbols, **fields), {"target": (("A", 0.5), ("B", 0.5))}
    complaint = f"B on 2025-01-29, {field}: {value:g} is not a price; correct it, or end the run earlier"
    with pytest.raises(DataError, match=f"^{complaint}"):
        run_backtest(Listed, prices, EntrySchedule(ENTRY, hold=None), FREE, chosen)
    with pytest.raises(DataError, match=f"^scenario 0: {complaint}"):
        run_batch(Listed, prices, Scenarios.of([Scenario(ENTRY, None, parameters=chosen)]))


def test_a_stock_is_bought_after_its_listing(make_prices):
    """NaN before the listing is no gap: the stock joins at the first decision with a close."""
    prices = make_prices({"A": [100.0] * 5, "LATE": [np.nan, np.nan, 50.0, 60.0, 66.0]})
    ran = run(prices, {"A": 0.5, "LATE": 0.5}, rebalance=1)
    # Seen at the close of the 29th at 50, bought at the open of the 30th at 60.
    assert sizes(ran)[:2] == [("A", 5_000, 100), ("LATE", 10_000, 60)]
    assert ran.equity.tolist() == pytest.approx(by_hand(prices, {"A": 0.5, "LATE": 0.5}, 0, 1), abs=CENT)
    assert ran.left_out == {"LATE": DECISION}


def test_orders_fill_in_full_on_a_session_without_volume(make_prices):
    """Volume is ignored and fills are complete, as docs/limits.md says."""
    closes = make_prices({"A": [100.0, 101.0, 102.0, 103.0]})
    fields = {name: getattr(closes, name) for name in ("open", "high", "low", "close", "factor")}
    idle = Prices(closes.sessions, closes.symbols, volume=np.zeros((4, 1)), **fields)
    assert sizes(run(idle, {"A": 1.0}, hold=2)) == [("A", 10_000, 101.0), ("A", -10_000, 103.0)]


def test_a_reading_that_trades_every_session_pays_for_every_fill(random_prices):
    """Daily rebalancing in eight stocks: equity to the cent by plain Python, costs on each of 252 sessions."""
    prices = random_prices(tuple("ABCDEFGH"), 253)
    target = {name: (-1) ** place / 8 for place, name in enumerate("ABCDEFGH")}
    ran = run(prices, target, COSTLY, rebalance=1)
    assert ran.equity == pytest.approx(by_hand(prices, target, 0.0003, 1), abs=CENT)
    assert len({fill.session for fill in ran.fills}) == 252 and len(ran.fills) > 1_900
    assert costs(ran) == pytest.approx(sum(abs(size) * price for _, size, price in sizes(ran)) * 0.0003, abs=CENT)


class Midway(Listed):
    """Raises at its third decision."""

    def weights(self, past: Past) -> Weights:
        if past.held == 2:
            raise ZeroDivisionError("midway")
        return super().weights(past)


def test_a_rule_that_raises_in_the_middle_stops_both_with_its_own_error(make_prices):
    """No partial curve is returned. Runs keep other readings, and sweeps other variants: see
    test_failing_strategies.py and `Fussy` in test_sweep.py."""
    prices, chosen = make_prices({"A": [100.0] * 6}), {"target": (("A", 1.0),)}
    with pytest.raises(ZeroDivisionError, match="midway"):
        run_backtest(Midway, prices, EntrySchedule(ENTRY, None, 1), FREE, chosen)
    with pytest.raises(ZeroDivisionError, match="midway"):
        run_batch(Midway, prices, Scenarios.of([Scenario(ENTRY, None, 1, parameters=chosen)]))


@pytest.mark.parametrize(
    ("capital", "price", "shares", "end"),
    # 1 / 0.30 is 3 shares and a rest of 10 cents; 1e12 / 0.01 is 1e14 shares; 1 USD buys no share of 2 USD.
    [(1.0, 0.30, 3, 0.1 + 3 * 0.6), (1e12, 0.01, 10**14, 2e12), (1.0, 2.0, 0, 1.0)],
)
@pytest.mark.parametrize("broker", ["account", "stock"])
def test_capital_of_one_dollar_and_of_a_trillion(make_prices, broker, capital, price, shares, end):
    """The prices double after the fill. Our runs start with 1,000,000 USD, which a reading does not know."""
    prices = make_prices({"A": [price, price, 2 * price]})
    cerebro = bt.Cerebro(stdstats=False)
    if broker == "account":
        cerebro.broker = CreditBroker(
            capital=capital, lends=True, frictions=FREE, sessions=prices.sessions, symbols=prices.symbols
        )
    else:
        cerebro.broker.setcash(capital)
    cerebro.adddata(reading_feeds(prices, 0)[0])
    cerebro.addstrategy(Listed, entry=ENTRY, hold=None, target=(("A", 1.0),))
    ran = cerebro.run()[0]
    assert ran.getposition(ran.data).size == shares
    assert ran.broker.getvalue() == pytest.approx(end, rel=1e-12)
    assert ran.under_a_share == ({} if shares else {"A": DECISION})


JUMPS = (0.01, 0.1, 0.5, 0.98, 1.0, 1.01, 1.02, 2.0, 11.0)  # a crash of 99 % and a squeeze of 1000 % among them
LENGTH = 30


@st.composite
def markets(draw) -> Prices:
    """Three stocks from 1e-4 to 1e6 USD that jump between any two prices, and a listing inside the window."""
    levels = draw(st.lists(st.sampled_from([1e-4, 0.03, 1.0, 57.0, 3e4, 1e6]), min_size=3, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    calm = draw(st.sampled_from([0.02, 0.2, 1.0]))  # share of opens and closes that jump
    wild = np.where(rng.random((2 * LENGTH, 3)) < calm, rng.choice(JUMPS, (2 * LENGTH, 3)), 1.0)
    drift = np.log(wild) + rng.normal(0, 0.02, wild.shape)
    path = np.clip(np.log(levels) + np.cumsum(drift, axis=0), np.log(1e-4), np.log(1e6))
    opened, close = np.exp(path[::2]), np.exp(path[1::2])
    listed = draw(st.integers(0, LENGTH - 1))
    opened[:listed, 2] = close[:listed, 2] = np.nan
    place = calendar.calendar_index("2024-11-01")
    flat = np.where(np.isnan(close), np.nan, 1.0)
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    sessions = calendar.xnys()[place : place + LENGTH]
    return Prices(sessions, ("A", "B", "LATE"), opened, high, low, close, 0 * flat, flat)


targets = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(
    lambda weights: dict(zip(("A", "B", "LATE"), np.array(weights) / max(1.0, np.abs(weights).sum()), strict=True))
)
# A cent on 1,000,000, and on a thousand times as much ten dollars: what floats of that size can hold many times over.
EXACT = {"abs": CENT, "rel": CENT / CAPITAL}


@settings(max_examples=25)
@given(
    prices=markets(), target=targets, rebalance=st.sampled_from([None, 1, 3]), frictions=st.sampled_from([FREE, COSTLY])
)
def test_extreme_markets_are_the_same_by_hand_in_backtrader_and_in_the_batch(prices, target, rebalance, frictions):
    """Backtrader, batch and plain arithmetic agree under crashes, squeezes and ruin, at prices from 1e-4 to 1e6."""
    ran = run(prices, target, frictions, rebalance=rebalance)
    rate = frictions.commission + frictions.half_spread
    assert ran.equity == pytest.approx(np.array(by_hand(prices, target, rate, rebalance)), **EXACT)


@settings(max_examples=25)
@given(prices=markets(), target=targets, power=st.integers(-6, 6))
def test_prices_in_other_units_give_the_same_but_for_the_rounding_of_shares(prices, target, power):
    """A position bought once differs by less than one share in the dearer units, with its gains and costs."""
    scaled = Prices(
        prices.sessions,
        prices.symbols,
        *(getattr(prices, name) * 10.0**power for name in ("open", "high", "low", "close")),
        prices.volume,
        prices.factor,
    )
    here, there = run(prices, target, COSTLY), run(scaled, target, COSTLY)
    listed = ~np.isnan(prices.close[0])
    opened, close = prices.open[1, listed], prices.close[1:, listed]
    share = (np.abs(close - opened) + opened * 0.0003) @ np.ones(listed.sum()) * max(1.0, 10.0**power)
    alive = np.minimum.accumulate((here.equity > 0) & (there.equity > 0))[1:]
    apart = np.abs(there.equity - here.equity)[1:]
    assert (apart <= share * (1 + 1e-6) + CENT + np.abs(here.equity[1:]) * 1e-8)[alive].all()
