"""The main job: what was asked for, run on prices and handed to the reports."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from math import sqrt
from pathlib import Path
from platform import python_version
from types import CodeType, MappingProxyType
from typing import Any, TypeVar
from unicodedata import normalize

import pandas as pd

from data import calendar, fomc
from data.errors import BrokenStrategyError, DataError, RequestError
from data.event import FOMC, NEW_YORK
from data.events import DEEPSEEK, Event
from data.prices import Prices
from reports.metrics import PERIODS, metrics
from reports.result import Failure, Result, Run
from runners.engine import strategy_set
from runners.engine.backtest import Launch, window
from runners.engine.evaluation import evaluate
from runners.engine.failure import ANY, blamed, failure
from runners.engine.frictions import Frictions
from runners.engine.ledger import Ledger, LedgerError, Trial, Trials, trial_key, window_fingerprint
from runners.engine.sources import KNOWN, file_of, reached
from runners.engine.study import Study, prepare
from strategies.base.schedule import LONGEST

Key = TypeVar("Key")

# What shapes numbers and pages.
PACKAGES = (
    *("backtrader", "exchange_calendars", "jinja2", "matplotlib"),
    *("numpy", "pandas", "quantstats", "scipy", "seaborn"),
)
ROOMS = ("data", "strategies", "runners", "reports")
CARRIED = ("facts", "templates", "static")
SHAPING = (".py", ".csv", ".toml", ".html", ".css", ".js")
PAGES = ("index", "side-by-side")  # of a run folder, beside those of its readings


@dataclass(frozen=True)
class Request:
    """What the main job is asked to run.

    `entry` is published, shock or a date; `hold` counts sessions, None to stay to the end of the prices; `symbols` are
    those of a plain `bt.Strategy` that does not declare any.
    """

    readings: tuple[str, ...] = ()
    entry: str = "published"
    hold: int | None = 252
    rebalance: int = 20
    benchmark: str = "SPY"
    symbols: tuple[str, ...] = ()
    frictions: Frictions = Frictions()
    event: Event = DEEPSEEK

    def __post_init__(self) -> None:
        for name, least in (("hold", self.hold), ("rebalance", self.rebalance)):
            if least is not None and least < 1:
                raise RequestError(f"--{name} {least} is too short; give 1 session or more")
            if least is not None and least > LONGEST:
                raise RequestError(f"--{name} {least} is too long; give {LONGEST:,} sessions or fewer")
        if twice := {name for name in self.readings if self.readings.count(name) > 1}:
            raise RequestError(f"{sorted(twice)[0]} is asked for twice; name each reading once")

    @property
    def launch(self) -> Launch:
        """Entry and shock as sessions. Raises RequestError for a date on which the exchange is closed."""
        if self.entry == "published":
            return Launch(self.event.entry, self.hold, self.rebalance, self.event.shock)
        if self.entry == "shock":
            return Launch(self.event.shock, self.hold, self.rebalance, self.event.shock)
        entry = calendar.require_session(_date(self.entry))
        return Launch(entry, self.hold, self.rebalance, calendar.offset(entry, -self.event.lead))

    @property
    def hindsight(self) -> bool:
        """Whether the entry comes before the reading could be known."""
        return self.launch.entry < self.event.entry


def studies(request: Request, given: Mapping[str, type[Any]] = MappingProxyType({})) -> tuple[Study, ...]:
    """The strategies asked for (all readings by default), loaded and ready to run.

    Raises BrokenStrategyError where the code of one stops it; see `gathered`.
    """
    found, failed = gathered(request, given)
    if failed:
        raise broken(failed)
    return found


def gathered(
    request: Request, given: Mapping[str, type[Any]] = MappingProxyType({})
) -> tuple[tuple[Study, ...], dict[str, Failure]]:
    """The strategies asked for that can be loaded, and what stopped the others, by name; those `given` need no loading.

    Raises RequestError for an unknown name or another wrong request, BrokenStrategyError where all are stopped.
    """
    _ = request.launch  # a wrong entry is refused before prices are asked for
    loaded, failed = list[Study](), dict[str, Failure]()
    for name in request.readings or strategy_set.reading_names(request.event):
        own = strategy_set.event_member(request.event, name)
        module = (own.strategy if own else name).split(":")[0]
        try:
            if name in given:
                subject = prepare(name, given[name], request.benchmark, request.symbols)
            else:
                subject = strategy_set.load_study(request.event, name, request.benchmark, request.symbols)
            _require_free(request, subject)
            loaded.append(subject)
        except ANY as error:
            if (request.readings or request.event.readings) and not blamed(error, module):
                raise
            failed[name] = failure(error, module)
    if not loaded:
        raise broken(failed)
    return _named_apart(request, tuple(loaded)), failed


def nothing_left(failed: Mapping[str, Failure]) -> RequestError | BrokenStrategyError:
    """The error of a command that has nothing left to run: a wrong request, where all lack prices."""
    if not all(each.lacking for each in failed.values()):
        return broken(failed)
    (_, first), *others = failed.items()
    return RequestError(first.summary + "".join(f"; {name}: {each.summary}" for name, each in others))


def broken(failed: Mapping[str, Failure]) -> BrokenStrategyError:
    """The error of a command that has nothing left to run, and strategies among it that break."""
    (name, first), *others = failed.items()
    more = f"; so did {', '.join(other for other, _ in others)}" if others else ""
    told = "\n\n".join(f"{name}\n{each.traceback}" for name, each in failed.items())
    return BrokenStrategyError(f"{name} failed: {first.summary}{more}; nothing was written", told)


def _named_apart(request: Request, found: tuple[Study, ...]) -> tuple[Study, ...]:
    if request.symbols and all(subject.has_rule for subject in found):
        raise RequestError("--symbols is for a plain bt.Strategy; readings declare their own")
    names = [_told_apart(subject.name) for subject in found]
    for subject in found:
        if names.count(_told_apart(subject.name)) > 1:
            raise _overwriting(subject)
    return found


def _require_free(request: Request, subject: Study) -> None:
    """Raise RequestError for a name that another page or column has."""
    name = _told_apart(subject.name)
    if name in PAGES or "-evidence" in name:
        raise _overwriting(subject)
    if subject.name in ("date", request.benchmark):
        raise RequestError(f"a column {subject.name} of returns.csv would stand there twice; rename {_kind(subject)}")


def _overwriting(subject: Study) -> RequestError:
    return RequestError(f"a page {subject.name}.html would overwrite another one; rename {_kind(subject)}")


def _kind(subject: Study) -> str:
    kind = "class" if subject.name == subject.strategy.__name__ else "reading"
    return f"the {kind} {subject.name}"


def _told_apart(name: str) -> str:
    """What a name is to a file system that does not tell capitals from small letters, nor an accent from a letter's."""
    return normalize("NFC", name).casefold()


