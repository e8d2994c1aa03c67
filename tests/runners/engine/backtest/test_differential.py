"""Plain strategies of every kind give in a run what they give in stock Backtrader.

The expected fills and equity come from a stock Cerebro, on the same prices from the same first bar. Where a run differs
on purpose, the difference is named here and in docs/reliability.md.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from data import load_prices
from data.prices import FIELDS
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.foresight import DIFFERS_BAR_BY_BAR, foresight_notices
from runners.engine.backtest.frictions import Frictions
from tests.resources.commands import ROOT
from tests.resources.plain import differing
from tests.resources.plain.catalog import STRATEGIES
from tests.resources.stock import bars_before_next, run_stock, with_own_state

SYMBOLS = ("SPY", "IEF", "GLD", "NVDA", "ARM")
START, SESSIONS = 32, 100  # row of the close before the entry, and rows
LISTING = START + 15  # row of ARM's first bar
COSTS = Frictions(commission_bps=1, half_spread_bps=2, borrow_rate=0, cash_rate=0)
RATE = 0.0003  # of the traded value, the sum of commission and half-spread
CENT = 0.01
# Strategies whose orders are others bar by bar, in stock Backtrader as well: an indicator without `next`, a coupler,
# which has values only bar by bar, and the number of bars in memory. The check says so and accuses nobody.
OTHERS_BAR_BY_BAR = ("indicators.OwnOnce", "baskets.Coupled", "hooks.LastBars")
UNTOUCHED = {name: with_own_state(strategy) for name, strategy in STRATEGIES.items()}  # for stock Backtrader

each = pytest.mark.parametrize("name", STRATEGIES)


@pytest.fixture(scope="module")
def complete(random_prices):
    """Random prices of all symbols on all sessions."""
    return random_prices(SYMBOLS, SESSIONS)


@pytest.fixture(scope="module")
def market(complete):
    """The prices of the test, with ARM listed after the entry."""
    return listed_at(LISTING, complete)


@pytest.fixture(scope="module")
def runs(market):
    """The run of a strategy by name, run once."""
    return cache(lambda name: run(STRATEGIES[name], market))


def listed_at(row, prices):
    """The prices with ARM's first bar at `row`."""
    values = {name: getattr(prices, name).copy() for name in (*FIELDS, "factor")}
    for value in values.values():
        value[:row, prices.columns["ARM"]] = np.nan
    return replace(prices, **values)


def run(strategy, prices, hold=None):
    schedule = EntrySchedule(prices.sessions[START + 1], hold)
    return run_backtest(strategy, prices.select(strategy.symbols), schedule, COSTS)


def stock(strategy, prices, complete, earlier=0):
    """Stock Backtrader, begun where its `nextstart` falls on START if all symbols are listed, or `earlier`."""
    bars = bars_before_next(strategy, complete.rows(0, START + 1).select(strategy.symbols))
    bars_of_run = prices.rows(START + 1 - bars - earlier, len(prices.sessions))
    return run_stock(strategy, bars_of_run.select(strategy.symbols), RATE)


def fills(run):
    return [(fill.session, fill.symbol, fill.size) for fill in run.fills]


def assert_equal(mine, theirs):
    """Equal fills, and equal equity to the cent on every session of the run."""
    assert fills(mine) == fills(theirs)
    assert [fill.price for fill in mine.fills] == pytest.approx([fill.price for fill in theirs.fills], rel=1e-9)
    assert mine.equity == pytest.approx(theirs.equity[mine.sessions].to_numpy(), abs=CENT)


@each
def test_a_strategy_gives_what_it_gives_in_stock_backtrader(runs, market, complete, name):
    assert_equal(runs(name), stock(UNTOUCHED[name], market, complete))
    assert len(runs(name).fills) >= 4


@pytest.mark.parametrize("name", [name for name, strategy in STRATEGIES.items() if "ARM" in strategy.symbols])
def test_a_stock_listed_during_the_warm_up_joins_as_in_stock_backtrader(complete, name):
    market = listed_at(START - 3, complete)
    assert_equal(run(STRATEGIES[name], market), stock(UNTOUCHED[name], market, complete))


@each
def test_no_strategy_is_accused_of_looking_ahead(runs, market, name):
    schedule = EntrySchedule(market.sessions[START + 1], hold=None)
    prices = market.select(STRATEGIES[name].symbols)
    notices = foresight_notices(STRATEGIES[name], prices, schedule, COSTS, {}, runs(name))
    if name in OTHERS_BAR_BY_BAR:
        (notice,) = notices
        assert notice.startswith(DIFFERS_BAR_BY_BAR.partition("{")[0])
    else:
        assert notices == ()


def test_results_do_not_depend_on_what_ran_before(runs, market):
    """All strategies in one process, in another order than before."""
    names = list(STRATEGIES)
    first = [(name, runs(name)) for name in names]
    for name, before in random.Random(1).sample(first, len(first)):
        again = run(STRATEGIES[name], market)
        assert again.fills == before.fills, name
        assert again.sent == before.sent, name
        assert again.equity.tolist() == before.equity.tolist(), name


