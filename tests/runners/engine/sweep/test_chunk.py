"""Chunks of a sweep: figures against Backtrader, pandas, SciPy and hand arithmetic; failures stop no other variant."""

from __future__ import annotations

import json
from dataclasses import replace
from types import ModuleType

import backtrader as bt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data import fomc
from data.errors import RequestError, SourceError, WorkError
from data.prices import Prices
from reports.records.result import HORIZONS
from reports.statistics.returns import sharpe_moments
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.backtest.frictions import Frictions
from runners.engine.evaluation import evaluate
from runners.engine.study import ReadingStudy, prepare
from runners.engine.sweep import chunk
from runners.engine.sweep.chunk import (
    COLUMNS,
    ChunkInputs,
    ChunkOutcome,
    VariantChunk,
    daily_policy_rates,
    measure_variants,
    run_chunk,
)
from runners.engine.vectorized.scenarios import Scenario
from strategies.base import Cash, Fund, Past, Reading, Weights
from tests.resources.rules import Fixed


class Share(Reading):
    """Holds a share of A, and some B."""

    params = (("share", 0.5),)
    symbols = ("A", "B")
    comparator = Fund("SPY")

    def weights(self, past: Past) -> Weights:
        if self.p.share < 0:
            raise ZeroDivisionError("no such share")
        return {"A": self.p.share, "B": 0.2}


class Greedy(bt.Strategy):
    """Buys more than it can pay for, twice, then a little."""

    def next(self) -> None:
        if len(self) in (3, 4):
            self.buy(size=1e6)
        elif len(self) == 5:
            self.buy(size=10)


@pytest.fixture
def prices(random_prices) -> Prices:
    """Three symbols with dividends, over 320 sessions."""
    prices = random_prices(("A", "B", "SPY"))
    factor = np.ones(prices.close.shape)
    factor[:150] *= [0.98, 0.99, 0.97]
    factor[:250] *= [0.97, 1.0, 0.98]
    return replace(prices, factor=factor)


@pytest.fixture
def inputs(prices) -> ChunkInputs:
    return ChunkInputs(prepare("share", Share, "SPY"), prices, "SPY")


def variant(prices: Prices, row: int = 200, hold: int | None = 20, share: float = 0.5, **changes: object) -> Scenario:
    return Scenario(**{"entry": prices.sessions[row], "hold": hold, "parameters": {"share": share}, **changes})


def figures(table: np.ndarray, index: int = 0) -> dict[str, float]:
    return dict(zip(COLUMNS, table[index].tolist(), strict=True))


def test_figures_of_variants_equal_single_runs(inputs, prices):
    variants = [
        variant(prices),
        variant(prices, 100, None, 0.7, rebalance=5, frictions=Frictions(9, 2, 0.01, 0.02, 2)),
        variant(prices, 290, 60, 0.1, rebalance=None, frictions=Frictions(cash_rate="policy")),
        variant(prices, 230, 61),
    ]
    table, equity = measure_variants(inputs, variants)
    for index, one in enumerate(variants):
        schedule = EntrySchedule(one.entry, one.hold, one.rebalance)
        study = replace(inputs.study, parameters=one.parameters)
        result = evaluate(study, prices, schedule, one.frictions, pd.Series(0.0, prices.sessions))
        first, length = prices.row(one.entry) - 1, len(result.equity) - 1
        wealth = result.equity.to_numpy()
        close = (prices.close * prices.factor)[:, 2]
        lower, upper = fomc.policy_range(result.equity.index[1:])
        rate = (1 + np.mean((lower + upper) / 2)) ** (1 / 252) - 1
        excess = result.equity.pct_change().dropna() - rate
        until = one.hold if one.hold is not None else 10**6
        expected = {
            "net": wealth[-1] / 1e6 - 1,
            "excess": wealth[-1] / 1e6 - close[first + length] / close[first],
            "d": result.d,
            "sharpe": excess.mean() / excess.std() * np.sqrt(252),
            "drawdown": (result.equity / result.equity.cummax() - 1).min(),
            "turnover": (result.fills["size"].abs() * result.fills["price"]).sum() / 1e6,
            "costs": result.fills["commission"].sum() + result.fills["spread_cost"].sum(),
            "exposure": result.gross.iloc[1:].mean(),
            "truncated": float(index in (1, 2)),
            "ruined": 0.0,
            "refused": 0.0,
            "sessions": length,
            "skewness": excess.skew(),
            "kurtosis": excess.kurt() + 3,
            "start": first,
        }
        for horizon in HORIZONS:
            reached = horizon <= min(until, length)
            expected[f"return_{horizon}"] = wealth[horizon] / 1e6 - 1 if reached else np.nan
            expected[f"d_{horizon}"] = result.horizons[horizon].d if reached else np.nan
        assert figures(table, index) == pytest.approx(expected, rel=1e-7, abs=1e-8, nan_ok=True)
        assert equity[index, : length + 1] == pytest.approx(wealth, abs=0.01)


