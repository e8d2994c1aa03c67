"""What Yahoo does on its bad days: each ends in the right prices or in a line that says what is wrong, never in others.

yfinance and curl run for real, against a server on the loopback. docs/reliability.md lists the moods with their tests.
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

# Across the ends of summer time (3 November 2024) and of winter time (9 March 2025), with three half days.
DAYS = calendar.sessions_between("2024-06-03", "2025-03-31")
JANUARY, FEBRUARY, MARCH = "2025-01-31 21:31", "2025-02-05 23:00", "2025-03-31 23:00"  # UTC
PRICES = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]


def raw(seed: int = 1) -> pd.DataFrame:
    bars = invented_bars(DAYS, seed)
    bars.loc[["2024-09-16", "2025-01-29"], "Dividends"] = 0.5
    return bars


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with serving({symbol: with_adjusted_close(raw(seed)) for seed, symbol in enumerate(("AAA", "BBB"), 1)}) as stub:
        yield stub


@pytest.fixture
def source(tmp_path: Path, yahoo: Yahoo) -> Callable[[str], YahooSource]:
    """The source at some time, with one cache."""

    def at(now: str, **changes: bool) -> YahooSource:
        client = Downloader(tmp_path / "yfinance", StubSession(yahoo.address), sleep=lambda _: None)
        clock = pd.Timestamp(now, tz="UTC")
        return YahooSource(Cache(tmp_path), now=lambda: clock, downloader=client, **changes)

    return at


def assert_right(prices: Prices, bars: pd.DataFrame, last: str, symbol: str = "AAA") -> None:
    """Prices are these bars up to that session, adjusted for their dividends."""
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
def test_an_answer_without_prices_is_no_price_and_the_cache_stands_in(
    source: Callable[..., YahooSource], yahoo: Yahoo, body: str
) -> None:
    yahoo.empty = body
    # A new symbol: Yahoo has nothing, or makes no sense.
    with pytest.raises((RequestError, SourceError), match=r"has no prices for 'AAA'|answer for AAA makes no sense"):
        load_prices(["AAA"], source=source(JANUARY))
    yahoo.empty = None
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.empty = body
    later = source(FEBRUARY)
    assert_right(load_prices(["AAA"], source=later), raw(), "2025-01-31")
    assert later.notes[0].startswith("cached prices, to 2025-01-31: Yahoo")
    with pytest.raises((RequestError, SourceError), match="AAA"):
        load_prices(["AAA"], source=source(FEBRUARY, refresh=True))
    yahoo.empty = None
    assert_right(load_prices(["AAA"], source=source(FEBRUARY)), raw(), "2025-02-05")


def test_a_symbol_that_is_delisted_keeps_what_was_cached_and_says_so(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    del yahoo.market["AAA"]
    later = source(FEBRUARY)
    prices = load_prices(["AAA", "BBB"], source=later)
    assert_right(prices, raw(1), "2025-01-31")
    assert_right(prices, raw(2), "2025-01-31", "BBB")
    assert "Yahoo has no prices for AAA any more (it was delisted, or it fails)" in later.notes[0]
    told = source(FEBRUARY)
    load_prices(["AAA", "BBB"], end="2025-01-31", source=told)  # what a user is told to do
    assert told.notes == ()


def test_a_history_that_got_shorter_is_not_taken(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    restated = with_adjusted_close(split(raw(), "2025-02-04", 10.0))
    yahoo.market["AAA"] = restated.loc["2024-12-02":]
    later = source(FEBRUARY)
    assert_right(load_prices(["AAA"], source=later), raw(), "2025-01-31")
    assert (
        "Yahoo left out the prices of AAA before 2024-12-02, of which the cache holds those from 2024-06-03"
        in later.notes[0]
    )
    yahoo.market["AAA"] = restated
    assert_right(load_prices(["AAA"], source=source(FEBRUARY)), split(raw(), "2025-02-04", 10.0), "2025-02-05")


@pytest.mark.parametrize(
    ("rows", "left_out"), [(slice("2024-12-02", None), "before 2024"), (slice("2025-01-29"), "after")]
)
def test_a_refresh_cuts_nothing_unless_it_is_asked_to_and_then_says_so(
    source: Callable[..., YahooSource], yahoo: Yahoo, rows: slice, left_out: str
) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.market["AAA"] = with_adjusted_close(raw().loc[rows])
    with pytest.raises(SourceError, match=f"^Yahoo left out the prices of AAA {left_out}"):
        load_prices(["AAA"], source=source(JANUARY, refresh=True))
    assert_right(load_prices(["AAA"], source=source(JANUARY)), raw(), "2025-01-31")
    asked = source(JANUARY, refresh=True, shorter=True)
    found = load_prices(["AAA"], source=asked)
    assert len(found.sessions) == len(raw().loc[rows].loc[:"2025-01-31"])
    assert len(asked.notes) == 1 and asked.notes[0].startswith(f"Yahoo left out the prices of AAA {left_out}")
    assert asked.notes[0].endswith("replaced, as was asked")


@pytest.mark.parametrize("ratio", [1.0, 10.0], ids=["as before", "restated"])
def test_an_answer_that_ends_before_what_is_held_is_not_taken(
    source: Callable[..., YahooSource], yahoo: Yahoo, tmp_path: Path, ratio: float
) -> None:
    load_prices(["AAA"], source=source(FEBRUARY))
    restated = with_adjusted_close(split(raw(), "2025-01-14", ratio) if ratio > 1 else raw())
    yahoo.market["AAA"] = restated.loc[:"2025-01-17"]
    later = source(MARCH)
    assert_right(load_prices(["AAA"], source=later), raw(), "2025-02-05")
    assert "AAA after 2025-01-17, of which the cache holds those to 2025-02-05" in later.notes[0]
    held = Cache(tmp_path).read("AAA")
    assert held is not None and held.last == pd.Timestamp("2025-02-05")


@pytest.mark.parametrize("ratio", [10.0, 2.0, 1.5, 0.1])
def test_a_split_announced_after_the_cache_was_written_restates_all_of_it(
    source: Callable[..., YahooSource], yahoo: Yahoo, ratio: float
) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    restated = split(raw(), "2025-02-04", ratio)
    yahoo.market["AAA"] = with_adjusted_close(restated)
    prices = load_prices(["AAA", "BBB"], source=source(FEBRUARY))
    assert_right(prices, restated, "2025-02-05")
    moves = prices.close[1:, 0] / prices.close[:-1, 0]
    assert np.abs(moves - 1).max() < 0.06


@pytest.mark.parametrize("ratio", [10.0, 2.0, 0.1])
def test_a_split_that_yahoo_lists_but_has_not_divided_out_is_refused_and_not_kept(
    source: Callable[..., YahooSource], yahoo: Yahoo, ratio: float
) -> None:
    bars = split(raw(), "2025-01-22", ratio)
    late = bars.index >= "2025-01-22"
    bars.loc[~late, ["Open", "High", "Low", "Close", "Dividends"]] *= ratio
    yahoo.market["AAA"] = with_adjusted_close(bars)
    asked = source(JANUARY)
    with pytest.raises(DataError, match=r"^AAA on 2025-01-22, Close: the move from .* split"):
        load_prices(["AAA"], source=asked)
    assert asked.cache.read("AAA") is None


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (["Close"], r"^AAA on 2025-01-15, Close: nan is not a price; download this symbol again"),
        (["Open"], r"^AAA on 2025-01-15, Open: nan is not a price; download this symbol again"),
        (PRICES, r"^AAA on 2025-01-15, Date: this session has no row \(1 missing in all\)"),
        (None, r"^AAA on 2025-01-15, Date: this session has no row \(1 missing in all\)"),
    ],
    ids=["close", "open", "the whole bar", "the row"],
)
def test_a_hole_is_named_and_the_next_run_asks_again(
    source: Callable[..., YahooSource], yahoo: Yahoo, columns: list[str] | None, complaint: str
) -> None:
    whole = yahoo.market["AAA"]
    day = pd.Timestamp("2025-01-15")
    holed = whole.drop(day) if columns is None else whole.copy()
    if columns is not None:
        holed.loc[day, columns] = np.nan
    yahoo.market["AAA"] = holed
    with pytest.raises(DataError, match=complaint):
        load_prices(["AAA"], source=source(JANUARY))
    yahoo.market["AAA"] = whole
    assert_right(load_prices(["AAA"], source=source(JANUARY)), raw(), "2025-01-31")


def test_a_hole_in_what_is_new_leaves_the_cache_as_it_was(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    whole = yahoo.market["AAA"]
    yahoo.market["AAA"] = whole.drop(pd.Timestamp("2025-02-04"))
    with pytest.raises(DataError, match="2025-02-04, Date: this session has no row"):
        load_prices(["AAA"], source=source(FEBRUARY))
    assert_right(load_prices(["AAA"], end="2025-01-31", source=source(FEBRUARY)), raw(), "2025-01-31")
    yahoo.market["AAA"] = whole
    assert_right(load_prices(["AAA"], source=source(FEBRUARY)), raw(), "2025-02-05")


def test_rows_that_are_missing_at_the_end_end_all_or_are_named(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    yahoo.market["BBB"] = with_adjusted_close(raw(2).loc[:"2025-01-29"])
    prices = load_prices(["AAA", "BBB"], source=source(JANUARY))
    assert_right(prices, raw(1), "2025-01-29")
    assert_right(prices, raw(2), "2025-01-29", "BBB")
    yahoo.market["BBB"] = with_adjusted_close(raw(2).loc[:"2025-01-24"])
    with pytest.raises(
        DataError, match=r"^BBB ends on 2025-01-24 but AAA on 2025-01-31: refresh the prices of BBB, or"
    ):
        load_prices(["AAA", "BBB"], source=source(JANUARY, refresh=True, shorter=True))


def test_the_running_session_that_is_appended_twice_is_left_out(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    bars = yahoo.market["AAA"].loc[:"2025-01-31"]
    yahoo.market["AAA"] = pd.concat([bars, bars.loc[["2025-01-31"]] * 1.01])
    during = source("2025-01-31 18:00")  # 13:00 in New York
    assert_right(load_prices(["AAA"], source=during), raw(), "2025-01-30")


@pytest.mark.parametrize("zone", ["UTC", "Europe/London", "Pacific/Auckland", "America/Los_Angeles"])
def test_another_time_zone_moves_no_session(source: Callable[..., YahooSource], yahoo: Yahoo, zone: str) -> None:
    yahoo.zone = zone
    if zone == "Pacific/Auckland":  # where New York's morning is the next day
        with pytest.raises(DataError, match=r"^AAA on 2024-06-08, Date: the exchange was closed"):
            load_prices(["AAA"], source=source(JANUARY))
        yahoo.zone = "America/New_York"
    assert_right(load_prices(["AAA"], source=source(JANUARY)), raw(), "2025-01-31")
    assert_right(load_prices(["AAA"], source=source(FEBRUARY)), raw(), "2025-02-05")


def test_clocks_that_change_change_no_session(source: Callable[..., YahooSource]) -> None:
    # Cached in winter time, extended in summer time; the overlap begins before the change.
    load_prices(["AAA"], source=source("2025-03-07 21:31"))
    assert_right(load_prices(["AAA"], source=source("2025-03-10 20:31")), raw(), "2025-03-10")
    assert_right(load_prices(["AAA"], source=source(MARCH)), raw(), "2025-03-31")


@pytest.mark.parametrize("half_day", ["2024-07-03", "2024-11-29", "2024-12-24"])
def test_a_half_day_is_a_session_and_final_at_the_usual_hour(source: Callable[..., YahooSource], half_day: str) -> None:
    closed = pd.Timestamp(f"{half_day} 13:31", tz="America/New_York")  # half an hour after it has ended
    usual = pd.Timestamp(f"{half_day} 16:30", tz="America/New_York")
    before = calendar.sessions_between("2024-06-03", half_day)[-2]
    assert (last_session(closed), last_session(usual)) == (before, pd.Timestamp(half_day))
    asked = source(str(usual.tz_convert("UTC").tz_localize(None)))
    assert_right(load_prices(["AAA"], source=asked), raw(), half_day)


def test_a_rate_limit_of_minutes_ends_in_a_line_within_the_patience_that_was_promised(
    source: Callable[..., YahooSource], yahoo: Yahoo
) -> None:
    waits: list[float] = []
    asked = source(JANUARY)
    assert asked.downloader is not None
    asked.downloader.sleep = waits.append
    load_prices(["BBB"], source=asked)
    yahoo.refusals = 10**6
    with pytest.raises(SourceError) as caught:
        load_prices(["AAA"], source=asked)
    assert asked.cache.read("BBB") is not None
    message = str(caught.value)
    assert "\n" not in message and message.startswith("Yahoo limits the rate of requests (HTTP 429) and did not relent")
    assert message.endswith(
        "with AAA; what came before it is cached: try later, or use --source sample or --source DIR"
    )
    # 3, 6, 12 and 24 seconds, each 25 % more or less; the next would be more than is left of a minute.
    assert len(waits) in (4, 5) and sum(waits) <= downloader.PATIENCE
    for place, wait in enumerate(waits):
        assert 0.75 * 3 * 2**place <= wait <= 1.25 * 3 * 2**place
    yahoo.refusals = 0
    assert_right(load_prices(["AAA"], source=source(JANUARY)), raw(), "2025-01-31")


def test_a_rate_limit_lets_the_cache_stand_in(source: Callable[..., YahooSource], yahoo: Yahoo) -> None:
    load_prices(["AAA"], source=source(JANUARY))
    yahoo.refusals = 10**6
    later = source(FEBRUARY)
    assert_right(load_prices(["AAA"], source=later), raw(), "2025-01-31")
    assert later.notes[0].startswith("cached prices, to 2025-01-31: Yahoo limits the rate of requests (HTTP 429)")


def test_requests_that_drag_on_end_with_the_budget(
    source: Callable[..., YahooSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = source(JANUARY)
    assert asked.downloader is not None
    reach = asked.downloader.reach

    def late() -> None:
        reach()
        asked.downloader.session.deadline = 0.0  # as if the probe had been answered and all the time were used up

    monkeypatch.setattr(asked.downloader, "reach", late)
    with pytest.raises(SourceError, match=r"Yahoo failed to answer for AAA \(Yahoo took more than 300 s\): try later"):
        load_prices(["AAA"], source=asked)


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied", "of another symbol"])
def test_a_cache_file_that_is_damaged_is_noticed_fetched_again_and_told(
    source: Callable[..., YahooSource], harm: str
) -> None:
    load_prices(["AAA", "BBB"], source=source(JANUARY))
    asked = source(JANUARY)
    path = asked.cache.path("AAA")
    whole = path.read_bytes()
    middle = len(whole) // 3
    damaged = {
        "cut": whole[: len(whole) // 2],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "emptied": b"",
        "of another symbol": asked.cache.path("BBB").read_bytes(),
    }
    path.write_bytes(damaged[harm])
    assert_right(load_prices(["AAA"], source=asked), raw(), "2025-01-31")
    assert len(asked.notes) == 1
    assert asked.notes[0].startswith(f"the cached prices of AAA in {path} are damaged (")
    assert asked.notes[0].endswith(") and were fetched again")
    again = source(JANUARY)
    load_prices(["AAA"], source=again)
    assert again.notes == ()
