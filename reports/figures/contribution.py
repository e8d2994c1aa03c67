"""Where a reading's money came from: each stock and leg, interest, borrow fees, commission and spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from reports.records.result import Result

LONG, SHORT = "long", "short"


@dataclass(frozen=True)
class Contribution:
    """The net gain of a reading in parts, USD, which add up to its last equity less the starting capital.

    `stocks` is the gain of each symbol by leg, before costs, marked to the last close. `interest` was received on cash;
    `credit` (interest on credit), `borrow`, `commission` and `spread` were paid and are negative.
    """

    stocks: Mapping[tuple[str, str], float]
    interest: float
    credit: float
    borrow: float
    commission: float
    spread: float

    @property
    def legs(self) -> dict[str, float]:
        """The gain of each leg that was held, before costs."""
        gains: dict[str, float] = defaultdict(float)
        for (_, side), gain in self.stocks.items():
            gains[side] += gain
        return dict(gains)

    @property
    def total(self) -> float:
        """The sum of all parts."""
        paid = self.credit + self.borrow + self.commission + self.spread
        return sum(self.stocks.values()) + self.interest + paid

    def as_dict(self) -> dict[str, object]:
        """The parts in the format of results.json."""
        return {
            "stocks": [{"symbol": symbol, "leg": side, "usd": gain} for (symbol, side), gain in self.stocks.items()],
            "legs": self.legs,
            "interest": self.interest,
            "credit": self.credit,
            "borrow": self.borrow,
            "commission": self.commission,
            "spread": self.spread,
            "total": self.total,
        }


def contribution(result: Result) -> Contribution:
    """The parts of a reading's net gain, from its fills and the last closes.

    Between two fills a position gains its shares times the change of the price; a fill that turns a long position into
    a short one ends the one at its price and begins the other.
    """
    gains: dict[tuple[str, str], float] = defaultdict(float)
    shares: dict[str, float] = defaultdict(float)
    marks: dict[str, float] = {}
    for symbol, size, price in zip(*(result.fills[name].tolist() for name in ("symbol", "size", "price")), strict=True):
        _mark(gains, symbol, shares[symbol], marks.get(symbol, price), price)
        shares[symbol] += size
        marks[symbol] = price
    for symbol, held in ((symbol, held) for symbol, held in shares.items() if held):
        _mark(gains, symbol, held, marks[symbol], result.last_prices[symbol])
    return Contribution(
        stocks=dict(sorted(gains.items(), key=lambda item: -item[1])),
        interest=result.interest["cash"],
        credit=-result.interest["debit"],
        borrow=-result.interest["borrow"],
        commission=-float(result.fills["commission"].sum()),
        spread=-float(result.fills["spread_cost"].sum()),
    )


def _mark(gains: dict[tuple[str, str], float], symbol: str, shares: float, since: float, until: float) -> None:
    if shares:
        gains[symbol, LONG if shares > 0 else SHORT] += shares * (until - since)