def symbols(request: Request, subjects: Sequence[Study]) -> tuple[str, ...]:
    """All symbols whose prices the run needs, in order of first mention."""
    return tuple(dict.fromkeys([*(symbol for subject in subjects for symbol in subject.needed), request.benchmark]))


def lacking(needed: Mapping[Key, Sequence[str]], prices_of: Callable[[Sequence[str]], Prices]) -> dict[Key, Failure]:
    """Those of `needed`, by whatever tells them apart, whose symbols have no prices, with what is said of them."""
    found = {}
    for name, symbols in needed.items():
        try:
            prices_of(symbols)
        except (RequestError, DataError) as error:
            found[name] = failure(error)
    return found


def run(
    request: Request,
    subjects: Sequence[Study],
    prices: Prices,
    notices: Sequence[str],
    done: Callable[[str], None],
    stopped: Mapping[str, Failure] = {},
) -> Run:
    """Run every study on `prices`; `done` is told each name as it finishes.

    A strategy that its own code stops, or that its prices do not suffice for, is told in `failed`, after those that
    `stopped` earlier. Raises RequestError where prices do not reach around the entry, or for none of the strategies,
    BrokenStrategyError where the code of all stops them.
    """
    launch = request.launch
    start, stop = window(prices, launch, request.frictions.lag)
    sessions = prices.sessions[start:stop]
    _require_benchmark(request, prices, start)
    benchmark = benchmark_returns(prices, request.benchmark, start, stop)
    results, failed = list[Result](), dict(stopped)
    for subject in subjects:
        try:
            results.append(evaluate(subject, prices, launch, request.frictions, benchmark))
        except ANY as error:
            failed[subject.name] = failure(error, subject.strategy.__module__)
        done(subject.name)
    if not results:
        raise nothing_left(failed)
    subjects = ran(subjects, results)
    lower, upper = fomc.policy_range(sessions[1:])
    return Run(
        results=tuple(results),
        benchmark_name=request.benchmark,
        benchmark=benchmark,
        risk_free=pd.Series((lower + upper) / 2, sessions[1:]),
        origin=prices.origin,
        real=prices.real,
        title=request.event.title + (" (with hindsight)" if request.hindsight else ""),
        claims=numbered(request.event),
        notices=(*notices, *_hindsight(request), *_unknown_rates(sessions)),
        marks=marks(request.event, sessions),
        settings=settings(request, sessions),
        frictions=request.frictions.as_dict(),
        manifest=manifest(request, subjects, prices, results),
        failed=failed,
    )


def ran(subjects: Sequence[Study], results: Sequence[Result]) -> tuple[Study, ...]:
    """The studies that have a result."""
    names = {result.name for result in results}
    return tuple(subject for subject in subjects if subject.name in names)


