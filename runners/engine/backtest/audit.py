"""The account of a finished backtest, recomputed from its fills."""

from __future__ import annotations

from collections import defaultdict

from data.errors import StrategyError
from data.prices import Prices
from runners.engine.backtest.broker import CreditBroker

CENT = 0.01  # USD
TOLERANCE = 1e-9  # of a price, and of the money moved


def audit(account: CreditBroker, prices: Prices) -> None:
    """Raise StrategyError unless the account follows from its fills.

    Each fill lies within the low and the high of its session; positions are the sum of fills; the costs charged are
    those shown; and cash is the capital, less what the fills and their costs took, plus interest, to the cent.
    """
    shares: dict[str, float] = defaultdict(float)
    spent = costs = moved = 0.0
    for fill in account.ledger.fills:
        row, column = prices.row(fill.session), prices.columns[fill.symbol]
        low, high = float(prices.low[row, column]), float(prices.high[row, column])
        if not low * (1 - TOLERANCE) <= fill.price <= high * (1 + TOLERANCE):
            raise StrategyError(
                f"{fill.size:+,.0f} {fill.symbol} filled at {fill.price:,.2f} on {fill.session:%Y-%m-%d}, "
                f"outside the session's {low:,.2f} to {high:,.2f}; let the broker set the price"
            )
        shares[fill.symbol] += fill.size
        spent += fill.size * fill.price
        moved += abs(fill.size * fill.price)
        costs += fill.commission + fill.spread_cost
    most = CENT + TOLERANCE * moved
    if abs(account.ledger.charged - costs) > most:
        raise StrategyError(
            f"the broker charged {account.ledger.charged:,.2f} USD where the run's costs are {costs:,.2f}; "
            f"leave commissions to the run"
        )
    for data, position in account.positions.items():
        if abs(position.size - shares[data._name]) > TOLERANCE * (1 + abs(position.size)):
            raise StrategyError(
                f"the account holds {position.size:+,.0f} {data._name} where its fills give "
                f"{shares[data._name]:+,.0f}; change positions by orders only"
            )
    interest = account.ledger.interest
    cash = account.p.capital - spent - costs + interest["cash"] - interest["debit"] - interest["borrow"]
    if abs(account.get_cash() - cash) > most:
        raise StrategyError(
            f"the account holds {account.get_cash():,.2f} USD where its fills, costs and interest give "
            f"{cash:,.2f}; leave cash to the broker"
        )
