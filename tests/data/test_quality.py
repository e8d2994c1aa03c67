"""Faults in prices are reported with session, field, problem and remedy; unusual but valid prices pass."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import calendar, line_numbers
from data.errors import DataError
from data.quality import check_bars
from data.sources.csv_folder import FolderSource

DAY = pd.Timestamp("2025-01-15")


def refusal(bars: pd.DataFrame) -> str:
    """The error message for `bars`: one line that begins with the symbol."""
    with pytest.raises(DataError) as caught:
        check_bars("NVDA", bars)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("NVDA on 20")
    return message


def with_dividend(bars: pd.DataFrame, dividend: float) -> pd.DataFrame:
    """`bars` with a dividend on DAY, adjusted as Yahoo does: earlier prices fall by dividend / previous close."""
    factor = np.where(bars.index < DAY, 1 - dividend / bars["Close"].shift().loc[DAY], 1.0)
    dividends = np.where(bars.index == DAY, dividend, 0.0)
    return bars.assign(**{"Adj Close": bars["Close"] * factor, "Dividends": dividends, "Stock Splits": 0.0})


def test_good_bars_pass(bars: pd.DataFrame) -> None:
    check_bars("NVDA", bars)
    check_bars("NVDA", with_dividend(bars, 0.5))


def test_a_single_bar_passes(bars: pd.DataFrame) -> None:
    check_bars("NVDA", bars.iloc[:1])


def test_every_tradable_file_of_the_real_folder_passes(market_data: Path) -> None:
    source = FolderSource(market_data)
    tradable = [name for name, path in source.files.items() if "Adj Close" in path.read_text()]
    assert len(tradable) >= 45
    for symbol, frame in source.bars(tradable).items():
        check_bars(symbol, frame)


def test_dates_out_of_order_are_named(bars: pd.DataFrame) -> None:
    shuffled = bars.iloc[[0, 2, 1, *range(3, 40)]]
    assert "2025-01-03, Date: it follows 2025-01-06, which is later; sort" in refusal(shuffled)


def test_a_duplicate_date_is_named(bars: pd.DataFrame) -> None:
    doubled = bars.loc[[*bars.index[:5], bars.index[4], *bars.index[5:]]]
    assert refusal(doubled) == "NVDA on 2025-01-08, Date: the date occurs twice; keep one of the two rows"


def test_a_missing_session_is_named(bars: pd.DataFrame) -> None:
    message = refusal(bars.drop(pd.to_datetime(["2025-01-14", "2025-01-21"])))
    missing = "2025-01-14, Date: this session has no row (2 missing in all)"
    assert message == f"NVDA on {missing}; add it, or download this symbol again or take it from another source"


@pytest.mark.parametrize(
    ("closed", "weekday"), [("2025-01-09", "Thursday"), ("2025-01-11", "Saturday"), ("2025-01-20", "Monday")]
)
def test_a_row_on_a_closed_day_is_named(bars: pd.DataFrame, closed: str, weekday: str) -> None:
    extra = pd.concat([bars, bars.iloc[[0]].set_axis(pd.DatetimeIndex([closed]))]).sort_index()
    assert refusal(extra) == f"NVDA on {closed}, Date: the exchange was closed ({weekday}); remove the row"


def test_a_time_of_day_is_not_a_session(bars: pd.DataFrame) -> None:
    assert "the exchange was closed" in refusal(bars.set_axis(bars.index + pd.Timedelta(hours=16)))


def test_rows_before_the_exchange_calendar_are_not_checked(bars: pd.DataFrame) -> None:
    from_2000 = bars.set_axis(calendar.xnys()[:40])
    older = pd.concat([bars.iloc[[0]].set_axis(pd.DatetimeIndex(["1999-12-31"])), from_2000])
    check_bars("NVDA", older)


def test_sessions_are_checked_from_the_start_of_the_exchange_calendar(bars: pd.DataFrame) -> None:
    from_2000 = bars.set_axis(calendar.xnys()[:40])
    assert "2000-01-04, Date: this session has no row" in refusal(from_2000.drop(pd.Timestamp("2000-01-04")))


def test_a_gap_after_rows_before_the_exchange_calendar_is_named(bars: pd.DataFrame) -> None:
    older = pd.concat([bars.iloc[[0]].set_axis(pd.DatetimeIndex(["1999-12-31"])), bars.set_axis(calendar.xnys()[2:42])])
    assert "2000-01-03, Date: this session has no row (2 missing in all)" in refusal(older)


def test_a_row_after_the_exchange_calendar_is_named(bars: pd.DataFrame) -> None:
    late = bars.set_axis([*bars.index[:-1], pd.Timestamp("2099-12-31")])
    end = calendar.xnys()[-1]
    assert f"2099-12-31, Date: it lies after the exchange calendar, which ends on {end:%Y-%m-%d}; rem" in refusal(late)


def test_the_last_session_of_the_exchange_calendar_passes(bars: pd.DataFrame) -> None:
    check_bars("NVDA", bars.set_axis(calendar.xnys()[-len(bars) :]))


def test_a_row_on_the_first_day_of_the_exchange_calendar_is_checked(bars: pd.DataFrame) -> None:
    first = bars.set_axis([pd.Timestamp("2000-01-01"), *calendar.xnys()[: len(bars) - 1]])
    assert refusal(first) == "NVDA on 2000-01-01, Date: the exchange was closed (Saturday); remove the row"


def test_the_line_in_the_file_is_named(bars: pd.DataFrame) -> None:
    bars.loc[DAY, "Close"] = -1.0
    line = 2 + bars.index.get_loc(DAY)
    marked = line_numbers.with_line_numbers(bars, "NVDA.csv", range(2, 2 + len(bars)))
    assert f"-1 is not a price (NVDA.csv, line {line}); download" in refusal(marked)


def test_lines_are_not_copied_for_every_column(bars: pd.DataFrame) -> None:
    lines = [2, *range(4, 3 + len(bars))]  # an empty line after the first row
    marked = line_numbers.with_line_numbers(bars, "NVDA.csv", lines)
    later = line_numbers.select_rows(marked, np.arange(len(bars)) > 0)
    assert later.attrs["lines"] == tuple(lines[1:])
    for frame in (marked, later):
        assert frame["Close"].attrs["lines"] is frame.attrs["lines"]


def test_tiny_prices_pass(bars: pd.DataFrame) -> None:
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    check_bars("PENNY", bars.assign(**{field: bars[field] * 1e-6 for field in prices}))


@pytest.mark.parametrize("field", ["Open", "High", "Low", "Close", "Adj Close"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.5])
def test_an_invalid_price_is_named(bars: pd.DataFrame, field: str, value: float) -> None:
    bars.loc[DAY, field] = value
    assert f"2025-01-15, {field}: {value:g} is not a price" in refusal(bars)


@pytest.mark.parametrize("value", [np.nan, -1.0])
def test_an_invalid_volume_is_named(bars: pd.DataFrame, value: float) -> None:
    bars.loc[DAY, "Volume"] = value
    assert f"2025-01-15, Volume: {value:g} is not a number of shares" in refusal(bars)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        *(("Open", value, "is not a price") for value in (0.9e-9, 1.1e12)),
        *(("Volume", value, "is not a number of shares") for value in (1.1e15, np.inf)),
        *(("Dividends", value, "is not a dividend") for value in (-0.01, np.inf, np.nan)),
        *(("Stock Splits", value, "is not the ratio of a split") for value in (-1.0, 1.1e6, np.nan)),
    ],
)
def test_a_number_outside_the_limits_of_its_column_is_named(
    bars: pd.DataFrame, field: str, value: float, complaint: str
) -> None:
    bars = bars.assign(Dividends=0.0, **{"Stock Splits": 0.0})
    bars.loc[DAY, field] = value
    assert f"2025-01-15, {field}: {value:g} {complaint}; download" in refusal(bars)


@pytest.mark.parametrize("scale", [1e-9 / 96, 1e12 / 104])
def test_the_smallest_and_largest_numbers_pass_without_a_warning(bars: pd.DataFrame, scale: float) -> None:
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    check_bars("PENNY", bars.assign(**{field: bars[field] * scale for field in prices}, Volume=1e15))


def test_a_day_without_trades_and_a_source_without_volume_pass(bars: pd.DataFrame) -> None:
    bars.loc[DAY, "Volume"] = 0.0
    check_bars("VRT", bars)
    check_bars("VRT", bars.assign(Volume=np.nan))
    bad_dividend = bars.assign(Volume=np.nan, Dividends=np.where(bars.index == DAY, -1.0, 0.0))
    assert "2025-01-15, Dividends: -1 is not a dividend" in refusal(bad_dividend)


def test_a_high_below_the_low_is_named(bars: pd.DataFrame) -> None:
    bars.loc[DAY, ["High", "Low"]] = [99.0, 99.5]
    assert "2025-01-15, High: 99 is below the low of 99.5" in refusal(bars)


@pytest.mark.parametrize("field", ["Open", "Close"])
@pytest.mark.parametrize("beyond", ["High", "Low"])
def test_a_price_outside_its_range_is_named(bars: pd.DataFrame, field: str, beyond: str) -> None:
    outside = bars.loc[DAY, beyond] + (0.01 if beyond == "High" else -0.01)
    bars.loc[DAY, [field, *(["Adj Close"] if field == "Close" else [])]] = outside
    assert f"2025-01-15, {field}: {outside:g} lies outside" in refusal(bars)


def test_rounding_in_the_last_digit_of_a_range_passes(bars: pd.DataFrame) -> None:
    bars.loc[DAY, "High"] = bars.loc[DAY, ["Open", "Close"]].max() * (1 - 1e-9)
    check_bars("NVDA", bars)


@pytest.mark.parametrize(("ratio", "terms"), [(2, "2:1"), (3, "3:1"), (10, "10:1"), (0.5, "1:2"), (0.1, "1:10")])
def test_an_unadjusted_split_is_named(bars: pd.DataFrame, ratio: float, terms: str) -> None:
    bars.loc[: pd.Timestamp("2025-01-14"), ["Open", "High", "Low", "Close", "Adj Close"]] *= ratio
    message = refusal(bars)
    assert "NVDA on 2025-01-15, Close: the move from" in message
    assert f"looks like a {terms} split that was not adjusted for" in message


def with_last_move(bars: pd.DataFrame, at_open: float, at_close: float) -> pd.DataFrame:
    """`bars` whose last session opens and closes at multiples of the previous close."""
    before = bars["Close"].iloc[-2]
    opened, close = before * at_open, before * at_close
    values = [opened, max(opened, close), min(opened, close), close, close]
    bars.loc[bars.index[-1], ["Open", "High", "Low", "Close", "Adj Close"]] = values
    return bars


def test_an_unadjusted_split_is_recognised_on_a_volatile_day(bars: pd.DataFrame) -> None:
    # TSLA on 31 August 2020 without its 5:1 split: close 2213.40 before, open 444.61 and close 498.32 after.
    assert "looks like a 5:1 split" in refusal(with_last_move(bars, 444.61 / 2213.40, 498.32 / 2213.40))


def test_an_unadjusted_reverse_split_after_a_rise_is_named(bars: pd.DataFrame) -> None:
    # The move of the day counts, not the move since the first row; the open is just below twice the previous close.
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    bars[prices] = bars[prices].mul(np.linspace(1.0, 1.4, len(bars)), axis=0)
    assert "looks like a 1:2 split" in refusal(with_last_move(bars, 1.95, 1.97))


def test_a_crash_that_looks_like_a_split_passes_if_marked_as_real(bars: pd.DataFrame) -> None:
    halved = with_last_move(bars, 0.51, 0.52)
    message = refusal(halved)
    assert "looks like a 2:1 split" in message
    assert "add a column Stock Splits with 1 that day and 0 on all others" in message
    check_bars("CHGG", halved.assign(**{"Stock Splits": [*[0.0] * 39, 1.0]}))


def test_a_misplaced_decimal_point_is_named(bars: pd.DataFrame) -> None:
    before = bars["Close"].shift().loc[DAY]
    bars.loc[DAY, ["Open", "High", "Low", "Close", "Adj Close"]] *= 0.01
    move = f"NVDA on 2025-01-15, Close: the move from {before:g} to {bars.loc[DAY, 'Close']:g}"
    assert re.match(rf"{move} looks like a 1?\d\d:1 split", refusal(bars))


@pytest.mark.parametrize(
    ("at_open", "at_close", "rejected"), [(1.0, 11.0, True), (1.0, 9.9, False), (0.5, 0.0999, True)]
)
def test_a_move_of_more_than_ten_times_is_not_credible(
    bars: pd.DataFrame, at_open: float, at_close: float, rejected: bool
) -> None:
    before = bars["Close"].iloc[-2]
    moved = with_last_move(bars, at_open, at_close)
    if not rejected:
        check_bars("NVDA", moved)
        return
    problem = f"the move from {before:g} to {before * at_close:g} is not credible"
    remedy = "download this symbol again or take it from another source; if the move is real, add a column"
    confirm = "Stock Splits with 1 that day and 0 on all others"
    assert refusal(moved) == f"NVDA on {bars.index[-1]:%Y-%m-%d}, Close: {problem}; {remedy} {confirm}"
    check_bars("NVDA", moved.assign(**{"Stock Splits": [*[0.0] * 39, 1.0]}))
    with pytest.raises(DataError, match="is not credible"):
        check_bars("NVDA", moved.assign(**{"Stock Splits": [*[0.0] * 39, 1.0 / 64]}))


@pytest.mark.parametrize("ratio", [1.1, 1.2, 1.25, 1.5, 2.0, 1 / 1.1, 0.8])
def test_prices_not_adjusted_for_a_listed_split_are_named(bars: pd.DataFrame, ratio: float) -> None:
    bars.loc[: pd.Timestamp("2025-01-14"), ["Open", "High", "Low", "Close", "Adj Close"]] *= ratio
    listed = bars.assign(Dividends=0.0, **{"Stock Splits": np.where(bars.index == DAY, ratio, 0.0)})
    message = refusal(listed)
    confirm = "if the move is real, add a column Stock Splits with 1 that day and 0 on all others"
    remedy = f"divide all earlier prices by the ratio; {confirm}"
    assert re.search(r"2025-01-15, Close: the move from .* split", message)
    assert message.endswith(f"; {remedy}")
    if ratio < 2:
        assert f"was not adjusted for the split of {ratio:g} listed that day" in message


def test_prices_not_adjusted_for_a_listed_reverse_split_are_named(bars: pd.DataFrame) -> None:
    bars.loc[: pd.Timestamp("2025-01-14"), ["Open", "High", "Low", "Close", "Adj Close"]] /= 4
    listed = bars.assign(**{"Stock Splits": np.where(bars.index == DAY, 0.25, 0.0)})
    assert "was not adjusted for the split of 0.25 listed that day" in refusal(listed)


@pytest.mark.parametrize("ratio", [1.1, 1 / 1.1, 1.25, 0.8])
@pytest.mark.parametrize(
    ("at_open", "at_close", "rejected"),
    [(0.4, 0.4, False), (0.6, 0.4, False), (0.4, 0.6, False), (0.6, 0.6, True), (1.0, 0.6, True), (1.0, 1.2, True)],
)
def test_a_listed_split_is_unadjusted_if_open_and_close_are_nearer_to_it_than_to_no_move(
    bars: pd.DataFrame, ratio: float, at_open: float, at_close: float, rejected: bool
) -> None:
    day = with_last_move(bars, ratio**-at_open, ratio**-at_close)
    listed = day.assign(**{"Stock Splits": [*[0.0] * 39, ratio]})
    if rejected:
        assert f"was not adjusted for the split of {ratio:g} listed that day" in refusal(listed)
    else:
        check_bars("NVDA", listed)


def test_a_small_stock_dividend_is_not_checked(bars: pd.DataFrame) -> None:
    check_bars("NVDA", with_last_move(bars, 1 / 1.05, 1 / 1.05).assign(**{"Stock Splits": [*[0.0] * 39, 1.05]}))


def test_prices_adjusted_for_a_listed_split_pass(bars: pd.DataFrame) -> None:
    check_bars("NVDA", bars.assign(**{"Stock Splits": np.where(bars.index == DAY, 10.0, 0.0)}))


@pytest.mark.parametrize(
    ("at_open", "at_close"), [(0.731, 0.667), (0.8, 0.5), (1.1, 2.0), (2.40, 2.35), (0.57, 0.57), (0.452, 0.46)]
)
def test_large_moves_that_are_not_whole_ratios_pass(bars: pd.DataFrame, at_open: float, at_close: float) -> None:
    check_bars("NVDA", with_last_move(bars, at_open, at_close))


def test_a_falling_adjustment_is_named(bars: pd.DataFrame) -> None:
    bars.loc[DAY:, "Adj Close"] *= 0.99
    assert "2025-01-15, Adj Close: its ratio to Close falls from 1.000000 to 0.990000" in refusal(bars)


def test_a_slowly_falling_adjustment_is_named(bars: pd.DataFrame) -> None:
    bars["Adj Close"] = bars["Close"] * (1 - 5e-6) ** np.arange(len(bars))
    assert "Adj Close: its ratio to Close falls" in refusal(bars)


@pytest.mark.parametrize("digits", [2, 3])
def test_rounding_of_small_adjusted_closes_passes_and_larger_falls_do_not(bars: pd.DataFrame, digits: int) -> None:
    # Near 0.5, half a unit of the last digit is 1 % or 0.1 %.
    rounded = bars.assign(**{"Adj Close": (bars["Close"] * 0.005).round(digits)})
    check_bars("NVDA", rounded)
    rounded.loc[rounded.index[-1], "Adj Close"] = round(rounded["Adj Close"].iloc[-1] - 3 * 10.0**-digits, digits)
    assert "Adj Close: its ratio to Close falls" in refusal(rounded)


@pytest.mark.parametrize("digits", [2, 3, 4, 6])
def test_rounded_adjusted_closes_pass(bars: pd.DataFrame, digits: int) -> None:
    check_bars("NVDA", bars.assign(**{"Adj Close": (bars["Close"] * 0.87654321).round(digits)}))


def test_bars_that_repeat_for_ten_sessions_are_named(bars: pd.DataFrame) -> None:
    stale = bars.copy()
    stale.iloc[20:30] = stale.iloc[20].to_numpy()
    problem = f"{stale['Close'].iloc[20]:g} and the rest of the bar repeat for 10 sessions or more"
    assert f"{stale.index[20]:%Y-%m-%d}, Close: {problem};" in refusal(stale)
    assert "repeat for 10 sessions" in refusal(stale.iloc[20:30])
    stale.iloc[29] = bars.iloc[29]
    check_bars("NVDA", stale)


def test_a_constant_close_with_changing_ranges_is_not_stale(bars: pd.DataFrame) -> None:
    calm = bars.assign(Open=91.5, Close=91.5, **{"Adj Close": 91.5})
    calm["High"], calm["Low"] = 91.5 + 0.01 * (np.arange(40) % 2), 91.49
    check_bars("BIL", calm)


def test_unadjusted_dividends_are_named(bars: pd.DataFrame) -> None:
    raw = with_dividend(bars, 0.5).assign(**{"Adj Close": bars["Close"]})
    assert "NVDA on 2025-01-15, Dividends: the dividend of 0.5" in refusal(raw)


def test_an_adjustment_without_its_dividend_is_named(bars: pd.DataFrame) -> None:
    missing = with_dividend(bars, 0.5).assign(Dividends=0.0)
    assert "2025-01-15" in refusal(missing)


def test_real_dividends_agree_with_the_real_adjusted_closes(market_data: Path) -> None:
    frame = FolderSource(market_data).bars(["IEF"])["IEF"]
    listed = market_data.parent / "dividends" / "IEF.csv"
    if not listed.exists():
        pytest.skip(f"no list of dividends in {listed}")
    paid = pd.read_csv(listed, index_col="Date", parse_dates=True)["Dividend"].reindex(frame.index).fillna(0.0)
    assert (paid > 0).sum() > 60
    check_bars("IEF", frame.assign(Dividends=paid))
    with pytest.raises(DataError, match="IEF on"):
        check_bars("IEF", frame.assign(Dividends=paid, **{"Adj Close": frame["Close"]}))


# --- large payments ---------------------------------------------------------------------------------------------------

# Special dividends of more than a tenth of the price in the files of 2000 to 2026, with their ex-dates.
SPECIAL = {
    "BKR": "2017-07-05",
    "DPZ": "2007-05-07",
    "HPQ": "2000-06-05",
    "KLAC": "2014-11-26",
    "MS": "2007-07-02",
    "MSFT": "2004-11-15",
    "TMUS": "2013-05-01",
}


@pytest.fixture(scope="session")
def history(market_data: Path) -> FolderSource:
    folder = market_data.parent / "history"
    if not folder.is_dir():
        pytest.skip(f"no older prices in {folder}")
    return FolderSource(folder)


@pytest.mark.parametrize(("symbol", "day"), SPECIAL.items())
def test_true_special_dividends_pass(history: FolderSource, symbol: str, day: str) -> None:
    bars = history.bars([symbol])[symbol]
    ratio = bars["Adj Close"] / bars["Close"]
    assert (ratio / ratio.shift() > 1.1).sum() == 1
    assert ratio.loc[day] / ratio.shift().loc[day] > 1.1
    check_bars(symbol, bars)


@pytest.mark.slow
def test_every_older_file_passes(history: FolderSource) -> None:
    steps = set()
    for symbol, bars in history.bars(tuple(history.files)).items():
        check_bars(symbol, bars)
        ratio = bars["Adj Close"] / bars["Close"]
        steps |= {symbol} if (ratio / ratio.shift() > 1.1).any() else set()
    assert len(history.files) >= 225 and steps == set(SPECIAL)


def with_step(bars: pd.DataFrame, step: float, fall: float) -> pd.DataFrame:
    """`bars` whose price falls to `fall` of itself on DAY, and whose earlier Adj Close is divided by `step`."""
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    flat = bars.assign(Open=100.0, High=101.0, Low=99.0 + 0.01 * np.arange(40), Close=100.0, **{"Adj Close": 100.0})
    flat.loc[DAY:, prices] *= fall
    flat.loc[: DAY - pd.Timedelta(days=1), "Adj Close"] /= step
    return flat


@pytest.mark.parametrize(
    ("step", "fall", "refused"),
    [
        (1.09, 1.0, False),  # small
        (1.11, 1.0, True),
        (1.25, 0.80, False),  # 20 paid of 100, and the price falls by 20
        (1.25, 0.87, False),  # 0.87 * 1.25 = 1.0875: a rise of 8.75 % instead of a fall of 13 %
        (1.25, 0.90, True),  # 0.90 * 1.25 = 1.125: a larger move than that of the price
    ],
)
def test_a_large_payment_must_show_in_the_price(bars: pd.DataFrame, step: float, fall: float, refused: bool) -> None:
    stepped = with_step(bars, step, fall)
    if not refused:
        check_bars("ABC", stepped)
        return
    with pytest.raises(DataError) as caught:
        check_bars("ABC", stepped)
    paid, moved = 1 - 1 / step, fall - 1
    problem = (
        f"ABC on 2025-01-15, Adj Close: its ratio to Close rises from {1 / step:.6f} to 1.000000, as for a payment of "
        f"{paid:.0%} of the price, but the price moved by {moved:+.1%}; "
    )
    assert str(caught.value).startswith(problem)


def test_a_listed_payment_explains_a_step_unless_the_price_contradicts_it(bars: pd.DataFrame) -> None:
    # 10 paid of 100: a step of 1 / 0.9. The price falls by 3 %, then rises by 3 % against it.
    for fall, refused in ((0.97, False), (1.03, True)):
        listed = with_step(bars, 1 / 0.9, fall).assign(Dividends=np.where(bars.index == DAY, 10.0, 0.0))
        if refused:
            with pytest.raises(DataError, match="as for a payment of 10% of the price, but the price moved by"):
                check_bars("ABC", listed)
        else:
            check_bars("ABC", listed)


def test_adjusted_closes_above_the_closes_are_named(bars: pd.DataFrame) -> None:
    above = bars.assign(**{"Adj Close": bars["Close"] * 1.001})
    remedy = "divide all adjusted closes by 1.001000, or download this symbol again or take it from another source"
    problem = "2025-01-02, Adj Close: it is 1.001000 times the Close, but dividends can only lower it"
    assert refusal(above) == f"NVDA on {problem}; {remedy}"
    check_bars("NVDA", above.assign(**{"Adj Close": above["Adj Close"] / 1.001}))


def test_a_jump_of_the_adjusted_prices_alone_is_named(bars: pd.DataFrame) -> None:
    # The price opens at 1.75 times the last close, which is no split; with the payment, at 1.89 times.
    risen = with_last_move(bars, 1.75, 1.75)
    risen.loc[risen.index[:-1], "Adj Close"] /= 1.08
    assert "Adj Close: the move from" in refusal(risen)
    assert "looks like a 1:2 split" in refusal(risen)


# --- prices rounded to cents ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", [0.5, 3.0, 40.0])
@pytest.mark.parametrize("listed", [True, False])
def test_prices_and_payments_rounded_to_cents_pass(bars: pd.DataFrame, price: float, listed: bool) -> None:
    prices = ["Open", "High", "Low", "Close", "Adj Close"]
    paying = with_dividend(bars, 0.75)
    paying[prices] *= price / 100
    paying["Dividends"] *= price / 100
    rounded = paying.round(2)
    check_bars("LOW", rounded if listed else rounded.drop(columns=["Dividends", "Stock Splits"]))


def test_a_payment_lost_among_cents_is_named(bars: pd.DataFrame) -> None:
    paying = with_dividend(bars * 0.4, 0.3).round(2)
    raw = paying.assign(**{"Adj Close": paying["Close"]})
    assert "the dividend of 0.3 calls for" in refusal(raw)