def test_a_ruin_by_hand(make_prices):
    prices = make_prices({"A": [100.0, 100.0, 100.0, 300.0, 300.0] + [300.0] * 20, "SPY": [50.0] * 2 + [60.0] * 23})
    study = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    free = Frictions(0, 0, 0, 0)
    one = Scenario(prices.sessions[1], None, frictions=free, parameters=dict(study.parameters))
    table, _ = measure_variants(ChunkInputs(study, prices, "SPY"), [one])
    outcome = figures(table)
    # 10,000 shares sold at 100 and due at 300.
    assert (outcome["net"], outcome["drawdown"], outcome["ruined"], outcome["truncated"]) == (-2.0, -2.0, 1.0, 1.0)
    assert outcome["d"] == -np.inf and outcome["d_5"] == -np.inf and outcome["return_5"] == -2.0
    assert np.isnan([outcome[name] for name in ("sharpe", "skewness", "kurtosis")]).all()
    assert outcome["excess"] == pytest.approx(-2.0 - 0.2)
    assert (outcome["turnover"], outcome["costs"], outcome["start"]) == (1.0, 0.0, 0.0)


def test_ruin_at_exactly_zero_has_no_ratios(make_prices):
    prices = make_prices({"A": [100.0] * 3 + [200.0] * 25, "SPY": [50.0] * 28})
    study = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    one = Scenario(prices.sessions[1], None, frictions=Frictions(0, 0, 0, 0), parameters=dict(study.parameters))
    table, equity = measure_variants(ChunkInputs(study, prices, "SPY"), [one])
    outcome = figures(table)
    assert equity[0, :4].tolist() == [1e6, 1e6, 1e6, 0.0]
    assert (outcome["net"], outcome["d"], outcome["ruined"], outcome["sessions"]) == (-1.0, -np.inf, 1.0, 27.0)
    assert np.isnan([outcome[name] for name in ("sharpe", "skewness", "kurtosis")]).all()


def test_unfilled_orders_are_counted(make_prices):
    prices = make_prices({"A": [100.0] * 12, "SPY": [50.0] * 12})
    study = prepare("tests:Greedy", Greedy, "SPY", ("A",))
    inputs = ChunkInputs(study, prices, "SPY")
    table, _ = measure_variants(inputs, [Scenario(prices.sessions[1], 6, frictions=Frictions(0, 0, 0, 0))])
    outcome = figures(table)
    assert (outcome["refused"], outcome["sessions"], outcome["turnover"]) == (2.0, 7.0, pytest.approx(0.002))
    assert (outcome["truncated"], outcome["ruined"], outcome["d"], outcome["excess"]) == (0.0, 0.0, 0.0, 0.0)


def test_a_benchmark_not_listed_yet_gives_no_excess(make_prices):
    prices = make_prices({"A": [100.0] * 12, "SPY": [np.nan] * 3 + [50.0] * 9})
    study = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", 1.0),)})
    variants = [Scenario(prices.sessions[row], 5, parameters=dict(study.parameters)) for row in (3, 4)]
    table, _ = measure_variants(ChunkInputs(study, prices, "SPY"), variants)
    assert np.isnan(figures(table)["excess"]) and figures(table, 1)["excess"] < 0


def test_moments_equal_scipy():
    excess = np.random.default_rng(3).standard_t(4, (4, 60)) * 0.01
    excess[1, 20:] = np.nan
    excess[2, 19:] = np.nan
    excess[3] = 0.001
    sharpe, skewness, kurtosis = sharpe_moments(excess, np.zeros(4, dtype=bool))
    for row in (0, 1):
        known = excess[row][~np.isnan(excess[row])]
        assert sharpe[row] == pytest.approx(known.mean() / known.std(ddof=1))
        assert skewness[row] == pytest.approx(stats.skew(known, bias=False))
        assert kurtosis[row] == pytest.approx(stats.kurtosis(known, fisher=False, bias=False))
    for moment in (sharpe, skewness, kurtosis):
        assert np.isnan(moment[2:]).all(), "nineteen returns are too few, and constant returns have no ratio"
        assert np.isfinite(moment[:2]).all()
    for moment in sharpe_moments(excess[:2], np.array([True, False])):
        assert np.isnan(moment[0]) and np.isfinite(moment[1])


