"""Fetch, refresh, inspect and check prices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from data.errors import DataError, RequestError
from data.universe import AI_UNIVERSE
from runners.cli import console

if TYPE_CHECKING:
    import pandas as pd

    from data.prices import Prices
    from data.sources.source import Source

# Symbols of readings, comparators and benchmarks outside the AI universe.
FUNDS = ("SPY", "QQQ", "SMH", "SOXX", "IGV", "IWM", "TLT", "IEF", "BIL", "VNQ", "XLU", "KWEB", "FXI", "QTEC", "XLK")
OTHERS = ("AAPL",)  # stocks of readings outside the AI universe
NUMBERS = ("rows", "paid", "largest")
# Smaller relative rises of the adjustment factor are rounding.
DIVIDEND = 1e-5

EXAMPLES = """
\b
Examples:
  python -m runners.prices                    all symbols of the readings
  python -m runners.prices NVDA AMD --source yahoo
  python -m runners.prices --refresh          fetch all again from Yahoo
  python -m runners.prices --source prices/   check your own CSV files
"""


@dataclass(frozen=True)
class Inspection:
    """Summary of one symbol's prices; empty if it was not listed yet.

    Sessions are YYYY-MM-DD. `largest_move` is the total return from close to close that is largest in size, a fraction.
    `sha256` is the fingerprint in a run's manifest. `fault` is the first check that failed, None if all passed;
    `notices` are what a run on these prices would tell.
    """

    symbol: str
    fault: str | None = None
    notices: tuple[str, ...] = ()
    first: str | None = None
    last: str | None = None
    rows: int = 0
    listed_later: bool = False
    dividends: int = 0
    largest_move: float | None = None
    largest_move_on: str | None = None
    sha256: str | None = None


class MemoizedSource:
    """A source that is read once; later calls are served from memory."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.cached: dict[str, pd.DataFrame] = {}

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def origin(self) -> str:
        return self._source.origin

    @property
    def real(self) -> bool:
        return self._source.real

    @property
    def notes(self) -> tuple[str, ...]:
        return self._source.notes

    def bars(
        self, symbols: Sequence[str], start: pd.Timestamp | None, end: pd.Timestamp | None
    ) -> dict[str, pd.DataFrame]:
        if not self.cached:
            self.cached = self._source.bars(symbols, start, end)
        return {symbol: self.cached[symbol] for symbol in symbols}


@click.command(epilog=EXAMPLES, context_settings={"max_content_width": 110})
@click.argument("symbols", nargs=-1, metavar="[SYMBOL ...]")
@click.option("--source", default="auto", metavar="auto|yahoo|sample|DIR", help="Source of prices.  [auto]")
@click.option("--start", metavar="DATE", help="First date to check.")
@click.option("--end", metavar="DATE", help="Last date to check.")
@click.option(
    "--refresh",
    is_flag=True,
    help="Fetch whole histories again from Yahoo.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def prices(
    symbols: tuple[str, ...], source: str, start: str | None, end: str | None, refresh: bool, as_json: bool
) -> int:
    """Fetch daily prices into the cache, check them and print a summary.

    SYMBOL is a symbol of Yahoo; by default all symbols that the readings need. If a check fails, the exit status is 2.
    """
    from runners.cli.tables import PlainConsole

    wanted = tuple(dict.fromkeys(symbols)) or (*AI_UNIVERSE, *OTHERS, *FUNDS)
    memoized = MemoizedSource(_opened(source, refresh, shorter=bool(symbols)))
    # Rich shows this only where standard error is a terminal.
    with PlainConsole(stderr=True).status(f"prices of {len(wanted)} symbols"):
        inspections, fault = inspect(memoized, wanted, start, end)
    if as_json:
        console.echo_json(inspections_as_json(memoized, inspections))
    else:
        show_inspections(memoized, inspections)
    if fault is not None:
        raise fault
    return console.DONE


