"""Base rates as JSON and as a table with a row for each shock, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import pandas as pd

from reports.records.base_rates import (
    SCHEMA,
    BaseRate,
    BaseRates,
    DecisionClass,
    DecisionOutcome,
    MeanOf,
    ShockOutcome,
    Split,
)
from reports.records.result import HORIZONS
from reports.statistics.availability import Missing
from reports.statistics.placebo import PlaceboRank
from reports.statistics.pooled import PooledExcess
from reports.statistics.verdict import Verdict

SHOCK_COLUMNS = ("date", "group", "leader", "fall", "market")


def base_rate_results(rates: BaseRates) -> dict[str, Any]:
    """Content of base_rates.json: fractions, null where a figure is not available."""
    return {
        "schema": SCHEMA,
        "kind": "base rates",
        "event": {"title": rates.event, "session": rates.event_session},
        "computed": rates.computed,
        "version": rates.version,
        "source": {"origin": rates.origin, "real": rates.real, "first": rates.first, "last": rates.last},
        "missing": list(rates.missing),
        "class": dict(rates.settings),
        "declared": rates.declared,
        "groups": dict(rates.groups),
        "shocks": len(rates.shocks),
        "dates": len({shock.session for shock in rates.shocks}),
        "readings": {name: base_rate_summary(rate) for name, rate in rates.readings.items()},
        "splits": {split.name: _split(split) for split in rates.splits},
        "decisions": _decisions(rates.decisions),
        "bundled": {name: asdict(mean) for name, mean in rates.bundled.items()},
    }


def base_rate_summary(rate: BaseRate) -> dict[str, Any]:
    """One reading in base_rates.json and in results.json."""
    return {
        "title": rate.title,
        "form": rate.form,
        "verdict": rate.verdict.word,
        "by": list(rate.verdict.by),
        "reason": rate.verdict.reason,
        "horizons": {
            horizon: {
                **asdict(pooled),
                "this_event": rate.this_event[horizon],
                "percentile": rate.percentile[horizon],
            }
            for horizon, pooled in rate.pooled.items()
        },
        "without_group": {group: asdict(mean) for group, mean in rate.without.items()},
        "decades": {decade: asdict(mean) for decade, mean in rate.decades.items()},
        "before_this_event": asdict(rate.before),
    }


def shock_table(rates: BaseRates) -> pd.DataFrame:
    """A row for each shock, with the excess return of each reading at each horizon."""
    return pd.DataFrame(
        {
            **dict(
                zip(SHOCK_COLUMNS, (shock.session, shock.group, shock.leader, shock.fall, shock.market), strict=True)
            ),
            **{
                f"{name}_{horizon}": excess[str(horizon)]
                for name, excess in shock.excess.items()
                for horizon in HORIZONS
            },
        }
        for shock in rates.shocks
    )


def read_base_rates(results: Mapping[str, Any], table: pd.DataFrame) -> BaseRates:
    """The record from the content of base_rates.json and from `shock_table`."""
    source, event = results["source"], results["event"]
    readings = {name: _read_reading(name, each) for name, each in results["readings"].items()}
    return BaseRates(
        event=event["title"],
        event_session=event["session"],
        shocks=tuple(_read_shock(row, tuple(readings)) for _, row in table.iterrows()),
        readings=readings,
        splits=tuple(_read_split(name, each) for name, each in results["splits"].items()),
        decisions=_read_decisions(results["decisions"]),
        settings=results["class"],
        declared=results["declared"],
        groups=results["groups"],
        first=source["first"],
        last=source["last"],
        origin=source["origin"],
        real=source["real"],
        missing=tuple(results["missing"]),
        computed=results["computed"],
        version=results["version"],
        bundled={name: MeanOf(**each) for name, each in results["bundled"].items()},
    )


def _split(split: Split) -> dict[str, Any]:
    return {
        "first": split.first,
        "second": split.second,
        "readings": {
            name: {"first": asdict(first), "second": asdict(second), "difference": asdict(split.ranks[name])}
            for name, (first, second) in split.means.items()
        },
    }


def _decisions(decisions: DecisionClass | Missing) -> dict[str, Any]:
    if isinstance(decisions, Missing):
        return {"not_available": decisions.reason}
    return {**asdict(decisions), "shifted": {str(shift): mean for shift, mean in decisions.shifted.items()}}


def _read_reading(name: str, values: Mapping[str, Any]) -> BaseRate:
    horizons = values["horizons"]
    return BaseRate(
        name=name,
        title=values["title"],
        form=values["form"],
        verdict=Verdict(values["verdict"], tuple(values["by"]), reason=values["reason"]),
        pooled={horizon: _read_pooled(each) for horizon, each in horizons.items()},
        this_event={horizon: each["this_event"] for horizon, each in horizons.items()},
        percentile={horizon: each["percentile"] for horizon, each in horizons.items()},
        without={group: MeanOf(**each) for group, each in values["without_group"].items()},
        decades={decade: MeanOf(**each) for decade, each in values["decades"].items()},
        before=MeanOf(**values["before_this_event"]),
    )


def _read_pooled(values: Mapping[str, Any]) -> PooledExcess:
    figures = {key: value for key, value in values.items() if key not in ("this_event", "percentile", "rank")}
    return PooledExcess(**figures, rank=PlaceboRank(**values["rank"]))


def _read_split(name: str, values: Mapping[str, Any]) -> Split:
    readings = values["readings"]
    return Split(
        name,
        values["first"],
        values["second"],
        {each: (MeanOf(**sides["first"]), MeanOf(**sides["second"])) for each, sides in readings.items()},
        {each: PlaceboRank(**sides["difference"]) for each, sides in readings.items()},
    )


def _read_decisions(values: Mapping[str, Any]) -> DecisionClass | Missing:
    if "not_available" in values:
        return Missing(values["not_available"])
    outcomes = tuple(DecisionOutcome(**outcome) for outcome in values["outcomes"])
    shifted = {int(shift): mean for shift, mean in values["shifted"].items()}
    return DecisionClass(**{**values, "outcomes": outcomes, "shifted": shifted})


def _read_shock(row: pd.Series, names: tuple[str, ...]) -> ShockOutcome:
    excess = {name: {str(horizon): _known(row[f"{name}_{horizon}"]) for horizon in HORIZONS} for name in names}
    return ShockOutcome(row["date"], row["group"], row["leader"], row["fall"], row["market"], excess)


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
