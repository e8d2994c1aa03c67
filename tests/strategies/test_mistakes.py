"""Common mistakes in a Reading are reported with value, place and remedy."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from data.errors import RequestError, StrategyError
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Reading

FLAT = {"SPY": [10.0] * 6, "TLT": [20.0] * 6}


def reading(**declared: Any) -> type[Reading]:
    return type("Mine", (Reading,), {"symbols": ("SPY", "TLT"), "weights": lambda self, past: {}, **declared})


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"symbols": ()}, r"Mine declares symbols = \(\), not a tuple of symbols; write symbols = \('SPY', 'TLT'\)"),
        ({"symbols": "SPY"}, "declares symbols = 'SPY', not a tuple"),
        ({"symbols": {"SPY"}}, "declares symbols = {'SPY'}, not a tuple"),
        ({"symbols": ("spy",)}, "declares the symbol 'spy'; .*in capitals"),
        ({"symbols": (1,)}, "declares the symbol 1; "),
        ({"comparator": "SPY"}, r"declares comparator = 'SPY'; use Cash\(\), Fund\('SPY'\)"),
    ],
)
def test_a_wrong_declaration(declared, complaint):
    with pytest.raises(StrategyError, match=complaint):
        prepare("mine", reading(**declared), "SPY")


WEIGHTS = [
    ([0.5, 0.5], r"Mine at 2025-01-29: weights\(past\) returned \[0.5, 0.5\]; return a dict"),
    (0.5, r"weights\(past\) returned 0.5; return a dict"),
    ({"SPY": "half"}, "returned 'SPY': 'half'; return symbols with fractions"),
    ({"SPY": None}, "returned 'SPY': None; return symbols with fractions"),
    ({"NVDA": 0.5}, "weight for 'NVDA', .*list it in `symbols`"),
    ({"spy": 0.5}, "weight for 'spy', .*list it in `symbols`"),
    ({"SPY": float("nan")}, "weight of SPY is nan; give a finite fraction"),
    ({"SPY": 1.5}, "gross exposure 1.500000 of the targets exceeds 1"),
    ({"SPY": 0.8, "TLT": -0.8}, "gross exposure 1.600000 of the targets exceeds 1"),
]


@pytest.mark.parametrize(("weights", "complaint"), WEIGHTS)
def test_wrong_weights_in_backtrader_and_in_a_batch(weights, complaint, make_prices):
    mine, prices = reading(weights=lambda self, past: weights), make_prices(FLAT)
    with pytest.raises(StrategyError, match=complaint):
        run_backtest(mine, prices, EntrySchedule(prices.sessions[3], hold=1))
    with pytest.raises(StrategyError, match=complaint):
        run_batch(mine, prices, Scenarios.of([Scenario(prices.days[3], hold=1)]))


def test_a_missing_rule(make_prices):
    class Mine(Reading):
        symbols = ("SPY", "TLT")

    prices = make_prices(FLAT)
    with pytest.raises(TypeError, match=r"Mine does not say what it holds: override weights\(self, past\)"):
        run_backtest(Mine, prices, EntrySchedule(prices.sessions[3], hold=1))


def test_more_history_than_there_is(make_prices):
    prices = make_prices(FLAT)
    mine = reading(weights=lambda self, past: {"SPY": past.back(60).close("SPY")[-1]})
    with pytest.raises(RequestError, match="2025-01-29: cannot look 60 sessions back, history has 2"):
        run_backtest(mine, prices, EntrySchedule(prices.sessions[3], hold=1))


def test_parameters_may_be_a_dict(make_prices):
    class Mine(Reading):
        params: ClassVar[Any] = {"share": 0.5}
        symbols = ("SPY", "TLT")

        def weights(self, past):
            return {"SPY": np.float64(self.p.share)}

    prices = make_prices(FLAT)
    assert run_backtest(Mine, prices, EntrySchedule(prices.sessions[3], hold=1)).fills[0].size == 50_000
