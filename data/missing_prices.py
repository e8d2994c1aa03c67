"""Holes in prices that were made in code; those that are loaded have passed `data.quality` already.

History before a run counts, since rules look at it. A price is a positive, finite number; volume is no concern, since
fills are in full. A name that ends while a run goes on is refused rather than valued: what its holders were paid is
not in the prices.
"""

from __future__ import annotations

import numpy as np

from data.errors import DataError
from data.prices import FIELDS, Prices

NEEDED = (*FIELDS[:4], "factor")
LEAST = 1e-100  # USD: of anything much cheaper, counts of shares leave the range of floats


def first_missing_price(prices: Prices, stop: int) -> int | None:
    """The first row before `stop` at which a listed name has no price."""
    rows = [row for name in NEEDED if (row := _first_wrong(getattr(prices, name)[:stop], prices.listed)) is not None]
    return min(rows, default=None)


def missing_price_error(prices: Prices, row: int, stop: int, where: str = "") -> DataError:
    """What to say of the gap at `row` to a run that ends before row `stop`."""
    column, name = next(
        (column, name)
        for column in np.flatnonzero(prices.listed <= row)
        for name in NEEDED
        if not LEAST <= getattr(prices, name)[row, column] < np.inf
    )
    symbol, day, last = prices.symbols[column], prices.days[row], prices.days[stop - 1]
    if np.isnan(prices.close[row:, column]).all():
        before = prices.days[row - 1]
        return DataError(
            f"{where}{symbol} ends on {before}, and the run goes on to {last}: refresh the prices of {symbol}, end the "
            f"run on {before} or earlier (--end, or a shorter hold), or leave {symbol} out"
        )
    value = getattr(prices, name)[row, column]
    return DataError(f"{where}{symbol} on {day}, {name}: {value:g} is not a price; mend it, or end the run before it")


def _first_wrong(values: np.ndarray, listed: np.ndarray) -> int | None:
    """The first row of `values`, shape (n_rows, n_symbols), with something that is no price after its listing."""
    if not values.size or (values.min() >= LEAST and values.max() < np.inf):  # NaN is neither
        return None
    wrong = ~((values >= LEAST) & (values < np.inf)) & (np.arange(len(values))[:, None] >= listed)
    rows = wrong.any(axis=1)
    return int(np.argmax(rows)) if rows.any() else None
