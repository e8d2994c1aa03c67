"""Requests: entries, refusals, code hash and notices."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from data.errors import RequestError
from runners.engine.backtest.frictions import Frictions
from runners.engine.plan import load_studies
from runners.engine.provenance import ROOT, code_hash
from runners.engine.request import Request
from runners.engine.run_settings import chart_marks, claims_note, run_settings, unknown_rates_notice
from tests.resources.events import DEEPSEEK


def test_published_shock_and_date_name_the_entry():
    assert [
        str(Request(DEEPSEEK, entry=entry).schedule.entry.date()) for entry in ("published", "shock", "2025-03-03")
    ] == [
        "2025-01-31",
        "2025-01-27",
        "2025-03-03",
    ]
    assert Request(DEEPSEEK, entry="shock").schedule.shock == pd.Timestamp("2025-01-27")
    assert [Request(DEEPSEEK, entry=entry).hindsight for entry in ("published", "shock", "2025-01-30")] == [
        False,
        True,
        True,
    ]


def test_a_holiday_names_the_neighbouring_sessions():
    with pytest.raises(RequestError, match=r"2025-01-09 \(Thursday\).*use 2025-01-10 .* or 2025-01-08"):
        load_studies(Request(DEEPSEEK, entry="2025-01-09"))


def test_a_name_that_would_overwrite_a_page_is_refused(tmp_path, monkeypatch):
    (tmp_path / "odd_names.py").write_text(
        "import backtrader as bt\n\n\nclass index(bt.Strategy):\n    symbols = ('SPY',)\n\n\n"
        "class Gpu_Bubble(bt.Strategy):\n    symbols = ('SPY',)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RequestError, match=r"index.html would overwrite"):
        load_studies(Request(DEEPSEEK, ("odd_names:index",)))
    with pytest.raises(RequestError, match="would overwrite another one"):
        load_studies(Request(DEEPSEEK, ("gpu_bubble", "odd_names:Gpu_Bubble")))
    del sys.modules["odd_names"]


def test_the_code_hash_changes_with_an_outside_strategy(tmp_path, monkeypatch):
    file = tmp_path / "outside.py"
    file.write_text("import backtrader as bt\n\n\nclass Idea(bt.Strategy):\n    symbols = ('SPY',)\n")
    monkeypatch.syspath_prepend(tmp_path)
    studies = load_studies(Request(DEEPSEEK, ("outside:Idea",)))
    before = code_hash(studies)
    file.write_text(file.read_text() + "# changed\n")
    assert code_hash(studies) != before
    del sys.modules["outside"]


@pytest.mark.parametrize(
    "line",
    [
        "from ideas.signs import SIGN",
        "from . import signs",
        "import ideas.signs as signs",
        "def later():\n    from ideas.signs import SIGN\n    return SIGN",
        "def later():\n    from .signs import SIGN\n    return SIGN",
        "from importlib import import_module\n\nSIGN = import_module('ideas.signs').SIGN",
        "import importlib\n\nSIGN = importlib.import_module('.signs', __package__).SIGN",
        "import importlib\n\nsigns = importlib.import_module(f'ideas.{chr(115)}igns')",
    ],
)
def test_the_code_hash_changes_with_the_imports_of_a_strategy(tmp_path, monkeypatch, line):
    (tmp_path / "ideas").mkdir()
    (tmp_path / "ideas" / "__init__.py").touch()
    strategy = f"import backtrader as bt\n\n{line}\n\n\nclass Idea(bt.Strategy):\n    symbols = ('SPY',)\n"
    (tmp_path / "ideas" / "first.py").write_text(strategy)
    (tmp_path / "ideas" / "signs.py").write_text("from ideas.deeper import SIGN as SIGN\n")
    (tmp_path / "ideas" / "deeper.py").write_text("SIGN = 1.0\n")
    (tmp_path / "ideas" / "unused.py").write_text("SIGN = 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    studies = load_studies(Request(DEEPSEEK, ("ideas.first:Idea",)))
    before = code_hash(studies)
    (tmp_path / "ideas" / "unused.py").write_text("SIGN = -1.0\n")
    assert code_hash(studies) == before
    (tmp_path / "ideas" / "deeper.py").write_text("SIGN = -1.0\n")
    assert code_hash(studies) != before
    for name in [name for name in sys.modules if name.partition(".")[0] == "ideas"]:
        del sys.modules[name]


def test_marks_are_the_event_and_the_decisions_of_the_window():
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-03-31"])
    marks = chart_marks(Request(DEEPSEEK).event, sessions)
    assert [(str(day.date()), label) for day, label, _ in marks] == [
        ("2025-01-27", "shock"),
        ("2025-01-29", "FOMC holds"),
        ("2025-01-31", "essay published"),
        ("2025-03-19", "FOMC holds"),
    ]


def test_the_settings_of_the_default_event_are_unchanged():
    settings = run_settings(Request(DEEPSEEK), pd.DatetimeIndex(["2025-01-30", "2026-02-03"]))
    assert settings["Known"] == "from 2025-01-31 03:16 New York time on, when the essay was published"
    assert claims_note(Request(DEEPSEEK).event) == (
        "C1 to C18 number the claims of the essay that the readings take literally."
    )


@pytest.mark.parametrize(
    ("hold", "held", "rate", "cash"),
    [
        (
            60,
            "60 sessions",
            "policy",
            (
                "free cash earns the lower bound of the policy range less 0.50 points, "
                "credit costs the upper bound plus 0.50"
            ),
        ),
        (None, "to the end of the prices", 0.0215, "cash earns and credit costs 2.15%"),
    ],
)
def test_settings_give_each_number_in_its_place(hold, held, rate, cash):
    """No two numbers of the request are the same."""
    costs = Frictions(commission_bps=3, half_spread_bps=7, borrow_rate=0.0125, cash_rate=rate)
    request = Request(DEEPSEEK, entry="2025-02-18", hold=hold, rebalance=15, benchmark="QQQ", frictions=costs)
    assert run_settings(request, pd.DatetimeIndex(["2025-02-14", "2025-05-14"])) == {
        "Entry": "open of 2025-02-18, decided at the close of 2025-02-14",
        "Known": "from 2025-01-31 03:16 New York time on, when the essay was published",
        "Hold": held,
        "Rebalancing": "every 15 sessions",
        "Window": "2025-02-14 to 2025-05-14",
        "Capital": "1,000,000 USD, whole shares, total-return adjusted prices",
        "Trading costs": "3 bp commission, 7 bp half-spread, one way",
        "Holding costs": f"shorts 1.25% a year; {cash}",
        "Benchmark": "QQQ, held without costs from the close before the entry to the last close",
    }


def test_unknown_fed_decisions_are_a_notice():
    assert unknown_rates_notice(pd.DatetimeIndex(["2026-09-15"])) == ()
    assert "2026-09-16" in unknown_rates_notice(pd.DatetimeIndex(["2026-09-16"]))[0]


def test_the_code_hash_ignores_run_folders():
    before = code_hash()
    beside = ROOT / "reports" / "latest"
    made = not beside.exists()
    beside.mkdir(exist_ok=True)
    page = beside / "invented.html"
    try:
        page.write_text("a run")
        assert code_hash() == before
    finally:
        page.unlink()
        if made:
            beside.rmdir()
