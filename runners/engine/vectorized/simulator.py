"""The vectorised simulator: many scenarios of one reading at once, from decision to decision.

Positions do not change between two orders, so that all sessions of such a block are computed at once: arrays of shape
(scenarios, symbols) for positions and (sessions, scenarios) for their values. Cash follows the rules and the order of
CreditBroker: interest on the values of the previous close, then fills at the open, then valuation at the close.
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
from runners.engine.vectorized.target_weights import MemoizedWeights
from strategies.base.reading import SHARE_TOLERANCE

BLOCK = 1 << 16  # values (scenarios x sessions x symbols) at once: they stay in the processor's cache


class PriceArrays:
    """Prices as the simulator needs them: total-return adjusted, zero where there is no price."""

    def __init__(self, prices: Prices) -> None:
        # Rules see total-return adjusted prices, as in Backtrader; the base does not matter to ratios.
        based = prices.rebased(0)
        self.prices = prices
        self.adjusted = based
        self.open, self.close = (np.ascontiguousarray(np.nan_to_num(field)) for field in (based.open, based.close))
        self.closes = np.ascontiguousarray(self.close.T)  # shape (n_symbols, n_sessions)
        base = np.where(np.isnan(prices.factor), 1.0, prices.factor)
        first = base[np.minimum(prices.listed, len(base) - 1), np.arange(base.shape[1])]
        # Divides a price to rebase it at another row; before its listing a symbol has the factor of its first day.
        self.growth = np.where(np.isnan(prices.factor), 1.0, prices.factor / first)
        self.nights = np.diff(prices.days.astype(np.int64), prepend=prices.days[:1].astype(np.int64)) / DAYS_A_YEAR

    def rows(self, days: np.ndarray) -> np.ndarray:
        """Row of each session, -1 where there are no prices; shape (n,)."""
        rows = self.prices.days.searchsorted(days)
        inside = rows < len(self.prices.days)
        exact = inside & (self.prices.days[np.where(inside, rows, 0)] == days)
        return np.asarray(np.where(exact, rows, -1))


class FrictionArrays:
    """Distinct frictions as arrays of shape (n_frictions,).

    `earns`, `pays` and `borrows`, shape (n_frictions, n_sessions), are the rates of free cash, of debt and of shorts
    between the previous session and each one. `savings` and `debt` are the values at each session of one dollar of cash
    and of debt at the first; `shorting` is the cost at a session of one dollar sold short, including lost interest, in
    units of `savings`. `last` is the last row; `free` is true where all these rates are zero.
    """

    def __init__(self, frictions: Sequence[Frictions], market: PriceArrays) -> None:
        self.lag = np.array([each.lag for each in frictions])
        self.trading = np.array([each.commission + each.half_spread for each in frictions])
        sessions = market.prices.sessions
        self.last = len(sessions) - 1
        rates = {each.cash_rate: each.cash_rates(sessions) for each in frictions}
        earns, pays = (np.array([rates[each.cash_rate][side] for each in frictions]) for side in (0, 1))
        before = np.maximum(np.arange(len(sessions)) - 1, 0)
        self.earns: np.ndarray = np.ascontiguousarray(earns[:, before] * market.nights)
        self.pays: np.ndarray = np.ascontiguousarray(pays[:, before] * market.nights)
        self.borrows = np.array([[each.borrow_rate] for each in frictions]) * market.nights
        self.savings, self.debt = np.cumprod(1 + self.earns, axis=1), np.cumprod(1 + self.pays, axis=1)
        self.shorting = (self.earns + self.borrows) / self.savings
        self.free = not (self.earns.any() or self.pays.any() or self.borrows.any())


class VectorizedSimulator:
    """Simulation of one chunk of scenarios, the longest first, so that chosen still running are a prefix.

    `start` is the row of the close before each entry, `length` the number of sessions after it; both have shape (n,).
    """

    def __init__(
        self,
        market: PriceArrays,
        frictions: FrictionArrays,
        targets: MemoizedWeights,
        scenarios: Scenarios,
        start: np.ndarray,
        length: np.ndarray,
    ) -> None:
        self.market, self.frictions, self.targets, self.scenarios = market, frictions, targets, scenarios
        self.start, self.length = start, length
        self.lag, self.trading = frictions.lag[scenarios.cost], frictions.trading[scenarios.cost]
        self.lags = np.unique(self.lag).tolist()
        # Prices are rebased at the start, so that share counts do not depend on later dividends.
        self.scale = 1 / market.growth[start]
        shape = self.scale.shape
        self.shares = np.zeros(shape)
        self.units = np.zeros(shape[::-1])  # shares in units of the market's prices, shape (n_symbols, n)
        self.held: np.ndarray = np.zeros(shape[1], dtype=bool)  # symbols that any scenario has ever held
        self.short: np.ndarray = np.zeros(shape[1], dtype=bool)  # symbols that any scenario has ever sold short
        self.any_short = False
        self.same_start = bool((start == start[0]).all())
        count = len(scenarios)
        self.cash, self.equity, self.shorts = np.full(count, CAPITAL), np.full(count, CAPITAL), np.zeros(count)
        self.costs, self.traded = np.zeros(count), np.zeros(count)
        self.alive, self.any_ruin = np.ones(count, dtype=bool), False
        self.orders: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.rates = scenarios.cost * frictions.earns.shape[1]  # where each scenario's rates begin
        self.holds = frozenset(np.unique(scenarios.hold).tolist())
        self.rebalance, self.all = int(scenarios.rebalance[0]), np.arange(count)
        self.same_schedule = len(self.holds) == 1 and bool((scenarios.rebalance == self.rebalance).all())
        self.decides, self.block_ends = self._schedule()

    def run(self, curves: bool) -> dict[str, np.ndarray]:
        """Simulate to the end of the longest scenario; returns the columns of Batch."""
        statistics = RunningStatistics(self.length, self.scenarios.hold, curves)
        self._decide(0, len(self.length))
        self._grow(self.cash, self.shorts, self.start + 1)
        first, last = 1, int(self.length[0])
        running = np.searchsorted(-self.length, -np.arange(last + 1), side="right").tolist()
        while first <= last:
            final = self._block_end(first, running[first])
            rows = self.start[: running[first]] + np.arange(first, final + 2)[:, None]
            for indices, target in self.orders.pop(first, ()):
                self._fill(indices, target, first)
            statistics.add_block(first, *self._value(rows))
            if self.decides[final]:
                self._decide(final, running[final])
            first = final + 1
        return {
            **statistics.columns(),
            "turnover": self.traded / CAPITAL,
            "costs": self.costs,
            "ruined": ~self.alive,
            "truncated": self.length < self.scenarios.hold + self.lag,
        }

    def _schedule(self) -> tuple[np.ndarray, list[int]]:
        """Whether a decision may be taken after each number of sessions held, and the sessions that end a block."""
        last = int(self.length[0])
        decides = np.full(last + 1, self.targets.watches)
        for sessions in np.unique(self.scenarios.rebalance):
            decides[::sessions] = True
        decides[[hold for hold in self.holds if hold <= last]] = True
        ends = decides.copy()
        ends[np.unique(self.length)] = True
        for lag in self.lags:  # a block begins with its fills
            before_fill = np.flatnonzero(decides) + lag - 1
            ends[before_fill[before_fill <= last]] = True
        return decides, np.flatnonzero(ends).tolist()

    def _block_end(self, first: int, running: int) -> int:
        most = max(1, BLOCK // (running * self.shares.shape[1]))
        return int(min(self.block_ends[bisect_left(self.block_ends, first)], first + most - 1))

    def _grow(self, cash: np.ndarray, shorts: np.ndarray, rows: np.ndarray) -> None:
        """Add interest and borrow fees up to the open of the sessions `rows`, on the values of the previous close."""
        frictions, indices = self.frictions, np.minimum(rows, self.frictions.last) + self.rates[: len(cash)]
        earned = np.maximum(cash - shorts, 0.0) * frictions.earns.ravel()[indices]
        paid = np.maximum(-cash, 0.0) * frictions.pays.ravel()[indices] + shorts * frictions.borrows.ravel()[indices]
        cash += earned - paid

    def _fill(self, indices: np.ndarray, target: np.ndarray, held: int) -> None:
        """Trade from the present shares to the target at the open, with trading costs."""
        if self.length[indices[-1]] < held or self.any_ruin:  # the longest come first
            running = self.alive[indices] & (self.length[indices] >= held)
            indices, target = indices[running], target[running]
            if not len(indices):
                return
        chosen = as_slice(indices)
        scale = self.scale[chosen]
        value = (target - self.shares[chosen]) * self.market.open[self.start[chosen] + held] * scale
        traded = np.abs(value).sum(axis=1)
        cost = traded * self.trading[chosen]
        self.cash[chosen] -= value.sum(axis=1) + cost
        self.traded[chosen] += traded
        self.costs[chosen] += cost
        self.shares[chosen] = target
        self.units[:, chosen] = (target * scale).T
        self.held |= target.any(axis=0)
        if target.min() < 0:
            self.short |= (target < 0).any(axis=0)
            self.any_short = True

    def _value(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Equity and gross exposure at the closes of a block, shape (n_block, n_running); ruin ends a scenario.

        `rows` reach one session beyond the block, for the cash at that open; equity has one more row in front, that of
        the previous close.
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
        """Net value of positions, and value sold short, at closes; both of shape (n_block, n_running)."""
        units = self.units[:, : rows.shape[1]]
        if self.same_start:
            close = self.market.close[rows[:, 0]]
            value = close @ units
            if not self.any_short:
                return value, np.zeros(rows.shape)
            return value, -(close[:, self.short] @ np.minimum(units[self.short], 0.0))
        value, shorts, position = np.zeros(rows.shape), np.zeros(rows.shape), np.empty(rows.shape)
        for symbol in np.flatnonzero(self.held):
            np.take(self.market.closes[symbol], rows, out=position, mode="clip")
            position *= units[symbol]
            value += position
            if self.short[symbol]:
                shorts -= np.minimum(position, 0.0, out=position)
        return value, shorts

    def _cash_path(self, shorts: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Cash at the closes of a block and, last, at the open after it, shape (n_block + 1, n_running).

        Between fills, cash that covers the shorts compounds and pays for them; debt compounds where nothing is short.
        All other cases are computed session by session. Accounts that have not traded yet are equal to the last bit.
        """
        path, idle = self._cash_between_fills(shorts, rows), self.traded[: rows.shape[1]] == 0
        if idle.any():
            savings, rates = self.frictions.savings.ravel(), self.rates[: rows.shape[1]][idle]
            latest = np.minimum(rows[:, idle], self.frictions.last)
            path[:, idle] = CAPITAL * (savings[latest + rates] / savings[self.start[: rows.shape[1]][idle] + rates])
        return path

    def _cash_between_fills(self, shorts: np.ndarray, rows: np.ndarray) -> np.ndarray:
        cash, frictions = self.cash[: rows.shape[1]], self.frictions
        if frictions.free:
            path = np.empty(rows.shape)
            path[:] = cash
            return path
        indices = np.minimum(rows, frictions.last) + self.rates[: len(cash)]
        path = np.asarray(frictions.savings.ravel()[indices])
        if not self.any_short:
            if cash.min() < 0:
                path = np.where(cash >= 0, path, frictions.debt.ravel()[indices])
            path *= cash / path[0]
            return path
        spent = np.cumsum(frictions.shorting.ravel()[indices[1:]] * shorts, axis=0)
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
        """Freeze equity where it first falls to zero or below, and close all positions of that scenario."""
        running = equity.shape[1]
        alive = self.alive[:running]
        equity[:, ~alive] = self.equity[:running][~alive]
        gross[:, ~alive] = 0.0
        for index in np.flatnonzero(alive & (equity <= 0).any(axis=0)):
            ruin = int(np.argmax(equity[:, index] <= 0))
            equity[ruin:, index] = equity[ruin, index]
            gross[ruin:, index] = 0.0
            alive[index], self.cash[index], self.units[:, index] = False, 0.0, 0.0
            self.any_ruin = True

    def _decide(self, held: int, running: int) -> None:
        """Send the orders of all decisions at the close after `held` sessions, closing ones included."""
        deciding, scheduled = self._deciding(held, running)
        if len(deciding):
            rows = self.targets.weight_rows(deciding, held, scheduled)
            if rows.min() < 0:
                changes = rows >= 0
                deciding, rows = deciding[changes], rows[changes]
            if len(deciding):
                self._order(deciding, self.targets.weights[rows], held)
        if held in self.holds:
            closing = np.flatnonzero(self.alive[:running] & (held == self.scenarios.hold[:running]))
            if len(closing):
                self._send(closing, np.zeros((len(closing), self.shares.shape[1])), held)

    def _deciding(self, held: int, running: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of the scenarios that decide at this close, and whether each decision is a scheduled one."""
        if self.same_schedule and not self.any_ruin:
            scheduled, inside = held % self.rebalance == 0, held < next(iter(self.holds))
            deciding = self.all[: running if inside and (scheduled or self.targets.watches) else 0]
            return deciding, np.full(len(deciding), scheduled)
        due = held % self.scenarios.rebalance[:running] == 0
        inside = self.alive[:running] & (held < self.scenarios.hold[:running])
        deciding = np.flatnonzero(inside if self.targets.watches else inside & due)
        return deciding, due[deciding]

    def _order(self, indices: np.ndarray, weights: np.ndarray, held: int) -> None:
        """Order whole shares for target weights, at the equity and the prices of this close."""
        chosen = as_slice(indices)
        price = self.market.close[self.start[chosen] + held] * self.scale[chosen]
        price[weights == 0] = 1.0  # may be zero before the listing
        shares = np.abs(weights) * self.equity[chosen, None]
        shares /= price
        shares += SHARE_TOLERANCE
        np.floor(shares, out=shares)
        self._send(indices, np.copysign(shares, weights, out=shares), held)

    def _send(self, indices: np.ndarray, target: np.ndarray, held: int) -> None:
        if len(self.lags) == 1:
            self.orders.setdefault(held + self.lags[0], []).append((indices, target))
            return
        lags = self.lag[indices]
        for lag in np.unique(lags):
            same_lag = lags == lag
            self.orders.setdefault(held + int(lag), []).append((indices[same_lag], target[same_lag]))


def as_slice(indices: np.ndarray) -> Any:
    """The indices as a slice where they are 0, 1, 2, ...: indexing then gives a view instead of a copy."""
    dense = len(indices) > 0 and indices[-1] == len(indices) - 1
    return slice(0, len(indices)) if dense else indices
