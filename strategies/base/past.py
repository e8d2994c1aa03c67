"""The data a rule may see: everything known at one close, nothing later."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from data import calendar, fomc
from data.errors import RequestError
from data.prices import Prices


class Past:
    """Read-only history that ends at the current close.

    Prices are total-return adjusted, in USD; only their ratios carry meaning. Arrays have shape (n_sessions,), oldest
    first, and are NaN before a symbol's listing. `held` counts sessions since the close before the entry (0 at the
    first decision); `scheduled` says whether the reading's schedule has a decision at this close; `shock` is the
    session of the event's shock (NaT if not given). `left_out` holds the symbols that `tradable` had to leave out.
    """

    def __init__(
        self, prices: Prices, row: int, *, held: int = 0, scheduled: bool = True, shock: str | None = None
    ) -> None:
        self.held = held
        self.scheduled = scheduled
        self.shock = np.datetime64(shock or "NaT", "D")
        self.left_out: dict[str, None] = {}
        self._prices = prices
        self._row = row

    @property
    def session(self) -> pd.Timestamp:
        """The session of the current close."""
        return self._prices.sessions[self._row]

    def open(self, symbol: str) -> np.ndarray:
        """Opens up to now."""
        return _copied(self._view("open", symbol))

    def high(self, symbol: str) -> np.ndarray:
        """Highs up to now."""
        return _copied(self._view("high", symbol))

    def low(self, symbol: str) -> np.ndarray:
        """Lows up to now."""
        return _copied(self._view("low", symbol))

    def close(self, symbol: str) -> np.ndarray:
        """Closes up to now."""
        return _copied(self._view("close", symbol))

    def volume(self, symbol: str) -> np.ndarray:
        """Volumes up to now, in shares."""
        return _copied(self._view("volume", symbol))

    @property
    def sessions(self) -> np.ndarray:
        """The sessions up to now, as `datetime64[D]`."""
        return _copied(self._prices.days[: self._row + 1])

    def back(self, sessions: int) -> Past:
        """The past as of `sessions` sessions ago."""
        self._require_row(sessions)
        earlier = Past(self._prices, self._row - sessions, held=self.held - sessions, scheduled=self.scheduled)
        earlier.shock, earlier.left_out = self.shock, self.left_out
        return earlier

    def tradable(self, symbols: Iterable[str], closes: int = 1) -> tuple[str, ...]:
        """The `symbols` with at least `closes` closes by now; the others are added to `left_out`."""
        symbols, latest = tuple(symbols), self._row + 1 - closes
        if self._prices.listed_by(symbols) <= latest:
            return symbols
        first, never = self._prices.first_rows, len(self._prices.days)
        late = [symbol for symbol in symbols if first.get(symbol, never) > latest]
        for symbol in late:
            self._prices.require_kept(symbol, latest)
        self.left_out.update(dict.fromkeys(late))
        return tuple(symbol for symbol in symbols if symbol not in late)

    def growth(self, symbol: str, sessions: int, until: int = 0) -> float:
        """C_(t-until) / C_(t-sessions); NaN if a close is missing. Raises RequestError for a negative number."""
        self._require_backwards(sessions)
        self._require_backwards(until)
        self._prices.require_kept(symbol, self._row - max(sessions, until))
        if max(sessions, until) > self._row:
            return float("nan")
        close, column = self._prices.close, self._prices.columns[symbol]
        return float(close[self._row - until, column] / close[self._row - sessions, column])

    def beats(self, symbol: str, other: str, sessions: int) -> bool:
        """Whether `symbol` grew strictly more than `other` over the last `sessions` sessions.

        Raises RequestError if one of them has no close that far back.
        """
        growth, other_growth = self.growth(symbol, sessions), self.growth(other, sessions)
        if np.isnan(growth) or np.isnan(other_growth):
            raise RequestError(
                f"{self.session:%Y-%m-%d}: comparing {symbol} with {other} needs {sessions} earlier sessions of both; "
                f"enter later or load earlier prices"
            )
        return growth > other_growth

    def returns(self, symbol: str, sessions: int) -> np.ndarray:
        """The last `sessions` close-to-close simple returns. Raises RequestError if history has fewer."""
        self._prices.require_kept(symbol, self._row - sessions)
        self._require_row(sessions)
        close = self._view("close", symbol)[-sessions - 1 :]
        return np.asarray(close[1:] / close[:-1] - 1)

    def meeting(self, ahead: int, ago: int, shift: int = 0) -> tuple[int, fomc.FomcDecision] | None:
        """The scheduled FOMC decision at most `ahead` sessions ahead or `ago` sessions ago, or None.

        Returned with the number of sessions until it (0 on its day, negative afterwards). The dates of meetings are
        public; the outcome (`change_bps`) is None until it is announced, before the close of its day. `shift` moves all
        decisions by that many sessions, for placebos.
        """
        indices, decisions = fomc.scheduled_decisions()
        today = calendar.sessions_before(self._prices.days[self._row])
        latest = int(indices.searchsorted(today + ahead - shift, side="right")) - 1
        to_go = int(indices[latest]) - today + shift
        if latest < 0 or to_go < -ago:
            return None
        decision, announced = decisions[latest], to_go <= min(0, shift)
        return to_go, decision if announced else fomc.FomcDecision(decision.date, True, None)

    def _require_row(self, sessions: int) -> None:
        self._require_backwards(sessions)
        if sessions > self._row:
            raise RequestError(
                f"{self.session:%Y-%m-%d}: cannot look {sessions} sessions back, history has {self._row}"
            )

    def _require_backwards(self, sessions: int) -> None:
        if sessions < 0:
            raise RequestError(f"{self.session:%Y-%m-%d}: cannot look {sessions} sessions back; give 0 or more")

    def _view(self, name: str, symbol: str) -> np.ndarray:
        """A column up to now; its `base` holds the future, so it must not leave this class."""
        values: np.ndarray = getattr(self._prices, name)[: self._row + 1, self._prices.columns[symbol]]
        return values


def _copied(values: np.ndarray) -> np.ndarray:
    """A read-only copy, whose `base` leads nowhere."""
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def leg(symbols: Iterable[str], weight: float) -> dict[str, float]:
    """`weight` (fraction of equity, negative for short) divided equally among `symbols`; empty for no symbols."""
    names = tuple(symbols)
    return dict.fromkeys(names, weight / len(names)) if names else {}
