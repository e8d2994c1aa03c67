"""Opening sources by name, and falling back from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from data import load_prices
from data.errors import DataError, RequestError, SourceError
from data.sources import VARIABLE, open_source
from data.sources.automatic import AutomaticSource
from data.sources.csv_folder import FolderSource


@dataclass
class Canned:
    """A source that returns the same bars for every symbol, or raises `failure`."""

    name: str
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    failure: Exception | None = None
    real: bool = True
    notes: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        return f"canned {self.name}"

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> dict[str, pd.DataFrame]:
        if self.failure:
            raise self.failure
        return dict.fromkeys(symbols, self.frame)


def test_the_first_source_that_answers_is_used(bars: pd.DataFrame) -> None:
    source = AutomaticSource((Canned("near", bars, notes=("cached",)), Canned("far", failure=SourceError("down"))))
    prices = load_prices(["NVDA"], source=source)
    assert (prices.origin, source.name, source.failures, source.notes) == ("canned near", "near", (), ("cached",))


def test_a_failed_source_is_skipped_and_reported(bars: pd.DataFrame) -> None:
    silent = Canned("yahoo", failure=SourceError("Yahoo cannot be reached: try later"))
    source = AutomaticSource((silent, Canned("sample", bars, real=False, notes=("simulated",))))
    prices = load_prices(["NVDA"], source=source)
    assert (prices.origin, prices.real) == ("canned sample", False)
    assert source.failures == ("Yahoo cannot be reached: try later",)
    assert source.notes == ("Using canned sample, because Yahoo cannot be reached: try later", "simulated")


@pytest.mark.parametrize("failure", [DataError("NVDA is damaged"), RequestError("no such symbol")])
def test_wrong_prices_and_unknown_symbols_are_not_hidden_by_a_fallback(bars: pd.DataFrame, failure: Exception) -> None:
    source = AutomaticSource((Canned("yahoo", failure=failure), Canned("sample", bars)))
    with pytest.raises(type(failure), match=str(failure)):
        load_prices(["NVDA"], source=source)


def test_prices_that_fail_a_check_are_not_hidden_by_a_fallback(bars: pd.DataFrame) -> None:
    damaged = bars.assign(Low=-1.0)
    with pytest.raises(DataError, match="NVDA on 2025-01-02, Low: -1 is not a price"):
        load_prices(["NVDA"], source=AutomaticSource((Canned("yahoo", damaged), Canned("sample", bars))))


def test_if_all_sources_fail_all_are_named() -> None:
    source = AutomaticSource((Canned("a", failure=SourceError("one")), Canned("b", failure=SourceError("two"))))
    with pytest.raises(SourceError, match="a failed: one; b failed: two"):
        load_prices(["NVDA"], source=source)


def test_auto_is_the_folder_in_the_variable_if_set(
    monkeypatch: pytest.MonkeyPatch, write_folder: Callable[..., Path], bars: pd.DataFrame
) -> None:
    folder = write_folder(NVDA=bars)
    monkeypatch.setenv(VARIABLE, str(folder))
    assert open_source("auto").origin == "folder prices (CSV files as Yahoo writes them)"
    assert load_prices(["NVDA"]).origin == "folder prices (CSV files as Yahoo writes them)"


def test_a_wrong_folder_in_the_variable_is_an_error_without_fallback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "gone"))
    with pytest.raises(RequestError, match=f"the variable {VARIABLE} names .*gone', which does not exist"):
        open_source("auto")


def test_auto_tries_yahoo_before_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    source = open_source("auto")
    assert isinstance(source, AutomaticSource)
    assert [candidate.name for candidate in source.candidates] == ["yahoo", "sample"]


@pytest.mark.parametrize("name", ["yahoo", "sample"])
def test_sources_open_by_name(name: str) -> None:
    assert open_source(name).name == name


def test_a_path_opens_a_folder(write_folder: Callable[..., Path], bars: pd.DataFrame) -> None:
    folder = write_folder(NVDA=bars)
    assert open_source(folder) == open_source(str(folder)) == FolderSource(folder)


def test_a_misspelt_source_gets_a_suggestion() -> None:
    with pytest.raises(RequestError, match="'yaho' is neither a source nor a folder: did you mean yahoo"):
        open_source("yaho")


def test_importing_data_loads_no_heavy_library() -> None:
    import subprocess
    import sys

    heavy = "{'pandas', 'numpy', 'exchange_calendars', 'pyarrow', 'yfinance'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", f"import data, sys; print({heavy})"], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "set()"
