"""Parameters: immutable, hashable, and distinguished as a rule does."""

from __future__ import annotations

import pickle

import backtrader as bt
import pytest

from runners.engine.parameters import Parameters, declared_parameters
from strategies.base import Reading


def test_the_order_of_parameters_does_not_matter_and_their_type_does():
    one, other = Parameters({"b": [1, 2], "a": 1}), Parameters({"a": 1, "b": [1, 2]})
    assert one == other and len({one, other}) == 1
    assert one == {"a": 1, "b": [1, 2]} and one == {"a": 1, "b": [1, 2]} and one != "ab"
    for value in (True, 1.0, "1", None):
        assert Parameters({"a": value, "b": [1, 2]}) != one
    assert pickle.loads(pickle.dumps(one)) == one and eval(repr(one)) == one  # noqa: S301, S307


def test_parameters_are_frozen():
    given = {"a": 1}
    own = Parameters(given)
    given["a"] = 2
    with pytest.raises(TypeError):
        own["a"] = 3
    changed = own | {"b": 4}
    assert own == {"a": 1} and changed == Parameters({"a": 1, "b": 4}) and own | {"a": 5} == {"a": 5}


def test_a_reading_declares_its_own_parameters_and_a_plain_strategy_all_of_them():
    class Own(Reading):
        params = (("share", 0.5),)

    class Plain(bt.Strategy):
        params = (("hold", 3),)

    assert declared_parameters(Own) == {"share": 0.5} and declared_parameters(Plain) == {"hold": 3}
    assert declared_parameters(bt.Strategy) == {}
