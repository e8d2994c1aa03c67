"""The law: equity of `run_batch` equals Backtrader on every session, to one cent on 1,000,000 USD."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from data import calendar
from data.errors import DataError, RequestError
from data.prices import FIELDS, Prices
from reports.records.result import HORIZONS
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.execution.executor import Serial
from runners.engine.execution.processes import Processes
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading, Weights
from strategies.nvda_comeback import NvdaComeback
from tests.resources.readings import READINGS
from tests.resources.workers import Crossing

CENT = 0.01
DAYS = 60


class Restless(Reading):
    """Long what rose, short what fell."""

    params = (("gross", 1.0),)
    symbols = ("A", "B", "LATE")

    def weights(self, past: Past) -> Weights:
        names = past.tradable(self.symbols, closes=2)
        rose = {name: np.sign(past.growth(name, 1) - 1) for name in names}
        return {name: self.p.gross * sign / max(len(names), 1) for name, sign in rose.items()}


class Watchful(Restless):
    """Decides at every close; reads every fact about the entry."""

    watches = True

    def weights(self, past: Past) -> Weights:
        if past.scheduled or past.held % 3 == 1:
            return super().weights(past)
        return {} if past.session == pd.Timestamp(past.shock) else None


def reference(reading: type[Reading], prices: Prices, scenario: Scenario):
    schedule = EntrySchedule(scenario.entry, scenario.hold, scenario.rebalance, scenario.shock)
    return run_backtest(reading, prices, schedule, scenario.frictions, scenario.parameters)


def require_law(reading: type[Reading], prices: Prices, scenarios: list[Scenario]) -> None:
    batch = run_batch(reading, prices, Scenarios.of(scenarios))
    for index, scenario in enumerate(scenarios):
        expected = reference(reading, prices, scenario)
        length = len(expected.equity)
        assert batch.sessions[index] == length - 1, scenario
        assert batch.equity[index, :length] == pytest.approx(expected.equity, abs=CENT), scenario
        assert np.isnan(batch.equity[index, length:]).all()
        assert batch.ruined[index] == (expected.ruined is not None), scenario
        paid = sum(fill.commission + fill.spread_cost for fill in expected.fills)
        assert batch.costs[index] == pytest.approx(paid, abs=CENT), scenario
        traded = sum(abs(fill.size) * fill.price for fill in expected.fills)
        assert batch.turnover[index] == pytest.approx(traded / CAPITAL, abs=1e-6)
        assert batch.exposure[index] == pytest.approx(expected.gross[1:].mean(), abs=1e-9)


@st.composite
def markets(draw) -> Prices:
    """Random walks with large gaps at the open (up to ruin), low and high prices, and a listing inside the window."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    wild = draw(st.sampled_from([0.01, 0.1, 0.6]))
    level = draw(st.sampled_from([0.5, 20.0, 3000.0]))
    close = level * np.exp(np.cumsum(rng.normal(0, wild, (DAYS, 3)), axis=0))
    opened = close * np.exp(rng.normal(0, wild, close.shape))
    factor = np.cumprod(1 + rng.exponential(0.002, close.shape), axis=0)
    listed = draw(st.integers(0, DAYS - 1))
    for field in (close, opened, factor):
        field[:listed, 2] = np.nan
    index = calendar.calendar_index("2024-11-01")
    sessions = calendar.xnys()[index : index + DAYS]
    high, low = np.fmax(opened, close), np.fmin(opened, close)
    return Prices(
        sessions, ("A", "B", "LATE"), opened, high, low, close, np.where(np.isnan(close), np.nan, 1.0), factor
    )


frictions = st.builds(
    Frictions,
    commission_bps=st.sampled_from([0.0, 1.0, 50.0]),
    half_spread_bps=st.sampled_from([0.0, 2.0]),
    borrow_rate=st.sampled_from([0.0, 0.003, 0.5]),
    cash_rate=st.sampled_from(["policy", 0.0, 0.1]),
    lag=st.integers(1, 4),
)
scenario_settings = st.tuples(
    st.integers(2, DAYS - 1),
    st.one_of(st.none(), st.integers(1, DAYS)),
    st.one_of(st.none(), st.integers(1, 25)),
    frictions,
    st.sampled_from([1.0, 0.3]),
)


@settings(max_examples=40)
@given(
    prices=markets(),
    examples=st.lists(scenario_settings, min_size=1, max_size=4),
    reading=st.sampled_from([Restless, Watchful]),
)
def test_the_law_on_random_markets(prices, examples, reading):
    require_law(
        reading,
        prices,
        [
            Scenario(prices.sessions[row], hold, rebalance, None, costs, {"gross": gross})
            for row, hold, rebalance, costs, gross in examples
        ],
    )


