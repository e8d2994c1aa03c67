"""Bars of one symbol in the format of a source, and folders of CSV files with such bars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import calendar

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"


def good_bars(count: int = 40, first: str = "2025-01-02") -> pd.DataFrame:
    """A calm stock near 100 USD without dividends; all bars differ and are valid."""
    start = calendar.calendar_index(first)
    close = np.round(100 + 3 * np.sin(np.arange(count)), 2)
    opened = np.round(close + 0.5 * np.cos(np.arange(count)), 2)
    columns = {
        "Open": opened,
        "High": np.maximum(opened, close) + 0.25,
        "Low": np.minimum(opened, close) - 0.25,
        "Close": close,
        "Adj Close": close,
        "Volume": np.full(count, 1e6),
    }
    return pd.DataFrame(columns, index=calendar.xnys()[start : start + count].rename("Date"))


@pytest.fixture
def bars() -> pd.DataFrame:
    return good_bars()


@pytest.fixture
def write_folder(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes one CSV file per symbol, from bars or plain text, and returns the folder."""

    def write(**files: pd.DataFrame | str) -> Path:
        folder = tmp_path / "prices"
        folder.mkdir(exist_ok=True)
        for symbol, content in files.items():
            text = content if isinstance(content, str) else content.to_csv(date_format="%Y-%m-%d", lineterminator="\n")
            (folder / f"{symbol}.csv").write_text(text, encoding="utf-8", newline="")
        return folder

    return write


@pytest.fixture
def make_bars() -> Callable[..., pd.DataFrame]:
    return good_bars
