"""When a reading is asked."""

from __future__ import annotations

import pytest

from strategies.base.schedule import Schedule


def test_decisions_follow_the_first_every_rebalance_sessions_until_the_hold():
    schedule = Schedule(hold=60, rebalance=20)
    assert [held for held in range(-5, 100) if schedule.decides(held)] == [0, 20, 40]
    assert [held for held in range(-5, 100) if schedule.closes(held)] == [60]


def test_without_rebalancing_only_the_first_close_decides():
    assert [held for held in range(-5, 100) if Schedule(hold=None, rebalance=None).decides(held)] == [0]


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "20"])
def test_sessions_are_whole_and_positive(value):
    with pytest.raises(ValueError, match="hold is"):
        Schedule(hold=value)
