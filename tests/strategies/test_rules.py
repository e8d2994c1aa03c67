"""Rules on hand-made prices with obvious weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import strategies
from data import fomc
from data.universe import AI_SOFTWARE, AI_UNIVERSE
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios
from strategies.base import Past, Reading
from strategies.base.reading import Decision

FREE = Frictions(0, 0, 0, 0)


def rule(name, **parameters):
    return strategies.load(name).rule(**parameters)


def test_an_unknown_parameter_is_rejected():
    with pytest.raises(ValueError, match="GpuBubble has no parameter 'grosss'"):
        rule("gpu_bubble", grosss=1)


def test_gpu_bubble_gives_the_weight_of_an_unlisted_stock_to_its_leg(make_prices):
    past = Past(make_prices({"NVDA": [1, 1], "AMD": [1, 1], "INTC": [np.nan, np.nan]}), 1)
    assert rule("gpu_bubble", gross=0.8).weights(past) == {"NVDA": -0.4, "AMD": 0.4}
    assert list(past.left_out) == ["INTC"]


def test_the_hedge_is_short_the_baskets_beta(make_prices):
    rng = np.random.default_rng(0)
    market = rng.normal(0, 0.01, 150)
    closes = {"QQQ": np.cumprod(1 + market)} | {name: np.cumprod(1 + 2 * market) for name in AI_SOFTWARE}
    prices = make_prices({name: close.tolist() for name, close in closes.items()}, first="2024-01-02")
    weights = rule("ai_software", hedge=True).weights(Past(prices, 149))
    # every stock moves twice as far as QQQ: beta 2, so one third long and two thirds short
    assert weights["QQQ"] == pytest.approx(-2 / 3)
    assert weights["PLTR"] == pytest.approx(1 / 30)


class TestNvdaComeback:
    """Shock on the second session: from 100 to 80, low 78; midpoint 90."""

    def decisions(self, make_prices, closes):
        lows = {"NVDA": [100, 78, *closes]}
        prices = make_prices({"NVDA": [100, 80, *closes]}, lows)
        return [
            rule("nvda_comeback").weights(Past(prices, row, held=row - 1, shock=str(prices.days[1])))
            for row in range(1, len(prices.sessions))
        ]

    def test_in_at_the_midpoint_out_below_the_low_and_in_again(self, make_prices):
        decisions = self.decisions(make_prices, [89, 90, 79, 77, 89, 91])
        assert decisions == [None, None, {"NVDA": 1.0}, None, {}, None, {"NVDA": 1.0}]

    def test_no_signal_before_the_close_of_the_shock(self, make_prices):
        prices = make_prices({"NVDA": [100, 200]})
        assert rule("nvda_comeback").weights(Past(prices, 0, held=0, shock=str(prices.days[1]))) is None

    def test_refuted_when_never_in_or_out_at_the_end(self, make_prices):
        refuted = strategies.load("nvda_comeback").refuted
        into, out = Decision(None, {"NVDA": 1.0}), Decision(None, {})
        assert refuted(0.1, ()) and refuted(0.1, (into, out)) and refuted(-0.1, (into,))
        assert not refuted(0.1, (into, out, into))


class TestSprintThenPool:
    """KWEB against QQQ first, and the reverse after the sprint, whether or not the schedule decides then."""

    def test_it_turns_at_the_close_of_the_last_day_of_the_sprint(self, make_prices):
        prices = make_prices({"KWEB": [30.0] * 80, "QQQ": [500.0] * 80}, first="2024-10-21")
        asked = [(0, True), (20, True), (49, False), (50, False), (51, False), (60, True)]
        given = [
            rule("sprint_then_pool", sprint=50).weights(Past(prices, 79, held=held, scheduled=scheduled))
            for held, scheduled in asked
        ]
        china, america = {"KWEB": 0.5, "QQQ": -0.5}, {"KWEB": -0.5, "QQQ": 0.5}
        assert given == [china, china, None, america, None, america]
        # By default after 60 days: those numbered 1 to 60 belong to the sprint.
        assert rule("sprint_then_pool").weights(Past(prices, 79, held=59)) == china
        assert rule("sprint_then_pool").weights(Past(prices, 79, held=60)) == america

    def test_the_turn_is_filled_at_the_next_open_in_both_simulators(self, make_prices):
        closes = {"KWEB": [50.0] * 6 + [60.0] * 6, "QQQ": [100.0] * 12}
        prices, parameters = make_prices(closes), {"sprint": 3}
        schedule = EntrySchedule(prices.sessions[1], hold=8, rebalance=5)
        run = run_backtest(strategies.load("sprint_then_pool"), prices, schedule, FREE, parameters)
        # 10,000 shares of KWEB and 5,000 of QQQ; out at the close of the third day, so at the open of the fourth.
        assert [(fill.session, fill.symbol, fill.size) for fill in run.fills[:4]] == [
            (prices.sessions[1], "QQQ", -5_000),
            (prices.sessions[1], "KWEB", 10_000),
            (prices.sessions[4], "KWEB", -20_000),
            (prices.sessions[4], "QQQ", 10_000),
        ]
        # Short 10,000 shares that rise by 10 USD: a tenth of a million is lost.
        assert run.equity[[5, 6]].tolist() == [1e6, 0.9e6]
        scenarios = Scenarios.of([Scenario(schedule.entry, schedule.hold, 5, None, FREE, parameters)])
        batch = run_batch(strategies.load("sprint_then_pool"), prices, scenarios)
        assert batch.curves[0] == pytest.approx(run.equity, abs=0.01)


class TestFomcTilt:
    """Around 18 December 2024, when the range was cut, and 29 January 2025, when it was held."""

    def decisions(self, make_prices, bond_growth):
        steps = np.arange(80)
        closes = {"IEF": 100 * (1 + bond_growth) ** steps, "BIL": 100 * 1.0002**steps}
        closes |= {name: np.full(80, 50.0) for name in ("SPY", "TLT", "VNQ", "XLU", "IWM")}
        prices = make_prices({name: close.tolist() for name, close in closes.items()}, first="2024-10-21")
        weights = {
            str(prices.days[row]): rule("fomc_tilt").weights(Past(prices, row, scheduled=False))
            for row in range(31, 80)
        }
        return {day: target for day, target in weights.items() if target is not None}

    def test_leading_bonds_or_a_cut_mean_easing(self, make_prices):
        easing = {"SPY": 0.5} | dict.fromkeys(("TLT", "IEF", "VNQ", "XLU", "IWM"), 0.1)
        tightening = {"SPY": 0.5, "BIL": 0.5}
        # D is 18 December, D-6 the 10th, D+10 3 January (closed on 25 December and 1 January)
        ahead = self.decisions(make_prices, 0.001)
        assert [ahead[day] for day in ("2024-12-10", "2024-12-18", "2025-01-03")] == [easing, easing, {"SPY": 1.0}]
        behind = self.decisions(make_prices, -0.001)
        assert [behind[day] for day in ("2024-12-10", "2024-12-18")] == [tightening, easing]
        assert set(ahead) == set(behind)

    def test_on_a_scheduled_date_the_latest_deciding_close_counts(self, make_prices):
        closes = {name: [50.0] * 60 for name in ("SPY", "TLT", "VNQ", "XLU", "IWM")}
        closes["BIL"] = [100.0] * 60
        # IEF leads until the close of 29 January 2025 (a hold), and falls sharply on the next day
        closes["IEF"] = [100 + 0.1 * step for step in range(59)] + [50.0]
        prices = make_prices(closes, first="2024-11-01")
        row = prices.row("2025-01-29")
        assert row == 58
        assert "TLT" in rule("fomc_tilt").weights(Past(prices, row + 1, scheduled=True))

    def test_an_unknown_outcome_leaves_the_tilt_unchanged(self, make_prices, monkeypatch):
        unknown = [
            replace(item, change_bps=None) if str(item.date) == "2025-01-29" else item for item in fomc.fomc_decisions()
        ]
        monkeypatch.setattr(fomc, "fomc_decisions", lambda: tuple(unknown))
        fomc.scheduled_decisions.cache_clear()
        closes = {name: [50.0] * 60 for name in ("SPY", "TLT", "VNQ", "XLU", "IWM")}
        # IEF leads at the close of D-6, 21 January, but not at D
        closes |= {"BIL": [100.0] * 60, "IEF": [100 + 0.1 * step for step in range(53)] + [50.0] * 7}
        prices = make_prices(closes, first="2024-11-01")
        row = prices.row("2025-01-29")
        assert "TLT" in rule("fomc_tilt").weights(Past(prices, row, scheduled=False))
        fomc.scheduled_decisions.cache_clear()


def test_diversity_follows_the_leaders_when_the_pool_narrows(make_prices):
    steps = np.arange(147)
    narrowing = {"NVDA": 1.01**steps, "AMD": np.ones(147), "INTC": 0.995**steps}
    prices = make_prices({name: close.tolist() for name, close in narrowing.items()}, first="2024-01-02")
    past = Past(prices, 146)
    # constant growth: the shares 20 sessions ago were equal, so the pool does not widen and leaders are followed
    weights = rule("diversity_pool").weights(past)
    growth = {"NVDA": 1.01**126, "AMD": 1.0, "INTC": 0.995**126}
    assert weights == pytest.approx({name: value / sum(growth.values()) for name, value in growth.items()})
    equal = rule("diversity_pool", power=0).weights(past)
    assert equal == pytest.approx(dict.fromkeys(narrowing, 1 / 3))


def test_policy_winners_break_ties_by_symbol_and_skip_foreign_stocks(make_prices):
    names = ("TSM", "ARM", "ORCL", "AMD", "NVDA", "META", "MSFT", "INTC")
    closes = {name: [1.0] * 127 for name in names} | {"INTC": [1.0] * 50 + [2.0] * 77, "TSM": [1.0] * 50 + [9.0] * 77}
    weights = rule("policy_winners").weights(Past(make_prices(closes, first="2024-01-02"), 126))
    assert weights == dict.fromkeys(("INTC", "AMD", "META", "MSFT", "NVDA"), 0.2)


def test_two_shocks_halves_its_basket_unless_bonds_lead(make_prices):
    closes = {name: [1.0] * 61 for name in (*AI_SOFTWARE, "SMH", "BIL")}
    flat = Past(make_prices(closes | {"IEF": [1.0] * 61}), 60)
    leads = Past(make_prices(closes | {"IEF": [1.0] * 60 + [1.1]}), 60)
    assert rule("two_shocks").weights(flat) == pytest.approx(
        dict.fromkeys(AI_SOFTWARE, 0.025) | {"SMH": 0.25, "BIL": 0.5}
    )
    assert rule("two_shocks").weights(leads) == pytest.approx(dict.fromkeys(AI_SOFTWARE, 0.05) | {"SMH": 0.5})
    assert rule("two_shocks", scaled=False).weights(flat) == rule("two_shocks").weights(leads)


def test_a_reading_without_weights_gives_the_remedy():
    with pytest.raises(TypeError, match="override weights"):
        Reading.rule().weights(None)


def test_stocks_that_could_have_been_chosen(make_prices):
    assert len(AI_UNIVERSE) == 26 and "AAPL" not in AI_UNIVERSE
    chosen = {name: strategies.load(name).chooses for name in ("named_partners", "antitrust_yields", "pool_widens")}
    assert chosen == {"named_partners": AI_UNIVERSE, "antitrust_yields": (*AI_UNIVERSE, "AAPL"), "pool_widens": ()}
    late = Past(make_prices({"ORCL": [1.0] * 2, "MSFT": [1.0] * 2, "NVDA": [1.0] * 2, "ARM": [np.nan] * 2}), 1)
    assert rule("named_partners").weights(late) == pytest.approx(dict.fromkeys(("ORCL", "MSFT", "NVDA"), 1 / 3))
