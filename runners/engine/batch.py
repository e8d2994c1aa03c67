"""One rule over many launches at once, equal to Backtrader to the cent.

Backtrader takes milliseconds for one launch; placebo tests, sweeps and multiverses need hundreds of thousands. Here the
launches of a reading walk side by side, session by session, each counted from its own entry, as arrays of shape
(scenarios, symbols). The rule is the reading's own `weights`, asked once for all launches for which it looked at the
same things (see Answers). Money follows the rules of Account in the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from data.errors import RequestError
from data.prices import Prices
from reports.result import HORIZONS
from runners.engine.answers import Answers
from runners.engine.backtest import CAPITAL
from runners.engine.frictions import DAYS_A_YEAR, Frictions
from runners.engine.scenarios import Scenarios
from strategies.base.reading import SHARE_TOLERANCE, Reading

CHUNK = 8192  # scenarios that walk side by side: their arrays stay in the processor's cache
PERIODS = 252  # sessions a year


@dataclass(frozen=True, eq=False)
class Batch:
    """What n scenarios did, in the order in which they were given: as many come out as went in.

    Arrays of shape (n,) unless said otherwise. `sessions` counts sessions after the close before the entry; `terminal`
    is equity at the last one, in USD, net; `horizons` (n, len(HORIZONS)) net returns at the closes of HORIZONS, NaN
    where the hold or the prices end before; `sharpe` is mean over standard deviation of daily returns, annualised, NaN
    where undefined; `max_drawdown` a fraction, 0 or below; `turnover` the USD traded both ways over the starting
    capital; `costs` commission and half-spread in USD; `exposure` the mean gross exposure at closes from the entry on.
    `ruined`: equity fell to zero or below and stayed there. `truncated`: the prices end before the hold does, positions
    are valued at the last close. `equity` (n, longest + 1), where asked for, begins at the close before the entry and
    is NaN after a scenario's end.
    """

    sessions: np.ndarray
    terminal: np.ndarray
    horizons: np.ndarray
    sharpe: np.ndarray
    max_drawdown: np.ndarray
    turnover: np.ndarray
    costs: np.ndarray
    exposure: np.ndarray
    ruined: np.ndarray
    truncated: np.ndarray
    equity: np.ndarray | None = None


def run_batch(reading: type[Reading], prices: Prices, scenarios: Scenarios, curves: bool = True) -> Batch:
    """Run every scenario of one reading on `prices`.

    Equity equals that of Backtrader (`engine.backtest`) on every session to one cent on 1,000,000 USD. Without `curves`
    memory does not grow with the length of the holds. Raises RequestError naming the scenario and the field where one
    cannot be run: an entry without prices around it or before the rule has its history, a parameter that the reading
    does not have.
    """
    rules = [_rule(reading, parameters, place) for place, parameters in enumerate(scenarios.parameters)]
    market = Market(prices.select(rules[0].symbols))
    start = _starts(reading, market, scenarios)
    terms = Terms(scenarios.frictions, market.prices)
    length = np.minimum(scenarios.hold + terms.lag[scenarios.cost], len(market.nights) - 1 - start)
    answers = [Answers(rule, market.adjusted) for rule in rules]
    parts = [
        (places, _Walk(market, terms, answers[setting], scenarios.take(places), length[places]).run(curves))
        for setting, places in _chunks(scenarios.setting, length)
    ]
    return _assembled(parts, len(scenarios))


def _rule(reading: type[Reading], parameters: Mapping[str, object], place: int) -> Reading:
    try:
        return reading.rule(**parameters)
    except ValueError as error:
        raise RequestError(f"parameters {place} of the scenarios: {error}") from None


def _starts(reading: type[Reading], market: Market, scenarios: Scenarios) -> np.ndarray:
    """Row of the close before each entry, shape (n,)."""
    start = market.rows(scenarios.entry) - 1
    least = max(reading.history, 1)
    wrong = np.flatnonzero(start + 1 < least)
    if len(wrong):
        place = int(wrong[0])
        days = market.prices.days
        raise RequestError(
            f"scenario {place}: entry {scenarios.entry[place]} needs {least} earlier closes, and prices run "
            f"from {days[0]} to {days[-1]}; enter inside them, or load earlier prices"
        )
    return start


def _chunks(setting: np.ndarray, length: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Places of scenarios that share parameters, the longest first, at most CHUNK at once."""
    for value in np.unique(setting):
        places = np.flatnonzero(setting == value)
        places = places[np.argsort(-length[places], kind="stable")]
        for first in range(0, len(places), CHUNK):
            yield int(value), places[first : first + CHUNK]


