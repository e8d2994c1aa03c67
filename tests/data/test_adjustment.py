from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.adjustment import adjusted_close, check_adjustment
from data.errors import DataError

DAYS = pd.DatetimeIndex(["2025-01-27", "2025-01-28", "2025-01-29", "2025-01-30"])
FUNDS = ("BIL", "IEF", "IWM", "KWEB", "QQQ", "SHY", "SMH", "SPY", "TLT", "VNQ", "XLU")


def bars(close: list[float], dividends: list[float], adjusted: list[float] | None = None) -> pd.DataFrame:
    columns = {"Close": close, "Dividends": dividends, "Adj Close": adjusted or close}
    return pd.DataFrame(columns, index=DAYS[: len(close)])


def test_two_dividends_by_hand() -> None:
    # Back from the end: 1; 1 - 2/80 = 0.975 before the 30th; 0.975 * (1 - 1/100) = 0.96525 before the 28th.
    adjusted = adjusted_close(bars([100, 90, 80, 81], [0, 1, 0, 2]))
    assert adjusted.to_list() == pytest.approx([96.525, 87.75, 78.0, 81.0], rel=1e-15)


def test_return_over_the_ex_date_is_that_of_the_dividend_kept() -> None:
    adjusted = adjusted_close(bars([100, 99], [0, 1]))
    assert adjusted.iloc[1] / adjusted.iloc[0] == pytest.approx(99 / (100 - 1))


def test_without_dividends_the_close_stays() -> None:
    assert adjusted_close(bars([100, 90, 80], [0, 0, 0])).to_list() == [100, 90, 80]


def test_one_bar_and_none() -> None:
    assert adjusted_close(bars([100], [3])).to_list() == [100]
    assert adjusted_close(bars([], [])).empty


@pytest.mark.parametrize("fund", FUNDS)
def test_real_dividends_give_the_adjusted_closes_that_yahoo_gives(market_data: Path, fund: str) -> None:
    table = pd.read_csv(market_data / f"{fund}.csv", index_col=0, parse_dates=True)
    paid = pd.read_csv(market_data.parent / "dividends" / f"{fund}.csv", index_col=0, parse_dates=True).iloc[:, 0]
    table["Dividends"] = paid.reindex(table.index).fillna(0.0)
    check_adjustment(fund, table)
    ours = adjusted_close(table) * (table["Adj Close"] / table["Close"]).iloc[-1]
    np.testing.assert_allclose(ours, table["Adj Close"], rtol=2e-6)


def test_agreement_is_accepted() -> None:
    check_adjustment("ABC", bars([100, 90, 80, 81], [0, 1, 0, 2], [96.525, 87.75, 78.0, 81.0]))


def test_prices_silently_unadjusted_are_refused() -> None:
    with pytest.raises(DataError, match=r"^ABC on 2025-01-28: the dividend of 1 calls for an adjustment of 0\.990000"):
        check_adjustment("ABC", bars([100, 90, 80, 81], [0, 1, 0, 0]))


def test_a_dividend_that_is_not_listed_is_refused() -> None:
    with pytest.raises(DataError, match="ABC on 2025-01-30"):
        check_adjustment("ABC", bars([100, 90, 80, 81], [0, 0, 0, 0], [97.5, 87.75, 78.0, 81.0]))


def test_a_gap_is_left_for_the_quality_check() -> None:
    check_adjustment("ABC", bars([100, np.nan, 80], [0, 0, 0]))
