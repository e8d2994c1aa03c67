"""Simulated daily bars from a factor model with fat tails, clustered volatility, and pinned closes.

A return is r_it = s_i (sum_k b_ik f_kt + sqrt(1 - sum_k b_ik^2) e_it) - v_it / 2 with independent factors f and
idiosyncratic shocks e of unit variance, each a GARCH(1, 1) with Student t innovations (Bollerslev 1987). v_it is the
conditional variance, which makes every price a martingale: the only expected returns are those injected.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from data.prices import Prices

YEAR = 252
# Sessions simulated and discarded, so that a market does not start at average volatility.
BURN_IN = 250
# Shares; volumes are multiples of a round lot.
LOT = 100


@dataclass(frozen=True, eq=False)
class MarketModel:
    """Parameters of a simulated market.

    `volatility`: annual standard deviation of log returns, shape (n_symbols,). `loadings`: correlation of each symbol
    with each factor, shape (n_symbols, n_factors); the squares of a row sum to at most 1. `turnover`: median USD a day,
    shape (n_symbols,). `tails`: degrees of freedom of Student's t. `reaction` and `persistence`: the weights of the
    last squared shock and of the last variance in GARCH(1, 1). `overnight`: share of a day's variance before the open.
    Raises ValueError for parameters outside their range.
    """

    symbols: tuple[str, ...]
    volatility: np.ndarray = field(repr=False)
    loadings: np.ndarray = field(repr=False)
    turnover: np.ndarray = field(repr=False)
    tails: float = 6.0
    reaction: float = 0.05
    persistence: float = 0.93
    overnight: float = 0.4

    def __post_init__(self) -> None:
        shapes = {len(self.symbols), *np.shape(self.volatility), *np.shape(self.turnover), len(self.loadings)}
        if shapes != {len(self.symbols)}:
            raise ValueError(f"volatility, turnover and loadings need one row for each of {len(self.symbols)} symbols")
        if not self.tails > 2:
            raise ValueError(f"tails is {self.tails}: the variance of Student's t is finite above 2 degrees of freedom")
        if self.reaction < 0 or self.persistence < 0 or self.reaction + self.persistence >= 1:
            raise ValueError(f"reaction {self.reaction} and persistence {self.persistence} must sum to less than 1")
        if not 0 <= self.overnight <= 1:
            raise ValueError(f"overnight is {self.overnight}: a share of the variance lies between 0 and 1")
        if (excessive := np.flatnonzero(self.communality > 1)).size:
            raise ValueError(f"the squared loadings of {self.symbols[excessive[0]]} sum to more than 1")

    @property
    def communality(self) -> np.ndarray:
        """Share of each symbol's variance explained by the factors, shape (n_symbols,)."""
        return np.asarray((self.loadings**2).sum(axis=1))


def random_generator(seed: int) -> np.random.Generator:
    """A generator with a fixed bit generator, so that a change of NumPy's default changes no numbers."""
    return np.random.Generator(np.random.PCG64(seed))


def simulate_prices(
    model: MarketModel,
    sessions: pd.DatetimeIndex,
    seed: int,
    first: float | np.ndarray = 100.0,
    injected: np.ndarray | None = None,
) -> Prices:
    """Simulate a market without pins or dividends; prices are not rounded.

    `first` is the close before the first session (USD); `injected`, shape (n_sessions, n_symbols), is added to the log
    returns. Equal arguments give equal prices.
    """
    returns, deviation, rng = _drawn_returns(model, len(sessions), seed)
    total = returns if injected is None else returns + injected
    start = np.broadcast_to(np.log(first), (1, len(model.symbols)))
    return simulate_bars(model, sessions, np.vstack((start, start + np.cumsum(total, axis=0))), deviation, rng)


