"""General forms: weights by role, checked when they are declared."""

from __future__ import annotations

import pytest

import strategies
from data.errors import RequestError
from strategies.base import Cash, Fund
from strategies.base.general_form import AroundDecisions, OnLeader, RoleWeights


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({}, "must add up to more than 0 and at most 1"),
        ({"leader": -0.6, "challengers": 0.6}, "-60% leader, \\+60% challengers: the absolute weights must add up"),
        ({"group": float("nan")}, "give finite fractions of equity"),
        ({"market": float("inf")}, "give finite fractions of equity"),
        ({"leader": 0.5, "against": "gold"}, "against is 'gold'; give 'cash' or 'market'"),
    ],
)
def test_wrong_weights_are_refused(declared, complaint):
    with pytest.raises(RequestError, match=complaint):
        RoleWeights(**declared)


def test_weights_in_words_and_their_comparator():
    form = RoleWeights(leader=-0.5, challengers=0.5)
    assert (form.text, form.comparator("SPY")) == ("-50% leader, +50% challengers", Cash())
    assert RoleWeights(group=1.0, against="market").comparator("SPY") == Fund("SPY")


def test_the_bundled_readings_with_a_general_form():
    forms = {name: form for name in strategies.names() if (form := strategies.load(name).general_form) is not None}
    assert forms == {
        "gpu_bubble": RoleWeights(leader=-0.5, challengers=0.5),
        "bad_news": RoleWeights(group=-0.5, market=0.5),
        "midrange_challengers": RoleWeights(lower=0.5, group=-0.5),
        "nvda_holder": RoleWeights(leader=-0.5, market=0.5),
        "sector_tailwind": RoleWeights(group=1.0, against="market"),
        "nvda_comeback": OnLeader("symbol"),
        "fomc_tilt": AroundDecisions(5, 16, "shift", (*range(-13, -5), *range(6, 14))),
    }
