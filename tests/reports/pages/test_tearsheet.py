"""The page of a reading: what stands in it, what must not, and when it need not be drawn again."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from multiprocessing import get_context
from statistics import NormalDist

import matplotlib
import numpy as np
import pandas as pd
import pytest
import seaborn
from matplotlib import pyplot
from matplotlib.colors import to_rgb

from reports.figures.metrics import compute_metrics
from reports.pages.tearsheet import inputs_key, render
from reports.records.result import Result, Run, Story
from reports.rendering.svg_canvas import preserved_pyplot

SESSIONS = pd.bdate_range("2025-01-30", periods=254)
HOSTILE = "<script>alert(1)</script> {{metrics}} {{ 7*7 }} $x_1$ & \"'"


def walk(seed, sessions=SESSIONS, drift=0.0005):
    steps = np.random.default_rng(seed).normal(drift, 0.012, len(sessions) - 1)
    return pd.Series(np.concatenate([[1.0], np.cumprod(1 + steps)]), sessions)


def fill(session, symbol, size, price):
    return (session, symbol, size, price, abs(size) * price / 1e4, abs(size) * price / 5e3)


def make_result(name="walker", seed=1, sessions=SESSIONS, **changes):
    rows = [fill(sessions[1], "AAA", 100, 10.0), fill(sessions[-1], "AAA", -100, 11.0)]
    columns = ["session", "symbol", "size", "price", "commission", "spread_cost"]
    made = Result(
        name=name,
        claims=("C1", "C5"),
        story=Story("A walk.", "it drifts.", "hold AAA.", "once.", "when it lost."),
        parameters={"gross": 1.0},
        symbols=("AAA",),
        entry=sessions[1],
        exit=sessions[-1],
        d=0.1,
        equity=walk(seed, sessions) * 1e6,
        gross=pd.Series(1.0, sessions),
        comparator=pd.Series(1.0, sessions),
        comparator_name="the idle account",
        fills=pd.DataFrame(rows, columns=columns),
        decisions=pd.DataFrame({"session": [sessions[0]], "symbol": ["AAA"], "weight": [1.0]}),
        interest={"cash": 100.0, "debit": 0.0, "borrow": 0.0},
        horizons={},
        refuted=False,
        outcome="Made something.",
    )
    return replace(made, **changes)


def make_idle(**changes):
    return make_result(equity=pd.Series(1e6, SESSIONS), fills=make_result().fills.iloc[:0], exit=None, **changes)


def make_run(*results, sessions=SESSIONS, **changes):
    made = Run(
        results=results,
        benchmark_name="SPY",
        benchmark=walk(99, sessions).pct_change().iloc[1:],
        risk_free=pd.Series(np.linspace(0.045, 0.037, len(sessions) - 1), sessions[1:]),
        origin="a random walk",
        real=False,
        title="The DeepSeek shock",
        notices=("Simulated prices.",),
        marks=(),
        settings={"Hold": "252 sessions"},
        frictions={"lag": 1},
    )
    return replace(made, **changes)


def numbers(sheet):
    """Metric rows of the reading as numbers: percentages as fractions."""
    cells = {row[0]: row[-1] for group in sheet.metrics for row in group}
    return {
        name: float(text[:-1]) / 100 if text.endswith("%") else float(text)
        for name, text in cells.items()
        if re.fullmatch(r"-?[\d.]+%?", text)
    }


@pytest.fixture(scope="module")
def result():
    return make_result()


@pytest.fixture(scope="module")
def run(result):
    return make_run(result)


@pytest.fixture(scope="module")
def page(result, run):
    return render(result, run)


@pytest.fixture(scope="module")
def quantstats_sheet():
    """The module that imports QuantStats, which takes seconds."""
    return import_module("reports.rendering.quantstats_sheet")


@pytest.fixture(scope="module")
def draw(quantstats_sheet):
    return quantstats_sheet.quantstats_sheet


@pytest.fixture(scope="module")
def sheet(draw, result, run):
    return draw(result, run)


class Outline(HTMLParser):
    """Ids, links and tags of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.text, self.attributes = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_tells_reading_run_and_trades(page):
    for words in (
        "A walk",
        "It drifts.",
        "Simulated prices.",
        "A random walk",
        "252 sessions",
        "Made something.",
        "AAA",
    ):
        assert words in page
    assert '<a href="index.html">' in page
    assert "2 fills in 1 round trip: 1 of 1 closed ones won" in page


