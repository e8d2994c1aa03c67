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
from data.errors import DataError, RequestError
from data.histories import Histories
from data.loading import load_histories
from data.peer_groups import PeerGroup
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
from runners.engine.base_rates.shocks import LEAST_MEMBERS
from runners.engine.base_rates.study import BaseRateRequest, base_rates_of
from runners.engine.execution.executor import Executor, Progress
from runners.engine.plan import Plan
from runners.engine.provenance import code_hash
from runners.engine.request import PriceWindow
from runners.engine.study import Study

FIRST = "2000-01-01"
LEAST_GROUPS = 10  # of at least LEAST_MEMBERS symbols with prices, for base rates of one's own
LEAST_SHOCKS = 30  # among them
REMEDY = "for your own prices: python -m runners.base_rates --source yahoo, which fetches some 180 symbols once"

Step = Callable[[str, int | None], Progress]


def with_base_rates(run: Run, plan: Plan, source: Source | Prices, executor: Executor, step: Step) -> Run:
    """The run with the base rates of its readings, and a note on where they come from or why there are none."""
    studies = tuple(study for study in plan.studies if study.general_form is not None)
    if not studies or not plan.request.evidence:
        return run
    request = BaseRateRequest(studies, plan.request.event, PriceWindow(""), frictions=plan.request.frictions)
    computed, reason = own_base_rates(request, source, executor, step)
    if computed is not None:
        return replace(run, base_rates=computed)
    bundled = bundled_for(studies, plan)
    if bundled is None:
        return replace(run, base_rates_note=f"No base rates: {reason}; {REMEDY}.")
    note = f"Base rates as computed on {bundled.computed} from real prices of {bundled.first[:4]} to {bundled.last[:4]}"
    return replace(run, base_rates=bundled, base_rates_note=f"{note}, since {reason}; {REMEDY}.")


def own_base_rates(
    request: BaseRateRequest, source: Source | Prices, executor: Executor, step: Step
) -> tuple[BaseRates | None, str]:
    """Base rates from the source of a run, if it has enough without a download; else the reason."""
    if isinstance(source, Prices):
        return None, "prices in memory are those of the run alone"
    present = symbols_at_hand(source)
    groups = groups_with_prices(request.peer_groups, present)
    if "SPY" not in present or groups < LEAST_GROUPS:
        return None, f"the prices of this run hold {groups} of {len(request.peer_groups)} peer groups"
    symbols = [symbol for symbol in request.symbols if symbol in present]
    try:
        histories = load_histories(symbols, FIRST, None, source, step("long histories", len(symbols)))
        rates = remembered(request, histories, executor, step)
    except (RequestError, DataError) as error:
        return None, f"the long histories cannot be used ({error})"
    if len(rates.shocks) < LEAST_SHOCKS:
        return None, f"the prices of this run hold {len(rates.shocks)} comparable shocks, {LEAST_SHOCKS} are needed"
    return rates, ""


def symbols_at_hand(source: Source) -> frozenset[str]:
    """Symbols whose prices a source has on this machine."""
    match source:
        case AutomaticSource():
            return symbols_at_hand(source.chosen)
        case FolderSource():
            return frozenset(source.files)
        case YahooSource():
            return frozenset(path.stem for path in (source.cache.root / "prices").glob("*.parquet"))
        case _:
            return frozenset()


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
    return rates


def cache_file(request: BaseRateRequest, histories: Histories) -> Path:
    """Where the base rates of these prices, this code and these readings are kept."""
    parts = [
        histories.prices.fingerprint,
        code_hash(request.studies),
        str(request.event.shock),
        str(request.event.lead),
        request.event.title,
        *(f"{study.name} {study.general_form} {study.parameters}" for study in request.studies),
        str(request.frictions),
    ]
    return default_cache_folder() / "base-rates" / f"{sha256(chr(0).join(parts).encode()).hexdigest()}.json"


def bundled_for(studies: Sequence[Study], plan: Plan) -> BaseRates | None:
    """The bundled base rates of those studies that they are about; None for others, or for another event."""
    bundled, by_name = bundled_base_rates(), {study.name: study for study in studies}
    about = {name: rate for name, rate in bundled.readings.items() if is_bundled(by_name.get(name), rate)}
    around = isinstance(bundled.decisions, DecisionClass) and bundled.decisions.name in by_name
    if not (about or around) or bundled.event_session != f"{plan.request.event.shock:%Y-%m-%d}":
        return None
    return replace(bundled, readings=about)
