"""A fault in prices, and its description in one line with the place and the remedy."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from data import line_numbers
from data.errors import DataError

AGAIN = "download this symbol again or take it from another source"
# The key of `DataFrame.attrs` with the remedy for bars whose owner cannot edit them.
REMEDY = "remedy"


class PriceFault(NamedTuple):
    """A fault in prices: where it is, what is wrong, and the remedy for the owner of a file.

    `until` is the last session that it concerns, if that is not `session`.
    """

    session: pd.Timestamp
    field: str
    problem: str
    remedy: str = AGAIN
    until: pd.Timestamp | None = None


def with_remedy(bars: pd.DataFrame, remedy: str) -> pd.DataFrame:
    """`bars` with the remedy for every fault, for bars that nobody can edit."""
    bars.attrs[REMEDY] = remedy
    return bars


def fault_error(symbol: str, bars: pd.DataFrame, fault: PriceFault, other: str = "") -> DataError:
    """The error for a fault in the bars of `symbol`; `other` is another remedy."""
    remedy = bars.attrs.get(REMEDY, fault.remedy)
    return DataError(f"{describe_fault(symbol, bars, fault)}; {remedy}{other and f', or {other}'}")


def describe_fault(symbol: str, bars: pd.DataFrame, fault: PriceFault) -> str:
    """Where a fault is and what is wrong."""
    where = line_numbers.line_note(bars, fault.session)
    return f"{symbol} on {fault.session:%Y-%m-%d}, {fault.field}: {fault.problem}{where}"
