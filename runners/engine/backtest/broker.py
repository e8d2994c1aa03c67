"""The broker of a backtest: Backtrader's, with credit, interest, borrow fees and an account history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import backtrader as bt
import numpy as np
import pandas as pd

from data.errors import RequestError, StrategyError
from runners.engine.backtest.frictions import DAYS_A_YEAR, Frictions
from strategies.base.reading import ORDINAL_1970

# Broker methods that would change capital, costs or fills of a run that has begun.
SEALED_METHODS = (
    *("set_coc", "set_coo", "set_eosbar", "set_filler", "set_slippage_perc", "set_slippage_fixed"),
    *("set_cash", "setcash", "add_cash", "set_checksubmit", "set_shortcash", "set_int2pnl"),
    *("setcommission", "addcommissioninfo", "set_fundmode", "set_fundstartval", "set_fund_history"),
    "add_order_history",
)
# Reasons for orders refused by design: they were sent outside the window.
BEFORE, AFTER = "before the entry", "after the hold"
NEVER_FILLED = (bt.Order.Margin, bt.Order.Rejected, bt.Order.Canceled, bt.Order.Expired)


@dataclass(frozen=True)
class BrokerFill:
    """A fill: shares (negative when sold), price in USD a share, costs in USD."""

    session: pd.Timestamp
    symbol: str
    size: float
    price: float
    commission: float
    spread_cost: float


@dataclass(frozen=True)
class RefusedOrder:
    """An order, or the rest of one, that was not filled, and why."""

    session: pd.Timestamp
    symbol: str
    size: float
    reason: str

    @property
    def is_intended(self) -> bool:
        """Whether the order was refused by design, since it was sent outside the window."""
        return self.reason in (BEFORE, AFTER)


@dataclass(frozen=True)
class SentOrder:
    """An order as the strategy sent it: shares (negative when sold), type, limit and stop price in USD or None.

    `decided` says that it follows from a reading's target weights.
    """

    session: pd.Timestamp
    symbol: str
    size: float
    kind: str
    price: float | None
    limit: float | None
    decided: bool


@dataclass
class AccountHistory:
    """History of the account, at each close.

    `equity` (USD) and `gross` (fraction of equity) have shape (n_sessions,), `holdings` (fractions of equity, negative
    when short) shape (n_sessions, n_symbols).
    """

    equity: np.ndarray
    gross: np.ndarray
    holdings: np.ndarray
    interest: dict[str, float] = field(default_factory=lambda: {"cash": 0.0, "debit": 0.0, "borrow": 0.0})
    fills: list[BrokerFill] = field(default_factory=list)
    refusals: list[RefusedOrder] = field(default_factory=list)
    sent: list[SentOrder] = field(default_factory=list)
    charged: float = 0.0  # commission and half-spread taken from cash, USD
    ruined: pd.Timestamp | None = None


class Positions(defaultdict[Any, Any]):
    """Positions by feed; asking for one in a feed without a bar creates none, since it could not be valued."""

    def __missing__(self, data: Any) -> Any:
        return super().__missing__(data) if len(data) else bt.Position()


class CreditBroker(bt.brokers.BackBroker):
    """Backtrader's broker on `sessions`, the first of which is the close before the entry.

    `capital` is the initial equity. With `lends` no order fails because a price gap made cash negative: the broker
    extends credit, which is part of Backtrader's cash and subtracted from cash and equity whenever they are read.
    `symbols` are the names of the feeds. `last` is the session of the closing decision, from which new orders are
    refused (None: never). Interest is charged before the fills of a session, for the calendar days since the previous
    session, on its closing values.
    """

    params = (
        ("capital", 1_000_000.0),
        ("lends", False),
        ("frictions", Frictions()),
        ("sessions", None),
        ("symbols", ()),
        ("last", None),
    )

    def init(self) -> None:
        self.p.cash = self.p.capital
        super().init()
        self.positions = Positions(bt.Position)
        self._credit = 0.0
        sessions: pd.DatetimeIndex = self.p.sessions
        self._rows = {int(day): row for row, day in enumerate(_ordinals(sessions))}
        self._last = None if self.p.last is None else int(_ordinals(pd.DatetimeIndex([self.p.last]))[0])
        self._years = (np.diff(_ordinals(sessions), prepend=0) / DAYS_A_YEAR).tolist()
        self._cash_rate, self._credit_rate = (rate.tolist() for rate in self.p.frictions.cash_rates(sessions))
        self._row, self._shorts, self._closing = -1, 0.0, False
        self._longest: Any = None
        self._columns = {symbol: column for column, symbol in enumerate(self.p.symbols)}
        shape = len(sessions), len(self._columns)
        self.ledger = AccountHistory(np.full(shape[0], self.p.capital), np.zeros(shape[0]), np.zeros(shape))

    def start(self) -> None:
        super().start()
        self._sealed = True
        self._settings = {**vars(self.p)}
        self._known_cash = self.cash

    def require_unchanged(self) -> None:
        """Raise StrategyError if the strategy has set the cash or a parameter of the broker."""
        changed = [name for name, value in vars(self.p).items() if value is not self._settings.get(name)]
        if changed or self.cash != self._known_cash:
            raise StrategyError(
                f"the strategy sets broker.{f'p.{changed[0]}' if changed else 'cash'}: capital, costs and fills belong "
                f"to the run; remove it"
            )

    @property
    def has_begun(self) -> bool:
        """Whether the close before the entry has been reached."""
        return self._today in self._rows

    @property
    def _today(self) -> int:
        """Day number of the current bar, which timers see before the broker; -1 before the first bar."""
        clock = self._clock()
        return int(clock.datetime[0]) if len(clock) else -1

    def require_open(self, method: str) -> None:
        """Raise RequestError if a strategy calls a sealed method during the run."""
        if getattr(self, "_sealed", False):
            raise RequestError(
                f"the strategy calls broker.{method}: capital, costs and fills belong to the run; remove the call"
            )

    def get_cash(self) -> float:
        """Cash in USD, negative when on credit."""
        return float(self.cash - self._credit)

    getcash = get_cash

    def get_value(self, datas: Any = None, mkt: bool = False, lever: bool = False) -> float:
        """Equity in USD; with `datas` the value of those positions, with `mkt` of all positions."""
        if datas and not any(map(len, datas)):
            return 0.0  # no bar yet, so no position
        value = super().get_value(datas, mkt, lever)
        return float(value if datas is not None or mkt else value - self._credit)

    getvalue = get_value

    def next(self) -> None:
        self.require_unchanged()
        self._row = self._rows.get(self._today, -1)
        if self._row > 0:
            self._accrue()
        if self.pending or self.submitted or self._toactivate:
            if self.p.lends:
                self._lend()
            super().next()
        else:
            # Without orders Backtrader's `next` only values positions: stocks have no daily cash adjustment, and
            # interest was charged above.
            self._get_value()
        if self._row >= 0:
            self._record()
        self._known_cash = self.cash

    def _lend(self) -> None:
        """Extend credit for the maximum cost of the pending orders at this open, fees included."""
        needed = 2 * sum(abs(order.size) * order.data.open[0] for order in self.pending)
        shortfall = max(0.0, needed - self.cash)
        self.cash += shortfall
        self._credit += shortfall

    def _clock(self) -> Any:
        """The feed with the most bars, which has one on every session."""
        if self._longest is None:
            self._longest = max(self.cerebro.datas, key=lambda data: data.count)
        return self._longest

    def submit(self, order: Any, check: bool = True) -> Any:
        """Accept an order, unless it is sent outside the window."""
        if order.exectype == bt.Order.Historical:
            raise StrategyError(
                f"an order of {order.created.size:+,.0f} {order.data._name} has the type Historical, which fills at "
                f"any price it names; use Market, Limit or Stop"
            )
        if not self._closing:
            self._record_order(order)
        if self._today not in self._rows:
            reason = BEFORE
        elif self._last is not None and self._today >= self._last and not self._closing:
            reason = AFTER
        else:
            return super().submit(order, check)
        order.submit(self)
        order.reject(self)
        order.addinfo(refused=reason)
        self.notify(order)
        return order

    def notify(self, order: Any) -> None:
        """Record a filled or refused order, then notify its owner.

        An order that turns a position is filled in part if the cash pays for closing it and not for the other side.
        """
        if order.status in (order.Partial, order.Completed):
            self._record_fill(order)
        elif order.status in NEVER_FILLED:
            self._record_refusal(order, order.info.get("refused") or order.getstatusname().lower())
        if order.owner is not None:
            super().notify(order)

    def _ococheck(self, order: Any) -> None:
        """Cancel the other orders of its group; Backtrader would search all pending orders even without a group."""
        leader = self._ocos.get(self._ocos[order.ref])
        if len(self._ocol.get(leader, ())) > 1:
            super()._ococheck(order)
        else:
            self._ocol.pop(leader, None)

    def close_out(self) -> None:
        """Cancel open orders and close every position with orders of which the strategy is not notified."""
        for order in list(self.get_orders_open()):
            self.cancel(order)
        self._closing = True
        held = {data: position.size for data, position in self.positions.items() if position.size}
        for data in sorted(held, key=lambda data: held[data] < 0):  # sell longs first, to pay for covering shorts
            (self.sell if held[data] > 0 else self.buy)(None, data, abs(held[data]))
        self._closing = False

    def stopped(self) -> pd.Timestamp | None:
        """The session on which the strategy stopped the run; None if the run reached its end or ruin."""
        if self.ledger.ruined is not None or self._row == len(self.p.sessions) - 1:
            return None
        return _session(self._today)

    def is_last(self) -> bool:
        """Whether the feeds have reached the session of the closing decision."""
        return self._today == self._last

    def unfilled(self) -> tuple[RefusedOrder, ...]:
        """Orders still open when the prices end."""
        orders = (*self.submitted, *self.get_orders_open())
        return tuple(
            RefusedOrder(_session(order.created.dt), order.data._name, order.created.size, "still open")
            for order in orders
        )

    def _accrue(self) -> None:
        """Interest and borrow fees since the previous session, on its closing values."""
        frictions, years, previous = self.p.frictions, self._years[self._row], self._row - 1
        cash = self.get_cash()
        earned = max(0.0, cash - self._shorts) * self._cash_rate[previous] * years
        debit = max(0.0, -cash) * self._credit_rate[previous] * years
        borrow = self._shorts * frictions.borrow_rate * years
        for kind, amount in (("cash", earned), ("debit", debit), ("borrow", borrow)):
            self.ledger.interest[kind] += amount
        self.cash += earned - debit - borrow

    def _record(self) -> None:
        values = {
            data._name: position.size * data.close[0] for data, position in self.positions.items() if position.size
        }
        self._shorts = -sum(value for value in values.values() if value < 0)
        equity = float(self._value - self._credit)
        self.ledger.equity[self._row :] = equity
        if equity > 0:
            self.ledger.gross[self._row] = sum(map(abs, values.values())) / equity
            for symbol, value in values.items():
                self.ledger.holdings[self._row, self._columns[symbol]] = value / equity
        else:
            self.ledger.ruined = self.p.sessions[self._row]
            self.cerebro.runstop()

    def _record_order(self, order: Any) -> None:
        created, decided = order.created, bool(order.info.get("decided"))
        session, symbol, kind = _session(self._today), order.data._name, order.getordername()
        self.ledger.sent.append(
            SentOrder(session, symbol, created.size, kind, created.price, created.pricelimit, decided)
        )

    def _record_fill(self, order: Any) -> None:
        self.ledger.charged += order.executed.comm
        value = abs(order.executed.size) * order.executed.price
        frictions = self.p.frictions
        self.ledger.fills.append(
            BrokerFill(
                _session(order.executed.dt),
                order.data._name,
                order.executed.size,
                order.executed.price,
                value * frictions.commission,
                value * frictions.half_spread,
            )
        )

    def _record_refusal(self, order: Any, reason: str) -> None:
        session = _session(order.created.dt)
        self.ledger.refusals.append(RefusedOrder(session, order.data._name, order.executed.remsize, reason))


def _ordinals(sessions: pd.DatetimeIndex) -> np.ndarray:
    return sessions.to_numpy().astype("datetime64[D]").astype(np.int64) + ORDINAL_1970


def _session(number: float) -> pd.Timestamp:
    return pd.Timestamp(bt.num2date(number).date())


def _sealed_after_start(method: str) -> Callable[..., Any]:
    """The broker's method, which raises RequestError once the run has begun."""
    original = getattr(bt.brokers.BackBroker, method)

    @wraps(original)
    def guarded(self: CreditBroker, *arguments: Any, **keywords: Any) -> Any:
        self.require_open(method)
        return original(self, *arguments, **keywords)

    return guarded


for _method in SEALED_METHODS:
    setattr(CreditBroker, _method, _sealed_after_start(_method))