HELD = (
    *("orders.Bracket", "orders.DayOrders", "orders.Replaced", "orders.TargetPercent", "timers.Cheating"),
    *("indicators.Exponential", "baskets.JoinsLater", "baskets.Pair", "signals.Accumulating", "sizers.Percent"),
)


@pytest.mark.parametrize("name", HELD)
def test_with_a_hold_all_is_equal_until_the_closing_orders(market, complete, name):
    """Difference 1: then open orders are cancelled, and all positions are closed at the next open."""
    hold = 50
    mine, theirs = run(STRATEGIES[name], market, hold), stock(UNTOUCHED[name], market, complete)
    last = mine.sessions[hold]
    assert mine.equity[: hold + 1] == pytest.approx(theirs.equity[mine.sessions[: hold + 1]].to_numpy(), abs=CENT)
    until = [fill for fill in fills(theirs) if fill[0] <= last]
    assert fills(mine)[: len(until)] == until
    held: dict[str, float] = {}
    for _, symbol, size in until:
        held[symbol] = held.get(symbol, 0.0) + size
    closing = {symbol: -size for symbol, size in held.items() if abs(size) > 1e-9}
    after = mine.fills[len(until) :]
    assert {fill.symbol: fill.size for fill in after} == pytest.approx(closing)
    opens = {symbol: market.open[START + hold + 1, market.columns[symbol]] for symbol in closing}
    assert {fill.symbol: fill.price for fill in after} == pytest.approx(opens)
    assert {fill.session for fill in after} <= {market.sessions[START + hold + 1]}


def waiting(strategy, day):
    """The strategy in stock Backtrader, with its methods silent before `day`."""

    def silenced(method):
        def call(self, *arguments, **keywords):
            if self.data.datetime.date(0) >= day.date():
                method(self, *arguments, **keywords)

        return call

    methods = {name: silenced(getattr(strategy, name)) for name in ("prenext", "nextstart", "next", "notify_timer")}
    return type(strategy.__name__, (strategy,), methods)


@pytest.mark.parametrize(
    ("strategy", "earlier"), [(differing.EagerPrenext, 0), (differing.EagerTimer, 0), (differing.LooksBack, 2)]
)
def test_nothing_of_a_strategy_is_called_before_the_entry(market, strategy, earlier):
    """Differences 2, 3 and 4: prenext and timers wait for the entry, and bars before the first one are loaded."""
    first_day = market.sessions[START]
    theirs = stock(strategy, market, market)
    mine = run(strategy, market)
    assert fills(mine) != fills(theirs)
    assert_equal(mine, stock(waiting(strategy, first_day), market, market, earlier))
    assert len(mine.fills) >= 4


def test_ruin_ends_a_run(market):
    """Difference 5: stock Backtrader trades on with an equity below zero."""
    mine, theirs = run(differing.Ruined, market), stock(differing.Ruined, market, market)
    end = mine.sessions.get_loc(mine.ruined)
    equity = theirs.equity[mine.sessions].to_numpy()
    assert equity[end] <= 0 < equity[:end].min()
    assert mine.equity == pytest.approx([*equity[: end + 1], *[equity[end]] * (len(equity) - end - 1)], abs=CENT)
    assert fills(mine) == [fill for fill in fills(theirs) if fill[0] <= mine.ruined] != fills(theirs)


def test_a_window_of_closes_holds_those_that_there_are(market):
    """Difference 6: stock Backtrader gives none before there are as many as asked for."""
    mine, theirs = run(differing.Windows, market), stock(differing.Windows, market, market)
    assert [fill.size for fill in mine.fills][:9] == [1, 2, 3, 4, 5, 6, 7, 7, 7]
    assert [fill.size for fill in theirs.fills][:3] == [7, 7, 7]
    assert fills(mine)[6:] == fills(theirs)


@pytest.mark.slow
@each
def test_on_real_prices_all_is_equal_too(market_data, name):
    """Around 14 September 2023, when ARM was listed; before the entry it has no prices for Backtrader to count."""
    loaded = load_prices(SYMBOLS, source=str(market_data))
    start = loaded.row("2023-08-01")
    prices = loaded.rows(start - START, start - START + SESSIONS).rebased(START)
    filled = np.where(np.isnan(prices.close), 1.0, prices.close)
    complete = replace(prices, **dict.fromkeys(FIELDS, filled), factor=np.ones_like(filled))
    assert_equal(run(STRATEGIES[name], prices), stock(UNTOUCHED[name], prices, complete))


def test_the_page_gives_the_counts_and_the_differences_of_this_file():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    section = page.partition("\n## Stock Backtrader\n")[2].partition("\n## ")[0]
    assert int(section.split()[0]) == len(STRATEGIES) >= 40
    shown = re.findall(r"^\| (\d) \|", section, re.MULTILINE)
    docstrings = [test.__doc__ or "" for name, test in globals().items() if name.startswith("test_")]
    tested = {number for text in docstrings if text.startswith("Difference") for number in re.findall(r"\d", text)}
    assert shown == sorted(tested)
