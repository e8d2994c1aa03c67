"""Files that anyone may have written: thousands of damaged ones in `tox run -e slow`, a few in every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from data.cache import COLUMNS, Cache, Entry
from tests.fuzz import damage, targets

Case = TypeVar("Case")
PARTS = range(8)  # each is a test of its own, so that workers share them


def accepted(number: int, damaged: st.SearchStrategy[Case], target: Callable[[Case], bool], part: int) -> int:
    """How many of so many damaged files a target accepted; each part draws others, and each run."""
    taken = []

    @seed(f"{part} of {random.random()}")  # noqa: S311  (pytest-randomly gives all tests of a run one seed)
    @settings(max_examples=number, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(damaged)
    def tried(case: Case) -> None:
        taken.append(target(case))

    tried()
    assert len(taken) >= number
    print(f"{len(taken)} damaged, {len(taken) - sum(taken)} of them refused")  # shown with -rP
    return sum(taken)


def try_prices(number: int, folder: Path, part: int = 0) -> int:
    return accepted(number, damage.price_files(), lambda content: targets.prices(content, folder), part)


def try_events(number: int, part: int = 0) -> int:
    return accepted(number, damage.event_files(), targets.event, part)


def try_runs(number: int, folder: Path, part: int = 0) -> int:
    base, other = targets.write_run(folder / "base"), folder / "other"
    return accepted(
        number,
        damage.run_files(targets.FOLDER),
        lambda files: targets.run_folder(targets.write_run(other, files), base),
        part,
    )


def try_cache(number: int, folder: Path, part: int = 0) -> int:
    cache, bars = Cache(folder), pd.DataFrame(np.arange(1.0, 7 * 30 + 1).reshape(30, 7) / 3, columns=list(COLUMNS))
    entry = Entry(pd.Timestamp("2025-01-02"), bars.set_axis(pd.bdate_range("2025-01-02", periods=30)))
    cache.write("AAA", entry)
    content = cache.path("AAA").read_bytes()
    damaged = damage.bits(content) | damage.splices.map(lambda steps: damage.spliced(content, steps))
    return accepted(number, damaged, lambda content: targets.cached(content, cache, entry), part)


# What is never accepted shows nothing about what is read; what is never refused was not damaged.


def test_a_damaged_price_file_is_read_right_or_refused(tmp_path: Path) -> None:
    assert 0 < try_prices(120, tmp_path) < 120


def test_a_damaged_event_file_is_read_right_or_refused() -> None:
    assert 0 < try_events(250) < 250


def test_a_damaged_run_folder_is_compared_right_or_refused(tmp_path: Path) -> None:
    assert 0 < try_runs(100, tmp_path) < 100


def test_a_damaged_file_of_the_cache_is_whole_or_refused(tmp_path: Path) -> None:
    assert try_cache(100, tmp_path) < 100


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_many_damaged_price_files_are_read_right_or_refused(part: int, tmp_path: Path) -> None:
    assert 400 < try_prices(5000, tmp_path, part) < 4600


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_many_damaged_event_files_are_read_right_or_refused(part: int) -> None:
    assert 250 < try_events(5000, part) < 4750


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_many_damaged_run_folders_are_compared_right_or_refused(part: int, tmp_path: Path) -> None:
    assert 300 < try_runs(3000, tmp_path, part) < 2700


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_many_damaged_files_of_the_cache_are_whole_or_refused(part: int, tmp_path: Path) -> None:
    assert 0 < try_cache(2000, tmp_path, part) < 1000
