"""Scenarios of one reading side by side, from decision to decision.

Between two orders positions do not change, so that a block of sessions is walked at once: arrays of shape
(scenarios, symbols) for what is held, (sessions, scenarios) for what it is worth. Money follows the rules of Account in
the same order: interest on the values of the previous close, then fills at the open, then valuation at the close.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from data.prices import Prices
from runners.engine.backtest.cerebro import CAPITAL
from runners.engine.backtest.frictions import DAYS_A_YEAR, Frictions
from runners.engine.vectorized.running_statistics import RunningStatistics
from runners.engine.vectorized.scenarios import Scenarios
from runners.engine.vectorized.target_weights import WeightSource
from strategies.base.reading import SHARE_TOLERANCE

BLOCK = 1 << 16  # values (scenarios x sessions x symbols) at once: they stay in the processor's cache


class PriceArrays:
    """Prices in the shapes that walks need: total-return adjusted, zero where there is no price."""

    def __init__(self, prices: Prices) -> None:
        # What rules may see must be total-return adjusted as in Backtrader; the base does not matter to ratios.
        based = prices.rebased(0)
        self.prices = prices
        self.adjusted = based
        self.open, self.close = (np.ascontiguousarray(np.nan_to_num(field)) for field in (based.open, based.close))
        self.closes = np.ascontiguousarray(self.close.T)  # a row a symbol
        base = np.where(np.isnan(prices.factor), 1.0, prices.factor)
        first = base[np.minimum(prices.listed, len(base) - 1), np.arange(base.shape[1])]
        # Rebased at another row, a price is divided by this; before its listing a symbol keeps the factor of that day.
        self.growth = np.where(np.isnan(prices.factor), 1.0, prices.factor / first)
        self.nights = np.diff(prices.days.astype(np.int64), prepend=prices.days[:1].astype(np.int64)) / DAYS_A_YEAR

    def rows(self, days: np.ndarray) -> np.ndarray:
        """Row of each session, -1 where there are no prices; shape (n,)."""
        rows = self.prices.days.searchsorted(days)
        inside = rows < len(self.prices.days)
        found: np.ndarray = np.where(inside & (self.prices.days[np.where(inside, rows, 0)] == days), rows, -1)
        return found


class FrictionArrays:
    """Distinct frictions as arrays of shape (n_frictions,).

    `earns`, `pays` and `borrows`, shape (n_frictions, n_sessions), are the fractions by which free cash grows, debt
    grows and shorts cost between the previous session and each one. `savings` and `debt` are what one dollar of cash,
    and of debt, has become by each session since the first; `shorting` is what one dollar sold short costs at a
    session, interest lost included, in units of `savings`. `last` is the last row; `free` says that nothing of this
    costs or earns.
    """

    def __init__(self, frictions: Sequence[Frictions], market: PriceArrays) -> None:
        self.lag = np.array([costs.lag for costs in frictions])
        self.trading = np.array([costs.commission + costs.half_spread for costs in frictions])
        sessions = market.prices.sessions
        self.last = len(sessions) - 1
        rates = {costs.cash_rate: costs.cash_rates(sessions) for costs in frictions}
        earns, pays = (np.array([rates[costs.cash_rate][side] for costs in frictions]) for side in (0, 1))
        before = np.maximum(np.arange(len(sessions)) - 1, 0)
        self.earns: np.ndarray = np.ascontiguousarray(earns[:, before] * market.nights)
        self.pays: np.ndarray = np.ascontiguousarray(pays[:, before] * market.nights)
        self.borrows = np.array([[costs.borrow_rate] for costs in frictions]) * market.nights
        self.savings, self.debt = np.cumprod(1 + self.earns, axis=1), np.cumprod(1 + self.pays, axis=1)
        self.shorting = (self.earns + self.borrows) / self.savings
        self.free = not (self.earns.any() or self.pays.any() or self.borrows.any())


class VectorizedWalk:
    """One chunk of scenarios, longest first, so that those still running are a prefix.

    `start` is the row of the close before each entry, `length` the sessions after it; both have shape (n,).
    """

    def __init__(
        self,
        market: PriceArrays,
        terms: FrictionArrays,
        targets: WeightSource,
        scenarios: Scenarios,
        start: np.ndarray,
        length: np.ndarray,
    ) -> None:
        self.market, self.terms, self.targets, self.scenarios = market, terms, targets, scenarios
        self.start, self.length = start, length
        self.lag, self.trading = terms.lag[scenarios.cost], terms.trading[scenarios.cost]
        self.lags = np.unique(self.lag).tolist()
        # Of prices rebased at the start: share counts do not depend on dividends paid later.
        self.scale = 1 / market.growth[start]
        shape = self.scale.shape
        self.shares = np.zeros(shape)
        self.units = np.zeros(shape[::-1])  # shares in units of the market's prices, a row a symbol
        self.held: np.ndarray = np.zeros(shape[1], dtype=bool)  # symbols that some scenario has held, or sold short
        self.short: np.ndarray = np.zeros(shape[1], dtype=bool)
        self.any_short = False
        self.same_start = bool((start == start[0]).all())
        count = len(scenarios)
        self.cash, self.equity, self.shorts = np.full(count, CAPITAL), np.full(count, CAPITAL), np.zeros(count)
        self.costs, self.traded = np.zeros(count), np.zeros(count)
        self.alive, self.any_ruin = np.ones(count, dtype=bool), False
        self.due: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.rates = scenarios.cost * terms.earns.shape[1]  # where each scenario's rates begin
        self.holds = frozenset(np.unique(scenarios.hold).tolist())
        self.rebalance, self.everyone = int(scenarios.rebalance[0]), np.arange(count)
        self.alike = len(self.holds) == 1 and bool((scenarios.rebalance == self.rebalance).all())
        self.decides, self.stops = self._calendar()

    def run(self, curves: bool) -> dict[str, np.ndarray]:
        """Walk to the end of the longest and give back the columns of Batch."""
        tally = RunningStatistics(self.length, self.scenarios.hold, curves)
        self._decide(0, len(self.length))
        self._grow(self.cash, self.shorts, self.start + 1)
        first, last = 1, int(self.length[0])
        running = np.searchsorted(-self.length, -np.arange(last + 1), side="right").tolist()
        while first <= last:
            final = self._block_end(first, running[first])
            rows = self.start[: running[first]] + np.arange(first, final + 2)[:, None]
            for places, target in self.due.pop(first, ()):
                self._fill(places, target, first)
            tally.note(first, *self._value(rows))
            if self.decides[final]:
                self._decide(final, running[final])
            first = final + 1
        return {
            **tally.columns(),
            "turnover": self.traded / CAPITAL,
            "costs": self.costs,
            "ruined": ~self.alive,
            "truncated": self.length < self.scenarios.hold + self.lag,
        }

    def _calendar(self) -> tuple[np.ndarray, list[int]]:
        """Sessions held at whose close a decision may be taken, and at whose close a block must end."""
        last = int(self.length[0])
        decides = np.full(last + 1, self.targets.watches)
        for sessions in np.unique(self.scenarios.rebalance):
            decides[::sessions] = True
        decides[[hold for hold in self.holds if hold <= last]] = True
        stops = decides.copy()
        stops[np.unique(self.length)] = True
        for lag in self.lags:  # a block begins with its fills
            sent = np.flatnonzero(decides) + lag - 1
            stops[sent[sent <= last]] = True
        return decides, np.flatnonzero(stops).tolist()

    def _block_end(self, first: int, running: int) -> int:
        room = max(1, BLOCK // (running * self.shares.shape[1]))
        return int(min(self.stops[bisect_left(self.stops, first)], first + room - 1))

    def _grow(self, cash: np.ndarray, shorts: np.ndarray, rows: np.ndarray) -> None:
        """Interest and borrow fees until the open of the sessions `rows`, on the values of the previous close."""
        terms, places = self.terms, np.minimum(rows, self.terms.last) + self.rates[: len(cash)]
        earned = np.maximum(cash - shorts, 0.0) * terms.earns.ravel()[places]
        paid = np.maximum(-cash, 0.0) * terms.pays.ravel()[places] + shorts * terms.borrows.ravel()[places]
        cash += earned - paid

    def _fill(self, places: np.ndarray, target: np.ndarray, held: int) -> None:
        """From present shares to the target at the open, with its costs."""
        if self.length[places[-1]] < held or self.any_ruin:  # the longest come first
            kept = self.alive[places] & (self.length[places] >= held)
            places, target = places[kept], target[kept]
            if not len(places):
                return
        those = as_slice(places)
        scale = self.scale[those]
        value = (target - self.shares[those]) * self.market.open[self.start[those] + held] * scale
        traded = np.abs(value).sum(axis=1)
        cost = traded * self.trading[those]
        self.cash[those] -= value.sum(axis=1) + cost
        self.traded[those] += traded
        self.costs[those] += cost
        self.shares[those] = target
        self.units[:, those] = (target * scale).T
        self.held |= target.any(axis=0)
        if target.min() < 0:
            self.short |= (target < 0).any(axis=0)
            self.any_short = True

    def _value(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Equity and gross exposure at the closes of a block, shape (n_block, n_running); ruin ends a scenario.

        `rows` go one session further than the block, for what cash will have become by its open; equity comes with a
        row before the block, that of the previous close.
        """
        running = rows.shape[1]
        curve = np.empty(rows.shape)
        curve[0], equity = self.equity[:running], curve[1:]
        gross, shorts = self._worth(rows[:-1])
        path = self._cash_path(shorts, rows)
        np.add(path[:-1], gross, out=equity)
        self.cash[:running] = path[-1]
        if self.any_short:
            gross += shorts
            gross += shorts
        if equity.min() <= 0 or self.any_ruin:
            self._ruin(equity, gross)
            np.divide(gross, equity, out=gross, where=gross != 0)
        else:
            gross /= equity
        self.equity[:running], self.shorts[:running] = equity[-1], shorts[-1]
        return curve, gross

    def _worth(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Value of holdings, and of what is sold short, at closes; both of shape (n_block, n_running)."""
        units = self.units[:, : rows.shape[1]]
        if self.same_start:
            close = self.market.close[rows[:, 0]]
            value = close @ units
            if not self.any_short:
                return value, np.zeros(rows.shape)
            return value, -(close[:, self.short] @ np.minimum(units[self.short], 0.0))
        value, shorts, one = np.zeros(rows.shape), np.zeros(rows.shape), np.empty(rows.shape)
        for symbol in np.flatnonzero(self.held):
            np.take(self.market.closes[symbol], rows, out=one, mode="clip")
            one *= units[symbol]
            value += one
            if self.short[symbol]:
                shorts -= np.minimum(one, 0.0, out=one)
        return value, shorts

    def _cash_path(self, shorts: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Cash at the closes of a block and, last, at the open after it, shape (n_block + 1, n_running).

        Between fills, cash that covers the shorts grows by itself and pays for them; so does debt where nothing is
        short. Everything else goes session by session.
        """
        cash, terms = self.cash[: rows.shape[1]], self.terms
        if terms.free:
            path = np.empty(rows.shape)
            path[:] = cash
            return path
        places = np.minimum(rows, terms.last) + self.rates[: len(cash)]
        path = np.asarray(terms.savings.ravel()[places])
        if not self.any_short:
            if cash.min() < 0:
                path = np.where(cash >= 0, path, terms.debt.ravel()[places])
            path *= cash / path[0]
            return path
        spent = np.cumsum(terms.shorting.ravel()[places[1:]] * shorts, axis=0)
        path[1:] *= cash / path[0] - spent
        path[0] = cash
        return path if (path[:-1] >= shorts).all() else self._session_by_session(shorts, rows)

    def _session_by_session(self, shorts: np.ndarray, rows: np.ndarray) -> np.ndarray:
        path = np.empty(rows.shape)
        path[0] = self.cash[: rows.shape[1]]
        for session in range(1, len(path)):
            path[session] = path[session - 1]
            self._grow(path[session], shorts[session - 1], rows[session])
        return path

    def _ruin(self, equity: np.ndarray, gross: np.ndarray) -> None:
        """Equity at or below zero stays where it fell to, and nothing is held any more."""
        running = equity.shape[1]
        alive = self.alive[:running]
        equity[:, ~alive] = self.equity[:running][~alive]
        gross[:, ~alive] = 0.0
        for place in np.flatnonzero(alive & (equity <= 0).any(axis=0)):
            fell = int(np.argmax(equity[:, place] <= 0))
            equity[fell:, place] = equity[fell, place]
            gross[fell:, place] = 0.0
            alive[place], self.cash[place], self.units[:, place] = False, 0.0, 0.0
            self.any_ruin = True

    def _decide(self, held: int, running: int) -> None:
        asked, scheduled = self._asked(held, running)
        if len(asked):
            answers = self.targets.ask(asked, held, scheduled)
            if answers.min() < 0:
                told = answers >= 0
                asked, answers = asked[told], answers[told]
            if len(asked):
                self._aim(asked, self.targets.weights[answers], held)
        if held in self.holds:
            closing = np.flatnonzero(self.alive[:running] & (held == self.scenarios.hold[:running]))
            if len(closing):
                self._send(closing, np.zeros((len(closing), self.shares.shape[1])), held)

    def _asked(self, held: int, running: int) -> tuple[np.ndarray, np.ndarray]:
        """Places of the scenarios that decide at this close, and whether their own schedules say so."""
        if self.alike and not self.any_ruin:
            scheduled, inside = held % self.rebalance == 0, held < next(iter(self.holds))
            asked = self.everyone[: running if inside and (scheduled or self.targets.watches) else 0]
            return asked, np.full(len(asked), scheduled)
        due = held % self.scenarios.rebalance[:running] == 0
        inside = self.alive[:running] & (held < self.scenarios.hold[:running])
        asked = np.flatnonzero(inside if self.targets.watches else inside & due)
        return asked, due[asked]

    def _aim(self, places: np.ndarray, weights: np.ndarray, held: int) -> None:
        """Whole shares for target weights, at the equity and the prices of this close."""
        those = as_slice(places)
        price = self.market.close[self.start[those] + held] * self.scale[those]
        price[weights == 0] = 1.0  # there may be none yet
        shares = np.abs(weights) * self.equity[those, None]
        shares /= price
        shares += SHARE_TOLERANCE
        np.floor(shares, out=shares)
        self._send(places, np.copysign(shares, weights, out=shares), held)

    def _send(self, places: np.ndarray, target: np.ndarray, held: int) -> None:
        if len(self.lags) == 1:
            self.due.setdefault(held + self.lags[0], []).append((places, target))
            return
        lags = self.lag[places]
        for lag in np.unique(lags):
            chosen = lags == lag
            self.due.setdefault(held + int(lag), []).append((places[chosen], target[chosen]))


def as_slice(places: np.ndarray) -> Any:
    """The same places as a slice where they are the first ones, one after the other: a view instead of a copy."""
    dense = len(places) > 0 and places[-1] == len(places) - 1
    return slice(0, len(places)) if dense else places
