"""The Yahoo source with real yfinance and curl, against a local server that answers in Yahoo's format."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import calendar, load_prices
from data.errors import DataError, RequestError, SourceError
from data.sources import downloader
from data.sources.cache import Cache
from data.sources.downloader import Downloader, tidy_yahoo_frame
from data.sources.yahoo import YahooSource, last_session
from tests.resources.machines import ROOT
from tests.resources.yahoo_stub import StubSession, Yahoo, invented_bars, serving, split, with_adjusted_close

DAYS = calendar.sessions_between("2024-06-03", "2025-02-28")
LAST = "2025-02-28"
AFTER_CLOSE = "2025-01-31 21:31"  # UTC; 16:31 in New York


def raw_bars(seed: int = 1) -> pd.DataFrame:
    bars = invented_bars(DAYS, seed)
    bars.loc[["2024-09-16", "2025-01-29"], "Dividends"] = 0.5
    return bars


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    market = {"AAA": raw_bars(1), "BBB": raw_bars(2), "NEW": raw_bars(3).loc["2024-12-02":]}
    with serving({symbol: with_adjusted_close(bars) for symbol, bars in market.items()}) as stub:
        yield stub


def source_at(now: str, root: Path, address: str, refresh: bool = False) -> YahooSource:
    client = Downloader(root / "yfinance", StubSession(address), sleep=lambda _: None)
    return YahooSource(Cache(root), refresh, now=lambda: pd.Timestamp(now, tz="UTC"), downloader=client)


@pytest.fixture
def source(tmp_path: Path, yahoo: Yahoo) -> YahooSource:
    return source_at(AFTER_CLOSE, tmp_path, yahoo.address)


def unused_address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_bars_equal_those_of_the_server(source: YahooSource, yahoo: Yahoo) -> None:
    bars = source.bars(["AAA", "NEW"])
    assert list(bars) == ["AAA", "NEW"]
    for symbol, frame in bars.items():
        expected = yahoo.market[symbol].loc[:"2025-01-31"]
        np.testing.assert_array_equal(frame.index, expected.index)
        for column in ("Open", "High", "Low", "Close", "Volume", "Dividends", "Stock Splits"):
            np.testing.assert_array_equal(frame[column], expected[column])
    assert bars["AAA"].index.tz is None
    assert source.origin == "Yahoo through yfinance, to 2025-01-31"
    assert source.notes == ()
    assert source.real


def test_the_adjustment_is_computed_and_agrees_with_yahoo(source: YahooSource, yahoo: Yahoo) -> None:
    frame = source.bars(["AAA"])["AAA"]
    assert frame["Adj Close"].iloc[-1] == frame["Close"].iloc[-1]
    theirs = yahoo.market["AAA"]["Adj Close"].loc[:"2025-01-31"]
    np.testing.assert_allclose(frame["Adj Close"], theirs, rtol=1e-7)
    assert (frame["Adj Close"] != frame["Close"]).any()


def test_cached_bars_are_not_requested_again(source: YahooSource, yahoo: Yahoo) -> None:
    first = source.bars(["AAA", "BBB"])
    before = yahoo.requests
    second = source.bars(["BBB", "AAA"])
    assert yahoo.requests == before
    assert list(second) == ["BBB", "AAA"]
    pd.testing.assert_frame_equal(second["AAA"], first["AAA"], check_exact=True)


def test_only_missing_sessions_are_fetched_with_some_overlap(tmp_path: Path, yahoo: Yahoo) -> None:
    source_at(AFTER_CLOSE, tmp_path, yahoo.address).bars(["AAA"])
    yahoo.requested.clear()
    frame = source_at("2025-02-05 23:00", tmp_path, yahoo.address).bars(["AAA"])["AAA"]
    # Ten sessions before the last cached one; 20 January was a holiday.
    assert yahoo.requested == [("AAA", "2025-01-17", "2025-02-05")]
    np.testing.assert_array_equal(frame.index, DAYS[DAYS <= "2025-02-05"])


def test_an_update_equals_a_fresh_download(tmp_path: Path, yahoo: Yahoo) -> None:
    source_at("2025-01-28 21:31", tmp_path / "updated", yahoo.address).bars(["AAA"])
    updated = source_at("2025-02-05 23:00", tmp_path / "updated", yahoo.address).bars(["AAA"])["AAA"]
    fresh = source_at("2025-02-05 23:00", tmp_path / "fresh", yahoo.address).bars(["AAA"])["AAA"]
    pd.testing.assert_frame_equal(updated, fresh, check_exact=True)


@pytest.mark.parametrize("restated", ["split", "late dividend"])
def test_restated_history_is_fetched_whole(tmp_path: Path, yahoo: Yahoo, restated: str) -> None:
    source_at(AFTER_CLOSE, tmp_path, yahoo.address).bars(["AAA"])
    bars = raw_bars(1)
    if restated == "split":
        bars = split(bars, "2025-02-04", 10.0)
    else:
        bars.loc["2025-01-30", "Dividends"] = 0.25
    yahoo.market["AAA"] = with_adjusted_close(bars)
    yahoo.requested.clear()
    frame = source_at("2025-02-05 23:00", tmp_path, yahoo.address).bars(["AAA"])["AAA"]
    assert [request[1] for request in yahoo.requested] == ["2025-01-17", "2019-05-01"]
    np.testing.assert_allclose(frame["Close"], bars["Close"].loc[:"2025-02-05"], rtol=1e-12)
    assert frame["Close"].pct_change().abs().max() < 0.06


def test_an_earlier_start_is_fetched_whole(source: YahooSource, yahoo: Yahoo) -> None:
    source.bars(["AAA"])
    source.bars(["AAA"], start=pd.Timestamp("2015-01-02"))
    assert [request[1] for request in yahoo.requested] == ["2019-05-01", "2015-01-02"]


def test_refresh_fetches_whole(tmp_path: Path, yahoo: Yahoo) -> None:
    for refresh in (False, True):
        source_at(AFTER_CLOSE, tmp_path, yahoo.address, refresh).bars(["AAA"])
    assert yahoo.requested == [("AAA", "2019-05-01", "2025-01-31")] * 2


@pytest.mark.parametrize(
    ("now", "last"),
    [
        ("2025-01-31 21:29", "2025-01-30"),  # 16:29 in New York: the bar is not final yet
        ("2025-01-31 21:30", "2025-01-31"),
        ("2025-02-01 12:00", "2025-01-31"),  # a Saturday
        ("2025-01-09 23:00", "2025-01-08"),  # the day of mourning
        ("2024-07-15 20:30", "2024-07-15"),  # summer time
        ("2024-07-15 20:29", "2024-07-12"),
    ],
)
def test_the_unfinished_bar_is_left_out(tmp_path: Path, yahoo: Yahoo, now: str, last: str) -> None:
    assert last_session(pd.Timestamp(now, tz="UTC")) == pd.Timestamp(last)
    assert source_at(now, tmp_path, yahoo.address).bars(["AAA"])["AAA"].index[-1] == pd.Timestamp(last)


def test_end_is_included(source: YahooSource) -> None:
    end = pd.Timestamp("2025-01-27")
    frame = source.bars(["AAA"], end=end)["AAA"]
    assert frame.index[-1] == end
    assert frame["Adj Close"].iloc[-1] == frame["Close"].iloc[-1]


def test_an_end_that_is_cached_needs_no_yahoo(tmp_path: Path, yahoo: Yahoo) -> None:
    source_at(AFTER_CLOSE, tmp_path, yahoo.address).bars(["AAA"])
    later = source_at("2025-06-02 23:00", tmp_path, unused_address())
    assert later.bars(["AAA"], end=pd.Timestamp("2025-01-31"))["AAA"].index[-1] == pd.Timestamp("2025-01-31")
    assert later.bars(["AAA"], end=pd.Timestamp("2025-02-02"))["AAA"].index[-1] == pd.Timestamp("2025-01-31")
    assert later.notes == ()


def test_a_bar_published_late_ends_all_symbols_together(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.market["BBB"].loc["2025-01-31", ["Open", "High", "Low", "Close", "Adj Close", "Volume"]] = np.nan
    bars = source.bars(["AAA", "BBB"])
    assert {frame.index[-1] for frame in bars.values()} == {pd.Timestamp("2025-01-30")}
    assert not bars["BBB"].isna().any(axis=None)
    assert source.origin.endswith("to 2025-01-30")


def test_a_gap_inside_is_left_for_the_quality_check(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.market["AAA"].loc["2025-01-15", "Close"] = np.nan
    frame = source.bars(["AAA"])["AAA"]
    assert np.isnan(frame.loc["2025-01-15", "Close"])


def test_a_symbol_that_stopped_trading_is_not_hidden(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.market["BBB"] = yahoo.market["BBB"].loc[:"2024-12-31"]
    bars = source.bars(["AAA", "BBB"])
    assert bars["BBB"].index[-1] == pd.Timestamp("2024-12-31")
    assert bars["AAA"].index[-1] == pd.Timestamp("2025-01-31")


def test_an_unknown_symbol_is_a_wrong_request(source: YahooSource) -> None:
    with pytest.raises(RequestError, match="Yahoo has no prices for 'NVDIA'"):
        source.bars(["AAA", "NVDIA"])


@pytest.mark.parametrize("wrong", ["Close", "Adj Close"])
def test_prices_silently_unadjusted_are_refused_and_not_kept(source: YahooSource, yahoo: Yahoo, wrong: str) -> None:
    bars = yahoo.market["AAA"]
    right = "Adj Close" if wrong == "Close" else "Close"
    yahoo.market["AAA"] = bars.assign(**{wrong: bars[right]})
    with pytest.raises(DataError, match=r"^AAA on 2024-09-16, Dividends: the dividend of 0\.5"):
        source.bars(["AAA"])
    assert source.cache.read("AAA") is None


def test_a_rate_limit_is_waited_out(source: YahooSource, yahoo: Yahoo) -> None:
    waits: list[float] = []
    assert source.downloader is not None
    source.downloader.sleep = waits.append
    yahoo.refusals = 5
    assert "AAA" in source.bars(["AAA"])
    # yfinance itself tries twice before it gives up.
    assert len(waits) == 2
    assert 2.25 <= waits[0] <= 3.75
    assert 4.5 <= waits[1] <= 7.5


def test_a_failing_server_is_retried_and_not_taken_for_a_delisting(source: YahooSource, yahoo: Yahoo) -> None:
    yahoo.failures = 2
    assert "AAA" in source.bars(["AAA"])
    yahoo.failures = 10**6
    with pytest.raises(SourceError, match="Yahoo failed to answer for BBB"):
        source.bars(["BBB"])


@pytest.mark.slow
def test_damaged_databases_of_yfinance_are_reported_and_recreated(tmp_path: Path, yahoo: Yahoo) -> None:
    """In separate processes, because yfinance opens its databases only once."""
    (tmp_path / "yfinance").mkdir()
    for name in ("tkr-tz.db", "cookies.db"):
        (tmp_path / "yfinance" / name).write_bytes(b"scribble" * 1000)
    code = "import sys; from tests.data.sources.test_yahoo import *\n"
    code += "print(len(source_at(AFTER_CLOSE, Path(sys.argv[1]), sys.argv[2]).bars(['AAA'])['AAA']))"
    arguments = [sys.executable, "-c", code, str(tmp_path), yahoo.address]
    first, second = (subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False) for _ in range(2))
    assert "SourceError: yfinance could not use its databases in" in first.stderr and "removed" in first.stderr
    assert int(second.stdout) == len(yahoo.market["AAA"].loc[:"2025-01-31"])


def test_a_refused_connection_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"Yahoo cannot be reached .*--source sample or --source DIR"):
        source_at(AFTER_CLOSE, tmp_path, unused_address()).bars(["AAA"])


def test_a_name_that_does_not_resolve_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)  # a proxy would resolve the name; .invalid never exists (RFC 6761)
    with pytest.raises(SourceError, match="Yahoo cannot be reached"):
        source_at(AFTER_CLOSE, tmp_path, "http://yahoo.invalid").bars(["AAA"])


def test_a_silent_server_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloader, "REACH", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(SourceError, match=r"no answer within 0\.3 s"):
            source_at(AFTER_CLOSE, tmp_path, address).bars(["AAA"])


def test_the_stale_cache_is_used_if_yahoo_is_unreachable(tmp_path: Path, yahoo: Yahoo) -> None:
    source_at("2025-01-28 22:00", tmp_path, yahoo.address).bars(["AAA"])
    source_at(AFTER_CLOSE, tmp_path, yahoo.address).bars(["BBB"])
    offline = source_at("2025-02-05 23:00", tmp_path, unused_address())
    bars = offline.bars(["AAA", "BBB"])
    assert {frame.index[-1] for frame in bars.values()} == {pd.Timestamp("2025-01-28")}
    assert offline.notes[0].startswith("cached prices, to 2025-01-28: Yahoo cannot be reached")
    assert offline.origin.endswith("to 2025-01-28")
    with pytest.raises(SourceError):
        offline.bars(["AAA", "NEW"])
    with pytest.raises(SourceError):
        offline.bars(["AAA"], start=pd.Timestamp("2010-01-04"))
    with pytest.raises(SourceError):
        source_at("2025-02-05 23:00", tmp_path, unused_address(), refresh=True).bars(["AAA"])


def test_a_damaged_cache_is_reported_along_with_an_unreachable_yahoo(tmp_path: Path, yahoo: Yahoo) -> None:
    online = source_at(AFTER_CLOSE, tmp_path, yahoo.address)
    online.bars(["AAA", "BBB"])
    path = online.cache.path("AAA")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError) as caught:
        source_at(AFTER_CLOSE, tmp_path, unused_address()).bars(["AAA", "BBB"])
    message = str(caught.value)
    assert message.startswith(f"the cached prices of AAA in {path} are damaged (") and "\n" not in message
    assert "; Yahoo cannot be reached (" in message and message.endswith("--source DIR")


@pytest.mark.parametrize("ticker_first", [True, False])
def test_a_ticker_level_of_the_columns_is_removed(ticker_first: bool) -> None:
    bars = with_adjusted_close(raw_bars()).tz_localize("America/New_York")
    keyed = pd.concat({"AAA": bars, "BBB": bars * 2}, axis=1)
    frame = keyed if ticker_first else keyed.swaplevel(axis=1).sort_index(axis=1)
    plain = tidy_yahoo_frame(frame, "AAA", pd.Timestamp(LAST))
    np.testing.assert_array_equal(plain["Close"], bars["Close"])
    assert plain.index.tz is None
    assert plain.columns.nlevels == 1


def test_columns_of_other_tickers_are_rejected() -> None:
    keyed = pd.concat({"BBB": with_adjusted_close(raw_bars())}, axis=1)
    with pytest.raises(ValueError, match="an answer without AAA"):
        tidy_yahoo_frame(keyed, "AAA", pd.Timestamp(LAST))


def test_capital_gains_count_as_dividends() -> None:
    bars = with_adjusted_close(raw_bars())
    bars["Capital Gains"] = np.where(bars.index == "2024-12-16", 0.2, 0.0)
    plain = tidy_yahoo_frame(bars, "AAA", pd.Timestamp(LAST))
    assert "Capital Gains" not in plain
    assert plain.loc["2024-12-16", "Dividends"] == 0.2


def test_concurrent_sources_download_once(tmp_path: Path, yahoo: Yahoo) -> None:
    sources = [source_at(AFTER_CLOSE, tmp_path, yahoo.address) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda source: source.bars(["AAA", "BBB"]), sources)
    assert sorted(request[0] for request in yahoo.requested) == ["AAA", "BBB"]
    for symbol, frame in first.items():
        pd.testing.assert_frame_equal(frame, second[symbol], check_exact=True)


def test_real_funds_through_yahoo_equal_the_folder(tmp_path: Path, market_data: Path) -> None:
    funds = ("SPY", "BIL", "TLT", "SMH")
    market = {}
    for fund in funds:
        bars = pd.read_csv(market_data / f"{fund}.csv", index_col=0, parse_dates=True)
        paid = pd.read_csv(market_data.parent / "dividends" / f"{fund}.csv", index_col=0, parse_dates=True).iloc[:, 0]
        market[fund] = bars.assign(Dividends=paid.reindex(bars.index).fillna(0.0), **{"Stock Splits": 0.0})
    with serving(market) as stub:
        fetched = load_prices(funds, source=source_at("2026-05-01 23:00", tmp_path, stub.address))
    folder = load_prices(funds, source=market_data)
    np.testing.assert_array_equal(fetched.close, folder.close)
    np.testing.assert_allclose(fetched.rebased(0).close, folder.rebased(0).close, rtol=3e-6)