def test_huge_returns_give_no_warning():
    for moment in sharpe_moments(np.array([[1e200, -1e200] * 15]), np.array([False])):
        assert moment.shape == (1,)


def test_the_daily_rate_is_the_mean_of_the_window(prices):
    lower, upper = fomc.policy_range(prices.sessions)
    middle = (lower + upper) / 2
    rates = daily_policy_rates(prices, np.array([10, 10, 200]), np.array([11, 10, 203]))
    assert rates == pytest.approx(
        [(1 + middle[11]) ** (1 / 252) - 1, 0.0, (1 + middle[201:204].mean()) ** (1 / 252) - 1]
    )


def test_a_chunk_starts_no_processes(make_prices, monkeypatch):
    def fails() -> None:
        raise AssertionError

    monkeypatch.setattr("runners.engine.vectorized.batch.Processes", fails)
    prices = make_prices({"A": [100.0] * 12, "SPY": [50.0] * 12})
    inputs = ChunkInputs(prepare("tests:Greedy", Greedy, "SPY", ("A",)), prices, "SPY")
    assert len(measure_variants(inputs, [Scenario(prices.sessions[1], 6)])[0]) == 1


# --- chunks ----------------------------------------------------------------------------------------------------------


def chunk_of(*variants: Scenario, first: int = 0, curves: tuple[int, ...] = ()) -> VariantChunk:
    return VariantChunk(first, tuple(f"variant {index}" for index in range(len(variants))), variants, curves)


def test_a_chunk_is_named_by_its_variant_or_by_its_numbers(prices):
    assert str(chunk_of(variant(prices))) == "variant 0"
    assert str(chunk_of(*[variant(prices)] * 3, first=1233)) == "1,234 to 1,236"


def test_halves_make_up_the_chunk(prices):
    variants = tuple(variant(prices, row) for row in (100, 101, 102, 103, 104))
    left, right = chunk_of(*variants, first=10, curves=(0, 1, 2, 4)).halves()
    assert (left.first, left.texts, left.scenarios, left.curves) == (
        10,
        ("variant 0", "variant 1"),
        variants[:2],
        (0, 1),
    )
    assert (right.first, right.texts, right.scenarios) == (12, ("variant 2", "variant 3", "variant 4"), variants[2:])
    assert right.curves == (0, 2)
    (result,) = chunk_of(variants[0], first=3, curves=(0,)).halves()
    assert (result.first, result.texts, result.curves) == (3, ("variant 0",), (0,))


def test_curves_end_with_their_variants(inputs, prices):
    one, other = variant(prices, 200, 20), variant(prices, 210, 5)
    outcome = run_chunk(inputs, chunk_of(one, other, curves=(1,)))
    assert list(outcome.curves) == [1] and not outcome.failed and not outcome.dead
    schedule = EntrySchedule(other.entry, 5, 20)
    result = evaluate(inputs.study, prices, schedule, Frictions(), pd.Series(0.0, prices.sessions))
    assert outcome.curves[1] == pytest.approx(result.equity.to_numpy(), abs=0.01)


def test_a_variant_that_fails_stops_no_other(inputs, prices):
    variants = [variant(prices, share=share) for share in (0.1, -1, 0.2, 0.3, 2.0)]
    outcome = run_chunk(inputs, chunk_of(*variants, curves=(0, 1, 3)))
    assert sorted(outcome.failed) == [1, 4] and outcome.dead == frozenset()
    assert outcome.failed[1].startswith(
        "ZeroDivisionError: no such share (tests/runners/engine/sweep/test_chunk.py, line "
    )
    assert outcome.failed[4].startswith("Share at ")
    assert np.isnan(outcome.table[[1, 4]]).all() and sorted(outcome.curves) == [0, 3]
    for index in (0, 2, 3):
        result = run_chunk(inputs, chunk_of(variants[index]))
        assert outcome.table[index] == pytest.approx(result.table[0], nan_ok=True)


def test_the_failure_of_a_variant_has_no_scenario_number(inputs, prices):
    outcome = run_chunk(inputs, chunk_of(variant(prices, hold=20, parameters={"shares": 1})))
    assert outcome.failed[0].startswith("parameters: Share has no parameter 'shares'")