def random_scenarios(prices: Prices, history: int, count: int, seed: int) -> list[Scenario]:
    rng = np.random.default_rng(seed)
    return [
        Scenario(
            prices.sessions[int(rng.integers(max(history, 5), len(prices.sessions) - 2))],
            [None, 1, 5, 20, 60, 252][rng.integers(6)],
            [None, 1, 3, 20][rng.integers(4)],
            None,
            Frictions(
                float(rng.integers(0, 20)),
                float(rng.integers(0, 20)),
                float(rng.choice([0.0, 0.003, 0.1])),
                "policy" if rng.random() < 0.5 else 0.05,
                int(rng.integers(1, 4)),
            ),
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("name", READINGS)
def test_the_law_on_real_prices(name, real_prices):
    reading = strategies.load(name)
    prices = real_prices.select(reading.rule().symbols)
    require_law(reading, prices, random_scenarios(prices, reading.history, 4, seed=4))


@pytest.mark.slow
@pytest.mark.parametrize("name", READINGS)
def test_the_law_on_real_prices_two_hundred_times(name, real_prices):
    reading = strategies.load(name)
    prices = real_prices.select(reading.rule().symbols)
    require_law(reading, prices, random_scenarios(prices, reading.history, 200, seed=200))


@settings(max_examples=60)
@given(prices=markets(), row=st.integers(2, DAYS - 1), shock=st.integers(0, DAYS - 1))
def test_the_course_of_nvda_comeback_equals_its_weights_at_every_close(prices, row, shock):
    own = Prices(prices.sessions, ("NVDA",), *(getattr(prices, name)[:, :1] for name in (*FIELDS, "factor"))).rebased(0)
    rule, last, day = NvdaComeback.rule(), DAYS - 1, str(prices.days[shock])
    course = rule.course(Past(own, last, held=last - row + 1, shock=day))
    for held in range(last - row + 2):
        weights = rule.weights(Past(own, row - 1 + held, held=held, shock=day))
        assert course.get(held) == weights, held
    assert course == Reading.course(rule, Past(own, last, held=last - row + 1, shock=day))


def test_statistics_equal_those_of_the_curves(real_prices):
    reading = strategies.load("gpu_bubble")
    scenarios = Scenarios.product(real_prices.sessions[200:260], holds=(4, 20, 130))
    whole = run_batch(reading, real_prices, scenarios)
    lean = run_batch(reading, real_prices, scenarios, curves=False)
    assert lean.equity is None
    assert len(whole.terminal) == len(scenarios) == 180
    for index in range(len(scenarios)):
        curve = whole.equity[index, : whole.sessions[index] + 1]
        daily = np.diff(curve) / curve[:-1]
        assert lean.terminal[index] == curve[-1]
        assert lean.sharpe[index] == pytest.approx(daily.mean() / daily.std(ddof=1) * np.sqrt(252), rel=1e-9)
        assert lean.max_drawdown[index] == pytest.approx((curve / np.maximum.accumulate(curve)).min() - 1, abs=1e-12)
        for column, horizon in enumerate(HORIZONS):
            reached = horizon <= scenarios.hold[index]
            expected = curve[horizon] / CAPITAL - 1 if reached else np.nan
            assert lean.horizons[index, column] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_results_keep_the_order_of_scenarios(real_prices):
    reading = strategies.load("bad_news")
    scenarios = Scenarios.product(real_prices.sessions[300:310], holds=(60, 5, None), parameters=({}, {}))
    batch = run_batch(reading, real_prices, scenarios)
    backwards = run_batch(reading, real_prices, scenarios.take(np.arange(len(scenarios))[::-1]))
    assert len(batch.terminal) == len(scenarios) == 60
    assert batch.terminal.tolist() == backwards.terminal[::-1].tolist()
    assert [scenarios[index].hold for index in (0, 10, 20)] == [60, 5, None]


def test_a_rule_that_reads_no_fact_about_the_entry_is_evaluated_once_a_session(real_prices, tmp_path):
    log = tmp_path / "evaluated"  # a list would be state that outlives the call, which is refused

    class Counted(strategies.load("gpu_bubble")):
        def weights(self, past: Past) -> Weights:
            with log.open("a") as file:
                file.write(f"{past.session}\n")
            return super().weights(past)

    run_batch(Counted, real_prices, Scenarios.product(real_prices.sessions[200:240], holds=(40, 60, 80)))
    evaluated = log.read_text().split("\n")[:-1]
    assert len(evaluated) == len(set(evaluated))


def test_a_hold_beyond_the_prices_is_truncated_and_flagged(real_prices):
    reading = strategies.load("bad_news")
    entry = real_prices.sessions[-10]
    batch = run_batch(reading, real_prices, Scenarios.of([Scenario(entry, hold=5), Scenario(entry, hold=60)]))
    assert batch.truncated.tolist() == [False, True]
    assert batch.sessions.tolist() == [6, 10]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"entry": pd.Timestamp("2019-05-16")}, "scenario 0: entry 2019-05-16 needs 1 earlier closes"),
        ({"entry": pd.Timestamp("2019-05-15")}, "scenario 0: entry 2019-05-15"),
        ({"entry": pd.Timestamp("2026-06-01")}, "scenario 0: entry 2026-06-01"),
        ({"entry": pd.Timestamp("2025-01-09")}, r"scenario 0: entry: 2025-01-09 \(Thursday\) is not a session"),
        ({"shock": pd.Timestamp("2025-01-26")}, r"scenario 0: shock: 2025-01-26 \(Sunday\) is not a session"),
        ({"parameters": {"grosss": 1}}, "scenario 0: parameters: BadNews has no parameter 'grosss'"),
    ],
)
def test_scenarios_that_cannot_run_are_refused_by_number(real_prices, change, complaint):
    scenario = Scenario(**{"entry": pd.Timestamp("2025-01-31"), **change})
    with pytest.raises(RequestError, match=complaint):
        run_batch(strategies.load("bad_news"), real_prices, Scenarios.of([scenario]))


