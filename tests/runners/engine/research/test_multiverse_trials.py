"""Every specification of a multiverse is a trial, and the declared one is that of the main command."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from data import calendar
from runners.engine.backtest.cerebro import EntrySchedule, window_rows
from runners.engine.backtest.frictions import Frictions
from runners.engine.research import multiverse as engine
from runners.engine.research.multiverse import MultiversePlan
from runners.engine.research.multiverse_run import planned_spaces
from runners.engine.research.multiverse_trials import specification_trials
from runners.engine.research.specification import AGAINST, BASKET
from runners.engine.research.specification_space import multiverse_symbols
from runners.engine.trial_key import trial_key, window_fingerprint
from tests.resources.events import DEEPSEEK

ENTRY = 300


@pytest.fixture
def markets(random_prices):
    def make(*spaces):
        first = calendar.xnys()[calendar.calendar_index(DEEPSEEK.entry) - ENTRY]
        return random_prices(multiverse_symbols(spaces), 560, first=f"{first:%Y-%m-%d}")

    return make


def trials_of(space, prices):
    nothing = np.zeros(0, dtype=int)
    return specification_trials([space], prices, MultiversePlan(DEEPSEEK, ENTRY, nothing, nothing, 67))


@pytest.mark.parametrize("name", ["gpu_bubble", "fomc_tilt"])
def test_each_distinct_specification_counts_once_whatever_it_is_compared_with(markets, name):
    (space,) = planned_spaces((name,), DEEPSEEK)[1]
    prices = markets(space)
    trials = trials_of(space, prices)
    assert len({trial.key for trial in trials}) == len(trials)
    assert {(trial.name, trial.sharpe) for trial in trials} == {(name, None)}
    # By hand: intervals that do not come before the horizon are one, and comparators that only compare are none.
    dimensions = {name: space.choices(name) for name in ("entry", "horizon", "rebalance", "lag", "costs", "borrow")}
    schedules = sum(
        len({min(interval.value, horizon.value) for interval in dimensions["rebalance"]})
        for horizon in dimensions["horizon"]
    )
    others = {
        engine.varied_study(space, basket, against).variant
        for basket, against in product(range(len(space.choices(BASKET))), space.choices(AGAINST))
        if space.choices(BASKET)[basket].value.perturbation is None
    }
    perturbed = sum(choice.value.perturbation is not None for choice in space.choices(BASKET))
    count = len(dimensions["entry"]) * len(dimensions["lag"]) * len(dimensions["costs"]) * len(dimensions["borrow"])
    settings = len({parameters for _, parameters in others})
    assert len(trials) == count * schedules * (settings + perturbed)


def test_the_declared_specification_has_the_key_of_the_main_command(markets):
    (space,) = planned_spaces(("gpu_bubble",), DEEPSEEK)[1]
    prices = markets(space)
    schedule = EntrySchedule(prices.sessions[ENTRY], 252, 20, prices.sessions[ENTRY - 4])
    _, stop = window_rows(prices, schedule)
    study = space.study
    declared = trial_key(
        study.strategy, study.parameters, schedule, Frictions(), window_fingerprint(prices, study.symbols, stop)
    )
    assert declared in {trial.key for trial in trials_of(space, prices)}
