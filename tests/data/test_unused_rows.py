"""A fault wholly before the first session that is needed does not stop a run, whatever its kind; any other does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import load_prices
from data.errors import DataError
from data.prices import Prices
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from strategies.base.past import Past
from tests.data.conftest import good_bars

PRICES = ["Open", "High", "Low", "Close", "Adj Close"]
COUNT = 60
Change = Callable[[pd.DataFrame, int], pd.DataFrame]


def cell(value: object) -> Change:
    def change(bars: pd.DataFrame, row: int) -> pd.DataFrame:
        texts = bars.astype({"Low": object})
        texts.iloc[row, texts.columns.get_loc("Low")] = value
        return texts

    return change


def times(factor: float, columns: list[str]) -> Change:
    """Prices before the row times `factor`."""

    def change(bars: pd.DataFrame, row: int) -> pd.DataFrame:
        bars.loc[bars.index[:row], columns] *= factor
        return bars

    return change


def without_row(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.drop(bars.index[row])


def with_row_twice(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.iloc[sorted([*range(len(bars)), row])]


def out_of_order(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.iloc[[*range(row), row + 1, row, *range(row + 2, len(bars))]]


def stale(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    bars.iloc[row - 11 : row + 1] = bars.iloc[row - 11].to_numpy()
    return bars


# Each concerns the rows to the given one.
FAULTS: dict[str, Change] = {
    "a text": cell("null"),
    "an empty cell": cell(""),
    "a negative price": cell(-1.0),
    "prices that were not divided for a split": times(2.0, PRICES),
    "prices that are not credible": times(50.3, PRICES),
    "an adjustment without a payment": times(0.8, ["Adj Close"]),
    "a session without a row": without_row,
    "a row twice": with_row_twice,
    "rows out of order": out_of_order,
    "a bar that repeats": stale,
}


def load(bars: pd.DataFrame, needed_from: pd.Timestamp | None) -> Prices:
    with TemporaryDirectory() as folder:
        bars.to_csv(Path(folder) / "ABC.csv", date_format="%Y-%m-%d")
        return load_prices(["ABC"], source=folder, needed_from=needed_from)


@given(
    kind=st.sampled_from(sorted(FAULTS)),
    rows=st.lists(st.integers(12, COUNT - 3), min_size=1, max_size=2),
    needed=st.integers(0, COUNT - 1),
)
def test_only_a_fault_before_the_needed_rows_is_left_out(kind: str, rows: list[int], needed: int) -> None:
    good = good_bars(COUNT)
    bars = good.copy()
    for row in sorted(set(rows), reverse=True)[: 1 if kind in ("a bar that repeats", "rows out of order") else 2]:
        bars = FAULTS[kind](bars, row)
    last, needed_from = max(rows), good.index[needed]
    if last >= needed:
        with pytest.raises(DataError, match=r"^ABC on 2025-0.*\(ABC\.csv"):
            load(bars, needed_from)
        return
    prices = load(bars, needed_from)
    assert list(prices.sessions) == list(good.index[last + 1 :])
    np.testing.assert_array_equal(prices.close[:, 0], good["Close"].iloc[last + 1 :])
    np.testing.assert_array_equal(prices.low[:, 0], good["Low"].iloc[last + 1 :])
    (notice,) = prices.notices
    assert notice.quiet
    assert notice.text.startswith(
        f"ABC: rows before {good.index[last + 1]:%Y-%m-%d} have faults, and the run does not use them: ABC on 2025-0"
    )


@pytest.mark.parametrize("kind", FAULTS)
def test_without_a_needed_session_every_fault_stops(kind: str) -> None:
    with pytest.raises(DataError, match=r"^ABC on 2025-0"):
        load(FAULTS[kind](good_bars(COUNT), 20), None)


def test_the_error_names_a_fault_in_the_needed_rows_not_an_older_one() -> None:
    bars = cell(-2.0)(cell(-1.0)(good_bars(COUNT), 12), 50)
    with pytest.raises(DataError, match=r"Low: -2 is not a price \(ABC\.csv, line 52\)"):
        load(bars, bars.index[30])


@pytest.mark.parametrize(("needed", "right"), [("2025-01-23", False), ("2025-01-24", True)])
def test_a_wrong_known_close_is_left_out_up_to_the_next_right_one(tmp_path: Path, needed: str, right: bool) -> None:
    # Of the known closes of SPY, 2025-01-17 is wrong and 2025-01-24 is the next.
    from tests.data.test_pinned import spy

    closes = spy(**{"2025-01-17": 650.0})
    closes.to_csv(tmp_path / "SPY.csv", date_format="%Y-%m-%d")
    if right:
        prices = load_prices(["SPY"], source=tmp_path, needed_from=pd.Timestamp(needed))
        assert prices.sessions[0] == pd.Timestamp(needed)
    else:
        with pytest.raises(DataError, match="is not the known close"):
            load_prices(["SPY"], source=tmp_path, needed_from=pd.Timestamp(needed))


class Average(bt.Strategy):
    """Buys once above its average of `period` closes."""

    params = (("period", 10),)

    def __init__(self) -> None:
        self.average = bt.indicators.SMA(self.data.close, period=self.p.period)

    def next(self) -> None:
        if not self.position:
            self.buy(size=1 + int(self.average[0]))


@pytest.mark.parametrize(("row", "stops"), [(20, False), (21, True), (29, True)])
def test_a_plain_strategy_is_stopped_by_a_fault_in_its_warm_up_only(row: int, stops: bool) -> None:
    # The close before the entry is row 30; ten closes up to it are rows 21 to 30.
    good = good_bars(COUNT)
    schedule = EntrySchedule(good.index[31], hold=5)
    prices = load(cell("null")(good.copy(), row), good.index[30])
    if stops:
        with pytest.raises(DataError, match=rf"Low: 'null' is not a number \(ABC\.csv, line {row + 2}\)"):
            run_backtest(Average, prices, schedule)
        return
    whole = run_backtest(Average, load(good, None), schedule)
    assert len(whole.fills) == 2
    np.testing.assert_array_equal(run_backtest(Average, prices, schedule).equity, whole.equity)


def test_a_rule_that_looks_beyond_the_rows_left_out_is_stopped() -> None:
    good = good_bars(COUNT)
    prices = load(cell("null")(good.copy(), 20), good.index[30])
    past = Past(prices, prices.row(good.index[30]))
    closes = good["Close"].to_numpy()
    assert past.growth("ABC", 9) == closes[30] / closes[21]
    assert past.tradable(["ABC"], 10) == ("ABC",)
    np.testing.assert_allclose(past.returns("ABC", 9), closes[22:31] / closes[21:30] - 1, rtol=1e-14)
    for look in (
        lambda: past.growth("ABC", 10),
        lambda: past.tradable(["ABC"], 11),
        lambda: past.returns("ABC", 10),
        lambda: past.beats("ABC", "ABC", 10),
    ):
        with pytest.raises(DataError, match=r"\(ABC\.csv, line 22\)"):
            look()