def test_every_chart_is_there(sheet):
    assert all(chart.startswith("<svg") and chart.endswith("</svg>") for chart in sheet.charts.values())
    assert len(sheet.charts) == 11
    drawn = "".join(sheet.charts.values()).lower()
    assert "#fedd78" not in drawn, "a pale benchmark cannot be seen on paper"
    assert drawn.count("#b3730c") > 4


def test_the_page_asks_for_nothing(page):
    outline = Outline(page)
    assert {link.split(":")[0].split("#")[0] for link in outline.links} <= {
        "",
        "index.html",
        "side-by-side.html",
        "data",
    }
    assert not {"iframe", "object"} & set(outline.tags) and outline.tags.count("script") == 1
    assert not [name for name in outline.attributes if name.startswith("on")]
    assert "default-src 'none'" in page
    assert "{{" not in page


def test_texts_are_escaped():
    hostile = make_result(
        story=Story(*[HOSTILE] * 5),
        claims=(HOSTILE,),
        parameters={HOSTILE: HOSTILE},
        symbols=(HOSTILE,),
        outcome=HOSTILE,
        warnings=(HOSTILE,),
        comparator_name=HOSTILE,
    )
    changed = {"title": HOSTILE, "origin": HOSTILE, "notices": (HOSTILE,), "settings": {HOSTILE: HOSTILE}}
    outline = Outline(render(hostile, make_run(hostile, benchmark_name="S<b>Y", **changed)))
    assert "b" not in outline.tags and outline.tags.count("script") == 1
    assert "".join(outline.text).count(HOSTILE) >= 12


def test_drawing_again_gives_equal_bytes_and_says_nothing(page, result, run, caplog, recwarn):
    assert render(result, run) == page
    assert not caplog.records
    assert not recwarn.list


def pyplot_state():
    """What a notebook would see changed: backend, settings, colours by letter, open figures and the current one."""
    codes = {code: to_rgb(code) for code in "bgrmyck"}
    return pyplot.get_backend(), dict(matplotlib.rcParams), codes, pyplot.get_fignums(), pyplot.gcf().number


def test_drawing_leaves_pyplot_as_it_was(draw, result, run):
    with preserved_pyplot():
        pyplot.switch_backend("pdf")
        matplotlib.rcParams["font.size"] = 7.0
        figures = pyplot.figure(), pyplot.figure()
        before = pyplot_state()
        draw(result, run)
        assert pyplot_state() == before
        for figure in figures:
            pyplot.close(figure)


def test_preserved_pyplot_undoes_what_importing_quantstats_does():
    figure, before = pyplot.figure(), pyplot_state()
    with preserved_pyplot():
        pyplot.switch_backend("pdf")
        seaborn.set_theme(font_scale=2)
        assert pyplot_state()[:3] != before[:3]
    assert pyplot_state() == before
    pyplot.close(figure)


def test_settings_of_the_user_change_no_page(page, result, run, tmp_path, monkeypatch):
    own = ("axes.facecolor: black", "axes.titlesize: 40", "xtick.major.size: 30", "savefig.pad_inches: 3")
    other = ("font.size: 30", "lines.linestyle: dotted", "axes.xmargin: 0.4", "timezone: Asia/Tokyo")
    (tmp_path / "matplotlibrc").write_text("\n".join((*own, *other)), encoding="utf-8")
    monkeypatch.setenv("MATPLOTLIBRC", str(tmp_path))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        assert executor.submit(render, result, run).result() == page


def test_metrics_are_those_of_the_formulas(sheet, result, run):
    returns, benchmark = result.returns, run.benchmark
    rf = 1.041 ** (1 / 252) - 1  # the mean of 4.5 % and 3.7 %
    excess = returns - rf
    wealth = result.equity / result.equity.iloc[0]
    told = numbers(sheet)
    assert told["Risk-Free Rate"] == pytest.approx(0.041)
    assert told["Cumulative Return"] == pytest.approx(wealth.iloc[-1] - 1, abs=5e-5)
    assert told["CAGR"] == pytest.approx(wealth.iloc[-1] ** (252 / 253) - 1, abs=5e-5)
    assert told["Volatility (ann.)"] == pytest.approx(returns.std() * np.sqrt(252), abs=5e-5)
    assert told["Sharpe"] == pytest.approx(excess.mean() / excess.std() * np.sqrt(252), abs=5e-3)
    downside = np.sqrt((np.minimum(excess, 0) ** 2).mean())
    assert told["Sortino"] == pytest.approx(excess.mean() / downside * np.sqrt(252), abs=5e-3)
    assert told["Max Drawdown"] == pytest.approx((wealth / wealth.cummax() - 1).min(), abs=5e-5)
    assert told["Beta"] == pytest.approx(returns.cov(benchmark) / benchmark.var(), abs=5e-3)


