"""One backtest in Backtrader: the only place where a Cerebro is wired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

from data.errors import RequestError, StrategyError
from data.missing_prices import first_missing_price, missing_price_error
from data.prices import Prices
from runners.engine.backtest.audit import audit
from runners.engine.backtest.broker import BrokerFill, CreditBroker, RefusedOrder, SentOrder
from runners.engine.backtest.feed import price_feeds, reading_feeds
from runners.engine.backtest.frictions import Frictions
from runners.engine.backtest.hooks import DailyCerebro
from runners.engine.backtest.past_lines import BeforeFirstBarError, block_future_lines
from runners.engine.backtest.warm_up import hold_back
from runners.engine.isolation import as_if_alone
from strategies.base.reading import Decision, Reading
from strategies.base.schedule import Schedule

CAPITAL = 1_000_000.0  # USD


@dataclass(frozen=True)
class EntrySchedule:
    """Entry session, holding period and rebalancing of a run. `hold` and `rebalance` count sessions, see Schedule.

    `history` is for strategies that are not readings: the least number of closes that they have at their first
    decision, the close before the entry. Their indicators' minimum period may ask for more. With None they see all
    closes, and `next` is called at each of them, though orders before the entry are refused.
    """

    entry: pd.Timestamp
    hold: int | None = 252
    rebalance: int | None = 20
    shock: pd.Timestamp | None = None
    history: int | None = 1

    def __post_init__(self) -> None:
        Schedule(self.hold, self.rebalance)
        if self.history is not None and self.history < 1:
            raise RequestError(f"--history {self.history} is too short; give 1 close or more")


@dataclass(frozen=True, eq=False)
class Backtest:
    """The result of a backtest.

    `sessions` run from the close before the entry to the open after the closing decision, or to the end of the prices;
    `equity` (USD at the close, net) and `gross` (gross exposure as a fraction of equity) have shape (n_sessions,),
    `holdings` (fractions of equity at the close, negative when short) shape (n_sessions, n_symbols). `exit` is the
    session of the closing fills, None while positions are still open. After ruin equity stays at its last value.
    `sent` are all orders that the strategy sent, filled or not. `left_out` are stocks that a reading's rule selected
    but that had too few closes, `under_a_share` those whose target was less than one share, each with the first session
    on which it happened. `interest` is USD over the run: cash received, debit and borrow paid. `last_prices` are the
    closes of the last session, or of the session of ruin, by symbol.
    """

    sessions: pd.DatetimeIndex
    entry: pd.Timestamp
    exit: pd.Timestamp | None
    equity: np.ndarray
    gross: np.ndarray
    holdings: np.ndarray
    fills: tuple[BrokerFill, ...]
    decisions: tuple[Decision, ...]
    refusals: tuple[RefusedOrder, ...]
    sent: tuple[SentOrder, ...]
    left_out: Mapping[str, pd.Timestamp]
    under_a_share: Mapping[str, pd.Timestamp]
    interest: Mapping[str, float]
    ruined: pd.Timestamp | None = None
    last_prices: Mapping[str, float] = field(default_factory=dict)

    @property
    def wealth(self) -> pd.Series[float]:
        """Equity as a Series over the sessions, USD."""
        return pd.Series(self.equity, self.sessions)


@dataclass(frozen=True)
class CerebroModes:
    """Backtrader's execution modes, all of which give the same numbers."""

    preload: bool = True
    runonce: bool = True


def run_backtest(
    strategy: type[bt.Strategy],
    prices: Prices,
    schedule: EntrySchedule,
    frictions: Frictions = Frictions(),
    parameters: Mapping[str, object] = {},
    modes: CerebroModes = CerebroModes(),
) -> Backtest:
    """Run one strategy on `prices`, as if alone: what it changes in its author's code is put back.

    A Reading sees the bars of the window only and takes its history from `prices`; its orders always fill. Any other
    `bt.Strategy` is called from the close before the entry on, after a warm-up of its indicators' minimum period, and
    its positions are closed after the holding period. If it reads bars before its first, it is run again with more.

    Raises RequestError if the prices do not span the entry, DataError if a listed stock lacks a price by the end of the
    run, StrategyError if the strategy stops the run early, looks ahead, or changes the account.
    """
    start, stop = window_rows(prices, schedule, frictions.lag)
    if (gap := first_missing_price(prices, stop)) is not None:
        raise missing_price_error(prices, gap, stop)
    based = prices.rows(0, stop).rebased(start)
    if based.listed.min() > start:
        symbols = ", ".join(based.symbols)
        raise RequestError(f"none of {symbols} has a close on {based.sessions[start]:%Y-%m-%d}; enter later")
    earlier = 0
    while True:
        try:
            with as_if_alone(strategy):
                return _run(strategy, based, start, earlier, schedule, frictions, parameters, modes)
        except BeforeFirstBarError as error:
            if issubclass(strategy, Reading) or schedule.history is None or earlier > start:
                raise
            earlier = max(earlier + error.bars, 2 * earlier)


