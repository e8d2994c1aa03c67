"""Damage: what hypothesis does to good files before they are read."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from hypothesis import strategies as st

from data import calendar
from tests.resources.storm import WHOLE

HEAD = ["Date", "Open", "High", "Low", "Close", "Adj Close", "Volume"]
BIG = st.integers(0, 2**20)
# Cells that have fooled somebody.
CELLS = (
    *("", " ", "0", "-0", "-1", "1", "1e3", "1e999", "1e-999", "5e-324", "1e308", "1e12", "1e-9", "nan", "NaN", "inf"),
    *(
        "-inf",
        "NULL",
        "n/a",
        "TRUE",
        "0x1A",
        "1_0",
        "1,5",
        "1.5.",
        ".5",
        "5.",
        "+5",
        "--5",
        "\u22125",
        "\u0661",
        "\uff11",
    ),
    *("=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "\t5", "5\u00a0", "'5", "$5", "5%", "100\r\n101", "\ufeff5", "a\x00b"),
    *("2025-01-02", "2025-1-2", "20250102", "2025-W01-4", "01/02/2025", "2025-02-30", "1677-09-20", "2262-04-12"),
    *("0000-01-01", "9999-12-31", "1999-12-31", "2000-01-03", "2025-01-09", "2025-01-11", "2025-01-06T00:00", "Date"),
    *("Open", "Close", "Volume", "Dividends", "Stock Splits", "Capital Gains", '"', "\U0001f4a9", "1" * 400),
)
# Pieces of bytes that have.
PIECES = (
    *(b"", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\r", b"\n", b"\r\n", b'"', b'""', b"'", b",", b";", b"\t"),
    *(
        b"\x1a",
        b"\x1b[2J",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\x0b",
        b"\x0c",
        b"#",
        b"[",
        b"[[",
        b"{",
        b"}",
        b"]]",
        b"=",
        b".",
    ),
    *(
        b"-",
        b"e",
        b"E9",
        b"0",
        b"9",
        b"99999",
        b"nan",
        b"inf",
        b"null",
        b"true",
        b"NaN",
        b"1e999",
        b"\\ud800",
        b"\\u0000",
    ),
    *(
        b"2025-01-29",
        b"2025-02-30",
        b"9999-12-31T23:59:59Z",
        b"0001-01-01",
        b"'''",
        b'"""',
        b"\xed\xa0\x80",
        b"\xf0\x9f",
    ),
)
splices = st.lists(
    st.tuples(BIG, st.integers(0, 12), st.sampled_from(PIECES) | st.binary(max_size=6)), min_size=1, max_size=3
)


def spliced(content: bytes, damage: list[tuple[int, int, bytes]]) -> bytes:
    """Some bytes taken out of it, others put there."""
    for place, length, other in damage:
        start = place % (len(content) + 1)
        content = content[:start] + other + content[start + length :]
    return content


@st.composite
def bits(draw: st.DrawFn, content: bytes) -> bytes:
    """The same with bits turned, one in two times near its end, where a file of Parquet says what is in it."""
    damaged = bytearray(content)
    for place, bit, late in draw(st.lists(st.tuples(BIG, st.integers(0, 7), st.booleans()), min_size=1, max_size=3)):
        damaged[-1 - place % 2000 if late else place % len(content)] ^= 1 << bit
    return bytes(damaged)


# --- price files -------------------------------------------------------------


def good_prices(count: int, columns: tuple[str, ...] = ()) -> list[list[str]]:
    """The cells of a price file without a fault, header first."""
    place = calendar.position("2025-01-02")
    close = np.round(100 + 3 * np.sin(np.arange(count)), 2)
    opened = np.round(close + 0.5 * np.cos(np.arange(count)), 2)
    high, low = np.maximum(opened, close) + 0.25, np.minimum(opened, close) - 0.25
    rows = zip(opened, high, low, close, close, strict=True)
    days = calendar.xnys()[place : place + count]
    cells = [
        [f"{day:%Y-%m-%d}", *(f"{value:.2f}" for value in row), "1000000", *("0" for _ in columns)]
        for day, row in zip(days, rows, strict=True)
    ]
    return [[*HEAD, *columns], *cells]


