"""Measure the size and the power of the pooled test of base rates on simulated markets without any effect.

    python tests/resources/calibrate_base_rates.py [--histories 200] [--seed 1] [--jobs 2]

A market has the bundled groups of stocks, on the sessions and with the first and last days of listings.csv. Returns are
uncorrelated over time, so that no launch has an edge: market, group and own shocks are GARCH(1, 1) with Student t
innovations, times a volatility common to all, which is slow (half of a deviation is left after 120 sessions) and about
as variable as that of US stocks since 2000. Shocks are the falls that happen to occur, and come in clusters. Launches
are computed from close to close and without costs; everything after that is the product's own code.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from data import calendar
from data.histories import Histories
from data.peer_groups import PeerGroup, bundled_groups
from data.prices import Prices
from data.synthetic.simulator import MarketModel, draw_shocks, log_returns, random_generator
from reports.records.result import HORIZONS
from reports.statistics.placebo import SIZE, PlaceboRank
from reports.statistics.pooled import mean_differences, pooled_ranks
from reports.statistics.verdict import HORIZON
from runners.engine.base_rates.launches import Launches
from runners.engine.base_rates.regimes import REGIMES, kinds_at_shocks
from runners.engine.base_rates.shocks import NO_LEADER, GroupRoles, ShockClass, find_shocks, group_roles
from runners.engine.base_rates.simulation import form_weights
from strategies.base.general_form import RoleWeights

LISTINGS = Path(__file__).parent / "listings.csv"
FIRST, LAST = "2004-01-02", "2026-05-01"
LEAD, REBALANCE = 4, 20
ENDS = tuple(sorted({*HORIZONS, *range(REBALANCE, max(HORIZONS), REBALANCE)}))  # of blocks with constant shares
MARKET, OTHERS = "SPY", ("IEF", "BIL")
FORMS = {
    "gpu_bubble": RoleWeights(leader=-0.5, challengers=0.5),
    "bad_news": RoleWeights(group=-0.5, market=0.5),
    "midrange_challengers": RoleWeights(lower=0.5, group=-0.5),
    "nvda_holder": RoleWeights(leader=-0.5, market=0.5),
    "sector_tailwind": RoleWeights(group=1.0, against="market"),
}
EFFECTS = (0.01, 0.02, 0.03, 0.05)  # injected over HORIZON sessions, added to the excess return
TAILS = 5.0  # degrees of freedom
COMMON, HALF_LIFE = 0.35, 120  # deviation of the logarithm of the common volatility, and its half-life in sessions


@dataclass(frozen=True)
class Outcome:
    """One market: its number of shocks, and smallest adjusted p-values over the readings, (up, down), by test.

    `found` holds, by reading, whether each of EFFECTS was found upward.
    """

    shocks: int
    smallest: Mapping[str, tuple[float, float]]
    found: Mapping[str, tuple[bool, ...]]


@cache
def listings() -> pd.DataFrame:
    """First and last day of each symbol."""
    return pd.read_csv(LISTINGS, index_col="symbol", parse_dates=["first", "last"])


def simulated_histories(groups: tuple[PeerGroup, ...], sessions: pd.DatetimeIndex, seed: int) -> Histories:
    """Prices of the members of `groups` and of the funds, without any expected return."""
    rng = random_generator(seed)
    stocks = tuple(dict.fromkeys(symbol for group in groups for symbol in group.members))
    model = _model(groups, stocks, rng)
    drifting, deviation = log_returns(model, draw_shocks(model, len(sessions), rng))
    moves = (drifting + deviation**2 / 2) * _common_volatility(len(sessions), rng)[:, None]
    close = np.cumprod(1 + np.maximum(moves, -0.9), axis=0)
    listed = listings().reindex(model.symbols)
    days = sessions.to_numpy()[:, None]
    close[(days < listed["first"].to_numpy()) | (days > listed["last"].to_numpy())] = np.nan
    volume = _dollar_volume(close.shape, rng) / close
    flat = np.where(np.isnan(close), np.nan, 1.0)
    # Fills at the open are fills at the close of the decision.
    opened = np.where(np.isnan(_ahead(close, -1)), close, _ahead(close, -1))
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    prices = Prices(sessions, model.symbols, opened, high, low, close, volume, flat, "simulated market", real=False)
    return Histories(prices)


def _model(groups: tuple[PeerGroup, ...], stocks: tuple[str, ...], rng: np.random.Generator) -> MarketModel:
    """One factor for the market and one for each group; the first group of a stock counts."""
    n, symbols = len(stocks), (MARKET, *OTHERS, *stocks)
    own_group = [next(index for index, group in enumerate(groups) if stock in group.members) for stock in stocks]
    loadings = np.zeros((len(symbols), 1 + len(groups)))
    loadings[0, 0] = 1.0
    loadings[3:, 0] = rng.normal(0.57, 0.09, n).clip(0.3, 0.75)
    loadings[np.arange(3, len(symbols)), np.array(own_group) + 1] = rng.normal(0.40, 0.12, n).clip(0.1, 0.6)
    level = rng.normal(0, 0.28, len(groups))[own_group] + rng.normal(0, 0.2, n)
    volatility = np.concatenate(([0.19, 0.07, 0.001], (0.355 * np.exp(level)).clip(0.18, 1.0)))
    return MarketModel(symbols, volatility, loadings, np.ones(len(symbols)), tails=TAILS)


def _common_volatility(n: int, rng: np.random.Generator) -> np.ndarray:
    """A factor with mean square 1 whose logarithm is an autoregression, shape (n,)."""
    kept = 0.5 ** (1 / HALF_LIFE)
    steps = COMMON * rng.standard_normal(n) * np.where(np.arange(n) == 0, 1.0, np.sqrt(1 - kept**2))
    return np.asarray(np.exp(lfilter([1.0], [1.0, -kept], steps) - COMMON**2))


def _dollar_volume(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Volume in USD, whose level wanders slowly, so that leaders change now and then."""
    level = rng.normal(0, 1.0, shape[1]) + np.cumsum(rng.normal(0, 0.012, shape), axis=0)
    return np.asarray(np.exp(18 + level + rng.normal(0, 0.35, shape)))


