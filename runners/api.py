"""Runs from Python: the same objects as the command `runners.deepseek` writes."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from data import load_prices
from data.errors import DataError, RequestError
from data.events import catalog
from data.prices import Prices
from data.sources import open_source
from data.sources.source import Source
from data.text import escape_unprintable
from reports.notebook import NotebookResult, NotebookRun
from runners.cli.options import run_command_line
from runners.engine.backtest.frictions import Frictions
from runners.engine.execution.executor import Executor, Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, draw_to_folder, produce_run, with_prices
from runners.engine.plan import Plan, make_plan
from runners.engine.request import PriceWindow, Request

PriceSource = str | PathLike[str] | Source | Prices


class SavableRun(NotebookRun):
    """A run that can write the folder that the command writes."""

    def write(self, out: str | PathLike[str], jobs: int | None = None) -> Path:
        """Write the run folder, pages and tables, and return its path.

        `jobs` processes draw (one a processor by default), apart from this one: no `__main__` guard is needed, and
        nothing here is changed. An earlier run in `out` is replaced. Raises RequestError where `out` holds something
        else or no folder can be made there, WorkError where the disk takes no more.
        """
        return draw_to_folder(self.record, Path(out).expanduser(), jobs)


class RunOptions(TypedDict, total=False):
    """Options of `run` beside the readings."""

    source: PriceSource
    start: str | None
    end: str | None
    entry: str
    hold: int | None
    rebalance: int
    benchmark: str
    symbols: Sequence[str]
    parameters: Mapping[str, object] | None
    frictions: Frictions | None
    event: str | PathLike[str]
    evidence: bool
    jobs: int | None


if TYPE_CHECKING:

    @overload
    def run(readings: str | type[Any], **options: Unpack[RunOptions]) -> NotebookResult: ...

    @overload
    def run(
        readings: list[str] | list[type[Any]] | tuple[str | type[Any], ...] | None = None,
        **options: Unpack[RunOptions],
    ) -> SavableRun: ...


def run(
    readings: str | type[Any] | Sequence[str | type[Any]] | None = None,
    *,
    source: PriceSource = "auto",
    start: str | None = None,
    end: str | None = None,
    entry: str = "published",
    hold: int | None = 252,
    rebalance: int = 20,
    benchmark: str = "SPY",
    symbols: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    frictions: Frictions | None = None,
    event: str | PathLike[str] = catalog.DEFAULT,
    evidence: bool = False,
    jobs: int | None = None,
) -> NotebookResult | SavableRun:
    """Run readings as `python -m runners.deepseek` does, and return what it writes as objects.

    `readings` is one (its result is returned) or several (their run; None for all of them): a name of
    `strategies.names()`, a path `package.module:Class`, or a strategy class, also one of a notebook cell. `symbols` are
    the feeds of a plain `bt.Strategy` that declares none; `parameters` change those of a single strategy.

    `source` is auto, yahoo, sample, the path of a folder of CSV files, a source object, or Prices from
    `data.load_prices`, which are read once and can be run many times. `start` and `end` (YYYY-MM-DD) limit what is read
    from a source. `entry` is published, shock or YYYY-MM-DD; `hold` counts sessions, None to stay to the end.
    `frictions` are costs, see `runners.engine.backtest.frictions.Frictions`. `event` is the name of a bundled event or
    the path of a TOML file.

    With `evidence` it says whether the readings beat chance: in this process, or in `jobs` worker processes, for which
    a script needs `if __name__ == "__main__":`. Nothing is printed or written but the ledger of trials: as with the
    command, a run on real prices is a look at history and is counted.

    Raises RequestError and DataError (both ValueError), SourceError and WorkError (both RuntimeError).
    """
    with _errors_name_arguments():
        several = _several(readings)
        names = tuple(reading if isinstance(reading, str) else _path(reading) for reading in several)
        request = Request(
            catalog.load_event(event),
            names,
            entry,
            hold,
            rebalance,
            benchmark,
            tuple(symbols),
            frictions or Frictions(),
            evidence,
        )
        executor = _executor(names, jobs) if evidence else Serial()
        classes = {_path(reading): reading for reading in several if not isinstance(reading, str)}
        plan = make_plan(request, classes, parameters or {})
        priced = _priced_plan(plan, source, start, end)
        found = SavableRun.of(produce_run(priced, _command(request, source, start, end, parameters or {}), executor))
        return found.results[0] if isinstance(readings, str | type) else found


def _several(readings: object) -> tuple[str | type[Any], ...]:
    """The readings as a tuple, empty for all of them. Raises RequestError for what is neither names nor classes."""
    if readings is None:
        return ()
    if isinstance(readings, str | type):
        return (readings,)
    found = tuple(readings) if isinstance(readings, Iterable) else (readings,)
    if not found:
        raise RequestError("no reading is named: give names or classes, or leave them out for all readings")
    for reading in found:
        if not isinstance(reading, str | type):
            raise RequestError(f"{reading!r} is no reading; give a name or a strategy class")
    return found


def _path(strategy: type[Any]) -> str:
    return f"{strategy.__module__}:{strategy.__qualname__}"


def _is_local(name: str) -> bool:
    """Whether a class lives in this process alone."""
    return name.startswith("__main__:") or "<locals>" in name


def _executor(names: Sequence[str], jobs: int | None) -> Executor:
    """Without a number of jobs this process: workers import `__main__`, which a script may not be ready for."""
    if jobs is None:
        return Serial()
    if here := [name for name in names if _is_local(name)]:
        raise RequestError(
            f"{here[0].partition(':')[2]} is defined where worker processes cannot import it; "
            "leave jobs out, or put it into a module of its own"
        )
    return Processes(jobs)


def _priced_plan(plan: Plan, source: PriceSource, start: str | None, end: str | None) -> PricedPlan:
    if isinstance(source, Prices):
        if start or end:
            raise RequestError("start and end are for a source that is read; these prices were: load others")
        priced = with_prices(plan, source.select)
        notes: tuple[str, ...] = () if source.real else (f"Prices are no history but {source.origin}",)
    else:
        opened = open_source(source) if isinstance(source, str | PathLike) else source
        priced = with_prices(plan, partial(load_prices, start=start, end=end, source=opened))
        notes = opened.notes
    return PricedPlan(priced.plan, priced.prices, (*notes, *priced.notices))


def _command(
    request: Request, source: PriceSource, start: str | None, end: str | None, parameters: Mapping[str, object]
) -> str | None:
    """The command that gives the same run; None where no command can ask for it."""
    if not isinstance(source, str | PathLike) or parameters or request.frictions != Frictions():
        return None
    if any(map(_is_local, request.readings)):
        return None
    return run_command_line(request, PriceWindow(fspath(source), start, end))


@contextmanager
def _errors_name_arguments() -> Iterator[None]:
    """Errors name options as the command spells them; here they are arguments."""
    try:
        yield
    except (RequestError, DataError) as error:
        message = escape_unprintable(re.sub(r"--([a-z]+)", r"\1", str(error)))
        raise type(error)(message).with_traceback(sys.exc_info()[2]) from None
