"""Loading prices, the `Prices` object and its laws."""

from __future__ import annotations

import csv
import hashlib
import struct
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import calendar, load_prices
from data.errors import DataError, RequestError
from data.prices import FIELDS, Prices

Write = Callable[..., Path]
Make = Callable[..., pd.DataFrame]
ARRAYS = (*FIELDS, "factor")


def facts(name: str) -> list[dict[str, str]]:
    with (files("data") / "facts" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def market(seed: int, sessions: int = 30, symbols: tuple[str, ...] = ("AAA", "BBB", "CCC")) -> Prices:
    """Random bars and factors; the last symbol is listed after ten sessions."""
    rng = np.random.default_rng(seed)
    shape = (sessions, len(symbols))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, shape), axis=0))
    bars = {"open": close * 0.99, "high": close * 1.01, "low": close * 0.98, "close": close}
    bars |= {"volume": rng.uniform(1e3, 1e6, shape), "factor": np.cumprod(1 + rng.uniform(0, 0.01, shape), axis=0)}
    for values in bars.values():
        values[:10, -1] = np.nan
    return Prices(calendar.xnys()[:sessions], symbols, **bars)


def assert_equal(one: Prices, other: Prices) -> None:
    assert one.symbols == other.symbols
    assert one.sessions.equals(other.sessions)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# --- loading -----------------------------------------------------------------


def test_prices_equal_the_file_and_the_factor_is_adjusted_over_raw_close(write_folder: Write) -> None:
    # A dividend of 2 on a close of 100: earlier prices are adjusted to 98 %.
    text = (
        "Date,Open,High,Low,Close,Adj Close,Volume\n"
        "2025-01-27,99,101,98,100,98,1000\n2025-01-28,97,99.5,96,99,99,2000\n"
    )
    prices = load_prices(["KO"], source=write_folder(KO=text))
    assert list(prices.sessions) == [pd.Timestamp("2025-01-27"), pd.Timestamp("2025-01-28")]
    assert prices.open.tolist() == [[99.0], [97.0]]
    assert prices.high.tolist() == [[101.0], [99.5]]
    assert prices.low.tolist() == [[98.0], [96.0]]
    assert prices.close.tolist() == [[100.0], [99.0]]
    assert prices.volume.tolist() == [[1000.0], [2000.0]]
    assert prices.factor.tolist() == [[0.98], [1.0]]
    # The holder's return: a loss of 1 and a dividend of 2, reinvested at the close before: 99 / 98.
    total = prices.rebased(0).close[:, 0]
    assert total[0] == 100.0
    assert total[1] / total[0] == pytest.approx(99 / 98, rel=1e-15)


