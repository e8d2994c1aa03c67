"""The base class of readings: a rule, a schedule, and the orders that follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import copysign, floor, isfinite
from numbers import Real
from typing import Any, ClassVar

import backtrader as bt
import numpy as np
import pandas as pd

from data import calendar
from data.errors import RequestError, StrategyError
from data.prices import FIELDS, Prices
from strategies.base.comparator import Cash, Comparator
from strategies.base.general_form import GeneralForm
from strategies.base.past import Past
from strategies.base.schedule import Schedule

ORDINAL_1970 = 719163  # backtrader counts days from year 1, numpy from 1970
SHOCK_BEFORE_ENTRY = 4  # sessions, the default if no shock is given; as in the DeepSeek event
GROSS_TOLERANCE = 1e-9
SHARE_TOLERANCE = 1e-6

ABSENT = object()

Weights = Mapping[str, float] | None


@dataclass(frozen=True)
class Decision:
    """Target weights at a close, as fractions of equity; absent symbols have weight zero."""

    session: pd.Timestamp
    weights: Mapping[str, float]


class Reading(bt.Strategy):
    """Base of all readings. A subclass declares `symbols` and overrides `weights`.

    It works in any Cerebro with daily feeds named by symbol: decisions are made at the close, and orders fill at the
    next open, sells before buys. Target shares are sign(w) * floor(|w| * E / C + 1e-6), with equity E and price C
    of the decision close.

    Parameters (in sessions, except the dates):
        entry: first session whose open may be traded; required
        hold: sessions until the closing decision, None to hold to the end
        rebalance: sessions between decisions
        lag: sessions from a decision to its fill, 1 for the next open
        shock: session of the shock (default: `SHOCK_BEFORE_ENTRY` sessions before the entry)
    """

    params: ClassVar[Any] = (("entry", None), ("hold", 252), ("rebalance", 20), ("lag", 1), ("shock", None))

    symbols: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    comparator: Comparator = Cash()
    history = 1  # closes that the rule needs at its first decision
    watches = False  # True: `weights` is called at every close, and returns None when nothing changes

    # For the evidence:
    chooses: tuple[str, ...] = ()  # stocks from which its claim selects; placebo baskets are drawn from them
    long_run = False  # True: its claim is about the long run, and a month gives no verdict
    rechooses = False  # True: it selects its stocks anew at every decision
    reacts_to = ""  # symbol whose shock it reacts to; past entries after a fall of it are shown separately
    variants: ClassVar[Mapping[str, tuple[Mapping[str, object], ...]]] = {}  # shown for comparison, by heading
    general_form: ClassVar[GeneralForm | None] = None  # what it says about every comparable shock, for base rates

    def weights(self, past: Past) -> Weights:
        """Target weights at this close, as fractions of equity; None leaves positions alone.

        A pure function of the parameters (`self.p`) and `past`. Gross exposure (the sum of absolute weights) must not
        exceed 1.
        """
        raise TypeError(f"{type(self).__name__} does not say what it holds: override weights(self, past)")

    def decide(self, past: Past) -> Weights:
        """The rule's answer. Raises StrategyError if it sets an attribute that would outlive the call."""
        before = dict(vars(self))
        weights = self.weights(past)
        for name, value in vars(self).items():
            if value is not before.get(name, ABSENT) and not isinstance(vars(type(self)).get(name), cached_property):
                raise StrategyError(
                    f"{type(self).__name__}.weights sets self.{name}, but its answer must depend on self.p and past "
                    f"alone, since it is asked for thousands of entries in any order; compute it from past"
                )
        return weights

    def course(self, past: Past) -> Mapping[int, Mapping[str, float]]:
        """Target weights of all closes from the entry to that of `past`, by sessions held, without those that are None.

        For speed only: a rule that uses `held` or `shock` may override it to compute thousands of past entries. The
        result must equal that of calling `weights` at every close.
        """
        weights = {held: self.weights(past.back(past.held - held)) for held in range(past.held + 1)}
        return {held: target for held, target in weights.items() if target is not None}

    @classmethod
    def refuted(cls, d: float, decisions: tuple[Decision, ...]) -> bool:
        """Whether the reading is refuted by its own criterion; `d` is its excess log return over the comparator."""
        return d <= 0

    @classmethod
    def rule(cls, **parameters: object) -> Reading:
        """The rule with these parameters, for calling `weights` outside Backtrader.

        Raises RequestError for a parameter that the reading does not declare.
        """
        declared = cls.params._getkeys()
        if unknown := [name for name in parameters if name not in declared]:
            raise RequestError(f"{cls.__name__} has no parameter {unknown[0]!r}; it has {', '.join(declared)}")
        rule: Reading = object.__new__(cls)
        rule.p = cls.params()
        for name, value in parameters.items():
            setattr(rule.p, name, value)
        return rule

    def start(self) -> None:
        self.decisions: list[Decision] = []
        self.left_out: dict[str, pd.Timestamp] = {}
        self.under_a_share: dict[str, pd.Timestamp] = {}
        self._schedule = Schedule(self.p.hold, self.p.rebalance)
        entry = calendar.require_session(self._require_entry())
        self._entry_index = calendar.calendar_index(entry)
        self._shock = str(self.p.shock or calendar.offset(entry, -SHOCK_BEFORE_ENTRY))[:10]
        self._feeds = {data._name: data for data in self.datas}
        self._due: list[tuple[int, dict[str, int]]] = []
        if missing := [symbol for symbol in self.symbols if symbol not in self._feeds]:
            raise RequestError(
                f"{type(self).__name__} needs a feed named {missing[0]!r}; use adddata(feed, name={missing[0]!r})"
            )

    def _require_entry(self) -> Any:
        if not self.p.entry:
            raise RequestError(
                f"{type(self).__name__} has no entry date; "
                f"give a session, as in addstrategy({type(self).__name__}, entry='2025-01-31')"
            )
        return self.p.entry

    def clear(self) -> None:
        """Drop the orders of the past session: Backtrader would keep them, 5 kB each, without ever reading them."""
        super().clear()
        self._orders.clear()

    def prenext(self) -> None:
        # Backtrader calls `next` only once all feeds have begun; a late listing must not delay the others.
        self.next()

    def next(self) -> None:
        held = self._held()
        if held < 0 or self.broker.getvalue() <= 0:
            return
        if held > 0 and not self.decisions and not self._had_first_decision(held):
            raise RequestError(
                f"{type(self).__name__}: the feeds begin after the first decision, the close before the entry; "
                f"start them earlier or set a later entry"
            )
        if self._schedule.closes(held):
            self._aim(held, {})
        elif self._schedule.runs(held) and (self.watches or self._schedule.decides(held)):
            self._decide(held)
        self._send_due(held)

    def _held(self) -> int:
        """Sessions since the close before the entry."""
        day = np.datetime64(int(self.datetime[0]) - ORDINAL_1970, "D")
        return calendar.sessions_before(day) - self._entry_index + 1

    def _had_first_decision(self, held: int) -> bool:
        return len(self) > held

    def _decide(self, held: int) -> None:
        prices, row = self._history()
        past = Past(prices, row, held=held, scheduled=self._schedule.decides(held), shock=self._shock)
        weights = self.decide(past)
        for symbol in past.left_out:
            self.left_out.setdefault(symbol, past.session)
        if weights is not None:
            require_weights(weights, f"{type(self).__name__} at {past.session:%Y-%m-%d}")
            self._check(weights, past.session)
            self.decisions.append(Decision(past.session, dict(weights)))
            for symbol in self._aim(held, weights):
                self.under_a_share.setdefault(symbol, past.session)

    def _check(self, weights: Mapping[str, float], session: pd.Timestamp) -> None:
        where = f"{type(self).__name__} at {session:%Y-%m-%d}"
        for symbol, weight in weights.items():
            if symbol not in self._feeds:
                raise StrategyError(f"{where}: weight for {symbol!r}, which has no feed; list it in `symbols`")
            if weight and not len(self._feeds[symbol]):
                raise StrategyError(
                    f"{where}: weight for {symbol}, which has no price yet; enter later, or use past.tradable"
                )
            if not isfinite(weight):
                raise StrategyError(f"{where}: weight of {symbol} is {weight}; give a finite fraction of equity")
        gross = sum(abs(weight) for weight in weights.values())
        if gross > 1 + GROSS_TOLERANCE:
            raise StrategyError(f"{where}: gross exposure {gross:.6f} of the targets exceeds 1; scale the weights down")

    def _aim(self, held: int, weights: Mapping[str, float]) -> list[str]:
        """Schedule orders for target weights after the lag; returns symbols whose weight is less than one share."""
        equity = self.broker.getvalue()
        shares = {symbol: self._shares(weight, equity, symbol) for symbol, weight in weights.items()}
        self._due.append((held + self.p.lag - 1, shares))
        return [symbol for symbol, count in shares.items() if not count and abs(weights[symbol]) > GROSS_TOLERANCE]

    def _shares(self, weight: float, equity: float, symbol: str) -> int:
        if not weight:
            return 0  # the feed may have no price yet
        price = self._feeds[symbol].close[0]
        return int(copysign(floor(abs(weight) * equity / price + SHARE_TOLERANCE), weight))

    def _send_due(self, held: int) -> None:
        while self._due and self._due[0][0] <= held:
            self._send(self._due.pop(0)[1])

    def _send(self, target: Mapping[str, int]) -> None:
        """Order the changes from positions to targets, sells first so that they pay for the buys."""
        changes = {
            data: target.get(symbol, 0) - self.getposition(data).size
            for symbol, data in self._feeds.items()
            if len(data)
        }
        for data, change in sorted(changes.items(), key=lambda item: item[1] > 0):
            if change < 0:
                self.sell(data=data, size=-change, decided=True)
            elif change > 0:
                self.buy(data=data, size=change, decided=True)

    def _history(self) -> tuple[Prices, int]:
        """Prices and the row of this close, from the feed's attribute `prices` or else from the lines of all feeds."""
        day = np.datetime64(int(self.datetime[0]) - ORDINAL_1970, "D")
        prices = getattr(self.data, "prices", None) or prices_of_feeds(self._feeds, day)
        return prices, int(prices.days.searchsorted(day))


