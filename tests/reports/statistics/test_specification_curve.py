"""Statistics of specification curves: by hand, against statsmodels, and under the null."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from reports.statistics.specification_curve import (
    curve_summary,
    joint_placebo,
    nan_safe_median,
    same_sign_share,
    variance_shares,
)

NAN, INF = float("nan"), float("inf")


def grid(*sizes: int) -> np.ndarray:
    return np.indices(sizes).reshape(len(sizes), -1).T


@pytest.mark.parametrize(
    ("values", "middle", "share"),
    [
        ([0.3, -0.1, 0.1], 0.1, 2 / 3),
        ([-0.3, -0.1, 0.1, 0.2], 0.0, 0.0),  # a median of zero has no sign, and no value is zero
        ([-0.4, -0.2, 0.1, -0.2], -0.2, 3 / 4),
        ([0.0, 0.0, 0.1], 0.0, 2 / 3),
        ([-INF, 0.2, 0.1], 0.1, 2 / 3),
        ([-INF, -INF, 0.1], -INF, 2 / 3),
        ([-INF, INF], NAN, NAN),  # reading and comparator are both ruined: there is no middle
        ([0.1, NAN, 0.2], NAN, NAN),
        ([], NAN, NAN),
    ],
)
def test_median_and_share_with_its_sign(values, middle, share):
    values = np.array(values)
    assert float(nan_safe_median(values)) == pytest.approx(middle, nan_ok=True)
    assert float(same_sign_share(values)) == pytest.approx(share, nan_ok=True)


def test_each_row_is_one_entry():
    curves = np.array([[0.1, 0.2, -0.3], [-0.1, -0.2, -0.3]])
    assert nan_safe_median(curves).tolist() == [0.1, -0.2]
    assert same_sign_share(curves).tolist() == pytest.approx([2 / 3, 1.0])
    missing = np.array([[0.1, NAN, -0.3], [-0.1, -0.2, -0.3]])
    assert nan_safe_median(missing).tolist() == pytest.approx([NAN, -0.2], nan_ok=True), (
        "a missing value affects its own entry only"
    )
    assert np.isnan(nan_safe_median(np.zeros((2, 0)))).tolist() == [True, True]


def test_rounding_errors_have_no_sign():
    assert float(same_sign_share(np.array([1e-15, -1e-15, 0.0]))) == 1.0


def test_summary_leaves_out_missing_values():
    found = curve_summary(np.array([0.2, NAN, -0.1, 0.4, -0.2]))
    assert (found.n, found.above, found.low, found.high) == (4, 0.5, -0.2, 0.4)
    assert (found.median, found.same_sign) == (pytest.approx(0.05), 0.5)
    assert curve_summary(np.array([NAN])).n == 0
    assert curve_summary(np.array([0.0, 0.1])).above == 0.5, "zero is not above zero"


def test_variance_shares_by_hand():
    # d = 3 a + b over a, b in {0, 1}: sums of squares 9, 1 and nothing left.
    codes = grid(2, 2)
    assert variance_shares(3.0 * codes[:, 0] + codes[:, 1], codes) == pytest.approx([0.9, 0.1])
    # The interaction is in neither share.
    assert variance_shares((codes[:, 0] ^ codes[:, 1]).astype(float), codes) == pytest.approx([0.0, 0.0])


def test_variance_shares_with_groups_of_one_and_unused_choices():
    # Mean 1/3, squares in all 6/9. By the first column 2 (1/3)^2 + (2/3)^2 = 6/9; by the second, whose groups are rows
    # 0 with 2, and 1: (1/3)^2 / 2 + (1/3)^2 = 3/18, a quarter. Code 1 stands in neither.
    codes = np.array([[0, 0], [0, 2], [2, 0]])
    assert variance_shares(np.array([0.0, 0.0, 1.0]), codes) == pytest.approx([1.0, 0.25])
    # Two groups of one beside one of two, by hand: squares of their sums, over their sizes.
    codes = np.array([[0], [0], [1], [2]])
    between, total = 5.5**2 / 2 + 1.75**2 + 3.75**2, 3.25**2 + 2.25**2 + 1.75**2 + 3.75**2
    assert variance_shares(np.array([0.0, 1.0, 5.0, 7.0]), codes) == pytest.approx([between / total])


@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_variance_shares_equal_one_way_anova(kept):
    rng = np.random.default_rng(3)
    codes = grid(3, 4, 2, 3)
    codes = codes[rng.random(len(codes)) < kept]
    d = 0.2 * codes[:, 0] - 0.1 * codes[:, 1] * codes[:, 3] + rng.normal(0, 0.2, len(codes))
    table = pd.DataFrame({"d": d, **{f"f{index}": column for index, column in enumerate(codes.T)}})
    expected = []
    for index in range(4):
        squares = anova_lm(ols(f"d ~ C(f{index})", table).fit())["sum_sq"]
        expected.append(squares.iloc[0] / squares.sum())
    assert variance_shares(d, codes) == pytest.approx(expected)


def test_variance_shares_of_a_full_grid_equal_multi_way_anova():
    rng = np.random.default_rng(4)
    codes = grid(3, 4, 2)
    d = rng.normal(0, 1, len(codes))
    table = pd.DataFrame({"d": d, **{f"f{index}": column for index, column in enumerate(codes.T)}})
    squares = anova_lm(ols("d ~ C(f0) + C(f1) + C(f2)", table).fit())["sum_sq"]
    assert variance_shares(d, codes) == pytest.approx(squares.iloc[:3].to_numpy() / squares.sum())
    assert variance_shares(d, codes).sum() < 1


def test_order_of_specifications_does_not_matter():
    rng = np.random.default_rng(5)
    codes, order = grid(3, 4, 2), rng.permutation(24)
    d, curve = rng.normal(0, 1, 24), rng.normal(0, 1, (20, 24))
    assert curve_summary(d[order]) == curve_summary(d)
    assert variance_shares(d[order], codes[order]) == pytest.approx(variance_shares(d, codes))
    assert joint_placebo([curve[:, order]]) == joint_placebo([curve])


def test_scaling_changes_only_the_median():
    rng = np.random.default_rng(6)
    codes, d = grid(3, 4), rng.normal(0.1, 1, 12)
    assert variance_shares(7 * d, codes) == pytest.approx(variance_shares(d, codes))
    assert curve_summary(7 * d).median == pytest.approx(7 * curve_summary(d).median)
    assert curve_summary(-d).same_sign == curve_summary(d).same_sign


def test_variance_shares_are_nan_where_nothing_varies():
    codes = grid(2, 3)
    assert np.isnan(variance_shares(np.full(6, 0.1), codes)).all()
    assert np.isnan(variance_shares(np.full(6, NAN), codes)).all()


def test_variance_shares_leave_out_ruined_specifications():
    codes = grid(2, 2)
    shares = variance_shares(np.array([0.0, 0.0, 1.0, -INF]), codes)
    assert shares == pytest.approx(variance_shares(np.array([0.0, 0.0, 1.0]), codes[:3]))


def test_joint_placebo_by_hand():
    # Medians 0.30 (real), then 0.01 to 0.19: none reaches it. Shares: all 1, except at the last two entries.
    placebos = np.array([[0.01 * index] * 3 for index in range(1, 20)])
    placebos[-2:, 0] = -1.0
    curve = np.vstack(([0.3, 0.3, 0.3], placebos))
    (found,) = joint_placebo([curve])
    assert (found.median.n, found.median.effect, found.median.p) == (19, pytest.approx(0.3), 1 / 20)
    assert (found.share.effect, found.share.p, found.share.p_lower) == (1.0, 18 / 20, 1.0)
    assert found.median.p_family == found.median.p, "there is one reading"


def test_adjusted_p_of_copies_equals_that_of_one():
    curve = np.random.default_rng(7).normal(0, 1, (20, 9))
    alone, (first, second) = joint_placebo([curve])[0], joint_placebo([curve, curve])
    assert (first, second) == (alone, alone)


def test_adjusted_p_is_at_least_p():
    rng = np.random.default_rng(8)
    found = joint_placebo([rng.normal(0, 1, (20, 9)) for _ in range(6)])
    assert all(one.median.p_family >= one.median.p for one in found)
    assert min(one.median.p_family for one in found) > min(one.median.p for one in found) - 1e-12


def test_below_nineteen_placebos_there_is_no_p():
    (found,) = joint_placebo([np.random.default_rng(9).normal(0, 1, (19, 5))])
    assert found.median.p is None
    assert found.median.reason == "18 placebos that do not overlap; 19 are needed"


def test_p_of_the_median_is_uniform_under_the_null():
    rng = np.random.default_rng(10)
    repeats = 2000
    # Specifications at one entry are highly correlated, as in a multiverse.
    shared = rng.standard_t(4, (repeats, 20, 1))
    curves = shared + 0.3 * rng.normal(0, 1, (repeats, 20, 7))
    p = np.array([joint_placebo([curve])[0].median.p for curve in curves])
    counts = np.bincount(np.round(20 * p).astype(int), minlength=21)[1:]
    assert counts.sum() == repeats
    assert chisquare(counts).pvalue > 0.001


def test_p_of_the_share_is_conservative_with_ties():
    rng = np.random.default_rng(11)
    p = [joint_placebo([rng.normal(0.5, 1, (20, 5))])[0].share.p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
