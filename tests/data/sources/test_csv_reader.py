"""Price files as spreadsheets, mail programs and broken disks leave them: the right prices, or a line that says where.

docs/reliability.md lists each of them with its outcome.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from data import load_prices
from data.errors import DataError, RequestError
from data.sources import open_source
from data.sources.csv_reader import MOST_BYTES

HEAD = "Date,Open,High,Low,Close,Adj Close,Volume"
ROWS = (
    "2025-01-27,124.80,128.40,116.70,118.42,118.3849,818830900",
    "2025-01-28,121.81,129.00,116.25,128.99,128.9518,579666400",
    "2025-01-29,126.50,126.89,120.05,123.70,123.6634,467120600",
)
WHOLE = "\n".join((HEAD, *ROWS, ""))
DAYS = ["2025-01-27", "2025-01-28", "2025-01-29"]
CLOSES = [118.42, 128.99, 123.70]
ADJUSTED = [118.3849, 128.9518, 123.6634]
Make = Callable[..., pd.DataFrame]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prices").mkdir()
    return tmp_path / "prices"


def loaded(folder: Path, content: str | bytes) -> None:
    """The file holds the closes of ROWS, whatever it looks like."""
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "NVDA.csv").write_bytes(raw)
    prices = load_prices(["NVDA"], source=folder)
    assert [f"{session:%Y-%m-%d}" for session in prices.sessions] == DAYS
    assert prices.close[:, 0].tolist() == CLOSES
    assert (prices.close * prices.factor)[:, 0] == pytest.approx(ADJUSTED, rel=1e-15)


def refused(folder: Path, content: str | bytes | None = None) -> str:
    """The one line with which it is refused, in well below the time of a hang."""
    if content is not None:
        (folder / "NVDA.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises((DataError, RequestError)) as caught:
        load_prices(["NVDA"], source=folder)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 400
    assert "NVDA" in message and ".csv" in message
    return message


HARMLESS = {
    "a byte order mark": "\ufeff" + WHOLE,
    "line ends of Windows": WHOLE.replace("\n", "\r\n"),
    "line ends of an old Mac": WHOLE.replace("\n", "\r"),
    "every cell in quotes": "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in WHOLE.splitlines()),
    "blank lines before, between and after": WHOLE.replace("\n", "\n\n").join(("\n", "\n\n")),
    "no newline at the end": WHOLE.rstrip(),
    "numbers with an exponent, a plus or zeros": WHOLE.replace("116.25", "1.1625E+2").replace("129.00", "+0129.000"),
    "columns in another order": "\n".join(",".join(reversed(line.split(","))) for line in WHOLE.splitlines()),
    "other columns, of one name even": "\n".join(f"{line},x,=1+1" for line in WHOLE.splitlines()),
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS)
def test_a_file_that_only_looks_different_gives_the_same_prices(folder: Path, content: str) -> None:
    loaded(folder, content)


def swapped(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "NVDA.csv is empty: download it again"),
    "blank lines only": ("\n\r\n\n", "NVDA.csv is empty"),
    "a header only": (HEAD + "\n", "NVDA.csv has a header but no rows: download it again"),
    "a formula": (
        swapped("116.25", "=cmd|' /C calc'!A0"),
        "line 3, column Low: \"=cmd|' /C calc'!A0\" is not a number",
    ),
    "a formula in the place of a date": (swapped("2025-01-28", "=TODAY()"), "line 3, column Date: '=TODAY()' is not a"),
    "a minus of typographers": (
        swapped("116.25", "\u2212116.25"),
        "line 3, column Low: '\u2212116.25' is not a number",
    ),
    "a minus": (swapped("116.25", "-116.25"), "2025-01-28, Low: -116.25 is not a price (NVDA.csv, line 3)"),
    "a decimal comma in quotes": (
        swapped("116.25", '"116,25"'),
        "column Low: '116,25' is not a number: write it as 12",
    ),
    "a decimal comma without": (swapped("116.25", "116,25"), "line 3 has 8 fields under 7 names: correct it"),
    "commas between thousands": (swapped("818830900", '"818,830,900"'), "line 2, column Volume: '818,830,900' is not"),
    "semicolons between columns": (WHOLE.replace(",", ";"), "has no column Date, Open, High, Low, Close, Adj Close,"),
    "a currency": (swapped("116.25", "$116.25"), "line 3, column Low: '$116.25' is not a number"),
    "a space beside a number": (swapped("116.25", " 116.25"), "line 3, column Low: ' 116.25' is not a number"),
    "digits of another script": (
        swapped("116.25", "\uff11\uff116.25"),
        "column Low: '\uff11\uff116.25' is not a number",
    ),
    "an underscore in a number": (swapped("116.25", "1_16.25"), "column Low: '1_16.25' is not a number"),
    "an empty cell": (swapped("116.25", ""), "line 3, column Low: '' is not a number"),
    "NaN": (swapped("116.25", "nan"), "line 3, column Low: 'nan' is not a number"),
    "infinity": (swapped("116.25", "Infinity"), "line 3, column Low: 'Infinity' is not a number"),
    "a number that overflows": (swapped("129.00", "1e999"), "High: inf is not a price (NVDA.csv, line 3)"),
    "a number that underflows": (swapped("116.25", "1e-999"), "Low: 0 is not a price (NVDA.csv, line 3)"),
    "a price of another world": (swapped("129.00", "1e300"), "High: 1e+300 is not a price (NVDA.csv, line 3)"),
    "true": (swapped("116.25", "TRUE"), "column Low: 'TRUE' is not a number"),
    "a date without zeros": (swapped("2025-01-28", "2025-1-28"), "line 3, column Date: '2025-1-28' is not a date like"),
    "a date without dashes": (WHOLE.replace("-", ""), "line 2, column Date: '20250127' is not a date like 2025-01-31"),
    "a week": (swapped("2025-01-28", "2025-W05-2"), "line 3, column Date: '2025-W05-2' is not a date like"),
    "a month": (swapped("2025-01-28", "2025-01"), "line 3, column Date: '2025-01' is not a date like 2025-01-31"),
    "a date with a time": (swapped("2025-01-28", "2025-01-28 00:00:00"), "column Date: '2025-01-28 00:00:00' is not"),
    "a mixture of dates": (swapped("2025-01-28", "28/01/2025"), "line 3, column Date: '28/01/2025' is not a date like"),
    "30 February": (swapped("2025-01-28", "2025-02-30"), "line 3, column Date: '2025-02-30' is not a date like"),
    "the year 0": (swapped("2025-01-27", "0000-01-01"), "line 2, column Date: '0000-01-01' lies too far away: give a"),
    "1677": (swapped("2025-01-27", "1677-09-20"), "column Date: '1677-09-20' lies too far away: give a year from 1678"),
    "2262": (swapped("2025-01-29", "2262-04-12"), "line 4, column Date: '2262-04-12' lies too far away"),
    "2261": (swapped("2025-01-29", "2261-04-11"), "it lies after the exchange calendar, which ends on 20"),
    "a Saturday": (
        swapped("2025-01-28", "2025-02-01"),
        "2025-01-29, Date: it follows 2025-02-01, which is later (NVDA.",
    ),
    "a date twice": (swapped("2025-01-28", "2025-01-27"), "the date comes twice (NVDA.csv, line 3); keep one of the"),
    "a session that is left out": (
        swapped(ROWS[1] + "\n", ""),
        "this session has no row (1 missing in all) (NVDA.csv);",
    ),
    "a row of 1678 that nothing follows": (
        swapped(ROWS[0], ROWS[0].replace("2025-01-27", "1678-01-03")),
        "NVDA on 2000-01-03, Date: this session has no row (",
    ),
    "a column twice and another not at all": (WHOLE.replace("High", "Open"), "has no column High"),
    "a price column twice": (
        "\n".join([f"{HEAD},Close", *(f"{row},1" for row in ROWS)]),
        "NVDA.csv has the column Close more than once: leave only the right one",
    ),
    "a split column twice": (
        "\n".join([f"{HEAD},Stock Splits,Stock Splits", *(f"{row},0,1" for row in ROWS)]),
        "NVDA.csv has the column Stock Splits more than once",
    ),
    "a dividend below zero": (
        "\n".join([f"{HEAD},Dividends", *(f"{row},-1" for row in ROWS)]),
        "2025-01-27, Dividends: -1 is not a dividend (NVDA.csv, line 2)",
    ),
    "a dividend without end": (
        "\n".join([f"{HEAD},Dividends", *(f"{row},1e999" for row in ROWS)]),
        "Dividends: inf is not a dividend (NVDA.csv, line 2)",
    ),
    "a split below zero": (
        "\n".join([f"{HEAD},Stock Splits", *(f"{row},-1" for row in ROWS)]),
        "Stock Splits: -1 is not the ratio of a split (NVDA.csv, line 2)",
    ),
    "a NUL": (swapped("116.25", "116\0.25"), "NVDA.csv, line 3 holds a NUL byte, which no text does: download"),
    "a disk that gave zeros": (WHOLE.encode()[:90] + bytes(4096), "line 2 holds a NUL byte"),
    "UTF-16": (WHOLE.encode("utf-16"), "NVDA.csv is not text in UTF-8 (line 1): save it as plain CSV"),
    "Latin-1": (WHOLE.replace("116.25", "116\xb725").encode("latin-1"), "NVDA.csv is not text in UTF-8 (line 3)"),
    "a zip file": (b"PK\x03\x04\x14\x00\x08\x08", "NVDA.csv, line 1 holds a NUL byte"),
    "a page of HTML": ("<html><body>Too many requests</body></html>", "has no column Date, Open, High"),
    "escapes for the terminal": ("\x1b[2J\x1b[31mDate,Open\n", r"(its header: '\x1b[2J\x1b[31mDate,Open')"),
    "a quote that is not closed": (
        swapped("116.25", '"116.25'),
        "NVDA.csv, line 3 is not CSV (unexpected end of data)",
    ),
    "a quote inside of a number": (swapped("116.25", '"116".25'), "line 3 is not CSV ("),
    "a field without end": (swapped("116.25", "1" * 200_000), "line 3 is not CSV (field larger than field limit"),
    "a line that is cut off": (WHOLE[:-30], "line 4 is cut off after 4 of 7 fields"),
    "a gigabyte of zeros, or less": (b"0" * (MOST_BYTES + 1), "NVDA.csv is larger than 8 MiB: keep one line a session"),
}


@pytest.mark.parametrize(("content", "complaint"), FAULTS.values(), ids=FAULTS)
def test_a_bad_file_is_refused_with_its_line_and_the_remedy(folder: Path, content: str | bytes, complaint: str) -> None:
    assert complaint in refused(folder, content)


def test_a_sparse_file_of_two_gigabytes_is_refused_by_its_size(folder: Path) -> None:
    (folder / "NVDA.csv").touch()
    os.truncate(folder / "NVDA.csv", 2**31)
    assert "NVDA.csv is larger than 8 MiB" in refused(folder)


def test_what_is_no_file_is_refused_and_never_waited_for(folder: Path) -> None:
    path = folder / "NVDA.csv"
    path.mkdir()
    assert "NVDA.csv is not a file: save the prices as a plain CSV file of that name" in refused(folder)
    path.rmdir()
    path.symlink_to(folder / "gone.txt")
    assert "NVDA.csv is not a file" in refused(folder)
    path.unlink()
    path.symlink_to(path)
    assert "NVDA.csv is not a file" in refused(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes, devices and sockets of POSIX")
def test_a_pipe_a_device_and_a_socket_are_refused_and_never_waited_for(folder: Path) -> None:
    path = folder / "NVDA.csv"
    os.mkfifo(path)
    assert "NVDA.csv is not a file" in refused(folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "NVDA.csv is not a file" in refused(folder)
    path.unlink()
    here = Path.cwd()
    os.chdir(folder)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("NVDA.csv")
            assert "NVDA.csv is not a file" in refused(folder)
    finally:
        os.chdir(here)


def test_two_files_for_one_symbol_are_refused(folder: Path) -> None:
    (folder / "NVDA.csv").write_text(WHOLE)
    (folder / "NVDA.CSV").write_text(WHOLE)
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system does not tell them apart")
    assert refused(folder).endswith("holds NVDA.CSV and NVDA.csv: keep the right one of the two")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "~nobody-of-that-name/prices"])
def test_a_path_that_cannot_be_one_is_a_wrong_request(name: str) -> None:
    with pytest.raises(RequestError, match=r"^--source .*: give a folder"):
        open_source(name)


@pytest.mark.parametrize(("at_open", "at_close"), [(0.01, 0.01), (0.8, 0.01), (30.0, 101.3)])
def test_a_move_of_ninety_nine_per_cent_is_believed_once_its_owner_says_so(
    folder: Path, make_bars: Make, at_open: float, at_close: float
) -> None:
    bars = make_bars(40)
    before = bars["Close"].iloc[30]
    opened, close = (round(before * factor, 4) for factor in (at_open, at_close))
    later = bars.index[31:]
    bars.loc[later, ["Open", "High", "Low", "Close", "Adj Close"]] *= at_close
    bars.loc[later[0], ["Open", "High", "Low", "Close", "Adj Close"]] = [
        opened, max(opened, close), min(opened, close), close, close,
    ]  # fmt: skip
    bars.to_csv(folder / "NVDA.csv", date_format="%Y-%m-%d")
    message = refused(folder)
    assert f"{later[0]:%Y-%m-%d}, Close: the move from {before:g} to {close:g}" in message
    # Header on line 1, 31 rows before it.
    assert "(NVDA.csv, line 33)" in message
    assert message.endswith("if the move is real, add a column Stock Splits with 1 that day and 0 on all others")
    said = (bars.index == later[0]).astype(int)
    bars.assign(**{"Stock Splits": said}).to_csv(folder / "NVDA.csv", date_format="%Y-%m-%d")
    prices = load_prices(["NVDA"], source=folder)
    assert prices.close[:, 0].tolist() == bars["Close"].tolist()
    # Said of another day, it is of no use.
    bars.assign(**{"Stock Splits": said[::-1]}).to_csv(folder / "NVDA.csv", date_format="%Y-%m-%d")
    assert "the move from" in refused(folder)
