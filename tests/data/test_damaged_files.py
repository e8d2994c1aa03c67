"""Damaged price and event files are read as a plain reader reads them, or rejected in one line.

For more examples: `pytest tests/data/test_damaged_files.py --hypothesis-profile=thorough`.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from data import calendar, load_prices
from data.errors import DataError, RequestError
from data.events.toml_reader import parse_event
from tests.resources.storm import WHOLE

HEAD = ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits"]
FIELDS = HEAD[1:7]
SESSIONS = exchange_calendars.get_calendar("XNYS", start="2000-01-01").sessions.tz_localize(None)
BIG = st.integers(0, 2**20)
# fmt: off
# Cells and bytes that have misled readers of numbers, dates or text.
CELLS = [
    "", " ", "0", "-0", "-1", "1", "1e3", "1e999", "1e-999", "5e-324", "1e308", "1e12", "nan", "inf", "-inf", "NULL",
    "TRUE", "0x1A", "1_0", "1,5", "1.5.", ".5", "5.", "+5", "--5", "\u22125", "\u0661", "\uff11", "=1+1", "\t5",
    "5\u00a0", "$5", "5%", "100\r\n101", "\ufeff5", "a\x00b", "2025-01-02", "2025-1-2", "20250102", "2025-W01-4",
    "01/02/2025", "2025-02-30", "1677-09-20", "2262-04-12", "0000-01-01", "9999-12-31", "1999-12-31", "2000-01-03",
    "2025-01-09", "2025-01-11", "2025-01-06T00:00", "Date", "Close", "Dividends", "Capital Gains", '"', "\U0001f4a9",
    "1" * 400,
]
PIECES = [
    b"", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\r", b"\n", b"\r\n", b'"', b"'", b",", b";", b"\x1b[2J",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\x0c", b"#", b"[[", b"]]", b"{", b"=", b".", b"-", b"E9", b"0", b"9", b"nan",
    b"null", b"1e999", b"\\ud800", b"2025-01-29", b"9999-12-31T23:59:59Z", b"'''", b'"""', b"\xed\xa0\x80", b"\xf0\x9f",
]
VALUES = [
    '""', '"x"', '"""\nx"""', "0", "-1", "1e999", "nan", "-inf", "9007199254740993", "0x" + "f" * 40, "true", "[]",
    "[[]]", '["SPY"]', '["SPY", "SPY"]', '["spy", 1]', "{}", "{ a = 1 }", '{ 2025-03-03 = "x" }', "[[[[[[[]]]]]]]",
    "2025-03-03", "2025-03-02", "1677-01-01", "9999-12-31", "0001-01-01", "2025-03-03T00:00:00", "12:00:00",
    "2025-03-04T12:00:00Z", "2025-03-04T12:00:00-23:59", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59",
    '"\\u202E"', '"\\u0000"', '"a\\nb"', f'"{"a" * 301}"', '"fomc"', '"bad_news"', '"boats"', '"\U0001f4a9"',
]
KEYS = [
    "name", "title", "shock", "published", "publication", "claims", "quiet_until", "universe", "calendar", "baskets",
    "marks", "confounders", "readings", "strategy", "parameters", "chooses", "claim", "2025-03-03", "x", '""', "a.b",
    "[baskets]", "[[readings]]", "[marks]", "[readings.parameters]", "[[readings.parameters]]", "[a.b.c]",
]
# fmt: on


def require_both(files: st.SearchStrategy[bytes], accepted: Callable[[bytes], bool]) -> None:
    """Try `files`; `accepted` returns whether one was read. Both outcomes must occur, or the test would be empty."""
    outcomes = set()

    @given(files)
    def attempt(content: bytes) -> None:
        outcomes.add(accepted(content))

    attempt()
    assert outcomes == {True, False}


def require_line(error: Exception, location: str) -> None:
    message = str(error)
    assert message.isprintable() and len(message) <= 1000 and location in message, repr(message[:2000])