GOOD = (
    good_prices(12),
    good_prices(12, ("Dividends", "Stock Splits")),
    good_prices(3, ("Capital Gains", "note")),
    good_prices(1),
)


def _set(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    rows[row % len(rows)][column % len(rows[0])] = cell


def _change(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    """Another number of the same kind."""
    old = rows[row % len(rows)][column % len(rows[0])]
    rows[row % len(rows)][column % len(rows[0])] = old.replace(old[-1:], str(row % 10), 1) or cell


def _drop_row(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    rows.pop(row % len(rows))


def _copy_row(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    rows.insert(column % len(rows), list(rows[row % len(rows)]))


def _swap_rows(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    one, other = row % len(rows), column % len(rows)
    rows[one], rows[other] = rows[other], rows[one]


def _drop_column(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    for each in rows:
        del each[column % len(rows[0]) : column % len(rows[0]) + 1]


def _move_column(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    for each in rows:
        each.insert(row % (len(each) + 1), each.pop(column % len(each)) if each else cell)


def _add_column(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    for place, each in enumerate(rows):
        each.append(cell if place else (*HEAD, "Dividends", "Stock Splits", "note")[column % 10])


def _scale_column(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    """All prices before a row times a number: a split, a slip of the decimal point, a currency."""
    factor = (0.01, 0.1, 0.5, 2.0, 10.0, 1e-12, 1e12, 1.1)[row % 8]
    for each in rows[1 : column % len(rows) + 1]:
        for place in range(1, min(6, len(each))):
            each[place] = repr(float(each[place]) * factor)


def _cut_row(rows: list[list[str]], row: int, column: int, cell: str) -> None:
    del rows[row % len(rows)][column % len(rows[0]) :]


Change = Callable[[list[list[str]], int, int, str], None]
CHANGES: tuple[Change, ...] = (
    *(_set, _set, _set, _change, _change, _change, _drop_row, _copy_row, _swap_rows, _drop_column, _move_column),
    *(_move_column, _add_column, _scale_column, _cut_row),
)
cells = st.sampled_from(CELLS) | st.text(max_size=4) | st.floats().map(repr)


@st.composite
def price_files(draw: st.DrawFn) -> bytes:
    """A good file with its cells changed, written in some dialect, its bytes changed; or nothing of the kind."""
    if draw(st.integers(0, 9)) == 0:
        head = (",".join(HEAD) + "\n").encode() if draw(st.booleans()) else b""
        return head + draw(st.binary(max_size=60) | st.text('0123456789.,-eE"\n\r ', max_size=80).map(str.encode))
    rows = [list(row) for row in draw(st.sampled_from(GOOD))]
    steps = st.tuples(st.sampled_from(CHANGES), BIG, BIG, cells)
    for change, row, column, cell in draw(st.lists(steps, max_size=3)):
        with suppress(IndexError, ValueError, ZeroDivisionError):  # where there is nothing to change in that way
            change(rows, row, column, cell)
    content = written(rows, draw(st.integers(0, 31)))
    return spliced(content, draw(splices)) if draw(st.integers(0, 3)) == 0 else content


def written(rows: list[list[str]], dialect: int) -> bytes:
    """Rows as CSV, with a byte order mark, other ends of lines, quotes or an empty line."""
    text = io.StringIO()
    end = "\r\n" if dialect & 1 else "\n"
    quoting = csv.QUOTE_ALL if dialect & 2 and dialect & 16 else csv.QUOTE_MINIMAL
    csv.writer(text, lineterminator=end, quoting=quoting).writerows(rows)
    content = text.getvalue().replace(end, end * 2, 1 if dialect & 4 else 0)
    return (b"\xef\xbb\xbf" if dialect & 8 and dialect & 16 else b"") + content.encode("utf-8", "surrogatepass")


# --- event files -------------------------------------------------------------

EVENT = WHOLE.replace('against = "SPY"', 'against = "SPY", fall = 0.1, turns = 3, on = true')
LINES = EVENT.splitlines()
VALUES = (
    *('""', '"x"', "'x'", '"""\nx"""', "0", "-1", "1e999", "nan", "-inf", "9007199254740993", "0x" + "f" * 40, "true"),
    *(
        "[]",
        "[[]]",
        '["SPY"]',
        '["SPY", "SPY"]',
        '["spy", 1]',
        "{}",
        "{ a = 1 }",
        '{ 2025-03-03 = "x" }',
        "[[[[[[[]]]]]]]",
    ),
    *("2025-03-03", "2025-03-02", "1677-01-01", "9999-12-31", "0001-01-01", "2025-03-03T00:00:00", "12:00:00"),
    *("2025-03-04T12:00:00Z", "2025-03-04T12:00:00-23:59", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+23:59"),
    *(
        '"\\u202E"',
        '"\\u0000"',
        '"a\\nb"',
        f'"{"a" * 301}"',
        '"fomc"',
        '"bad_news"',
        '"SPY"',
        '"boats"',
        '"\U0001f4a9"',
    ),
)
KEYS = (
    *("name", "title", "shock", "published", "publication", "claims", "quiet_until", "universe", "calendar", "baskets"),
    *("marks", "confounders", "readings", "strategy", "parameters", "chooses", "claim", "2025-03-03", "x", '""', "a.b"),
    *("[baskets]", "[[readings]]", "[marks]", "[readings.parameters]", "[[readings.parameters]]", "[a.b.c]"),
)


@st.composite
def event_files(draw: st.DrawFn) -> bytes:
    """A good event with lines changed, then its bytes; or nothing of the kind."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=80) | st.text("abc=[]{}\".,0129-:T\n'# ", max_size=80).map(str.encode))
    lines = list(LINES)
    steps = st.tuples(st.integers(0, 4), BIG, BIG, st.sampled_from(KEYS), st.sampled_from(VALUES))
    for what, one, other, key, value in draw(st.lists(steps, max_size=2)):
        place, target = one % len(lines), other % len(lines)
        if what == 0:
            lines[place] = f"{lines[place].partition('=')[0]}= {value}"
        elif what == 1:
            lines[place] = f"{key} = {value}" if key[0] != "[" else key
        elif what == 2:
            lines.insert(place, f"{key} = {value}" if key[0] != "[" else key)
        elif what == 3:
            lines[place], lines[target] = lines[target], lines[place]
        else:
            lines[place] = ""
    content = "\n".join(lines).encode()
    return spliced(content, draw(splices)) if draw(st.integers(0, 2)) == 0 else content


# --- run folders -------------------------------------------------------------

VALUE = st.recursive(
    st.sampled_from(
        (None, True, False, 0, 1, -1, 1.0, 0.5, -0.0, 1e15, 1e16, 1e300, 10**17, "", "x", "2025-01-28", "SPY")
    )
    | st.floats()
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(("a", "d", "rows", "one")), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def changed_json(draw: st.DrawFn, content: bytes) -> bytes:
    """JSON with a value put, taken away, renamed or moved at some place."""
    whole = holder = json.loads(content)
    for _ in range(8):
        key = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
        below = holder[key]
        if not isinstance(below, dict | list) or not below or draw(st.integers(0, 2)) == 0:
            break
        holder = below
    what = draw(st.integers(0, 3))
    if what == 0 or not isinstance(holder, dict):
        holder[key] = draw(VALUE)
    elif what == 1:
        del holder[key]
    elif what == 2:
        holder[draw(st.sampled_from(("one", "two", "three", "SPY", "d", "")))] = holder.pop(key)
    else:
        holder[draw(st.text(max_size=3))] = draw(VALUE)
    return json.dumps(whole).encode("utf-8", "surrogatepass")


@st.composite
def run_files(draw: st.DrawFn, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a run folder, one or two of them changed."""
    damaged = dict(files)
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(("results.json", "results.json", "manifest.json", "manifest.json", *files)))
        if name.endswith(".json") and draw(st.integers(0, 3)):
            damaged[name] = draw(changed_json(files[name]))
        elif draw(st.integers(0, 9)) == 0:
            damaged[name] = draw(st.binary(max_size=40))
        else:
            damaged[name] = spliced(damaged[name], draw(splices))
    return damaged
