"""Downloads from Yahoo through yfinance, one at a time: waits out rate limits, notices quickly when it is offline.

Worker processes never download: the cache holds what they need before they start.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
import pandas as pd
from curl_cffi.requests import Session

from data.adjustment import total_payments
from data.errors import SourceError
from data.text import quote_message

HOST = "https://query2.finance.yahoo.com/"
REMEDY = "try later, or use --source sample or --source DIR"

# Seconds. Yahoo must give any answer within REACH; one request may take REQUEST; a series of requests BUDGET in all,
# of which PATIENCE may be spent waiting for a rate limit to end.
REACH, REQUEST, BUDGET, PATIENCE = 6.0, 8.0, 300.0, 60.0
FIRST_WAIT = 3.0
# Attempts at a request that fails in transit.
TRIES = 3


class UnknownSymbolError(Exception):
    """Yahoo does not know the symbol."""


class TimedSession(Session[Any]):
    """A session (curl_cffi, the only kind that yfinance accepts) whose requests all end before `deadline`.

    yfinance allows 30 s for each request for cookies, which adds up to minutes if a proxy drops packets.
    """

    deadline = float("inf")

    def request(self, method: Any, url: str, **options: Any) -> Any:  # type: ignore[override]
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError(f"Yahoo took more than {BUDGET:g} s")
        response = super().request(method, url, **{**options, "timeout": min(REQUEST, remaining)})
        if "/v8/finance/chart/" in url:
            _check_status(response.status_code)
        return response


def _check_status(status: int) -> None:
    """Distinguish an unknown symbol from a failing server; yfinance reports both as a delisting."""
    if status == HTTPStatus.NOT_FOUND:
        raise UnknownSymbolError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OSError(f"HTTP {status}")


def _new_session() -> TimedSession:
    return TimedSession(impersonate="chrome")


@dataclass(eq=False)
class Downloader:
    """Fetches the daily bars of one symbol at a time. `databases` is the folder of yfinance's own small databases."""

    databases: Path
    session: TimedSession = field(default_factory=_new_session)
    sleep: Callable[[float], None] = time.sleep
    patience: float = PATIENCE

    def reach(self) -> None:
        """Begin a series of requests. Raises SourceError if Yahoo does not answer at all within REACH seconds."""
        self.patience = PATIENCE
        self.session.deadline = time.monotonic() + BUDGET
        reasons: SimpleQueue[str] = SimpleQueue()
        # In a thread, because a silent name server can hold up even a request with a time limit.
        threading.Thread(target=self._probe, args=(reasons,), daemon=True).start()
        try:
            reason = reasons.get(timeout=REACH)
        except Empty:
            reason = f"no answer within {REACH:g} s"
        if reason:
            raise SourceError(f"Yahoo cannot be reached ({reason}): {REMEDY}")

    def history(self, symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Bars of `symbol` from `start` to `end`, both included, as tidied below; empty if Yahoo has none.

        Raises SourceError if Yahoo fails, or limits the rate of requests for longer than PATIENCE.
        """
        from peewee import PeeweeException  # raised by yfinance's databases
        from yfinance.exceptions import YFException, YFRateLimitError, YFTickerMissingError

        for attempt in count(1):
            try:
                return tidy_yahoo_frame(self._ask(symbol, start, end), symbol, end)
            except YFRateLimitError as error:
                self._wait(symbol, FIRST_WAIT * 2 ** (attempt - 1), error)
            except (YFTickerMissingError, UnknownSymbolError):
                break
            except PeeweeException as error:
                shutil.rmtree(self.databases, ignore_errors=True)  # everything in there can be downloaded again
                raise SourceError(
                    f"yfinance could not use its databases in {self.databases} ({_brief(error)}); they were removed: "
                    f"make room there and run again"
                ) from error
            except OSError as error:
                if attempt >= TRIES:
                    raise _failed(symbol, error) from error
                self.sleep(1.0)
            except (YFException, ValueError, LookupError, TypeError, AttributeError) as error:
                raise SourceError(f"Yahoo's answer for {symbol} makes no sense ({_brief(error)}): {REMEDY}") from error
        return pd.DataFrame()

    def _probe(self, reasons: SimpleQueue[str]) -> None:
        """Put the reason why Yahoo cannot be reached, or an empty text if it gives any answer."""
        try:
            self.session.get(HOST)
        except OSError as error:
            reasons.put(_brief(error))
        else:
            reasons.put("")

    def _wait(self, symbol: str, seconds: float, error: Exception) -> None:
        seconds *= np.random.default_rng().uniform(0.75, 1.25)
        if seconds > self.patience:
            raise SourceError(
                f"Yahoo limits the rate of requests (HTTP 429) and did not stop in "
                f"{PATIENCE - self.patience:.0f} s of waiting for {symbol}; earlier symbols are cached: {REMEDY}"
            ) from error
        self.patience -= seconds
        self.sleep(seconds)

    def _ask(self, symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        yfinance = _configured(self.databases)
        # yfinance remembers answers, bad ones too, for the life of the process.
        yfinance.data.YfData.cache_get.cache_clear()
        with warnings.catch_warnings():
            # Deprecations of pandas in the code of yfinance do not concern our users.
            warnings.simplefilter("ignore")
            frame: pd.DataFrame = yfinance.Ticker(symbol, session=self.session).history(
                interval="1d",
                start=f"{start:%Y-%m-%d}",
                end=f"{end + pd.Timedelta(days=1):%Y-%m-%d}",  # yfinance excludes its end
                auto_adjust=False,
                actions=True,
                repair=False,
                timeout=REQUEST,
            )
        return frame


def tidy_yahoo_frame(frame: pd.DataFrame, symbol: str, end: pd.Timestamp) -> pd.DataFrame:
    """yfinance's frame with plain columns (Open to Volume, Adj Close, Dividends, Stock Splits) and tz-naive sessions.

    The columns may have a ticker level, on either side. Bars after `end` (Yahoo appends the running session) and empty
    bars at the end (Yahoo publishes late) are dropped; an empty bar inside is left for the quality check to report.
    Distributed capital gains count as dividends.
    """
    if isinstance(frame.columns, pd.MultiIndex):
        level = next((level for level in range(2) if symbol in frame.columns.get_level_values(level)), None)
        if level is None:
            raise ValueError(f"an answer without {symbol}")
        frame = pd.DataFrame(frame.xs(symbol, axis=1, level=level))
    sessions = pd.DatetimeIndex(frame.index).tz_localize(None).normalize()
    bars = frame.set_axis(sessions, axis=0).loc[:end]
    bars = bars.loc[: bars["Close"].last_valid_index()] if bars["Close"].notna().any() else bars.iloc[:0]
    payments = total_payments(bars) if "Capital Gains" in bars else bars["Dividends"]
    return bars.assign(Dividends=payments).drop(columns="Capital Gains", errors="ignore").rename_axis(columns=None)


@cache
def _configured(databases: Path) -> Any:
    """The module yfinance, configured to raise errors instead of logging them."""
    import yfinance
    import yfinance.data

    # Separate databases: sharing them with other programs leads to "database is locked".
    yfinance.set_tz_cache_location(str(databases))
    yfinance.config.debug.hide_exceptions = False
    logging.getLogger("yfinance").setLevel(logging.CRITICAL + 1)
    return yfinance


def _failed(symbol: str, error: Exception) -> SourceError:
    return SourceError(f"Yahoo failed to answer for {symbol} ({_brief(error)}): {REMEDY}")


def _brief(error: Exception) -> str:
    reason = quote_message(error, 400).removeprefix("Failed to perform, ").split(". See http")[0]
    return reason[:160] or type(error).__name__
