"""How it is run: the commands, thin, and the engine below them; `run` is their main job from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

if TYPE_CHECKING:
    from data.prices import Prices
    from data.sources import Source
    from reports.result import Result, Run
    from runners.engine.frictions import Frictions

__all__ = ["run"]


class Options(TypedDict, total=False):
    """What can be given to `run` beside the readings."""

    source: str | PathLike[str] | Source | Prices
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


@overload
def run(readings: str | type[Any], **options: Unpack[Options]) -> Result: ...


@overload
def run(
    readings: list[str] | list[type[Any]] | tuple[str | type[Any], ...] | None = None, **options: Unpack[Options]
) -> Run: ...


def run(
    readings: str | type[Any] | Sequence[str | type[Any]] | None = None,
    *,
    source: str | PathLike[str] | Source | Prices = "auto",
    start: str | None = None,
    end: str | None = None,
    entry: str = "published",
    hold: int | None = 252,
    rebalance: int = 20,
    benchmark: str = "SPY",
    symbols: Sequence[str] = (),
    parameters: Mapping[str, object] | None = None,
    frictions: Frictions | None = None,
    event: str | PathLike[str] = "deepseek",
    evidence: bool = False,
    jobs: int | None = None,
) -> Result | Run:
    """Run readings as `python -m runners.deepseek` does, and return what it writes as objects.

    `readings` is one (its Result is returned) or several (their Run; None for all of them): a name of
    `strategies.names()`, a path `package.module:Class`, or a strategy class, also one of a notebook cell. `symbols` are
    the feeds of a plain `bt.Strategy` that declares none; `parameters` change those of a single strategy.

    `source` is auto, yahoo, sample, the path of a folder of CSV files, a source object, or Prices from
    `data.load_prices`, which are read once and can be run many times. `start` and `end` (YYYY-MM-DD) limit what is read
    from a source. `entry` is published, shock or YYYY-MM-DD; `hold` counts sessions, None to stay to the end.
    `frictions` are costs, see `runners.engine.frictions.Frictions`. `event` is the name of a bundled event or the path
    of a TOML file.

    With `evidence` it says whether the readings beat chance: in this process, or in `jobs` worker processes, for which
    a script needs `if __name__ == "__main__":`. Nothing is printed or written but the ledger of trials: as with the
    command, a run on real prices is a look at history and is counted.

    Raises RequestError and DataError (both ValueError), SourceError and WorkError (both RuntimeError).
    """
    from runners import notebook

    asked = notebook.Asked(
        source,
        start,
        end,
        entry,
        hold,
        rebalance,
        benchmark,
        tuple(symbols),
        dict(parameters or {}),
        frictions,
        fspath(event),
    )
    if readings is None:
        return notebook.run((), asked, evidence, jobs)
    if isinstance(readings, str | type):
        return notebook.run((readings,), asked, evidence, jobs).results[0]
    return notebook.run(notebook.several(readings), asked, evidence, jobs)