class Timed(Restless):
    """Overrides how orders are sent."""

    def next(self) -> None:
        super().next()


def test_a_reading_that_changes_how_it_trades_is_refused(make_prices):
    prices = make_prices({"A": [1.0] * 6, "B": [1.0] * 6, "LATE": [1.0] * 6})
    with pytest.raises(RequestError, match="Timed overrides next, which changes when or how it trades"):
        run_batch(Timed, prices, Scenarios.of([Scenario(pd.Timestamp("2025-01-31"))]))


def test_a_missing_price_is_reported_with_scenario_symbol_and_session(make_prices):
    closes = [10.0] * 12
    holed = [*closes[:9], float("nan"), *closes[10:]]
    prices = make_prices({"A": closes, "B": holed, "LATE": closes})
    before = Scenario(pd.Timestamp("2025-01-29"), hold=3)
    across = Scenario(pd.Timestamp("2025-01-29"), hold=8)
    assert run_batch(Restless, prices, Scenarios.of([before])).terminal.shape == (1,)
    with pytest.raises(DataError, match="scenario 1: B on 2025-02-07, open: nan is not a price"):
        run_batch(Restless, prices, Scenarios.of([before, across]))


def test_scenarios_with_different_parameters_do_not_affect_each_other(random_prices):
    prices = random_prices(("A", "B", "LATE"), 90)
    single = [Scenario(prices.sessions[20 + n], 30, 7, parameters={"gross": 0.2 + 0.1 * (n % 5)}) for n in range(40)]
    together = run_batch(Watchful, prices, Scenarios.of(single))
    for index, scenario in enumerate(single):
        single = run_batch(Watchful, prices, Scenarios.of([scenario]))
        assert together.terminal[index] == pytest.approx(single.terminal[0], abs=1e-6)


@pytest.mark.parametrize("executor", [Serial(), Processes(2)])
def test_a_plain_strategy_runs_in_backtrader_through_the_same_call(random_prices, executor):
    prices = random_prices(("A", "B"), 90)
    scenarios = [
        Scenario(prices.sessions[30 + n], hold, 20, None, Frictions(n)) for n, hold in enumerate((5, 20, None))
    ]
    finished: list[str] = []
    batch = run_batch(Crossing, prices, Scenarios.of(scenarios), executor=executor, done=finished.append)
    assert len(finished) == len(batch.terminal) == 3
    warm_up = 0
    for index, scenario in enumerate(scenarios):
        expected = reference(Crossing, prices, scenario)
        length = len(expected.equity)
        assert batch.equity[index, :length].tolist() == expected.equity.tolist()
        assert np.isnan(batch.equity[index, length:]).all()
        assert batch.refused[index] == 0
        warm_up += sum(order.reason in ("before the entry", "after the hold") for order in expected.refusals)
        assert all(order.is_intended for order in expected.refusals)
        assert batch.terminal[index] == expected.equity[-1]
    assert warm_up > 0, "orders of the warm-up are refused, and not counted"
    assert batch.truncated.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"parameters": {"perod": 5}}, "scenario 0: parameters: Crossing has no parameter 'perod'; it has period"),
        ({"frictions": Frictions(lag=2)}, "lag is 2: Crossing sends its own orders"),
        ({"entry": pd.Timestamp("2019-05-15")}, "scenario 0: entry 2019-05-15"),
    ],
)
def test_scenarios_that_a_plain_strategy_cannot_run_are_refused_by_number(random_prices, change, complaint):
    scenario = Scenario(**{"entry": pd.Timestamp("2024-02-01"), **change})
    with pytest.raises(RequestError, match=complaint):
        run_batch(Crossing, random_prices(("A", "B"), 90), Scenarios.of([scenario]))


def test_no_scenarios_are_refused(real_prices):
    with pytest.raises(RequestError, match="no scenarios"):
        Scenarios.of([])
    with pytest.raises(RequestError, match="no scenarios"):
        Scenarios.product(real_prices.sessions[:0])


def test_a_weight_of_a_symbol_without_a_price_is_refused(make_prices):
    class Blind(Reading):
        symbols = ("A", "LATE")

        def weights(self, past: Past) -> Weights:
            return {"LATE": 0.5}

    prices = make_prices({"A": [1.0] * 6, "LATE": [np.nan] * 5 + [1.0]})
    with pytest.raises(ValueError, match="Blind at 2025-01-30: weight for LATE, which has no price yet"):
        run_batch(Blind, prices, Scenarios.of([Scenario(pd.Timestamp("2025-01-31"))]))
