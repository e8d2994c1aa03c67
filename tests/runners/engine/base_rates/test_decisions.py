"""The class of FOMC decisions: equal to Backtrader one launch at a time, and its rank by hand."""

from __future__ import annotations

import numpy as np
import pytest

import strategies
from data import fomc
from data.histories import Histories
from reports.statistics.availability import Unavailable
from runners.engine.backtest.cerebro import EntrySchedule, run_backtest
from runners.engine.backtest.frictions import Frictions
from runners.engine.base_rates.decisions import decision_class
from runners.engine.study import prepare
from tests.resources.comparator_oracle import oracle_wealth

STUDY = prepare("fomc_tilt", strategies.load("fomc_tilt"), "SPY")
FORM = STUDY.general_form


@pytest.fixture(scope="module")
def histories(random_prices) -> Histories:
    return Histories(random_prices(STUDY.required_symbols, sessions=1000, first="2015-01-02"))


@pytest.fixture(scope="module")
def decided(histories):
    return decision_class(STUDY, FORM, histories, Frictions(), seed=1)


def excess_in_backtrader(histories: Histories, date: str, shift: int) -> float:
    prices = histories.prices
    entry = prices.sessions[prices.row(date) - FORM.before + shift]
    schedule = EntrySchedule(entry, FORM.hold, 20)
    moved = STUDY.with_parameters({"shift": shift})
    own = run_backtest(moved.strategy, prices.select(moved.symbols), schedule, parameters=moved.parameters).equity
    other = oracle_wealth(moved, prices, schedule, Frictions())
    return float(own[FORM.hold] / own[0] / other[FORM.hold] - 1)


def test_decisions_equal_launches_in_backtrader(histories, decided):
    for outcome in (decided.outcomes[0], decided.outcomes[10], decided.outcomes[-1]):
        assert outcome.excess == pytest.approx(excess_in_backtrader(histories, outcome.date, 0), abs=1e-12)


def test_a_moved_calendar_is_the_mean_of_moved_launches(histories, decided):
    moved = [excess_in_backtrader(histories, outcome.date, 13) for outcome in decided.outcomes]
    assert decided.shifted[13] == pytest.approx(np.mean(moved), abs=1e-12)


def test_the_decisions_are_the_scheduled_ones_that_leave_room_for_all_shifts(histories, decided):
    rows = {str(day): row for row, day in enumerate(histories.prices.days)}
    scheduled = [each for each in fomc.fomc_decisions() if each.scheduled and str(each.date) in rows]
    inside = [
        str(each.date)
        for each in scheduled
        if rows[str(each.date)] - 5 - 13 >= STUDY.required_closes and rows[str(each.date)] - 5 + 13 + 16 <= 1000
    ]
    assert [outcome.date for outcome in decided.outcomes] == inside
    assert {outcome.change_bps for outcome in decided.outcomes} == {0.0, 25.0}  # rates of 2016 to 2018


def test_figures_and_ranks_by_hand(decided):
    excess = np.array([outcome.excess for outcome in decided.outcomes])
    assert decided.mean == pytest.approx(excess.mean()) and decided.median == np.median(excess)
    assert decided.positive == (excess > 0).mean() and decided.low < decided.mean < decided.high
    calendars = [decided.mean, *decided.shifted.values()]
    assert sorted(decided.shifted) == [*range(-13, -5), *range(6, 14)]
    assert decided.p == sum(mean >= decided.mean for mean in calendars) / 17
    assert decided.p_lower == sum(mean <= decided.mean for mean in calendars) / 17
    assert decided.least_p == 1 / 17


def test_prices_with_few_decisions_or_without_a_fund_say_so(histories):
    short = Histories(histories.prices.rows(0, 400))
    with pytest.raises(Unavailable, match="FOMC decisions; 20 are needed"):
        decision_class(STUDY, FORM, short, Frictions(), seed=1)
    with pytest.raises(Unavailable, match="no prices for TLT"):
        decision_class(
            STUDY, FORM, histories.restricted(s for s in STUDY.required_symbols if s != "TLT"), Frictions(), seed=1
        )
