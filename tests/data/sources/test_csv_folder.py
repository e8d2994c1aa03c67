"""A folder of CSV files as a price source."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import load_prices
from data.errors import DataError, RequestError
from data.sources.csv_folder import FolderSource

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
LINES = (
    HEADER,
    "2025-01-27,124.80,128.40,116.70,118.42,118.3849,818830900",
    "2025-01-28,121.81,129.00,116.25,128.99,128.9518,579666400",
    "2025-01-29,126.50,126.89,120.05,123.70,123.6634,467120600",
)
Write = Callable[..., Path]


def text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def refusal(folder: Path, symbol: str = "NVDA") -> str:
    with pytest.raises((DataError, RequestError)) as caught:
        load_prices([symbol], source=folder)
    message = str(caught.value)
    assert "\n" not in message
    assert symbol in message
    return message


def test_dividends_and_splits_are_read_and_capital_gains_count_as_dividends(write_folder: Write) -> None:
    lines = [LINES[0] + ",Dividends,Stock Splits,Capital Gains", *(f"{line},0.25,0.0,0.5" for line in LINES[1:])]
    frame = FolderSource(write_folder(NVDA=text(*lines))).bars(["NVDA"])["NVDA"]
    assert list(frame["Dividends"]) == [0.75] * 3
    assert list(frame["Stock Splits"]) == [0.0] * 3
    assert "Capital Gains" not in frame


def test_a_caret_may_be_omitted_in_the_file_name(write_folder: Write) -> None:
    source = FolderSource(write_folder(VIX=text(*LINES), **{"^IRX": text(*LINES)}))
    assert set(source.bars(["^VIX", "^IRX"])) == {"^VIX", "^IRX"}


def test_origin_names_the_folder(write_folder: Write) -> None:
    source = FolderSource(write_folder(NVDA=text(*LINES)))
    assert source.origin == "folder prices (CSV files as Yahoo writes them)"
    assert source.real


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"--source names '.*nowhere', which does not exist: give a folder"):
        FolderSource(tmp_path / "nowhere")


def test_a_file_instead_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "NVDA.csv").write_text(text(*LINES))
    with pytest.raises(RequestError, match="which is not a folder"):
        FolderSource(tmp_path / "NVDA.csv")


def test_a_folder_without_prices_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no prices")
    with pytest.raises(RequestError, match=r"which holds no file that ends in \.csv"):
        FolderSource(tmp_path)


def test_a_missing_symbol_gets_close_matches_and_the_remedy(write_folder: Write) -> None:
    folder = write_folder(NVDA=text(*LINES), AMD=text(*LINES))
    with pytest.raises(RequestError) as caught:
        load_prices(["nvdia", "ZZZZ"], source=folder)
    message = str(caught.value)
    assert "no prices for nvdia (did you mean NVDA?), ZZZZ in" in message
    assert f"save them there as nvdia.csv with the columns {HEADER}" in message


@pytest.mark.parametrize("symbol", ["../NVDA", "a/b", "", "NV DA", "NVDA\n", "." * 3, "A" * 16, "..\\NVDA"])
def test_an_invalid_symbol_is_rejected(write_folder: Write, symbol: str) -> None:
    with pytest.raises(RequestError, match="is not a symbol"):
        load_prices([symbol], source=write_folder(NVDA=text(*LINES)))


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_named(write_folder: Write, column: str) -> None:
    header = HEADER.replace(column, "Other", 1) if column != "Close" else HEADER.replace(",Close,", ",Other,")
    assert f"NVDA.csv has no column {column} (its header" in refusal(write_folder(NVDA=text(header, *LINES[1:])))


def test_line_numbers_count_empty_lines(write_folder: Write) -> None:
    message = refusal(write_folder(NVDA=text(LINES[0], "", "", LINES[1], LINES[2].replace("116.25", "?"))))
    assert "Low: '?' is not a number (NVDA.csv, line 5)" in message


def test_lines_with_too_many_fields_are_named(write_folder: Write) -> None:
    lines = [LINES[0], *(line + ",9" for line in LINES[1:])]
    assert "line 2 has 8 fields under 7 names" in refusal(write_folder(NVDA=text(*lines)))


@pytest.mark.parametrize("window", [{"start": "2025-01-16"}, {"end": "2025-01-14"}])
@pytest.mark.parametrize("cell", ["-1.0", "null"])
def test_a_fault_outside_the_window_is_noted(
    write_folder: Write, bars: pd.DataFrame, window: dict[str, str], cell: str
) -> None:
    bars = bars.astype({"Low": object})
    bars.loc["2025-01-15", "Low"] = cell
    prices = load_prices(["ABC"], **window, source=write_folder(ABC=bars))
    problem = "-1 is not a price" if cell == "-1.0" else "'null' is not a number"
    where = f"ABC on 2025-01-15, Low: {problem} (ABC.csv, line 10)"
    assert prices.warnings == (f"Outside the window, and not used: {where}",)
    used = bars.loc[window.get("start") : window.get("end")]
    assert list(prices.sessions) == list(used.index)
    np.testing.assert_array_equal(prices.close[:, 0], used["Close"])


@pytest.mark.parametrize("cell", ["-1.0", "null"])
def test_a_fault_inside_the_window_is_refused(write_folder: Write, bars: pd.DataFrame, cell: str) -> None:
    bars = bars.astype({"Low": object})
    bars.loc["2025-01-15", "Low"] = cell
    with pytest.raises(DataError, match=r"Low: (-1 is not a price|'null' is not a number) \(ABC\.csv, line 10\)"):
        load_prices(["ABC"], start="2025-01-15", end="2025-01-15", source=write_folder(ABC=bars))
