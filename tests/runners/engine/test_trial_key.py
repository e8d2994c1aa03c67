"""Keys of trials, and fingerprints of the prices that a strategy sees."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import ClassVar

import backtrader as bt
import numpy as np
import pandas as pd
import pytest

from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.trial_key import trial_key, window_fingerprint
from strategies.base import Past, Reading, Weights
from tests.resources.machines import ROOT

PUBLISHED = EntrySchedule(pd.Timestamp("2025-01-31"), 252, 20, pd.Timestamp("2025-01-27"))
PRICES = "ab" * 32


class Leader(Reading):
    """A reading with parameters."""

    params = (("sessions", 60), ("hedge", False), ("names", ("NVDA", "AMD")))
    symbols = ("SPY",)

    def weights(self, past: Past) -> Weights:
        return {"SPY": 1.0}


class Follower(Leader):
    """Leader under another name."""


class Plain(bt.Strategy):
    """Any strategy of Backtrader."""

    params: ClassVar = (("hold", 5), ("since", pd.Timestamp("2025-01-31")))


def of(
    parameters: dict[object, object] | None = None, strategy: type = Leader, schedule: EntrySchedule = PUBLISHED
) -> str:
    return trial_key(strategy, parameters or {}, schedule, Frictions(), PRICES)


def by_hand(names: str) -> str:
    """The key of a variant whose parameter `names` has this JSON in the hashed text."""
    text = (
        '{"frictions": {"mapping": [["borrow_rate", 0.003], ["cash_rate", "policy"], ["commission_bps", 1.0], '
        '["half_spread_bps", 2.0], ["lag", 1.0]]}, '
        f'"parameters": {{"mapping": [["hedge", false], ["names", {names}], ["sessions", 60.0]]}}, '
        f'"prices": "{PRICES}", '
        '"schedule": {"mapping": [["entry", "2025-01-31"], ["hold", 252.0], ["rebalance", 20.0], '
        '["shock", "2025-01-27"]]}, '
        f'"strategy": "{Leader.__module__}.Leader"}}'
    )
    return sha256(text.encode()).hexdigest()


def test_the_key_is_the_hash_of_a_text_written_by_hand() -> None:
    assert of() == by_hand('["NVDA", "AMD"]')


@pytest.mark.parametrize(
    "parameters",
    [
        {"sessions": 60},
        {"sessions": 60.0, "hedge": False},
        {"hedge": np.bool_(False), "sessions": np.int64(60)},
        {"names": ["NVDA", "AMD"]},
        {"names": np.array(["NVDA", "AMD"])},
    ],
)
def test_equal_variants_have_one_key(parameters: dict[object, object]) -> None:
    assert of(parameters) == of()


def test_an_entry_by_date_has_the_shock_that_the_reading_takes() -> None:
    assert of(schedule=replace(PUBLISHED, shock=None)) == of()
    assert of(schedule=EntrySchedule(pd.Timestamp("2025-01-31").as_unit("s"), 252, 20)) == of()


def test_every_change_of_the_variant_changes_the_key() -> None:
    keys = [
        of(),
        of(strategy=Follower),
        *(of({"sessions": value}) for value in (61, np.nextafter(60.0, 61.0), None, "60", True, float("nan"), 10**400)),
        *(of({"names": value}) for value in (["AMD", "NVDA"], {"NVDA", "AMD"}, {"NVDA": "AMD"}, "NVDA", [])),
        *(of({"names": value}) for value in (Frictions(), Frictions(lag=2), Leader, of, pd.Series({"a": 1.0}))),
        *(of({"names": value}) for value in (range(2), range(3), slice(2), object(), pd.Timestamp("2025-01-31 16:00"))),
        of(schedule=replace(PUBLISHED, hold=None)),
        of(schedule=replace(PUBLISHED, rebalance=21)),
        of(schedule=replace(PUBLISHED, entry=pd.Timestamp("2025-02-03"))),
        of(schedule=replace(PUBLISHED, shock=pd.Timestamp("2025-01-24"))),
        trial_key(Leader, {}, PUBLISHED, Frictions(half_spread_bps=2.5), PRICES),
        trial_key(Leader, {}, PUBLISHED, Frictions(), "cd" * 32),
    ]
    assert len(set(keys)) == len(keys)


def test_the_order_of_unordered_values_does_not_matter() -> None:
    names = {"b": [1, {"x", "y", "z"}], "a": date(2025, 1, 27)}
    again = {"a": pd.Timestamp("2025-01-27"), "b": (1.0, {"z", "y", "x"})}
    assert of({"names": names}) == of({"names": again})
    assert of({"hedge": True, "sessions": 5}) == of({"sessions": 5, "hedge": True})


def test_an_object_is_not_identified_by_its_address() -> None:
    assert of({"names": [object()]}) == of({"names": [object()]})


def test_rebalance_and_shock_do_not_affect_a_plain_strategy() -> None:
    assert of(strategy=Plain, schedule=EntrySchedule(PUBLISHED.entry, 252, 5)) == of(strategy=Plain)
    assert of(strategy=Plain, schedule=replace(PUBLISHED, hold=60)) != of(strategy=Plain)
    assert of({"hold": 6}, strategy=Plain) != of(strategy=Plain)
    assert of({"since": date(2025, 1, 31)}, strategy=Plain) == of(strategy=Plain)


def test_later_sessions_and_dividends_do_not_change_the_fingerprint_of_a_window(random_prices) -> None:
    prices = random_prices(("AAA", "BBB"), sessions=80)
    factor = np.array(prices.factor)
    factor[:30, 0] *= 0.99  # a dividend inside the window
    prices = replace(prices, factor=factor)
    then = window_fingerprint(prices, ("AAA", "BBB"), 60)
    assert window_fingerprint(prices.rows(0, 60), ("AAA", "BBB"), 60) == then
    later = np.array(factor)
    later[:70] *= 1 - 0.123 / 45.6
    assert window_fingerprint(replace(prices, factor=later), ("AAA", "BBB"), 60) == then
    assert replace(prices, factor=later).rows(0, 60).fingerprint != prices.rows(0, 60).fingerprint


def test_every_visible_price_changes_the_fingerprint_of_a_window(random_prices) -> None:
    prices = random_prices(("AAA", "BBB"), sessions=80)
    close, factor, unlisted = np.array(prices.close), np.array(prices.factor), np.array(prices.volume)
    close[10, 1] = np.nextafter(close[10, 1], 0)
    factor[:10, 1] *= 0.9999
    unlisted[0, 0] = np.nan
    both = ("AAA", "BBB")
    changed = {"close": close, "factor": factor, "volume": unlisted}
    result = [
        window_fingerprint(prices, both, 60),
        window_fingerprint(prices, both, 61),
        window_fingerprint(prices, both[::-1], 60),
        window_fingerprint(prices, both[:1], 60),
        window_fingerprint(prices.rows(1, 80), both, 59),
        *(window_fingerprint(replace(prices, **{name: values}), both, 60) for name, values in changed.items()),
    ]
    assert len(set(result)) == len(result)


class Pair:
    """An object with attributes."""

    def __init__(self) -> None:
        self.right, self.left = 2, (1,)


class Addressed:
    """An object without attributes, whose repr has its address."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<one at 0x7f00aB12 of two at 0x1>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ("x", '"x"'),
        (-0.0, "0.0"),
        (2**53, "9007199254740992.0"),
        (2.0**53, "9007199254740992.0"),
        (2**53 + 1, "9007199254740993"),
        (-(2**53) - 1, "-9007199254740993"),
        (0.1, "0.1"),
        (date(2025, 1, 27), '"2025-01-27"'),
        (pd.Timestamp("2025-01-31 16:00"), '"2025-01-31T16:00:00"'),
        ([1, [2]], "[1.0, [2.0]]"),
        ({"b", "a"}, '{"set": ["a", "b"]}'),
        (frozenset({2, 1}), '{"set": [1.0, 2.0]}'),
        ({2: "x", 1: {"y"}}, '{"mapping": [[1.0, {"set": ["y"]}], [2.0, "x"]]}'),
        ({10, 9}, '{"set": [10.0, 9.0]}'),
        ({1, "a"}, '{"set": ["a", 1.0]}'),
        ({1: "x", "a": "y"}, '{"mapping": [["a", "y"], [1.0, "x"]]}'),
        (np.array([1, 2]), "[1.0, 2.0]"),
        (np.float64(0.5), "0.5"),
        (np.int64(5), "5.0"),
        (pd.Series({"a": 1}), '{"mapping": [["a", 1.0]]}'),
        (Leader, f'"{Leader.__module__}.Leader"'),
        (Frictions.as_dict, '"runners.engine.backtest.frictions.Frictions.as_dict"'),
        (by_hand, f'"{by_hand.__module__}.by_hand"'),
        (Pair(), f'{{"{Pair.__module__}.Pair": {{"mapping": [["left", [1.0]], ["right", 2.0]]}}}}'),
        (Addressed(), f'{{"{Addressed.__module__}.Addressed": "<one of two>"}}'),
        (range(2), '{"builtins.range": "range(0, 2)"}'),
    ],
)
def test_values_are_canonical_in_the_text_of_the_key(value: object, text: str) -> None:
    assert of({"names": value}) == by_hand(text)


