"""Base rates made by hand: 24 shocks of three groups, two readings, FOMC decisions; no prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from reports.records.base_rates import (
    BaseRate,
    BaseRates,
    DecisionClass,
    DecisionOutcome,
    MeanOf,
    ShockOutcome,
    Split,
)
from reports.records.result import HORIZONS
from reports.statistics.placebo import PlaceboRank
from reports.statistics.pooled import PooledExcess
from reports.statistics.verdict import Verdict

EVENT = "2025-01-27"
GROUPS = {"chips": "chip makers", "cars": "car makers", "air": "airlines"}
LEADERS = {"chips": "AAA", "cars": "BBB", "air": "CCC"}
DATES = (*(f"{2003 + row}-0{1 + row % 9}-1{row % 8}" for row in range(22)), EVENT, "2025-11-03")
OWN = DATES.index(EVENT)
LATE = 23  # row of the shock without results beyond 20 trading days
REACHED = {5: 24, 20: 24, 60: 23, 120: 23, 252: 23}
BOUNDED = Verdict("bounded", ("comparable shocks",))
P = {"p": 0.4, "p_lower": 0.6, "p_family": 0.7, "p_family_lower": 0.9}


def excesses(seed: int) -> np.ndarray:
    """Excess returns of shape (n_shocks, n_horizons), NaN where prices end; the first shock has exactly none."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 0.01, (len(DATES), 5)) * np.sqrt(HORIZONS)
    values[0], values[LATE, 2:] = 0.0, np.nan
    return values.round(4)


def rank_of(**changes: object) -> PlaceboRank:
    """A rank among 999 shifted calendars, without significance."""
    return replace(PlaceboRank(999, 0.001, 0.0, 0.01, 0.1, **P, low=-0.01, high=0.01), **changes)


def pooled_of(values: Sequence[float], **changes: object) -> PooledExcess:
    """The pooled result of the known values, in plain numpy."""
    known = np.array([value for value in values if not np.isnan(value)])
    mean, error = known.mean(), 2 * known.std() / np.sqrt(len(known))
    figures = {
        "n": len(known),
        "dates": len(known),
        "mean": float(mean),
        "median": float(np.median(known)),
        "positive": float((known > 0).mean()),
        "low": float(mean - error),
        "high": float(mean + error),
        "rank": rank_of(),
        "upward": 0.021,
        "downward": 0.019,
        "least_p": 0.001,
        **changes,
    }
    return PooledExcess(**figures)


def rate_of(name: str = "first", seed: int = 1, **changes: object) -> BaseRate:
    """The base rate of one reading; the values are those of `excesses`."""
    values = excesses(seed)
    month = values[:, 1]
    others = np.delete(values, OWN, axis=0)
    fields = {
        "name": name,
        "title": f"Title of {name}.",
        "form": "-50% leader, +50% market",
        "verdict": BOUNDED,
        "pooled": {str(h): pooled_of(values[:, column]) for column, h in enumerate(HORIZONS)},
        "this_event": {str(h): float(values[OWN, column]) for column, h in enumerate(HORIZONS)},
        "percentile": {
            str(h): float((others[~np.isnan(others[:, column]), column] < values[OWN, column]).mean())
            for column, h in enumerate(HORIZONS)
        },
        "without": {
            group: MeanOf(16, float(np.delete(month, range(place, 24, 3)).mean())) for place, group in enumerate(GROUPS)
        },
        "decades": {"2000s": MeanOf(7, float(month[:7].mean())), "2010s": MeanOf(10, float(month[7:17].mean()))},
        "before": MeanOf(OWN, float(month[:OWN].mean())),
        **changes,
    }
    return BaseRate(**fields)


def decisions_of(**changes: object) -> DecisionClass:
    """A reading around 30 FOMC decisions, better than three of four moved calendars."""
    excess = np.random.default_rng(7).normal(0, 0.004, 30).round(5)
    fields = {
        "name": "around",
        "title": "Around decisions.",
        "form": "the same rule around every decision",
        "sessions": 16,
        "outcomes": tuple(
            DecisionOutcome(f"{2007 + row // 8}-{1 + row % 8:02}-15", (0.0, -25.0, 50.0, None)[row % 4], float(value))
            for row, value in enumerate(excess)
        ),
        "mean": 0.0012,
        "median": 0.001,
        "positive": 0.6,
        "low": -0.0004,
        "high": 0.0028,
        "shifted": {-7: -0.0005, -6: 0.0003, 6: 0.0015, 7: -0.0011},
        "p": 0.4,
        "p_lower": 0.8,
        "least_p": 0.2,
        **changes,
    }
    return DecisionClass(**fields)


def split_of(names: Sequence[str], **changes: object) -> Split:
    """A split of the shocks for these readings, without a difference."""
    means = (MeanOf(10, 0.012), MeanOf(14, -0.004))
    fields = {
        "name": "decision",
        "first": "near a decision",
        "second": "further from one",
        "means": dict.fromkeys(names, means),
        "ranks": dict.fromkeys(names, rank_of(effect=0.016)),
        **changes,
    }
    return Split(**fields)


def rates_of(*readings: BaseRate, **changes: object) -> BaseRates:
    """Base rates of the readings given, or of two."""
    seeds = {"first": 1, "second": 2}
    rates = {rate.name: rate for rate in readings or (rate_of("first", 1), rate_of("second", 2))}
    values = {name: excesses(seeds.get(name, 1)) for name in rates}
    shocks = tuple(
        ShockOutcome(
            date,
            group := [*GROUPS][row % 3],
            LEADERS[group],
            round(-0.1 - row / 200, 4),
            round(0.01 - row / 1000, 4),
            {
                name: {
                    str(h): None if np.isnan(value) else float(value)
                    for h, value in zip(HORIZONS, each[row], strict=True)
                }
                for name, each in values.items()
            },
        )
        for row, date in enumerate(DATES)
    )
    fields = {
        "event": "An event",
        "event_session": EVENT,
        "shocks": shocks,
        "readings": rates,
        "splits": (split_of([*rates]),),
        "decisions": decisions_of(),
        "settings": {"threshold": -0.1, "market": -0.03, "cool_down": 60, "lead": 4},
        "declared": True,
        "groups": GROUPS,
        "first": "2000-01-03",
        "last": "2026-05-01",
        "origin": "made up",
        "real": True,
        "missing": (),
        "computed": "2026-11-28",
        "version": "1.2.3",
        **changes,
    }
    return BaseRates(**fields)