def test_the_failure_of_an_installed_strategy_names_its_line(tmp_path, prices):
    path = tmp_path / "site-packages" / "own" / "rules.py"
    text = (
        "from strategies.base import Cash, Reading\n\n\nclass Own(Reading):\n    symbols = ('A',)\n"
        "    comparator = Cash()\n\n    def weights(self, past):\n        return 1 / 0\n"
    )
    module = ModuleType("own.rules")
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102
    inputs = ChunkInputs(prepare("own", module.Own, "SPY"), prices, "SPY")
    outcome = run_chunk(inputs, chunk_of(variant(prices, parameters={})))
    assert outcome.failed == {0: "ZeroDivisionError: division by zero (own/rules.py, line 9)"}


@pytest.mark.parametrize("kind", [SourceError, WorkError, OSError, MemoryError, KeyboardInterrupt])
def test_errors_that_are_no_fault_of_a_variant_stop_the_chunk(inputs, prices, monkeypatch, kind):
    def fails(*_: object) -> None:
        raise kind("x")

    monkeypatch.setattr(chunk, "measure_variants", fails)
    with pytest.raises(kind):
        run_chunk(inputs, chunk_of(variant(prices), variant(prices)))


class Patient(Share):
    """Needs ninety closes."""

    history = 90


@pytest.mark.parametrize("closes", [89, 61, 0])
def test_too_few_closes_before_an_entry_are_refused(prices, closes):
    # The entry is the session after these closes; with no closes it is the session before the first.
    begun, entry = (prices, prices.sessions[closes]) if closes else (prices.rows(1, 320), prices.sessions[0])
    inputs = ChunkInputs(prepare("patient", Patient, "SPY"), begun, "SPY")
    with pytest.raises(RequestError) as caught:
        measure_variants(inputs, [variant(prices, 150), Scenario(entry, 5), Scenario(entry, 6)])
    assert str(caught.value) == (
        f"patient needs 90 closes before its entry on {entry:%Y-%m-%d}, and there are {closes}; "
        f"enter later, or load earlier prices"
    )


def test_exactly_enough_closes_are_accepted(prices):
    inputs = ChunkInputs(prepare("patient", Patient, "SPY"), prices, "SPY")
    table, _ = measure_variants(inputs, [variant(prices, 90)])
    assert figures(table)["start"] == 89


# --- outcomes -------------------------------------------------------------------------------------------------------


def test_the_outcome_of_a_failure_is_one_row_of_nan():
    gone = ChunkOutcome.without("why")
    assert gone.table.shape == (1, len(COLUMNS)) and np.isnan(gone.table).all()
    assert (gone.failed, gone.curves, gone.dead) == ({0: "why"}, {}, frozenset())
    assert ChunkOutcome.without("why", dead=True).dead == {0}


def test_outcomes_are_joined_in_order():
    one = ChunkOutcome(np.full((2, len(COLUMNS)), 1.0), {1: "one"}, {0: np.array([1.0])})
    other = ChunkOutcome(np.full((3, len(COLUMNS)), 2.0), {0: "other"}, {2: np.array([2.0])}, frozenset((1,)))
    outcome = ChunkOutcome.joined([one, other, ChunkOutcome.without("last", dead=True)])
    assert outcome.table[:5, 0].tolist() == [1, 1, 2, 2, 2] and outcome.table.shape == (6, len(COLUMNS))
    assert outcome.failed == {1: "one", 2: "other", 5: "last"}
    assert {index: curve.tolist() for index, curve in outcome.curves.items()} == {0: [1.0], 4: [2.0]}
    assert outcome.dead == {3, 5}


def test_an_outcome_round_trips_through_its_text():
    table = np.random.default_rng(1).normal(size=(3, len(COLUMNS)))
    table[1], table[2, 0], table[2, 1] = np.nan, -np.inf, -0.0
    outcome = ChunkOutcome(table, {1: 'no "such" share\n é'}, {0: np.array([1e6, 1e6 + 1e-9]), 2: np.array([5.0])})
    text = outcome.as_text()
    assert list(json.loads(text)) == ["table", "failed", "curves"] and "\n" not in text and text.isascii()
    assert json.loads(text)["failed"] == {"1": 'no "such" share\n é'}
    again = ChunkOutcome.of_text(text)
    assert again.table.tobytes() == table.tobytes() and again.table.shape == table.shape
    assert again.failed == {1: 'no "such" share\n é'} and again.table.dtype == np.float64
    assert {index: curve.tolist() for index, curve in again.curves.items()} == {0: [1e6, 1e6 + 1e-9], 2: [5.0]}
    again.table[0, 0] = 1.0
