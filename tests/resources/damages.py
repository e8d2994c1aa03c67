"""Damages of real price files, each with what becomes of the file: refused, told or unnoticed.

`python -m tests.resources.damages PRICES` tries all of them and prints the outcomes; PRICES is a folder of real CSVs.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from data import load_prices
from data.errors import DataError

REFUSED, TOLD, UNNOTICED = "refused", "told", "unnoticed"
BARS = ["Open", "High", "Low", "Close"]
ALL = [*BARS, "Adj Close"]
# Known closes are those of 7 and 28 February 2025, none in between.
DAY = pd.Timestamp("2025-02-10")
SHOCK = pd.Timestamp("2025-01-27")

Read = Callable[[str], pd.DataFrame]
Change = Callable[[pd.DataFrame, Read], pd.DataFrame | str]


@dataclass(frozen=True)
class Damage:
    """A change of the file of `symbol`, and its outcome."""

    name: str
    symbol: str
    change: Change
    outcome: str


def read_file(folder: Path, symbol: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{symbol}.csv", index_col="Date", parse_dates=["Date"]).astype(float)


def outcome(damage: Damage, folder: Path, scratch: Path) -> tuple[str, str]:
    """The outcome of a damage and what was said, for a run on the damaged file and a true one that pays dividends."""
    true = read_file(folder, damage.symbol)
    damaged = damage.change(true.copy(), lambda symbol: read_file(folder, symbol))
    other = "IWM"
    for symbol, content in ((damage.symbol, damaged), (other, (folder / f"{other}.csv").read_text())):
        text = content if isinstance(content, str) else content.to_csv(date_format="%Y-%m-%d")
        (scratch / f"{symbol}.csv").write_text(text)
    try:
        prices = load_prices([damage.symbol, other], source=scratch)
    except DataError as error:
        return REFUSED, str(error)
    before = load_prices([damage.symbol, other], source=folder)
    if prices.fingerprints == before.fingerprints:
        raise AssertionError(f"{damage.name} changes nothing")
    news = [text for text in prices.warnings if text not in before.warnings]
    return (TOLD, "; ".join(news)) if news else (UNNOTICED, "")


# --- changes ----------------------------------------------------------------------------------------------------------


def scaled(factor: float, columns: list[str] = ALL, first: str = "1900-01-01", last: object = "2100-01-01") -> Change:
    """Prices from `first` to `last`, excluded, times `factor`."""

    def change(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
        rows = (bars.index >= pd.Timestamp(first)) & (bars.index < pd.Timestamp(str(last)))
        bars.loc[rows, columns] *= factor
        return bars

    return change


def one_day(factor: float, day: pd.Timestamp, columns: list[str] = ALL) -> Change:
    return scaled(factor, columns, str(day), day + pd.Timedelta(days=1))


def replaced_by(symbol: str) -> Change:
    """The file of another symbol."""
    return lambda _bars, read: read(symbol)


def mixed_with(symbol: str, first: pd.Timestamp, last: pd.Timestamp) -> Change:
    """Some rows of another symbol."""

    def change(bars: pd.DataFrame, read: Read) -> pd.DataFrame:
        bars.loc[first:last] = read(symbol).loc[first:last]
        return bars

    return change


def shifted(rows: int) -> Change:
    """The values of each day on a later one (an earlier one if negative)."""
    return lambda bars, _read: bars.shift(rows).dropna(how="all")


def copied(day: pd.Timestamp, count: int) -> Change:
    """The bar of `day` on the next `count` sessions too, with their own volumes."""

    def change(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
        row = int(bars.index.searchsorted(day))
        bars.loc[bars.index[row + 1 : row + 1 + count], ALL] = bars[ALL].iloc[row].to_numpy()
        return bars

    return change


def rows_changed(change: Callable[[pd.DataFrame, int], pd.DataFrame]) -> Change:
    """`change` of the bars at the row of DAY."""
    return lambda bars, _read: change(bars, int(bars.index.searchsorted(DAY)))


def swapped_columns(one: str, other: str) -> Change:
    return lambda bars, _read: bars.rename(columns={one: other, other: one})


def set_columns(**columns: Callable[[pd.DataFrame], object]) -> Change:
    return lambda bars, _read: bars.assign(**{name.replace("_", " "): make(bars) for name, make in columns.items()})


def dividends(bars: pd.DataFrame) -> pd.Series:
    """What the adjusted closes say was paid."""
    ratio = bars["Adj Close"] / bars["Close"]
    paid = bars["Close"].shift() * (1 - ratio.shift() / ratio)
    return paid.where(ratio / ratio.shift() - 1 > 1e-5, 0.0)


def adjusted_by(times: float) -> Callable[[pd.DataFrame], pd.Series]:
    """Adjusted closes that count every dividend `times`."""
    return lambda bars: bars["Close"] * (bars["Adj Close"] / bars["Close"]) ** times


def as_adjusted(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    """All prices adjusted for dividends, as yfinance gives them by default."""
    factor = bars["Adj Close"] / bars["Close"]
    return bars.assign(**{name: bars[name] * factor for name in BARS})


def drifting(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    """Another currency, which loses a fifth against the dollar."""
    bars[ALL] = bars[ALL].mul(np.linspace(0.95, 0.76, len(bars)), axis=0)
    return bars


def noisy(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    noise = np.exp(np.random.default_rng(1).normal(0, 0.02, len(bars)))
    bars[ALL] = bars[ALL].mul(noise, axis=0)
    return bars


def invented(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    """Another random walk, bar by bar in the shape of the true ones."""
    walk = 100 * np.exp(np.random.default_rng(5).normal(0, 0.02, len(bars)).cumsum())
    bars[ALL] = bars[ALL].mul(walk / bars["Close"], axis=0)
    return bars


def reversed_in_time(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    return bars.iloc[::-1].set_axis(bars.index).assign(**{"Adj Close": lambda frame: frame["Close"]})


def weekly(bars: pd.DataFrame, _read: Read) -> pd.DataFrame:
    """Every fifth bar, repeated until the next."""
    bars[ALL] = bars[ALL].iloc[::5].reindex(bars.index, method="ffill")
    return bars


def cut_line(bars: pd.DataFrame, _read: Read) -> str:
    return bars.to_csv(date_format="%Y-%m-%d")[:-25]


def on_a_sunday(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    extra = bars.iloc[[row]].set_axis([DAY - pd.Timedelta(days=1)])
    return pd.concat([bars.iloc[:row], extra, bars.iloc[row:]]).rename_axis("Date")


def twice(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.iloc[[*range(row + 1), *range(row, len(bars))]]


def exchanged(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.iloc[[*range(row), row + 1, row, *range(row + 2, len(bars))]]


def without(bars: pd.DataFrame, row: int) -> pd.DataFrame:
    return bars.drop(bars.index[row])


SPLIT = pd.Timestamp("2024-06-10")  # NVDA, 10:1

DAMAGES = (
    # All prices, by a factor.
    Damage("divided by 1.7 before a day", "NVDA", scaled(1 / 1.7, last=DAY), REFUSED),
    Damage("times 1.7 from a day on", "SMH", scaled(1.7, first="2025-02-10"), REFUSED),
    Damage("times 1.3 in a block of months", "AMD", scaled(1.3, first="2024-01-16", last="2024-06-10"), REFUSED),
    Damage("times 1.02 before a day", "SPY", scaled(1.02, last=DAY), REFUSED),
    Damage("times 1.7 throughout", "NVDA", scaled(1.7), TOLD),
    Damage("in another currency at a fixed rate", "SPY", scaled(0.92), TOLD),
    Damage("in another currency at daily rates", "SPY", drifting, REFUSED),
    Damage("times 1.7 before a day that precedes all known closes", "NVDA", scaled(1.7, last="2021-06-01"), UNNOTICED),
    # Splits.
    Damage("10:1 split not divided out", "NVDA", scaled(10, last=SPLIT), REFUSED),
    Damage("10:1 split divided out twice", "NVDA", scaled(0.1, last=SPLIT), REFUSED),
    Damage("3:2 split not divided out", "AMD", scaled(1.5, last=DAY), REFUSED),
    Damage("2:1 split not divided out, Adj Close right", "QQQ", scaled(2, BARS, last=DAY), REFUSED),
    # Adjusted closes.
    Damage("Adj Close halved before a day", "SMH", scaled(0.5, ["Adj Close"], last=DAY), REFUSED),
    Damage("Adj Close less 12 % before a day", "SMH", scaled(0.88, ["Adj Close"], last=DAY), REFUSED),
    Damage("Adj Close less 5 % before a day", "SMH", scaled(0.95, ["Adj Close"], last=DAY), UNNOTICED),
    Damage("Adj Close doubled before a day", "SMH", scaled(2, ["Adj Close"], last=DAY), REFUSED),
    Damage("Adj Close times 1.3 throughout", "SPY", scaled(1.3, ["Adj Close"]), REFUSED),
    Damage(
        "Adj Close of another symbol",
        "QQQ",
        lambda bars, read: bars.assign(**{"Adj Close": read("SPY")["Adj Close"]}),
        REFUSED,
    ),
    Damage("Close and Adj Close exchanged", "SPY", swapped_columns("Close", "Adj Close"), REFUSED),
    Damage("a day's Adj Close without its point", "SPY", one_day(100, DAY, ["Adj Close"]), REFUSED),
    Damage("all prices adjusted for dividends", "SPY", as_adjusted, REFUSED),
    Damage("no dividends in Adj Close", "TLT", set_columns(Adj_Close=adjusted_by(0)), UNNOTICED),
    Damage("dividends counted twice in Adj Close", "TLT", set_columns(Adj_Close=adjusted_by(2)), UNNOTICED),
    Damage(
        "dividends listed, but not in Adj Close",
        "TLT",
        set_columns(Dividends=dividends, Adj_Close=adjusted_by(0)),
        REFUSED,
    ),
    Damage(
        "dividends listed, but counted twice in Adj Close",
        "TLT",
        set_columns(Dividends=dividends, Adj_Close=adjusted_by(2)),
        REFUSED,
    ),
    Damage(
        "dividends listed twice and counted twice",
        "TLT",
        set_columns(Dividends=lambda bars: 2 * dividends(bars), Adj_Close=adjusted_by(2)),
        UNNOTICED,
    ),
    # Other symbols.
    Damage("the file of a similar stock", "NVDA", replaced_by("AMD"), REFUSED),
    Damage("the file of a similar fund", "SMH", replaced_by("SOXX"), REFUSED),
    Damage("the file of an unlike fund", "NVDA", replaced_by("BIL"), REFUSED),
    Damage(
        "five rows of another stock, with known closes",
        "NVDA",
        mixed_with("AMD", SHOCK, pd.Timestamp("2025-01-31")),
        REFUSED,
    ),
    Damage(
        "five rows of another stock, between known closes",
        "NVDA",
        mixed_with("AMD", DAY, pd.Timestamp("2025-02-14")),
        REFUSED,
    ),
    Damage(
        "two rows of a stock of about the same price",
        "AMD",
        mixed_with("PLTR", DAY, pd.Timestamp("2025-02-11")),
        UNNOTICED,
    ),
    Damage("invented prices", "SPY", invented, TOLD),
    # Dates.
    Damage("each bar a day late", "SPY", shifted(1), REFUSED),
    Damage("each bar a day early", "NVDA", shifted(-1), REFUSED),
    Damage("in reversed order of time, dates kept", "SPY", reversed_in_time, TOLD),
    Damage("a day missing", "SPY", rows_changed(without), REFUSED),
    Damage("a day twice", "SPY", rows_changed(twice), REFUSED),
    Damage("two days in reversed order", "SPY", rows_changed(exchanged), REFUSED),
    Damage("a row on a Sunday", "SPY", rows_changed(on_a_sunday), REFUSED),
    Damage("cut off within a line", "SPY", cut_line, REFUSED),
    Damage("the last month missing", "SPY", lambda bars, _read: bars.iloc[:-21], REFUSED),
    Damage("the first years missing", "SPY", lambda bars, _read: bars.loc["2023":], UNNOTICED),
    # Stale and repeated bars.
    Damage("a bar repeated once", "NVDA", copied(DAY, 1), TOLD),
    Damage("a bar repeated for four days", "NVDA", copied(DAY, 4), TOLD),
    Damage("a bar repeated for fifteen days", "NVDA", copied(DAY, 15), REFUSED),
    Damage("weekly bars repeated daily", "NVDA", weekly, REFUSED),
    # Single bars and cells.
    Damage("a day's prices without their point", "SPY", one_day(100, DAY), REFUSED),
    Damage("a close without its point", "SPY", one_day(100, DAY, ["Close"]), REFUSED),
    Damage("a day's prices divided by ten", "SPY", one_day(0.1, DAY), REFUSED),
    Damage("a negative close", "SPY", one_day(-1, DAY, ["Close"]), REFUSED),
    Damage("an open of zero", "SPY", one_day(0, DAY, ["Open"]), REFUSED),
    Damage("a day less 3 %, with a known close", "SPY", one_day(0.97, SHOCK), REFUSED),
    Damage("a day less 3 %, without a known close", "SPY", one_day(0.97, DAY), UNNOTICED),
    Damage("days off by 2 % at random", "SPY", noisy, REFUSED),
    Damage("high and low exchanged", "SPY", swapped_columns("High", "Low"), REFUSED),
    Damage("open and close exchanged", "NVDA", swapped_columns("Open", "Close"), REFUSED),
    Damage("each open replaced by the close", "NVDA", set_columns(Open=lambda bars: bars["Close"]), UNNOTICED),
    Damage("rounded to whole dollars", "KWEB", lambda bars, _read: bars.round(), REFUSED),
    Damage("volumes of zero", "NVDA", set_columns(Volume=lambda bars: 0.0 * bars["Volume"]), UNNOTICED),
    Damage("negative volumes", "NVDA", scaled(-1, ["Volume"]), REFUSED),
)


def main(folder: Path) -> None:
    """Try all damages and print what becomes of them."""
    counts: Counter[str] = Counter()
    for damage in DAMAGES:
        with TemporaryDirectory() as scratch:
            result, message = outcome(damage, folder, Path(scratch))
        counts[result] += 1
        print(f"{result:9} {damage.symbol:4} {damage.name}{message and f': {message}'}")
    print(f"{len(DAMAGES)} damages:", ", ".join(f"{count} {name}" for name, count in counts.most_common()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
