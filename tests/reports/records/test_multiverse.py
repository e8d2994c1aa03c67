"""The figures of a specification curve: by hand, against another library, and where nothing is to be found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from reports.records.multiverse import (
    RECONSTRUCTED,
    curve_summary,
    joint_placebo,
    nan_safe_median,
    same_sign_share,
    specification_rank,
    summary_by_choice,
    variance_by_dimension,
    variance_shares,
)
from tests.resources.multiverses import multiverse_of, survey_of

NAN, INF = float("nan"), float("inf")


def grid(*sizes: int) -> np.ndarray:
    return np.indices(sizes).reshape(len(sizes), -1).T


@pytest.mark.parametrize(
    ("values", "middle", "share"),
    [
        ([0.3, -0.1, 0.1], 0.1, 2 / 3),
        ([-0.3, -0.1, 0.1, 0.2], 0.0, 0.0),  # a median of zero has no sign, and no spec is zero
        ([-0.4, -0.2, 0.1, -0.2], -0.2, 3 / 4),
        ([0.0, 0.0, 0.1], 0.0, 2 / 3),
        ([-INF, 0.2, 0.1], 0.1, 2 / 3),
        ([-INF, -INF, 0.1], -INF, 2 / 3),
        ([-INF, INF], NAN, NAN),  # what it must beat was ruined too: there is no middle
        ([0.1, NAN, 0.2], NAN, NAN),
        ([], NAN, NAN),
    ],
)
def test_median_and_share_with_its_sign(values, middle, share):
    values = np.array(values)
    assert float(nan_safe_median(values)) == pytest.approx(middle, nan_ok=True)
    assert float(same_sign_share(values)) == pytest.approx(share, nan_ok=True)


def test_a_row_a_launch():
    curves = np.array([[0.1, 0.2, -0.3], [-0.1, -0.2, -0.3]])
    assert nan_safe_median(curves).tolist() == [0.1, -0.2]
    assert same_sign_share(curves).tolist() == pytest.approx([2 / 3, 1.0])
    holed = np.array([[0.1, NAN, -0.3], [-0.1, -0.2, -0.3]])
    assert nan_safe_median(holed).tolist() == pytest.approx([NAN, -0.2], nan_ok=True), (
        "a hole is that of its launch alone"
    )
    assert np.isnan(nan_safe_median(np.zeros((2, 0)))).tolist() == [True, True]


def test_what_is_below_rounding_is_no_sign():
    assert float(same_sign_share(np.array([1e-15, -1e-15, 0.0]))) == 1.0


def test_a_set_of_specs_is_told_without_those_that_have_no_d():
    found = curve_summary(np.array([0.2, NAN, -0.1, 0.4, -0.2]))
    assert (found.n, found.above, found.low, found.high) == (4, 0.5, -0.2, 0.4)
    assert (found.median, found.same_sign) == (pytest.approx(0.05), 0.5)
    assert curve_summary(np.array([NAN])).n == 0
    assert curve_summary(np.array([0.0, 0.1])).above == 0.5, "nothing gained is not above"


def test_shares_of_the_variance_by_hand():
    # d = 3 a + b over a, b in {0, 1}: sums of squares 9, 1 and nothing left.
    codes = grid(2, 2)
    assert variance_shares(3.0 * codes[:, 0] + codes[:, 1], codes) == pytest.approx([0.9, 0.1])
    # What both do only together is in neither.
    assert variance_shares((codes[:, 0] ^ codes[:, 1]).astype(float), codes) == pytest.approx([0.0, 0.0])


def test_groups_of_one_and_choices_that_nobody_made_count_as_they_are():
    # Mean 1/3, squares in all 6/9. By the first column 2 (1/3)^2 + (2/3)^2 = 6/9; by the second, whose groups are rows
    # 0 with 2, and 1: (1/3)^2 / 2 + (1/3)^2 = 3/18, a quarter. Code 1 stands in neither.
    codes = np.array([[0, 0], [0, 2], [2, 0]])
    assert variance_shares(np.array([0.0, 0.0, 1.0]), codes) == pytest.approx([1.0, 0.25])
    # Two groups of one beside one of two, by hand: squares of their sums, over their sizes.
    lonely = np.array([[0], [0], [1], [2]])
    between, total = 5.5**2 / 2 + 1.75**2 + 3.75**2, 3.25**2 + 2.25**2 + 1.75**2 + 3.75**2
    assert variance_shares(np.array([0.0, 1.0, 5.0, 7.0]), lonely) == pytest.approx([between / total])


def test_a_spec_and_the_dimensions_go_by_their_names():
    one = multiverse_of()
    assert one.labels(0) == ("published", "60 sessions", "declared")
    assert one.labels(17) == ("shock day", "252 sessions", "without B")
    # d = 3 x entry + horizon: nine tenths and one, as above; the basket does nothing.
    told = variance_by_dimension(multiverse_of(d=3.0 * one.codes[:, 0] + one.codes[:, 1]))
    assert [part.name for part in told] == ["entry", "horizon", "basket"]
    assert [part.share for part in told] == pytest.approx([0.9, 0.1, 0.0])


@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_shares_of_the_variance_are_those_of_one_way_analyses(kept):
    rng = np.random.default_rng(3)
    codes = grid(3, 4, 2, 3)
    codes = codes[rng.random(len(codes)) < kept]
    d = 0.2 * codes[:, 0] - 0.1 * codes[:, 1] * codes[:, 3] + rng.normal(0, 0.2, len(codes))
    table = pd.DataFrame({"d": d, **{f"f{place}": column for place, column in enumerate(codes.T)}})
    expected = []
    for place in range(4):
        squares = anova_lm(ols(f"d ~ C(f{place})", table).fit())["sum_sq"]
        expected.append(squares.iloc[0] / squares.sum())
    assert variance_shares(d, codes) == pytest.approx(expected)


def test_main_effects_of_a_full_grid_are_those_of_all_dimensions_together():
    rng = np.random.default_rng(4)
    codes = grid(3, 4, 2)
    d = rng.normal(0, 1, len(codes))
    table = pd.DataFrame({"d": d, **{f"f{place}": column for place, column in enumerate(codes.T)}})
    squares = anova_lm(ols("d ~ C(f0) + C(f1) + C(f2)", table).fit())["sum_sq"]
    assert variance_shares(d, codes) == pytest.approx(squares.iloc[:3].to_numpy() / squares.sum())
    assert variance_shares(d, codes).sum() < 1


def test_specs_in_another_order_change_nothing():
    rng = np.random.default_rng(5)
    codes, order = grid(3, 4, 2), rng.permutation(24)
    d, curve = rng.normal(0, 1, 24), rng.normal(0, 1, (20, 24))
    assert curve_summary(d[order]) == curve_summary(d)
    assert variance_shares(d[order], codes[order]) == pytest.approx(variance_shares(d, codes))
    assert joint_placebo([curve[:, order]]) == joint_placebo([curve])


def test_a_monotone_scale_moves_the_median_alone():
    rng = np.random.default_rng(6)
    codes, d = grid(3, 4), rng.normal(0.1, 1, 12)
    assert variance_shares(7 * d, codes) == pytest.approx(variance_shares(d, codes))
    assert curve_summary(7 * d).median == pytest.approx(7 * curve_summary(d).median)
    assert curve_summary(-d).same_sign == curve_summary(d).same_sign


def test_where_nothing_varies_no_choice_matters():
    codes = grid(2, 3)
    assert np.isnan(variance_shares(np.full(6, 0.1), codes)).all()
    assert np.isnan(variance_shares(np.full(6, NAN), codes)).all()


def test_ruined_specs_have_no_part_in_the_variance():
    codes = grid(2, 2)
    shares = variance_shares(np.array([0.0, 0.0, 1.0, -INF]), codes)
    assert shares == pytest.approx(variance_shares(np.array([0.0, 0.0, 1.0]), codes[:3]))


def test_the_rank_of_the_real_curve_by_hand():
    # Medians 0.30 (real), then 0.01 to 0.19: nobody reaches it. Shares: all 1 but those of the last two launches.
    placebos = np.array([[0.01 * place] * 3 for place in range(1, 20)])
    placebos[-2:, 0] = -1.0
    curve = np.vstack(([0.3, 0.3, 0.3], placebos))
    (found,) = joint_placebo([curve])
    assert (found.median.n, found.median.effect, found.median.p) == (19, pytest.approx(0.3), 1 / 20)
    assert (found.share.effect, found.share.p, found.share.p_lower) == (1.0, 18 / 20, 1.0)
    assert found.median.p_family == found.median.p, "a family of one"


def test_a_family_of_copies_is_as_good_as_one_of_them():
    curve = np.random.default_rng(7).normal(0, 1, (20, 9))
    alone, (first, second) = joint_placebo([curve])[0], joint_placebo([curve, curve])
    assert (first, second) == (alone, alone)


def test_a_family_is_never_more_significant_than_its_members():
    rng = np.random.default_rng(8)
    found = joint_placebo([rng.normal(0, 1, (20, 9)) for _ in range(6)])
    assert all(one.median.p_family >= one.median.p for one in found)
    assert min(one.median.p_family for one in found) > min(one.median.p for one in found) - 1e-12


def test_below_nineteen_placebos_there_is_no_p():
    (found,) = joint_placebo([np.random.default_rng(9).normal(0, 1, (19, 5))])
    assert found.median.p is None
    assert found.median.reason == "18 placebos that do not overlap; 19 are needed"


def test_where_nothing_is_to_be_found_every_p_of_the_median_is_as_likely_as_any_other():
    rng = np.random.default_rng(10)
    tried = 2000
    # Specs of one launch share most of what happens to them, as in a multiverse.
    shared = rng.standard_t(4, (tried, 20, 1))
    curves = shared + 0.3 * rng.normal(0, 1, (tried, 20, 7))
    p = np.array([joint_placebo([curve])[0].median.p for curve in curves])
    counts = np.bincount(np.round(20 * p).astype(int), minlength=21)[1:]
    assert counts.sum() == tried
    assert chisquare(counts).pvalue > 0.001


def test_the_share_is_conservative_where_many_are_equal():
    rng = np.random.default_rng(11)
    p = [joint_placebo([rng.normal(0.5, 1, (20, 5))])[0].share.p for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_hindsight_is_in_no_figure():
    one = multiverse_of()
    assert one.where("hindsight").sum() == 6
    assert (one.honest.sum(), one.tested.sum(), one.declared.sum()) == (12, 6, 1)
    changed = multiverse_of(d=np.where(one.honest, one.d, 99.0))
    assert variance_by_dimension(changed) == variance_by_dimension(one)
    before, after = summary_by_choice(one), summary_by_choice(changed)
    assert before[1:] == after[1:], "the choices of other dimensions"
    assert before[0][1][:2] == after[0][1][:2]
    assert after[0][1][2][1].median == 99.0, "its own row alone"


def test_ranks_begin_at_the_highest_d():
    one = multiverse_of()
    honest = np.flatnonzero(one.honest)
    expected = pd.Series(one.d[honest]).rank(ascending=False, method="min").astype(int).tolist()
    assert [specification_rank(one, place) for place in honest.tolist()] == expected


def test_reconstructed_prices_give_no_p():
    assert survey_of().joint["first"].median.p is not None
    found = survey_of(real=False).joint["first"]
    assert (found.median.p, found.share.p_family) == (None, None)
    assert found.median.reason == RECONSTRUCTED
    assert found.median.effect == survey_of().joint["first"].median.effect
    assert found.median.n == 19
