"""Missing prices in `Prices` built in code; loaded prices have already passed `data.quality`.

History before a run is checked too, since rules look at it. A price must be positive and finite; volume is not checked,
since orders fill completely. A symbol that ends during a run is an error rather than valued at its last price: what its
holders received is not in the prices.
"""

from __future__ import annotations

import numpy as np

from data.errors import DataError
from data.prices import FIELDS, Prices

NEEDED = (*FIELDS[:4], "factor")
LEAST = 1e-100  # USD; at much lower prices share counts overflow


def first_missing_price(prices: Prices, stop: int) -> int | None:
    """The first row before `stop` at which a listed symbol has no price."""
    rows = [row for name in NEEDED if (row := _first_invalid(getattr(prices, name)[:stop], prices.listed)) is not None]
    return min(rows, default=None)


def missing_price_error(prices: Prices, row: int, stop: int, where: str = "") -> DataError:
    """The error for a price missing at `row`, in a run that ends before row `stop`."""
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
            f"{where}{symbol} ends on {before}, but the run ends on {last}: refresh the prices of {symbol}, end the "
            f"run on {before} or earlier (--end, or a shorter hold), or leave {symbol} out"
        )
    value = getattr(prices, name)[row, column]
    return DataError(f"{where}{symbol} on {day}, {name}: {value:g} is not a price; correct it, or end the run earlier")


def _first_invalid(values: np.ndarray, listed: np.ndarray) -> int | None:
    """The first row of `values`, shape (n_rows, n_symbols), with an invalid price after the listing."""
    if not values.size or (values.min() >= LEAST and values.max() < np.inf):  # false for NaN
        return None
    invalid = ~((values >= LEAST) & (values < np.inf)) & (np.arange(len(values))[:, None] >= listed)
    rows = invalid.any(axis=1)
    return int(np.argmax(rows)) if rows.any() else None
