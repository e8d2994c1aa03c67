"""`run`: the command `runners.deepseek` as a function."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from data.errors import DataError, RequestError
from data.events import catalog
from data.prices import Prices
from data.sources import open_source
from data.sources.source import Source
from data.text import escape_unprintable
from reports.notebook import NotebookResult, NotebookRun
from runners.cli.options import run_command_line
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates.of_run import with_base_rates
from runners.engine.execution.executor import Executor, Serial
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import PricedPlan, draw_to_folder, no_step, price_reader, produce_run, with_prices
from runners.engine.plan import Plan, make_plan
from runners.engine.request import PriceWindow, Request

PriceSource = str | PathLike[str] | Source | Prices


class SavableRun(NotebookRun):
    """A run that can be written as a run folder."""

    def write(self, out: str | PathLike[str], jobs: int | None = None) -> Path:
        """Write the run folder, pages and tables, and return its path.

        Pages are drawn in `jobs` separate processes (None: one per processor), so no `__main__` guard is needed. An
        earlier run in `out` is replaced. Raises RequestError if `out` holds something else or cannot be created,
        WorkError if the disk is full.
        """
        return draw_to_folder(self.record, Path(out).expanduser(), jobs)


class RunOptions(TypedDict, total=False):
    """Keyword arguments of `run`."""

    source: PriceSource
    start: str | None
    end: str | None
    entry: str
    hold: int | None
    rebalance: int
    benchmark: str
    symbols: str | Sequence[str]
    parameters: Mapping[str, object] | None
    frictions: Frictions | None
    event: str | PathLike[str]
    evidence: bool
    jobs: int | None
    history: int | None
    foresight_check: bool


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
    symbols: str | Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    frictions: Frictions | None = None,
    event: str | PathLike[str] = catalog.DEFAULT,
    evidence: bool = False,
    jobs: int | None = None,
    history: int | None = 1,
    foresight_check: bool = True,
) -> NotebookResult | SavableRun:
    """Run readings as `python -m runners.deepseek` does, and return the results as objects.

    `readings` is a single reading (returns its result), several, or None for all (returns their run). A reading is a
    name of `strategies.names()`, a path `package.module:Class`, or a strategy class, also one defined in a notebook.
    `symbols` are the feeds of a plain `bt.Strategy` that declares none, a single one also as a string; `parameters`
    replace those of a single strategy.

    A plain strategy has `history` closes at its first decision, or as many as its indicators need if that is more; with
    None it sees all closes and is called on every bar. With `foresight_check` it is run again where it cannot see the
    future, and refused if its orders differ.

    `source` is auto, yahoo, sample, the path of a folder of CSV files, a source object, or Prices from
    `data.load_prices`, which can be reused for many runs. `start` and `end` (YYYY-MM-DD) limit what is read from a
    source. `entry` is published, shock or YYYY-MM-DD; `hold` counts sessions, None holds to the end of the prices.
    `frictions` are costs, see `runners.engine.backtest.frictions.Frictions`. `event` is the name of a bundled event or
    the path of a TOML file.

    With `evidence` the readings are tested against chance, in this process or in `jobs` worker processes, for which a
    script needs `if __name__ == "__main__":`. Nothing is printed, and only the trial ledger is written: as with the
    command, a run on real prices counts as a trial.

    Raises RequestError and DataError (both ValueError), SourceError and WorkError (both RuntimeError).
    """
    with _errors_name_arguments():
        requested = _as_tuple(readings)
        names = tuple(reading if isinstance(reading, str) else _path(reading) for reading in requested)
        request = Request(
            catalog.load_event(event),
            names,
            entry,
            hold,
            rebalance,
            benchmark,
            (symbols,) if isinstance(symbols, str) else tuple(symbols),
            frictions or Frictions(),
            evidence,
            history,
            foresight_check,
        )
        executor = _executor(names, jobs) if evidence else Serial()
        classes = {_path(reading): reading for reading in requested if not isinstance(reading, str)}
        plan = make_plan(request, classes, parameters or {})
        opened = open_source(source) if isinstance(source, str | PathLike) else source
        priced = _priced_plan(plan, opened, start, end)
        record = produce_run(priced, _command(request, source, start, end, parameters or {}), executor)
        record = with_base_rates(
            record, priced.plan.with_results(record.results), opened, PriceWindow("", start, end), executor, no_step
        )
        saved = SavableRun.of(record)
        return saved.results[0] if isinstance(readings, str | type) else saved


def _as_tuple(readings: object) -> tuple[str | type[Any], ...]:
    """The readings as a tuple, empty for all. Raises RequestError for anything but names and classes."""
    if readings is None:
        return ()
    if isinstance(readings, str | type):
        return (readings,)
    requested = tuple(readings) if isinstance(readings, Iterable) else (readings,)
    if not requested:
        raise RequestError("no reading is named: give names or classes, or None for all readings")
    for reading in requested:
        if not isinstance(reading, str | type):
            raise RequestError(f"{reading!r} is not a reading; give a name or a strategy class")
    return requested


def _path(strategy: type[Any]) -> str:
    return f"{strategy.__module__}:{strategy.__qualname__}"


def _is_local(name: str) -> bool:
    """Whether a class exists in this process only."""
    return name.startswith("__main__:") or "<locals>" in name


def _executor(names: Sequence[str], jobs: int | None) -> Executor:
    """This process unless `jobs` is given, since workers import `__main__`, which a script may not guard."""
    if jobs is None:
        return Serial()
    if local := [name for name in names if _is_local(name)]:
        raise RequestError(
            f"{local[0].partition(':')[2]} is defined where worker processes cannot import it; "
            "leave jobs out or move it into a module"
        )
    return Processes(jobs)


def _priced_plan(plan: Plan, source: Source | Prices, start: str | None, end: str | None) -> PricedPlan:
    if isinstance(source, Prices):
        if start or end:
            raise RequestError("start and end apply to a source, not to loaded prices; pass them to load_prices")
        priced = with_prices(plan, source.select)
        notes: tuple[str, ...] = () if source.real else (f"Prices are not real but {source.origin}",)
    else:
        priced = with_prices(plan, price_reader(plan, source, start, end))
        notes = source.notes
    return priced.with_notes(notes)


def _command(
    request: Request, source: PriceSource, start: str | None, end: str | None, parameters: Mapping[str, object]
) -> str | None:
    """The command that gives the same run; None if there is none."""
    if not isinstance(source, str | PathLike) or parameters or request.frictions != Frictions():
        return None
    if any(map(_is_local, request.readings)):
        return None
    return run_command_line(request, PriceWindow(fspath(source), start, end))


@contextmanager
def _errors_name_arguments() -> Iterator[None]:
    """Replace command-line options in error messages by argument names."""
    try:
        yield
    except (RequestError, DataError) as error:
        message = escape_unprintable(re.sub(r"--([a-z]+)", r"\1", str(error)))
        raise type(error)(message).with_traceback(sys.exc_info()[2]) from None
