"""Figures of a multiverse: labels, variance by dimension, summaries by choice, ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from reports.figures.multiverse import specification_rank, summary_by_choice, variance_by_dimension
from tests.resources.multiverses import multiverse_of


def test_labels_of_a_specification_and_variance_by_dimension():
    one = multiverse_of()
    assert one.labels(0) == ("published", "60 sessions", "declared")
    assert one.labels(17) == ("shock day", "252 sessions", "without B")
    # d = 3 x entry + horizon: sums of squares 9 to 1; the basket does nothing.
    result = variance_by_dimension(multiverse_of(d=3.0 * one.codes[:, 0] + one.codes[:, 1]))
    assert [part.name for part in result] == ["entry", "horizon", "basket"]
    assert [part.share for part in result] == pytest.approx([0.9, 0.1, 0.0])


def test_specifications_with_hindsight_count_only_in_their_own_row():
    one = multiverse_of()
    assert one.where("hindsight").sum() == 6
    assert (one.honest.sum(), one.tested.sum(), one.declared.sum()) == (12, 6, 1)
    changed = multiverse_of(d=np.where(one.honest, one.d, 99.0))
    assert variance_by_dimension(changed) == variance_by_dimension(one)
    before, after = summary_by_choice(one), summary_by_choice(changed)
    assert before[1:] == after[1:], "the choices of other dimensions"
    assert before[0][1][:2] == after[0][1][:2]
    assert after[0][1][2][1].median == 99.0, "only its own row"


def test_rank_1_is_the_highest_d():
    one = multiverse_of()
    honest = np.flatnonzero(one.honest)
    expected = pd.Series(one.d[honest]).rank(ascending=False, method="min").astype(int).tolist()
    assert [specification_rank(one, index) for index in honest.tolist()] == expected
