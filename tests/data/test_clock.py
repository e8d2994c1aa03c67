"""A clock that goes backwards or is wrong: prices end with it, and no cached bars are lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from data import calendar
from data.errors import SourceError
from data.sources.cache import Cache
from data.sources.downloader import Downloader
from data.sources.yahoo import HISTORY, YahooSource
from tests.resources.killing_commands import snapshot
from tests.resources.machines import ROOT
from tests.resources.yahoo_stub import StubSession, Yahoo, invented_bars, serving, with_adjusted_close

DAYS = calendar.sessions_between("2018-06-04", "2025-02-28")
LATER, EARLIER = "2025-02-14", "2025-01-15"


@pytest.fixture
def yahoo() -> Iterator[Yahoo]:
    with serving({"AAA": with_adjusted_close(invented_bars(DAYS))}) as stub:
        yield stub


def source(root: Path, stub: Yahoo, *days: str, refresh: bool = False) -> YahooSource:
    """A source whose clock shows the evening of each of `days` in turn; one more reading is an error."""
    client = Downloader(root / "yfinance", StubSession(stub.address), sleep=lambda _: None)
    times = iter([pd.Timestamp(f"{day} 23:00", tz="UTC") for day in days])
    return YahooSource(Cache(root), refresh, now=lambda: next(times), downloader=client)


def test_prices_end_with_the_clock_and_cached_bars_stay(tmp_path: Path, yahoo: Yahoo) -> None:
    whole = source(tmp_path, yahoo, LATER).bars(["AAA"])["AAA"]
    cached = Cache(tmp_path).path("AAA").read_bytes()
    yahoo.requested.clear()
    shorter = source(tmp_path, yahoo, EARLIER).bars(["AAA"])["AAA"]
    assert shorter.index[-1] == pd.Timestamp(EARLIER)
    pd.testing.assert_frame_equal(shorter, whole.loc[:EARLIER], check_exact=True)
    pd.testing.assert_frame_equal(source(tmp_path, yahoo, LATER).bars(["AAA"])["AAA"], whole, check_exact=True)
    assert yahoo.requested == [] and Cache(tmp_path).path("AAA").read_bytes() == cached


@pytest.mark.parametrize(("refresh", "start"), [(True, None), (False, "2018-09-04")])
def test_a_new_download_reaches_as_far_as_the_cache(
    tmp_path: Path, yahoo: Yahoo, refresh: bool, start: str | None
) -> None:
    source(tmp_path, yahoo, LATER).bars(["AAA"])
    shorter = source(tmp_path, yahoo, EARLIER, refresh=refresh).bars(["AAA"], start)["AAA"]
    assert shorter.index[-1] == pd.Timestamp(EARLIER)
    entry = Cache(tmp_path).read("AAA")
    assert entry is not None and entry.last == pd.Timestamp(LATER)
    assert entry.start == (HISTORY if start is None else pd.Timestamp(start))


def test_a_download_reads_the_clock_once(tmp_path: Path, yahoo: Yahoo) -> None:
    assert source(tmp_path, yahoo, LATER).bars(["AAA"])["AAA"].index[-1] == pd.Timestamp(LATER)


def test_a_reset_clock_is_reported_without_any_request(tmp_path: Path, yahoo: Yahoo) -> None:
    with pytest.raises(SourceError, match=r"^the clock of this computer says 1970-01-01, .* --source sample"):
        source(tmp_path, yahoo, "1970-01-01").bars(["AAA"])
    assert yahoo.requests == 0


@pytest.mark.slow
def test_results_do_not_depend_on_the_year(tmp_path: Path) -> None:
    for now in ("1970-01-01", "2026-11-24", "2035-06-01"):
        arguments = ["runners.sweep", "bad_news", "-p", "hold=5,10", "--source", "sample", "--out", str(tmp_path / now)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.resources.at_yahoo", "http://127.0.0.1:9", now, *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert snapshot(tmp_path / now) == snapshot(tmp_path / "1970-01-01")
