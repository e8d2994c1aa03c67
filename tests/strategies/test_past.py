"""The data a rule may see."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.base import Past, leg


@pytest.fixture
def past(make_prices):
    prices = make_prices({"A": [10, 11, 12, 13, 99], "LATE": [np.nan, np.nan, 5, 6, 99]})  # sessions 27 to 31 January
    return Past(prices, 3, held=0, shock="2025-01-27")


def test_arrays_end_at_the_current_close_and_cannot_be_written(past):
    assert past.close("A").tolist() == [10, 11, 12, 13]
    assert str(past.sessions[-1]) == "2025-01-30"
    with pytest.raises(ValueError, match="read-only"):
        past.close("A")[-1] = 1


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
def test_no_array_leads_to_the_future(past, name):
    values = getattr(past, name)("A")
    assert values.base is None and past.sessions.base is None
    assert past.returns("A", 2).base is None
    assert len(values) == len(past.sessions) == 4


def test_growth_counts_sessions_back_from_now(past):
    assert past.growth("A", 2) == 13 / 11
    assert past.growth("A", 3, until=1) == 12 / 10
    assert np.isnan(past.growth("A", 4)) and np.isnan(past.growth("A", 2, until=4))
    assert np.isnan(past.growth("LATE", 2))


def test_beats_is_strict_and_needs_both_histories(past, make_prices):
    other = Past(make_prices({"A": [10, 11], "B": [20, 22], "C": [20, 23]}), 1)
    assert not other.beats("A", "B", 1)
    assert other.beats("C", "B", 1)
    with pytest.raises(ValueError, match=r"LATE.*3 earlier sessions"):
        past.beats("LATE", "A", 3)


def test_symbols_without_enough_closes_are_left_out_and_recorded(past):
    assert past.tradable(["A", "LATE"], closes=2) == ("A", "LATE")
    assert past.tradable(["A", "LATE", "NONE"], closes=3) == ("A",)
    assert list(past.left_out) == ["LATE", "NONE"]


def test_returns_are_the_latest_simple_returns(past):
    assert past.returns("A", 2).tolist() == pytest.approx([12 / 11 - 1, 13 / 12 - 1])
    assert past.returns("A", 3).tolist() == pytest.approx([11 / 10 - 1, 12 / 11 - 1, 13 / 12 - 1])
    assert past.returns("A", 0).tolist() == []


@pytest.mark.parametrize(
    ("method", "arguments", "complaint"),
    [
        ("growth", ("A", -2), "cannot look -2 sessions back; give 0 or more"),
        ("growth", ("A", 2, -1), "cannot look -1 sessions back; give 0 or more"),
        ("beats", ("A", "LATE", -1), "cannot look -1 sessions back; give 0 or more"),
        ("returns", ("A", -1), "cannot look -1 sessions back; give 0 or more"),
        ("returns", ("A", 4), "cannot look 4 sessions back, history has 3"),
        ("back", (-1,), "cannot look -1 sessions back; give 0 or more"),
    ],
    ids=["growth", "until", "beats", "returns", "too many returns", "back"],
)
def test_a_look_forward_or_beyond_history_is_refused(past, method, arguments, complaint):
    with pytest.raises(ValueError, match=f"2025-01-30: {complaint}"):
        getattr(past, method)(*arguments)


def test_back_is_the_past_of_an_earlier_close(past):
    assert past.back(2).close("A").tolist() == [10, 11]
    with pytest.raises(ValueError, match="cannot look 4 sessions back, history has 3"):
        past.back(4)


def test_a_meeting_has_no_outcome_before_its_day(make_prices):
    prices = make_prices({"A": [1.0] * 3}, first="2024-12-17")
    ahead, announced = (Past(prices, row).meeting(ahead=6, ago=10) for row in (0, 1))
    assert ahead is not None and ahead[0] == 1 and ahead[1].change_bps is None
    assert announced is not None and announced[0] == 0 and announced[1].change_bps == -25


def test_a_leg_divides_its_weight_equally():
    assert leg(["A", "B"], -0.5) == {"A": -0.25, "B": -0.25}
    assert leg([], 0.5) == {}