def trials(request: Request, subjects: Sequence[Study], prices: Prices, run: Run) -> list[Trial]:
    """The variants that this run looked at."""
    launch, costs = request.launch, request.frictions
    _, stop = window(prices, launch, costs.lag)
    return [
        Trial(
            trial_key(
                subject.strategy,
                subject.parameters,
                launch,
                costs,
                window_fingerprint(prices, subject.symbols, stop),
            ),
            subject.name,
            # Cash alone has a ratio that says nothing of any rule.
            None if result.fills.empty or (yearly := metrics(result, run).sharpe) is None else yearly / sqrt(PERIODS),
        )
        for subject, result in zip(subjects, run.results, strict=True)
    ]


def counted(own: Sequence[Trial], real: bool) -> tuple[Trials, tuple[str, ...]]:
    """All trials so far, these among them and now in the ledger; and a notice where the ledger cannot be kept.

    A look at reconstructed prices (not `real`) is no look at history, and is not kept.
    """
    ledger = Ledger()
    try:
        known = ledger.read().union(own)
        if real:
            ledger.add(own)
    except LedgerError as error:
        return Trials({}).union(own), (f"Trials are not counted: {error}",)
    return known, ()


def benchmark_returns(prices: Prices, symbol: str, start: int, stop: int) -> pd.Series[float]:
    """Daily simple total returns of a fund held without costs, from the session after row `start`."""
    fund = prices.select((symbol,)).rebased(start)
    close = pd.Series(fund.close[start:stop, 0], fund.sessions[start:stop], name=symbol)
    return close.pct_change().iloc[1:]


def marks(event: Event, sessions: pd.DatetimeIndex) -> tuple[tuple[pd.Timestamp, str, str], ...]:
    """Dates for the charts: those of the event (the shock too, where it lies shortly before), and of its calendar.

    Where both name a day the calendar is heard.
    """
    first, last = calendar.offset(sessions[0], -5), sessions[-1]
    recurring = (
        _decided() if isinstance(event.calendar, str) else [(pd.Timestamp(day), text) for day, text in event.calendar]
    )
    known = {day for day, _ in recurring}
    own = [(pd.Timestamp(day), label, "event") for day, label in event.marks if pd.Timestamp(day) not in known]
    dates = [(day, label, FOMC if event.calendar == FOMC else "calendar") for day, label in recurring]
    return tuple(sorted(mark for mark in (*own, *dates) if first <= mark[0] <= last))


def numbered(event: Event) -> str:
    """What the numbers of claims mean, empty for an event whose claims have none."""
    return event.claims and f"{event.claims} number the claims of {event.publication} that the readings take literally."


def settings(request: Request, sessions: pd.DatetimeIndex) -> dict[str, str]:
    """The choices of the run in plain words."""
    launch, costs = request.launch, request.frictions
    published = request.event.published.tz_convert(NEW_YORK)
    cash = (
        "free cash earns the lower bound of the policy range less 0.50 points, credit costs the upper bound plus 0.50"
        if costs.cash_rate == "policy"
        else f"cash earns and credit costs {costs.cash_rate:.2%}"
    )
    return {
        "Entry": f"open of {launch.entry:%Y-%m-%d}, decided at the close of {sessions[0]:%Y-%m-%d}",
        "Known": f"from {published:%Y-%m-%d %H:%M} New York time on, when {request.event.publication} was published",
        "Hold": "to the end of the prices" if request.hold is None else f"{request.hold} sessions",
        "Rebalancing": f"every {request.rebalance} sessions",
        "Window": f"{sessions[0]:%Y-%m-%d} to {sessions[-1]:%Y-%m-%d}",
        "Capital": "1,000,000 USD, whole shares, total-return adjusted prices",
        "Trading costs": f"{costs.commission_bps:g} bp commission, {costs.half_spread_bps:g} bp half-spread, one way",
        "Holding costs": f"shorts {costs.borrow_rate:.2%} a year; {cash}",
        "Benchmark": f"{request.benchmark}, held without costs from the close before the entry to the last close",
    }


def manifest(
    request: Request, subjects: Sequence[Study], prices: Prices, results: Sequence[Result]
) -> dict[str, object]:
    """What the run was made of: the request, versions and the fingerprints of the prices; nothing of when or where."""
    return {
        "request": {
            "readings": [subject.name for subject in subjects],
            "entry": f"{request.launch.entry:%Y-%m-%d}",
            "entry_kind": request.entry if request.entry in ("published", "shock") else "date",
            "hold": request.hold,
            "rebalance": request.rebalance,
            "benchmark": request.benchmark,
            "first_price": f"{prices.sessions[0]:%Y-%m-%d}",
            "last_price": f"{prices.sessions[-1]:%Y-%m-%d}",
        },
        "event": request.event.as_dict(),
        "parameters": {result.name: dict(result.parameters) for result in results},
        "frictions": request.frictions.as_dict(),
        "source": prices.origin,
        "versions": {"python": python_version(), **{name: version(name) for name in PACKAGES}},
        "code": code_version(subjects),
        "prices": {symbol: provenance(prices, symbol) for symbol in sorted(prices.symbols)},
    }


