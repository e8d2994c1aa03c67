"""What happened around the shock to the names that a reading trades: the event study as the pages tell it."""

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
LEAST_NAMES = 3  # with two, how alike they happen to be decides everything
WHOLE = EventWindow(-1, 20)  # what the chart shows; a day before the shock


@dataclass(frozen=True)
class AbnormalReturn:
    """CAR of one name or leg by window ("[0,+5]"), a fraction, with its standard error; None where not available."""

    name: str
    model: str
    car: Mapping[str, float | None]
    error: Mapping[str, float | None]
    reason: str = ""


@dataclass(frozen=True)
class AbnormalPath:
    """Cumulated abnormal return of a leg, day by day from the day before the shock, with its 95 % band; fractions."""

    leg: str
    days: tuple[int, ...]
    car: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class LegTests:
    """Tests of a leg by itself: the rank of its abnormal return on the day, and conformal tests by window."""

    leg: str
    rank: RankTest
    conformal: Mapping[str, Significance]


@dataclass(frozen=True)
class ShockStudy:
    """The event study of one reading.

    `legs` and `names` hold every model, the market model first. `across` holds the tests across the names of each leg
    of LEAST_NAMES names or more, by leg and window; they are of the market model, as are `paths` and `alone`.
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
    """A long leg, a short leg (its names held, not sold) and both together, as far as there are any."""
    long = {name: weight for name, weight in weights.items() if weight > 0}
    short = {name: -weight for name, weight in weights.items() if weight < 0}
    legs = {"long leg": _whole(long), "names sold short": _whole(short)}
    return {name: leg for name, leg in legs.items() if leg} | ({"long less short": dict(weights)} if short else {})


def study_shock(
    sample: EventSample,
    symbols: Sequence[str],
    weights: Mapping[str, float],
    day: str,
    span: tuple[str, str],
    market: str,
) -> ShockStudy:
    """The event study of names (columns of `sample`, called `symbols`) and of the legs that `weights` make of them.

    `span` is the first and the last session of the estimation window, `day` that of the shock. What is not available
    carries its reason; see event_study.
    """
    legs = legs_of_weights(weights)
    columns = np.array([[leg.get(name, 0.0) for leg in legs.values()] for name in symbols])
    of_legs = sample.legs(columns)
    headline = event_study(of_legs)
    return ShockStudy(
        day=day,
        first=span[0],
        last=span[1],
        days=len(sample.estimation),
        market=market,
        legs=tuple(row for model in MODELS for row in _abnormal(of_legs, tuple(legs), model)),
        names=tuple(row for model in MODELS for row in _abnormal(sample, symbols, model)),
        paths=_paths(headline, tuple(legs)),
        alone=_alone(headline, tuple(legs)),
        across=_across(sample, symbols, legs),
    )


def _whole(leg: dict[str, float]) -> dict[str, float]:
    total = sum(leg.values())
    return {name: weight / total for name, weight in leg.items()}


def _abnormal(sample: EventSample, names: Sequence[str], model: NormalReturnModel) -> list[AbnormalReturn]:
    study = event_study(sample, model)
    found = {window: cumulative_returns(study, window) for window in _within(sample)}
    beyond = [str(window) for window in WINDOWS if window not in found]
    late = f"the prices end before {', '.join(beyond)}" if beyond else ""
    return [
        AbnormalReturn(
            name,
            model.name,
            {str(window): _number(found[window].car[place]) if window in found else None for window in WINDOWS},
            {
                str(window): _number(found[window].standard_error[place]) if window in found else None
                for window in WINDOWS
            },
            study.reasons[place] or late,
        )
        for place, name in enumerate(names)
    ]


def _within(sample: EventSample) -> list[EventWindow]:
    """The windows that the event days cover."""
    last = len(sample.event) - 1 - sample.day
    return [window for window in WINDOWS if window.last <= last and window.first >= -sample.day]


def _paths(study: EventStudy, legs: Sequence[str]) -> tuple[AbnormalPath, ...]:
    last = min(WHOLE.last, len(study.sample.event) - 1 - study.sample.day)
    found = cumulative_returns(study, EventWindow(WHOLE.first, last))
    return tuple(
        AbnormalPath(
            leg,
            tuple(range(WHOLE.first, last + 1)),
            *(tuple(map(_number, part[:, place])) for part in (found.path, found.low, found.high)),
        )
        for place, leg in enumerate(legs)
    )


def _alone(study: EventStudy, legs: Sequence[str]) -> tuple[LegTests, ...]:
    ranks = rank_tests(study)
    conformal = {str(window): conformal_tests(study, window) for window in _within(study.sample)}
    return tuple(
        LegTests(leg, ranks[place], {window: tests[place] for window, tests in conformal.items()})
        for place, leg in enumerate(legs)
    )


def _across(
    sample: EventSample, symbols: Sequence[str], legs: Mapping[str, Mapping[str, float]]
) -> dict[str, dict[str, CrossSectionTests]]:
    tests = {}
    for leg, weights in legs.items():
        places = [place for place, name in enumerate(symbols) if name in weights]
        if len(places) < LEAST_NAMES or leg == "long less short":
            continue  # across names that are held and sold there is no mean to ask for
        own = EventSample(
            sample.estimation[:, places],
            sample.estimation_market,
            sample.event[:, places],
            sample.event_market,
            sample.day,
        )
        study = event_study(own, MARKET_MODEL)
        tests[leg] = {str(window): cross_section_tests(study, window) for window in _within(own)}
    return tests


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
