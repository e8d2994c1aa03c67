"""Event study of the stocks and legs of one reading around the shock, in the form that pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.statistics.event_study import (
    MARKET_MODEL,
    MODELS,
    WINDOWS,
    CrossSectionTests,
    EventSample,
    EventStudy,
    EventWindow,
    NormalReturnModel,
    RankTest,
    Significance,
    conformal_tests,
    cross_section_tests,
    cumulative_returns,
    event_study,
    rank_tests,
)

DAY = EventWindow(0, 0)
LEAST_STOCKS = 3  # with two, the standard error is that of a single difference
CHART = EventWindow(-1, 20)


@dataclass(frozen=True)
class AbnormalReturn:
    """CAR of one stock or leg by window ("[0,+5]"), a fraction, with its standard error; None if not available."""

    name: str
    model: str
    car: Mapping[str, float | None]
    error: Mapping[str, float | None]
    reason: str = ""


@dataclass(frozen=True)
class AbnormalPath:
    """Cumulative abnormal return of a leg by day, from the day before the shock, with its 95 % band; fractions."""

    leg: str
    days: tuple[int, ...]
    car: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class LegTests:
    """Tests of a single leg: the rank of its abnormal return on the day, and conformal tests by window."""

    leg: str
    rank: RankTest
    conformal: Mapping[str, Significance]


@dataclass(frozen=True)
class ShockStudy:
    """The event study of one reading.

    `legs` and `names` (stocks) hold every model, the market model first. `across` holds the tests across the stocks of
    each leg with LEAST_STOCKS or more, by leg and window. `across`, `paths` and `alone` use the market model.
    """

    day: str
    first: str
    last: str
    days: int
    market: str
    legs: tuple[AbnormalReturn, ...]
    names: tuple[AbnormalReturn, ...]
    paths: tuple[AbnormalPath, ...]
    alone: tuple[LegTests, ...]
    across: Mapping[str, Mapping[str, CrossSectionTests]]


def legs_of_weights(weights: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Weights of the long leg, of the short leg (as if bought) and of both together, without empty legs."""
    long = {name: weight for name, weight in weights.items() if weight > 0}
    short = {name: -weight for name, weight in weights.items() if weight < 0}
    legs = {"long leg": _normalize(long), "names sold short": _normalize(short)}
    return {name: leg for name, leg in legs.items() if leg} | ({"long less short": dict(weights)} if short else {})


def study_shock(
    sample: EventSample,
    symbols: Sequence[str],
    weights: Mapping[str, float],
    day: str,
    span: tuple[str, str],
    market: str,
) -> ShockStudy:
    """Event study of the stocks `symbols`, the columns of `sample`, and of the legs given by `weights`.

    `span` is the first and the last session of the estimation window, `day` the session of the shock. Numbers that are
    not available carry a reason; see event_study.
    """
    legs = legs_of_weights(weights)
    columns = np.array([[leg.get(name, 0.0) for leg in legs.values()] for name in symbols])
    leg_sample = sample.legs(columns)
    leg_study = event_study(leg_sample)
    return ShockStudy(
        day=day,
        first=span[0],
        last=span[1],
        days=len(sample.estimation),
        market=market,
        legs=tuple(row for model in MODELS for row in _abnormal(leg_sample, tuple(legs), model)),
        names=tuple(row for model in MODELS for row in _abnormal(sample, symbols, model)),
        paths=_paths(leg_study, tuple(legs)),
        alone=_leg_tests(leg_study, tuple(legs)),
        across=_across(sample, symbols, legs),
    )


def _normalize(leg: dict[str, float]) -> dict[str, float]:
    """The weights, scaled to a sum of 1."""
    total = sum(leg.values())
    return {name: weight / total for name, weight in leg.items()}


def _abnormal(sample: EventSample, names: Sequence[str], model: NormalReturnModel) -> list[AbnormalReturn]:
    study = event_study(sample, model)
    returns = {str(window): cumulative_returns(study, window) for window in _covered_windows(sample)}
    beyond = [str(window) for window in WINDOWS if str(window) not in returns]
    late = f"the prices end before {', '.join(beyond)}" if beyond else ""

    def by_window(part: str, column: int) -> dict[str, float | None]:
        """CAR or standard error of a column by window; None for windows that the prices do not cover."""
        values = {window: _number(getattr(car, part)[column]) for window, car in returns.items()}
        return {str(window): values.get(str(window)) for window in WINDOWS}

    return [
        AbnormalReturn(
            name,
            model.name,
            by_window("car", column),
            by_window("standard_error", column),
            study.reasons[column] or late,
        )
        for column, name in enumerate(names)
    ]


def _covered_windows(sample: EventSample) -> list[EventWindow]:
    """The windows that the event days cover."""
    last = len(sample.event) - 1 - sample.day
    return [window for window in WINDOWS if window.last <= last and window.first >= -sample.day]


def _paths(study: EventStudy, legs: Sequence[str]) -> tuple[AbnormalPath, ...]:
    last = min(CHART.last, len(study.sample.event) - 1 - study.sample.day)
    returns = cumulative_returns(study, EventWindow(CHART.first, last))
    return tuple(
        AbnormalPath(
            leg,
            tuple(range(CHART.first, last + 1)),
            *(tuple(map(_number, part[:, column])) for part in (returns.path, returns.low, returns.high)),
        )
        for column, leg in enumerate(legs)
    )


def _leg_tests(study: EventStudy, legs: Sequence[str]) -> tuple[LegTests, ...]:
    ranks = rank_tests(study)
    conformal = {str(window): conformal_tests(study, window) for window in _covered_windows(study.sample)}
    return tuple(
        LegTests(leg, ranks[column], {window: tests[column] for window, tests in conformal.items()})
        for column, leg in enumerate(legs)
    )


def _across(
    sample: EventSample, symbols: Sequence[str], legs: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, CrossSectionTests]]:
    tests = {}
    for leg, weights in legs.items():
        columns = [column for column, name in enumerate(symbols) if name in weights]
        if len(columns) < LEAST_STOCKS or leg == "long less short":
            continue  # a mean across stocks bought and stocks sold says nothing
        leg_sample = EventSample(
            sample.estimation[:, columns],
            sample.estimation_market,
            sample.event[:, columns],
            sample.event_market,
            sample.day,
        )
        study = event_study(leg_sample, MARKET_MODEL)
        tests[leg] = {str(window): cross_section_tests(study, window) for window in _covered_windows(leg_sample)}
    return tests


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
