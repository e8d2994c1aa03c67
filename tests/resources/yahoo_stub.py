"""A local stub for Yahoo: its format of chart answers, with invented numbers.

`Yahoo` serves `market` (a frame of raw bars per symbol) as v8/finance/chart does, so that yfinance and curl are real in
tests. `StubSession` sends all requests, whatever their host, to such a server.
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
    """`bars` with Adj Close computed backwards, session by session, and rounded to six digits as Yahoo does."""
    factor, adjusted = 1.0, []
    close, dividends = bars["Close"].tolist(), bars["Dividends"].tolist()
    for row in range(len(bars) - 1, -1, -1):
        adjusted.append(round(close[row] * factor, 6))
        if row:
            factor *= 1.0 - dividends[row] / close[row - 1]
    return bars.assign(**{"Adj Close": adjusted[::-1]})


def split(bars: pd.DataFrame, session: str, ratio: float) -> pd.DataFrame:
    """The history as Yahoo restates it after a split on `session`: in new shares throughout."""
    restated = bars.copy()
    restated[["Open", "High", "Low", "Close", "Dividends"]] /= ratio
    restated["Volume"] *= ratio
    restated.loc[pd.Timestamp(session), "Stock Splits"] = ratio
    return restated


class Yahoo:
    """Answers of the stub and a record of its requests.

    `market` maps a symbol to its bars. `refusals` counts the next chart requests to be answered with HTTP 429,
    `failures` those with 500; `empty`, if set, is the body of all further answers. `zone` is the exchange's time zone
    according to Yahoo. `requested` lists (symbol, first date, last date) of the requests for history, both dates
    included.
    """

    def __init__(self, market: dict[str, pd.DataFrame]) -> None:
        self.market = market
        self.refusals = 0
        self.failures = 0
        self.empty: str | None = None
        self.zone = NEW_YORK
        self.requested: list[tuple[str, str, str]] = []
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
            self.requested.append((symbol, f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"))
            opening = _opening(bars)
            bars = bars[(opening >= first) & (opening < end)]
        return 200, json.dumps({"chart": {"result": [_result(symbol, bars, self.zone)], "error": None}})


def _opening(bars: pd.DataFrame) -> pd.DatetimeIndex:
    return (bars.index + pd.Timedelta(hours=9, minutes=30)).tz_localize(NEW_YORK)


def _result(symbol: str, bars: pd.DataFrame, zone: str) -> dict[str, Any]:
    stamps = [int(stamp.timestamp()) for stamp in _opening(bars)]
    quote = {name.lower(): _values(bars[name]) for name in ("Open", "High", "Low", "Close", "Volume")}
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
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": _values(bars["Adj Close"])}]},
    }


def _events(stamps: list[int], bars: pd.DataFrame) -> dict[str, Any]:
    dividends = {
        str(stamp): {"amount": float(amount), "date": stamp}
        for stamp, amount in zip(stamps, bars["Dividends"], strict=True)
        if amount
    }
    splits = {
        str(stamp): {"date": stamp, "numerator": float(ratio), "denominator": 1.0, "splitRatio": f"{ratio:g}:1"}
        for stamp, ratio in zip(stamps, bars["Stock Splits"], strict=True)
        if ratio
    }
    return {"dividends": dividends, "splits": splits}


def _values(column: pd.Series) -> list[float | None]:
    return [None if np.isnan(value) else float(value) for value in column]


class StubSession(TimedSession):
    """A real session that sends all requests to `address`, with the original host in front of the path."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address

    def request(self, method: Any, url: str, **options: Any) -> Any:
        return super().request(method, f"{self.address}/{url.split('://', 1)[1]}", **options)


@contextmanager
def serving(market: dict[str, pd.DataFrame]) -> Iterator[Yahoo]:
    """Run a stub for `market`."""
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
            """Log nothing."""

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