def inspect(
    source: MemoizedSource, symbols: Sequence[str], start: str | None, end: str | None
) -> tuple[list[Inspection], DataError | None]:
    """An inspection of each symbol, and the first fault across symbols, None if there is none.

    Raises DataError only if the source itself cannot be read.
    """
    from data import load_prices

    fault: DataError | None = None
    try:
        load_prices(symbols, start, end, source)
    except DataError as error:
        if not source.cached:
            raise
        fault = error
    begin = min(bars.index[0] for bars in source.cached.values())
    return [_inspect_symbol(source, symbol, start, end, begin) for symbol in symbols], fault


def show_inspections(source: Source, inspections: Sequence[Inspection]) -> None:
    """Print the origin of the prices and a row per symbol."""
    from rich import box
    from rich.text import Text

    from runners.cli.tables import PlainConsole, PlainTable

    out = PlainConsole(soft_wrap=True)
    out.print(f"prices: {source.origin}")
    for note in source.notes:
        out.print(Text(note, "bold yellow"), soft_wrap=False)
    table = PlainTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for heading in ("symbol", "first", "last", "rows", "paid", "largest", "on", "SHA-256", "checks"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in NUMBERS else "left")
    for inspection in inspections:
        table.add_row(*(Text(cell) for cell in _cells(inspection)))
    out.print(table)
    out.print("* listed later; paid: dividends; largest: move from close to close, with dividends", soft_wrap=False)
    for notice in dict.fromkeys(notice for inspection in inspections for notice in inspection.notices):
        out.print(Text(notice, "bold yellow"), soft_wrap=False)
    for inspection in inspections:
        if inspection.fault:
            out.print(Text(inspection.fault, "bold red"))


def inspections_as_json(source: Source, inspections: Sequence[Inspection]) -> str:
    """The inspections as JSON."""
    listed = {inspection.symbol: {**asdict(inspection)} for inspection in inspections}
    for fields in listed.values():
        del fields["symbol"]
    head = {"schema": 1, "source": source.name, "origin": source.origin, "real": source.real}
    return json.dumps({**head, "notes": list(source.notes), "symbols": listed}, indent=2)


def _opened(name: str, refresh: bool, shorter: bool) -> Source:
    from data.sources import open_source

    if not refresh:
        return open_source(name)
    if name not in ("auto", "yahoo"):
        raise RequestError(f"--refresh fetches from Yahoo, but --source is {name}; leave one of them out")
    from data.sources.yahoo import YahooSource

    return YahooSource(refresh=True, shorter=shorter)


def _inspect_symbol(
    source: MemoizedSource, symbol: str, start: str | None, end: str | None, begin: pd.Timestamp
) -> Inspection:
    from data import load_prices

    try:
        alone = load_prices([symbol], start, end, source)
    except DataError as error:
        return Inspection(symbol, fault=str(error))
    except RequestError:
        return Inspection(symbol)
    return _inspection(alone, symbol, source.cached[symbol].index[0] > begin)


def _inspection(alone: Prices, symbol: str, listed_later: bool) -> Inspection:
    import numpy as np

    close, factor = alone.close[:, 0], alone.factor[:, 0]
    moves = (close[1:] * factor[1:]) / (close[:-1] * factor[:-1]) - 1
    row = int(np.abs(moves).argmax()) if moves.size else None
    days = alone.days.astype(str)
    return Inspection(
        symbol,
        notices=alone.warnings,
        first=str(days[0]),
        last=str(days[-1]),
        rows=len(days),
        listed_later=listed_later,
        dividends=int((factor[1:] / factor[:-1] - 1 > DIVIDEND).sum()),
        largest_move=None if row is None else float(moves[row]),
        largest_move_on=None if row is None else str(days[row + 1]),
        sha256=alone.fingerprints[symbol],
    )


def _cells(inspection: Inspection) -> tuple[str, ...]:
    if inspection.sha256 is None:
        return (inspection.symbol, *("-" for _ in range(7)), "failed" if inspection.fault else "-")
    move = inspection.largest_move
    return (
        inspection.symbol,
        f"{inspection.first}{'*' if inspection.listed_later else ''}",
        inspection.last or "-",
        f"{inspection.rows:,}",
        str(inspection.dividends),
        "-" if move is None else f"{move:+.2%}",
        inspection.largest_move_on or "-",
        inspection.sha256[:8],
        "passed",
    )


if __name__ == "__main__":
    console.run_command(prices)