def test_metrics_on_the_sheet_are_those_that_the_index_compares(sheet, result, run):
    told, own = numbers(sheet), compute_metrics(result, run)
    for name, value, rounding in (
        ("Cumulative Return", own.total_return, 5e-5),
        ("CAGR", own.cagr, 5e-5),
        ("Volatility (ann.)", own.volatility, 5e-5),
        ("Max Drawdown", own.max_drawdown, 5e-5),
        ("Sharpe", own.sharpe, 5e-3),
        ("Sortino", own.sortino, 5e-3),
        ("Calmar", own.calmar, 5e-3),
        ("Beta", own.beta, 5e-3),
    ):
        assert told[name] == pytest.approx(value, abs=rounding), name


def test_metrics_agree_with_ffn(sheet, result):
    ffn = pytest.importorskip("ffn")
    told, returns = numbers(sheet), result.returns
    assert told["Cumulative Return"] == pytest.approx(ffn.calc_total_return(result.equity), abs=5e-5)
    assert told["Max Drawdown"] == pytest.approx(ffn.calc_max_drawdown(result.equity), abs=5e-5)
    assert told["Sharpe"] == pytest.approx(ffn.calc_sharpe(returns, rf=0.041, nperiods=252), abs=5e-3)
    assert told["Sortino"] == pytest.approx(ffn.calc_sortino_ratio(returns, rf=0.041, nperiods=252), abs=5e-3)


def test_only_rows_stay_that_are_right_and_explained(sheet):
    assert [row[0] for group in sheet.metrics for row in group] == [
        *("Risk-Free Rate", "Cumulative Return", "CAGR"),
        *("Sharpe", "Prob. Sharpe Ratio", "Sortino", "Omega"),
        *("Max Drawdown", "Max DD Date", "Max DD Period Start", "Longest DD Days"),
        *("Volatility (ann.)", "R^2", "Calmar", "Skew", "Kurtosis"),
        *("Daily Value-at-Risk", "Expected Shortfall (cVaR)"),
        *("MTD", "3M", "6M", "YTD", "1Y"),
        *("Best Day", "Worst Day", "Best Month", "Worst Month"),
        *("Avg. Up Month", "Avg. Down Month", "Win Month"),
        *("Beta", "Correlation"),
    ]


def test_rows_mean_what_the_note_below_them_says(sheet, result):
    told, returns = numbers(sheet), result.returns
    excess = returns - (1.041 ** (1 / 252) - 1)
    ratio = excess.mean() / excess.std()
    error = np.sqrt((1 - returns.skew() * ratio + (returns.kurt() + 2) / 4 * ratio**2) / (len(returns) - 1))
    normal = NormalDist(returns.mean(), returns.std())
    limit = normal.inv_cdf(0.05)
    shortfall = normal.mean - normal.variance * normal.pdf(limit) / 0.05
    assert told["Prob. Sharpe Ratio"] == pytest.approx(NormalDist().cdf(ratio / error), abs=2e-4)
    assert told["Omega"] == pytest.approx(excess.clip(lower=0).sum() / -excess.clip(upper=0).sum(), abs=5e-3)
    assert told["Daily Value-at-Risk"] == pytest.approx(limit, abs=5e-5)
    assert told["Expected Shortfall (cVaR)"] == pytest.approx(shortfall, abs=5e-5)


def test_large_and_undefined_metrics_are_printed(draw):
    sessions = SESSIONS[:20]
    tenfold = pd.Series(np.linspace(1.0, 12.5, len(sessions)), sessions)
    shown = draw(make_result(sessions=sessions, equity=tenfold), make_run(sessions=sessions)).metrics
    cells = {row.name: row.reading for group in shown for row in group}
    assert cells["Cumulative Return"] == "1,150.00%"
    assert cells["Calmar"] == "-"
    assert cells["Win Month"] == "100.0%"


def test_flat_sessions_before_the_first_trade_count(draw, run):
    equity = make_result().equity.copy()
    equity.iloc[:121] = equity.iloc[120]
    late = make_result(equity=equity)
    told = numbers(draw(late, run))
    assert told["Volatility (ann.)"] == pytest.approx(late.returns.std() * np.sqrt(252), abs=5e-5)