def launched(histories: Histories, roles: tuple[GroupRoles, ...]) -> np.ndarray:
    """Excess returns of all launches from close to close, shape (n_groups, n_sessions, n_forms, n_horizons)."""
    return np.array([_launched_group(histories, each) for each in roles])


def _launched_group(histories: Histories, roles: GroupRoles) -> np.ndarray:
    columns = [histories.prices.columns[symbol] for symbol in (*roles.symbols, MARKET)]
    close, rows = histories.prices.close[:, columns], np.flatnonzero(roles.leader != NO_LEADER)
    weights = np.stack([form_weights(form, roles, rows) for form in FORMS.values()], axis=2)
    closes = {after: _ahead(close, LEAD - 1 + after)[rows] for after in (0, *ENDS)}
    wealth, begin, result = np.ones((len(rows), len(FORMS))), 0, []
    for after in ENDS:
        moves = np.nan_to_num(closes[after] / closes[begin] - 1)
        earned = wealth * (1 + np.matmul(moves[:, None], weights)[:, 0])
        if after in HORIZONS:
            result.append(_excess(earned, closes[after], closes[0][:, -1], weights))
        if after % REBALANCE == 0:
            wealth, begin = earned, after
    excess = np.full((len(close), len(FORMS), len(HORIZONS)), np.nan)
    excess[rows] = np.stack(result, axis=2)
    return excess


