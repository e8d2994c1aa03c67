"""A small synthetic run for the pages: random walks, no prices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from data import calendar
from reports.result import HORIZONS, Horizon, Result, Run, Story


def make_result(name: str = "first", seed: int = 1, sessions: pd.DatetimeIndex | None = None, **changes) -> Result:
    rng = np.random.default_rng(seed)
    index = calendar.sessions("2025-01-30", "2026-02-03") if sessions is None else sessions
    returns = np.concatenate(([0.0], rng.normal(0.0005, 0.012, len(index) - 1)))
    equity = pd.Series(1e6 * np.cumprod(1 + returns), index, name=name)
    fills = pd.DataFrame(
        {
            "session": [index[1], index[-1]],
            "symbol": ["AAA", "AAA"],
            "size": [100.0, -100.0],
            "price": [50.0, 60.0],
            "commission": [0.5, 0.6],
            "spread_cost": [1.0, 1.2],
        }
    )
    made = {
        "name": name,
        "claims": ("C1", "C5"),
        "story": Story(f"Title of {name}", "A claim.", "A rule.", "At times.", "When it lost."),
        "parameters": {"gross": 1.0},
        "symbols": ("AAA",),
        "entry": index[1],
        "exit": index[-1],
        "d": float(np.log(equity.iloc[-1] / 1e6)),
        "equity": equity,
        "gross": pd.Series(np.where(np.arange(len(index)) > 0, 1.0, 0.0), index),
        "comparator": pd.Series(1.0, index),
        "comparator_name": "cash at zero",
        "fills": fills,
        "decisions": pd.DataFrame({"session": [index[0]], "symbol": ["AAA"], "weight": [0.5]}),
        "interest": {"cash": 120.0, "debit": 1.5, "borrow": 30.0},
        "horizons": {n: Horizon(0.01 * n, 0.001 * n, 0.002 * n) for n in HORIZONS if n < len(index)},
        "occurred": False,
        "outcome": "Made money.",
        **changes,
    }
    return Result(**made)


@pytest.fixture
def result_of():
    return make_result


@pytest.fixture
def run_of():
    """A run of the given results (two by default) with a benchmark of its own."""

    def make(*results: Result, **changes) -> Run:
        shown = results or (make_result("first", 1), make_result("second", 2, occurred=True))
        index = shown[0].equity.index[1:]
        rng = np.random.default_rng(99)
        made = {
            "results": tuple(shown),
            "benchmark_name": "SPY",
            "benchmark": pd.Series(rng.normal(0.0004, 0.01, len(index)), index),
            "risk_free": pd.Series(0.041, index),
            "origin": "made up",
            "real": True,
            "title": "A made-up shock",
            "notices": (),
            "marks": ((pd.Timestamp("2025-01-31"), "published", "event"),),
            "settings": {"Hold": "252 sessions"},
            "frictions": {"commission_bps": 1.0},
            "manifest": {"seed": None},
            **changes,
        }
        return Run(**made)

    return make
