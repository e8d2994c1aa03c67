"""Holes in prices that were made in code: which row has the first one, and what is said of it."""

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


def test_prices_that_are_whole_have_no_gap(whole, make_prices):
    assert first_missing_price(whole, 6) is None
    assert first_missing_price(make_prices({"A": [100.0] * 6}), 6) is None
    assert first_missing_price(whole, 0) is None


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "factor"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0, 0.99e-100])
def test_the_first_number_that_is_no_price_is_found_in_any_field(whole, name, value):
    # The row after it, which another field lacks, comes second whatever the order of the fields.
    for other in ("open", "factor"):
        broken = with_values(whole, (name, 3, 1, value), (other, 4, 0, np.nan))
        assert first_missing_price(broken, 6) == 3
        assert first_missing_price(broken, 4) == 3
        assert first_missing_price(broken, 3) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_among_names_that_are_all_listed_it_is_found_too(make_prices, value):
    both = make_prices({"A": [100.0] * 6, "B": [50.0] * 6})
    assert first_missing_price(both, 6) is None
    assert first_missing_price(with_values(both, ("high", 2, 0, value)), 6) == 2


def test_the_least_price_is_one(whole):
    for name in ("open", "low"):
        cheap = with_values(whole, (name, 3, 0, 1e-100))
        assert first_missing_price(cheap, 6) is None
        # Beside a hole elsewhere it is no hole, either.
        assert first_missing_price(with_values(cheap, (name, 4, 1, np.nan)), 6) == 4


def test_volume_is_no_concern(whole):
    assert first_missing_price(with_values(whole, ("volume", 3, 0, np.nan)), 6) is None


def test_what_is_wrong_at_the_listing_counts_and_before_it_does_not(whole):
    assert first_missing_price(with_values(whole, ("open", 2, 1, np.nan)), 6) == 2
    assert first_missing_price(with_values(whole, ("open", 1, 1, -1.0)), 6) is None


def test_a_gap_is_told_by_symbol_session_and_field(whole):
    broken = with_values(whole, ("low", 3, 1, -0.5), ("factor", 3, 1, 0.0))
    error = missing_price_error(broken, 3, 6, "scenario 4: ")
    assert isinstance(error, DataError)
    assert str(error) == "scenario 4: LATE on 2025-01-30, low: -0.5 is not a price; mend it, or end the run before it"
    assert str(missing_price_error(with_values(whole, ("open", 2, 1, np.inf)), 2, 6)) == (
        "LATE on 2025-01-29, open: inf is not a price; mend it, or end the run before it"
    )


def test_a_symbol_that_is_not_listed_yet_or_has_the_least_price_is_not_the_one(whole):
    both = with_values(whole, ("open", 1, 0, 0.0), ("open", 3, 0, 1e-100), ("open", 3, 1, 0.0))
    assert str(missing_price_error(both, 1, 6)).startswith("A on 2025-01-28, open: 0 is")
    assert str(missing_price_error(both, 3, 6)).startswith("LATE on 2025-01-30, open: 0 is")
    turned = both.select(("LATE", "A"))
    assert str(missing_price_error(turned, 1, 6)).startswith("A on 2025-01-28, open: 0 is")


def test_a_name_that_ends_is_told_with_its_last_session_and_the_last_one_of_the_run(make_prices):
    closes = {"A": [100.0] * 6, "GONE": [100.0, 90.0, 80.0, np.nan, np.nan, np.nan]}
    ended = make_prices(closes)
    assert first_missing_price(ended, 6) == 3
    assert str(missing_price_error(ended, 3, 5, "scenario 0: ")) == (
        "scenario 0: GONE ends on 2025-01-29, and the run goes on to 2025-01-31: refresh the prices of GONE, end the "
        "run on 2025-01-29 or earlier (--end, or a shorter hold), or leave GONE out"
    )
    assert str(missing_price_error(ended, 3, 5)).startswith("GONE ends on 2025-01-29")


def test_a_close_that_is_missing_and_comes_again_is_no_end(make_prices):
    hole = make_prices({"GONE": [100.0, 90.0, np.nan, 80.0, 80.0, 80.0]})
    assert str(missing_price_error(hole, 2, 6)).startswith("GONE on 2025-01-29, open: nan is not a price")