def require_weights(weights: object, where: str) -> None:
    """Raise StrategyError unless `weights` maps symbols to numbers."""
    if not isinstance(weights, Mapping):
        raise StrategyError(
            f"{where}: weights(past) returned {_short(weights)}; return a dict of symbol: fraction of equity, or None "
            f"to keep positions"
        )
    for symbol, weight in weights.items():
        if not isinstance(symbol, str) or isinstance(weight, bool) or not isinstance(weight, Real):
            raise StrategyError(
                f"{where}: weights(past) returned {_short(symbol)}: {_short(weight)}; return symbols with fractions of "
                f"equity, as in {{'SPY': 0.5}}"
            )


def _short(value: object, most: int = 60) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= most else f"{text[:most]}..."


def prices_of_feeds(feeds: Mapping[str, Any], today: np.datetime64) -> Prices:
    """The bars that Backtrader feeds have delivered by now, as Prices."""
    days = {symbol: _line(data, "datetime").astype(np.int64) - ORDINAL_1970 for symbol, data in feeds.items()}
    first = min(values[0] for values in days.values() if len(values))
    sessions = calendar.xnys()[
        calendar.sessions_before(np.datetime64(int(first), "D")) : calendar.sessions_before(today) + 1
    ]
    fields = {name: np.full((len(sessions), len(feeds)), np.nan) for name in FIELDS}
    numbers = sessions.to_numpy().astype("datetime64[D]").astype(np.int64)
    for column, (symbol, data) in enumerate(feeds.items()):
        matched, rows, _ = np.intersect1d(numbers, days[symbol], return_indices=True)
        if len(matched) < len(days[symbol]):
            raise RequestError(f"the feed {symbol!r} has bars on days without a session of the New York Stock Exchange")
        for name, values in fields.items():
            values[rows, column] = _line(data, name)
    factor = np.where(np.isnan(fields["close"]), np.nan, 1.0)
    opened, high, low, close, volume = fields.values()
    return Prices(sessions, tuple(feeds), opened, high, low, close, volume, factor)


def _line(data: Any, name: str) -> np.ndarray:
    """One line of a feed up to the current bar."""
    line = getattr(data.lines, name)
    if line.mode != line.UnBounded:
        raise RequestError("readings need more history than `exactbars` keeps; run Cerebro with exactbars=False")
    return np.array(line.array[: len(data)])
