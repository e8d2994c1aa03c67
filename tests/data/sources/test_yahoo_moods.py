"""Yahoo's failures: each ends in correct prices or in a one-line error, never in wrong prices.

yfinance and curl are real and talk to a local server. docs/reliability.md summarises the failures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import calendar, load_prices
from data.errors import DataError, RequestError, SourceError
from data.prices import Prices
from data.sources import downloader
from data.sources.cache import Cache
from data.sources.downloader import Downloader
from data.sources.yahoo import YahooSource, last_session
from tests.resources.yahoo_stub import StubSession, Yahoo, invented_bars, serving, split, with_adjusted_close

pytestmark = pytest.mark.thorough

# Includes both changes of daylight saving time (3 November 2024, 9 March 2025) and three half days.
DAYS = calendar.sessions_between("2024-06-03", "2025-03-31")
JANUARY, FEBRUARY, MARCH = "2025-01-31 21:31", "2025-02-05 23:00", "2025-03-31 23:00"  # UTC
PRICES = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]


def raw_bars(seed: int = 1) -> pd.DataFrame:
    bars = invented_bars(DAYS, seed)
    bars.loc[["2024-09-16", "2025-01-29"], "Dividends"] = 0.5
    return bars


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with serving(
        {symbol: with_adjusted_close(raw_bars(seed)) for seed, symbol in enumerate(("AAA", "BBB"), 1)}
    ) as stub:
        yield stub


@pytest.fixture
def source(tmp_path: Path, yahoo: Yahoo) -> Callable[[str], YahooSource]:
    """The source at a given time; all share one cache."""

    def at(now: str, **changes: bool) -> YahooSource:
        client = Downloader(tmp_path / "yfinance", StubSession(yahoo.address), sleep=lambda _: None)
        clock = pd.Timestamp(now, tz="UTC")
        return YahooSource(Cache(tmp_path), now=lambda: clock, downloader=client, **changes)

    return at


def assert_prices(prices: Prices, bars: pd.DataFrame, last: str, symbol: str = "AAA") -> None:
    """`prices` equal `bars` up to the session `last`, adjusted for dividends."""
    expected = with_adjusted_close(bars.loc[:last])
    assert list(prices.sessions) == list(expected.index)
    column = prices.columns[symbol]
    np.testing.assert_allclose(prices.close[:, column], expected["Close"], rtol=1e-12)
    np.testing.assert_allclose((prices.close * prices.factor)[:, column], expected["Adj Close"], rtol=1e-7)


META = dict.fromkeys(("currency", "symbol", "instrumentType", "timezone"), "AAA") | {
    "exchangeTimezoneName": "America/New_York",
    "gmtoffset": -18000,
    "dataGranularity": "1d",
    "priceHint": 2,
    "validRanges": ["1d"],
}
EMPTY = {
    "no results": json.dumps({"chart": {"result": [], "error": None}}),
    "null": json.dumps({"chart": {"result": None, "error": None}}),
    "no chart": "{}",
    "no sessions": json.dumps(
        {"chart": {"result": [{"meta": META, "indicators": {"quote": [{}], "adjclose": [{}]}}], "error": None}}
    ),
    "nothing at all": "",
    "a page of HTML": "<html>Will be right back</html>",
}


@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
def test_after_an_answer_without_prices_the_cache_is_used(
    source: Callable[..., YahooSource], yahoo: Yahoo, body: str
) -> None:
    yahoo.empty = body
    # A new symbol: no prices, or a nonsensical answer.
    with pytest.raises((RequestError, SourceError), match=r"has no prices for 'AAA'|answer for AAA makes no sense"):
        load_prices(["AAA"], source=source(JANUARY))
    yahoo.empty = None
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.empty = body
    later = source(FEBRUARY)
    assert_prices(load_prices(["AAA"], source=later), raw_bars(), "2025-01-31")
    assert later.notes[0].startswith("cached prices, to 2025-01-31: Yahoo")
    with pytest.raises((RequestError, SourceError), match="AAA"):
        load_prices(["AAA"], source=source(FEBRUARY, refresh=True))
    yahoo.empty = None
    assert_prices(load_prices(["AAA"], source=source(FEBRUARY)), raw_bars(), "2025-02-05")


def test_a_delisted_symbol_keeps_its_cached_prices_with_a_note(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    del yahoo.market["AAA"]
    later = source(FEBRUARY)
    prices = load_prices(["AAA", "BBB"], source=later)
    assert_prices(prices, raw_bars(1), "2025-01-31")
    assert_prices(prices, raw_bars(2), "2025-01-31", "BBB")
    assert "Yahoo no longer has prices for AAA (delisted, or Yahoo fails)" in later.notes[0]
    remedied = source(FEBRUARY)
    load_prices(["AAA", "BBB"], end="2025-01-31", source=remedied)  # the remedy in the note
    assert remedied.notes == ()


def test_a_history_with_a_later_start_is_not_accepted(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    restated = with_adjusted_close(split(raw_bars(), "2025-02-04", 10.0))
    yahoo.market["AAA"] = restated.loc["2024-12-02":]
    later = source(FEBRUARY)
    assert_prices(load_prices(["AAA"], source=later), raw_bars(), "2025-01-31")
    assert "Yahoo left out the prices of AAA before 2024-12-02; the cache has them from 2024-06-03" in later.notes[0]
    yahoo.market["AAA"] = restated
    assert_prices(load_prices(["AAA"], source=source(FEBRUARY)), split(raw_bars(), "2025-02-04", 10.0), "2025-02-05")


@pytest.mark.parametrize(
    ("rows", "left_out"), [(slice("2024-12-02", None), "before 2024"), (slice("2025-01-29"), "after")]
)
def test_a_refresh_shortens_the_cache_only_on_request_and_with_a_note(
    source: Callable[..., YahooSource], yahoo: Yahoo, rows: slice, left_out: str
) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.market["AAA"] = with_adjusted_close(raw_bars().loc[rows])
    with pytest.raises(SourceError, match=f"^Yahoo left out the prices of AAA {left_out}"):
        load_prices(["AAA"], source=source(JANUARY, refresh=True))
    assert_prices(load_prices(["AAA"], source=source(JANUARY)), raw_bars(), "2025-01-31")
    current = source(JANUARY, refresh=True, shorter=True)
    prices = load_prices(["AAA"], source=current)
    assert len(prices.sessions) == len(raw_bars().loc[rows].loc[:"2025-01-31"])
    assert len(current.notes) == 1 and current.notes[0].startswith(f"Yahoo left out the prices of AAA {left_out}")
    assert current.notes[0].endswith("replaced, as requested")


@pytest.mark.parametrize("ratio", [1.0, 10.0], ids=["as before", "restated"])
def test_a_history_with_an_earlier_end_is_not_accepted(
    source: Callable[..., YahooSource], yahoo: Yahoo, tmp_path: Path, ratio: float
) -> None:
    load_prices(["AAA"], source=source(FEBRUARY))
    restated = with_adjusted_close(split(raw_bars(), "2025-01-14", ratio) if ratio > 1 else raw_bars())
    yahoo.market["AAA"] = restated.loc[:"2025-01-17"]
    later = source(MARCH)
    assert_prices(load_prices(["AAA"], source=later), raw_bars(), "2025-02-05")
    assert "AAA after 2025-01-17; the cache has them to 2025-02-05" in later.notes[0]
    cached = Cache(tmp_path).read("AAA")
    assert cached is not None and cached.last == pd.Timestamp("2025-02-05")


@pytest.mark.parametrize("ratio", [10.0, 2.0, 1.5, 0.1])
def test_a_later_split_restates_the_whole_cache(source: Callable[..., YahooSource], yahoo: Yahoo, ratio: float) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    restated = split(raw_bars(), "2025-02-04", ratio)
    yahoo.market["AAA"] = with_adjusted_close(restated)
    prices = load_prices(["AAA", "BBB"], source=source(FEBRUARY))
    assert_prices(prices, restated, "2025-02-05")
    moves = prices.close[1:, 0] / prices.close[:-1, 0]
    assert np.abs(moves - 1).max() < 0.06


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1])
def test_a_listed_but_unadjusted_split_is_rejected_and_not_cached(
    source: Callable[..., YahooSource], yahoo: Yahoo, ratio: float
) -> None:
    bars = split(raw_bars(), "2025-01-22", ratio)
    before = bars.index < "2025-01-22"
    bars.loc[before, ["Open", "High", "Low", "Close", "Dividends"]] *= ratio
    yahoo.market["AAA"] = with_adjusted_close(bars)
    current = source(JANUARY)
    with pytest.raises(DataError, match=r"^AAA on 2025-01-22, Close: the move from .* split"):
        load_prices(["AAA"], source=current)
    assert current.cache.read("AAA") is None


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            ["Close"],
            r"^AAA on 2025-01-15, Close: nan is not a price; fetch it again with .* AAA --source yahoo --refresh,",
        ),
        (
            ["Open"],
            r"^AAA on 2025-01-15, Open: nan is not a price; fetch it again with .* AAA --source yahoo --refresh,",
        ),
        (PRICES, r"^AAA on 2025-01-15, Date: this session has no row \(1 missing in all\)"),
        (None, r"^AAA on 2025-01-15, Date: this session has no row \(1 missing in all\)"),
    ],
    ids=["close", "open", "the whole bar", "the row"],
)
def test_a_gap_is_named_and_fetched_again_by_the_next_run(
    source: Callable[..., YahooSource], yahoo: Yahoo, columns: list[str] | None, complaint: str
) -> None:
    whole = yahoo.market["AAA"]
    day = pd.Timestamp("2025-01-15")
    incomplete = whole.drop(day) if columns is None else whole.copy()
    if columns is not None:
        incomplete.loc[day, columns] = np.nan
    yahoo.market["AAA"] = incomplete
    with pytest.raises(DataError, match=complaint):
        load_prices(["AAA"], source=source(JANUARY))
    yahoo.market["AAA"] = whole
    assert_prices(load_prices(["AAA"], source=source(JANUARY)), raw_bars(), "2025-01-31")


def test_a_gap_in_new_bars_leaves_the_cache_unchanged(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    whole = yahoo.market["AAA"]
    yahoo.market["AAA"] = whole.drop(pd.Timestamp("2025-02-04"))
    with pytest.raises(DataError, match="2025-02-04, Date: this session has no row"):
        load_prices(["AAA"], source=source(FEBRUARY))
    assert_prices(load_prices(["AAA"], end="2025-01-31", source=source(FEBRUARY)), raw_bars(), "2025-01-31")
    yahoo.market["AAA"] = whole
    assert_prices(load_prices(["AAA"], source=source(FEBRUARY)), raw_bars(), "2025-02-05")


def test_a_few_missing_rows_at_the_end_shorten_all_symbols_and_more_are_named(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    yahoo.market["BBB"] = with_adjusted_close(raw_bars(2).loc[:"2025-01-29"])
    prices = load_prices(["AAA", "BBB"], source=source(JANUARY))
    assert_prices(prices, raw_bars(1), "2025-01-29")
    assert_prices(prices, raw_bars(2), "2025-01-29", "BBB")
    yahoo.market["BBB"] = with_adjusted_close(raw_bars(2).loc[:"2025-01-24"])
    with pytest.raises(
        DataError, match=r"^BBB ends on 2025-01-24 but AAA on 2025-01-31: refresh the prices of BBB, or"
    ):
        load_prices(["AAA", "BBB"], source=source(JANUARY, refresh=True, shorter=True))


def test_a_duplicate_running_session_is_dropped(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    bars = yahoo.market["AAA"].loc[:"2025-01-31"]
    yahoo.market["AAA"] = pd.concat([bars, bars.loc[["2025-01-31"]] * 1.01])
    during = source("2025-01-31 18:00")  # 13:00 in New York
    assert_prices(load_prices(["AAA"], source=during), raw_bars(), "2025-01-30")


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Pacific/Auckland", "America/Los_Angeles"])
def test_the_time_zone_of_the_answer_moves_no_session(
    source: Callable[..., YahooSource], yahoo: Yahoo, zone: str
) -> None:
    yahoo.zone = zone
    if zone == "Pacific/Auckland":  # New York's morning is the next day there
        with pytest.raises(DataError, match=r"^AAA on 2024-06-08, Date: the exchange was closed"):
            load_prices(["AAA"], source=source(JANUARY))
        yahoo.zone = "America/New_York"
    assert_prices(load_prices(["AAA"], source=source(JANUARY)), raw_bars(), "2025-01-31")
    assert_prices(load_prices(["AAA"], source=source(FEBRUARY)), raw_bars(), "2025-02-05")


def test_daylight_saving_time_moves_no_session(source: Callable[..., YahooSource]) -> None:
    # Cached in standard time, extended in daylight saving time; the overlap begins before the change.
    load_prices(["AAA"], source=source("2025-03-07 21:31"))
    assert_prices(load_prices(["AAA"], source=source("2025-03-10 20:31")), raw_bars(), "2025-03-10")
    assert_prices(load_prices(["AAA"], source=source(MARCH)), raw_bars(), "2025-03-31")


@pytest.mark.parametrize("half_day", ["2024-07-03", "2024-11-29", "2024-12-24"])
def test_a_half_day_is_final_at_the_usual_hour(source: Callable[..., YahooSource], half_day: str) -> None:
    closed = pd.Timestamp(f"{half_day} 13:31", tz="America/New_York")  # half an hour after its close
    usual = pd.Timestamp(f"{half_day} 16:30", tz="America/New_York")
    before = calendar.sessions_between("2024-06-03", half_day)[-2]
    assert (last_session(closed), last_session(usual)) == (before, pd.Timestamp(half_day))
    current = source(str(usual.tz_convert("UTC").tz_localize(None)))
    assert_prices(load_prices(["AAA"], source=current), raw_bars(), half_day)


def test_a_long_rate_limit_ends_in_an_error_within_the_time_limit(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    waits: list[float] = []
    current = source(JANUARY)
    assert current.downloader is not None
    current.downloader.sleep = waits.append
    load_prices(["BBB"], source=current)
    yahoo.refusals = 10**6
    with pytest.raises(SourceError) as caught:
        load_prices(["AAA"], source=current)
    assert current.cache.read("BBB") is not None
    message = str(caught.value)
    assert "\n" not in message and message.startswith("Yahoo limits the rate of requests (HTTP 429) and did not stop")
    assert message.endswith("for AAA; earlier symbols are cached: try later, or use --source sample or --source DIR")
    # 3, 6, 12 and 24 seconds, each plus or minus 25 %; the next wait would exceed one minute in all.
    assert len(waits) in (4, 5) and sum(waits) <= downloader.PATIENCE
    for attempt, wait in enumerate(waits):
        assert 0.75 * 3 * 2**attempt <= wait <= 1.25 * 3 * 2**attempt
    yahoo.refusals = 0
    assert_prices(load_prices(["AAA"], source=source(JANUARY)), raw_bars(), "2025-01-31")


def test_under_a_rate_limit_the_cache_is_used(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.refusals = 10**6
    later = source(FEBRUARY)
    assert_prices(load_prices(["AAA"], source=later), raw_bars(), "2025-01-31")
    assert later.notes[0].startswith("cached prices, to 2025-01-31: Yahoo limits the rate of requests (HTTP 429)")


def test_slow_requests_end_with_the_time_budget(
    source: Callable[..., YahooSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    current = source(JANUARY)
    assert current.downloader is not None
    reach = current.downloader.reach

    def late() -> None:
        reach()
        current.downloader.session.deadline = 0.0  # as if the probe had used up all the time

    monkeypatch.setattr(current.downloader, "reach", late)
    with pytest.raises(SourceError, match=r"Yahoo failed to answer for AAA \(Yahoo took more than 300 s\): try later"):
        load_prices(["AAA"], source=current)


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "of another symbol"])
def test_a_damaged_cache_file_is_detected_fetched_again_and_reported(
    source: Callable[..., YahooSource], harm: str
) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    current = source(JANUARY)
    path = current.cache.path("AAA")
    whole = path.read_bytes()
    middle = len(whole) // 3
    damaged = {
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "emptied": b"",
        "of another symbol": current.cache.path("BBB").read_bytes(),
    }
    path.write_bytes(damaged[harm])
    assert_prices(load_prices(["AAA"], source=current), raw_bars(), "2025-01-31")
    assert len(current.notes) == 1
    assert current.notes[0].startswith(f"the cached prices of AAA in {path} are damaged (")
    assert current.notes[0].endswith(") and were fetched again")
    again = source(JANUARY)
    load_prices(["AAA"], source=again)
    assert again.notes == ()
