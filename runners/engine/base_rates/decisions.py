"""A reading around every scheduled FOMC decision, against calendars of decisions moved by a few sessions."""

from __future__ import annotations

import numpy as np

from data import calendar, fomc
from data.histories import Histories
from data.prices import Prices
from reports.records.base_rates import DecisionClass, DecisionOutcome
from reports.statistics.availability import Unavailable
from reports.statistics.placebo import DIGITS
from reports.statistics.pooled import quarter_interval
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_wealth
from runners.engine.execution.executor import Executor, Serial
from runners.engine.story import story_of
from runners.engine.study import Study
from runners.engine.vectorized.batch import run_batch
from runners.engine.vectorized.scenarios import TradingConditions
from strategies.base.general_form import AroundDecisions

LEAST_DECISIONS = 20


def decision_class(
    study: Study,
    form: AroundDecisions,
    histories: Histories,
    frictions: Frictions,
    seed: int,
    executor: Executor = Serial(),
) -> DecisionClass:
    """The reading around every decision that leaves room for all shifts. Raises Unavailable for too few of them."""
    if absent := [symbol for symbol in study.required_symbols if symbol not in histories.prices.columns]:
        raise Unavailable(f"no prices for {', '.join(absent)}")
    prices = histories.common(study.required_symbols)
    prices = prices.rows(int(max(prices.listed)), len(prices.sessions))
    indices, decisions = fomc.scheduled_decisions()
    entries = indices - calendar.sessions_before(prices.days[0]) - form.before
    inside = entries + min(form.shifts) >= study.required_closes
    inside &= entries + max(form.shifts) + form.hold <= len(prices.sessions)
    if inside.sum() < LEAST_DECISIONS:
        raise Unavailable(f"prices hold {inside.sum()} FOMC decisions; {LEAST_DECISIONS} are needed")
    entries, decided = entries[inside], [decisions[index] for index in np.flatnonzero(inside)]
    conditions = TradingConditions(hold=form.hold, frictions=frictions)
    shifts = (0, *form.shifts)
    results = executor.map(excess_around, (study, form, prices, entries, conditions), shifts)
    excess = dict(zip(shifts, results, strict=True))
    means = {shift: float(np.round(values.mean(), DIGITS)) for shift, values in excess.items()}
    real, others = means[0], np.array(list(means.values()))
    days = np.array([decision.date for decision in decided])
    months = days.astype("datetime64[M]").astype(int)
    low, high = quarter_interval(excess[0], months // 3, seed)
    return DecisionClass(
        study.name,
        story_of(study).title,
        form.text,
        form.hold,
        tuple(
            DecisionOutcome(str(decision.date), decision.change_bps, float(value))
            for decision, value in zip(decided, excess[0], strict=True)
        ),
        real,
        float(np.median(excess[0])),
        float((excess[0] > 0).mean()),
        low,
        high,
        {shift: mean for shift, mean in means.items() if shift},
        float(np.mean(others >= real)),
        float(np.mean(others <= real)),
        1 / len(others),
    )


def excess_around(
    study: Study,
    form: AroundDecisions,
    prices: Prices,
    entries: np.ndarray,
    conditions: TradingConditions,
    shift: int,
) -> np.ndarray:
    """Excess returns after entries at the rows `entries` with all decisions moved by `shift`, shape (n,)."""
    moved = study.with_parameters({form.shift: shift})
    scenarios = conditions.at(entries + shift, prices, moved.parameters)
    wealth = run_batch(moved.strategy, prices.select(moved.symbols), scenarios).curves[:, [0, form.hold]]
    compared = comparator_wealth(moved, prices, scenarios, run_batch)[:, form.hold]
    return np.asarray(wealth[:, 1] / wealth[:, 0] / compared - 1)
