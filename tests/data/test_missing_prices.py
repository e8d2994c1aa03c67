"""Missing prices in `Prices` built in code: the first row with one, and the error about it."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import DataError
from data.missing_prices import first_missing_price, missing_price_error
from data.prices import Prices

FIELDS = ("open", "high", "low", "close", "volume", "factor")


def with_values(prices: Prices, *changes: tuple[str, int, int, float]) -> Prices:
    fields = {name: getattr(prices, name).copy() for name in FIELDS}
    for name, row, column, value in changes:
        fields[name][row, column] = value
    return Prices(prices.sessions, prices.symbols, **fields)


@pytest.fixture
def whole(make_prices) -> Prices:
    """Six sessions, 27 January to 3 February 2025; LATE is listed on the third."""
    return make_prices({"A": [100.0] * 6, "LATE": [np.nan, np.nan, 50.0, 50.0, 50.0, 50.0]})


def test_complete_prices_have_no_gap(whole, make_prices):
    assert first_missing_price(whole, 6) is None
    assert first_missing_price(make_prices({"A": [100.0] * 6}), 6) is None
    assert first_missing_price(whole, 0) is None


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "factor"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, 0.99e-100])
def test_the_first_invalid_price_is_found_in_any_field(whole, name, value):
    # A later fault in another field comes second, whatever the order of the fields.
    for other in ("open", "factor"):
        broken = with_values(whole, (name, 3, 1, value), (other, 4, 0, np.nan))
        assert first_missing_price(broken, 6) == 3
        assert first_missing_price(broken, 4) == 3
        assert first_missing_price(broken, 3) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_an_invalid_price_is_found_if_all_symbols_are_listed_from_the_start(make_prices, value):
    both = make_prices({"A": [100.0] * 6, "B": [50.0] * 6})
    assert first_missing_price(both, 6) is None
    assert first_missing_price(with_values(both, ("high", 2, 0, value)), 6) == 2


def test_the_smallest_price_is_valid(whole):
    for name in ("open", "low"):
        cheap = with_values(whole, (name, 3, 0, 1e-100))
        assert first_missing_price(cheap, 6) is None
        # It is valid beside a gap elsewhere, too.
        assert first_missing_price(with_values(cheap, (name, 4, 1, np.nan)), 6) == 4


def test_volume_may_be_missing(whole):
    assert first_missing_price(with_values(whole, ("volume", 3, 0, np.nan)), 6) is None


def test_faults_count_from_the_listing_on(whole):
    assert first_missing_price(with_values(whole, ("open", 2, 1, np.nan)), 6) == 2
    assert first_missing_price(with_values(whole, ("open", 1, 1, -1.0)), 6) is None


def test_the_error_names_symbol_session_and_field(whole):
    broken = with_values(whole, ("low", 3, 1, -0.5), ("factor", 3, 1, 0.0))
    error = missing_price_error(broken, 3, 6, "scenario 4: ")
    assert isinstance(error, DataError)
    assert str(error) == "scenario 4: LATE on 2025-01-30, low: -0.5 is not a price; correct it, or end the run earlier"
    assert str(missing_price_error(with_values(whole, ("open", 2, 1, np.inf)), 2, 6)) == (
        "LATE on 2025-01-29, open: inf is not a price; correct it, or end the run earlier"
    )


def test_unlisted_symbols_and_smallest_prices_are_not_blamed(whole):
    both = with_values(whole, ("open", 1, 0, 0.0), ("open", 3, 0, 1e-100), ("open", 3, 1, 0.0))
    assert str(missing_price_error(both, 1, 6)).startswith("A on 2025-01-28, open: 0 is")
    assert str(missing_price_error(both, 3, 6)).startswith("LATE on 2025-01-30, open: 0 is")
    reversed_order = both.select(("LATE", "A"))
    assert str(missing_price_error(reversed_order, 1, 6)).startswith("A on 2025-01-28, open: 0 is")


def test_the_error_for_an_ended_symbol_names_its_last_session_and_the_end_of_the_run(make_prices):
    closes = {"A": [100.0] * 6, "GONE": [100.0, 90.0, 80.0, np.nan, np.nan, np.nan]}
    ended = make_prices(closes)
    assert first_missing_price(ended, 6) == 3
    assert str(missing_price_error(ended, 3, 5, "scenario 0: ")) == (
        "scenario 0: GONE ends on 2025-01-29, but the run ends on 2025-01-31: refresh the prices of GONE, end the "
        "run on 2025-01-29 or earlier (--end, or a shorter hold), or leave GONE out"
    )
    assert str(missing_price_error(ended, 3, 5)).startswith("GONE ends on 2025-01-29")


def test_a_gap_with_later_closes_is_not_an_end(make_prices):
    prices = make_prices({"GONE": [100.0, 90.0, np.nan, 80.0, 80.0, 80.0]})
    assert str(missing_price_error(prices, 2, 6)).startswith("GONE on 2025-01-29, open: nan is not a price")
