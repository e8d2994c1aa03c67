"""The strategies of a request, loaded once: the requested ones and the rest of the event's strategy set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any
from unicodedata import normalize

import pandas as pd

from data import calendar
from data.errors import BrokenStrategyError, RequestError
from reports.records.result import Failure, Result
from runners.engine import strategy_set
from runners.engine.author_code import author_code
from runners.engine.parameters import declared_parameters
from runners.engine.request import Request
from runners.engine.study import Study, prepare
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure, is_authors_fault

RESERVED = ("index", "side-by-side", "base-rates")  # pages of a run folder that are not about one reading


@dataclass(frozen=True)
class Plan:
    """The studies that a request runs, and those that its p-values are adjusted for.

    `studies` are the requested ones. `others` are the remaining readings of the event, loaded only for evidence, since
    p-values are adjusted for all of them. `required` maps the name of each reading of a complete strategy set to its
    study, None where it cannot be loaded. `failed` maps the names of requested strategies that cannot run to the
    failure.
    """

    request: Request
    studies: tuple[Study, ...]
    others: tuple[Study, ...] = ()
    required: Mapping[str, Study | None] = field(default_factory=dict)
    failed: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Symbols that the requested studies need, then the benchmark, each once."""
        return needed_symbols(self.request, self.studies)

    @property
    def needed_from(self) -> pd.Timestamp | None:
        """The first session whose prices the run needs; None for all, as for evidence, which enters at every session.

        Rules that look further back than their strategies declare are stopped by `Prices.require_kept`.
        """
        if self.request.evidence:
            return None
        schedule = self.request.schedule
        return first_needed_session([schedule.entry], [schedule.shock], self.studies, schedule.history)

    def without(self, failed: Mapping[str, Failure]) -> Plan:
        """The plan without the studies in `failed`. Raises RequestError or BrokenStrategyError if none is left."""
        failures = {**self.failed, **failed}
        remaining = tuple(study for study in self.studies if study.name not in failures)
        if not remaining:
            raise nothing_left(failures)
        return replace(self, studies=remaining, failed=failures)

    def with_results(self, results: Sequence[Result]) -> Plan:
        """The plan with only the studies that have a result."""
        names = {result.name for result in results}
        return replace(self, studies=tuple(study for study in self.studies if study.name in names))


def make_plan(
    request: Request,
    given: Mapping[str, type[Any]] = MappingProxyType({}),
    parameters: Mapping[str, object] = MappingProxyType({}),
) -> Plan:
    """Load the strategies of a request, except for the classes `given` by their names in the request.

    `parameters` replace those of a single strategy. Raises RequestError for an unknown name or another wrong request,
    BrokenStrategyError if every requested strategy crashes.
    """
    studies, failed = _load_requested(request, given)
    if parameters:
        studies = (_with_parameters(_only(studies), parameters),)
    if not request.evidence:
        return Plan(request, studies, failed=failed)
    event, variants = request.event, {study.variant for study in studies}
    declared = {study.name: study for study in strategy_set.loadable_studies(event, request.benchmark)}
    return Plan(
        request,
        studies,
        others=tuple(study for study in declared.values() if study.variant not in variants),
        required={name: declared.get(name) for name in strategy_set.required_names(event)},
        failed=failed,
    )


def load_studies(request: Request, given: Mapping[str, type[Any]] = MappingProxyType({})) -> tuple[Study, ...]:
    """The requested strategies. Raises BrokenStrategyError if any crashes; see `make_plan` for other errors."""
    studies, failed = _load_requested(request, given)
    if failed:
        raise broken_error(failed)
    return studies


def needed_symbols(request: Request, studies: Sequence[Study]) -> tuple[str, ...]:
    """Symbols that the studies need, then the benchmark, each once."""
    return tuple(
        dict.fromkeys([*(symbol for study in studies for symbol in study.required_symbols), request.benchmark])
    )


def first_needed_session(
    entries: Iterable[pd.Timestamp],
    shocks: Iterable[pd.Timestamp | None],
    studies: Sequence[Study],
    history: int | None,
) -> pd.Timestamp | None:
    """The session of the first close that one of the studies declares to need; None for all sessions.

    That is the earliest of its history before one of `entries` and of the close before one of `shocks`, which readings
    know. `history` is that of EntrySchedule.
    """
    if history is None and not all(study.has_rule for study in studies):
        return None
    closes = max(history or 1, *(study.required_closes for study in studies))
    rows = [calendar.calendar_index(entry) - closes for entry in entries]
    if any(study.has_rule for study in studies):
        rows += [calendar.calendar_index(shock) - 1 for shock in shocks if shock is not None]
    return calendar.xnys()[min(rows)] if min(rows) > 0 else None


