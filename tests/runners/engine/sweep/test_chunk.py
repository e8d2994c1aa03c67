"""Parts of a sweep: figures against Backtrader's runs, pandas, SciPy and hand arithmetic; what fails stops no other."""

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
    SpecChunk,
    daily_policy_rates,
    measure_variants,
    run_chunk,
)
from runners.engine.vectorized.scenarios import Scenario
from strategies.base import Cash, Fund, Past, Reading, Weights
from tests.resources.rules import Fixed


class Share(Reading):
    """Holds a share of A beside some B."""

    params = (("share", 0.5),)
    symbols = ("A", "B")
    comparator = Fund("SPY")

    def weights(self, past: Past) -> Weights:
        if self.p.share < 0:
            raise ZeroDivisionError("no such share")
        return {"A": self.p.share, "B": 0.2}


class Greedy(bt.Strategy):
    """Buys more than it has money for, twice, and then a little."""

    def next(self) -> None:
        if len(self) in (3, 4):
            self.buy(size=1e6)
        elif len(self) == 5:
            self.buy(size=10)


@pytest.fixture
def prices(random_prices) -> Prices:
    """Three names that pay dividends, over 320 sessions."""
    made = random_prices(("A", "B", "SPY"))
    factor = np.ones(made.close.shape)
    factor[:150] *= [0.98, 0.99, 0.97]
    factor[:250] *= [0.97, 1.0, 0.98]
    return replace(made, factor=factor)


@pytest.fixture
def bench(prices) -> ChunkInputs:
    return ChunkInputs(prepare("share", Share, "SPY"), prices, "SPY")


def spec(prices: Prices, row: int = 200, hold: int | None = 20, share: float = 0.5, **changes: object) -> Scenario:
    return Scenario(**{"entry": prices.sessions[row], "hold": hold, "parameters": {"share": share}, **changes})


def figures(table: np.ndarray, place: int = 0) -> dict[str, float]:
    return dict(zip(COLUMNS, table[place].tolist(), strict=True))


def test_figures_of_specs_side_by_side_are_those_of_single_runs(bench, prices):
    specs = [
        spec(prices),
        spec(prices, 100, None, 0.7, rebalance=5, frictions=Frictions(9, 2, 0.01, 0.02, 2)),
        spec(prices, 290, 60, 0.1, rebalance=None, frictions=Frictions(cash_rate="policy")),
        spec(prices, 230, 61),
    ]
    table, equity = measure_variants(bench, specs)
    for place, one in enumerate(specs):
        launch = EntrySchedule(one.entry, one.hold, one.rebalance)
        own = replace(bench.subject, parameters=one.parameters)
        alone = evaluate(own, prices, launch, one.frictions, pd.Series(0.0, prices.sessions))
        first, length = prices.row(one.entry) - 1, len(alone.equity) - 1
        wealth = alone.equity.to_numpy()
        close = (prices.close * prices.factor)[:, 2]
        lower, upper = fomc.policy_range(alone.equity.index[1:])
        rate = (1 + np.mean((lower + upper) / 2)) ** (1 / 252) - 1
        excess = alone.equity.pct_change().dropna() - rate
        until = one.hold if one.hold is not None else 10**6
        expected = {
            "net": wealth[-1] / 1e6 - 1,
            "excess": wealth[-1] / 1e6 - close[first + length] / close[first],
            "d": alone.d,
            "sharpe": excess.mean() / excess.std() * np.sqrt(252),
            "drawdown": (alone.equity / alone.equity.cummax() - 1).min(),
            "turnover": (alone.fills["size"].abs() * alone.fills["price"]).sum() / 1e6,
            "costs": alone.fills["commission"].sum() + alone.fills["spread_cost"].sum(),
            "exposure": alone.gross.iloc[1:].mean(),
            "truncated": float(place in (1, 2)),
            "ruined": 0.0,
            "refused": 0.0,
            "sessions": length,
            "skewness": excess.skew(),
            "kurtosis": excess.kurt() + 3,
            "start": first,
        }
        for horizon in HORIZONS:
            there = horizon <= min(until, length)
            expected[f"return_{horizon}"] = wealth[horizon] / 1e6 - 1 if there else np.nan
            expected[f"d_{horizon}"] = alone.horizons[horizon].d if there else np.nan
        assert figures(table, place) == pytest.approx(expected, rel=1e-7, abs=1e-8, nan_ok=True)
        assert equity[place, : length + 1] == pytest.approx(wealth, abs=0.01)


