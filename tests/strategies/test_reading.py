"""A reading in a plain Cerebro: its behaviour, and its errors if something is missing."""

from __future__ import annotations

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from strategies.base import Past, Reading, Weights


class Everything(Reading):
    """All in A by default."""

    params = (("target", (("A", 1.0),)),)
    symbols = ("A",)

    def weights(self, past: Past) -> Weights:
        past.tradable(["B"])
        return dict(self.p.target)


def frame(prices, symbol):
    column = prices.columns[symbol]
    bars = {name: getattr(prices, name)[:, column] for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame(bars, index=prices.sessions).dropna()


def run(prices, strategy=Everything, feeds=("A",), switches=None, **parameters):
    cerebro = bt.Cerebro(stdstats=False, **(switches or {}))
    cerebro.broker.setcash(1_000_000)
    for symbol in feeds:
        cerebro.adddata(bt.feeds.PandasData(dataname=frame(prices, symbol)), name=symbol)
    cerebro.addstrategy(strategy, **{"entry": "2025-01-31", "hold": None, **parameters})
    return cerebro.run()[0]


def test_it_buys_at_the_open_of_its_entry(make_prices):
    ran = run(make_prices({"A": [100.0] * 6}))
    assert ran.getposition(ran.data).size == 10_000
    assert [str(decision.session.date()) for decision in ran.decisions] == ["2025-01-30"]


def test_its_history_ends_at_the_current_bar(make_prices):
    calls = []

    class Recording(Everything):
        watches = True

        def weights(self, past: Past) -> Weights:
            calls.append((past.held, past.close("A").tolist()))
            return None

    run(make_prices({"A": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]}), Recording)
    assert calls == [(0, [1, 2, 3, 4]), (1, [1, 2, 3, 4, 5]), (2, [1, 2, 3, 4, 5, 6])]


def test_a_late_listing_does_not_delay_the_others(make_prices):
    prices = make_prices({"A": [100.0] * 6, "B": [np.nan] * 5 + [50.0]})
    ran = run(prices, feeds=("A", "B"))
    assert ran.getposition(ran.data).size == 10_000
    assert ran.left_out == {"B": pd.Timestamp("2025-01-30")}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"feeds": ("B",)}, "needs a feed named 'A'; use adddata"),
        ({"entry": "2025-01-27"}, "the feeds begin after the first decision"),
        ({"entry": "2025-01-25"}, "is not a session"),
        (
            {"target": (("A", 0.7), ("B", -0.7)), "feeds": ("A", "B")},
            "gross exposure 1.400000 of the targets exceeds 1",
        ),
        ({"target": (("B", 0.5),)}, "weight for 'B', which has no feed"),
        ({"target": (("A", float("nan")),)}, "weight of A is nan"),
        ({"switches": {"exactbars": 1}}, "run Cerebro with exactbars=False"),
        ({"hold": 0}, "hold is 0"),
    ],
)
def test_a_wrong_setup_is_rejected_with_the_remedy(make_prices, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        run(make_prices({"A": [100.0] * 6, "B": [10.0] * 6}), **change)
