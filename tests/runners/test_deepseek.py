"""`runners.deepseek`: outputs, determinism, exit statuses."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import strategies
from tests.resources import commands
from tests.resources.commands import ROOT, RUN, within

FILES = {
    "index.html",
    "side-by-side.html",
    "uplot.js",
    "results.json",
    "returns.csv",
    "fills.csv",
    "decisions.csv",
    "manifest.json",
    "base-rates.html",
    "base_rates.json",
    "shocks.csv",
}
NAMES = ("gpu_bubble", "ai_software", "nvda_comeback")


def command(*words: object, cwd: Path = ROOT, **variables: str) -> commands.Done:
    return commands.command("deepseek", *words, cwd=cwd, COLUMNS="100", **variables)


@pytest.fixture(scope="module")
def folder(run_once):
    """A run of three readings on the bundled sample."""
    place, printed = run_once(*RUN)
    return place / "reports" / "latest", printed


def test_the_run_folder_holds_what_other_tools_rely_on(folder):
    out, _ = folder
    assert {path.name for path in out.iterdir()} == FILES | {
        f"{name}{page}.html" for name in NAMES for page in ("", "-evidence")
    }
    results = json.loads((out / "results.json").read_text())
    assert results["schema"] == 2
    assert list(results["readings"]) == list(NAMES)
    assert set(results["readings"]["gpu_bubble"]["horizons"]) == {"5", "20", "60", "120", "252"}
    returns = pd.read_csv(out / "returns.csv", index_col="date")
    assert list(returns.columns) == [*NAMES, "SPY"]
    fills = pd.read_csv(out / "fills.csv")
    assert list(fills.columns) == ["reading", "session", "symbol", "size", "price", "commission", "spread_cost"]
    assert list(pd.read_csv(out / "decisions.csv").columns) == ["reading", "session", "symbol", "weight"]


@pytest.mark.slow
def test_a_folder_of_all_readings_is_below_400_kilobytes_a_reading(tmp_path):
    out = tmp_path / "out"
    done = command("--source", "sample", "--out", out)
    assert (done.returncode, done.stderr) == (0, "")
    files = list(out.iterdir())
    assert len([path for path in files if path.name.endswith("-evidence.html")]) == len(strategies.names())
    assert sum(path.stat().st_size for path in files) < 400_000 * len(strategies.names())
    assert sum(b"uPlot=function" in path.read_bytes() for path in files) == 1  # the library is stored once


def test_the_terminal_warns_that_the_sample_is_simulated(folder):
    _, printed = folder
    assert "real closes on 46 dates, simulated in between" in " ".join(printed.split())
    assert "gpu_bubble" in printed and "index.html" in printed


def test_equal_inputs_give_equal_bytes_with_any_number_of_workers(folder, tmp_path, monkeypatch):
    out, _ = folder
    monkeypatch.setenv("DEEPSEEK_TRIALS", str(tmp_path / "trials.txt"))  # trials of other tests would be told
    again = within(*RUN, "--out", tmp_path / "again", "--jobs", 1, "--json")
    assert again.returncode == 0
    assert again.stdout == (out / "results.json").read_text()
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_returns_reconcile_with_equity_and_results(folder):
    out, _ = folder
    results = json.loads((out / "results.json").read_text())["readings"]
    returns = pd.read_csv(out / "returns.csv", index_col="date")
    for name in NAMES:
        total = (1 + returns[name]).prod() - 1
        assert total == pytest.approx(results[name]["metrics"]["total_return"], abs=1e-12)


def test_costs_reconcile_with_fills(folder):
    out, _ = folder
    fills = pd.read_csv(out / "fills.csv").query("reading == 'gpu_bubble'")
    value = (fills["size"].abs() * fills["price"]).sum()
    results = json.loads((out / "results.json").read_text())["readings"]["gpu_bubble"]["metrics"]["costs"]
    assert results == pytest.approx(value * 3e-4, abs=0.005)


def test_hindsight_is_stated_in_title_and_report(tmp_path):
    words = ("--source", "sample", "--entry", "shock", "--no-evidence")
    done = within("deepseek", "bad_news", *words, "--out", tmp_path / "out")
    assert "with hindsight" in done.stdout.lower()
    for page in ("index.html", "bad_news.html"):
        assert "hindsight" in (tmp_path / "out" / page).read_text().lower()


def test_a_plain_strategy_runs_from_the_users_folder(tmp_path):
    (tmp_path / "my_idea.py").write_text(
        "import backtrader as bt\n\n\nclass Golden(bt.Strategy):\n    '''Buy <b>and</b> hold.'''\n\n"
        "    def next(self):\n"
        "        if not self.position:\n            self.order_target_percent(target=0.9)\n"
    )
    words = ("--symbols", "SPY", "--source", "sample", "--no-evidence", "--out", "out")
    done = command("my_idea:Golden", *words, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "out" / "Golden.html").read_text()
    assert "<b>and</b>" not in page
    assert "ignored, as intended" in done.stdout


@pytest.mark.slow
def test_a_parameter_may_be_a_class(tmp_path):
    done = command(
        "backtrader.strategies:MA_CrossOver", "--symbols", "SPY", "--source", "sample", "--out", tmp_path / "out"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_list_shows_readings_with_their_claims():
    done = within("deepseek", "--list")
    assert done.returncode == 0
    assert "gpu_bubble" in done.stdout and "C1 C5 C10 C17" in done.stdout


def test_help_shows_examples():
    done = command("--help")
    assert "python -m runners.deepseek gpu_bubble fomc_tilt" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["gpu_buble"], "unknown reading 'gpu_buble'; did you mean gpu_bubble"),
        (["gpu_bubble", "gpu_bubble"], "gpu_bubble is named twice"),
        (["--hold", "0"], "'0' is not a holding period"),
        (["--rebalance", "0"], "rebalance"),
        (["--entry", "2025-01-09"], "2025-01-09 (Thursday) is not a session"),
        (["--entry", "tomorrow"], "'tomorrow' is not a date"),
        (["--entry", "2019-06-03"], "2019-06-03"),
        (["--start", "2025-03-01", "--end", "2025-02-01"], "--start 2025-03-01 comes after --end 2025-02-01"),
        (["--start", "2025-02-01", "--end", "2025-02-02"], "closed on every day"),
        (["--benchmark", "NOSUCH"], "NOSUCH"),
        (["--source", "no/such/folder"], "no/such/folder"),
        (["backtrader.strategies:MA_CrossOver"], "--symbols"),
        (["./mine.py:Idea"], "mine.py; name an existing one, as in path/to/file.py:Class"),
        (["mine.py"], "write mine.py:MyStrategy"),
        (["gpu_bubble", "--symbols", "SPY"], "--symbols is for a plain bt.Strategy"),
        (["GPU_BUBBLE"], "did you mean gpu_bubble"),
        (["bad_news", "--benchmark", "ARM", "--entry", "2023-03-01"], "the benchmark ARM has no close"),
        (["backtrader.strategies:MA_CrossOver", "--symbols", "NOSUCH"], "NOSUCH"),
        (["--no-such-option"], "--no-such-option"),
        (["gpu_bubble", "--no-evidence", "--out", "/proc/nowhere/out"], "/proc/nowhere"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_2_and_keeps_the_last_run(folder, tmp_path, words, complaint):
    out = tmp_path / "out"
    shutil.copytree(folder[0], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    source = [] if "--source" in words else ["--source", "sample"]
    place = [] if "--out" in words else ["--out", out]
    done = within("deepseek", *words, *source, *place)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1 and complaint in done.stderr
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(tmp_path.iterdir()) == [out]


def test_a_bad_file_is_one_line_and_status_2(tmp_path, market_data):
    prices = tmp_path / "prices"
    prices.mkdir()
    for symbol in ("SMH", "SPY"):
        shutil.copy(market_data / f"{symbol}.csv", prices)
    lines = (prices / "SMH.csv").read_text().splitlines()
    (prices / "SMH.csv").write_text("\n".join(lines[:-1]) + "\n" + lines[-1][:20])
    done = within("deepseek", "bad_news", "--source", prices, "--out", tmp_path / "out")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"line {len(lines)}" in done.stderr and not (tmp_path / "out").exists()


def test_an_interrupt_keeps_the_last_run(folder, market_data, tmp_path_factory):
    place, book = tmp_path_factory.mktemp("interrupted"), tmp_path_factory.mktemp("ledger") / "trials.txt"
    out = place / "out"
    shutil.copytree(folder[0], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    words = [sys.executable, "-m", "runners.deepseek", "gpu_bubble", "--source", str(market_data), "--out", str(out)]
    process = subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, "DEEPSEEK_TRIALS": str(book)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 600
    while not book.exists() and time.monotonic() < until:  # once trials are counted, evidence takes seconds
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=600)
    assert process.returncode == 130, stderr
    assert stderr.splitlines() == ["error: interrupted"]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert list(place.iterdir()) == [out]


def test_a_run_on_real_prices_ends_at_the_golden_equity(market_data, tmp_path):
    words = ("--no-evidence", "--out", tmp_path / "out", "--json")  # evidence on real prices: see tests/test_readme.py
    done = within("deepseek", "gpu_bubble", "--source", market_data, *words)
    results = json.loads(done.stdout)["readings"]["gpu_bubble"]
    assert results["metrics"]["total_return"] == pytest.approx(0.28688390, abs=1e-8)