def nothing_left(failed: Mapping[str, Failure]) -> RequestError | BrokenStrategyError:
    """The error when no strategy is left to run: a RequestError if each lacks prices, else the crashes."""
    if not all(each.lacking for each in failed.values()):
        return broken_error(failed)
    (_, first), *others = failed.items()
    return RequestError(first.summary + "".join(f"; {name}: {each.summary}" for name, each in others))


def broken_error(failed: Mapping[str, Failure]) -> BrokenStrategyError:
    """The error when no strategy is left to run because of crashes, with their tracebacks."""
    (name, first), *others = failed.items()
    more = f"; so did {', '.join(other for other, _ in others)}" if others else ""
    tracebacks = "\n\n".join(f"{name}\n{each.traceback}" for name, each in failed.items())
    return BrokenStrategyError(f"{name} failed: {first.summary}{more}; nothing was written", tracebacks)


def _load_requested(request: Request, given: Mapping[str, type[Any]]) -> tuple[tuple[Study, ...], dict[str, Failure]]:
    _ = request.schedule  # a wrong entry is refused before anything is loaded
    loaded, failed = list[Study](), dict[str, Failure]()
    for name in request.readings or strategy_set.reading_names(request.event):
        member = strategy_set.event_member(request.event, name)
        module = (member.strategy if member else name).split(":")[0]
        try:
            with author_code(module):
                loaded.append(_load_study(request, name, given))
        except AUTHOR_ERRORS as error:
            if (request.readings or request.event.readings) and not is_authors_fault(error, module):
                raise
            failed[name] = describe_failure(error, module)
    if not loaded:
        raise broken_error(failed)
    _require_distinct(request, loaded)
    return tuple(loaded), failed


def _load_study(request: Request, name: str, given: Mapping[str, type[Any]]) -> Study:
    if name in given:
        study = prepare(name, given[name], request.benchmark, request.symbols)
    else:
        study = strategy_set.load_study(request.event, name, request.benchmark, request.symbols)
    _require_free_name(request, study)
    return study


def _only(studies: tuple[Study, ...]) -> Study:
    if len(studies) != 1:
        raise RequestError(f"parameters are for one strategy, not for {len(studies)}; run them one by one")
    return studies[0]


def _with_parameters(study: Study, parameters: Mapping[str, object]) -> Study:
    """The study with some of its strategy's parameters replaced."""
    declared = declared_parameters(study.strategy)
    if unknown := [name for name in parameters if name not in declared]:
        raise RequestError(f"{study.name} has no parameter {unknown[0]!r}; it has {', '.join(declared) or 'none'}")
    return study.with_parameters(parameters)


def _require_distinct(request: Request, studies: Sequence[Study]) -> None:
    """Raise RequestError for pages that would overwrite each other, or symbols that no strategy takes."""
    if request.symbols and all(study.has_rule for study in studies):
        raise RequestError("--symbols is for a plain bt.Strategy; readings declare their own")
    names = [_file_name_key(study.name) for study in studies]
    for study in studies:
        if names.count(_file_name_key(study.name)) > 1:
            raise _overwriting(study)


def _require_free_name(request: Request, study: Study) -> None:
    """Raise RequestError for the name of another page or column."""
    name = _file_name_key(study.name)
    if name in RESERVED or "-evidence" in name:
        raise _overwriting(study)
    if study.name in ("date", request.benchmark):
        raise RequestError(f"returns.csv would have two columns {study.name}; rename {_kind(study)}")


def _overwriting(study: Study) -> RequestError:
    return RequestError(f"a page {study.name}.html would overwrite another one; rename {_kind(study)}")


def _kind(study: Study) -> str:
    kind = "class" if study.name == study.strategy.__name__ else "reading"
    return f"the {kind} {study.name}"


def _file_name_key(name: str) -> str:
    """The name as compared by a file system that ignores case and the encoding of accents."""
    return normalize("NFC", name).casefold()
