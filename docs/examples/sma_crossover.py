"""An SMA crossover, the well-known first strategy of Backtrader, as plain Backtrader code.

    python -m runners.deepseek docs/examples/sma_crossover.py:SmaCross --symbols SPY

It knows nothing of this project: the same class runs in any Cerebro. Here its orders pay commission and spread, the
comparison page shows it beside SPY, and launches at other dates say whether it beat chance.
"""

import backtrader as bt


class SmaCross(bt.Strategy):
    """Long while the fast average is above the slow one, otherwise in cash.

    Claim: a trend that has begun goes on.
    Rule: all of equity but a reserve in the first feed while the mean of its last `fast` closes is above that of its
        last `slow` closes; nothing otherwise.
    Trades: at the open after the averages have crossed, and at the first open where they stand that way already.
    Refuted: when it has made less than the benchmark, bought and held.
    """

    params = (
        ("fast", 10),  # sessions
        ("slow", 50),  # sessions
        ("invested", 0.95),  # fraction of equity; the rest pays for an open above the close
    )

    def __init__(self) -> None:
        fast = bt.indicators.SMA(self.data.close, period=self.p.fast)
        slow = bt.indicators.SMA(self.data.close, period=self.p.slow)
        self.rising = fast > slow

    def next(self) -> None:
        """Hold while rising; Backtrader first calls this once the slow average exists."""
        if self.rising[0] and not self.position:
            self.order_target_percent(target=self.p.invested)
        elif self.position and not self.rising[0]:
            self.close()
