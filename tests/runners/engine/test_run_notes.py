"""Outcome, warnings and decisions of a run."""

from __future__ import annotations

from dataclasses import replace

import backtrader as bt
import numpy as np
import pandas as pd

from runners.engine.backtest.broker import BrokerFill, RefusedOrder, SentOrder
from runners.engine.backtest.cerebro import Backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.run_notes import describe_outcome, describe_refusals, describe_symbols, run_warnings
from runners.engine.study import PlainStudy, ReadingStudy
from strategies.base import Cash
from tests.resources.rules import HalfMarket

FREE = Frictions(0, 0, 0, 0)


def run_of(**changes: object) -> Backtest:
    sessions = pd.DatetimeIndex(["2025-01-30", "2025-01-31", "2025-02-03"])
    made = {
        "sessions": sessions,
        "entry": sessions[1],
        "exit": sessions[2],
        "equity": np.array([1e6, 1e6, 0.9e6]),
        "gross": np.array([0.0, 1.0, 0.5]),
        "holdings": np.zeros((3, 1)),
        "fills": (BrokerFill(sessions[1], "A", 1.0, 1.0, 0.0, 0.0),),
        "decisions": (),
        "refusals": (),
        "sent": (SentOrder(sessions[0], "A", 1.0, "Market", None, None, decided=False),),
        "left_out": {},
        "under_a_share": {},
        "interest": {},
        **changes,
    }
    return Backtest(**made)


OWN = ReadingStudy("half", HalfMarket, ("M",), Cash())
STRANGER = PlainStudy("own", bt.Strategy, ("A",), Cash())


def test_outcomes_are_sentences():
    lost = "Lost 10.0% net by 2025-02-03"
    assert describe_outcome(run_of(), -0.1, "the idle account", None) == (
        f"{lost}, 9.5% less wealth than the idle account."
    )
    assert describe_outcome(run_of(), 0.1, "SPY", True) == (
        f"{lost}, 10.5% more wealth than SPY. Refuted by its own criterion."
    )
    assert describe_outcome(run_of(), 0.0, "SPY", None) == f"{lost}, as much wealth as SPY."
    still = run_of(exit=None, equity=np.array([1e6, 1e6, 1e6]))
    assert describe_outcome(still, -0.0, "the idle account", None) == (
        "Made 0.0% net by 2025-02-03 (still open), as much wealth as the idle account."
    )
    ruined = run_of(exit=None, ruined=pd.Timestamp("2025-01-31"), equity=np.array([1e6, 5.0, -1234.5]))
    assert describe_outcome(ruined, -np.inf, "SPY", True) == (
        "Ruined on 2025-01-31: equity fell to -1,234 USD and the run ended."
    )
    assert run_warnings(OWN, ruined) == ("ruined on 2025-01-31: equity fell to -1,234 USD, and the run ended",)


def test_warnings_are_those_of_the_run():
    day = pd.Timestamp("2025-01-31")
    assert run_warnings(OWN, run_of()) == ()
    assert run_warnings(OWN, run_of(fills=())) == ("no position was ever taken: the return is interest on cash",)
    borrowed = run_of(gross=np.array([0.0, 1234.5, 0.5]))
    assert run_warnings(STRANGER, borrowed) == ("gross exposure reached 1,234.50 times equity",)
    decided = tuple(replace(order, decided=True) for order in borrowed.sent)
    assert run_warnings(OWN, borrowed) == ("gross exposure reached 1,234.50 times equity",)
    assert run_warnings(OWN, replace(borrowed, sent=decided)) == () and run_warnings(STRANGER, run_of()) == ()
    assert run_warnings(STRANGER, run_of(gross=np.array([0.0, 1 + 1e-9, 0.5]))) == ()
    assert run_warnings(STRANGER, run_of(gross=np.array([0.0, 1 + 2e-9, 0.5]))) == (
        "gross exposure reached 1.00 times equity",
    )
    names = run_of(
        left_out={"L": day}, under_a_share={"U": day}, refusals=(RefusedOrder(day, "A", -5, "margin"),), exit=None
    )
    assert run_warnings(STRANGER, names) == (
        "L was left out on 2025-01-31: too few closes by then",
        "U was not held on 2025-01-31: a target of less than one share",
        "an order of -5 A (2025-01-31) was not filled: margin",
        "still open: valued at the close of 2025-02-03",
    )


def test_many_symbols_share_a_line():
    days = pd.bdate_range("2025-01-30", periods=21)
    few = {f"S{place}": day for place, day in enumerate(days[:20])}
    assert len(describe_symbols(few, "left out", "too few closes")) == 20
    many = {f"S{place}": day for place, day in enumerate(days[::-1])}
    assert describe_symbols(many, "left out", "too few closes") == [
        "21 stocks were left out, first 2025-01-30 to 2025-02-27: too few closes (S0, S1, S2, ...)"
    ]
    assert describe_symbols({}, "left out", "why") == []


def test_three_refusals_have_a_line_each():
    day = pd.Timestamp("2025-01-30")
    one = RefusedOrder(day, "A", -1234.0, "margin")
    message = "an order of -1,234 A (2025-01-30) was not filled: margin"
    assert describe_refusals([one] * 3) == [message] * 3 and describe_refusals([]) == []
    late = RefusedOrder(day, "A", 1.0, "after the hold")
    assert describe_refusals([one, late, one])[:2] == [message, message]
    assert describe_refusals([late, one])[1:] == [message] and len(describe_refusals([late, one])) == 2


def test_many_refusals_share_a_line_and_few_have_one_each():
    day = pd.Timestamp("2025-01-30")
    few = [RefusedOrder(day, "A", 100, "margin")]
    many = [RefusedOrder(day + pd.Timedelta(days=n), "A", -1, "before the entry") for n in range(772)]
    late = [RefusedOrder(pd.Timestamp("2026-02-03"), "A", 5, "after the hold")]
    aside = "were ignored, as intended"
    assert describe_refusals([*few, *many, *late]) == [
        "an order of +100 A (2025-01-30) was not filled: margin",
        f"772 orders of the warm-up (2025-01-30 to 2027-03-12) {aside}: the account starts at the entry",
        "an order after the hold (2026-02-03) was ignored, as intended: all positions are closed when it ends",
    ]
    assert describe_refusals(few * 4) == ["4 orders (2025-01-30 to 2025-01-30) were not filled: margin"]