def _drawn_returns(
    model: MarketModel, n_sessions: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    """Returns and deviations as `log_returns`, and the generator that has drawn them."""
    returns, deviation, state = _memoised_returns(model, n_sessions, seed)
    rng = random_generator(seed)
    rng.bit_generator.state = state
    return returns, deviation, rng


@lru_cache(maxsize=4)  # a market is simulated again for every effect that is injected into it
def _memoised_returns(model: MarketModel, n_sessions: int, seed: int) -> tuple[np.ndarray, np.ndarray, Any]:
    rng = random_generator(seed)
    returns, deviation = log_returns(model, draw_shocks(model, n_sessions, rng))
    return returns, deviation, rng.bit_generator.state


def draw_shocks(model: MarketModel, n_sessions: int, rng: np.random.Generator) -> np.ndarray:
    """Shocks of unit variance of the factors and, after them, of the symbols.

    Shape (BURN_IN + n_sessions, n_factors + n_symbols).
    """
    shape = (BURN_IN + n_sessions, model.loadings.shape[1] + len(model.symbols))
    return np.asarray(rng.standard_t(model.tails, shape) * np.sqrt((model.tails - 2) / model.tails))


def log_returns(model: MarketModel, shocks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Daily log returns and their conditional standard deviations, both of shape (n_sessions, n_symbols)."""
    scale = _garch(shocks, model.reaction, model.persistence)[BURN_IN:]
    moves = shocks[BURN_IN:] * scale
    weights = np.hstack((model.loadings, np.diag(np.sqrt(1 - model.communality))))
    daily = model.volatility / np.sqrt(YEAR)
    variance = daily**2 * (scale**2 @ weights.T**2)
    return daily * (moves @ weights.T) - variance / 2, np.sqrt(variance)


def _garch(shocks: np.ndarray, reaction: float, persistence: float) -> np.ndarray:
    """Conditional standard deviation of each column before its shock: h_(t+1) = 1 - a - b + (a z_t^2 + b) h_t."""
    growth = reaction * shocks**2 + persistence
    variance = np.empty_like(shocks)
    current = np.ones(shocks.shape[1])
    for session, step in enumerate(growth):
        variance[session] = current
        current = (1 - reaction - persistence) + step * current
    return np.asarray(np.sqrt(variance))


def bridge_to_pins(path: np.ndarray, pins: np.ndarray, clock: np.ndarray) -> np.ndarray:
    """Adjust the log prices `path` so that they pass through `pins`.

    All arrays have shape (n_sessions, n_symbols); NaN among the pins leaves a session free. The gap between pins and
    path is interpolated in `clock`, the cumulative variance: the expected path of a Brownian bridge. Before the first
    pin and after the last, the moves of the path are unchanged.
    """
    gap = pins - path
    bridged = np.empty_like(path)
    for column in range(path.shape[1]):
        pinned = np.flatnonzero(~np.isnan(gap[:, column]))
        correction = np.interp(clock[:, column], clock[pinned, column], gap[pinned, column])
        bridged[:, column] = path[:, column] + correction
    return bridged


def simulate_bars(
    model: MarketModel, sessions: pd.DatetimeIndex, path: np.ndarray, deviation: np.ndarray, rng: np.random.Generator
) -> Prices:
    """Bars around the log closes `path`, shape (n_sessions + 1, n_symbols), starting at the close before the first bar.

    Within a day prices are a Brownian bridge between closes with standard deviation `deviation`, shape (n_sessions,
    n_symbols).
    """
    before, after = path[:-1], path[1:]
    share = model.overnight
    opened = before + share * (after - before)
    opened += np.sqrt(share * (1 - share)) * deviation * rng.standard_normal(deviation.shape)
    intraday = np.sqrt(1 - share) * deviation
    high = _maximum(opened, after, intraday, rng.random(deviation.shape))
    low = -_maximum(-opened, -after, intraday, rng.random(deviation.shape))
    surprise = np.abs(after - before) / deviation
    activity = np.exp(0.3 * rng.standard_normal(deviation.shape) + 0.4 * np.minimum(surprise, 5) - 0.3)
    return Prices(
        sessions,
        model.symbols,
        open=np.exp(opened),
        high=np.exp(high),
        low=np.exp(low),
        close=np.exp(after),
        volume=np.rint(model.turnover * activity / np.exp(after) / LOT) * LOT,
        factor=np.ones(after.shape),
        origin="simulated market",
        real=False,
    )


def _maximum(start: np.ndarray, end: np.ndarray, deviation: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Maximum of a Brownian bridge (Glasserman 2004, Monte Carlo Methods in Financial Engineering, p. 367).

    M = (a + b + sqrt((b - a)^2 - 2 s^2 log U)) / 2 with U uniform on (0, 1].
    """
    # 1 - U, since the generator may return U = 0.
    spread = np.sqrt((end - start) ** 2 - 2 * deviation**2 * np.log(1 - uniform))
    return np.asarray((start + end + spread) / 2)