def test_symbols_keep_their_order_without_duplicates(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(AAA=make_bars(), BBB=make_bars())
    assert load_prices(["BBB", "AAA", "BBB"], source=folder).symbols == ("BBB", "AAA")
    assert load_prices("AAA", source=folder).symbols == ("AAA",)


def test_before_a_listing_every_field_is_nan(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(OLD=make_bars(40), NEW=make_bars(30, first="2025-01-17"))
    prices = load_prices(["OLD", "NEW"], source=folder)
    assert prices.sessions[10] == pd.Timestamp("2025-01-17")
    assert prices.listed.tolist() == [0, 10]
    for name in ARRAYS:
        assert np.isnan(getattr(prices, name)[:10, 1]).all()
        assert np.isfinite(getattr(prices, name)[10:, 1]).all()


def test_a_symbol_listed_after_the_window_is_nan_throughout(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(OLD=make_bars(40), NEW=make_bars(30, first="2025-01-17"))
    prices = load_prices(["OLD", "NEW"], end="2025-01-10", source=folder)
    assert np.isnan(prices.close[:, 1]).all()
    assert prices.listed.tolist() == [0, len(prices.sessions)]


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        ("2025-01-08", "2025-01-10", "2025-01-08", "2025-01-10"),  # both included, 9 January closed
        ("2025-01-04", "2025-01-12", "2025-01-06", "2025-01-10"),  # weekends at both ends
        (None, "2025-01-06", "2025-01-02", "2025-01-06"),
        ("2025-02-26", None, "2025-02-26", "2025-03-03"),
        ("2019-01-01", "2030-01-01", "2025-01-02", "2025-03-03"),  # limits, not requirements
    ],
)
def test_start_and_end_are_limits_and_are_included(
    write_folder: Write, make_bars: Make, start: str | None, end: str | None, first: str, last: str
) -> None:
    prices = load_prices(["AAA"], start, end, write_folder(AAA=make_bars(40)))
    assert (prices.sessions[0], prices.sessions[-1]) == (pd.Timestamp(first), pd.Timestamp(last))


def test_a_symbol_that_ends_before_the_others_is_rejected(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(AAA=make_bars(40), BBB=make_bars(38))
    with pytest.raises(DataError) as caught:
        load_prices(["AAA", "BBB"], source=folder)
    assert str(caught.value) == (
        "BBB ends on 2025-02-27 but AAA on 2025-03-03: refresh the prices of BBB, or stop there with --end 2025-02-27"
    )
    assert load_prices(["AAA", "BBB"], end="2025-02-27", source=folder).sessions[-1] == pd.Timestamp("2025-02-27")


def test_an_end_on_a_weekend_needs_prices_to_friday_only(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(AAA=make_bars(40), BBB=make_bars(39))
    prices = load_prices(["AAA", "BBB"], end="2025-03-02", source=folder)
    assert prices.sessions[-1] == pd.Timestamp("2025-02-28")


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2025-02-01", "2025-01-31", "--start 2025-02-01 comes after --end 2025-01-31; swap them"),
        ("2025-01-09", "2025-01-09", "the exchange is closed on every day from 2025-01-09 to 2025-01-09; choose"),
        ("2025-06-02", None, "no prices in the window from 2025-06-02: .* from 2025-01-02 to 2025-03-03"),
        (None, "2024-12-31", "no prices in the window from 2000-01-01 to 2024-12-31"),
        ("2024-06-03", "2024-06-28", "no prices in the window from 2024-06-03 to 2024-06-28"),
        ("31.01.2025", None, "--start '31.01.2025' is not a date; write YYYY-MM-DD"),
        (None, "2025-02-30", "--end '2025-02-30' is not a date"),
        (pd.Timestamp("2025-01-27", tz="UTC"), None, "--start .* is not a plain date"),
        (pd.NaT, None, "--start NaT is not a plain date"),
    ],
)
def test_a_window_without_prices_is_rejected(
    write_folder: Write, make_bars: Make, start: str | None, end: str | None, message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        load_prices(["AAA"], start, end, write_folder(AAA=make_bars(40)))


def test_an_empty_list_of_symbols_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no symbols given"):
        load_prices([], source=tmp_path)


def test_fingerprints_do_not_depend_on_the_order_of_symbols(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(AAA=make_bars(40), BBB=make_bars(40), CCC=make_bars(25, first="2025-01-27"))
    forward, rotated = (load_prices(order, source=folder) for order in (["AAA", "BBB", "CCC"], ["CCC", "AAA", "BBB"]))
    assert forward.fingerprint == rotated.fingerprint
    assert forward.fingerprints == rotated.fingerprints
    assert_equal(forward, rotated.select(forward.symbols))


def test_fingerprints_do_not_depend_on_other_symbols(write_folder: Write, make_bars: Make) -> None:
    folder = write_folder(OLD=make_bars(40), NEW=make_bars(30, first="2025-01-17"))
    together = load_prices(["OLD", "NEW"], source=folder)
    assert together.fingerprints["NEW"] == load_prices(["NEW"], source=folder).fingerprints["NEW"]


# --- facts from outside ------------------------------------------------------


def test_the_day_of_the_shock_matches_press_reports(market_data: Path) -> None:
    reported = [row for row in facts("shock-day.csv") if not row["symbol"].startswith("^")]
    assert len(reported) == 24
    prices = load_prices([row["symbol"] for row in reported], source=market_data)
    before, shock = prices.row("2025-01-24"), prices.row("2025-01-27")
    for column, row in enumerate(reported):
        digits = len(row["close_to_close_pct"].partition(".")[2])
        move = 100 * (prices.close[shock, column] / prices.close[before, column] - 1)
        assert f"{move:.{digits}f}" == row["close_to_close_pct"], row["symbol"]
        for name, session in (("prior_close", before), ("close", shock)):
            assert not row[name] or f"{prices.close[session, column]:.2f}" == row[name], row["symbol"]


def test_real_closes_equal_the_pinned_closes(market_data: Path) -> None:
    pinned = pd.DataFrame(facts("pinned-closes.csv")).set_index("date").replace("", np.nan).astype(float)
    assert pinned.shape == (46, 46)
    prices = load_prices(pinned.columns, source=market_data)
    closes = prices.close[[prices.row(date) for date in pinned.index]]
    # Pins are rounded to the cent, on top of the rounding of the source.
    np.testing.assert_allclose(closes, pinned.to_numpy(), rtol=0, atol=0.00501, equal_nan=True)


def test_total_returns_equal_those_of_the_adjusted_closes(market_data: Path) -> None:
    prices = load_prices(["IEF"], start="2025-01-02", end="2025-12-31", source=market_data)
    file = pd.read_csv(market_data / "IEF.csv", index_col="Date")["Adj Close"].loc["2025-01-02":"2025-12-31"]
    total = prices.rebased(20).close[:, 0]
    np.testing.assert_allclose(total[1:] / total[:-1], (file / file.shift()).iloc[1:], rtol=1e-12)


def test_rebased_prices_do_not_depend_on_the_end(market_data: Path) -> None:
    whole = load_prices(["TLT", "NVDA", "ARM"], source=market_data)
    cut = load_prices(["TLT", "NVDA", "ARM"], end="2025-01-31", source=market_data)
    row = whole.row("2025-01-30")
    assert_equal(cut.rebased(row), whole.rebased(row).rows(0, len(cut.sessions)))


# --- laws --------------------------------------------------------------------


@given(st.integers(0, 10_000), st.permutations(["AAA", "BBB", "CCC"]))
def test_selecting_in_any_order_keeps_all_fingerprints(seed: int, order: list[str]) -> None:
    prices = market(seed)
    selected = prices.select(order)
    assert selected.symbols == tuple(order)
    assert selected.fingerprints == prices.fingerprints
    assert selected.fingerprint == prices.fingerprint
    assert_equal(selected.select(prices.symbols), prices)


@given(st.integers(0, 10_000), st.integers(0, 29), st.floats(0.2, 1.0))
def test_rebased_prices_do_not_depend_on_later_sessions_and_dividends(seed: int, row: int, later: float) -> None:
    present = market(seed)
    future = market(seed + 1)
    grown = {name: np.vstack([getattr(present, name), getattr(future, name)[10:]]) for name in ARRAYS}
    # A later dividend lowers all earlier adjusted prices by the same factor.
    grown["factor"][:30] *= later
    longer = Prices(calendar.xnys()[:50], present.symbols, **grown)
    past = longer.rebased(row).rows(0, 30)
    for name in ARRAYS:
        np.testing.assert_allclose(getattr(past, name), getattr(present.rebased(row), name), rtol=1e-12)


@given(st.integers(0, 10_000), st.integers(0, 30), st.integers(0, 30), st.integers(0, 10), st.integers(0, 10))
def test_rows_compose(seed: int, first: int, length: int, inner: int, span: int) -> None:
    prices = market(seed)
    start, stop = first, min(first + length, 30)
    begin, end = min(start + inner, stop), min(start + inner + span, stop)
    assert_equal(prices.rows(start, stop).rows(begin - start, end - start), prices.rows(begin, end))


@given(st.integers(0, 10_000), st.integers(0, 20), st.integers(21, 30))
def test_select_and_rows_commute(seed: int, start: int, stop: int) -> None:
    prices = market(seed)
    assert_equal(prices.rows(start, stop).select(["CCC", "AAA"]), prices.select(["CCC", "AAA"]).rows(start, stop))


@given(st.integers(0, 10_000), st.integers(0, 29))
def test_rebasing_keeps_the_base_close_the_traded_value_and_the_shape_of_bars(seed: int, row: int) -> None:
    prices = market(seed)
    rebased = prices.rebased(row)
    base = np.maximum(row, prices.listed), np.arange(3)
    np.testing.assert_allclose(rebased.close[base], prices.close[base], rtol=1e-15)
    np.testing.assert_allclose(rebased.close * rebased.volume, prices.close * prices.volume, rtol=1e-12)
    np.testing.assert_allclose(rebased.high / rebased.low, prices.high / prices.low, rtol=1e-12)
    np.testing.assert_array_equal(rebased.factor, np.where(np.isnan(prices.close), np.nan, 1.0))
    assert_equal(rebased.rebased(5), rebased)


@pytest.mark.parametrize("name", ARRAYS)
def test_a_change_in_any_field_changes_the_fingerprint(name: str) -> None:
    prices = market(1)
    arrays = {field: getattr(prices, field).copy() for field in ARRAYS}
    arrays[name][15, 1] *= 1 + 1e-12
    changed = Prices(prices.sessions, prices.symbols, **arrays)
    assert changed.fingerprint != prices.fingerprint
    assert changed.fingerprints["AAA"] == prices.fingerprints["AAA"]


def test_the_fingerprint_depends_on_the_sessions() -> None:
    prices = market(1)
    moved = Prices(calendar.xnys()[1:31], prices.symbols, *(getattr(prices, name) for name in ARRAYS))
    assert moved.fingerprint != prices.fingerprint


def test_the_fingerprint_hashes_little_endian_days_and_numbers() -> None:
    # 3 and 4 January 2000 are days 10959 and 10960 since 1970; B is listed on the second.
    columns = [np.array([[1.5 + field, np.nan], [2.5 + field, 7.25 + field]]) for field in range(6)]
    prices = Prices(calendar.xnys()[:2], ("B", "A"), *(column[:, ::-1] for column in columns))
    old = struct.pack("<2q12d", 10959, 10960, *(value + field for field in range(6) for value in (1.5, 2.5)))
    new = struct.pack("<q6d", 10960, *(7.25 + field for field in range(6)))
    expected = {"A": hashlib.sha256(old).hexdigest(), "B": hashlib.sha256(new).hexdigest()}
    assert prices.fingerprints == expected
    both = f"A {expected['A']}\nB {expected['B']}"
    assert prices.fingerprint == hashlib.sha256(both.encode()).hexdigest()


# --- the object --------------------------------------------------------------


def test_prices_are_read_only_copies() -> None:
    source = np.full((30, 3), 5.0)
    prices = Prices(calendar.xnys()[:30], ("AAA", "BBB", "CCC"), *[source] * 6)
    source[:] = 7.0
    assert (prices.close == 5.0).all()
    with pytest.raises(ValueError, match="read-only"):
        prices.close[0, 0] = 1.0


@pytest.mark.parametrize("writeable", [True, False])
def test_whole_numbers_become_floats(writeable: bool) -> None:
    whole = np.full((30, 3), 5)
    whole.flags.writeable = writeable
    prices = Prices(calendar.xnys()[:30], ("AAA", "BBB", "CCC"), *[whole] * 6)
    assert {getattr(prices, name).dtype for name in ARRAYS} == {np.dtype(float)}
    assert (prices.close == 5.0).all()


def test_read_only_arrays_are_not_copied() -> None:
    prices = market(1)
    again = Prices(prices.sessions, prices.symbols, *(getattr(prices, name) for name in ARRAYS))
    assert all(getattr(again, name) is getattr(prices, name) for name in ARRAYS)


@pytest.mark.parametrize(
    ("symbols", "row"),
    [(("AAA", "BBB"), 0), (("AAA", "CCC"), 10), (("CCC",), 10), (("AAA", "DDD"), 30), (("DDD",), 30), ((), 0)],
)
def test_listed_by_is_the_first_row_of_the_latest_listing_also_when_cached(symbols: tuple[str, ...], row: int) -> None:
    prices = market(1)
    assert [prices.listed_by(symbols), prices.listed_by(symbols)] == [row, row]


def test_rebasing_ignores_a_symbol_that_never_trades() -> None:
    prices = market(1)
    arrays = {name: getattr(prices, name).copy() for name in ARRAYS}
    for values in arrays.values():
        values[:, 1] = np.nan
    rebased = Prices(prices.sessions, prices.symbols, **arrays).rebased(29)
    for name in ARRAYS:
        assert np.isnan(getattr(rebased, name)[:, 1]).all()
    assert_equal(rebased.select(["AAA", "CCC"]), prices.rebased(29).select(["AAA", "CCC"]))


def test_a_wrong_shape_is_rejected_with_the_expected_one() -> None:
    flat = np.ones((30, 2))
    with pytest.raises(ValueError, match=r"Prices.open has shape \(30, 2\), expected \(30, 3\)"):
        Prices(calendar.xnys()[:30], ("AAA", "BBB", "CCC"), *[flat] * 6)


def test_an_unknown_session_or_symbol_is_named() -> None:
    prices = market(1)
    assert prices.row("2000-01-04") == 1
    with pytest.raises(RequestError) as caught:
        prices.row("2000-01-08")
    assert str(caught.value) == "no prices for the session 2000-01-08: they run from 2000-01-03 to 2000-02-14"
    with pytest.raises(RequestError, match="no prices for DDD, EEE in memory"):
        prices.select(["AAA", "DDD", "EEE"])
