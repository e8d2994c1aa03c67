"""The multiverse: a specification equals a run of its study, at the real entry and at placebo entries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import strategies
from data import calendar, load_prices
from data.errors import BrokenStrategyError, RequestError
from reports.statistics.availability import Missing
from reports.statistics.specification_curve import nan_safe_median
from runners.engine.backtest.cerebro import EntrySchedule
from runners.engine.evaluation import evaluate
from runners.engine.execution.processes import Processes
from runners.engine.pipeline import benchmark_returns
from runners.engine.research import multiverse as engine
from runners.engine.research import multiverse_run, specification
from runners.engine.research.multiverse import BasketTask, MultiversePlan
from runners.engine.research.permutation import decisions_at_entry
from runners.engine.research.specification import AGAINST, BASKET, OWN
from runners.engine.research.specification_space import (
    AXES,
    SpecificationSpace,
    essential_symbols,
    multiverse_symbols,
    narrow_to_prices,
)
from runners.engine.study import prepare
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import TradingConditions
from tests.resources.events import DEEPSEEK
from tests.resources.readings import READINGS

SESSIONS, ENTRY = 560, 300  # enough before the entry for a beta, and a year after it


def space_of(name: str) -> SpecificationSpace:
    return multiverse_run.planned_spaces((name,), DEEPSEEK)[1][0]


@pytest.fixture
def markets(random_prices):
    """Random prices of all symbols of the spaces, around the real entry."""

    def make(*spaces: SpecificationSpace, sessions: int = SESSIONS, before: int = ENTRY):
        first = calendar.xnys()[calendar.calendar_index(DEEPSEEK.entry) - before]
        return random_prices(multiverse_symbols(spaces), sessions, first=f"{first:%Y-%m-%d}")

    return make


def backtrader_d(
    space: SpecificationSpace, prices, row: int, values: dict[str, object], basket: int, against
) -> dict[int, float]:
    """d of one specification by horizon, from Backtrader; `row` is the entry date to which the shock belongs."""
    study = engine.varied_study(space, basket, against)
    entry, shock = prices.sessions[row + values["entry"]], prices.sessions[row - 4]
    costs = engine.scaled_frictions(values["lag"], values["costs"], values["borrow"])
    schedule = EntrySchedule(entry, 252, values["rebalance"], shock)
    start = row + values["entry"] - 1
    benchmark = benchmark_returns(prices, "SPY", start, min(start + 260, len(prices.sessions)))
    return {n: horizon.d for n, horizon in evaluate(study, prices, schedule, costs, benchmark).horizons.items()}


def choice_values(space: SpecificationSpace, codes: np.ndarray) -> dict[str, object]:
    return {name: space.choices(name)[code].value for name, code in zip(AXES, codes.tolist(), strict=True)}


@pytest.mark.parametrize("name", READINGS)
def test_d_of_a_specification_equals_backtrader(name, markets):
    space = space_of(name)
    rng = np.random.default_rng(strategies.names().index(name))
    prices, past_entry = markets(space), ENTRY - 67
    basket = int(rng.integers(len(space.choices(BASKET))))
    outcome = engine.simulate_basket(
        prices,
        MultiversePlan(DEEPSEEK, ENTRY, np.array([past_entry]), np.zeros(0, dtype=int), 67),
        BasketTask(space, basket),
    )
    # The grids of an outcome have no axis of baskets.
    shape = tuple(count for axis, count in zip(AXES, space.shape, strict=True) if axis != BASKET)
    assert outcome.real.shape == shape
    for number in range(3):
        codes = np.array([rng.integers(count) for count in shape])
        if number == 2:  # a tested specification, at the placebo entry
            codes[:2] = rng.integers(3), rng.integers(2)
        values = choice_values(space, np.array([*codes[:6], basket, codes[6]]))
        row, comparator = past_entry if number == 2 else ENTRY, space.choices(AGAINST)[codes[6]]
        expected = backtrader_d(space, prices, row, values, basket, comparator)
        d = outcome.placebos[0][tuple(codes)] if number == 2 else outcome.real[tuple(codes)]
        assert d == pytest.approx(expected[values["horizon"]], abs=1e-9), values


def test_the_declared_specification_equals_the_evaluated_reading(real_prices):
    space = space_of("gpu_bubble")
    prices = real_prices.select((*space.needed, "SPY"))
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    (one,), _ = engine.run_multiverse((space,), prices, plan)
    study = prepare("gpu_bubble", strategies.load("gpu_bubble"), "SPY")
    entry = plan.entry
    benchmark = benchmark_returns(prices, "SPY", entry - 1, entry + 253)
    result = evaluate(
        study, prices, EntrySchedule(prices.sessions[entry]), engine.scaled_frictions(1, 1, 0.0030), benchmark
    )
    assert one.d[one.declared] == pytest.approx([result.horizons[252].d], abs=1e-9)
    assert (plan.step, len(plan.placebos)) == (67, 19), "prices from May 2019 allow as many as a p needs"
    assert one.sessions[0] == "2025-01-31" and one.d_by_entry.shape == (20, one.tested.sum())


def test_windows_of_entries_do_not_overlap(markets):
    space = space_of("bad_news")
    prices = markets(space, sessions=760, before=500)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    entries = np.concatenate(([plan.entry], plan.placebos))
    latest, longest, lag = 5, 60, 2
    # From the close of the first decision to the last fill of the longest hold of the latest entry.
    first, last = entries - 1, entries + latest + longest - 1 + lag
    assert (last[1:] < entries[:-1]).all() and (np.diff(first) == -plan.step).all()
    assert plan.placebos.min() >= 148 > plan.placebos.min() - plan.step


def test_no_specification_repeats_another(markets):
    for name in ("gpu_bubble", "sector_tailwind", "nvda_comeback", "us_over_china"):
        space = space_of(name)
        (one,), _ = engine.run_multiverse(
            (space,), prices := markets(space), engine.multiverse_plan(DEEPSEEK, (space,), prices)
        )
        specs = np.column_stack((one.d[one.tested], one.d_by_entry[1:].T))
        assert len(np.unique(np.round(specs, 12), axis=0)) == len(specs), name
        assert len(one) == len(np.unique(one.codes, axis=0))


def test_specifications_left_out_repeat_another(markets):
    space = space_of("sector_tailwind")
    prices = markets(space)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    grid = engine.simulate_basket(prices, plan, BasketTask(space, 0)).real[..., None, :]
    kept = space.distinct.reshape(space.shape)[:, :, :, :, :, :, :1]
    horizon, rebalance = AXES.index("horizon"), AXES.index("rebalance")
    assert not kept.take(0, horizon).take(2, rebalance - 1).any(), "after 20 sessions, every 60 is every 20"
    assert kept.sum() == kept.size * 11 / 12
    assert grid.take(0, horizon).take(1, 1) == pytest.approx(grid.take(0, horizon).take(2, 1), abs=1e-15)


def test_number_of_specifications():
    # 4 entries x (2 + 3 + 3 + 3) horizons and intervals x 2 lags x 3 costs, times each reading's own choices.
    each = 4 * 11 * 2 * 3
    counts = {name: len(space_of(name)) for name in strategies.names()}
    assert counts["bad_news"] == each * 3 * 2  # borrow rates; SMH or SOXX
    assert counts["gpu_bubble"] == each * 3 * 3  # borrow rates; both stocks, or one of them
    assert counts["ai_software"] == each * 12 * 3  # ten stocks, one left out in turn, MSFT added; QQQ, SPY, hedged
    assert counts["nvda_comeback"] == 4 * 4 * 2 * 3 * 3  # no schedule; cash, SPY, QQQ


@pytest.mark.parametrize("name", OWN)
def test_only_readings_that_sell_short_have_borrow_rates(name, markets):
    space = space_of(name)
    prices = markets(space)
    study = prepare(name, strategies.load(name), "SPY")
    decisions = decisions_at_entry(study, prices, ENTRY, TradingConditions(hold=120))
    short = any(weight < 0 for weights in decisions.values() for weight in weights.values())
    assert short == OWN[name].short == (len(space.choices("borrow")) > 1)


@pytest.mark.parametrize("name", OWN)
def test_only_rules_that_follow_the_shock_depend_on_its_date(name, markets):
    space = space_of(name)
    prices = markets(space)
    task = BasketTask(space, 0)
    grids = [
        engine.scenario_grid(space, prices, np.array([ENTRY]), np.array([ENTRY - lead]), 60) for lead in (4, 9, 30)
    ]
    strategy = engine.varied_study(space, 0, space.choices(AGAINST)[0]).strategy
    wealth = [run_batch(strategy, prices.select(task.space.study.symbols), grid, False).horizons for grid in grids]
    alike = all(np.array_equal(wealth[0], other, equal_nan=True) for other in wealth[1:])
    assert alike or OWN[name].follows_shock


@pytest.mark.parametrize("name", ["nvda_comeback", "gpu_bubble"])
def test_medians_at_all_dates_include_those_of_the_placebo_entries(name, markets):
    space = space_of(name)
    prices = markets(space)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices, all_dates=True)
    (one,), _ = engine.run_multiverse((space,), prices, plan)
    assert not isinstance(one.rolling, Missing)
    line = dict(zip(one.rolling.sessions, one.rolling.medians.tolist(), strict=True))
    assert len(line) == SESSIONS - 148 - 64, "from the first date with enough history to the last whose window fits"
    for session, value in zip(one.sessions, nan_safe_median(one.d_by_entry).tolist(), strict=True):
        assert line[session] == pytest.approx(value, abs=1e-12)


def test_results_do_not_depend_on_the_number_of_workers(markets):
    spaces = (space_of("us_over_china"), space_of("nvda_comeback"))
    prices = markets(*spaces)
    plan = engine.multiverse_plan(DEEPSEEK, spaces, prices)
    finished: list[str] = []
    serial, _ = engine.run_multiverse(spaces, prices, plan, done=finished.append)
    parallel, _ = engine.run_multiverse(spaces, prices, plan, Processes(2))
    assert finished == [
        "us_over_china, declared",
        "us_over_china, without KWEB",
        "us_over_china, without FXI",
        "nvda_comeback, declared",
    ]
    for one, other in zip(serial, parallel, strict=True):
        assert one.d.tobytes() == other.d.tobytes() and one.d_by_entry.tobytes() == other.d_by_entry.tobytes()
        assert one.codes.tolist() == other.codes.tolist()


def test_future_prices_do_not_change_past_entries(markets):
    space = space_of("gpu_bubble")
    prices = markets(space)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    cut = prices.rows(0, plan.entry)
    close = prices.close.copy()
    close[plan.entry :] *= np.linspace(1, 3, len(close) - plan.entry)[:, None]
    changed = replace(prices, close=close, high=np.maximum(prices.high, close), low=np.minimum(prices.low, close))
    assert len(cut.sessions) == plan.entry
    before, after = (engine.run_multiverse((space,), each, plan)[0][0].d_by_entry for each in (prices, changed))
    assert np.array_equal(before[1:], after[1:]) and not np.array_equal(before[0], after[0])


def test_horizons_that_prices_do_not_reach_have_no_d(markets):
    space = space_of("bad_news")
    prices = markets(space, sessions=ENTRY + 40)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    (one,), _ = engine.run_multiverse((space,), prices, plan)
    reached = one.codes[:, 1] == 0
    assert np.isfinite(one.d[reached]).all() and np.isnan(one.d[~reached]).all()
    survey = multiverse_run.multiverse_run(DEEPSEEK, (space,), (one,), prices, plan, (), "")
    assert survey.joint["bad_news"].median.reason == "the hold or the prices end before this horizon"


def test_without_history_there_are_no_placebo_entries(markets):
    space = space_of("us_over_china")
    prices = markets(space, sessions=330, before=20)
    plan = engine.multiverse_plan(DEEPSEEK, (space,), prices)
    (one,), _ = engine.run_multiverse((space,), prices, plan)
    assert len(plan.placebos) == 0 and one.d_by_entry.shape == (1, one.tested.sum())
    survey = multiverse_run.multiverse_run(DEEPSEEK, (space,), (one,), prices, plan, (), "")
    assert survey.joint["us_over_china"].median.reason == "0 placebos that do not overlap; 19 are needed"


def test_prices_that_do_not_cover_all_entries_are_refused(markets):
    space = space_of("gpu_bubble")
    with pytest.raises(RequestError, match=r"prices end on 2025-02-05, before the latest entry .* load later prices"):
        engine.multiverse_plan(DEEPSEEK, (space,), markets(space, sessions=ENTRY + 4))
    late = space_of("policy_winners")
    with pytest.raises(RequestError, match=r"policy_winners needs 127 closes .* and there are 96; load earlier prices"):
        engine.multiverse_plan(DEEPSEEK, (late,), markets(late, before=100))


def test_a_strategy_without_a_rule_is_refused():
    with pytest.raises(RequestError, match=r"workers:Crossing is no Reading, .* runners\.sweep"):
        multiverse_run.planned_spaces(("tests.resources.workers:Crossing",), DEEPSEEK)[1]


def test_a_failing_reading_stops_no_other(markets, tmp_path, monkeypatch):
    (tmp_path / "breaking.py").write_text(
        "from strategies.base import Reading\n\n\n"
        "class Breaks(Reading):\n    symbols = ('SPY',)\n\n"
        "    def weights(self, past):\n        return {'SPY': 1 / 0}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    spaces = multiverse_run.planned_spaces(("bad_news", "breaking:Breaks"), DEEPSEEK)[1]
    prices = markets(*spaces)
    plan = engine.multiverse_plan(DEEPSEEK, spaces, prices)
    multiverses, failed = engine.run_multiverse(spaces, prices, plan)
    assert [one.name for one in multiverses] == ["bad_news"]
    assert failed["Breaks"].summary == "ZeroDivisionError: division by zero (breaking.py, line 8)"
    with pytest.raises(BrokenStrategyError, match=r"Breaks failed: ZeroDivisionError"):
        engine.run_multiverse(spaces[1:], prices, plan)
    assert (
        multiverse_run.rival_multiverses(spaces[1:], prices, plan)
        == multiverse_run.rival_multiverses((), prices, plan)
        == ()
    )
    assert [one.name for one in multiverse_run.rival_multiverses(spaces, prices, plan)] == ["bad_news"]


def test_a_reading_from_outside_has_the_shared_dimensions_only():
    space = space_of("strategies.bad_news:BadNews")
    names = [dimension.name for dimension in space.dimensions if len(dimension.choices) > 1]
    assert names == ["entry", "horizon", "rebalance", "lag", "costs"]
    assert (
        dict(specification.unvaried_dimensions(space.study, DEEPSEEK))[BASKET]
        == "no alternatives are declared for this reading"
    )


def test_baskets_without_prices_can_be_left_out():
    space = space_of("two_shocks")
    assert "SOXX" in space.needed and "MSFT" in space.needed
    less = narrow_to_prices(space, space.study.required_symbols)
    labels = [choice.label for choice in less.choices(BASKET)]
    assert "SOXX for SMH" not in labels and "with MSFT" not in labels and "without PLTR" in labels
    assert {"SPY", "QQQ"} <= set(essential_symbols((space,))) and "SOXX" not in essential_symbols((space,))


def test_every_choice_has_a_reason_and_each_dimension_one_that_was_declared():
    for name in strategies.names():
        for dimension in space_of(name).dimensions:
            assert dimension.asks.endswith("?")
            assert sum(choice.declared for choice in dimension.choices) == 1
            assert all(choice.reason for choice in dimension.choices)
            assert len(set(dimension.labels)) == len(dimension.labels)
    assert set(OWN) <= set(strategies.names())


def test_real_prices_of_every_choice_are_there(market_data):
    spaces = multiverse_run.planned_spaces((), DEEPSEEK)[1]
    prices = load_prices(multiverse_symbols(spaces), source=str(market_data))
    assert len(engine.multiverse_plan(DEEPSEEK, spaces, prices).placebos) == 19
