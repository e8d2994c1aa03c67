"""The page of a reading: what stands in it, what must not, and when it need not be drawn again."""

from __future__ import annotations

import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser
from importlib import import_module
from multiprocessing import get_context

import matplotlib
import numpy as np
import pandas as pd
import pytest
import seaborn
from matplotlib import pyplot
from matplotlib.colors import to_rgb

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
def quantstats_charts():
    """The module that imports QuantStats, which takes seconds."""
    return import_module("reports.rendering.quantstats_charts")


@pytest.fixture(scope="module")
def draw(quantstats_charts):
    return quantstats_charts.quantstats_charts


@pytest.fixture(scope="module")
def charts(draw, result, run):
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


def test_every_chart_is_there(charts):
    assert all(chart.startswith("<svg") and chart.endswith("</svg>") for chart in charts.values())
    assert len(charts) == 11
    drawn = "".join(charts.values()).lower()
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


def test_without_trades_there_is_nothing_to_draw(run):
    page = render(make_idle(), run)
    assert "No trades" in page
    assert "<svg" not in page


@pytest.mark.parametrize(("count", "said"), [(10, []), (12, ["and 2 more; results.json lists all"])])
def test_warnings_beyond_ten_are_counted(run, count, said):
    page = render(make_idle(warnings=tuple(f"Warning {n}." for n in range(count))), run)
    assert re.findall(r"<li>(.*?)</li>", page) == [*(f"Warning {n}." for n in range(10)), *said]


EDGES = {
    "one session": {"equity": pd.Series([1e6, 0.99e6], SESSIONS[:2])},
    "one rate": {"equity": pd.Series(1e6 * 1.001 ** np.arange(len(SESSIONS)), SESSIONS)},
    "doubled in a day": {"equity": pd.Series([1e6, 2.2e6, 2.3e6], SESSIONS[:3])},
    "ruined to zero": {"equity": (walk(1) * 1e6).where(np.arange(254) < 200, 0.0), "ruined": SESSIONS[200]},
}


@pytest.mark.parametrize("edge", EDGES)
def test_no_cell_and_no_chart_is_blank(edge):
    """Beside figures that exist stand figures, or words that say why there is none."""
    sessions = EDGES[edge]["equity"].index
    edge_result = make_result(sessions=sessions, exit=None, **EDGES[edge])
    page = render(edge_result, make_run(edge_result, sessions=sessions))
    cells = re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", page)
    assert len(cells) > 110
    assert not {"", "-", "\u2013", "nan", "nan%", "inf", "inf%", "None", "NaT"} & set(cells)
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 11
    assert all("<svg" in figure or re.search(r"<figcaption>[^<]+: [^<]{20,}\.<", figure) for figure in figures)
    assert "still open" in page


def test_ruin_is_drawn_and_said(run):
    equity = make_result().equity.copy()
    equity.iloc[100:] = -5000.0
    page = render(make_result(equity=equity, ruined=SESSIONS[100], exit=None), run)
    assert f"Ruined on {SESSIONS[100]:%Y-%m-%d}" in page


def test_a_strategy_may_be_called_like_the_benchmark(draw, run):
    chart = draw(make_result(name="SPY"), run)["returns"]
    assert re.findall(r">(SPY.*?)</text>", chart) == ["SPY", "SPY (strategy)"]


@pytest.mark.parametrize(
    ("returns", "said"),
    [
        (pd.Series([0.1, np.nan], SESSIONS[:2], name="x"), "no return on 2025-01-31"),
        (pd.Series([0.1, -0.1], SESSIONS[:2].tz_localize("UTC"), name="x"), "time zone"),
        (pd.Series([0.1, -0.1], SESSIONS[:2] + pd.Timedelta(hours=16), name="x"), "hour"),
    ],
)
def test_returns_that_quantstats_would_misread_are_refused(quantstats_charts, returns, said):
    with pytest.raises(ValueError, match=said):
        quantstats_charts.checked(returns)


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