def test_a_ruin_by_hand(make_prices):
    prices = make_prices({"A": [100.0, 100.0, 100.0, 300.0, 300.0] + [300.0] * 20, "SPY": [50.0] * 2 + [60.0] * 23})
    subject = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    free = Frictions(0, 0, 0, 0)
    one = Scenario(prices.sessions[1], None, frictions=free, parameters=dict(subject.parameters))
    table, _ = measure_variants(ChunkInputs(subject, prices, "SPY"), [one])
    found = figures(table)
    # 10,000 shares sold at 100 and due at 300.
    assert (found["net"], found["drawdown"], found["ruined"], found["truncated"]) == (-2.0, -2.0, 1.0, 1.0)
    assert found["d"] == -np.inf and found["d_5"] == -np.inf and found["return_5"] == -2.0
    assert np.isnan([found[name] for name in ("sharpe", "skewness", "kurtosis")]).all()
    assert found["excess"] == pytest.approx(-2.0 - 0.2)
    assert (found["turnover"], found["costs"], found["start"]) == (1.0, 0.0, 0.0)


def test_a_ruin_that_leaves_exactly_nothing_has_no_ratios(make_prices):
    prices = make_prices({"A": [100.0] * 3 + [200.0] * 25, "SPY": [50.0] * 28})
    subject = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", -1.0),)})
    one = Scenario(prices.sessions[1], None, frictions=Frictions(0, 0, 0, 0), parameters=dict(subject.parameters))
    table, equity = measure_variants(ChunkInputs(subject, prices, "SPY"), [one])
    found = figures(table)
    assert equity[0, :4].tolist() == [1e6, 1e6, 1e6, 0.0]
    assert (found["net"], found["d"], found["ruined"], found["sessions"]) == (-1.0, -np.inf, 1.0, 27.0)
    assert np.isnan([found[name] for name in ("sharpe", "skewness", "kurtosis")]).all()


def test_orders_that_are_not_filled_are_counted(make_prices):
    prices = make_prices({"A": [100.0] * 12, "SPY": [50.0] * 12})
    subject = prepare("tests:Greedy", Greedy, "SPY", ("A",))
    bench = ChunkInputs(subject, prices, "SPY")
    table, _ = measure_variants(bench, [Scenario(prices.sessions[1], 6, frictions=Frictions(0, 0, 0, 0))])
    found = figures(table)
    assert (found["refused"], found["sessions"], found["turnover"]) == (2.0, 7.0, pytest.approx(0.002))
    assert (found["truncated"], found["ruined"], found["d"], found["excess"]) == (0.0, 0.0, 0.0, 0.0)


def test_a_benchmark_that_was_not_listed_gives_no_excess(make_prices):
    prices = make_prices({"A": [100.0] * 12, "SPY": [np.nan] * 3 + [50.0] * 9})
    subject = ReadingStudy("fixed", Fixed, ("A",), Cash(), {"target": (("A", 1.0),)})
    made = [Scenario(prices.sessions[row], 5, parameters=dict(subject.parameters)) for row in (3, 4)]
    table, _ = measure_variants(ChunkInputs(subject, prices, "SPY"), made)
    assert np.isnan(figures(table)["excess"]) and figures(table, 1)["excess"] < 0


def test_moments_are_those_of_scipy():
    excess = np.random.default_rng(3).standard_t(4, (4, 60)) * 0.01
    excess[1, 20:] = np.nan
    excess[2, 19:] = np.nan
    excess[3] = 0.001
    sharpe, skewness, kurtosis = sharpe_moments(excess, np.zeros(4, dtype=bool))
    for row in (0, 1):
        there = excess[row][~np.isnan(excess[row])]
        assert sharpe[row] == pytest.approx(there.mean() / there.std(ddof=1))
        assert skewness[row] == pytest.approx(stats.skew(there, bias=False))
        assert kurtosis[row] == pytest.approx(stats.kurtosis(there, fisher=False, bias=False))
    for told in (sharpe, skewness, kurtosis):
        assert np.isnan(told[2:]).all(), "nineteen are too few, and one value does not vary"
        assert np.isfinite(told[:2]).all()
    for told in sharpe_moments(excess[:2], np.array([True, False])):
        assert np.isnan(told[0]) and np.isfinite(told[1])


