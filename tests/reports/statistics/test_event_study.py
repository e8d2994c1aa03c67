"""Event study against statsmodels, SciPy, hand arithmetic, press figures and simulated sizes."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from itertools import combinations
from math import sqrt

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats

from data import load_prices
from data.errors import RequestError
from reports.statistics.event_study import (
    CONSTANT_MEAN,
    LEAST,
    MARKET_ADJUSTED,
    MARKET_MODEL,
    MODELS,
    WINDOWS,
    EventSample,
    EventWindow,
    RankTest,
    Significance,
    bmp_test,
    conformal_test,
    conformal_tests,
    corrado_test,
    cross_section_t,
    cross_section_tests,
    cumulative_returns,
    event_study,
    generalized_sign_test,
    kolari_pynnonen_test,
    mean_correlation,
    patell_test,
    rank_test,
    rank_tests,
)

DAY = EventWindow(0, 0)
KINDS = ("cross_section", "patell", "bmp", "kolari_pynnonen", "corrado", "generalized_sign")
NAN = float("nan")


def make_sample(stocks=4, days=120, around=23, day=1, seed=5, **changes) -> EventSample:
    """Returns of stocks with betas of 0.5 to 1.5 on a common market."""
    rng = np.random.default_rng(seed)
    market = rng.normal(0.0005, 0.01, days + around)
    returns = np.linspace(0.5, 1.5, stocks) * market[:, None] + rng.normal(0, 0.02, (days + around, stocks))
    made = {
        "estimation": returns[:days],
        "estimation_market": market[:days],
        "event": returns[days:],
        "event_market": market[days:],
        "day": day,
        **changes,
    }
    return EventSample(**made)


def fitted(sample: EventSample, column: int, market: bool = True):
    """The same model by statsmodels, and its regressors on the event days."""

    def design(values):
        return sm.add_constant(values) if market else np.ones((len(values), 1))

    return sm.OLS(sample.estimation[:, column], design(sample.estimation_market)).fit(), design(sample.event_market)


def with_hole(values: np.ndarray, row: int, column: int, hole: float = NAN) -> np.ndarray:
    pierced = values.copy()
    pierced[row, column] = hole
    return pierced


# --- abnormal returns against statsmodels --------------------------------------


def test_market_model_equals_least_squares_of_statsmodels():
    sample = make_sample()
    study = event_study(sample)
    assert study.degrees_of_freedom == 118
    for column in range(4):
        line, design = fitted(sample, column)
        assert (study.alpha[column], study.beta[column]) == pytest.approx(tuple(line.params), rel=1e-9)
        assert study.sigma[column] == pytest.approx(sqrt(line.scale), rel=1e-12)
        np.testing.assert_allclose(study.residuals[:, column], line.resid, atol=1e-15)
        forecast = line.get_prediction(design)
        abnormal = sample.event[:, column] - forecast.predicted_mean
        np.testing.assert_allclose(study.abnormal[:, column], abnormal, atol=1e-15)
        np.testing.assert_allclose(study.standardized[:, column], abnormal / forecast.se_obs, rtol=1e-9)


def test_constant_mean_model_equals_regression_on_a_constant():
    sample = make_sample()
    study = event_study(sample, CONSTANT_MEAN)
    assert study.degrees_of_freedom == 119
    for column in range(4):
        line, design = fitted(sample, column, market=False)
        forecast = line.get_prediction(design)
        abnormal = sample.event[:, column] - forecast.predicted_mean
        np.testing.assert_allclose(study.standardized[:, column], abnormal / forecast.se_obs, rtol=1e-9)
        np.testing.assert_allclose(study.residuals[:, column], line.resid, atol=1e-15)


def test_market_adjusted_returns_are_differences():
    sample = make_sample()
    study = event_study(sample, MARKET_ADJUSTED)
    difference = sample.estimation - sample.estimation_market[:, None]
    np.testing.assert_allclose(study.residuals, difference, atol=1e-16)
    np.testing.assert_allclose(study.sigma, np.std(difference, axis=0, ddof=1))
    np.testing.assert_allclose(study.abnormal, sample.event - sample.event_market[:, None], atol=1e-16)
    np.testing.assert_allclose(study.standardized, study.abnormal / study.sigma)
    cumulated = cumulative_returns(study, EventWindow(0, 3))
    np.testing.assert_allclose(cumulated.standard_error, 2 * study.sigma)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
@pytest.mark.parametrize("model", [MARKET_MODEL, CONSTANT_MEAN], ids=lambda model: model.name)
def test_variance_of_a_car_equals_that_of_summed_forecast_errors(model, window):
    sample = make_sample()
    cumulated = cumulative_returns(event_study(sample, model), window)
    rows = slice(1 + window.first, 2 + window.last)
    for column in range(4):
        line, design = fitted(sample, column, market=model is MARKET_MODEL)
        # Errors of the days are independent, that of the coefficients is shared.
        total = design[rows].sum(axis=0)
        variance = line.scale * len(window) + total @ line.cov_params() @ total
        car = np.sum(sample.event[rows, column] - line.predict(design[rows]))
        assert cumulated.car[column] == pytest.approx(car, abs=1e-14)
        assert cumulated.standard_error[column] == pytest.approx(sqrt(variance), rel=1e-9)
        assert cumulated.scar[column] == pytest.approx(car / sqrt(variance), rel=1e-9)


def test_variance_factor_by_hand():
    # 32 days of market returns of +-1 % have mean 0 and squares that add up to .0032; returns of +-2 % with a mean of
    # zero and no covariance leave s^2 = 32 x .0004 / 30. Two days of +3 % and +1 %: 2 + 4/32 + .04^2/.0032 = 2.625.
    market = np.tile([0.01, -0.01], 16)
    returns = np.tile([0.02, 0.02, -0.02, -0.02], 8)[:, None]
    study = event_study(EventSample(returns, market, np.array([[0.05], [0.0]]), np.array([0.03, 0.01])))
    assert study.alpha == pytest.approx(0, abs=1e-17) and study.beta == pytest.approx(0, abs=1e-16)
    sigma = sqrt(32 * 0.0004 / 30)
    assert study.standardized[0, 0] == pytest.approx(0.05 / sigma / sqrt(1 + 1 / 32 + 0.0009 / 0.0032))
    assert cumulative_returns(study, EventWindow(0, 1)).scar[0] == pytest.approx(0.05 / sigma / sqrt(2.625))


@pytest.mark.parametrize("confidence", [0.95, 0.9])
def test_band_equals_prediction_interval_of_statsmodels(confidence):
    sample = make_sample()
    cumulated = cumulative_returns(event_study(sample), EventWindow(0, 20), confidence)
    assert cumulated.path.shape == cumulated.low.shape == cumulated.high.shape == (21, 4)
    for column in range(4):
        line, design = fitted(sample, column)
        low, high = line.get_prediction(design[1:2]).conf_int(obs=True, alpha=1 - confidence)[0]
        actual = sample.event[1, column]
        assert cumulated.low[0, column] == pytest.approx(actual - high, rel=1e-9)
        assert cumulated.high[0, column] == pytest.approx(actual - low, rel=1e-9)
        last = stats.t.ppf((1 + confidence) / 2, 118) * cumulated.standard_error[column]
        assert cumulated.high[-1, column] - cumulated.car[column] == pytest.approx(last)
    np.testing.assert_array_equal(cumulated.path[-1], cumulated.car)
    assert (np.diff(cumulated.high - cumulated.low, axis=0) > 0).all()


def test_path_equals_car_of_shorter_windows():
    study = event_study(make_sample())
    long, short = cumulative_returns(study, EventWindow(0, 20)), cumulative_returns(study, EventWindow(0, 5))
    np.testing.assert_array_equal(long.path[:6], short.path)
    np.testing.assert_allclose(long.low[:6], short.low)


# --- legs -----------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_abnormal_return_of_a_leg_is_the_weighted_sum_of_its_stocks(model):
    sample = make_sample()
    weights = np.array([[0.5, 1.0], [0.5, -1.0], [0.0, 0.0], [0.0, 0.0]])
    leg, stocks = event_study(sample.legs(weights), model), event_study(sample, model)
    np.testing.assert_allclose(leg.abnormal, stocks.abnormal @ weights, atol=1e-15)
    np.testing.assert_allclose(leg.residuals, stocks.residuals @ weights, atol=1e-15)


def test_standard_error_of_a_leg_comes_from_its_own_returns():
    sample = make_sample()
    basket = sample.estimation.mean(axis=1)
    line = sm.OLS(basket, sm.add_constant(sample.estimation_market)).fit()
    leg = event_study(sample.legs(np.full((4, 1), 0.25)))
    assert leg.sigma[0] == pytest.approx(sqrt(line.scale), rel=1e-12)


def test_a_leg_is_missing_only_if_a_stock_it_holds_is():
    whole = make_sample()
    sample = make_sample(estimation=with_hole(whole.estimation, 7, 2), event=with_hole(whole.event, 0, 3, np.inf))
    weights = np.array([[0.5, 0.5, 0.0], [0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    study = event_study(sample.legs(weights))
    assert study.reasons == (
        "",
        "1 of 120 returns in the estimation window are missing",
        "1 of 23 returns in the event window are missing",
    )
    np.testing.assert_allclose(study.abnormal[:, 0], event_study(whole.legs(weights)).abnormal[:, 0])


def test_legs_of_legs_keep_their_net_weight():
    sample = make_sample().legs(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(sample.net, [1, 2])
    np.testing.assert_array_equal(sample.legs(np.array([[2.0], [-1.0]])).net, [0])


# --- tests across stocks ----------------------------------------------------------


def test_plain_t_and_bmp_are_one_sample_t_tests():
    values = np.array([0.4, -1.1, -2.0, -0.3, -1.7])
    expected = stats.ttest_1samp(values, 0)
    for test in (cross_section_t, bmp_test):
        result = test(values)
        assert (result.statistic, result.p) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)
        assert result.n == 5 and result.reason == ""


def test_patell_by_hand():
    result = patell_test(np.array([1.0, 2.0, 3.0]), 218)
    assert result.statistic == pytest.approx(6 / sqrt(3 * 218 / 216), rel=1e-12)
    assert result.p == pytest.approx(2 * stats.norm.sf(result.statistic), rel=1e-9)


def test_kolari_pynnonen_by_hand():
    # Three columns in which only the first two correlate, at 1/2: a mean of 1/6 over the three pairs.
    one, two, three = np.array([1.0, 1, -1, -1] * 10), np.array([1.0, -1, 1, -1] * 10), np.array([1.0, -1, -1, 1] * 10)
    residuals = np.column_stack((one, one / 2 + two * sqrt(0.75), three))
    assert mean_correlation(residuals) == pytest.approx(1 / 6)
    scar = np.array([-1.0, -2.0, -6.0])
    # Mean -3, standard deviation sqrt((4 + 1 + 9)/2): BMP = -3 sqrt(3/7), and (1 - 1/6)/(1 + 2/6) = 5/8.
    result = kolari_pynnonen_test(scar, residuals)
    assert result.statistic == pytest.approx(-3 * sqrt(3 / 7) * sqrt(5 / 8))
    assert result.p == pytest.approx(2 * stats.t.cdf(result.statistic, 2))


def test_mean_correlation_equals_numpy_over_all_pairs():
    residuals = event_study(make_sample(stocks=7)).residuals
    pairs = np.corrcoef(residuals.T)[np.triu_indices(7, 1)]
    assert mean_correlation(residuals) == pytest.approx(pairs.mean(), rel=1e-9)


def test_corrado_by_hand():
    # Ranks 1 2 3 4 | 5 and 4 3 2 1 | 5: mean ranks less 3 are -1/2 four times, then 2; S^2 = (4/4 + 4)/5 = 1.
    result = corrado_test(np.array([[0.1, 0.4], [0.2, 0.3], [0.3, 0.2], [0.4, 0.1]]), np.array([[9.0, 0.5]]))
    assert result.statistic == pytest.approx(2)
    assert result.p == pytest.approx(2 * stats.norm.sf(2))
    assert result.n == 2


def test_tied_days_share_their_rank():
    # Ranks 1.5 1.5 3 | 4: less 2.5 they are -1 -1 1/2 3/2, S^2 = (1 + 1 + 1/4 + 9/4)/4 = 9/8.
    assert corrado_test(np.array([[0.0], [0.0], [1.0]]), np.array([[2.0]])).statistic == pytest.approx(
        1.5 / sqrt(9 / 8)
    )


@pytest.mark.parametrize("length", [1, 2, 3])
def test_corrado_statistic_has_unit_variance_over_all_windows(length):
    days = np.random.default_rng(8).normal(size=(9, 4))
    squares = []
    for chosen in combinations(range(9), length):
        rest = [day for day in range(9) if day not in chosen]
        squares.append(corrado_test(days[rest], days[list(chosen)]).statistic ** 2)
    assert np.mean(squares) == pytest.approx(1)


def test_generalized_sign_test_by_hand():
    # A quarter of the residuals is positive, zero is not; 16 stocks give 4 expected, variance 3; 7 are positive.
    residuals = np.tile(np.array([[1.0], [-1.0], [0.0], [-1.0]]), (10, 16))
    result = generalized_sign_test(residuals, np.where(np.arange(16) < 7, 0.1, -0.1))
    assert result.statistic == pytest.approx(3 / sqrt(3))
    assert result.p == pytest.approx(2 * stats.norm.sf(sqrt(3)))


@pytest.mark.parametrize("window", [DAY, EventWindow(-1, 1), EventWindow(0, 20)], ids=str)
def test_cross_section_tests_collects_all_tests(window):
    sample = make_sample(stocks=6)
    result, rows = cross_section_tests(event_study(sample), window), slice(1 + window.first, 2 + window.last)
    car, scar, residuals, abnormal = [], [], [], []
    for column in range(6):
        line, design = fitted(sample, column)
        total = design[rows].sum(axis=0)
        abnormal.append(sample.event[rows, column] - line.predict(design[rows]))
        car.append(abnormal[-1].sum())
        scar.append(car[-1] / sqrt(line.scale * len(window) + total @ line.cov_params() @ total))
        residuals.append(line.resid)
    r = np.corrcoef(residuals)[np.triu_indices(6, 1)].mean()
    standardized = stats.ttest_1samp(scar, 0).statistic
    share = np.mean(np.array(residuals) > 0)
    assert result.cross_section.p == pytest.approx(stats.ttest_1samp(car, 0).pvalue)
    assert result.patell.statistic == pytest.approx(sum(scar) / sqrt(6 * 118 / 116))
    assert result.bmp.statistic == pytest.approx(standardized)
    assert result.kolari_pynnonen.statistic == pytest.approx(standardized * sqrt((1 - r) / (1 + 5 * r)))
    assert result.correlation == pytest.approx(r)
    ranks = stats.rankdata(np.hstack((residuals, abnormal)), axis=1).mean(axis=0)
    total, length = len(ranks), len(window)
    # Variance of a sum drawn without replacement.
    spread = sqrt(length * np.var(ranks, ddof=1) * (1 - length / total))
    assert result.corrado.statistic == pytest.approx((ranks[-length:].sum() - length * ranks.mean()) / spread)
    expected = (np.sum(np.array(car) > 0) - 6 * share) / sqrt(6 * share * (1 - share))
    assert result.generalized_sign.statistic == pytest.approx(expected)


# --- one firm or basket -------------------------------------------------------------


def test_rank_test_by_hand():
    result = rank_test(np.array([0.01, -0.02, 0.03, -0.04]), -0.03)
    # |e| of .03 and .04 are as large, -.04 is as low, all but -.04 are as high.
    assert (result.p, result.lower, result.upper) == pytest.approx((3 / 5, 2 / 5, 4 / 5))
    assert rank_test(np.array([0.01, -0.02, 0.03, -0.04]), 0.05).p == pytest.approx(1 / 5)
    tied = rank_test(np.array([0.01, -0.02, 0.03, -0.04]), -0.02)
    assert (tied.p, tied.lower, tied.upper) == pytest.approx((4 / 5, 3 / 5, 4 / 5))


def test_conformal_test_by_hand():
    # Around the circle the sums of two neighbours are 6 2 3 5 8; the window's own are 2 + 3.
    result = conformal_test(np.array([5.0, -1.0, 1.0, -2.0, 3.0]), 2)
    assert result.statistic == pytest.approx(5 / sqrt(2))
    assert result.p == pytest.approx(3 / 5)
    # Of squares: 26 2 5 13 34.
    squared = conformal_test(np.array([5.0, -1.0, 1.0, -2.0, 3.0]), 2, order=2)
    assert (squared.statistic, squared.p) == pytest.approx((sqrt(13 / sqrt(2)), 3 / 5))
    assert conformal_test(np.array([1.0, 2.0, -4.0]), 1).p == pytest.approx(1 / 3)


def test_conformal_test_fits_all_days_together():
    sample = make_sample()
    result = conformal_tests(event_study(sample), EventWindow(0, 4))
    market = np.concatenate((sample.estimation_market, sample.event_market[1:6]))
    for column in range(4):
        returns = np.concatenate((sample.estimation[:, column], sample.event[1:6, column]))
        residuals = np.abs(sm.OLS(returns, sm.add_constant(market)).fit().resid)
        rolled = [np.roll(residuals, shift)[-5:].sum() for shift in range(125)]
        assert result[column].statistic == pytest.approx(residuals[-5:].sum() / sqrt(5))
        assert result[column].p == pytest.approx(np.mean(np.array(rolled) >= rolled[0] - 1e-12))


def test_rank_and_conformal_p_are_uniform_under_the_null():
    rng = np.random.default_rng(11)
    days, stocks = 200, 400
    market = rng.normal(0, 0.01, days + 5)
    returns = market[:, None] + 0.02 * rng.standard_t(4, (days + 5, stocks))
    study = event_study(EventSample(returns[:days], market[:days], returns[days:], market[days:]))
    ranks = rank_tests(study)
    for p in ([t.p for t in ranks], [t.lower for t in ranks], [t.upper for t in ranks]):
        assert stats.kstest(p, "uniform").pvalue > 0.01
    for window in (DAY, EventWindow(0, 4)):
        assert stats.kstest([t.p for t in conformal_tests(study, window)], "uniform").pvalue > 0.01


def test_a_large_effect_has_the_smallest_possible_p():
    sample = make_sample(stocks=1)
    shocked = sample.event.copy()
    shocked[1] -= 0.5
    study = event_study(make_sample(stocks=1, event=shocked))
    assert (rank_tests(study)[0].p, rank_tests(study)[0].lower) == (1 / 121, 1 / 121)
    assert rank_tests(study)[0].upper == 1
    assert conformal_tests(study, DAY)[0].p == pytest.approx(1 / 121)


# --- sizes -----------------------------------------------------------------------


@cache
def rejections(
    stocks: int, correlation: float, tails: float, jump: float = 1, window: EventWindow = DAY, draws: int = 600
):
    """Share of simulated nulls that each test rejects at 5 %: equicorrelated t, `jump` their scale in the event."""
    rng, days = np.random.default_rng(20250127), 220 + len(window)
    counts = dict.fromkeys(KINDS, 0)
    scale = 0.02 * sqrt((tails - 2) / tails)
    betas = np.linspace(0.5, 1.5, stocks)
    for _ in range(draws):
        market = rng.normal(0, 0.01, days)
        common, own = rng.standard_t(tails, (days, 1)), rng.standard_t(tails, (days, stocks))
        residuals = scale * (sqrt(correlation) * common + sqrt(1 - correlation) * own)
        residuals[220:] *= jump
        returns = betas * market[:, None] + residuals
        result = cross_section_tests(
            event_study(EventSample(returns[:220], market[:220], returns[220:], market[220:])), window
        )
        for kind in KINDS:
            counts[kind] += getattr(result, kind).p < 0.05
    return {kind: count / draws for kind, count in counts.items()}


def within(found: float, expected: float, draws: int = 600, other: float = 4000) -> bool:
    """Whether two shares, of so many draws each, differ by less than 3.5 standard errors."""
    return abs(found - expected) < 3.5 * sqrt(expected * (1 - expected) * (1 / draws + 1 / other))


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        # evidence.md: plain t, Patell, BMP, KP-BMP, 4,000 draws. 1e6 degrees of freedom are a normal.
        ((15, 0.0, 1e6), (0.054, 0.054, 0.054, 0.056)),
        ((15, 0.2, 4), (0.298, 0.250, 0.300, 0.056)),
        ((15, 0.4, 4), (0.476, 0.364, 0.476, 0.064)),
        ((5, 0.3, 4), (0.187, 0.150, 0.185, 0.059)),
        # What the table calls a doubled variance is a doubled standard deviation: Patell then has a variance of
        # 4 (1 + 14/5), and 2 Phi(-1.96/sqrt(15.2)) = .615.
        ((15, 0.2, 1e6, 2), (0.337, 0.603, 0.336, 0.053)),
    ],
    ids=str,
)
def test_sizes_are_those_of_the_table(case, expected):
    found = rejections(*case)
    for kind, share in zip(KINDS, expected, strict=False):
        assert within(found[kind], share), (kind, found)


def test_only_tests_that_allow_for_correlation_keep_their_size():
    found = rejections(15, 0.2, 4)
    assert all(found[kind] > 0.2 for kind in ("cross_section", "patell", "bmp", "generalized_sign"))
    assert within(found["kolari_pynnonen"], 0.05) and within(found["corrado"], 0.05)


def test_doubled_variance_misleads_patell_but_not_kolari_pynnonen():
    found = rejections(15, 0.2, 1e6, sqrt(2))
    assert within(found["patell"], 2 * stats.norm.cdf(-1.96 / sqrt(2 * (1 + 14 * 0.2))), other=np.inf)
    assert within(found["kolari_pynnonen"], 0.05)


def test_sizes_hold_over_eleven_days():
    found = rejections(15, 0.2, 4, window=EventWindow(0, 10), draws=400)
    assert within(found["kolari_pynnonen"], 0.05, 400) and within(found["corrado"], 0.05, 400)


# --- properties ------------------------------------------------------------------


def numbers(result) -> list[float]:
    return [number for kind in KINDS for number in (getattr(result, kind).statistic, getattr(result, kind).p)]


@pytest.mark.parametrize("window", [DAY, EventWindow(0, 10)], ids=str)
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("scale", [100.0, 1e-3])
def test_tests_do_not_depend_on_the_unit_of_returns(model, window, scale):
    sample = make_sample()
    study = event_study(sample, model)
    scaled = event_study(
        EventSample(
            scale * sample.estimation,
            scale * sample.estimation_market,
            scale * sample.event,
            scale * sample.event_market,
            sample.day,
        ),
        model,
    )
    np.testing.assert_allclose(scaled.standardized, study.standardized, rtol=1e-9)
    assert numbers(cross_section_tests(scaled, window)) == pytest.approx(
        numbers(cross_section_tests(study, window)), rel=1e-8
    )
    assert [t.p for t in rank_tests(scaled)] == [t.p for t in rank_tests(study)]
    assert [t.p for t in conformal_tests(scaled, window)] == [t.p for t in conformal_tests(study, window)]


def test_order_of_stocks_does_not_matter():
    sample, order = make_sample(stocks=6), [3, 0, 5, 1, 4, 2]
    study = event_study(sample)
    shuffled = event_study(make_sample(estimation=sample.estimation[:, order], event=sample.event[:, order]))
    np.testing.assert_allclose(shuffled.abnormal, study.abnormal[:, order], atol=1e-16)
    for window in WINDOWS:
        expected = numbers(cross_section_tests(study, window))
        assert numbers(cross_section_tests(shuffled, window)) == pytest.approx(expected, rel=1e-9)


def test_later_days_do_not_change_earlier_ones():
    long = make_sample(around=23)
    short = make_sample(event=long.event[:9], event_market=long.event_market[:9])
    whole, part = event_study(long), event_study(short)
    np.testing.assert_array_equal(whole.standardized[:9], part.standardized)
    for window in (DAY, EventWindow(-1, 1), EventWindow(0, 5)):
        assert cross_section_tests(whole, window) == cross_section_tests(part, window)
        assert conformal_tests(whole, window) == conformal_tests(part, window)


def test_the_sample_copies_its_arguments():
    returns = make_sample().estimation.copy()
    sample = make_sample(estimation=returns)
    returns[:] = 0
    assert event_study(sample).reasons == ("",) * 4
    with pytest.raises(ValueError, match="read-only"):
        sample.estimation[0, 0] = 1


# --- not available -----------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("hole", [NAN, np.inf, -np.inf])
def test_a_stock_with_a_missing_return_does_not_affect_the_others(model, hole):
    whole = make_sample(stocks=5)
    holed = make_sample(estimation=with_hole(whole.estimation, 3, 1, hole), event=with_hole(whole.event, -1, 4, hole))
    study = event_study(holed, model)
    assert study.reasons == (
        "",
        "1 of 120 returns in the estimation window are missing",
        "",
        "",
        "1 of 23 returns in the event window are missing",
    )
    assert np.isnan(study.abnormal[:, [1, 4]]).all() and np.isnan(study.residuals[:, [1, 4]]).all()
    assert np.isnan([study.alpha[1], study.beta[1], study.sigma[1]]).all()
    assert np.isnan(cumulative_returns(study, DAY).low[:, [1, 4]]).all()
    kept = [0, 2, 3]
    alone = event_study(make_sample(estimation=whole.estimation[:, kept], event=whole.event[:, kept]), model)
    np.testing.assert_allclose(study.standardized[:, kept], alone.standardized, rtol=1e-9)
    assert numbers(cross_section_tests(study, DAY)) == pytest.approx(numbers(cross_section_tests(alone, DAY)), rel=1e-9)
    assert cross_section_tests(study, DAY).bmp.n == 3
    assert rank_tests(study)[1].p is None and rank_tests(study)[1].reason == study.reasons[1]
    assert conformal_tests(study, DAY)[4].p is None and conformal_tests(study, DAY)[4].reason == study.reasons[4]
    assert (rank_tests(study)[1].n, conformal_tests(study, DAY)[4].n) == (120, 121)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("days", [1, 2, 3, LEAST - 1])
def test_too_few_estimation_days_give_a_reason(model, days):
    study = event_study(make_sample(days=days), model)
    assert study.reasons == (f"30 estimation days are needed, {days} given",) * 4
    assert np.isnan(study.standardized).all() and np.isnan(cumulative_returns(study, EventWindow(0, 3)).high).all()
    result = cross_section_tests(study, DAY)
    assert all(getattr(result, kind).p is None and getattr(result, kind).statistic is None for kind in KINDS)
    assert result.correlation is None
    assert result.bmp.reason == "2 available stocks are needed, 0 given"
    assert all(test.p is None and test.reason for test in (*rank_tests(study), *conformal_tests(study, DAY)))


def test_the_minimum_number_of_estimation_days_is_enough():
    assert event_study(make_sample(days=LEAST)).reasons == ("",) * 4


def test_a_constant_stock_has_no_standardised_return():
    whole = make_sample()
    for values in (np.zeros(120), np.full(120, 0.003), 2 * whole.estimation_market):
        study = event_study(make_sample(estimation=np.column_stack((whole.estimation[:, :3], values))))
        assert study.reasons == ("", "", "", "the residuals do not vary in the estimation window")
        assert np.isnan(study.standardized[:, 3]).all() and np.isnan(study.residuals[:, 3]).all()
        assert cross_section_tests(study, DAY).bmp.n == 3


def test_a_constant_market_disables_only_the_market_model():
    sample = make_sample(estimation_market=np.full(120, 0.001))
    assert event_study(sample).reasons == ("the market is constant in the estimation window",) * 4
    assert np.isnan(event_study(sample).standardized).all()
    assert event_study(sample, MARKET_ADJUSTED).reasons == event_study(sample, CONSTANT_MEAN).reasons == ("",) * 4


def test_a_market_with_missing_returns_leaves_the_constant_mean_model():
    market = make_sample().event_market.copy()
    market[[2, 5]] = NAN, np.inf
    sample = make_sample(event_market=market)
    for model in (MARKET_MODEL, MARKET_ADJUSTED):
        assert event_study(sample, model).reasons == ("2 returns of the market are missing",) * 4
        assert np.isnan(event_study(sample, model).abnormal).all()
    whole = event_study(make_sample(), CONSTANT_MEAN)
    np.testing.assert_array_equal(event_study(sample, CONSTANT_MEAN).standardized, whole.standardized)


def test_one_stock_has_no_cross_section_tests():
    result = cross_section_tests(event_study(make_sample(stocks=1)), DAY)
    for kind in ("cross_section", "bmp", "kolari_pynnonen"):
        assert getattr(result, kind).p is None
        assert getattr(result, kind).reason == "2 available stocks are needed, 1 given"
    assert result.patell.p is not None and result.corrado.p is not None and result.generalized_sign.p is not None


def test_unavailable_tests_give_their_reason():
    ones, noise = np.ones(4), np.random.default_rng(2).normal(size=(50, 4))
    assert cross_section_t(ones).reason == bmp_test(np.zeros(4)).reason == "all stocks are equal"
    assert kolari_pynnonen_test(ones, noise).reason == "all stocks are equal"
    assert kolari_pynnonen_test(np.arange(4.0), with_hole(noise, 0, 0)).reason == "residuals are constant or not finite"
    assert kolari_pynnonen_test(np.arange(4.0), noise * (0, 1, 1, 1)).reason == "residuals are constant or not finite"
    assert patell_test(np.array([1.0, NAN]), 100).reason == "a value is not finite"
    assert patell_test(ones, 2).reason == "3 degrees of freedom are needed"
    assert generalized_sign_test(np.abs(noise), ones).reason == "all residuals have the same sign"
    assert generalized_sign_test(with_hole(noise, 0, 0), ones).reason == "a value is not finite"
    assert corrado_test(np.ones((40, 4)), np.ones((1, 4))).reason == "the mean rank is the same on all days"
    assert corrado_test(with_hole(noise, 0, 0), np.ones((1, 4))).reason == "a value is not finite"
    assert rank_test(np.array([]), 1.0).reason == "there are no residuals"
    assert rank_test(noise[:, 0], NAN).reason == "a value is not finite"
    assert conformal_test(np.array([1.0, NAN, 2.0]), 1).reason == "a value is not finite"


@pytest.mark.parametrize(
    "partner", [lambda x: x, lambda x: -x], ids=["the same stock twice", "a stock and its opposite"]
)
def test_identical_stocks_have_no_adjusted_test(partner):
    one = np.random.default_rng(2).normal(size=50)
    result = kolari_pynnonen_test(np.array([1.0, 2.0]), np.column_stack((one, partner(one))))
    assert result.p is None and result.reason.startswith("the residuals have a mean correlation of ")


def test_unavailable_tests_report_the_number_of_stocks():
    noise = np.random.default_rng(2).normal(size=(50, 4))
    few, odd = "2 available stocks are needed, 1 given", "a value is not finite"
    assert cross_section_t(np.ones(1)) == Significance(None, None, 1, few)
    assert patell_test(np.array([1.0, NAN]), 100) == Significance(None, None, 2, odd)
    assert corrado_test(with_hole(noise, 0, 0), np.ones((1, 4))) == Significance(None, None, 4, odd)
    same = corrado_test(np.ones((40, 3)), np.ones((1, 3)))
    assert same == Significance(None, None, 3, "the mean rank is the same on all days")
    assert generalized_sign_test(noise, np.array([1.0, NAN, 1.0, 1.0])) == Significance(None, None, 4, odd)
    for one_sided in (np.abs(noise), -np.abs(noise), np.zeros((50, 4))):
        result = generalized_sign_test(one_sided, np.ones(4))
        assert result == Significance(None, None, 4, "all residuals have the same sign")
    result = kolari_pynnonen_test(np.arange(4.0), with_hole(noise, 0, 0))
    assert result == Significance(None, None, 4, "residuals are constant or not finite")
    twice = kolari_pynnonen_test(np.array([1.0, 2.0]), noise[:, [0, 0]])
    assert twice == Significance(None, None, 2, "the residuals have a mean correlation of 1")
    assert conformal_test(np.array([1.0, NAN, 2.0]), 1) == Significance(None, None, 3, odd)
    assert rank_test(noise[:, 0], NAN) == RankTest(None, None, None, None, 50, odd)
    assert rank_test(np.array([]), 1.0) == RankTest(None, None, None, None, 0, "there are no residuals")


def test_available_tests_report_the_number_of_stocks():
    study = event_study(make_sample())
    result = cross_section_tests(study, EventWindow(0, 3))
    assert result.window == EventWindow(0, 3) and [getattr(result, kind).n for kind in KINDS] == [4] * 6
    cumulated = cumulative_returns(study, EventWindow(0, 3))
    assert (cumulated.window, cumulated.reasons) == (EventWindow(0, 3), ("",) * 4)
    ranked = rank_tests(study)[0]
    assert (ranked.n, ranked.abnormal) == (120, study.abnormal[1, 0])
    assert conformal_tests(study, EventWindow(0, 3))[0].n == 124


def test_three_degrees_of_freedom_are_enough_for_patell():
    assert patell_test(np.array([1.0, 2.0]), 3).statistic == pytest.approx(3 / sqrt(2 * 3))


def test_two_negatively_correlated_stocks_are_tested():
    # r = -1/2: (1 + 1/2) / (1 - 1/2) = 3.
    one, two = np.array([1.0, 1, -1, -1] * 10), np.array([1.0, -1, 1, -1] * 10)
    scar = np.array([1.0, 2.0])
    result = kolari_pynnonen_test(scar, np.column_stack((one, two * sqrt(0.75) - one / 2)))
    assert result.statistic == pytest.approx(bmp_test(scar).statistic * sqrt(3))


def test_a_return_of_zero_is_not_positive():
    noise = np.random.default_rng(2).normal(size=(50, 4))
    share = np.mean(noise > 0)
    result = generalized_sign_test(noise, np.array([0.0, 0.0, 1.0, -1.0]))
    assert result.statistic == pytest.approx((1 - 4 * share) / sqrt(4 * share * (1 - share)))


def test_a_calm_stock_beside_volatile_ones_is_available():
    sample, scale = make_sample(), np.array([1, 1, 1, 1e-13])
    calm = event_study(make_sample(estimation=sample.estimation * scale, event=sample.event * scale), CONSTANT_MEAN)
    assert calm.reasons == ("",) * 4
    plain = event_study(sample, CONSTANT_MEAN)
    assert mean_correlation(plain.residuals * scale) == pytest.approx(mean_correlation(plain.residuals))


def test_conformal_tests_pass_on_the_order():
    sample, window = make_sample(), EventWindow(0, 2)
    days = np.concatenate((sample.estimation, sample.event[1:4]))[:, 2]
    residuals = np.abs(days - days.mean())
    result = conformal_tests(event_study(sample, CONSTANT_MEAN), window, order=3)[2]
    assert result.statistic == pytest.approx((np.sum(residuals[-3:] ** 3) / sqrt(3)) ** (1 / 3))


def test_integer_returns_are_accepted():
    assert make_sample(net=np.ones(4, dtype=int)).net.dtype == float


# --- bad requests ------------------------------------------------------------------


def test_windows_are_written_as_in_the_literature():
    assert [str(window) for window in WINDOWS] == ["[0]", "[0,+1]", "[-1,+1]", "[0,+5]", "[0,+10]", "[0,+20]"]
    assert [len(window) for window in WINDOWS] == [1, 2, 3, 6, 11, 21]


def test_a_window_that_ends_before_it_begins_is_refused():
    with pytest.raises(RequestError, match=r"\[\+2,\+1\] ends before it begins"):
        EventWindow(2, 1)


@pytest.mark.parametrize("window", [EventWindow(-2, 0), EventWindow(0, 22)], ids=str)
def test_a_window_beyond_the_event_days_is_refused(window):
    study = event_study(make_sample())
    for ask in (cumulative_returns, cross_section_tests, conformal_tests):
        with pytest.raises(RequestError, match=r"reaches beyond the event days \[-1,\+21\]"):
            ask(study, window)


def test_a_day_beyond_the_event_days_is_refused():
    with pytest.raises(RequestError, match="reaches beyond"):
        rank_tests(event_study(make_sample()), 22)


@pytest.mark.parametrize("confidence", [0, 1, 95, NAN])
def test_a_confidence_outside_0_and_1_is_refused(confidence):
    with pytest.raises(RequestError, match="give a number between 0 and 1"):
        cumulative_returns(event_study(make_sample()), DAY, confidence)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"estimation": np.zeros(120)}, r"estimation has shape \(120,\)"),
        ({"estimation": np.zeros((0, 4))}, r"estimation has shape \(0, 4\)"),
        ({"estimation": np.zeros((120, 0))}, r"estimation has shape \(120, 0\)"),
        ({"estimation_market": np.zeros(119)}, r"estimation_market has shape \(119,\), expected \(120,\)"),
        ({"event": np.zeros((23, 5))}, r"event has shape \(23, 5\), expected \(23, 4\)"),
        ({"event": np.zeros((22, 4))}, r"event has shape \(22, 4\), expected \(23, 4\)"),
        ({"net": np.ones(3)}, r"net has shape \(3,\), expected \(1,\) or \(4,\)"),
        ({"day": 23}, "day is 23, expected a row of event, 0 to 22"),
        ({"day": -1}, "day is -1"),
    ],
)
def test_mismatched_shapes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_sample(**changes)


@pytest.mark.parametrize("weights", [np.ones(4), np.ones((3, 1)), np.full((4, 1), NAN)])
def test_invalid_weights_are_refused(weights):
    with pytest.raises(ValueError, match=r"expected finite ones of shape \(4, n_legs\)"):
        make_sample().legs(weights)


@pytest.mark.parametrize(("length", "order"), [(0, 1), (3, 1), (1, 0.5), (1, np.inf), (1, NAN)])
def test_a_conformal_test_with_an_invalid_length_or_order_is_refused(length, order):
    with pytest.raises(ValueError, match="give 1 to 2, and 1 or more"):
        conformal_test(np.array([1.0, 2.0, 3.0]), length, order)


# --- the day of the shock ------------------------------------------------------------


def shock_day() -> dict[str, float]:
    """Returns of 27 January 2025 as the press gave them, to a hundredth of a percent or a tenth."""
    with (files("data") / "facts" / "shock-day.csv").open(encoding="utf-8") as file:
        return {row["symbol"]: float(row["close_to_close_pct"]) / 100 for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def shock(market_data):
    """NVDA and others with 220 estimation days that end on 24 December 2024, SPY for the market, 24 January first."""
    symbols = ("NVDA", "AVGO", "MRVL", "MU", "VRT", "META", "SPY")
    prices = load_prices(symbols, source=market_data)
    total = prices.close * prices.factor
    returns = np.full_like(total, np.nan)
    returns[1:] = total[1:] / total[:-1] - 1
    last, day = prices.row("2024-12-24") + 1, prices.row("2025-01-27")
    estimation, event = returns[last - 220 : last], returns[day - 1 : day + 21]
    return symbols[:-1], EventSample(estimation[:, :-1], estimation[:, -1], event[:, :-1], event[:, -1], day=1)


def test_abnormal_return_of_the_shock_matches_the_press_figure(shock):
    symbols, sample = shock
    study, press = event_study(sample), shock_day()
    for column, symbol in enumerate(symbols):
        alpha, beta = fitted(sample, column)[0].params
        rounding = 0.0005 if symbol in ("AVGO", "MRVL", "MU") else 0.00005
        expected = press[symbol] - alpha - beta * press["SPY"]
        assert study.abnormal[1, column] == pytest.approx(expected, abs=rounding + 0.00005 * abs(beta)), symbol
    assert press["NVDA"] == -0.1697


def test_standardised_return_of_the_shock_equals_statsmodels(shock):
    _, sample = shock
    study = event_study(sample)
    for column in range(len(study.reasons)):
        line, design = fitted(sample, column)
        forecast = line.get_prediction(design)
        expected = (sample.event[:, column] - forecast.predicted_mean) / forecast.se_obs
        np.testing.assert_allclose(study.standardized[:, column], expected, rtol=1e-9)
    # NVDA fell as on none of the 220 days before.
    assert rank_tests(study)[0].lower == 1 / 221 and conformal_tests(study, DAY)[0].p == pytest.approx(1 / 221)


def test_every_window_of_the_shock_is_available_in_every_model(shock):
    _, sample = shock
    for model in MODELS:
        study = event_study(sample, model)
        for window in WINDOWS:
            result = cross_section_tests(study, window)
            assert all(0 <= getattr(result, kind).p <= 1 for kind in KINDS)
            assert np.isfinite(cumulative_returns(study, window).low).all()