def _assembled(parts: list[tuple[np.ndarray, dict[str, np.ndarray]]], count: int) -> Batch:
    columns: dict[str, np.ndarray] = {}
    for name, first in parts[0][1].items():
        width = (max(part[name].shape[1] for _, part in parts),) if first.ndim == 2 else ()
        whole = np.full((count, *width), np.nan, dtype=first.dtype) if width else np.zeros(count, dtype=first.dtype)
        for places, part in parts:
            whole[(places, slice(0, part[name].shape[1])) if width else places] = part[name]
        columns[name] = whole
    return Batch(**columns)


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
    """Distinct frictions as arrays of shape (n_frictions,), and their cash rates (n_frictions, n_sessions)."""

    def __init__(self, frictions: Sequence[Frictions], prices: Prices) -> None:
        self.lag = np.array([costs.lag for costs in frictions])
        self.trading = np.array([costs.commission + costs.half_spread for costs in frictions])
        self.borrow = np.array([costs.borrow_rate for costs in frictions])
        rates = {costs.cash_rate: costs.cash_rates(prices.sessions) for costs in frictions}
        self.earns, self.pays = (np.array([rates[costs.cash_rate][side] for costs in frictions]) for side in (0, 1))


class _Walk:
    """One chunk of scenarios with the same parameters, longest first, so that those still running are a prefix."""

    def __init__(
        self, market: Market, terms: Terms, answers: Answers, scenarios: Scenarios, length: np.ndarray
    ) -> None:
        self.market, self.terms, self.answers, self.scenarios, self.length = market, terms, answers, scenarios, length
        self.holds, self.rebalances = set(scenarios.hold.tolist()), set(scenarios.rebalance.tolist())
        self.start = market.rows(scenarios.entry) - 1
        self.lag, self.trading, self.borrow = (
            column[scenarios.cost] for column in (terms.lag, terms.trading, terms.borrow)
        )
        self.scale = 1 / market.growth[self.start]
        shape = self.scale.shape
        self.shares, self.units, self.shorted = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        self.any_short = False
        count = len(scenarios)
        self.cash, self.equity = np.full(count, CAPITAL), np.full(count, CAPITAL)
        self.shorts, self.gross = np.zeros(count), np.zeros(count)
        self.costs, self.traded = np.zeros(count), np.zeros(count)
        self.alive = np.ones(count, dtype=bool)
        self.due: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def run(self, curves: bool) -> dict[str, np.ndarray]:
        """Walk to the end of the longest and give back the columns of Batch."""
        tally = _Tally(self.length, self.scenarios.hold, curves)
        tally.note(0, self.equity, self.gross)
        self._decide(0, len(self.length))
        for held in range(1, int(self.length[0]) + 1):
            running = int(np.count_nonzero(self.length >= held))
            rows = self.start[:running] + held
            self._accrue(rows, running)
            for places, target in self.due.pop(held, ()):
                self._fill(places, target, held)
            self._value(rows, running)
            tally.note(held, self.equity[:running], self.gross[:running])
            self._decide(held, running)
        return {
            **tally.columns(),
            "turnover": self.traded / CAPITAL,
            "costs": self.costs,
            "ruined": ~self.alive,
            "truncated": self.length < self.scenarios.hold + self.lag,
        }

    def _accrue(self, rows: np.ndarray, running: int) -> None:
        """Interest and borrow fees on the values of the previous close."""
        cash, shorts, cost = self.cash[:running], self.shorts[:running], self.scenarios.cost[:running]
        earned = np.maximum(cash - shorts, 0.0) * self.terms.earns[cost, rows - 1]
        paid = np.maximum(-cash, 0.0) * self.terms.pays[cost, rows - 1] + shorts * self.borrow[:running]
        cash += np.where(self.alive[:running], (earned - paid) * self.market.nights[rows], 0.0)

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

    def _value(self, rows: np.ndarray, running: int) -> None:
        """Equity and gross exposure at the close; equity at or below zero ends a scenario."""
        close = self.market.close[rows]
        value = np.einsum("sk,sk->s", self.units[:running], close)
        if self.any_short:
            self.shorts[:running] = -np.einsum("sk,sk->s", self.shorted[:running], close)
        alive = self.alive[:running]
        self.equity[:running] = np.where(alive, self.cash[:running] + value, self.equity[:running])
        broke = alive & (self.equity[:running] <= 0)
        alive &= ~broke
        gross = (value + 2 * self.shorts[:running]) / np.where(alive, self.equity[:running], 1.0)
        self.gross[:running] = np.where(alive, gross, 0.0)

    def _decide(self, held: int, running: int) -> None:
        if not (
            self.answers.watches or held in self.holds or any(held % sessions == 0 for sessions in self.rebalances)
        ):
            return
        hold, alive = self.scenarios.hold[:running], self.alive[:running]
        scheduled = (held % self.scenarios.rebalance[:running] == 0) & (held < hold)
        asked = np.flatnonzero(alive & (scheduled | (held < hold) if self.answers.watches else scheduled))
        if len(asked):
            rows = self.start[asked] + held
            answers = self.answers.ask(rows, held, scheduled[asked], self.scenarios.shock[asked])
            told = answers >= 0
            self._aim(asked[told], self.answers.weights[answers[told]], rows[told], held)
        closing = np.flatnonzero(alive & (held == hold))
        if len(closing):
            self._send(closing, np.zeros((len(closing), self.shares.shape[1])), held)

    def _aim(self, places: np.ndarray, weights: np.ndarray, rows: np.ndarray, held: int) -> None:
        """Whole shares for target weights, at the equity and the prices of this close."""
        price = self.market.close[rows] * self.scale[places]
        wanted = np.abs(weights) * self.equity[places, None]
        shares = np.floor(wanted / np.where(weights == 0, 1.0, price) + SHARE_TOLERANCE)
        self._send(places, np.copysign(shares, weights), held)

    def _send(self, places: np.ndarray, target: np.ndarray, held: int) -> None:
        lags = self.lag[places]
        for lag in np.unique(lags):
            chosen = lags == lag
            self.due.setdefault(held + int(lag), []).append((places[chosen], target[chosen]))


