"""The table of key figures of a tearsheet: each as text, or the reason why it does not exist.

The rows are named as in QuantStats and follow its formulas, but are computed from the equity curve, which begins at the
close before the entry. QuantStats itself errs at edges: it misses a drawdown from the first day, starts windows of
months a session early or where there are no prices, turns a value at risk that is a gain into a loss, gives the
benchmark the reading's R^2, has a beta of zero on a flat benchmark (or fails), divides by a deviation that is rounding,
and goes on after ruin.

Not shown, because they count days as if they were trades, or follow no published formula: Time in Market (rounds up
days with a return), Kelly Criterion, Risk of Ruin, Avg. Win and Loss, the ratios of wins and profits, CPC Index, Common
Sense Ratio, Win Days, consecutive wins and losses, Risk-Adjusted Return (CAGR over that time in market), Information
Ratio (daily, not a year), Alpha (without the risk-free rate), Treynor Ratio (a total return over beta), Max DD Period
End (the last session under water), and annual returns over 3 years and more, which repeat the CAGR if the window is
shorter.

Not shown, because their formulas would need explaining: Smart Sharpe and Sortino, Sortino/√2, Risk-Return Ratio, the
Ulcer and Serenity indexes, Recovery Factor, Gain/Pain, tail and outlier ratios, Avg. Return, and the geometric means
called Expected. Best, worst and winning years and quarters are not shown because most are incomplete in a window;
Avg. Drawdown counts every dip of a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import sqrt
from typing import NamedTuple

import numpy as np
import pandas as pd

from reports.figures.calendar_returns import period_returns
from reports.figures.drawdowns import Drawdown, find_drawdowns
from reports.figures.metrics import Metrics, compute_metrics, daily_risk_free_rate, mean_risk_free
from reports.records.result import Result, Run
from reports.statistics.availability import NOISE, Unavailable
from reports.statistics.overfitting import ReturnMoments, probabilistic_sharpe
from reports.statistics.returns import (
    LEAST,
    PERIODS,
    ROUNDING,
    cagr,
    market_line,
    max_drawdown,
    sharpe_ratio,
    sortino_ratio,
)

TAIL = 0.05  # probability of a loss above the value at risk
RUINED = "ruined"
STEADY = "no variation"
NO_LOSS = "no loss"
NO_DRAWDOWN = "no drawdown"


class MetricRow(NamedTuple):
    """A key figure of the benchmark and of the reading, as texts."""

    name: str
    benchmark: str
    reading: str


@dataclass(frozen=True, eq=False)
class Curve:
    """Equity from the close before the entry on, beside that of the benchmark, and the risk-free rate.

    The methods raise Unavailable with a reason that fits into a cell of a table.
    """

    equity: pd.Series[float]
    market: pd.Series[float]
    annual_rate: float
    daily_rate: float

    @cached_property
    def returns(self) -> pd.Series[float]:
        """Daily returns, up to ruin."""
        return self.equity.pct_change().iloc[1:][self.equity.shift().iloc[1:] > 0]

    @cached_property
    def months(self) -> pd.Series[float]:
        """Returns by calendar month, of which the first and the last may be incomplete."""
        return period_returns(self.equity, "M")

    @cached_property
    def drawdowns(self) -> list[Drawdown]:
        """Every drawdown, in order of time."""
        return find_drawdowns(self.equity)

    def measured(self, least: int = LEAST) -> pd.Series[float]:
        """Daily returns for a statistic that needs `least` of them, and equity throughout."""
        if self.equity.min() <= 0:
            raise Unavailable(RUINED)
        if len(self.returns) < least:
            raise Unavailable(f"under {least} days")
        return self.returns

    def varied(self, least: int = LEAST) -> pd.Series[float]:
        """`measured` returns that are not all the same."""
        returns = self.measured(least)
        _require_variation(returns)
        return returns

    def excess(self) -> np.ndarray:
        """Enough daily returns over the risk-free rate."""
        return self.measured().to_numpy() - self.daily_rate

    def line(self) -> tuple[float, float]:
        """Beta, and alpha a year over the risk-free rate."""
        beta, alpha = market_line(self.excess(), self.market.pct_change().iloc[1:].to_numpy() - self.daily_rate)
        return _defined(beta, STEADY), _defined(alpha, STEADY)

    def correlation(self) -> float:
        """Correlation of daily returns with those of the benchmark."""
        own, market = self.varied(), self.market.pct_change().iloc[1:]
        _require_variation(market)
        return float(np.corrcoef(own, market)[0, 1])

    def probabilistic_sharpe(self) -> float:
        """Probability that the true Sharpe ratio is above zero."""
        own = self.varied()
        ratio = (own.mean() - self.daily_rate) / own.std()
        try:
            skewness, excess_kurtosis = np.array([own.skew(), own.kurt()], dtype=float).tolist()
            return probabilistic_sharpe(ReturnMoments(ratio, len(own), skewness, excess_kurtosis + 3))
        except Unavailable:
            raise Unavailable("no standard error") from None

    def omega(self) -> float:
        """Gains over losses, both relative to the risk-free rate."""
        excess = self.measured(2) - self.daily_rate
        return _over(excess.clip(lower=0).sum(), -excess.clip(upper=0).sum(), NO_LOSS)

    def annual_growth(self) -> float:
        """Compound annual growth rate."""
        return cagr(self.equity.iloc[-1] / self.equity.iloc[0], len(self.measured()))

    def value_at_risk(self) -> float:
        """The daily return that normal returns would fall below with the probability `TAIL`."""
        from scipy.special import ndtri

        return float(self.measured(2).mean() + self.returns.std() * ndtri(TAIL))

    def expected_shortfall(self) -> float:
        """The mean of normal returns below the value at risk."""
        from scipy.special import ndtri

        density = np.exp(-(ndtri(TAIL) ** 2) / 2) / sqrt(2 * np.pi)
        return float(self.measured(2).mean() - self.returns.std() * density / TAIL)

    def deepest(self) -> Drawdown:
        """The deepest drawdown, the first of equal ones."""
        if not self.drawdowns:
            raise Unavailable(NO_DRAWDOWN)
        return min(self.drawdowns, key=lambda each: each.depth)

    def since(self, months: int) -> float:
        """Return since the last close on or before the day `months` ago."""
        return self._from_close(self.equity.index[-1] - pd.DateOffset(months=months))

    def to_date(self, period: str) -> float:
        """Return in the calendar month ("M") or year ("Y") of the last session."""
        return self._from_close(self.equity.index[-1].to_period(period).start_time - pd.Timedelta(days=1))

    def _from_close(self, day: pd.Timestamp) -> float:
        """Return since the last close on or before `day`."""
        before = self.equity[:day]
        if before.empty:
            raise Unavailable("window is shorter")
        if before.iloc[-1] <= 0:
            raise Unavailable(RUINED)
        return float(self.equity.iloc[-1] / before.iloc[-1] - 1)

    def win_month(self) -> float:
        """Months with a gain over months with a gain or a loss."""
        return _over((self.months > 0).sum(), (self.months != 0).sum(), "all months flat")


def _require_variation(returns: pd.Series[float]) -> None:
    if not returns.std() > ROUNDING:
        raise Unavailable(STEADY)


def _defined(value: float | None, reason: str) -> float:
    if value is None:
        raise Unavailable(reason)
    return value


def _over(numerator: float, denominator: float, reason: str) -> float:
    if denominator <= NOISE:
        raise Unavailable(reason)
    return float(numerator / denominator)


def _mean(values: pd.Series[float], reason: str) -> float:
    if values.empty:
        raise Unavailable(reason)
    return float(values.mean())


def _percent(value: float) -> str:
    return f"{two_decimals(100 * value)}%"


def two_decimals(value: float) -> str:
    """Two decimals, without the sign of a zero."""
    return f"{round(value, 2) + 0.0:,.2f}"


def _day(value: pd.Timestamp) -> str:
    return f"{value:%Y-%m-%d}"


Write = Callable[..., str]
Compute = Callable[[Curve], object]

# Name, text and value of each row, in groups.
ROWS: tuple[tuple[tuple[str, Write, Compute], ...], ...] = (
    (("Risk-Free Rate", _percent, lambda curve: curve.annual_rate),),
    (
        ("Cumulative Return", _percent, lambda curve: curve.equity.iloc[-1] / curve.equity.iloc[0] - 1),
        ("CAGR", _percent, Curve.annual_growth),
    ),
    (
        ("Sharpe", two_decimals, lambda curve: _defined(sharpe_ratio(curve.excess()), STEADY)),
        ("Prob. Sharpe Ratio", _percent, Curve.probabilistic_sharpe),
        ("Sortino", two_decimals, lambda curve: _defined(sortino_ratio(curve.excess()), NO_LOSS)),
        ("Omega", two_decimals, Curve.omega),
    ),
    (
        ("Max Drawdown", _percent, lambda curve: max_drawdown(curve.equity.to_numpy())),
        ("Max DD Date", _day, lambda curve: curve.deepest().bottom),
        ("Max DD Period Start", _day, lambda curve: curve.deepest().started),
        ("Longest DD Days", str, lambda curve: max((each.days for each in curve.drawdowns), default=0)),
        ("Volatility (ann.)", _percent, lambda curve: curve.measured().std() * sqrt(PERIODS)),
        ("R^2", two_decimals, lambda curve: curve.correlation() ** 2),
        ("Calmar", two_decimals, lambda curve: _over(curve.annual_growth(), -curve.deepest().depth, NO_DRAWDOWN)),
        ("Skew", two_decimals, lambda curve: curve.varied(3).skew()),
        ("Kurtosis", two_decimals, lambda curve: curve.varied(4).kurt()),
    ),
    (
        ("Daily Value-at-Risk", _percent, Curve.value_at_risk),
        ("Expected Shortfall (cVaR)", _percent, Curve.expected_shortfall),
    ),
    (
        ("MTD", _percent, lambda curve: curve.to_date("M")),
        ("3M", _percent, lambda curve: curve.since(3)),
        ("6M", _percent, lambda curve: curve.since(6)),
        ("YTD", _percent, lambda curve: curve.to_date("Y")),
        ("1Y", _percent, lambda curve: curve.since(12)),
    ),
    (
        ("Best Day", _percent, lambda curve: curve.returns.max()),
        ("Worst Day", _percent, lambda curve: curve.returns.min()),
        ("Best Month", _percent, lambda curve: curve.months.max()),
        ("Worst Month", _percent, lambda curve: curve.months.min()),
    ),
    (
        ("Avg. Up Month", _percent, lambda curve: _mean(curve.months[curve.months > 0], "no up month")),
        ("Avg. Down Month", _percent, lambda curve: _mean(curve.months[curve.months < 0], "no down month")),
        ("Win Month", _percent, Curve.win_month),
    ),
    (
        ("Beta", two_decimals, lambda curve: curve.line()[0]),
        ("Correlation", _percent, Curve.correlation),
        ("Alpha a year, over the risk-free rate", _percent, lambda curve: curve.line()[1]),
    ),
)


def wealth_curve(returns: pd.Series[float], first: pd.Timestamp) -> pd.Series[float]:
    """Wealth of one unit at the close of `first`, the session before the returns."""
    return pd.concat([pd.Series([1.0], [first]), (1 + returns).cumprod()])


def key_figures(result: Result, run: Run) -> tuple[tuple[MetricRow, ...], ...]:
    """Key figures of the benchmark and of a reading, in groups."""
    market = wealth_curve(run.benchmark, result.equity.index[0])
    rates = mean_risk_free(run), daily_risk_free_rate(run)
    curves = [Curve(equity, market, *rates) for equity in (market, result.equity)]
    shared = [
        tuple(MetricRow(name, *(_text(write, compute, curve) for curve in curves)) for name, write, compute in group)
        for group in ROWS
    ]
    return (*shared, _trading(compute_metrics(result, run), curves[1]))


def _text(write: Write, compute: Compute, curve: Curve) -> str:
    try:
        return write(compute(curve))
    except Unavailable as reason:
        return str(reason)


def _trading(metrics: Metrics, curve: Curve) -> tuple[MetricRow, ...]:
    """What the reading traded; the benchmark is held throughout, without costs."""

    def turnover(measurable: Curve) -> float | None:
        measurable.measured()
        return metrics.turnover

    return (
        MetricRow("Time in market", "100.0%", f"{100 * metrics.time_in_market:.1f}%"),
        MetricRow("Turnover a year, times equity", "0.0", _text("{:.1f}".format, turnover, curve)),
        MetricRow("Costs of trading, USD", "0", f"{metrics.costs:,.0f}"),
    )
