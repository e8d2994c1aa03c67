"""Price files damaged by spreadsheets, mail programs and disks: read correctly, or rejected with the line number.

docs/reliability.md summarises these cases.
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


def require_loaded(folder: Path, content: str | bytes) -> None:
    """The file is read as the prices of ROWS."""
    raw = content if isinstance(content, bytes) else content.encode()
    (folder / "NVDA.csv").write_bytes(raw)
    prices = load_prices(["NVDA"], source=folder)
    assert [f"{session:%Y-%m-%d}" for session in prices.sessions] == DAYS
    assert prices.close[:, 0].tolist() == CLOSES
    assert (prices.close * prices.factor)[:, 0] == pytest.approx(ADJUSTED, rel=1e-15)


def refusal(folder: Path, content: str | bytes | None = None) -> str:
    """The error message for the file: one short line."""
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
    "additional columns with equal names": "\n".join(f"{line},x,=1+1" for line in WHOLE.splitlines()),
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS)
def test_a_different_notation_gives_the_same_prices(folder: Path, content: str) -> None:
    require_loaded(folder, content)


def test_a_file_with_its_newest_row_first_is_sorted_and_told(folder: Path) -> None:
    newest_first = "\n".join((HEAD, *reversed(ROWS)))
    require_loaded(folder, newest_first)
    assert load_prices(["NVDA"], source=folder).warnings == (
        "NVDA.csv begins with its newest row; the rows were sorted",
    )
    # The oldest row is on line 4.
    assert "on 2025-01-27, Low: -1 is not a price (NVDA.csv, line 4)" in refusal(
        folder, newest_first.replace("116.70", "-1")
    )
    assert "it follows 2025-01-29, which is later" in refusal(folder, "\n".join((HEAD, ROWS[2], ROWS[0], ROWS[1])))


def replaced(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new, 1)


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "an empty file": ("", "NVDA.csv is empty: download it again"),
    "blank lines only": ("\n\r\n\n", "NVDA.csv is empty"),
    "a header only": (HEAD + "\n", "NVDA.csv has a header but no rows: download it again"),
    "a formula": (
        replaced("116.25", "=cmd|' /C calc'!A0"),
        "Low: \"=cmd|' /C calc'!A0\" is not a number (NVDA.csv, line 3)",
    ),
    "a formula instead of a date": (replaced("2025-01-28", "=TODAY()"), "line 3, column Date: '=TODAY()' is not a"),
    "a typographic minus": (
        replaced("116.25", "\u2212116.25"),
        "Low: '\u2212116.25' is not a number (NVDA.csv, line 3)",
    ),
    "a minus": (replaced("116.25", "-116.25"), "2025-01-28, Low: -116.25 is not a price (NVDA.csv, line 3)"),
    "a decimal comma in quotes": (
        replaced("116.25", '"116,25"'),
        "Low: '116,25' is not a number (NVDA.csv, line 3); write it as 12",
    ),
    "a decimal comma without quotes": (replaced("116.25", "116,25"), "line 3 has 8 fields under 7 names: correct it"),
    "thousands separators": (replaced("818830900", '"818,830,900"'), "Volume: '818,830,900' is not a number (NVDA"),
    "semicolons as separators": (WHOLE.replace(",", ";"), "has no column Date, Open, High, Low, Close, Adj Close,"),
    "a currency sign": (replaced("116.25", "$116.25"), "Low: '$116.25' is not a number (NVDA.csv, line 3)"),
    "a space beside a number": (replaced("116.25", " 116.25"), "Low: ' 116.25' is not a number (NVDA.csv, line 3)"),
    "digits of another script": (
        replaced("116.25", "\uff11\uff116.25"),
        "2025-01-28, Low: '\uff11\uff116.25' is not a number (NVDA.csv, line 3)",
    ),
    "an underscore in a number": (replaced("116.25", "1_16.25"), "Low: '1_16.25' is not a number (NVDA.csv, line 3)"),
    "an empty cell": (replaced("116.25", ""), "Low: '' is not a number (NVDA.csv, line 3)"),
    "NaN": (replaced("116.25", "nan"), "Low: 'nan' is not a number (NVDA.csv, line 3)"),
    "infinity": (replaced("116.25", "Infinity"), "Low: 'Infinity' is not a number (NVDA.csv, line 3)"),
    "a number that overflows": (replaced("129.00", "1e999"), "High: inf is not a price (NVDA.csv, line 3)"),
    "a number that underflows": (replaced("116.25", "1e-999"), "Low: 0 is not a price (NVDA.csv, line 3)"),
    "an absurd price": (replaced("129.00", "1e300"), "High: 1e+300 is not a price (NVDA.csv, line 3)"),
    "true": (replaced("116.25", "TRUE"), "2025-01-28, Low: 'TRUE' is not a number (NVDA.csv, line 3)"),
    "a date without zeros": (
        replaced("2025-01-28", "2025-1-28"),
        "line 3, column Date: '2025-1-28' is not a date like",
    ),
    "a date without dashes": (WHOLE.replace("-", ""), "line 2, column Date: '20250127' is not a date like 2025-01-31"),
    "a week": (replaced("2025-01-28", "2025-W05-2"), "line 3, column Date: '2025-W05-2' is not a date like"),
    "a month": (replaced("2025-01-28", "2025-01"), "line 3, column Date: '2025-01' is not a date like 2025-01-31"),
    "a date with a time": (replaced("2025-01-28", "2025-01-28 00:00:00"), "column Date: '2025-01-28 00:00:00' is not"),
    "mixed date formats": (
        replaced("2025-01-28", "28/01/2025"),
        "line 3, column Date: '28/01/2025' is not a date like",
    ),
    "30 February": (replaced("2025-01-28", "2025-02-30"), "line 3, column Date: '2025-02-30' is not a date like"),
    "the year 0": (replaced("2025-01-27", "0000-01-01"), "line 2, column Date: '0000-01-01' is out of range: give a"),
    "1677": (replaced("2025-01-27", "1677-09-20"), "column Date: '1677-09-20' is out of range: give a year from 1678"),
    "2262": (replaced("2025-01-29", "2262-04-12"), "line 4, column Date: '2262-04-12' is out of range"),
    "2261": (replaced("2025-01-29", "2261-04-11"), "it lies after the exchange calendar, which ends on 20"),
    "a Saturday": (
        replaced("2025-01-28", "2025-02-01"),
        "2025-01-29, Date: it follows 2025-02-01, which is later (NVDA.",
    ),
    "a date twice": (replaced("2025-01-28", "2025-01-27"), "the date occurs twice (NVDA.csv, line 3); keep one of the"),
    "a missing session": (
        replaced(ROWS[1] + "\n", ""),
        "this session has no row (1 missing in all) (NVDA.csv);",
    ),
    "an isolated row of 1678": (
        replaced(ROWS[0], ROWS[0].replace("2025-01-27", "1678-01-03")),
        "NVDA on 2000-01-03, Date: this session has no row (",
    ),
    "a duplicate column in place of another": (WHOLE.replace("High", "Open"), "has no column High"),
    "a price column twice": (
        "\n".join([f"{HEAD},Close", *(f"{row},1" for row in ROWS)]),
        "NVDA.csv has the column Close more than once: keep only the right one",
    ),
    "a split column twice": (
        "\n".join([f"{HEAD},Stock Splits,Stock Splits", *(f"{row},0,1" for row in ROWS)]),
        "NVDA.csv has the column Stock Splits more than once",
    ),
    "a negative dividend": (
        "\n".join([f"{HEAD},Dividends", *(f"{row},-1" for row in ROWS)]),
        "2025-01-27, Dividends: -1 is not a dividend (NVDA.csv, line 2)",
    ),
    "an infinite dividend": (
        "\n".join([f"{HEAD},Dividends", *(f"{row},1e999" for row in ROWS)]),
        "Dividends: inf is not a dividend (NVDA.csv, line 2)",
    ),
    "a negative split": (
        "\n".join([f"{HEAD},Stock Splits", *(f"{row},-1" for row in ROWS)]),
        "Stock Splits: -1 is not the ratio of a split (NVDA.csv, line 2)",
    ),
    "a NUL": (replaced("116.25", "116\0.25"), "NVDA.csv, line 3 holds a NUL byte, so it is not text: download"),
    "a block of zeros from a bad disk": (WHOLE.encode()[:90] + bytes(4096), "line 2 holds a NUL byte"),
    "UTF-16": (WHOLE.encode("utf-16"), "NVDA.csv is not text in UTF-8 (line 1): save it as plain CSV"),
    "Latin-1": (WHOLE.replace("116.25", "116\xb725").encode("latin-1"), "NVDA.csv is not text in UTF-8 (line 3)"),
    "a zip file": (b"PK\x03\x04\x14\x00\x08\x08", "NVDA.csv, line 1 holds a NUL byte"),
    "a page of HTML": ("<html><body>Too many requests</body></html>", "has no column Date, Open, High"),
    "terminal escape sequences": ("\x1b[2J\x1b[31mDate,Open\n", r"(its header: '\x1b[2J\x1b[31mDate,Open')"),
    "an unclosed quote": (
        replaced("116.25", '"116.25'),
        "NVDA.csv, line 3 is not CSV (unexpected end of data)",
    ),
    "a quote inside a number": (replaced("116.25", '"116".25'), "line 3 is not CSV ("),
    "an oversized field": (replaced("116.25", "1" * 200_000), "line 3 is not CSV (field larger than field limit"),
    "a truncated line": (WHOLE[:-30], "line 4 is cut off after 4 of 7 fields"),
    "an oversized file": (b"0" * (MOST_BYTES + 1), "NVDA.csv is larger than 8 MiB: keep one line per session"),
}


@pytest.mark.parametrize(("content", "complaint"), FAULTS.values(), ids=FAULTS)
def test_a_bad_file_is_rejected_with_line_and_remedy(folder: Path, content: str | bytes, complaint: str) -> None:
    assert complaint in refusal(folder, content)


def test_a_sparse_file_of_two_gigabytes_is_rejected_by_size(folder: Path) -> None:
    (folder / "NVDA.csv").touch()
    os.truncate(folder / "NVDA.csv", 2**31)
    assert "NVDA.csv is larger than 8 MiB" in refusal(folder)


def test_folders_and_broken_links_are_rejected(folder: Path) -> None:
    path = folder / "NVDA.csv"
    path.mkdir()
    assert "NVDA.csv is not a file: save the prices as a plain CSV file of that name" in refusal(folder)
    path.rmdir()
    path.symlink_to(folder / "gone.txt")
    assert "NVDA.csv is not a file" in refusal(folder)
    path.unlink()
    path.symlink_to(path)
    assert "NVDA.csv is not a file" in refusal(folder)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes, devices and sockets of POSIX")
def test_pipes_devices_and_sockets_are_rejected_without_blocking(folder: Path) -> None:
    path = folder / "NVDA.csv"
    os.mkfifo(path)
    assert "NVDA.csv is not a file" in refusal(folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "NVDA.csv is not a file" in refusal(folder)
    path.unlink()
    working_directory = Path.cwd()
    os.chdir(folder)  # the path of a socket must be short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind("NVDA.csv")
            assert "NVDA.csv is not a file" in refusal(folder)
    finally:
        os.chdir(working_directory)


def test_two_files_for_one_symbol_are_rejected(folder: Path) -> None:
    (folder / "NVDA.csv").write_text(WHOLE)
    (folder / "NVDA.CSV").write_text(WHOLE)
    if len(list(folder.iterdir())) == 1:
        pytest.skip("this file system ignores case")
    assert refusal(folder).endswith("holds NVDA.CSV and NVDA.csv: keep only the right one")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "~nobody-of-that-name/prices"])
def test_an_impossible_path_is_rejected(name: str) -> None:
    with pytest.raises(RequestError, match=r"^--source .*: give a folder"):
        open_source(name)


@pytest.mark.parametrize(("at_open", "at_close"), [(0.01, 0.01), (0.8, 0.01), (30.0, 101.3)])
def test_a_huge_move_is_accepted_once_marked_as_real(
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
    message = refusal(folder)
    assert f"{later[0]:%Y-%m-%d}, Close: the move from {before:g} to {close:g}" in message
    # The header is line 1, followed by 31 rows.
    assert "(NVDA.csv, line 33)" in message
    assert message.endswith("if the move is real, add a column Stock Splits with 1 that day and 0 on all others")
    marks = (bars.index == later[0]).astype(int)
    bars.assign(**{"Stock Splits": marks}).to_csv(folder / "NVDA.csv", date_format="%Y-%m-%d")
    prices = load_prices(["NVDA"], source=folder)
    assert prices.close[:, 0].tolist() == bars["Close"].tolist()
    # A mark on another day does not help.
    bars.assign(**{"Stock Splits": marks[::-1]}).to_csv(folder / "NVDA.csv", date_format="%Y-%m-%d")
    assert "the move from" in refusal(folder)
