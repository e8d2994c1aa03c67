"""Round trips from fills: trades from one flat position to the next."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

FLAT = 1e-9  # shares: a smaller position is rounding


@dataclass(frozen=True)
class RoundTrip:
    """One round trip in one symbol, long or short.

    `shares` is the largest position held. `entry_price` and `exit_price` are averages over the shares bought and sold,
    USD; `cost` is commission and spread, USD; `pnl` is net of it, USD. `closed` and `pnl` are None while
    the trade is open: its value is part of the equity, not of the fills. `exit_price` is None until shares are closed.
    """

    symbol: str
    side: str
    opened: pd.Timestamp
    closed: pd.Timestamp | None
    shares: float
    entry_price: float
    exit_price: float | None
    cost: float
    pnl: float | None


@dataclass(frozen=True)
class TradeSummary:
    """Summary of round trips. Averages are USD per trade, `profit_factor` is gains over losses; None if undefined."""

    closed: int
    still_open: int
    won: int
    average_win: float | None
    average_loss: float | None
    profit_factor: float | None
    cost: float
    pnl: float


@dataclass
class _Position:
    """An open trade. Sizes are shares, positive when bought."""

    symbol: str
    opened: pd.Timestamp
    sign: int
    held: float = 0.0
    peak: float = 0.0
    entered: float = 0.0
    entry_value: float = 0.0
    exited: float = 0.0
    exit_value: float = 0.0
    cost: float = 0.0

    def add(self, size: float, price: float, cost: float) -> None:
        """Add a fill that does not cross zero."""
        shares = abs(size)
        if size * self.sign > 0:
            self.entered += shares
            self.entry_value += shares * price
        else:
            self.exited += shares
            self.exit_value += shares * price
        self.held += size
        self.peak = max(self.peak, abs(self.held))
        self.cost += cost

    def trade(self, closed: pd.Timestamp | None) -> RoundTrip:
        """The trade so far; `closed` is None while shares are held."""
        return RoundTrip(
            symbol=self.symbol,
            side="long" if self.sign > 0 else "short",
            opened=self.opened,
            closed=closed,
            shares=self.peak,
            entry_price=self.entry_value / self.entered,
            exit_price=self.exit_value / self.exited if self.exited else None,
            cost=self.cost,
            pnl=None if closed is None else self.sign * (self.exit_value - self.entry_value) - self.cost,
        )


def round_trips(fills: pd.DataFrame) -> tuple[RoundTrip, ...]:
    """Trades in the order in which they were opened, then by symbol.

    `fills` has the columns of `Result.fills`. A fill that crosses zero closes one trade and opens the next; its costs
    are split in proportion to the shares.
    """
    trades: list[RoundTrip] = []
    positions: dict[str, _Position] = {}
    rows: Iterable[Any] = fills.itertuples(index=False)
    for fill in rows:
        cost = fill.commission + fill.spread_cost
        for size in _split_at_zero(positions.get(fill.symbol), fill.size):
            position = positions.setdefault(fill.symbol, _Position(fill.symbol, fill.session, 1 if size > 0 else -1))
            position.add(size, fill.price, cost * abs(size / fill.size))
            if abs(position.held) < FLAT:
                trades.append(positions.pop(fill.symbol).trade(fill.session))
    trades += [position.trade(None) for position in positions.values()]
    return tuple(sorted(trades, key=lambda trade: (trade.opened, trade.symbol)))


def summarize_trades(trades: Sequence[RoundTrip]) -> TradeSummary:
    """Counts and averages over closed trades; `cost` includes open ones."""
    results = [trade.pnl for trade in trades if trade.pnl is not None]
    wins, losses = [pnl for pnl in results if pnl > 0], [pnl for pnl in results if pnl <= 0]
    return TradeSummary(
        closed=len(results),
        still_open=len(trades) - len(results),
        won=len(wins),
        average_win=sum(wins) / len(wins) if wins else None,
        average_loss=sum(losses) / len(losses) if losses else None,
        profit_factor=sum(wins) / -sum(losses) if sum(losses) < 0 else None,
        cost=sum(trade.cost for trade in trades),
        pnl=sum(results),
    )


def foremost_trades(trades: Sequence[RoundTrip], most: int) -> tuple[RoundTrip, ...]:
    """At most `most` trades, in their order: open trades and the largest gains and losses."""
    size = {id(trade): float("inf") if trade.pnl is None else abs(trade.pnl) for trade in trades}
    largest = sorted(trades, key=lambda trade: size[id(trade)], reverse=True)[:most]
    selected = {id(trade) for trade in largest}
    return tuple(trade for trade in trades if id(trade) in selected)


def _split_at_zero(position: _Position | None, size: float) -> tuple[float, ...]:
    """The size of a fill, in two parts if it crosses zero."""
    if position is None or size * position.sign > 0 or abs(size) <= abs(position.held) + FLAT:
        return (size,)
    return (-position.held, size + position.held)