@st.composite
def spliced(draw: st.DrawFn, content: bytes) -> bytes:
    """The content, in one case out of three with some bytes replaced."""
    if draw(st.integers(0, 2)):
        return content
    start, length = draw(BIG) % (len(content) + 1), draw(st.integers(0, 12))
    return content[:start] + draw(st.sampled_from(PIECES) | st.binary(max_size=6)) + content[start + length :]


# --- price files ------------------------------------------------------------------------------------------------------


def good_rows() -> list[list[str]]:
    """A header and twelve faultless sessions."""
    start = calendar.calendar_index("2025-01-02")
    close = np.round(100 + 3 * np.sin(np.arange(12)), 2)
    opened = np.round(close + 0.5 * np.cos(np.arange(12)), 2)
    high, low = np.maximum(opened, close) + 0.25, np.minimum(opened, close) - 0.25
    numbers = np.column_stack([opened, high, low, close, close])
    days = calendar.xnys()[start : start + 12]
    cells = [[f"{value:.2f}" for value in row] for row in numbers]
    return [HEAD, *([f"{day:%Y-%m-%d}", *row, "1000000", "0", "0"] for day, row in zip(days, cells, strict=True))]


def damage_rows(rows: list[list[str]], kind: str, one: int, other: int) -> None:
    if kind == "drop":
        del rows[one]
    elif kind == "repeat":
        rows.insert(other, list(rows[one]))
    elif kind == "swap":
        rows[one], rows[other] = rows[other], rows[one]
    else:  # a split or a misplaced decimal point
        for row in rows[1 : other + 1]:
            row[1:6] = [repr(float(value) * (0.01, 0.1, 0.5, 2.0, 10.0, 1.1)[one % 6]) for value in row[1:6]]


def damage_cells(rows: list[list[str]], kind: str, one: int, column: int, cell: str) -> None:
    if kind == "set":
        rows[one][column] = cell
    elif kind == "digit":
        rows[one][column] = rows[one][column].replace(rows[one][column][-1:], str(one % 10), 1)
    elif kind == "cut":
        del rows[one][column:]
    else:
        for row in rows:
            moved = row.pop(column)
            if kind == "move":
                row.insert(one % len(row), moved)


ROWS, CELL_KINDS = ("drop", "repeat", "swap", "scale"), ("set", "set", "digit", "digit", "cut", "remove", "move")


@st.composite
def price_files(draw: st.DrawFn) -> bytes:
    """A good file with up to three changes, in some dialect of CSV, and perhaps some other bytes."""
    rows = [list(row) for row in good_rows()]
    cells = st.sampled_from(CELLS) | st.text(max_size=4) | st.floats().map(repr)
    steps = st.tuples(st.sampled_from(ROWS + CELL_KINDS), BIG, BIG, cells)
    for kind, one, other, cell in draw(st.lists(steps, max_size=3)):
        with suppress(IndexError, ValueError, ZeroDivisionError):  # an earlier change may leave nothing to change
            if kind in ROWS:
                damage_rows(rows, kind, one % len(rows), other % len(rows))
            else:
                damage_cells(rows, kind, one % len(rows), other % len(rows[0]), cell)
    text = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n", "\n\n"])), quoting=quoting).writerows(rows)
    mark = draw(st.sampled_from([b"", b"", b"\xef\xbb\xbf"]))
    return draw(spliced(mark + text.getvalue().encode("utf-8", "surrogatepass")))


def plain_bars(content: bytes) -> pd.DataFrame:
    """The file as pandas reads it, from the first session of the calendar on."""
    table = pd.read_csv(io.BytesIO(content), encoding="utf-8-sig", dtype=str, keep_default_na=False, index_col=False)
    days = pd.DatetimeIndex(table["Date"].astype("datetime64[ns]"))
    bars = pd.DataFrame({name: [float(cell) for cell in table[name]] for name in FIELDS}, index=days)
    return bars[bars.index >= SESSIONS[0]]


