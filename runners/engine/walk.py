"""Scenarios of one reading side by side, from decision to decision.

Between two orders positions do not change, so that a block of sessions is walked at once: arrays of shape
(scenarios, symbols) for what is held, (sessions, scenarios) for what it is worth. Money follows the rules of Account in
the same order: interest on the values of the previous close, then fills at the open, then valuation at the close.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from data.prices import Prices
from runners.engine.answers import Targets
from runners.engine.backtest import CAPITAL
from runners.engine.frictions import DAYS_A_YEAR, Frictions
from runners.engine.scenarios import Scenarios
from runners.engine.tally import Tally
from strategies.base.reading import SHARE_TOLERANCE

BLOCK = 1 << 16  # values (scenarios x sessions x symbols) at once: they stay in the processor's cache


class Market:
    """Prices in the shapes that walks need: total-return adjusted, zero where there is no price."""

    def __init__(self, prices: Prices) -> None:
        # What rules may see must be total-return adjusted as in Backtrader; the base does not matter to ratios.
        based = prices.rebased(0)
        self.prices = prices
        self.adjusted = based
        self.open, self.close = (np.ascontiguousarray(np.nan_to_num(field)) for field in (based.open, based.close))
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


class Terms:
    """Distinct frictions as arrays of shape (n_frictions,).

    `earns`, `pays` and `borrows`, shape (n_frictions, n_sessions), are the fractions by which free cash grows, debt
    grows and shorts cost between the previous session and each one.
    """

    def __init__(self, frictions: Sequence[Frictions], market: Market) -> None:
        self.lag = np.array([costs.lag for costs in frictions])
        self.trading = np.array([costs.commission + costs.half_spread for costs in frictions])
        sessions = market.prices.sessions
        rates = {costs.cash_rate: costs.cash_rates(sessions) for costs in frictions}
        earns, pays = (np.array([rates[costs.cash_rate][side] for costs in frictions]) for side in (0, 1))
        before = np.maximum(np.arange(len(sessions)) - 1, 0)
        self.earns, self.pays = earns[:, before] * market.nights, pays[:, before] * market.nights
        self.borrows = np.array([[costs.borrow_rate] for costs in frictions]) * market.nights


class Walk:
    """One chunk of scenarios, longest first, so that those still running are a prefix.

    `start` is the row of the close before each entry, `length` the sessions after it; both have shape (n,).
    """

    def __init__(
        self,
        market: Market,
        terms: Terms,
        targets: Targets,
        scenarios: Scenarios,
        start: np.ndarray,
        length: np.ndarray,
    ) -> None:
        self.market, self.terms, self.targets, self.scenarios = market, terms, targets, scenarios
        self.start, self.length = start, length
        self.lag, self.trading = terms.lag[scenarios.cost], terms.trading[scenarios.cost]
        # Of prices rebased at the start: share counts do not depend on dividends paid later.
        self.scale = 1 / market.growth[start]
        shape = self.scale.shape
        self.shares, self.units, self.shorted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.any_short, self.same_start = False, bool((start == start[0]).all())
        count = len(scenarios)
        self.cash, self.equity, self.shorts = np.full(count, CAPITAL), np.full(count, CAPITAL), np.zeros(count)
        self.costs, self.traded = np.zeros(count), np.zeros(count)
        self.alive = np.ones(count, dtype=bool)
        self.due: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.decides, self.stops = self._calendar()

    def run(self, curves: bool) -> dict[str, np.ndarray]:
        """Walk to the end of the longest and give back the columns of Batch."""
        tally = Tally(self.length, self.scenarios.hold, curves)
        self._decide(0, len(self.length))
        first, last = 1, int(self.length[0])
        while first <= last:
            running = int(np.count_nonzero(self.length >= first))
            final = self._block_end(first, running)
            self._accrue(first, running)
            for places, target in self.due.pop(first, ()):
                self._fill(places, target, first)
            tally.note(first, *self._value(first, final, running))
            if self.decides[final]:
                self._decide(final, running)
            first = final + 1
        return {
            **tally.columns(),
            "turnover": self.traded / CAPITAL,
            "costs": self.costs,
            "ruined": ~self.alive,
            "truncated": self.length < self.scenarios.hold + self.lag,
        }

    def _calendar(self) -> tuple[np.ndarray, np.ndarray]:
        """Sessions held at whose close a decision may be taken, and at whose close a block must end."""
        last = int(self.length[0])
        decides = np.full(last + 1, self.targets.watches)
        for sessions in np.unique(self.scenarios.rebalance):
            decides[::sessions] = True
        holds = np.unique(self.scenarios.hold)
        decides[holds[holds <= last]] = True
        stops = decides.copy()
        stops[np.unique(self.length)] = True
        for lag in np.unique(self.lag):  # a block begins with its fills
            sent = np.flatnonzero(decides) + lag - 1
            stops[sent[sent <= last]] = True
        return decides, np.flatnonzero(stops)

    def _block_end(self, first: int, running: int) -> int:
        room = max(1, BLOCK // (running * self.shares.shape[1]))
        stop = int(self.stops[self.stops.searchsorted(first)])
        return int(min(stop, first + room - 1))

    def _accrue(self, held: int, running: int) -> None:
        """Interest and borrow fees on the values of the previous close."""
        cost = self.scenarios.cost[:running]
        self._grow(self.cash[:running], self.shorts[:running], cost, self.start[:running] + held)

    def _grow(self, cash: np.ndarray, shorts: np.ndarray, cost: np.ndarray, rows: np.ndarray) -> None:
        earned = np.maximum(cash - shorts, 0.0) * self.terms.earns[cost, rows]
        paid = np.maximum(-cash, 0.0) * self.terms.pays[cost, rows]
        if self.any_short:
            paid += shorts * self.terms.borrows[cost, rows]
        cash += earned - paid

    def _fill(self, places: np.ndarray, target: np.ndarray, held: int) -> None:
        """From present shares to the target at the open, with its costs."""
        kept = self.alive[places] & (self.length[places] >= held)
        places, target = places[kept], target[kept]
        scale = self.scale[places]
        value = (target - self.shares[places]) * self.market.open[self.start[places] + held] * scale
        traded = np.abs(value).sum(axis=1)
        cost = traded * self.trading[places]
        self.cash[places] -= value.sum(axis=1) + cost
        self.traded[places] += traded
        self.costs[places] += cost
        self.shares[places] = target
        self.units[places] = target * scale
        self.shorted[places] = np.minimum(self.units[places], 0.0)
        self.any_short = self.any_short or bool((target < 0).any())

    def _value(self, first: int, final: int, running: int) -> tuple[np.ndarray, np.ndarray]:
        """Equity and gross exposure at the closes of a block, shape (n_block, n_running); ruin ends a scenario."""
        held = np.arange(first, final + 1)
        value = self._worth(self.units[:running], held)
        shorts = -self._worth(self.shorted[:running], held) if self.any_short else np.zeros_like(value)
        equity = self._cash_path(shorts, held) + value
        gross = value + 2 * shorts
        if equity.min() <= 0 or not self.alive[:running].all():
            self._ruin(equity, gross)
        np.divide(gross, equity, out=gross, where=gross != 0)
        self.equity[:running], self.shorts[:running] = equity[-1], shorts[-1]
        return equity, gross

    def _worth(self, units: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Value of holdings at closes, shape (n_block, n_running)."""
        close = self.market.close
        if self.same_start:
            return np.asarray(close[self.start[0] + held] @ units.T)
        return np.asarray(np.einsum("sk,lsk->ls", units, close[self.start[: len(units)] + held[:, None]]))

    def _cash_path(self, shorts: np.ndarray, held: np.ndarray) -> np.ndarray:
        """Cash at the closes of a block, shape (n_block, n_running); leaves the last of it in `cash`."""
        block, running = shorts.shape
        cash, cost = self.cash[:running], self.scenarios.cost[:running]
        path = np.empty(shorts.shape)
        path[0] = cash
        if block > 1 and not self.any_short:  # between fills cash keeps its sign, and grows by itself
            rows = self.start[:running] + held[1:, None]
            growth = np.where(cash >= 0, self.terms.earns[cost, rows], self.terms.pays[cost, rows])
            path[1:] = cash * np.cumprod(1 + growth, axis=0)
            cash[:] = path[-1]
            return path
        for session in range(1, block):
            self._grow(cash, shorts[session - 1], cost, self.start[:running] + held[session])
            path[session] = cash
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
            alive[place] = False

    def _decide(self, held: int, running: int) -> None:
        hold, alive = self.scenarios.hold[:running], self.alive[:running]
        scheduled = (held % self.scenarios.rebalance[:running] == 0) & (held < hold)
        asked = np.flatnonzero(alive & (held < hold if self.targets.watches else scheduled))
        if len(asked):
            answers = self.targets.ask(asked, held, scheduled[asked])
            told = answers >= 0
            if told.any():
                self._aim(asked[told], self.targets.weights[answers[told]], held)
        closing = np.flatnonzero(alive & (held == hold))
        if len(closing):
            self._send(closing, np.zeros((len(closing), self.shares.shape[1])), held)

    def _aim(self, places: np.ndarray, weights: np.ndarray, held: int) -> None:
        """Whole shares for target weights, at the equity and the prices of this close."""
        price = self.market.close[self.start[places] + held] * self.scale[places]
        wanted = np.abs(weights) * self.equity[places, None]
        shares = np.floor(wanted / np.where(weights == 0, 1.0, price) + SHARE_TOLERANCE)
        self._send(places, np.copysign(shares, weights), held)

    def _send(self, places: np.ndarray, target: np.ndarray, held: int) -> None:
        lags = self.lag[places]
        for lag in np.unique(lags):
            chosen = lags == lag
            self.due.setdefault(held + int(lag), []).append((places[chosen], target[chosen]))
