"""Page of base rates: the finding over a chart of all shocks, their table, the readings, interest rates, and limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reports.pages import base_rates_prose, evidence_prose
from reports.records.base_rates import BaseRate, BaseRates, DecisionClass, MeanOf
from reports.records.result import HORIZONS
from reports.rendering.dot_strip import DotStrip, dot_strip, side
from reports.rendering.numbers import UNDEFINED, bounds, percent, probability, share, sort_key
from reports.rendering.template import embedded_json, template
from reports.statistics.pooled import TESTED
from reports.statistics.verdict import HORIZON

DIGITS = 5  # of the returns that the chart is given
LONGEST = max(TESTED)


@dataclass(frozen=True)
class Tile:
    """One figure of the first screen: its heading, the figure, and a line of explanation below."""

    heading: str
    figure: str
    note: str


def render(rates: BaseRates, home: str = "") -> str:
    """The page as HTML; `home` is the address of the page of its run, if there is one."""
    decisions = rates.decisions if isinstance(rates.decisions, DecisionClass) else None
    return template("base-rates.html", **filters()).render(
        rates=rates,
        home=home,
        prose=base_rates_prose,
        horizons=HORIZONS,
        horizon=HORIZON,
        tiles=list(tiles(rates)),
        first=next(iter(rates.readings.values()), None),
        used_groups={shock.group: rates.groups.get(shock.group, shock.group) for shock in rates.shocks},
        decisions=decisions,
        shifted=None if decisions is None else dot_strip([*decisions.shifted.values()], decisions.mean),
        data=embedded_json(chart_data(rates)),
    )


def base_rate_section(rate: BaseRate, rates: BaseRates, address: str) -> Markup:
    """The base rate of one reading as a section of another page; `address` leads from there to the page of base rates.

    The page includes the styles base-rate-section.css.
    """
    section = template("base-rate-section.html", **filters()).render(
        rate=rate,
        rates=rates,
        prose=base_rates_prose,
        horizon=HORIZON,
        strip=reading_strip(rate, rates),
        address=address,
    )
    return Markup(section)  # noqa: S704  (escaped by the template)


def filters() -> dict[str, Callable[..., Any]]:
    """Filters of the templates of base rates."""
    return {
        "percent": percent,
        "share": share,
        "probability": probability,
        "sort_key": sort_key,
        "interval": lambda pooled: bounds(pooled.low, pooled.high, percent),
        "size": lambda value: UNDEFINED if value is None else f"{value:.1%}",
        "magnitude": lambda value: f"{abs(value):.0%}",
        "verdict": evidence_prose.short_verdict,
        "side": side,
        "strip": reading_strip,
        "named_groups": _named_groups,
        "smallest_shift": lambda shifted: min(map(abs, shifted)),
    }


def reading_strip(rate: BaseRate, rates: BaseRates) -> DotStrip | None:
    """The excess returns after all shocks at the horizon of the verdict; None where no shock has one."""
    own = rates.this_shock
    known = [
        value
        for shock in rates.shocks
        if shock is not own and (value := shock.excess[rate.name][str(HORIZON)]) is not None
    ]
    this = rate.this_event[str(HORIZON)]
    pooled = rate.headline
    return dot_strip(known, this, pooled.mean, (pooled.low, pooled.high)) if known or this is not None else None


def _named_groups(without: Mapping[str, MeanOf], rates: BaseRates) -> list[tuple[str, MeanOf]]:
    return [(rates.groups.get(group, group), mean) for group, mean in without.items()]


def tiles(rates: BaseRates) -> Iterator[Tile]:
    """The figures of the first screen."""
    dates = {shock.session for shock in rates.shocks}
    years = sorted({date[:4] for date in dates})
    prices = "real" if rates.real else "simulated"
    note = f"on {len(dates):,} dates, {years[0]} to {years[-1]}, {prices} prices"
    yield Tile("Comparable shocks", f"{len(rates.shocks):,}", note)
    for horizon in (HORIZON, LONGEST):
        if (clearest := _clearest(rates, horizon)) is not None:
            yield _pooled_tile(clearest, horizon)
    own, first = rates.this_shock, next(iter(rates.readings.values()), None)
    if own is not None and first is not None and first.percentile[str(HORIZON)] is not None:
        yield Tile(
            f"This event, {HORIZON} days",
            percent(first.this_event[str(HORIZON)]),
            f"{first.name}; {first.percentile[str(HORIZON)]:.0%} of the others did worse",
        )
    if isinstance(rates.decisions, DecisionClass):
        yield _decisions_tile(rates.decisions)
    yield Tile("Main limit", "Survivors only", "leaders that went under are missing")


def _clearest(rates: BaseRates, horizon: int) -> BaseRate | None:
    """The reading furthest from luck at a horizon: the one with the largest |z|, else with the largest mean."""

    def distance(rate: BaseRate) -> tuple[float, float]:
        pooled = rate.pooled[str(horizon)]
        return abs(pooled.rank.z or 0.0), abs(pooled.mean or 0.0)

    known = [rate for rate in rates.readings.values() if rate.pooled[str(horizon)].mean is not None]
    return max(known, key=distance, default=None)


def _pooled_tile(rate: BaseRate, horizon: int) -> Tile:
    pooled = rate.pooled[str(horizon)]
    p = base_rates_prose.smallest_p(pooled.rank)
    test = "no p" if p is None else f"adjusted p {base_rates_prose.p_below(p)}"
    return Tile(
        f"Smallest p, {horizon} days",
        percent(pooled.mean),
        f"{rate.name}, n {pooled.n}; 95%: {base_rates_prose.interval(pooled)}; {test}",
    )


def _decisions_tile(decisions: DecisionClass) -> Tile:
    interval = f"{percent(decisions.low, 2)} to {percent(decisions.high, 2)}"
    note = f"{decisions.name}, n {len(decisions.outcomes)}; 95%: {interval}"
    return Tile("FOMC decisions", percent(decisions.mean, 2), note)


def chart_data(rates: BaseRates) -> dict[str, object]:
    """What the script draws: the dots of each chart, and for each series its values, mean, interval and title."""
    charts = dict[str, object]()
    if rates.readings:
        charts["shocks"] = _shock_chart(rates)
    if isinstance(rates.decisions, DecisionClass):
        charts["decisions"] = _decision_chart(rates.decisions)
    return charts


def _shock_chart(rates: BaseRates) -> Mapping[str, object]:
    dots = [
        [
            shock.session,
            f"{shock.leader} {percent(shock.fall)}",
            f"{rates.groups.get(shock.group, shock.group)}; market {percent(shock.market)}",
        ]
        for shock in rates.shocks
    ]
    own = next((row for row, shock in enumerate(rates.shocks) if shock is rates.this_shock), None)
    series = {
        name: {str(horizon): _series(rates, rate, horizon) for horizon in HORIZONS}
        for name, rate in rates.readings.items()
    }
    return {"dots": dots, "own": own, "event": rates.event, "series": series}


def _series(rates: BaseRates, rate: BaseRate, horizon: int) -> Mapping[str, object]:
    pooled = rate.pooled[str(horizon)]
    return {
        "n": pooled.n,
        "mean": pooled.mean,
        "low": pooled.low,
        "high": pooled.high,
        "title": base_rates_prose.horizon_sentence(rate, horizon),
        "values": [_rounded(shock.excess[rate.name][str(horizon)]) for shock in rates.shocks],
    }


def _decision_chart(decisions: DecisionClass) -> Mapping[str, object]:
    series = {
        "n": len(decisions.outcomes),
        "mean": decisions.mean,
        "low": decisions.low,
        "high": decisions.high,
        "title": "",
        "values": [_rounded(outcome.excess) for outcome in decisions.outcomes],
    }
    dots = [[outcome.date, decision_words(outcome.change_bps), "policy rate"] for outcome in decisions.outcomes]
    return {"dots": dots, "own": None, "event": "", "series": {decisions.name: {"": series}}}


def decision_words(change_bps: float | None) -> str:
    """What was decided, as in "cut by 25 bp"."""
    if change_bps is None:
        return "unknown decision"
    return "no change" if change_bps == 0 else f"{'cut' if change_bps < 0 else 'raised'} by {abs(change_bps):.0f} bp"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
