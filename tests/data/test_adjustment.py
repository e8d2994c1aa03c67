"""Total-return adjustment by hand and against Yahoo's adjusted closes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.adjustment import adjusted_close, check_adjustment, total_payments
from data.errors import DataError
from data.line_numbers import with_line_numbers

DAYS = pd.DatetimeIndex(["2025-01-27", "2025-01-28", "2025-01-29", "2025-01-30"])
UNIT = 1.0001234567
FUNDS = ("BIL", "IEF", "IWM", "KWEB", "QQQ", "SHY", "SMH", "SPY", "TLT", "VNQ", "XLU")


def bars(close: list[float], dividends: list[float], adjusted: list[float] | None = None) -> pd.DataFrame:
    columns = {"Close": close, "Dividends": dividends, "Adj Close": adjusted or close}
    return pd.DataFrame(columns, index=DAYS[: len(close)])


def test_two_dividends_by_hand() -> None:
    # Back from the end: 1; 1 - 2/80 = 0.975 before the 30th; 0.975 * (1 - 1/100) = 0.96525 before the 28th.
    adjusted = adjusted_close(bars([100, 90, 80, 81], [0, 1, 0, 2]))
    expected = pd.Series([96.525, 87.75, 78.0, 81.0], index=DAYS, name="Adj Close")
    pd.testing.assert_series_equal(adjusted, expected, rtol=1e-15)


def test_the_return_over_the_ex_date_includes_the_dividend() -> None:
    adjusted = adjusted_close(bars([100, 99], [0, 1]))
    assert adjusted.iloc[1] / adjusted.iloc[0] == pytest.approx(99 / (100 - 1))


def test_without_dividends_the_close_stays() -> None:
    assert adjusted_close(bars([100, 90, 80], [0, 0, 0])).to_list() == [100, 90, 80]


def test_a_single_bar_and_no_bar() -> None:
    assert adjusted_close(bars([100], [3])).to_list() == [100]
    assert adjusted_close(bars([], [])).empty


@pytest.mark.parametrize("fund", FUNDS)
def test_real_dividends_reproduce_yahoos_adjusted_closes(market_data: Path, fund: str) -> None:
    table = pd.read_csv(market_data / f"{fund}.csv", index_col=0, parse_dates=True)
    paid = pd.read_csv(market_data.parent / "dividends" / f"{fund}.csv", index_col=0, parse_dates=True).iloc[:, 0]
    table["Dividends"] = paid.reindex(table.index).fillna(0.0)
    check_adjustment(fund, table)
    ours = adjusted_close(table) * (table["Adj Close"] / table["Close"]).iloc[-1]
    np.testing.assert_allclose(ours, table["Adj Close"], rtol=2e-6)


def test_agreement_is_accepted() -> None:
    check_adjustment("ABC", bars([100, 90, 80, 81], [0, 1, 0, 2], [96.525, 87.75, 78.0, 81.0]))


def test_unadjusted_closes_are_rejected() -> None:
    with pytest.raises(DataError) as caught:
        check_adjustment("ABC", bars([100, 90, 80, 81], [0, 1, 0, 0]))
    assert str(caught.value) == (
        "ABC on 2025-01-28, Dividends: the dividend of 1 calls for an adjustment of 0.990000, but Adj Close was "
        "adjusted by 1.000000; these prices cannot be trusted: download them again later (yfinance corrects known "
        "mistakes of Yahoo with repair=True), or use another source"
    )


def test_the_error_names_the_line_of_a_file() -> None:
    read = with_line_numbers(bars([100, 90, 80, 81], [0, 1, 0, 0]), "ABC.csv", [2, 3, 5, 6])
    with pytest.raises(DataError, match=r"adjusted by 1\.000000 \(ABC\.csv, line 3\); these prices cannot be trusted"):
        check_adjustment("ABC", read)


def test_the_error_gives_the_adjustments_of_its_session() -> None:
    # Right over the 28th (0.99); over the 29th a factor of 0.95 for no dividend; right again over the 30th (0.975).
    adjusted = [100 * 0.99 * 0.95 * 0.975, 90 * 0.95 * 0.975, 80 * 0.975, 81.0]
    complaint = r"^ABC on 2025-01-29, .* dividend of 0 calls .* of 1\.000000, but Adj Close was adjusted by 0\.950000;"
    with pytest.raises(DataError, match=complaint):
        check_adjustment("ABC", bars([100, 90, 80, 81], [0, 1, 0, 2], adjusted))


def test_two_sessions_are_compared_and_one_is_not() -> None:
    with pytest.raises(DataError, match="2025-01-28"):
        check_adjustment("ABC", bars([100, 90], [0, 1]))
    check_adjustment("ABC", bars([100], [1], [50.0]))


@pytest.mark.parametrize(("adjusted", "accepted"), [(98.96, True), (98.94, False), (99.04, True), (99.06, False)])
def test_the_tolerance_is_a_twentieth_of_the_dividend(adjusted: float, accepted: bool) -> None:
    # A dividend of 1 on a close of 100: 0.99, plus or minus 0.0005, and 0.00001 for rounding.
    # Prices of more digits than cents, which could be rounded.
    table = bars([100 * UNIT, 99 * UNIT], [0, UNIT], [adjusted * UNIT, 99.0 * UNIT])
    if accepted:
        check_adjustment("ABC", table)
    else:
        with pytest.raises(DataError, match="2025-01-28"):
            check_adjustment("ABC", table)


def test_the_tolerance_is_relative_to_the_close_before_the_dividend() -> None:
    # 1 on a close of 50: 0.98, plus or minus 0.001; relative to the first close, 100, it would be 0.0005.
    check_adjustment("ABC", bars([100, 50, 49], [0, 0, 1], [97.92, 48.96, 49.0]))


def test_an_adjustment_without_a_listed_dividend_is_rejected() -> None:
    with pytest.raises(DataError, match="ABC on 2025-01-30"):
        check_adjustment("ABC", bars([100, 90, 80, 81], [0, 0, 0, 0], [97.5, 87.75, 78.0, 81.0]))


def test_missing_closes_are_left_for_the_quality_check() -> None:
    check_adjustment("ABC", bars([100, np.nan, 80], [0, 0, 0]))


# --- capital gains ----------------------------------------------------------------------------------------------------


def fund(close: list[float], dividend: float, gains: float, step: float) -> pd.DataFrame:
    """Calm prices before and after one payment, on the last day but one, for which Adj Close rises by 1 / `step`."""
    closes = [100.0 + 0.01 * (row % 3) for row in range(20)] + close
    adjusted = [*(value * step for value in closes[:21]), *closes[21:]]
    paid = [0.0] * 21 + [1.0] + [0.0] * (len(closes) - 22)
    days = pd.date_range("2025-01-27", periods=len(closes), freq="B")
    columns = {"Close": closes, "Adj Close": adjusted}
    return pd.DataFrame(
        {**columns, "Dividends": np.multiply(paid, dividend), "Capital Gains": np.multiply(paid, gains)}, index=days
    )


@pytest.mark.parametrize(
    ("close", "dividend", "gains", "step", "paid"),
    [
        # The price falls by what is listed as dividends, of which 15 are gains: 16 were paid, whatever Adj Close says.
        ([100.0, 84.0, 84.1], 16.0, 15.0, 0.84, 16.0),
        ([100.0, 84.0, 84.1], 16.0, 15.0, 0.69, 16.0),
        # It falls by both: 31 were paid.
        ([100.0, 69.0, 69.1], 16.0, 15.0, 0.69, 31.0),
        ([100.0, 69.0, 69.1], 16.0, 15.0, 0.84, 31.0),
        # Dividends smaller than the gains cannot include them, even if the price does not fall.
        ([100.0, 99.0, 99.1], 1.0, 15.0, 0.84, 16.0),
        # Too little to tell from the price: what fits Adj Close.
        ([100.0, 100.0, 100.1], 0.02, 0.01, 0.9998, 0.02),
        ([100.0, 100.0, 100.1], 0.02, 0.01, 0.9997, 0.03),
    ],
)
def test_capital_gains_are_counted_once(
    close: list[float], dividend: float, gains: float, step: float, paid: float
) -> None:
    table = fund(close, dividend, gains, step)
    payments = total_payments(table)
    assert payments.sum() == payments.iloc[21] == pytest.approx(paid)
    checked = table.assign(Dividends=payments)
    if step == pytest.approx(1 - paid / 100, abs=1e-9):
        check_adjustment("FUND", checked)
    else:
        with pytest.raises(
            DataError, match=rf"the dividend of {paid:g} calls for an adjustment of {1 - paid / 100:.6f}"
        ):
            check_adjustment("FUND", checked)


def test_a_payment_on_the_first_day_has_no_price_before_it() -> None:
    table = fund([100.0, 84.0, 84.1], 16.0, 15.0, 0.84).iloc[21:]
    assert total_payments(table).tolist() == [31.0, 0.0]


def test_damaged_closes_do_not_stop_the_count_of_payments() -> None:
    table = fund([100.0, 84.0, 84.1], 16.0, 15.0, 0.84)
    for close in (0.0, -1.0, np.nan):
        assert total_payments(table.assign(Close=close)).iloc[21] in (16.0, 31.0)
