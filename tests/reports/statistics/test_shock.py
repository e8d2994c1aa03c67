"""Event study of a reading against hand arithmetic, statsmodels and event_study."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from reports.statistics.event_study import (
    MARKET_MODEL,
    EventSample,
    EventWindow,
    conformal_tests,
    cross_section_tests,
    event_study,
)
from reports.statistics.event_study import rank_tests as ranks_of
from reports.statistics.shock import ShockStudy, legs_of_weights, study_shock

SYMBOLS = ("A", "B", "C", "D", "IDLE")
WEIGHTS = {"D": -0.5, "A": 0.25, "B": 0.15, "C": 0.1}
LEGS = {
    "long leg": (0.5, 0.3, 0.2, 0, 0),
    "names sold short": (0, 0, 0, 1, 0),
    "long less short": (0.25, 0.15, 0.1, -0.5, 0),
}
ALL = ("[0]", "[0,+1]", "[-1,+1]", "[0,+5]", "[0,+10]", "[0,+20]")


def make_sample(around: int = 22, names: int = 5) -> EventSample:
    rng = np.random.default_rng(11)
    market = rng.normal(0, 0.01, 40 + around)
    returns = market[:, None] + rng.normal(0, 0.02, (40 + around, names))
    return EventSample(returns[:40], market[:40], returns[40:], market[40:], 1)


def shock_of(sample: EventSample, symbols=SYMBOLS, weights=WEIGHTS) -> ShockStudy:
    return study_shock(sample, symbols, weights, "2025-01-27", ("2024-09-03", "2024-12-24"), "SPY")


def row_of(rows, name: str, model: str):
    (row,) = [row for row in rows if (row.name, row.model) == (name, model)]
    return row


def test_legs_have_weight_one_and_the_difference_keeps_its_weights():
    assert legs_of_weights(WEIGHTS) == {
        "long leg": pytest.approx({"A": 0.5, "B": 0.3, "C": 0.2}),
        "names sold short": {"D": 1.0},
        "long less short": WEIGHTS,
    }
    assert legs_of_weights({"A": 0.5, "B": 0.0}) == {"long leg": {"A": 1.0}}
    assert legs_of_weights({"A": -0.25, "B": -0.75}) == {
        "names sold short": {"A": 0.25, "B": 0.75},
        "long less short": {"A": -0.25, "B": -0.75},
    }
    assert legs_of_weights({}) == {}


def test_the_study_holds_its_inputs_with_the_market_model_first():
    shock = shock_of(make_sample())
    assert (shock.day, shock.first, shock.last, shock.days, shock.market) == (
        *("2025-01-27", "2024-09-03", "2024-12-24"),
        40,
        "SPY",
    )
    models = ("market model", "market-adjusted", "constant mean")
    assert [(row.model, row.name) for row in shock.legs] == [(model, leg) for model in models for leg in LEGS]
    assert [(row.model, row.name) for row in shock.names] == [(model, name) for model in models for name in SYMBOLS]
    assert all(tuple(row.car) == tuple(row.error) == ALL and row.reason == "" for row in (*shock.legs, *shock.names))


@pytest.mark.parametrize("leg", LEGS)
def test_market_adjusted_return_of_a_leg_uses_its_net_weight(leg):
    sample, weights = make_sample(), np.array(LEGS[leg])
    row = row_of(shock_of(sample).legs, leg, "market-adjusted")
    beyond = sample.event @ weights - weights.sum() * sample.event_market
    before = sample.estimation @ weights - weights.sum() * sample.estimation_market
    # Day 0 is the second of the event days.
    sums = (beyond[1:2], beyond[1:3], beyond[0:3], beyond[1:7], beyond[1:12], beyond[1:22])
    assert row.car == pytest.approx({window: days.sum() for window, days in zip(ALL, sums, strict=True)})
    spread = np.std(before, ddof=1)
    assert row.error == pytest.approx(
        {window: spread * np.sqrt(length) for window, length in zip(ALL, (1, 2, 3, 6, 11, 21), strict=True)}
    )


def test_each_stock_has_its_own_column():
    sample = make_sample()
    rows = shock_of(sample).names
    for column, name in enumerate(SYMBOLS):
        beyond = sample.event[1, column] - sample.event_market[1]
        assert row_of(rows, name, "market-adjusted").car["[0]"] == pytest.approx(beyond)


@pytest.mark.parametrize(("around", "last"), [(22, 20), (30, 20), (7, 5)])
def test_paths_run_from_day_minus_1_to_20_or_the_end_of_prices(around, last):
    sample = make_sample(around)
    shock = shock_of(sample)
    assert [path.leg for path in shock.paths] == list(LEGS)
    for path in shock.paths:
        weights = np.array(LEGS[path.leg])
        fitted = sm.OLS(sample.estimation @ weights, sm.add_constant(sample.estimation_market)).fit()
        days = sample.event_market[: last + 2]
        expected = sample.event[: last + 2] @ weights - fitted.predict(sm.add_constant(days))
        assert path.days == tuple(range(-1, last + 1))
        assert path.car == pytest.approx(tuple(np.cumsum(expected)))
        # The first day alone is a forecast, whose 95 % interval statsmodels gives.
        first = fitted.get_prediction([[1.0, days[0]]]).se_obs[0] * 2.024394164  # t quantile of 38 degrees of freedom
        assert (path.low[0], path.high[0]) == pytest.approx((expected[0] - first, expected[0] + first))
        assert all(low < car < high for low, car, high in zip(path.low, path.car, path.high, strict=True))


@pytest.mark.parametrize("around", [7, 11])  # the last is day 5, or day 9
def test_windows_beyond_the_prices_give_a_reason(around):
    shock = shock_of(make_sample(around))
    for row in (*shock.legs, *shock.names):
        assert [window for window in ALL if row.car[window] is None] == ["[0,+10]", "[0,+20]"]
        assert [window for window in ALL if row.error[window] is None] == ["[0,+10]", "[0,+20]"]
        assert row.reason == "the prices end before [0,+10], [0,+20]"
    assert [tuple(alone.conformal) for alone in shock.alone] == [ALL[:4]] * 3
    assert tuple(shock.across["long leg"]) == ALL[:4]


def test_a_stock_with_a_missing_return_gives_a_reason():
    sample = make_sample(around=7)
    event = sample.event.copy()
    event[3, 1] = np.nan
    broken = EventSample(sample.estimation, sample.estimation_market, event, sample.event_market, 1)
    rows = shock_of(broken).names
    row = row_of(rows, "B", "market model")
    assert set(row.car.values()) == set(row.error.values()) == {None}
    assert row.reason == "1 of 7 returns in the event window are missing"
    assert row_of(rows, "A", "market model").car["[0]"] is not None


def test_each_leg_has_its_own_rank_and_conformal_tests():
    sample = make_sample()
    shock = shock_of(sample)
    study = event_study(sample.legs(np.array(list(LEGS.values())).T))
    assert [alone.leg for alone in shock.alone] == list(LEGS)
    for index, alone in enumerate(shock.alone):
        assert alone.rank.p == pytest.approx(ranks_of(study)[index].p)
        assert alone.rank.abnormal == pytest.approx(ranks_of(study)[index].abnormal)
        assert tuple(alone.conformal) == ALL
        for window, asked in zip(
            ALL, (EventWindow(0, 0), EventWindow(0, 1), EventWindow(-1, 1), EventWindow(0, 5)), strict=False
        ):
            assert alone.conformal[window].p == pytest.approx(conformal_tests(study, asked)[index].p)


def test_tests_across_stocks_use_only_the_stocks_of_a_leg():
    sample = make_sample()
    shock = shock_of(sample)
    assert set(shock.across) == {"long leg"}
    own = EventSample(
        sample.estimation[:, :3], sample.estimation_market, sample.event[:, :3], sample.event_market, sample.day
    )
    study, found = event_study(own, MARKET_MODEL), shock.across["long leg"]
    assert tuple(found) == ALL
    for window in (EventWindow(0, 0), EventWindow(-1, 1), EventWindow(0, 20)):
        expected = cross_section_tests(study, window)
        assert found[str(window)].window == window and found[str(window)].bmp.n == 3
        assert found[str(window)].bmp.statistic == pytest.approx(expected.bmp.statistic)
        assert found[str(window)].corrado.p == pytest.approx(expected.corrado.p)
        assert found[str(window)].correlation == pytest.approx(expected.correlation)


def test_a_leg_of_two_stocks_does_not_affect_other_legs():
    weights = {"A": 0.25, "B": 0.25, "C": -0.2, "D": -0.2, "IDLE": -0.1}
    assert set(shock_of(make_sample(), weights=weights).across) == {"names sold short"}
