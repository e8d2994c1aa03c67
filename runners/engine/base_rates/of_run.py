"""The base rates of a run: computed where its prices reach back far enough, else those that come with the project."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pandas as pd

from data.atomic import write_file
from data.errors import DataError, RequestError, SourceError
from data.histories import Histories
from data.histories_cache import remove_oldest
from data.loading import load_histories
from data.peer_groups import LEAST_MEMBERS, PeerGroup
from data.prices import Prices
from data.sources.automatic import AutomaticSource
from data.sources.cache import default_cache_folder
from data.sources.csv_folder import FolderSource
from data.sources.source import Source
from data.sources.yahoo import YahooSource
from reports.folders.atomic import to_csv, to_json
from reports.folders.base_rates_json import base_rate_results, read_base_rates, shock_table
from reports.records.base_rates import BaseRates, DecisionClass
from reports.records.result import Run
from runners.engine.base_rates.bundled import bundled_base_rates, is_bundled
from runners.engine.base_rates.study import FIRST, MARKET, BaseRateRequest, adjusted_together, base_rates_of
from runners.engine.execution.executor import Executor, Progress
from runners.engine.plan import Plan
from runners.engine.provenance import code_hash
from runners.engine.request import PriceWindow
from runners.engine.story import story_of

LEAST_GROUPS = 10  # of at least LEAST_MEMBERS symbols with prices, for base rates of one's own
LEAST_SHOCKS = 30  # among them
MOST_KEPT = 20  # results in the cache; the oldest are removed
REMEDY = (
    "runners.base_rates computes them from prices of your own: --source DIR, or yahoo, some 180 symbols fetched once"
)

Step = Callable[[str, int | None], Progress]


def with_base_rates(
    run: Run, plan: Plan, source: Source | Prices, window: PriceWindow, executor: Executor, step: Step
) -> Run:
    """The run with the base rates of its readings, and a note on where they come from or why there are none.

    `source` is that of the run, and of `window` only the dates count.
    """
    shown = tuple(study.name for study in plan.studies if study.general_form is not None)
    if not shown or not plan.request.evidence:
        return run
    family = adjusted_together([study for study in plan.studies if study.general_form is not None], plan.others)
    dates = replace(window, start=window.start or FIRST)
    request = BaseRateRequest(family, plan.request.event, dates, frictions=plan.request.frictions, shown=shown)
    computed, reason = own_base_rates(request, source, executor, step)
    if computed is not None:
        return replace(run, base_rates=computed)
    bundled = bundled_for(request)
    if bundled is None:
        return replace(run, base_rates_note=f"No base rates: {reason}; {REMEDY}.")
    note = f"Base rates as computed on {bundled.computed} from real prices of {bundled.first[:4]} to {bundled.last[:4]}"
    return replace(run, base_rates=bundled, base_rates_note=f"{note}, since {reason}; {REMEDY}.")


def own_base_rates(
    request: BaseRateRequest, source: Source | Prices, executor: Executor, step: Step
) -> tuple[BaseRates | None, str]:
    """Base rates from what the source of a run has on this machine, if that is enough; else the reason."""
    if isinstance(source, Prices):
        return None, "prices in memory are those of the run alone"
    if not source.real:
        return None, "the prices of this run are simulated"
    local, present = at_hand(source)
    groups = groups_with_prices(request.peer_groups, present)
    if MARKET not in present or groups < LEAST_GROUPS:
        return None, f"the prices of this run hold {groups} of {len(request.peer_groups)} peer groups"
    window = request.window
    try:
        done = step("long histories", len(request.symbols))
        histories = load_histories(request.symbols, window.start, window.end, local, done)
        rates = remembered(request, histories, executor, step)
    except (RequestError, DataError, SourceError) as error:
        return None, f"the long histories cannot be used ({error})"
    if len(rates.shocks) < LEAST_SHOCKS:
        return None, f"the prices of this run hold {len(rates.shocks)} comparable shocks, {LEAST_SHOCKS} are needed"
    return rates, ""


def at_hand(source: Source) -> tuple[Source, frozenset[str]]:
    """The source without downloads, and the symbols of which it has prices on this machine."""
    match source:
        case AutomaticSource():
            return at_hand(source.chosen)
        case FolderSource():
            return source, frozenset(source.files)
        case YahooSource():
            cached = frozenset(path.stem for path in (source.cache.root / "prices").glob("*.parquet"))
            return replace(source, cached_only=True), cached
        case _:
            return source, frozenset()


def groups_with_prices(groups: Sequence[PeerGroup], symbols: frozenset[str]) -> int:
    """Number of groups of which enough members are among `symbols`."""
    return sum(len(symbols & set(group.members)) >= LEAST_MEMBERS for group in groups)


def remembered(request: BaseRateRequest, histories: Histories, executor: Executor, step: Step) -> BaseRates:
    """Base rates from the cache where prices, code and readings are the same; else computed and kept there."""
    file = cache_file(request, histories)
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):  # absent or damaged: computed anew
        content = json.loads(file.read_text(encoding="utf-8"))
        return read_base_rates(content["results"], pd.read_csv(BytesIO(content["shocks"].encode())))
    rates = base_rates_of(request, histories, executor, step("base rates", len(request.peer_groups)))
    with suppress(OSError):  # the next run computes them again
        file.parent.mkdir(parents=True, exist_ok=True)
        shocks = to_csv(shock_table(rates)).decode()
        write_file(file, to_json({"results": base_rate_results(rates), "shocks": shocks}))
        remove_oldest(file.parent, "*.json", MOST_KEPT)
    return rates


def cache_file(request: BaseRateRequest, histories: Histories) -> Path:
    """Where the base rates of these prices, this code and these readings are kept."""
    parts = [
        histories.prices.fingerprint,
        code_hash(request.studies),
        str(request.event.shock),
        str(request.event.lead),
        request.event.title,
        *(f"{study.name} {story_of(study).title} {study.general_form} {study.parameters}" for study in request.studies),
        *request.shown,
        str(request.frictions),
        str(request.window),
    ]
    return default_cache_folder() / "base-rates" / f"{sha256(chr(0).join(parts).encode()).hexdigest()}.json"


def bundled_for(request: BaseRateRequest) -> BaseRates | None:
    """The bundled base rates of the shown readings that they are about.

    None for another event, other costs or another class of shocks, or where they are about none of them.
    """
    bundled, event = bundled_base_rates(), request.event
    shown = {study.name: study for study in request.studies if study.name in request.shown}
    about = [rate.name for rate in bundled.readings.values() if is_bundled(shown.get(rate.name), rate)]
    decisions = bundled.decisions
    if isinstance(decisions, DecisionClass) and is_bundled(shown.get(decisions.name), decisions):
        about.append(decisions.name)
    same = (f"{event.shock:%Y-%m-%d}", event.lead) == (bundled.event_session, bundled.settings["lead"])
    return bundled.only(about) if same and request.is_declared_class and about else None
