"""What a run does not use does not stop it; what it uses is checked, and told if it is unusual."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import load_prices
from data.date_window import DateWindow
from data.errors import DataError
from data.loading import load_checked

Write = Callable[..., Path]
PRICES = ["Open", "High", "Low", "Close", "Adj Close"]


def refusal(folder: Path, **window: str) -> str:
    with pytest.raises(DataError) as caught:
        load_prices(["ABC"], source=folder, **window)
    return str(caught.value)


def opens_of_zero(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.assign(Open=[0.0, 0.0, *bars["Open"].iloc[2:]])


def a_stale_start(bars: pd.DataFrame) -> pd.DataFrame:
    bars.iloc[:12] = bars.iloc[0].to_numpy()
    return bars


def a_real_fall_of_half(bars: pd.DataFrame) -> pd.DataFrame:
    bars.loc[: bars.index[1], PRICES] *= 2
    return bars


def no_first_session(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.drop(bars.index[1])


@pytest.mark.parametrize(
    ("change", "begin"),
    [
        (opens_of_zero, "2025-01-06"),
        (a_stale_start, "2025-01-22"),
        (a_real_fall_of_half, "2025-01-07"),
        (no_first_session, "2025-01-06"),
    ],
)
def test_a_start_after_old_faults_is_offered_and_works(
    write_folder: Write, bars: pd.DataFrame, change: Callable[[pd.DataFrame], pd.DataFrame], begin: str
) -> None:
    folder = write_folder(ABC=change(bars.copy()))
    assert refusal(folder).endswith(f", or leave the bad rows out with --start {begin}")
    prices = load_prices(["ABC"], start=begin, source=folder)
    np.testing.assert_array_equal(prices.close[:, 0], bars.loc[begin:, "Close"])
    (notice,) = prices.warnings
    assert notice.startswith("Outside the window, and not used: ABC on 2025-01-0")


def test_no_start_is_offered_where_most_bars_would_be_lost(write_folder: Write, bars: pd.DataFrame) -> None:
    bars.loc[bars.index[-10], "Open"] = 0.0
    assert "--start" not in refusal(write_folder(ABC=bars))


def test_a_known_close_does_not_tell_where_to_start(write_folder: Write, bars: pd.DataFrame) -> None:
    # All closes of SPY on nine known days are right but the first.
    from tests.data.test_pinned import spy

    folder = write_folder(SPY=spy(**{"2025-01-17": 650.0}))
    with pytest.raises(DataError, match="is not the known close") as caught:
        load_prices(["SPY"], source=folder)
    assert "--start" not in str(caught.value)


def test_a_repeated_bar_is_told_with_its_session(write_folder: Write, bars: pd.DataFrame) -> None:
    bars.loc["2025-01-15", PRICES] = bars.loc["2025-01-14", PRICES]
    bars.loc["2025-01-17", PRICES] = bars.loc["2025-01-16", PRICES]
    folder = write_folder(ABC=bars)
    told = "ABC: the bar of 2025-01-15 repeats that of the day before (and 1 more such bars): check that it is no copy"
    assert load_prices(["ABC"], source=folder).warnings == (told,)
    assert load_prices(["ABC"], start="2025-01-21", source=folder).warnings == ()


@pytest.mark.parametrize(
    ("width", "volumes", "told"),
    [
        (1.0025, (5.0, 9.0), True),
        (1.0015, (5.0, 9.0), False),  # narrow: by chance
        (1.0015, (9.0, 9.0), True),
        (1.0, (9.0, 9.0), False),  # no move at all
        (1.0025, (9.0, 0.0), False),  # no trade
    ],
)
def test_a_repeated_bar_is_told_only_if_it_is_no_coincidence(
    write_folder: Write, bars: pd.DataFrame, width: float, volumes: tuple[float, float], told: bool
) -> None:
    for day, volume in zip(("2025-01-14", "2025-01-15"), volumes, strict=True):
        bars.loc[day] = [100.0, 100.0 * width, 100.0, 100.0, 100.0, volume]
    assert bool(load_prices(["ABC"], source=write_folder(ABC=bars)).warnings) == told


def test_notices_of_symbols_that_are_not_selected_are_left_out(write_folder: Write, bars: pd.DataFrame) -> None:
    repeated = bars.copy()
    repeated.loc["2025-01-15", PRICES] = repeated.loc["2025-01-14", PRICES]
    prices = load_prices(["ABC", "XYZ"], source=write_folder(ABC=repeated, XYZ=bars))
    assert len(prices.warnings) == len(prices.rows(0, 30).warnings) == len(prices.select(["ABC"]).warnings) == 1
    assert prices.select(["XYZ"]).warnings == ()


@pytest.mark.parametrize(("now", "told"), [("2025-02-02 12:00", True), ("2025-02-03 12:00", False)])
def test_an_end_beyond_today_is_told(write_folder: Write, bars: pd.DataFrame, now: str, told: bool) -> None:
    prices = load_checked(
        ["ABC"], None, "2025-02-03", write_folder(ABC=bars), now=lambda: pd.Timestamp(now, tz="America/New_York")
    )
    text = "--end 2025-02-03 lies in the future; prices end on 2025-02-03"
    assert prices.warnings == ((text,) if told else ())


def test_a_window_holds_its_limits() -> None:
    days = pd.DatetimeIndex(["2025-01-02", "2025-01-03", "2025-01-06"])
    first, last = days[1], days[1]
    assert DateWindow(first, last).holds(days).tolist() == [False, True, False]
    assert DateWindow(first=first).holds(days).tolist() == [False, True, True]
    assert DateWindow(last=last).holds(days).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="holds no day"):
        DateWindow(days[1], days[0])