def provenance(prices: Prices, symbol: str) -> dict[str, object]:
    """How many bars of a symbol there are, from when to when, and their fingerprint."""
    listed = prices.sessions[prices.listed[prices.columns[symbol]] :]
    first, last = (f"{listed[end]:%Y-%m-%d}" if len(listed) else None for end in (0, -1))
    return {"rows": len(listed), "first": first, "last": last, "sha256": prices.fingerprints[symbol]}


def code_version(subjects: Sequence[Study] = ()) -> str:
    """SHA-256 over our own files, those of the strategies and of what these import: equal code, equal version."""
    root = Path(__file__).resolve().parent.parent
    ours = [path for room in ROOMS for folder in _folders(root / room) for path in folder if path.suffix in SHAPING]
    theirs = reached(base.__module__ for subject in subjects for base in subject.strategy.__mro__)
    named = {module: path for module in theirs if (path := _outside(module))}
    named |= {path.relative_to(root).as_posix(): path for path in ours}
    digest = sha256()
    for name, path in sorted(named.items()):
        digest.update(f"{name}\n".encode() + path.read_bytes())
    for subject in subjects:
        if not _file(subject.strategy):
            digest.update("\n".join((subject.name, *_methods(subject.strategy))).encode())
    return digest.hexdigest()


def _outside(module: str) -> Path | None:
    """Where a module of somebody else is written; Backtrader's, Python's and the like are told by their versions."""
    return None if module.partition(".")[0] in {*KNOWN, "__main__"} else file_of(module)


def _file(strategy: type[Any]) -> Path | None:
    """Where a strategy is written; None for one that was typed into a notebook or at a prompt."""
    try:
        file = Path(inspect.getfile(strategy)).resolve()
    except (OSError, TypeError):
        return None
    return file if file.is_file() else None


def _methods(strategy: type[Any]) -> Iterator[str]:
    """What the methods of a strategy without a file do; the same wherever it was typed."""
    for name, method in sorted(vars(strategy).items()):
        if inspect.isfunction(method):
            yield from (name, *_steps(method.__code__))


def _steps(code: CodeType) -> Iterator[str]:
    yield from (code.co_code.hex(), repr(code.co_names), repr(code.co_varnames))
    for constant in code.co_consts:
        yield from _steps(constant) if isinstance(constant, CodeType) else (repr(constant),)


def _folders(room: Path) -> Iterator[Iterable[Path]]:
    """What is ours in a room: its files, its packages and what they carry; not the runs that users keep there."""
    yield room.iterdir()
    for folder in room.iterdir():
        if (folder / "__init__.py").is_file() or folder.name in CARRIED:
            yield folder.rglob("*")


def _date(text: str) -> pd.Timestamp:
    try:
        return pd.to_datetime(text, format="%Y-%m-%d")
    except ValueError:
        raise RequestError(f"{text!r} is not a date; write YYYY-MM-DD, for example 2025-01-31") from None


def _decided() -> list[tuple[pd.Timestamp, str]]:
    """Scheduled decisions of the FOMC whose outcome is known."""
    return [
        (pd.Timestamp(decision.date), _change(decision.change_bps))
        for decision in fomc.decisions()
        if decision.scheduled and decision.change_bps is not None
    ]


def _change(change_bps: float | None) -> str:
    if not change_bps:
        return "FOMC holds"
    return f"FOMC {'cuts' if change_bps < 0 else 'hikes'} {abs(change_bps):.0f} bp"


def _hindsight(request: Request) -> tuple[str, ...]:
    if not request.hindsight:
        return ()
    entry, known = request.launch.entry, request.event.entry
    return (f"With hindsight: the entry on {entry:%Y-%m-%d} comes before {known:%Y-%m-%d}, the first honest session.",)


def _unknown_rates(sessions: pd.DatetimeIndex) -> tuple[str, ...]:
    unknown = pd.Timestamp(fomc.known_before())
    if sessions[-1] < unknown:
        return ()
    return (f"The Fed's decisions from {unknown:%Y-%m-%d} on are not known to this version; the last range stays.",)


def _require_benchmark(request: Request, prices: Prices, start: int) -> None:
    listed = int(prices.listed[prices.columns[request.benchmark]])
    if listed > start:
        raise RequestError(
            f"the benchmark {request.benchmark} has no close on {prices.sessions[start]:%Y-%m-%d}, before the entry; "
            f"choose one that was trading, for example --benchmark SPY"
        )