def test_returns_of_another_world_warn_of_nothing():
    for told in sharpe_moments(np.array([[1e200, -1e200] * 15]), np.array([False])):
        assert told.shape == (1,)


def test_the_rate_of_a_session_is_that_of_the_window(prices):
    lower, upper = fomc.policy_range(prices.sessions)
    middle = (lower + upper) / 2
    found = daily_policy_rates(prices, np.array([10, 10, 200]), np.array([11, 10, 203]))
    assert found == pytest.approx(
        [(1 + middle[11]) ** (1 / 252) - 1, 0.0, (1 + middle[201:204].mean()) ** (1 / 252) - 1]
    )


def test_a_part_starts_no_processes_of_its_own(make_prices, monkeypatch):
    def fails() -> None:
        raise AssertionError

    monkeypatch.setattr("runners.engine.vectorized.batch.Processes", fails)
    prices = make_prices({"A": [100.0] * 12, "SPY": [50.0] * 12})
    bench = ChunkInputs(prepare("tests:Greedy", Greedy, "SPY", ("A",)), prices, "SPY")
    assert len(measure_variants(bench, [Scenario(prices.sessions[1], 6)])[0]) == 1


# --- parts ----------------------------------------------------------------------------------------------------------


def part_of(*specs: Scenario, first: int = 0, curves: tuple[int, ...] = ()) -> SpecChunk:
    return SpecChunk(first, tuple(f"spec {place}" for place in range(len(specs))), specs, curves)


def test_a_part_is_called_by_its_spec_or_by_the_numbers_of_the_first_and_the_last(prices):
    assert str(part_of(spec(prices))) == "spec 0"
    assert str(part_of(*[spec(prices)] * 3, first=1233)) == "1,234 to 1,236"


def test_halves_are_the_part_together(prices):
    specs = tuple(spec(prices, row) for row in (100, 101, 102, 103, 104))
    left, right = part_of(*specs, first=10, curves=(0, 1, 2, 4)).halves()
    assert (left.first, left.texts, left.scenarios, left.curves) == (10, ("spec 0", "spec 1"), specs[:2], (0, 1))
    assert (right.first, right.texts, right.scenarios) == (12, ("spec 2", "spec 3", "spec 4"), specs[2:])
    assert right.curves == (0, 2)
    (alone,) = part_of(specs[0], first=3, curves=(0,)).halves()
    assert (alone.first, alone.texts, alone.curves) == (3, ("spec 0",), (0,))


def test_curves_that_are_wanted_come_as_long_as_their_spec_ran(bench, prices):
    one, other = spec(prices, 200, 20), spec(prices, 210, 5)
    found = run_chunk(bench, part_of(one, other, curves=(1,)))
    assert list(found.curves) == [1] and not found.failed and not found.dead
    launch = EntrySchedule(other.entry, 5, 20)
    alone = evaluate(bench.subject, prices, launch, Frictions(), pd.Series(0.0, prices.sessions))
    assert found.curves[1] == pytest.approx(alone.equity.to_numpy(), abs=0.01)


def test_a_spec_that_cannot_be_run_is_told_and_stops_no_other(bench, prices):
    specs = [spec(prices, share=share) for share in (0.1, -1, 0.2, 0.3, 2.0)]
    found = run_chunk(bench, part_of(*specs, curves=(0, 1, 3)))
    assert sorted(found.failed) == [1, 4] and found.dead == frozenset()
    assert found.failed[1].startswith(
        "ZeroDivisionError: no such share (tests/runners/engine/sweep/test_chunk.py, line "
    )
    assert found.failed[4].startswith("Share at ")
    assert np.isnan(found.table[[1, 4]]).all() and sorted(found.curves) == [0, 3]
    for place in (0, 2, 3):
        alone = run_chunk(bench, part_of(specs[place]))
        assert found.table[place] == pytest.approx(alone.table[0], nan_ok=True)


def test_what_is_told_of_a_single_spec_gives_it_no_number(bench, prices):
    found = run_chunk(bench, part_of(spec(prices, hold=20, parameters={"shares": 1})))
    assert found.failed[0].startswith("parameters: Share has no parameter 'shares'")