class _Tally:
    """Reductions of equity curves, made while they are walked; the curves themselves where asked for."""

    def __init__(self, length: np.ndarray, hold: np.ndarray, curves: bool) -> None:
        count = len(length)
        self.length, self.hold = length, hold
        self.last, self.peak = np.full(count, CAPITAL), np.full(count, CAPITAL)
        self.worst, self.total, self.squares, self.gross = (np.zeros(count) for _ in range(4))
        self.horizons = np.full((count, len(HORIZONS)), np.nan)
        self.curves = np.full((count, int(length.max()) + 1), np.nan) if curves else None

    def note(self, held: int, equity: np.ndarray, gross: np.ndarray) -> None:
        running = len(equity)
        if self.curves is not None:
            self.curves[:running, held] = equity
        if held in HORIZONS:
            reached = np.where(held <= self.hold[:running], equity / CAPITAL - 1, np.nan)
            self.horizons[:running, HORIZONS.index(held)] = reached
        if held:
            daily = equity / self.last[:running] - 1
            self.total[:running] += daily
            self.squares[:running] += daily * daily
            self.gross[:running] += gross
        np.maximum(self.peak[:running], equity, out=self.peak[:running])
        np.minimum(self.worst[:running], equity / self.peak[:running] - 1, out=self.worst[:running])
        self.last[:running] = equity

    def columns(self) -> dict[str, np.ndarray]:
        n = self.length
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = self.total / n
            deviation = np.sqrt(np.maximum(self.squares - n * mean**2, 0.0) / (n - 1))
            sharpe = np.where(deviation > 1e-12, mean / deviation * sqrt(PERIODS), np.nan)
        columns = {
            "sessions": n,
            "terminal": self.last,
            "horizons": self.horizons,
            "sharpe": sharpe,
            "max_drawdown": self.worst,
            "exposure": self.gross / n,
        }
        return columns if self.curves is None else {**columns, "equity": self.curves}
