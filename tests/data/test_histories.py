"""Long histories: symbols with ends of their own, symbols that are absent, and one source for all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data import calendar
from data.errors import DataError, RequestError, SourceError
from data.histories import Histories
from data.loading import load_histories
from data.sources.automatic import AutomaticSource

SESSIONS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-12"))  # nine


class Shelf:
    """A source with bars of some symbols from and to given rows; `answers` symbols are served before it fails."""

    notes = ()

    def __init__(self, spans: dict[str, tuple[int, int]], name: str = "shelf", answers: int = 99) -> None:
        self.spans, self.name, self.origin, self.real, self.answers = spans, name, name, False, answers

    def bars(self, symbols, start, end):
        self.answers -= 1
        if self.answers < 0:
            raise SourceError(f"{self.name} is closed")
        for symbol in symbols:
            if symbol not in self.spans:
                raise RequestError(f"{self.name} has no {symbol}")
        return {symbol: self.frame(*self.spans[symbol]) for symbol in symbols}

    def frame(self, first: int, last: int) -> pd.DataFrame:
        sessions = SESSIONS[first : last + 1]
        close = 10.0 + np.arange(first, last + 1)
        columns = {"Open": close, "High": close + 1, "Low": close - 1, "Close": close, "Adj Close": close / 2}
        return pd.DataFrame({**columns, "Volume": 100.0}, index=sessions)


def test_symbols_keep_their_own_beginning_and_end_and_absent_ones_are_listed():
    served: list[str] = []
    histories = load_histories(("A", "GONE", "B"), source=Shelf({"A": (0, 8), "B": (2, 5)}), done=served.append)
    assert served == ["A", "GONE", "B"] and histories.missing == ("GONE",)
    assert histories.prices.symbols == ("A", "B") and list(histories.sessions) == list(SESSIONS)
    assert histories.prices.close[:, 1].tolist() == pytest.approx(
        [np.nan] * 2 + [12, 13, 14, 15] + [np.nan] * 3, nan_ok=True
    )
    assert histories.last.tolist() == [8, 5] and histories.last_row("B") == 5


def test_common_prices_end_with_the_first_symbol_that_ends():
    histories = load_histories(("A", "B"), source=Shelf({"A": (0, 8), "B": (2, 5)}))
    assert list(histories.common(("A",)).sessions) == list(SESSIONS)
    assert list(histories.common(("B", "A")).sessions) == list(SESSIONS[:6])


def test_restricted_histories_keep_all_sessions_and_pass_over_what_is_absent():
    histories = load_histories(("A", "B"), source=Shelf({"A": (0, 8), "B": (2, 5)}))
    restricted = histories.restricted(("B", "X", "B"))
    assert restricted.prices.symbols == ("B",) and len(restricted.sessions) == len(SESSIONS)


def test_total_returns_include_payments_and_are_nan_without_two_closes(make_prices):
    prices = make_prices({"A": [10.0, 11.0, 11.0, np.nan]})
    factor = np.array([[0.5], [0.5], [1.0], [np.nan]])  # half of the price is paid out after the second session
    returns = Histories(type(prices)(**{**prices.__dict__, "factor": factor})).total_returns()[:, 0]
    assert returns.tolist() == pytest.approx([np.nan, 0.1, 1.0, np.nan], nan_ok=True)


def test_a_source_without_any_of_the_symbols_is_an_error():
    with pytest.raises(RequestError, match="shelf has no B"):
        load_histories(("A", "B"), source=Shelf({}))


def test_a_wrong_price_is_an_error_and_not_a_missing_symbol():
    shelf = Shelf({"A": (0, 8)})
    wrong = shelf.frame(0, 8)
    wrong.loc[SESSIONS[3], "Low"] = 99.0
    shelf.frame = lambda first, last: wrong
    with pytest.raises(DataError, match="A"):
        load_histories(("A",), source=shelf)


def test_histories_of_one_source_are_not_continued_with_those_of_another():
    first, second = Shelf({"A": (0, 8), "B": (0, 8)}, "first", answers=1), Shelf({"A": (0, 8), "B": (0, 8)}, "second")
    with pytest.raises(SourceError, match="first is closed"):
        load_histories(("A", "B"), source=AutomaticSource((first, second)))


def test_the_next_source_serves_all_symbols_where_the_first_serves_none():
    first, second = Shelf({"A": (0, 8)}, "first", answers=0), Shelf({"A": (0, 8), "B": (0, 8)}, "second")
    histories = load_histories(("A", "B"), source=AutomaticSource((first, second)))
    assert histories.prices.origin == "second" and histories.missing == ()
