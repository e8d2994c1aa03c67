"""From the launches of all readings to base rates: pooled results, splits and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import log1p

import numpy as np

from data.histories import Histories
from reports.records.base_rates import BaseRate, MeanOf, ShockOutcome, Split
from reports.records.result import HORIZONS
from reports.statistics.pooled import TESTED, UNTESTED, PooledExcess, mean_differences, pooled_excesses
from reports.statistics.verdict import (
    BASE_RATE,
    HORIZON,
    Sensitivity,
    Verdict,
    decide_verdict,
    placebo_test,
)
from runners.engine.base_rates.launches import Launches
from runners.engine.base_rates.regimes import REGIMES, kinds_at_shocks
from runners.engine.base_rates.shocks import Shock
from runners.engine.story import story_of
from runners.engine.study import Study

SEED = 20250131
LONGEST_LOSS = -0.999999  # a bound of an interval in excess returns, so that its logarithm exists


def judge_base_rates(
    launches: Launches, studies: Mapping[str, Study], event_session: str, instead: Verdict | None
) -> dict[str, BaseRate]:
    """The base rate of every reading, by name; `instead` is the verdict where the tests give none."""
    by_horizon = [
        pooled_excesses(
            launches.excess[..., column],
            launches.calendar,
            launches.usable(horizon),
            SEED,
            untested="" if horizon in TESTED else UNTESTED,
        )
        for column, horizon in enumerate(HORIZONS)
    ]
    return {
        name: _base_rate(
            launches,
            index,
            studies[name],
            {str(horizon): pooled[index] for horizon, pooled in zip(HORIZONS, by_horizon, strict=True)},
            event_session,
            instead,
        )
        for index, name in enumerate(launches.names)
    }


def _base_rate(
    launches: Launches,
    index: int,
    study: Study,
    pooled: Mapping[str, PooledExcess],
    event_session: str,
    instead: Verdict | None,
) -> BaseRate:
    values, sessions = launches.at_shocks[:, index], [f"{shock.session:%Y-%m-%d}" for shock in launches.shocks]
    month = values[:, HORIZONS.index(HORIZON)]
    groups = np.array([shock.group for shock in launches.shocks])
    decades = np.array([f"{shock.session.year // 10 * 10}s" for shock in launches.shocks])
    earlier = np.array([session < event_session for session in sessions])
    form = study.general_form
    return BaseRate(
        name=study.name,
        title=story_of(study).title,
        form="" if form is None else form.text,
        verdict=instead or base_rate_verdict(pooled[str(HORIZON)]),
        pooled=pooled,
        **standing(values, own_event(launches.shocks, event_session)),
        without={group: mean_of(month[groups != group]) for group in dict.fromkeys(groups.tolist())},
        decades={decade: mean_of(month[decades == decade]) for decade in sorted(set(decades.tolist()))},
        before=mean_of(month[earlier]),
    )


def base_rate_verdict(pooled: PooledExcess) -> Verdict:
    """The verdict on a reading's claim about all comparable shocks, over the horizon of the verdict."""
    low, high = (None if bound is None else log1p(max(bound, LONGEST_LOSS)) for bound in (pooled.low, pooled.high))
    upward = None if pooled.upward is None else log1p(pooled.upward)
    downward = None if pooled.downward is None else -log1p(-min(pooled.downward, -LONGEST_LOSS))
    sensitivity = Sensitivity(low, high, upward, downward, BASE_RATE)
    return decide_verdict([placebo_test(BASE_RATE, pooled.rank)], sensitivity)


def own_event(shocks: Sequence[Shock], session: str) -> int | None:
    """Index of the run's own event: the deepest fall of its session; None if there is none."""
    that_day = [index for index, shock in enumerate(shocks) if f"{shock.session:%Y-%m-%d}" == session]
    return min(that_day, key=lambda index: shocks[index].fall, default=None)


def standing(values: np.ndarray, own: int | None) -> dict[str, Mapping[str, float | None]]:
    """`this_event` and `percentile` of a BaseRate from excess returns of shape (n_shocks, n_horizons).

    `own` is the index of the run's own event, None if there is none.
    """
    this_event, percentile = dict[str, float | None](), dict[str, float | None]()
    for column, horizon in zip(values.T, HORIZONS, strict=True):
        value = np.nan if own is None else column[own]
        others = np.delete(column, [] if own is None else [own])
        others = others[~np.isnan(others)]
        is_known = not np.isnan(value) and len(others) > 0
        this_event[str(horizon)] = None if np.isnan(value) else float(value)
        percentile[str(horizon)] = float((others < value).mean()) if is_known else None
    return {"this_event": this_event, "percentile": percentile}


def mean_of(values: np.ndarray) -> MeanOf:
    """Number and mean of the known values."""
    known = values[~np.isnan(values)]
    return MeanOf(len(known), float(known.mean()) if len(known) else None)


def split_by_regime(launches: Launches, histories: Histories) -> Iterator[Split]:
    """The shocks told apart by the state of interest rates at the entry, over the horizon of the verdict."""
    values, usable = launches.excess[..., HORIZONS.index(HORIZON)], launches.usable(HORIZON)
    for regime in REGIMES:
        kinds = kinds_at_shocks(regime, histories, launches.lead)
        ranks, figures = mean_differences(values, kinds, launches.calendar, usable, regime.untested)
        first, second = (
            {
                name: MeanOf(int(count), float(mean) if count else None)
                for name, count, mean in zip(launches.names, *side, strict=True)
            }
            for side in figures
        )
        yield Split(
            regime.name,
            regime.first,
            regime.second,
            {name: (first[name], second[name]) for name in launches.names},
            dict(zip(launches.names, ranks, strict=True)),
        )


def shock_outcome(launches: Launches, shock: Shock) -> ShockOutcome:
    """One shock with the excess return of every reading."""
    values = launches.at_shocks[launches.shocks.index(shock)]
    excess = {
        name: {
            str(horizon): None if np.isnan(value) else float(value)
            for horizon, value in zip(HORIZONS, values[index], strict=True)
        }
        for index, name in enumerate(launches.names)
    }
    return ShockOutcome(f"{shock.session:%Y-%m-%d}", shock.group, shock.leader, shock.fall, shock.market, excess)