def test_calendar_years_are_cut_to_the_window_for_both(sheet, result, run):
    for row in sheet.years:
        for told, returns in ((row[1], run.benchmark), (row[2], result.returns)):
            own = returns[returns.index.year == int(row[0])]
            assert float(told) == pytest.approx(100 * ((1 + own).prod() - 1), abs=0.01)


def test_a_drawdown_has_recovered_at_the_first_session_back_at_the_peak(draw, run):
    result = make_result(seed=4)
    equity = result.equity
    below = equity < equity.cummax()
    rows = draw(result, run).drawdowns
    assert len(rows) > 5
    for start, recovered, depth, days in rows:
        first = equity.index.get_loc(start)
        assert below.iloc[first] and not below.iloc[first - 1]
        above = below.index[first:][~below.iloc[first:]]
        last = below.index[below.index < above[0]][-1] if len(above) else below.index[-1]
        assert recovered == (f"{above[0]:%Y-%m-%d}" if len(above) else "not yet")
        assert int(days) == (last - pd.Timestamp(start)).days + 1
        assert float(depth) == pytest.approx(100 * (equity / equity.cummax() - 1)[start:last].min(), abs=0.01)


def test_a_drawdown_at_the_end_has_not_recovered(draw, run):
    equity = make_result().equity.copy()
    equity.iloc[-1] = equity.iloc[-2] * 0.9
    rows = draw(make_result(equity=equity), run).drawdowns
    assert [row[1] for row in rows].count("not yet") == 1


def test_without_trades_there_is_nothing_to_draw(run):
    page = render(make_idle(), run)
    assert "No trades" in page
    assert "<svg" not in page


@pytest.mark.parametrize(("count", "said"), [(10, []), (12, ["and 2 more; results.json lists all"])])
def test_warnings_beyond_ten_are_counted(run, count, said):
    page = render(make_idle(warnings=tuple(f"Warning {n}." for n in range(count))), run)
    assert re.findall(r"<li>(.*?)</li>", page) == [*(f"Warning {n}." for n in range(10)), *said]


@pytest.mark.parametrize("length", [3, 30])
def test_short_windows_are_drawn(length):
    sessions = SESSIONS[:length]
    short = make_result(sessions=sessions, exit=None)
    assert "still open" in render(short, make_run(short, sessions=sessions))


def test_ruin_is_drawn_and_said(run):
    equity = make_result().equity.copy()
    equity.iloc[100:] = -5000.0
    page = render(make_result(equity=equity, ruined=SESSIONS[100], exit=None), run)
    assert f"Ruined on {SESSIONS[100]:%Y-%m-%d}" in page


def test_a_strategy_may_be_called_like_the_benchmark(draw, run):
    chart = draw(make_result(name="SPY"), run).charts["returns"]
    assert re.findall(r">(SPY.*?)</text>", chart) == ["SPY", "SPY (strategy)"]


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        (pd.Series([0.0, 1.5], SESSIONS[:2], name="x"), "for prices"),
        (pd.Series([0.1, np.nan], SESSIONS[:2], name="x"), "no return on 2025-01-31"),
        (pd.Series([0.1, -0.1], SESSIONS[:2].tz_localize("UTC"), name="x"), "time zone"),
        (pd.Series([0.1, -0.1], SESSIONS[:2] + pd.Timedelta(hours=16), name="x"), "hour"),
    ],
)
def test_returns_that_quantstats_would_misread_are_refused(quantstats_sheet, returns, said):
    with pytest.raises(ValueError, match=said):
        quantstats_sheet.checked(returns)


def test_the_benchmark_must_have_the_same_sessions(draw, result, run):
    with pytest.raises(ValueError, match="different sessions"):
        draw(result, replace(run, benchmark=run.benchmark.iloc[1:]))


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "Lost something."},
        {"parameters": {"gross": 0.5}},
        {"equity": walk(2) * 1e6},
        {"fills": make_result().fills.iloc[:1]},
    ],
)
def test_the_key_changes_with_what_is_shown(result, run, change):
    assert inputs_key(replace(result, **change), run) != inputs_key(result, run)


def test_the_key_knows_neither_other_readings_nor_the_evidence_but_its_link(result, run):
    other = make_run(result, make_result("other", 5), manifest={"code": "x"})
    assert inputs_key(result, other) == inputs_key(result, run)
    judged = replace(run, with_evidence=True)
    key = inputs_key(result, replace(judged, evidence_report=object()))
    assert key == inputs_key(result, judged) != inputs_key(result, run)
