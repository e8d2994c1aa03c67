"""Checks of observations, and reasons for missing numbers."""

from __future__ import annotations

import numpy as np
import pytest

from reports.statistics.availability import Missing, Unavailable, require_observations, value_or_missing


def test_valid_observations_are_returned_as_floats():
    given = [index % 3 for index in range(20)]
    array = require_observations(given)
    assert array.tolist() == given and array.dtype == np.float64


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ([0.01, 0.02] * 9 + [0.01], "returns: 19 observations; 20 are needed"),
        (
            [0.01, 0.02] * 9 + [np.nan, np.inf, -np.inf],
            "returns: 3 of 21 observations are missing or infinite; none may be",
        ),
        ([0.01, 0.02] * 10 + [np.nan], "returns: 1 of 21 observations are missing or infinite; none may be"),
        ([0.01] * 20, "returns: all 20 observations are the same; they must vary"),
        # Of which the standard deviation is 1e-12 to the last bit, which is rounding still.
        ([1e-12, -1e-12] * 16, "returns: all 32 observations are the same; they must vary"),
    ],
)
def test_invalid_observations_raise_a_one_line_reason(values, result):
    with pytest.raises(Unavailable) as caught:
        require_observations(np.array(values))
    assert str(caught.value) == result


def test_variation_just_above_rounding_is_accepted():
    assert np.std(np.array([1e-12, -1e-12] * 16)) == 1e-12
    assert len(require_observations(np.array([1.1e-12, -1.1e-12] * 10))) == 20


def test_the_reason_uses_the_given_name_and_minimum():
    assert require_observations(np.array([1.0, 2.0]), "alpha", 2).tolist() == [1.0, 2.0]
    for values, result in (
        ([1.0, 2.0], "alpha: 2 observations; 3 are needed"),
        ([1.0, 2.0, np.nan], "alpha: 1 of 3 observations are missing or infinite; none may be"),
        ([2.0, 2.0, 2.0], "alpha: all 3 observations are the same; they must vary"),
    ):
        with pytest.raises(Unavailable) as caught:
            require_observations(np.array(values), "alpha", 3)
        assert str(caught.value) == result


def test_a_wrong_shape_is_a_value_error():
    with pytest.raises(ValueError, match=r"^alpha: shape \(2, 3\); one value an observation is needed$") as caught:
        require_observations(np.ones((2, 3)), "alpha")
    assert not isinstance(caught.value, Unavailable)


def test_value_or_missing_catches_only_unavailable():
    def unavailable():
        raise Unavailable("nothing varies")

    def wrong():
        raise ZeroDivisionError

    assert value_or_missing(lambda: 3.5) == 3.5
    assert value_or_missing(unavailable) == Missing("nothing varies")
    with pytest.raises(ZeroDivisionError):
        value_or_missing(wrong)