def test_the_fingerprint_of_a_window_is_the_hash_of_bytes_written_by_hand(make_prices) -> None:
    prices = make_prices({"OLD": [5.0, 6.0, 7.0, 8.0, 9.0], "NEW": [np.nan, 2.0, 2.0, 3.0, 4.0]})
    factor = np.array(prices.factor)
    factor[:3, 1] /= 1.01250034
    factor[:2, 1] /= 1.25
    prices = replace(prices, factor=factor)
    # NEW is listed on the second session; before the fifth there are three of it, and two steps between them.
    days = np.array(["2025-01-28", "2025-01-29", "2025-01-30"], dtype="datetime64[D]").astype("<i8").tobytes()
    closes, volumes = np.array([2.0, 2.0, 3.0]).tobytes(), np.array([1000.0] * 3).tobytes()
    steps = np.array([1.25, 1.0125]).tobytes()  # to six digits
    digest = sha256(b"NEW" + days + closes * 4 + volumes + steps).hexdigest()
    assert window_fingerprint(prices, ("NEW",), 4) == digest
    # With OLD beside it the window is longer, and what NEW lacks is -1.
    days = np.arange("2025-01-27", "2025-01-29", dtype="datetime64[D]").astype("<i8").tobytes()
    both, volumes = (
        np.array([[5.0, -1.0], [6.0, 2.0]]).tobytes(),
        np.array([[1000.0, -1.0], [1000.0, 1000.0]]).tobytes(),
    )
    steps = np.array([[1.0, -1.0]]).tobytes()
    digest = sha256(b"OLD NEW" + days + both * 4 + volumes + steps).hexdigest()
    assert window_fingerprint(prices, ("OLD", "NEW"), 2) == digest
    # If it is not listed yet, only the last session counts.
    days = np.array(["2025-01-27"], dtype="datetime64[D]").astype("<i8").tobytes()
    assert window_fingerprint(prices, ("NEW",), 1) == sha256(b"NEW" + days + np.full(5, -1.0).tobytes()).hexdigest()


def test_keys_are_the_same_in_every_process() -> None:
    code = (
        "import pandas as pd; from runners.engine.backtest.cerebro import EntrySchedule; "
        "from strategies.base.basket import Basket; "
        "from runners.engine.backtest.frictions import Frictions; from runners.engine.trial_key import trial_key; "
        "schedule = EntrySchedule(pd.Timestamp('2025-01-31'), 252, 20); "
        "print(trial_key(Basket, {'names': {'A', 'B', 'C', 'D'}}, schedule, Frictions(), ''))"
    )
    values = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(values) == 1
