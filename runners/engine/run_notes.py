"""Notes on a run: its outcome in words, its warnings, and the table of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from runners.engine.backtest.broker import AFTER, BEFORE, RefusedOrder
from runners.engine.backtest.cerebro import CAPITAL, Backtest
from runners.engine.study import Study

FEW = 3  # orders refused for one reason that get a line each
MANY = 20  # symbols that get a line each

# Orders refused by design: when they were sent, and why that is correct.
INTENDED = {
    BEFORE: ("of the warm-up", "the account starts at the entry"),
    AFTER: ("after the hold", "all positions are closed when it ends"),
}


def decision_table(run: Backtest) -> pd.DataFrame:
    """Target weights by session and symbol, with a weight of zero when a decision drops a symbol."""
    rows, held = [], set[str]()
    for decision in run.decisions:
        dropped = dict.fromkeys(sorted(held - set(decision.weights)), 0.0)
        rows += [(decision.session, symbol, weight) for symbol, weight in {**decision.weights, **dropped}.items()]
        held = {symbol for symbol, weight in decision.weights.items() if weight}
    return pd.DataFrame(rows, columns=["session", "symbol", "weight"])


def describe_outcome(run: Backtest, d: float, comparator: str, refuted: bool | None) -> str:
    """The outcome in one or two sentences."""
    if run.ruined is not None:
        return f"Ruined on {run.ruined:%Y-%m-%d}: equity fell to {run.equity[-1]:,.0f} USD and the run ended."
    gain = run.equity[-1] / CAPITAL - 1
    until = f"by {run.exit:%Y-%m-%d}" if run.exit is not None else f"by {run.sessions[-1]:%Y-%m-%d} (still open)"
    difference = f"{abs(np.expm1(d)):.1%} {'more' if d > 0 else 'less'} wealth than" if d else "as much wealth as"
    sentence = f"{'Made' if gain >= 0 else 'Lost'} {abs(gain):.1%} net {until}, {difference} {comparator}"
    if refuted is None:
        return f"{sentence}."
    return f"{sentence}. {'Refuted' if refuted else 'Not refuted'} by its own criterion."


def run_warnings(study: Study, run: Backtest) -> tuple[str, ...]:
    """Warnings that qualify the numbers of a run, one line each."""
    lines = []
    if run.ruined is not None:
        lines.append(f"ruined on {run.ruined:%Y-%m-%d}: equity fell to {run.equity[-1]:,.0f} USD, and the run ended")
    if not all(order.decided for order in run.sent) and run.gross.max() > 1 + 1e-9:
        lines.append(f"gross exposure reached {run.gross.max():,.2f} times equity")
    if not run.fills:
        lines.append("no position was ever taken: the return is interest on cash")
        if not study.has_rule and not run.sent:
            lines.append(
                "it sent no order: if it waits for a number of bars, give it so many before the entry, --history N"
            )
    lines += describe_symbols(run.left_out, "left out", "too few closes by then")
    lines += describe_symbols(run.under_a_share, "not held", "a target of less than one share")
    lines += describe_refusals(run.refusals)
    if run.exit is None and run.ruined is None:
        lines.append(f"still open: valued at the close of {run.sessions[-1]:%Y-%m-%d}")
    return tuple(lines)


def describe_symbols(first_sessions: Mapping[str, pd.Timestamp], what: str, reason: str) -> list[str]:
    """A line for each symbol with the first session on which it was `what`; one line for more than MANY symbols."""
    if len(first_sessions) <= MANY:
        return [f"{symbol} was {what} on {day:%Y-%m-%d}: {reason}" for symbol, day in first_sessions.items()]
    first, last = min(first_sessions.values()), max(first_sessions.values())
    some = ", ".join([*first_sessions][:FEW])
    return [
        f"{len(first_sessions):,} stocks were {what}, first {first:%Y-%m-%d} to {last:%Y-%m-%d}: {reason} ({some}, ...)"
    ]


def describe_refusals(refusals: Sequence[RefusedOrder]) -> list[str]:
    """Unfilled orders: a line for each, or one for a reason that is by design or has more than FEW orders."""
    lines = []
    for reason in dict.fromkeys(refusal.reason for refusal in refusals):
        orders = [refusal for refusal in refusals if refusal.reason == reason]
        if reason in INTENDED:
            when, why = INTENDED[reason]
            lines.append(f"{_count(orders, when)} ignored, as intended: {why}")
        elif len(orders) > FEW:
            lines.append(f"{_count(orders)} not filled: {reason}")
        else:
            lines += [
                f"an order of {order.size:+,.0f} {order.symbol} ({order.session:%Y-%m-%d}) was not filled: {reason}"
                for order in orders
            ]
    return lines


def _count(orders: Sequence[RefusedOrder], when: str = "") -> str:
    """Number of orders and the dates on which they were sent."""
    first, last = (f"{orders[end].session:%Y-%m-%d}" for end in (0, -1))
    if len(orders) == 1:
        return " ".join(filter(None, ("an order", when, f"({first}) was")))
    return " ".join(filter(None, (f"{len(orders):,} orders", when, f"({first} to {last}) were")))
