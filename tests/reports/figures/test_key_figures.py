"""Key figures, drawdowns and calendar years, recomputed from the equity curve by definition, also at their edges."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise
from statistics import NormalDist, mean, stdev

import numpy as np
import pandas as pd
import pytest

from reports.figures.calendar_returns import calendar_years, period_returns
from reports.figures.drawdowns import find_drawdowns
from reports.figures.key_figures import key_figures, wealth_curve
from reports.figures.metrics import compute_metrics

RATE = 0.041  # of the run fixture, a year
DAILY = 1.041 ** (1 / 252) - 1


def weekdays(first, last):
    return pd.bdate_range(first, last)


def walk(days, seed=1, drift=0.0005):
    steps = np.random.default_rng(seed).normal(drift, 0.012, len(days) - 1)
    return pd.Series(1e6 * np.concatenate([[1.0], np.cumprod(1 + steps)]), days)


def steady(days, daily):
    return pd.Series(1e6 * (1 + daily) ** np.arange(len(days)), days)


YEAR = weekdays("2025-01-30", "2026-02-03")
TIMES = np.arange(len(YEAR))
WAVES = pd.Series(1e6 * (1 + 0.0004 * TIMES + 0.03 * np.sin(TIMES / 9) - 0.0002 * (TIMES % 3)), YEAR)
CURVES = {
    "ordinary": WAVES,
    "walk": walk(YEAR),
    "falls every day": steady(YEAR, -0.001) * (1 - 0.0003 * (TIMES % 2)),
    "falls at one rate": steady(YEAR, -0.001),
    "rises every day": steady(YEAR, 0.002) * (1 + 0.0003 * (TIMES % 2)),
    "rises at one rate": steady(YEAR, 0.001),
    "falls at one rate, to the cent": steady(YEAR, -0.001).round(2),
    "flat": pd.Series(1e6, YEAR),
    "flat, then a walk": pd.concat([pd.Series(1e6, YEAR[:130]), walk(YEAR[130:])]),
    "one session up": pd.Series([1e6, 1.012e6], YEAR[:2]),
    "one session down": pd.Series([1e6, 0.988e6], YEAR[:2]),
    "three sessions": pd.Series([1e6, 1.01e6, 0.99e6, 1.02e6], YEAR[:4]),
    "twenty sessions": walk(YEAR[:21], 5),
    "nineteen sessions": walk(YEAR[:20], 5),
    "never recovered": WAVES.where(TIMES == 0, WAVES * 0.6),
    "recovered to the cent": pd.Series([1e6, 0.7e6, 1e6, 1.1e6, 0.77e6, 0.9e6, 1.1e6] * 6, YEAR[:42]),
    "ruined": WAVES.where(TIMES < 100, -5000.0),
    "ruined to zero": WAVES.where(TIMES < 100, 0.0),
    "ruined on the first day": pd.Series([1e6, -2e5, -2e5], YEAR[:3]),
    "three months": walk(weekdays("2025-01-30", "2025-04-30"), 6),
    "six months": walk(weekdays("2025-03-14", "2025-09-15"), 7),
    "twelve months": walk(weekdays("2025-02-28", "2026-02-28"), 8),
    "a day short of three months": walk(weekdays("2025-01-31", "2025-04-30"), 6),
    "ends in a leap year": walk(weekdays("2027-10-01", "2028-02-29"), 9),
    "one month": walk(weekdays("2025-03-31", "2025-04-30"), 9),
    "doubled in a day": pd.Series([1e6, 2.2e6, 2.3e6, 2.4e6], YEAR[:4]),
}
MARKETS = {
    "ordinary": lambda days: walk(days, 99),
    "falls every day": lambda days: steady(days, -0.002) * (1 - 0.0004 * (np.arange(len(days)) % 2)),
    "falls, to the cent": lambda days: steady(days, -0.002).round(2),
    "flat": lambda days: pd.Series(1e6, days),
}
PAIRS = [(name, "ordinary") for name in CURVES] + [
    (name, market)
    for market in ("falls every day", "falls, to the cent", "flat")
    for name in ("ordinary", "falls at one rate", "ruined")
]


def months_before(day, months):
    """The same day `months` earlier, or the last day of that month."""
    month = day.year * 12 + day.month - 1 - months
    for last in (day.day, 30, 29, 28):
        if last <= day.day:
            try:
                return date(month // 12, month % 12 + 1, last)
            except ValueError:
                continue
    raise AssertionError(day)


def dips(equity):
    """Drawdowns by a loop over closes: first, deepest and last day under water, the day of recovery, the depth."""
    found, peak, current = [], equity.iloc[0], []
    for day, value in equity.items():
        if value < peak * (1 - 1e-13):
            current.append((value / peak - 1, day))
            continue
        if current:
            found.append((current, day))
        current, peak = [], max(peak, value)
    if current:
        found.append((current, None))
    return [(days[0][1], min(days)[1], days[-1][1], back, min(days)[0]) for days, back in found]


def monthly(equity):
    """Returns of the months by a loop over sessions, as long as there is equity."""
    found, previous, start = {}, equity.iloc[0], equity.iloc[0]
    last = None
    for day, value in equity.iloc[1:].items():
        if (day.year, day.month) != last:
            start, last = previous, (day.year, day.month)
        if start > 0:
            found[last] = value / start - 1
        previous = value
    return found


class Definitions:
    """Figures of a curve by their definitions: a number, a day, or the reason why there is none."""

    def __init__(self, equity, market):
        self.values, self.days = equity.to_list(), [day.date() for day in equity.index]
        self.returns = [after / before - 1 for before, after in pairwise(self.values) if before > 0]
        self.theirs = market.pct_change().iloc[1:].to_list()
        self.excess = [value - DAILY for value in self.returns]
        self.steps, self.total = len(self.returns), self.values[-1] / self.values[0] - 1
        self.dips = dips(equity)
        self.worst = min(self.dips, key=lambda dip: dip[4], default=None)
        self.months = list(monthly(equity).values())

    def known(self, compute, least=20, varied=False, unless=None):
        if min(self.values) <= 0:
            return "ruined"
        if self.steps < least:
            return f"under {least} days"
        if varied and stdev(self.returns) < 1e-7:
            return "no variation"
        return unless or compute()

    def window(self, first):
        earlier = [value for day, value in zip(self.days, self.values, strict=True) if day <= first]
        if not earlier:
            return "window is shorter"
        return "ruined" if earlier[-1] <= 0 else self.values[-1] / earlier[-1] - 1

    def moment(self, power):
        return float(np.mean((np.array(self.returns) - mean(self.returns)) ** power))

    def skew(self):
        n = self.steps
        return (n * (n - 1)) ** 0.5 / (n - 2) * self.moment(3) / self.moment(2) ** 1.5

    def kurtosis(self):
        n = self.steps
        return (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * self.moment(4) / self.moment(2) ** 2 - 3 * (n - 1))

    def sharpe(self):
        return mean(self.excess) / stdev(self.excess)

    def sharpe_probability(self):
        ratio = self.sharpe()
        spread = 1 - self.skew() * ratio + (self.kurtosis() + 2) / 4 * ratio**2
        return NormalDist().cdf(ratio * (self.steps - 1) ** 0.5 / spread**0.5) if spread > 0 else "no standard error"

    def sortino(self):
        return mean(self.excess) / (sum(min(value, 0) ** 2 for value in self.excess) / self.steps) ** 0.5 * 252**0.5

    def omega(self):
        return sum(max(value, 0) for value in self.excess) / self.losses()

    def losses(self):
        return -sum(min(value, 0) for value in self.excess)

    def growth(self):
        return (1 + self.total) ** (252 / self.steps) - 1

    def beta(self):
        own, other = np.array(self.excess), np.array(self.theirs) - DAILY
        return float(np.polyfit(other, own, 1)[0]) if np.std(own) > 1e-12 else 0.0

    def alpha(self):
        return (mean(self.excess) - self.beta() * (mean(self.theirs) - DAILY)) * 252

    def correlation(self):
        return float(np.corrcoef(self.returns, self.theirs)[0, 1])

    def tail(self):
        return mean(self.returns) + stdev(self.returns) * NormalDist().inv_cdf(0.05)

    def shortfall(self):
        normal = NormalDist()
        return mean(self.returns) - stdev(self.returns) * normal.pdf(normal.inv_cdf(0.05)) / 0.05

    def of_returns(self):
        no_loss = None if self.losses() else "no loss"
        return {
            "Risk-Free Rate": RATE,
            "Cumulative Return": self.total,
            "CAGR": self.known(self.growth),
            "Sharpe": self.known(lambda: self.sharpe() * 252**0.5, varied=True),
            "Prob. Sharpe Ratio": self.known(self.sharpe_probability, varied=True),
            "Sortino": self.known(self.sortino, unless=no_loss),
            "Omega": self.known(self.omega, 2, unless=no_loss),
        }

    def of_risk(self):
        worst, market_still = self.worst, np.std(self.theirs) < 1e-7
        unless = "no variation" if market_still else None
        return {
            "Max Drawdown": worst[4] if worst else 0.0,
            "Max DD Date": worst[1].date() if worst else "no drawdown",
            "Max DD Period Start": worst[0].date() if worst else "no drawdown",
            "Longest DD Days": max(((dip[2] - dip[0]).days + 1 for dip in self.dips), default=0),
            "Volatility (ann.)": self.known(lambda: stdev(self.returns) * 252**0.5),
            "R^2": self.known(lambda: self.correlation() ** 2, varied=True, unless=unless),
            "Calmar": self.known(lambda: self.growth() / -worst[4], unless=None if worst else "no drawdown"),
            "Skew": self.known(self.skew, 3, varied=True),
            "Kurtosis": self.known(self.kurtosis, 4, varied=True),
            "Daily Value-at-Risk": self.known(self.tail, 2),
            "Expected Shortfall (cVaR)": self.known(self.shortfall, 2),
            "Beta": self.known(self.beta, unless=unless),
            "Correlation": self.known(self.correlation, varied=True, unless=unless),
            "Alpha a year, over the risk-free rate": self.known(self.alpha, unless=unless),
        }

    def of_periods(self):
        last = self.days[-1]
        up, down = [value for value in self.months if value > 0], [value for value in self.months if value < 0]
        return {
            "MTD": self.window(date(last.year, last.month, 1) - timedelta(1)),
            "3M": self.window(months_before(last, 3)),
            "6M": self.window(months_before(last, 6)),
            "YTD": self.window(date(last.year - 1, 12, 31)),
            "1Y": self.window(months_before(last, 12)),
            "Best Day": max(self.returns),
            "Worst Day": min(self.returns),
            "Best Month": max(self.months),
            "Worst Month": min(self.months),
            "Avg. Up Month": mean(up) if up else "no up month",
            "Avg. Down Month": mean(down) if down else "no down month",
            "Win Month": len(up) / len(up + down) if up + down else "all months flat",
        }


def parsed(text):
    """A cell as a number (percentages as fractions) with its rounding, else as it stands."""
    if not re.fullmatch(r"-?[\d,]+(\.\d+)?%?", text):
        return text
    number = float(text.rstrip("%").replace(",", ""))
    return (number / 100, 5.1e-5) if text.endswith("%") else (number, 5.1e-3)


def assert_equal(name, text, value):
    cell = parsed(text)
    if isinstance(value, (str, date)):
        assert text == str(value), name
    else:
        assert isinstance(cell, tuple), (name, text, value)
        assert cell[0] == pytest.approx(value, abs=cell[1], rel=1e-6), name
        assert not re.fullmatch(r"-0\.0+%?", text), (name, "zero has no sign")


@pytest.mark.parametrize(("name", "market"), PAIRS)
def test_every_figure_follows_its_definition(name, market, result_of, run_of):
    equity = CURVES[name]
    benchmark = MARKETS[market](equity.index)
    result = result_of(sessions=equity.index, equity=equity)
    run = run_of(result, benchmark=benchmark.pct_change().iloc[1:])
    *groups, trading = key_figures(result, run)
    rows = {row.name: row for group in (*groups, trading) for row in group}
    for column, curve in (("reading", equity), ("benchmark", benchmark)):
        definitions = Definitions(curve, benchmark)
        figures = {**definitions.of_returns(), **definitions.of_risk(), **definitions.of_periods()}
        assert figures.keys() | {row.name for row in trading} == rows.keys()
        for each, value in figures.items():
            assert_equal((column, each), getattr(rows[each], column), value)


@pytest.mark.parametrize(("name", "market"), PAIRS)
def test_metrics_of_the_index_follow_their_definitions(name, market, result_of, run_of):
    """A figure that is not defined is None on the index."""
    equity = CURVES[name]
    benchmark = MARKETS[market](equity.index)
    result = result_of(sessions=equity.index, equity=equity)
    metrics = compute_metrics(result, run_of(result, benchmark=benchmark.pct_change().iloc[1:]))
    definitions = Definitions(equity, benchmark)
    figures = {**definitions.of_returns(), **definitions.of_risk()}
    for own, figure in (
        ("total_return", "Cumulative Return"),
        ("cagr", "CAGR"),
        ("volatility", "Volatility (ann.)"),
        ("sharpe", "Sharpe"),
        ("sortino", "Sortino"),
        ("max_drawdown", "Max Drawdown"),
        ("calmar", "Calmar"),
        ("beta", "Beta"),
        ("alpha_annual", "Alpha a year, over the risk-free rate"),
    ):
        expected = None if isinstance(figures[figure], str) else pytest.approx(figures[figure], rel=1e-6, abs=1e-9)
        assert getattr(metrics, own) == expected, own


def test_figures_are_those_that_the_index_compares(result_of, run_of):
    ffn = pytest.importorskip("ffn")
    result = result_of()
    run = run_of(result)
    metrics, rows = compute_metrics(result, run), {row.name: row.reading for g in key_figures(result, run) for row in g}
    for name, value in (
        ("Cumulative Return", metrics.total_return),
        ("Cumulative Return", ffn.calc_total_return(result.equity)),
        ("CAGR", metrics.cagr),
        ("Volatility (ann.)", metrics.volatility),
        ("Max Drawdown", metrics.max_drawdown),
        ("Max Drawdown", ffn.calc_max_drawdown(result.equity)),
        ("Sharpe", metrics.sharpe),
        ("Sharpe", ffn.calc_sharpe(result.returns, rf=RATE, nperiods=252)),
        ("Sortino", metrics.sortino),
        ("Sortino", ffn.calc_sortino_ratio(result.returns, rf=RATE, nperiods=252)),
        ("Calmar", metrics.calmar),
        ("Beta", metrics.beta),
        ("Alpha a year, over the risk-free rate", metrics.alpha_annual),
    ):
        assert_equal(name, rows[name], value)


def test_figures_of_trading_stand_last(result_of, run_of):
    result = result_of()
    *_, trading = key_figures(result, run_of(result))
    turnover = (5000 + 6000) / (len(result.returns) / 252) / result.equity.mean()
    assert [tuple(row) for row in trading] == [
        ("Time in market", "100.0%", "100.0%"),
        ("Turnover a year, times equity", "0.0", f"{turnover:.1f}"),
        ("Costs of trading, USD", "0", "3"),
    ]


@pytest.mark.parametrize("name", CURVES)
def test_drawdowns_are_those_of_a_loop_over_closes(name):
    found = find_drawdowns(CURVES[name])
    assert [(each.started, each.bottom, each.last, each.recovered) for each in found] == [
        dip[:4] for dip in dips(CURVES[name])
    ]
    assert [each.depth for each in found] == pytest.approx([dip[4] for dip in dips(CURVES[name])])
    assert [each.days for each in found] == [(dip[2] - dip[0]).days + 1 for dip in dips(CURVES[name])]


def test_a_drawdown_from_the_first_day_lasts_to_the_last(result_of, run_of):
    """Half of a feed that falls every day: QuantStats finds no drawdown."""
    equity = pd.Series([1e6, 0.95e6, 0.9e6, 0.85e6], YEAR[:4])
    (only,) = find_drawdowns(equity)
    assert (only.started, only.bottom, only.last, only.recovered) == (YEAR[1], YEAR[3], YEAR[3], None)
    assert only.depth == pytest.approx(-0.15)
    assert only.days == (YEAR[3] - YEAR[1]).days + 1


def test_the_benchmark_back_at_its_peak_has_recovered():
    """A product of returns misses an earlier peak by rounding."""
    returns = pd.Series([0.1, -0.3, 1 / 0.7 - 1, 0.2] * 3, YEAR[1:13])
    assert [each.recovered for each in find_drawdowns(wealth_curve(returns, YEAR[0]))] == [YEAR[3], YEAR[7], YEAR[11]]


def test_a_window_of_months_begins_at_a_close(result_of, run_of):
    """From the close of 30 January to that of 30 April: the fall on 30 January itself is no part of it."""
    days = pd.DatetimeIndex(["2025-01-29", "2025-01-30", "2025-01-31", "2025-04-29", "2025-04-30"])
    equity = pd.Series([1e6, 0.5e6, 0.55e6, 0.6e6, 0.61e6], days)
    result = result_of(sessions=days, equity=equity)
    rows = {row.name: row.reading for group in key_figures(result, run_of(result)) for row in group}
    assert (rows["3M"], rows["6M"], rows["YTD"]) == ("22.00%", "window is shorter", "window is shorter")
    assert rows["MTD"] == "10.91%"  # from the close of 31 January


@pytest.mark.parametrize("frequency", ["W-FRI", "M", "Q", "Y"])
def test_returns_of_periods_multiply_to_the_whole(frequency):
    returns = period_returns(WAVES, frequency)
    assert (1 + returns).prod() == pytest.approx(WAVES.iloc[-1] / WAVES.iloc[0])
    first = {"W-FRI": "2025-01-31", "M": "2025-01-31", "Q": "2025-03-31", "Y": "2025-12-31"}[frequency]
    assert returns.iloc[0] == pytest.approx(WAVES[first] / WAVES.iloc[0] - 1)


@pytest.mark.parametrize("name", ["ordinary", "ruined", "one session down", "falls every day"])
def test_calendar_years_are_cut_to_the_window(name):
    equity, market = CURVES[name], walk(CURVES[name].index, 99)
    for year, theirs, own in calendar_years(market, equity):
        before = [day for day in equity.index[:-1] if day.year < year] or [equity.index[0]]
        inside = [day for day in equity.index[1:] if day.year == year]
        for told, curve in ((theirs, market), (own, equity)):
            assert told == pytest.approx(curve[inside[-1]] / curve[before[-1]] - 1)


def test_ordinary_figures_are_those_of_quantstats(result_of, run_of):
    """Away from the edges its table agrees, but for windows of months and the benchmark beside itself."""
    reports = pytest.importorskip("quantstats").reports
    equity = CURVES["walk"]
    market = walk(equity.index, 99).pct_change().iloc[1:]
    result = result_of(sessions=equity.index, equity=equity)
    settings = {"mode": "full", "as_pct": True, "prepare_returns": False, "match_dates": False}
    table = reports.metrics(result.returns, market, rf=RATE, display=False, **settings)
    table = table.rename(index={"CAGR﹪": "CAGR"}).astype(str)
    rows = {row.name: row for group in key_figures(result, run_of(result, benchmark=market)) for row in group}
    shared = [name for name in rows if name in table.index and name not in ("3M", "6M", "1Y")]
    assert len(shared) == 29
    for name in shared:
        theirs = {"reading": table.loc[name, "Strategy"], "benchmark": table.loc[name, "Benchmark"]}
        for column in ("reading",) if name in ("R^2", "Beta", "Correlation") else theirs:
            own, other = (re.sub("[%,]", "", text) for text in (getattr(rows[name], column), theirs[column]))
            assert own == other or float(own) == pytest.approx(float(other), abs=0.0101), name