def test_a_strategy_of_an_installed_package_is_told_with_its_own_lines(tmp_path, prices):
    path = tmp_path / "site-packages" / "own" / "rules.py"
    text = (
        "from strategies.base import Cash, Reading\n\n\nclass Own(Reading):\n    symbols = ('A',)\n"
        "    comparator = Cash()\n\n    def weights(self, past):\n        return 1 / 0\n"
    )
    module = ModuleType("own.rules")
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102
    bench = ChunkInputs(prepare("own", module.Own, "SPY"), prices, "SPY")
    found = run_chunk(bench, part_of(spec(prices, parameters={})))
    assert found.failed == {0: "ZeroDivisionError: division by zero (own/rules.py, line 9)"}


@pytest.mark.parametrize("kind", [SourceError, WorkError, OSError, MemoryError, KeyboardInterrupt])
def test_what_is_no_fault_of_a_spec_stops_the_part(bench, prices, monkeypatch, kind):
    def fails(*_: object) -> None:
        raise kind("x")

    monkeypatch.setattr(chunk, "measure_variants", fails)
    with pytest.raises(kind):
        run_chunk(bench, part_of(spec(prices), spec(prices)))


class Patient(Share):
    """Needs ninety closes."""

    history = 90


@pytest.mark.parametrize("closes", [89, 61, 0])
def test_too_few_closes_before_an_entry_are_told_with_their_number(prices, closes):
    # The entry is the session after these closes; where there are none it is the one before the first.
    begun, entry = (prices, prices.sessions[closes]) if closes else (prices.rows(1, 320), prices.sessions[0])
    bench = ChunkInputs(prepare("patient", Patient, "SPY"), begun, "SPY")
    with pytest.raises(RequestError) as caught:
        measure_variants(bench, [spec(prices, 150), Scenario(entry, 5), Scenario(entry, 6)])
    assert str(caught.value) == (
        f"patient needs 90 closes before its entry on {entry:%Y-%m-%d}, and there are {closes}; "
        f"enter later, or load earlier prices"
    )


def test_as_many_closes_as_are_needed_are_enough(prices):
    bench = ChunkInputs(prepare("patient", Patient, "SPY"), prices, "SPY")
    table, _ = measure_variants(bench, [spec(prices, 90)])
    assert figures(table)["start"] == 89


# --- outcomes -------------------------------------------------------------------------------------------------------


def test_an_outcome_without_anything_is_one_row_of_no_numbers():
    gone = ChunkOutcome.without("why")
    assert gone.table.shape == (1, len(COLUMNS)) and np.isnan(gone.table).all()
    assert (gone.failed, gone.curves, gone.dead) == ({0: "why"}, {}, frozenset())
    assert ChunkOutcome.without("why", dead=True).dead == {0}


def test_outcomes_are_joined_one_after_the_other():
    one = ChunkOutcome(np.full((2, len(COLUMNS)), 1.0), {1: "one"}, {0: np.array([1.0])})
    other = ChunkOutcome(np.full((3, len(COLUMNS)), 2.0), {0: "other"}, {2: np.array([2.0])}, frozenset((1,)))
    found = ChunkOutcome.joined([one, other, ChunkOutcome.without("last", dead=True)])
    assert found.table[:5, 0].tolist() == [1, 1, 2, 2, 2] and found.table.shape == (6, len(COLUMNS))
    assert found.failed == {1: "one", 2: "other", 5: "last"}
    assert {place: curve.tolist() for place, curve in found.curves.items()} == {0: [1.0], 4: [2.0]}
    assert found.dead == {3, 5}


def test_an_outcome_is_a_short_line_that_is_read_back_to_the_last_bit():
    table = np.random.default_rng(1).normal(size=(3, len(COLUMNS)))
    table[1], table[2, 0], table[2, 1] = np.nan, -np.inf, -0.0
    outcome = ChunkOutcome(table, {1: "why"}, {0: np.array([1e6, 1e6 + 1e-9]), 2: np.array([5.0])})
    text = outcome.as_text()
    assert list(json.loads(text)) == ["table", "failed", "curves"] and " " not in text
    assert json.loads(text)["failed"] == {"1": "why"}
    again = ChunkOutcome.of_text(text)
    assert again.table.tobytes() == table.tobytes() and again.table.shape == table.shape
    assert again.failed == {1: "why"} and again.table.dtype == np.float64
    assert {place: curve.tolist() for place, curve in again.curves.items()} == {0: [1e6, 1e6 + 1e-9], 2: [5.0]}
    again.table[0, 0] = 1.0
