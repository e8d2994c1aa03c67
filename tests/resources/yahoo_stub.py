"""A stand-in for Yahoo on the loopback: the shape of its chart answers, with invented numbers.

`Yahoo` serves `market` (a frame of raw bars a symbol) the way v8/finance/chart does, so that yfinance and curl run
for real. `StubSession` sends every request, whatever its host, to such a server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd

from data.sources.downloader import TimedSession

NEW_YORK = "America/New_York"


def invented_bars(sessions: pd.DatetimeIndex, seed: int = 1, price: float = 100.0) -> pd.DataFrame:
    """Bars of a random walk without dividends or splits; Adj Close is added by `with_adjusted_close`."""
    rng = np.random.default_rng(seed)
    close = np.round(price * np.exp(np.cumsum(rng.normal(0, 0.01, len(sessions)))), 2)
    bars = {"Open": close - 0.1, "High": close + 0.5, "Low": close - 0.5, "Close": close}
    return pd.DataFrame(bars, index=sessions).round(2).assign(Volume=1000.0, Dividends=0.0, **{"Stock Splits": 0.0})


def with_adjusted_close(bars: pd.DataFrame) -> pd.DataFrame:
    """`bars` with Adj Close worked out backwards, one session at a time, and rounded to six digits as Yahoo does."""
    factor, adjusted = 1.0, []
    for row in range(len(bars) - 1, -1, -1):
        adjusted.append(round(bars["Close"].iloc[row] * factor, 6))
        if row:
            factor *= 1.0 - bars["Dividends"].iloc[row] / bars["Close"].iloc[row - 1]
    return bars.assign(**{"Adj Close": adjusted[::-1]})


def split(bars: pd.DataFrame, session: str, ratio: float) -> pd.DataFrame:
    """The same company as Yahoo tells its history after a split on `session`: in new shares throughout."""
    restated = bars.copy()
    restated[["Open", "High", "Low", "Close", "Dividends"]] /= ratio
    restated["Volume"] *= ratio
    restated.loc[pd.Timestamp(session), "Stock Splits"] = ratio
    return restated


class Yahoo:
    """What the stub answers and what it was asked.

    `market` maps a symbol to its bars. `refusals` is how many chart requests are still answered with HTTP 429,
    `failures` with 500, and `empty` is the body of all further answers, where it is given. `zone` is the time zone in
    which Yahoo says the exchange is. `asked` lists (symbol, first date, last date) of each request for history, ends
    included.
    """

    def __init__(self, market: dict[str, pd.DataFrame]) -> None:
        self.market = market
        self.refusals = 0
        self.failures = 0
        self.empty: str | None = None
        self.zone = NEW_YORK
        self.asked: list[tuple[str, str, str]] = []
        self.requests = 0
        self.address = ""

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body for a path such as /query2.finance.yahoo.com/v8/finance/chart/SPY?period1=..."""
        self.requests += 1
        url = urlsplit(path)
        if url.path.endswith("/getcrumb"):
            return 200, "crumb"
        if "/v8/finance/chart/" not in url.path:
            return 404, "{}"
        return self._chart(url.path.rsplit("/", 1)[1], {key: values[0] for key, values in parse_qs(url.query).items()})

    def _chart(self, symbol: str, query: dict[str, str]) -> tuple[int, str]:
        if self.refusals:
            self.refusals -= 1
            return 429, "Too Many Requests"
        if self.failures:
            self.failures -= 1
            return 500, json.dumps({"chart": {"result": None, "error": {"code": "x", "description": "server error"}}})
        if self.empty is not None:
            return 200, self.empty
        if symbol not in self.market:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return 404, json.dumps({"chart": {"result": None, "error": error}})
        bars = self.market[symbol]
        if "period1" in query:
            first, end = (pd.Timestamp(int(query[key]), unit="s", tz=NEW_YORK) for key in ("period1", "period2"))
            last = end.tz_localize(None) - pd.Timedelta(days=1)
            self.asked.append((symbol, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
            opening = _opening(bars)
            bars = bars[(opening >= first) & (opening < end)]
        return 200, json.dumps({"chart": {"result": [_result(symbol, bars, self.zone)], "error": None}})


def _opening(bars: pd.DataFrame) -> pd.DatetimeIndex:
    return (bars.index + pd.Timedelta(hours=9, minutes=30)).tz_localize(NEW_YORK)


def _result(symbol: str, bars: pd.DataFrame, zone: str) -> dict[str, Any]:
    stamps = [int(stamp.timestamp()) for stamp in _opening(bars)]
    quote = {name.lower(): _listed(bars[name]) for name in ("Open", "High", "Low", "Close", "Volume")}
    meta = {
        "currency": "USD",
        "symbol": symbol,
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": zone,
        "gmtoffset": -18000,
        "timezone": "EST",
        "dataGranularity": "1d",
        "priceHint": 2,
        "validRanges": ["1d", "5d", "max"],
    }
    return {
        "meta": meta,
        "timestamp": stamps,
        "events": _events(stamps, bars),
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": _listed(bars["Adj Close"])}]},
    }


def _events(stamps: list[int], bars: pd.DataFrame) -> dict[str, Any]:
    paid = {
        str(stamp): {"amount": float(amount), "date": stamp}
        for stamp, amount in zip(stamps, bars["Dividends"], strict=True)
        if amount
    }
    halved = {
        str(stamp): {"date": stamp, "numerator": float(ratio), "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
        for stamp, ratio in zip(stamps, bars["Stock Splits"], strict=True)
        if ratio
    }
    return {"dividends": paid, "splits": halved}


def _listed(values: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in values]


class StubSession(TimedSession):
    """A real session whose requests all go to `address`, the host they were meant for kept in front of the path."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def request(self, method: Any, url: str, **options: Any) -> Any:
        return super().request(method, f"{self.address}/{url.split('://', 1)[1]}", **options)


@contextmanager
def serving(market: dict[str, pd.DataFrame]) -> Iterator[Yahoo]:
    """A running stub for `market`."""
    yahoo = Yahoo(market)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = yahoo.answer(self.path)
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the terminal clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    yahoo.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield yahoo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
