"""Histories are kept by the content of their files; whatever changes or damages one is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from data.histories_cache import MOST_KEPT
from data.loading import load_histories
from data.sources import csv_reader

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume\n"
DAYS = ("2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05")


def rows(days, close=10.0) -> str:
    return HEADER + "".join(f"{day},{close},{close + 1},{close - 1},{close},{close},100\n" for day in days)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "prices"
    made.mkdir()
    (made / "LONG.csv").write_text(rows(DAYS))
    (made / "SHORT.csv").write_text(rows(DAYS[:2], close=5.0))
    return made


def kept(folder):
    return sorted((folder.parent / "cache" / "histories").glob("*.npz"))


def load(folder):
    return load_histories(["LONG", "SHORT", "NONE"], "2024-01-01", source=folder)


def test_kept_histories_equal_those_read(folder, monkeypatch):
    first = load(folder)
    monkeypatch.setattr(csv_reader, "read_price_file", lambda *_: pytest.fail("read again"))
    second = load(folder)
    assert second.missing == first.missing == ("NONE",)
    assert second.prices.symbols == ("LONG", "SHORT") and second.last.tolist() == [3, 1]
    assert second.prices.fingerprint == first.prices.fingerprint and second.prices.origin == first.prices.origin
    assert np.isnan(second.prices.close[2:, 1]).all() and second.common(("LONG", "SHORT")).sessions.size == 2
    assert second.prices.real == first.prices.real and second.prices.notices == first.prices.notices


def test_a_changed_file_is_read_again(folder):
    load(folder)
    (folder / "SHORT.csv").write_text(rows(DAYS[:3], close=5.0))
    assert load(folder).last.tolist() == [3, 2]
    (folder / "NONE.csv").write_text(rows(DAYS))
    assert load(folder).missing == ()


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:-1], lambda content: b"x" + content, lambda _: b""],
    ids=["cut", "moved", "empty"],
)
def test_a_damaged_file_is_made_again(folder, damage):
    load(folder)
    (file,) = kept(folder)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert load(folder).last.tolist() == [3, 1] and file.read_bytes() == whole


def test_only_the_newest_are_kept(folder):
    for close in range(2, 4 + MOST_KEPT):
        (folder / "LONG.csv").write_text(rows(DAYS, close=float(close)))
        load(folder)
    assert len(kept(folder)) == MOST_KEPT


def test_a_cache_that_cannot_be_written_costs_only_time(folder, monkeypatch):
    (folder.parent / "file").write_text("")
    monkeypatch.setenv("DEEPSEEK_CACHE", str(folder.parent / "file"))
    assert load(folder).last.tolist() == [3, 1]
