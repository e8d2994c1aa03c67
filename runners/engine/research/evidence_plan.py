"""What is tested for the evidence on a run: entry dates, the data of each reading, and the prices that are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data import calendar
from data.prices import Prices
from reports.figures.metrics import daily_risk_free_rate
from reports.records.evidence import END
from reports.records.result import HORIZONS, Run
from runners.engine.plan import Plan
from runners.engine.request import Request
from runners.engine.research.permutation import FACTORS
from runners.engine.study import Study
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.comparator import BetaMatched, Fund

LONGEST_HISTORY = 148  # sessions of prices before the first past entry: the most that a rule needs
KEYS = (*map(str, HORIZONS), END)  # of the columns of d
PROXIES = ("SPY", "QQQ")  # of the market, for alpha and beta


@dataclass(frozen=True)
class EvidencePlan:
    """Settings of the tests of a run.

    `entry` is the row of the real entry session, `first` that of the earliest past entry. The estimation window of the
    event study ends with `quiet_until`, the last session before anything of the event was known.
    """

    entry: int
    first: int
    shock: pd.Timestamp
    quiet_until: pd.Timestamp
    conditions: TradingConditions
    market: str
    draws: int = 5000
    resamples: int = 2000
    seed: int = 20250131


@dataclass(frozen=True, eq=False)
class ReadingCase:
    """A study with its daily returns over the window, and those less the risk-free rate, shape (n_sessions,).

    `proxies` holds excess returns of the funds that stand for the market. All are None for a rival: a reading that runs
    only because p-values are adjusted for it.
    """

    study: Study
    returns: np.ndarray | None = None
    excess: np.ndarray | None = None
    proxies: Mapping[str, np.ndarray] | None = None

    def __str__(self) -> str:
        return self.study.name


def plan_evidence(prices: Prices, request: Request, market: str, studies: Sequence[Study]) -> EvidencePlan:
    """The plan of a run. `market` is the fund of the event study; no past entry comes before it has enough history."""
    event, schedule = request.event, request.schedule
    shock = schedule.shock if schedule.shock is not None else calendar.offset(schedule.entry, -event.lead)
    quiet = event.quiet_until if event.quiet_until is not None else calendar.offset(event.shock, -1)
    shift = calendar.calendar_index(shock) - calendar.calendar_index(event.shock)
    listed = int(prices.listed[prices.columns[market]])
    return EvidencePlan(
        entry=prices.row(schedule.entry),
        first=max(
            listed + LONGEST_HISTORY, *(max(study.required_closes, _first_tradable(prices, study)) for study in studies)
        ),
        shock=shock,
        quiet_until=calendar.offset(quiet, shift),
        conditions=TradingConditions(
            schedule.hold,
            schedule.rebalance,
            request.frictions,
            shock_lead=calendar.calendar_index(schedule.entry) - calendar.calendar_index(shock),
        ),
        market=market,
    )


def _first_tradable(prices: Prices, study: Study) -> int:
    """Row of the first entry at which the fund of a study's comparator can be bought; 0 without a fund."""
    if not isinstance(study.comparator, Fund | BetaMatched):
        return 0
    return int(prices.listed[prices.columns[study.comparator.symbol]]) + 1


def reading_cases(run: Run, studies: Sequence[Study], prices: Prices, market: str) -> list[ReadingCase]:
    """The studies of a run with their returns and those of the market proxies."""
    rate, index = daily_risk_free_rate(run), run.benchmark.index
    start = prices.row(run.results[0].equity.index[0])
    funds = {}
    for symbol in dict.fromkeys((market, *(proxy for proxy in PROXIES if proxy in prices.columns))):
        close = prices.select((symbol,)).rebased(start).close[start : start + len(index) + 1, 0]
        funds[symbol] = close[1:] / close[:-1] - 1 - rate
    return [
        ReadingCase(study, result.returns.to_numpy(), result.returns.to_numpy() - rate, funds)
        for study, result in zip(studies, run.results, strict=True)
    ]


def symbols_with_choices(study: Study) -> tuple[str, ...]:
    """Symbols that a study needs, and the stocks that it chooses from."""
    return (*study.required_symbols, *study.chooses)


def evidence_symbols(plan: Plan) -> tuple[str, ...]:
    """Symbols that the evidence needs beyond those of the plan: stocks to choose from, rivals, market proxies."""
    studies = (*plan.studies, *plan.others)
    factors = FACTORS if any(study.chooses for study in studies) else ()
    chosen = (symbol for study in studies for symbol in symbols_with_choices(study))
    symbols = dict.fromkeys((*chosen, *PROXIES, *factors))
    return tuple(symbol for symbol in symbols if symbol not in plan.symbols)
