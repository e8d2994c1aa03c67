"""A multiverse without p-values."""

from __future__ import annotations

from reports.records.multiverse import RECONSTRUCTED
from tests.resources.multiverses import survey_of


def test_reconstructed_prices_give_no_p():
    assert survey_of().joint["first"].median.p is not None
    found = survey_of(real=False).joint["first"]
    assert (found.median.p, found.share.p_family) == (None, None)
    assert found.median.reason == RECONSTRUCTED
    assert found.median.effect == survey_of().joint["first"].median.effect
    assert found.median.n == 19
