from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

import strategies
from data import calendar
from data.sources import downloader
from data.sources.yahoo import last_session
from data.universe import AI_UNIVERSE
from runners.cli import console
from runners.engine.study import prepare
from runners.prices import FUNDS, OTHERS, prices
from tests.resources.yahoo_stub import StubSession, Yahoo, invented_bars, serving, with_adjusted_close

Command = Callable[..., tuple[int, str, str]]
LAST = last_session(pd.Timestamp.now("UTC"))


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run `python -m runners.prices`; returns exit status, standard output and standard error."""
    monkeypatch.setenv("DEEPSEEK_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEEPSEEK_PRICES", raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["prices", *words])
        with pytest.raises(SystemExit) as left:
            console.run_command(prices)
        return int(left.value.code or 0), *capfd.readouterr()

    return run


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[Yahoo]:
    days = calendar.sessions_between("2024-06-03", LAST)
    paying = invented_bars(days, 1)
    paying.loc[["2024-09-16", "2025-01-29"], "Dividends"] = 0.5
    market = {"AAA": paying, "NEW": invented_bars(days[days >= "2025-01-02"], 2)}
    with serving({symbol: with_adjusted_close(bars) for symbol, bars in market.items()}) as stub:
        reach_out_to(stub.address, monkeypatch)
        yield stub


def reach_out_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    local = partial(downloader.Downloader, session=StubSession(address), sleep=lambda _: None)
    monkeypatch.setattr(downloader, "Downloader", local)


def test_prices_of_yahoo_are_shown_as_json(command: Command, yahoo: Yahoo) -> None:
    status, out, err = command("AAA", "NEW", "--source", "yahoo", "--end", "2025-01-31", "--json")
    assert (status, err) == (0, "")
    shown = json.loads(out)
    assert shown["origin"] == "Yahoo through yfinance, to 2025-01-31"
    paying, new = shown["symbols"]["AAA"], shown["symbols"]["NEW"]
    close = yahoo.market["AAA"]["Close"].loc[:"2025-01-31"]
    assert (paying["first"], paying["last"], paying["rows"]) == ("2024-06-03", "2025-01-31", len(close))
    assert (paying["dividends"], paying["listed_later"], paying["fault"]) == (2, False, None)
    received = (close + yahoo.market["AAA"]["Dividends"]) / close.shift() - 1
    assert paying["largest_move_on"] == f"{received.abs().idxmax():%Y-%m-%d}"
    assert paying["largest_move"] == pytest.approx(received[received.abs().idxmax()], abs=1e-4)
    assert (new["first"], new["rows"], new["listed_later"]) == ("2025-01-02", 20, True)
    assert len(paying["sha256"]) == 64


def test_the_fingerprint_of_a_window_does_not_depend_on_later_dividends(command: Command, yahoo: Yahoo) -> None:
    short = json.loads(command("AAA", "--source", "yahoo", "--end", "2025-01-28", "--json")[1])
    later = yahoo.market["AAA"]
    later.loc["2025-06-02", "Dividends"] = 0.4
    yahoo.market["AAA"] = with_adjusted_close(later)
    again = json.loads(command("AAA", "--source", "yahoo", "--end", "2025-01-28", "--refresh", "--json")[1])
    assert again["symbols"]["AAA"]["sha256"] == short["symbols"]["AAA"]["sha256"]
    assert len(yahoo.requested) == 2


def test_a_table_fits_eighty_columns(command: Command, yahoo: Yahoo) -> None:
    status, out, _ = command("AAA", "NEW", "--source", "yahoo")
    table = out.splitlines()[1:5]
    assert status == 0
    assert table[0].split() == ["symbol", "first", "last", "rows", "paid", "largest", "on", "SHA-256", "checks"]
    assert max(map(len, table)) <= 80
    assert "2025-01-02*" in table[3]
    assert f"{LAST:%Y-%m-%d}" in table[2]


def test_a_symbol_not_yet_listed_is_no_fault(command: Command, yahoo: Yahoo) -> None:
    status, out, err = command("AAA", "NEW", "--source", "yahoo", "--end", "2024-12-31", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["symbols"]["NEW"]["first"] is None


@pytest.mark.parametrize("words", [("--source", "yahoo"), ("--refresh",)])
def test_an_unreachable_yahoo_is_status_1_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    reach_out_to("http://127.0.0.1:9", monkeypatch)
    status, out, err = command("AAA", *words)
    assert (status, out) == (1, "")
    assert err.startswith("error: Yahoo cannot be reached")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("NVDIA", "--source", "yahoo"), "Yahoo has no prices for 'NVDIA'"),
        (("../etc",), "'../etc' is not a symbol"),
        (("AAA", "--start", "soon"), "--start 'soon' is not a date"),
        (("AAA", "--source", "sample", "--refresh"), "--refresh"),
        (("AAA", "--source", "nowhere"), "nowhere"),
        (("--no-such-option",), "--no-such-option"),
    ],
)
def test_a_wrong_request_is_status_2_in_one_line(
    command: Command, yahoo: Yahoo, words: tuple[str, ...], said: str
) -> None:
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not yahoo.requested


def test_a_failed_check_is_status_2_after_the_table(command: Command, yahoo: Yahoo, tmp_path: Path) -> None:
    for symbol in yahoo.market:
        bars = yahoo.market[symbol].loc["2025-01-02":"2025-03-03"].drop(columns=["Dividends", "Stock Splits"])
        bars["Adj Close"] = bars["Close"]
        if symbol == "AAA":
            bars = bars.drop(pd.Timestamp("2025-02-04"))
        bars.to_csv(tmp_path / f"{symbol}.csv", index_label="Date")
    status, out, err = command("AAA", "NEW", "--source", str(tmp_path))
    assert status == 2
    assert "failed" in next(line for line in out.splitlines() if line.startswith("AAA "))
    assert "passed" in next(line for line in out.splitlines() if line.startswith("NEW "))
    assert err.startswith("error: AAA on 2025-02-0")
    assert err.count("\n") == 1


def test_an_interruption_is_status_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.sources.yahoo.YahooSource.bars", interrupted_bars)
    status, _, err = command("AAA", "--source", "yahoo")
    assert status == 130
    assert err.strip().startswith("error: interrupted")


def interrupted_bars(*_: object) -> dict[str, pd.DataFrame]:
    raise KeyboardInterrupt


def test_the_default_symbols_cover_all_readings() -> None:
    needed = {
        symbol for name in strategies.names() for symbol in prepare(name, strategies.load(name), "SPY").required_symbols
    }
    assert needed <= {*AI_UNIVERSE, *OTHERS, *FUNDS}


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys; import runners.prices; "
        "heavy = {'yfinance', 'curl_cffi', 'pyarrow', 'pandas', 'numpy', 'exchange_calendars', 'backtrader'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_notices_are_shown_and_do_not_fail(command: Command, tmp_path: Path) -> None:
    bars = with_adjusted_close(invented_bars(calendar.sessions_between("2025-01-02", "2025-03-03"), 1))
    fields = ["Open", "High", "Low", "Close", "Adj Close"]
    bars.loc["2025-02-13", [*fields, "Volume"]] = bars.loc["2025-02-12", [*fields, "Volume"]]
    bars.loc["2025-01-03", "Low"] = 0.0
    bars.to_csv(tmp_path / "AAA.csv", index_label="Date")
    words = ("AAA", "--source", str(tmp_path), "--start", "2025-01-06")
    status, out, err = command(*words)
    assert (status, err) == (0, "")
    assert "AAA: the bar of 2025-02-13 repeats that of the day before" in " ".join(out.split())
    status, out, err = command(*words, "--json")
    unused, repeated = json.loads(out)["symbols"]["AAA"]["notices"]
    assert unused == "Outside the window, and not used: AAA on 2025-01-03, Low: 0 is not a price (AAA.csv, line 3)"
    assert repeated.startswith("AAA: the bar of 2025-02-13 repeats")
    status, out, err = command("AAA", "--source", str(tmp_path))
    assert status == 2
    assert err.endswith("or leave the bad rows out with --start 2025-01-06\n")
