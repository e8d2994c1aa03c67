"""Prices: sessions x symbols, aligned to the exchange calendar, total-return adjusted, read-only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from data.errors import DataError, RequestError

FIELDS = ("open", "high", "low", "close", "volume")


class PriceNotice(NamedTuple):
    """What the user must know about the prices of a symbol, or about all prices if `symbol` is empty.

    A `quiet` one is about single bars, most of them unused: a run shows it in one place only.
    """

    symbol: str
    text: str
    quiet: bool = False


@dataclass(frozen=True, eq=False)
class Prices:
    """Daily bars of several symbols on consecutive XNYS sessions.

    `open`, `high`, `low`, `close` (USD a share) and `volume` (shares) are float64 arrays of shape
    (n_sessions, n_symbols) in the units of the source (split-adjusted); `factor` turns them into total-return prices:
    adjusted = raw * factor. Only ratios of factors carry meaning, see `rebased`. NaN marks sessions before a symbol's
    listing, in all fields at once, and nothing else; volume may be NaN throughout where a source has none.
    `origin` describes the source in a few words; `real` is False for simulated or reconstructed prices; `notices` are
    for the user. `left_out` holds, for symbols whose earlier bars were left out for a fault, the error that names it.
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    open: np.ndarray = field(repr=False)
    high: np.ndarray = field(repr=False)
    low: np.ndarray = field(repr=False)
    close: np.ndarray = field(repr=False)
    volume: np.ndarray = field(repr=False)
    factor: np.ndarray = field(repr=False)
    origin: str = "memory"
    real: bool = True
    notices: tuple[PriceNotice, ...] = field(default=(), repr=False)
    left_out: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.symbols))
        for name in (*FIELDS, "factor"):
            values = _frozen(getattr(self, name))
            if values.shape != shape:
                raise ValueError(f"Prices.{name} has shape {values.shape}, expected {shape} (sessions, symbols)")
            object.__setattr__(self, name, values)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of each symbol."""
        return {symbol: column for column, symbol in enumerate(self.symbols)}

    @cached_property
    def days(self) -> np.ndarray:
        """The sessions as `datetime64[D]`, shape (n_sessions,)."""
        return self.sessions.to_numpy().astype("datetime64[D]")

    @cached_property
    def listed(self) -> np.ndarray:
        """Row of each symbol's first bar, shape (n_symbols,); n_sessions where it has none."""
        traded = ~np.isnan(self.close)
        return np.where(traded.any(axis=0), traded.argmax(axis=0), len(self.sessions))

    @cached_property
    def first_rows(self) -> dict[str, int]:
        """Row of each symbol's first bar, by symbol."""
        return dict(zip(self.symbols, self.listed.tolist(), strict=True))

    def listed_by(self, symbols: tuple[str, ...]) -> int:
        """The first row at which all of `symbols` are listed; n_sessions if one never is."""
        if symbols not in self._listings:
            never = len(self.sessions)
            self._listings[symbols] = max((self.first_rows.get(symbol, never) for symbol in symbols), default=0)
        return self._listings[symbols]

    @cached_property
    def _listings(self) -> dict[tuple[str, ...], int]:
        return {}

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 of each symbol's bars (sessions, raw fields, factor), independent of the other symbols."""
        return {symbol: self._digest(column) for symbol, column in self.columns.items()}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all symbols, independent of their order."""
        lines = [f"{symbol} {digest}" for symbol, digest in sorted(self.fingerprints.items())]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of `notices`."""
        return tuple(notice.text for notice in self.notices)

    def row(self, session: str | pd.Timestamp) -> int:
        """Row of `session`. Raises RequestError if there is no such session."""
        row = int(self.sessions.searchsorted(pd.Timestamp(session)))
        if row == len(self.sessions) or self.sessions[row] != pd.Timestamp(session):
            raise RequestError(
                f"no prices for the session {pd.Timestamp(session):%Y-%m-%d}: "
                f"they run from {self.sessions[0]:%Y-%m-%d} to {self.sessions[-1]:%Y-%m-%d}"
            )
        return row

    def require_kept(self, symbol: str, row: int) -> None:
        """Raise DataError if bars of `symbol` from `row` on were left out for a fault; a negative row is earlier."""
        if symbol in self.left_out and row < self.first_rows[symbol]:
            raise DataError(self.left_out[symbol])

    def select(self, symbols: Iterable[str]) -> Prices:
        """Prices of `symbols` only, in that order. Raises RequestError for a symbol without prices."""
        selected = tuple(symbols)
        if selected == self.symbols:
            return self
        missing = [symbol for symbol in selected if symbol not in self.columns]
        if missing:
            raise RequestError(f"no prices for {', '.join(missing)} in {self.origin}")
        columns = [self.columns[symbol] for symbol in selected]
        notices = tuple(notice for notice in self.notices if notice.symbol in ("", *selected))
        arrays = {name: getattr(self, name)[:, columns] for name in (*FIELDS, "factor")}
        return self._with(symbols=selected, notices=notices, **arrays)

    def rows(self, start: int, stop: int) -> Prices:
        """Prices of rows `start` to `stop` (excluded)."""
        part = slice(start, stop)
        return self._with(
            sessions=self.sessions[part], **{name: getattr(self, name)[part] for name in (*FIELDS, "factor")}
        )

    def rebased(self, row: int) -> Prices:
        """Total-return prices whose factor is 1 at `row`, or at the first bar of a symbol listed later.

        Past share counts then do not depend on dividends paid later.
        """
        base = np.minimum(np.maximum(row, self.listed), len(self.sessions) - 1)
        scale = self.factor / self.factor[base, np.arange(len(self.symbols))]
        bars = {name: getattr(self, name) * scale for name in FIELDS[:4]}
        return self._with(**bars, volume=self.volume / scale, factor=np.where(np.isnan(scale), np.nan, 1.0))

    def _digest(self, column: int) -> str:
        start = int(self.listed[column])
        digest = hashlib.sha256(self.days[start:].astype("<i8").tobytes())
        for name in (*FIELDS, "factor"):
            digest.update(np.ascontiguousarray(getattr(self, name)[start:, column], dtype="<f8").tobytes())
        return digest.hexdigest()

    def _with(self, **changes: object) -> Prices:
        names = ("sessions", "symbols", *FIELDS, "factor", "origin", "real", "notices", "left_out")
        fields = {name: getattr(self, name) for name in names}
        for values in changes.values():
            if isinstance(values, np.ndarray):
                values.flags.writeable = False  # created in this class, so no copy is needed
        return Prices(**{**fields, **changes})


def _frozen(values: np.ndarray) -> np.ndarray:
    """`values` as a read-only float64 array, copied unless they already are one."""
    if isinstance(values, np.ndarray) and values.dtype == np.float64 and not values.flags.writeable:
        return values
    copied = np.array(values, dtype=np.float64)
    copied.flags.writeable = False
    return copied