def require_tradable(bars: pd.DataFrame) -> None:
    """Consecutive sessions of positive, finite prices between low and high."""
    first = SESSIONS.searchsorted(bars.index[0])
    assert (SESSIONS[first : first + len(bars)] == bars.index).all()
    four = bars[["Open", "High", "Low", "Close"]]
    assert (bars[FIELDS[:5]] > 0).all(axis=None) and np.isfinite(bars.to_numpy()).all()
    assert (bars["Volume"] >= 0).all()
    assert (bars["High"] >= four.max(axis=1) * (1 - 2e-6)).all()
    assert (bars["Low"] <= four.min(axis=1) * (1 + 2e-6)).all()


def test_a_damaged_price_file_is_read_correctly_or_rejected(tmp_path: Path) -> None:
    def accepted(content: bytes) -> bool:
        (tmp_path / "AAA.csv").write_bytes(content)
        try:
            prices = load_prices(["AAA"], source=tmp_path)
        except (DataError, RequestError) as error:
            # If no session of the file lies in the calendar, the error is about the window, not the file.
            require_line(error, "no prices in the window" if "window" in str(error) else "AAA")
            return False
        bars = plain_bars(content)
        assert (bars.index == prices.sessions).all()
        for name in ("Open", "High", "Low", "Close", "Volume"):
            np.testing.assert_array_equal(getattr(prices, name.lower())[:, 0], bars[name], name)
        np.testing.assert_array_equal(prices.factor[:, 0], bars["Adj Close"] / bars["Close"])
        require_tradable(bars)
        return True

    require_both(price_files(), accepted)


# --- event files ------------------------------------------------------------------------------------------------------


@st.composite
def event_files(draw: st.DrawFn) -> bytes:
    """A good event with up to two lines replaced, inserted or dropped, and perhaps some other bytes."""
    lines = WHOLE.replace('against = "SPY"', 'against = "SPY", fall = 0.1, turns = 3, on = true').splitlines()
    steps = st.tuples(st.sampled_from(["value", "line", "insert", "drop"]), BIG, st.sampled_from(KEYS))
    for kind, position, key in draw(st.lists(steps, max_size=2)):
        at, value = position % len(lines), draw(st.sampled_from(VALUES))
        line = key if key.startswith("[") else f"{key} = {value}"
        if kind == "value":
            lines[at] = f"{lines[at].partition('=')[0]}= {value}"
        else:
            lines[at : at + (kind != "insert")] = [] if kind == "drop" else [line]
    return draw(spliced("\n".join(lines).encode()))


def plain_value(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value.strip() if isinstance(value, str) else value


def test_a_damaged_event_file_is_read_correctly_or_rejected() -> None:
    def accepted(content: bytes) -> bool:
        try:
            event = parse_event(content, "my.toml")
        except RequestError as error:
            require_line(error, "event file 'my.toml'")
            return False
        plain = tomllib.loads(content.decode("utf-8"))
        assert event.shock == pd.Timestamp(plain["shock"]) and event.shock in SESSIONS
        assert event.published == pd.Timestamp(plain["published"])
        assert event.entry >= event.shock and event.entry in SESSIONS
        for key in ("name", "title", "publication", "claims"):
            assert key not in plain or getattr(event, key) == plain[key].strip()
        assert list(event.universe) == plain.get("universe", [])
        assert {name: list(symbols) for name, symbols in event.baskets} == plain.get("baskets", {})
        for key in ("marks", "confounders"):
            assert dict(getattr(event, key)) == {day: text.strip() for day, text in plain.get(key, {}).items()}
        for member, table in zip(event.readings, plain.get("readings", []), strict=True):
            assert (member.strategy, member.chooses) == (table["strategy"].strip(), table.get("chooses", False))
            expected = {name: plain_value(value) for name, value in table.get("parameters", {}).items()}
            assert dict(member.parameters) == expected
        return True

    require_both(event_files(), accepted)
