"""Performance metrics of a reading.

Computed from daily net returns over the whole window, with the formulas of QuantStats (which draws the tearsheets): 252
sessions a year, one risk-free rate for the window. Undefined figures (no volatility, no drawdown, any ratio after ruin,
annual figures from fewer than `LEAST` sessions) are None, never infinite.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import sqrt

import numpy as np

from reports.records.result import Result, Run
from reports.statistics.returns import (
    LEAST,
    PERIODS,
    _ratio,
    cagr,
    market_line,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
)


@dataclass(frozen=True)
class Metrics:
    """Metrics of one reading: fractions, not percent; ratios and rates are annual.

    `volatility` is the standard deviation of daily returns, `time_in_market` the share of sessions with a position,
    `turnover` the value traded a year over mean equity, `costs` commission and half-spread in USD, `beta` and
    `alpha_annual` are from the least-squares line of excess returns on those of the benchmark.
    """

    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    max_drawdown: float
    calmar: float | None
    time_in_market: float
    turnover: float | None
    costs: float
    beta: float | None
    alpha_annual: float | None

    def __repr__(self) -> str:
        """One line per metric, rounded to six digits."""
        texts = {name: "-" if value is None else f"{value:,.6g}" for name, value in asdict(self).items()}
        return "\n".join(f"{name:<14}{value:>12}" for name, value in texts.items())


def compute_metrics(result: Result, run: Run) -> Metrics:
    """Metrics of one reading over the window of the run."""
    equity, sessions = result.equity.to_numpy(), len(result.equity) - 1
    growth, drawdown = float(equity[-1] / equity[0]), max_drawdown(equity)
    measurable = sessions >= LEAST and bool(equity.min() > 0)
    annual = cagr(growth, sessions) if measurable else None
    excess = result.returns.to_numpy() - daily_risk_free_rate(run) if measurable else None
    beta, alpha = (
        (None, None) if excess is None else market_line(excess, run.benchmark.to_numpy() - daily_risk_free_rate(run))
    )
    return Metrics(
        total_return=growth - 1,
        cagr=annual,
        volatility=None if excess is None else float(np.std(excess, ddof=1)) * sqrt(PERIODS),
        sharpe=None if excess is None else sharpe_ratio(excess),
        sortino=None if excess is None else sortino_ratio(excess),
        max_drawdown=drawdown,
        calmar=_ratio(annual, abs(drawdown)),
        time_in_market=float(np.mean(result.gross.to_numpy()[1:] > 0)),
        turnover=annual_turnover(result) if measurable else None,
        costs=float(result.fills["commission"].sum() + result.fills["spread_cost"].sum()),
        beta=beta,
        alpha_annual=alpha,
    )


def mean_risk_free(run: Run) -> float:
    """The risk-free rate of the window: the mean middle of the policy range, a fraction a year."""
    return float(run.risk_free.mean())


def daily_risk_free_rate(run: Run) -> float:
    """The risk-free rate per session, compounded as in QuantStats."""
    return float((1 + mean_risk_free(run)) ** (1 / PERIODS) - 1)


def annual_turnover(result: Result) -> float | None:
    """Value traded per year (purchases and sales) over mean equity."""
    traded = float((result.fills["size"].abs() * result.fills["price"]).sum())
    years = len(result.returns) / PERIODS
    return _ratio(traded / years, float(result.equity.mean()))