def _excess(wealth: np.ndarray, end: np.ndarray, market: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Excess returns, NaN where a price at the end is missing; `market` is its close before the entry."""
    against = np.array([form.against == "market" for form in FORMS.values()])
    unknown = np.matmul(np.isnan(end).astype(float)[:, None], (weights != 0).astype(float))[:, 0] > 0
    compared = np.where(against, (end[:, -1] / market)[:, None], 1.0)
    return np.asarray(np.where(unknown | np.isnan(market)[:, None], np.nan, wealth / compared - 1))


def _ahead(values: np.ndarray, sessions: int) -> np.ndarray:
    """The values of `sessions` later (earlier if negative), NaN where there are none."""
    return pd.DataFrame(values).shift(-sessions).to_numpy()


def simulate(seed: int) -> Outcome:
    """Everything that is measured in one market."""
    groups = bundled_groups()
    histories = simulated_histories(groups, calendar.sessions_between(pd.Timestamp(FIRST), pd.Timestamp(LAST)), seed)
    roles = tuple(group_roles(histories, group) for group in groups)
    shocks = find_shocks(histories, roles, MARKET, ShockClass())
    launches = Launches(roles, shocks, tuple(FORMS), launched(histories, roles), LEAD)
    return Outcome(len(shocks), dict(_smallest(launches, histories)), _found(launches))


def _smallest(launches: Launches, histories: Histories) -> Iterator[tuple[str, tuple[float, float]]]:
    for column, horizon in enumerate(HORIZONS):
        yield f"{horizon} sessions", _least(_ranks(launches.excess[..., column], launches, horizon))
    month, usable = launches.excess[..., HORIZONS.index(HORIZON)], launches.usable(HORIZON)
    for regime in REGIMES:
        ranks, _ = mean_differences(month, kinds_at_shocks(regime, histories, LEAD), launches.calendar, usable)
        yield f"split by {regime.name}", _least(ranks)


def _ranks(excess: np.ndarray, launches: Launches, horizon: int) -> list[PlaceboRank]:
    return pooled_ranks(excess, launches.calendar, launches.usable(horizon))


def _least(ranks: list[PlaceboRank]) -> tuple[float, float]:
    """The smallest adjusted p-values on both sides; 1 where there are none."""
    up = [1.0 if rank.p_family is None else rank.p_family for rank in ranks]
    down = [1.0 if rank.p_family_lower is None else rank.p_family_lower for rank in ranks]
    return min(up), min(down)


def _found(launches: Launches) -> dict[str, tuple[bool, ...]]:
    """Whether effects are found that are added to the HORIZON sessions after each shock, one reading at a time."""
    month = launches.excess[..., HORIZONS.index(HORIZON)]
    share = np.zeros(month.shape[:2])  # of the affected sessions, in the window of each launch
    for group, row in zip(launches.calendar.groups, launches.calendar.rows, strict=True):
        near = np.arange(max(0, row - HORIZON), min(len(share[0]), row + HORIZON + 1))
        share[group, near] += 1 - np.abs(near - row) / HORIZON
    found = {}
    for column, name in enumerate(launches.names):
        only = share[..., None] * (np.arange(len(launches.names)) == column)
        ranks = [_ranks(month + effect * only, launches, HORIZON)[column].p_family for effect in EFFECTS]
        found[name] = tuple(p is not None and p < SIZE for p in ranks)
    return found


def report(outcomes: list[Outcome]) -> Iterator[str]:
    """The table of the measured rates."""
    n = len(outcomes)
    counts = np.array([outcome.shocks for outcome in outcomes])
    limit = SIZE + 2 * np.sqrt(SIZE * (1 - SIZE) / n)
    yield f"{n} markets, {counts.mean():.0f} shocks ({np.quantile(counts, 0.1):.0f} to {np.quantile(counts, 0.9):.0f})"
    yield f"share with an adjusted p below {SIZE:.1%}, limit {limit:.1%}: upward, downward"
    for test in outcomes[0].smallest:
        up, down = (np.array([outcome.smallest[test] for outcome in outcomes]) < SIZE).mean(axis=0)
        yield f"{test:20}{up:8.1%}{down:8.1%}{'' if max(up, down) <= limit else '  above the limit'}"
    yield f"share of injected effects found, {', '.join(f'{effect:.0%}' for effect in EFFECTS)} over {HORIZON} sessions"
    for name in FORMS:
        shares = np.mean([outcome.found[name] for outcome in outcomes], axis=0)
        yield f"{name:22}" + "".join(f"{share:8.0%}" for share in shares)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    wanted = parser.parse_args()
    with ProcessPoolExecutor(wanted.jobs) as pool:
        outcomes = list(pool.map(simulate, range(wanted.seed, wanted.seed + wanted.histories)))
    print("\n".join(report(outcomes)))


if __name__ == "__main__":
    main()
