"""Folder of base rates: page, results, a table with a row for each shock and reading, and manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from reports.folders import atomic
from reports.pages.base_rates import render
from reports.records.base_rates import SCHEMA, BaseRate, BaseRates, DecisionClass, MeanOf, Split
from reports.records.result import HORIZONS
from reports.statistics.availability import Missing

PAGE, TABLE, ROWS = "index.html", "base_rates.json", "shocks.csv"


def base_rate_results(rates: BaseRates) -> dict[str, object]:
    """Content of base_rates.json: fractions, null where a figure is not available."""
    return {
        "schema": SCHEMA,
        "kind": "base rates",
        "event": {"title": rates.event, "session": rates.event_session},
        "computed": rates.computed,
        "version": rates.version,
        "source": {"origin": rates.origin, "real": rates.real, "first": rates.first, "last": rates.last},
        "missing": list(rates.missing),
        "class": {**rates.settings, "declared": rates.declared},
        "groups": dict(rates.groups),
        "shocks": len(rates.shocks),
        "dates": len({shock.session for shock in rates.shocks}),
        "readings": {name: _reading(rate) for name, rate in rates.readings.items()},
        "splits": {split.name: _split(split) for split in rates.splits},
        "decisions": _decisions(rates.decisions),
    }


def shock_table(rates: BaseRates) -> pd.DataFrame:
    """A row for each shock and reading, with the excess return at every horizon."""
    rows = [
        {
            "date": shock.session,
            "group": shock.group,
            "leader": shock.leader,
            "fall": shock.fall,
            "market": shock.market,
            "reading": name,
            **{f"excess_{horizon}": excess[str(horizon)] for horizon in HORIZONS},
        }
        for shock in rates.shocks
        for name, excess in shock.excess.items()
    ]
    return pd.DataFrame(rows)


def write(rates: BaseRates, out: Path) -> None:
    """Write the folder of base rates: built beside `out`, then exchanged with it.

    Earlier base rates in `out` are replaced and stay unchanged until the exchange. Raises RequestError if `out` holds
    something else or another run is writing it, WorkError if it cannot be written (disk full).
    """
    files = {
        PAGE: render(rates).encode(),
        TABLE: atomic.to_json(base_rate_results(rates)),
        ROWS: atomic.to_csv(shock_table(rates)),
    }
    names = ("event", "event_session", "origin", "first", "last", "computed", "version")
    settings = {
        **{name: getattr(rates, name) for name in names},
        "readings": [*rates.readings],
        "class": rates.settings,
    }
    atomic.write_folder(atomic.with_manifest(files, {"base_rates": settings}), out)


def _reading(rate: BaseRate) -> dict[str, object]:
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


def _split(split: Split) -> dict[str, object]:
    return {
        "first": split.first,
        "second": split.second,
        "readings": {name: _difference(*means, asdict(split.ranks[name])) for name, means in split.means.items()},
    }


def _difference(first: MeanOf, second: MeanOf, rank: Mapping[str, object]) -> dict[str, object]:
    return {"first": asdict(first), "second": asdict(second), "difference": rank}


def _decisions(decisions: DecisionClass | Missing) -> dict[str, object]:
    if isinstance(decisions, Missing):
        return {"reason": decisions.reason}
    return {**asdict(decisions), "shifted": {str(shift): mean for shift, mean in decisions.shifted.items()}}
