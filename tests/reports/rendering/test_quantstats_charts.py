"""What the charts draw, read from the figures and recomputed from the equity curve."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num, num2date

from reports.statistics.availability import Missing
from tests.reports.conftest import make_result

DAYS = pd.bdate_range("2025-01-30", "2026-03-10")
RATE = 0.041
STEPS = np.random.default_rng(2).normal(0.0003, 0.012, len(DAYS) - 1)
MARKET_STEPS = np.random.default_rng(3).normal(0.0004, 0.01, len(DAYS) - 1)


def curve(steps):
    return pd.Series(1e6 * np.cumprod([1.0, *(1 + np.asarray(steps))]), DAYS[: len(steps) + 1])


ORDINARY = curve(STEPS)
FALLING = curve(-np.abs(STEPS[:140]))
RISING = curve(0.0005 + np.abs(STEPS[:140]))
RISING_FIRST = curve(np.where(np.arange(len(STEPS)) < 150, 0.0005 + np.abs(STEPS), STEPS))
SHORT = curve([-0.02, 0.01])


@pytest.fixture(scope="module")
def drawn(run_of):
    """Draw the charts of an equity curve: axes by name, or why there is none."""
    module = import_module("reports.rendering.quantstats_charts")

    def draw(equity, market=None):
        figures = []

        def keep(figure):
            figures.append(figure)
            return str(len(figures) - 1)

        result = make_result(sessions=equity.index, equity=equity)
        returns = curve(MARKET_STEPS[: len(equity) - 1]).pct_change().iloc[1:] if market is None else market
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "svg", keep)
            charts = module.quantstats_charts(result, run_of(result, benchmark=returns))
        return {
            name: chart if isinstance(chart, Missing) else figures[int(chart)].axes[0] for name, chart in charts.items()
        }

    return draw


@pytest.fixture(scope="module")
def ordinary(drawn):
    return drawn(ORDINARY)


def values(line):
    return np.asarray(line.get_ydata(), dtype=float)


def days(line):
    return [pd.Timestamp(num2date(day).date()) for day in date2num(line.get_xdata())]


def assert_line(line, expected):
    known = expected[np.isfinite(expected)]
    shown = pd.Series(values(line), days(line))
    shown = shown[np.isfinite(shown)]
    assert list(shown.index) == list(known.index)
    np.testing.assert_allclose(shown, known, rtol=1e-9, atol=1e-12)


def rolling(returns, compute):
    """A figure of each window of 126 sessions, by a loop."""
    ends = range(126, len(returns) + 1)
    return pd.Series([compute(returns.iloc[end - 126 : end]) for end in ends], returns.index[125:])


def sharpe(window):
    excess = window - (1 + RATE) ** (1 / 252) + 1
    return excess.mean() / excess.std() * 252**0.5


def sortino(window):
    excess = window - (1 + RATE) ** (1 / 252) + 1
    losses = (excess.clip(upper=0) ** 2).mean() ** 0.5
    return excess.mean() / losses * 252**0.5 if losses else np.inf


@pytest.mark.parametrize("equity", [ORDINARY, FALLING, RISING_FIRST], ids=["ordinary", "falling", "rising first"])
def test_lines_are_those_of_the_equity_curve(drawn, ordinary, equity):
    charts = ordinary if equity is ORDINARY else drawn(equity)
    returns = equity.pct_change().iloc[1:]
    market = pd.Series(MARKET_STEPS[: len(returns)], returns.index)
    for name in ("returns", "log_returns"):
        theirs, own = charts[name].lines[:2]
        assert_line(own, equity / equity.iloc[0] - 1)
        assert_line(theirs, curve(market) / 1e6 - 1)
    theirs, own = charts["vol_returns"].lines[:2]
    assert_line(own, (1 + returns / returns.std() * market.std()).cumprod() - 1)
    assert_line(theirs, (1 + market).cumprod() - 1)
    beta = rolling(returns, lambda window: np.polyfit(market[window.index], window, 1)[0])
    for name, expected, mean_at in (
        ("rolling_beta", beta, 2),
        ("rolling_vol", rolling(returns, lambda window: window.std() * 252**0.5), 1),
        ("rolling_sharpe", rolling(returns, sharpe), 1),
        ("rolling_sortino", rolling(returns, sortino), 1),
    ):
        assert_line(charts[name].lines[0], expected)
        assert values(charts[name].lines[mean_at]) == pytest.approx([expected[np.isfinite(expected)].mean()] * 2), name
    fall = (equity / equity.cummax() - 1).iloc[1:]
    assert_line(charts["dd_plot"].lines[0], fall)
    assert values(charts["dd_plot"].lines[1]) == pytest.approx([fall.mean()] * 2)
    assert_line(charts["dd_periods"].lines[0], equity / equity.iloc[0] - 1)


def spans(axes):
    boxes = [patch.get_path().get_extents(patch.get_patch_transform()) for patch in axes.patches]
    return [(num2date(box.x0).date(), num2date(box.x1).date()) for box in boxes]


def test_the_longest_drawdowns_are_marked_from_the_first_day(drawn):
    charts = drawn(FALLING)
    assert spans(charts["dd_periods"]) == [(DAYS[1].date(), DAYS[140].date())]
    assert [text.get_text() for text in charts["dd_periods"].figure.texts] == ["first - Longest 5 Drawdown Periods"]


def test_five_longest_drawdowns_are_marked(ordinary):
    below = ORDINARY.cummax() > ORDINARY
    runs = [part.index for _, part in ORDINARY[below].groupby((~below).cumsum()[below])]
    runs = sorted(runs, key=lambda under: under[-1] - under[0], reverse=True)
    assert spans(ordinary["dd_periods"]) == [(under[0].date(), under[-1].date()) for under in runs[:5]]
    assert len(runs) > 5


def test_the_heatmap_shows_the_months_of_the_window_only(ordinary):
    heatmap = ordinary["monthly_heatmap"]
    shown = {text.get_position(): text.get_text() for text in heatmap.texts if text.get_text()}
    expected, previous = {}, ORDINARY.iloc[0]
    for (year, month), closes in ORDINARY.iloc[1:].groupby([DAYS[1:].year, DAYS[1:].month]):
        expected[month - 0.5, year - 2025 + 0.5] = f"{100 * (closes.iloc[-1] / previous - 1):0.2f}"
        previous = closes.iloc[-1]
    assert shown == expected
    assert [label.get_text() for label in heatmap.get_yticklabels()] == ["2025", "2026"]


def test_boxes_are_quantiles_of_calendar_periods(ordinary):
    keys = {
        "Daily": "%Y-%m-%d",
        "Weekly": "%G-%V",
        "Monthly": "%Y-%m",
        "Quarterly": lambda day: f"{day.year} {(day.month + 2) // 3}",
        "Yearly": "%Y",
    }
    axes = ordinary["returns_dist"]
    assert [label.get_text() for label in axes.get_xticklabels()] == list(keys)
    for place, key in enumerate(keys.values()):
        labels = DAYS[1:].map(key) if callable(key) else DAYS[1:].strftime(key)
        closes = ORDINARY.iloc[1:].groupby(labels).last()
        quartiles = (closes / closes.shift(fill_value=ORDINARY.iloc[0]) - 1).quantile([0.25, 0.5, 0.75])
        low, high, _, _, middle = map(values, axes.lines[6 * place : 6 * place + 5])
        assert [low[0], middle[0], high[0]] == pytest.approx(list(quartiles), rel=1e-9)


def test_what_cannot_be_drawn_is_said(drawn):
    short, rising = drawn(SHORT), drawn(RISING, pd.Series(0.0, RISING.index[1:]))
    gone = {name: chart.reason for name, chart in short.items() if isinstance(chart, Missing)}
    assert gone == dict.fromkeys(
        ("rolling_beta", "rolling_vol", "rolling_sharpe", "rolling_sortino"),
        "needs 126 trading days, and there are 2",
    )
    assert rising["rolling_sortino"] == Missing("undefined in every window of 126 trading days")
    assert rising["rolling_beta"] == Missing("undefined in every window of 126 trading days")
    assert rising["vol_returns"].reason.startswith("the daily returns of SPY do not vary")


def test_one_session_is_a_line_from_the_close_before(drawn):
    charts = drawn(curve([-0.02]))
    assert values(charts["returns"].lines[1]) == pytest.approx([0, -0.02])
    assert spans(charts["dd_periods"]) == [(DAYS[1].date(), DAYS[1].date())]
    assert charts["vol_returns"].reason.startswith("the daily returns of first do not vary")


def test_returns_that_look_like_prices_are_not_drawn(drawn):
    charts = drawn(curve([1.0, 0.1]))
    assert "for prices" in charts["returns"].reason and "for prices" in charts["monthly_heatmap"].reason
    assert not isinstance(charts["returns_dist"], Missing)
