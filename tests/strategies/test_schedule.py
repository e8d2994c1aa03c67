"""Decision dates of a schedule."""

from __future__ import annotations

import pytest

from strategies.base.schedule import Schedule


def test_decisions_repeat_until_the_end_of_the_holding_period():
    schedule = Schedule(hold=60, rebalance=20)
    assert [held for held in range(-5, 100) if schedule.decides(held)] == [0, 20, 40]
    assert [held for held in range(-5, 100) if schedule.closes(held)] == [60]


def test_without_rebalancing_there_is_one_decision():
    assert [held for held in range(-5, 100) if Schedule(hold=None, rebalance=None).decides(held)] == [0]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "20"])
def test_sessions_must_be_positive_whole_numbers(value):
    with pytest.raises(ValueError, match="hold is"):
        Schedule(hold=value)