def _run(
    strategy: type[bt.Strategy],
    prices: Prices,
    start: int,
    earlier: int,
    schedule: EntrySchedule,
    frictions: Frictions,
    parameters: Mapping[str, object],
    modes: CerebroModes,
) -> Backtest:
    """Run one strategy on prices that end with the run; row `start` is the close before the entry.

    A strategy that is not a reading gets `earlier` closes more than its minimum period.
    """
    is_reading = issubclass(strategy, Reading)
    sessions = prices.sessions[start:]
    account = CreditBroker(
        capital=CAPITAL,
        lends=is_reading,
        checksubmit=not is_reading,
        frictions=frictions,
        sessions=sessions,
        symbols=prices.symbols,
        last=None if is_reading else _closing_session(sessions, schedule.hold),
    )
    cerebro = _cerebro(account, frictions, modes, stdstats=not is_reading)
    for feed in reading_feeds(prices, start) if is_reading else price_feeds(prices):
        cerebro.adddata(feed)
    if is_reading:
        cerebro.addstrategy(strategy, **_schedule(schedule, frictions), **parameters)
    else:
        cerebro.addstrategy(strategy, **parameters)
        cerebro.addanalyzer(Window, start=start, history=schedule.history, earlier=earlier)
    strategies = cerebro.run()
    if not strategies:
        raise StrategyError(
            f"{strategy.__name__} skipped the run (StrategySkipError); give parameters with which it runs"
        )
    if (session := account.stopped()) is not None:
        raise StrategyError(
            f"{strategy.__name__} stopped the run on {session:%Y-%m-%d}, before its end on "
            f"{sessions[-1]:%Y-%m-%d}; close positions instead of calling runstop"
        )
    audit(account, prices)
    return replace(
        _result(strategies[0], account, sessions, schedule, frictions.lag), last_prices=_last_prices(account, prices)
    )


def window_rows(prices: Prices, schedule: EntrySchedule, lag: int = 1) -> tuple[int, int]:
    """First row (the close before the entry) and one past the last row (the closing fills or the end of prices)."""
    entry = prices.row(schedule.entry)
    if entry == 0:
        raise RequestError(
            f"entry {schedule.entry:%Y-%m-%d} is the first session with prices; the first decision needs the close "
            f"before it: enter later or load earlier prices"
        )
    end = len(prices.sessions)
    return entry - 1, end if schedule.hold is None else min(entry + schedule.hold + lag, end)


class Window(bt.Analyzer):
    """Confines a strategy that is not a reading to the window: warm-up before, closed positions after, no future."""

    params = (("start", 0), ("history", 1), ("earlier", 0))

    def start(self) -> None:
        start, history = self.p.start, self.p.history
        closes = start + 1 if history is None else max(*self.strategy._minperiods, history) + self.p.earlier
        for data in self.strategy.datas:
            data.begin_at(start + 1 - closes)
        block_future_lines(self.strategy)
        if history is not None:
            hold_back(self.strategy)

    def next(self) -> None:
        account: CreditBroker = self.strategy.broker
        if account.is_last():
            account.close_out()

    prenext = nextstart = next


def _cerebro(account: CreditBroker, frictions: Frictions, modes: CerebroModes, stdstats: bool) -> bt.Cerebro:
    cerebro = DailyCerebro(stdstats=stdstats, preload=modes.preload, runonce=modes.runonce)
    cerebro.broker = account
    account.setcommission(commission=frictions.commission + frictions.half_spread, percabs=True, stocklike=True)
    return cerebro


def _schedule(schedule: EntrySchedule, frictions: Frictions) -> dict[str, object]:
    return {
        "entry": schedule.entry,
        "hold": schedule.hold,
        "rebalance": schedule.rebalance,
        "lag": frictions.lag,
        "shock": schedule.shock,
    }


def _closing_session(sessions: pd.DatetimeIndex, hold: int | None) -> pd.Timestamp | None:
    return sessions[hold] if hold is not None and hold < len(sessions) else None


def _last_prices(account: CreditBroker, prices: Prices) -> dict[str, float]:
    row = len(prices.sessions) - 1 if account.ledger.ruined is None else prices.row(account.ledger.ruined)
    return dict(zip(prices.symbols, prices.close[row].tolist(), strict=True))


def _result(ran: Any, account: CreditBroker, sessions: pd.DatetimeIndex, schedule: EntrySchedule, lag: int) -> Backtest:
    ledger = account.ledger
    exit_row = len(sessions) if schedule.hold is None else schedule.hold + lag
    flat = not any(position.size for position in account.positions.values())
    closed = exit_row < len(sessions) and ledger.ruined is None and flat
    reading = ran if isinstance(ran, Reading) else None  # others may use these attribute names for something else
    return Backtest(
        sessions=sessions,
        entry=schedule.entry,
        exit=sessions[exit_row] if closed else None,
        equity=ledger.equity,
        gross=ledger.gross,
        holdings=ledger.holdings,
        fills=tuple(ledger.fills),
        decisions=tuple(reading.decisions if reading is not None else ()),
        refusals=(*ledger.refusals, *account.unfilled()),
        sent=tuple(ledger.sent),
        left_out=reading.left_out if reading is not None else {},
        under_a_share=reading.under_a_share if reading is not None else {},
        interest=ledger.interest,
        ruined=ledger.ruined,
    )
