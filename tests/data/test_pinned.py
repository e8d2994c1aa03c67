"""Closes are compared with known ones: damaged files are refused, files of another scale or of no market are told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import load_prices
from data.errors import DataError
from data.pinned import pinned_closes
from data.sources.sample import SampleSource
from tests.data.conftest import good_bars

# Closes of SPY in `facts/pinned-closes.csv`, the nine days around the shock.
KNOWN = {
    "2025-01-17": 597.58,
    "2025-01-24": 607.97,
    "2025-01-27": 599.37,
    "2025-01-28": 604.52,
    "2025-01-29": 601.81,
    "2025-01-30": 605.04,
    "2025-01-31": 601.82,
    "2025-02-07": 600.77,
    "2025-02-28": 594.18,
}
Write = Callable[..., Path]


def spy(factor: float = 1.0, **closes: float) -> pd.DataFrame:
    """Forty bars from 2 January 2025, flat between the known closes, times `factor`; `closes` replace some."""
    bars = good_bars()
    known = pd.Series({**KNOWN, **closes})
    close = known.set_axis(pd.DatetimeIndex(known.index)).reindex(bars.index).interpolate(limit_direction="both")
    width = np.where(np.arange(len(bars)) % 2, 1.001, 1.002)  # no two bars are the same
    frame = {"Open": close, "High": close * width, "Low": close / width, "Close": close, "Adj Close": close}
    return bars.assign(**{name: values * factor for name, values in frame.items()})


def test_known_closes_pass(write_folder: Write) -> None:
    prices = load_prices(["SPY"], source=write_folder(SPY=spy()))
    assert (prices.real, prices.warnings) == (True, ())


@pytest.mark.parametrize(("error", "refused"), [(0.0051, True), (-0.0051, True), (0.0049, False), (-0.0049, False)])
def test_a_close_may_differ_by_half_a_per_cent(write_folder: Write, error: float, refused: bool) -> None:
    folder = write_folder(SPY=spy(**{"2025-01-29": 601.81 * (1 + error)}))
    if not refused:
        assert load_prices(["SPY"], source=folder).warnings == ()
        return
    with pytest.raises(DataError) as caught:
        load_prices(["SPY"], source=folder)
    assert str(caught.value) == (
        f"SPY on 2025-01-29, Close: {601.81 * (1 + error):g} is not the known close of 601.81 (1 of 9 known closes "
        "differ) (SPY.csv, line 19); download this symbol again, with closes not adjusted for dividends (yfinance: "
        "auto_adjust=False), or take it from another source with --source"
    )


@pytest.mark.parametrize("factor", [2.0, 1 / 3, 0.7806])
def test_one_factor_for_all_closes_is_told(write_folder: Write, factor: float) -> None:
    prices = load_prices(["SPY"], source=write_folder(SPY=spy(factor)))
    (notice,) = prices.warnings
    assert notice.startswith(f"SPY: on all known days (9) the close is {factor:.4g} times the known one, as after a")
    assert prices.real


def test_a_wrong_close_is_found_under_a_factor(write_folder: Write) -> None:
    with pytest.raises(DataError, match=r"2025-01-29, Close: 1220 is not the known close of 601\.81 times 2, the fac"):
        load_prices(["SPY"], source=write_folder(SPY=spy(2.0, **{"2025-01-29": 610.0})))


def test_symbols_and_days_that_are_not_known_are_not_compared(write_folder: Write) -> None:
    wrong = spy(**{"2025-01-29": 650.0})
    folder = write_folder(SPY=wrong, ABC=wrong)
    assert load_prices(["ABC"], source=folder).warnings == ()
    # From 10 to 27 February no close is known; the file as a whole is still found wrong, and told.
    (notice,) = load_prices(["SPY"], start="2025-02-10", end="2025-02-27", source=folder).warnings
    assert notice.startswith("Outside the window, and not used: SPY on 2025-01-29, Close: 650 is not the known close")


def test_invented_prices_of_a_known_symbol_are_told_and_not_taken_for_market_prices(write_folder: Write) -> None:
    prices = load_prices(["SPY"], source=write_folder(SPY=good_bars()))
    (notice,) = prices.warnings
    assert notice.startswith("SPY: these closes are unrelated to the known ones of SPY (on 2025-01-17, ")
    assert not prices.real


def test_prices_that_are_not_real_are_not_compared() -> None:
    class Invented(SampleSource):
        def bars(self, symbols: object, start: object = None, end: object = None) -> dict[str, pd.DataFrame]:
            return {"SPY": spy(**{"2025-01-29": 650.0})}

    assert load_prices(["SPY"], source=Invented()).warnings == ()


def test_true_files_agree_to_the_cent(market_data: Path) -> None:
    known = pinned_closes()
    prices = load_prices(tuple(known), source=market_data)
    assert prices.real and not [text for text in prices.warnings if "known" in text]
