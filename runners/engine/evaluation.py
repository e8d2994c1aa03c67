"""Evaluate a study: a backtest in Backtrader, compared with its comparator."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.errors import RequestError
from data.prices import Prices
from reports.records.result import HORIZONS, Horizon, Result
from runners.engine.backtest.cerebro import CAPITAL, EntrySchedule, run_backtest, window_rows
from runners.engine.backtest.foresight import foresight_notices
from runners.engine.backtest.frictions import Frictions
from runners.engine.comparators import comparator_name, comparator_wealth, excess_over, log_or_ruin, require_listed
from runners.engine.run_notes import decision_table, describe_outcome, run_warnings
from runners.engine.story import story_of
from runners.engine.study import Study
from runners.engine.vectorized.batch import run_each
from runners.engine.vectorized.scenarios import Scenario, Scenarios

FILL_COLUMNS = ["session", "symbol", "size", "price", "commission", "spread_cost"]


def evaluate(
    study: Study,
    prices: Prices,
    schedule: EntrySchedule,
    frictions: Frictions,
    benchmark: pd.Series[float],
    foresight_check: bool = True,
) -> Result:
    """Run a study and its comparator. `benchmark` holds daily simple returns from the window's second session on.

    The comparator runs in Backtrader too, so that both round alike. With `foresight_check` a strategy that is not a
    reading is run again where it cannot see the future. Raises RequestError if the study or its comparator has too few
    closes before the entry, StrategyError if the strategy looks ahead.
    """
    _require_history(study, prices, schedule, frictions)
    scenario = Scenario(schedule.entry, schedule.hold, schedule.rebalance, schedule.shock, frictions, study.parameters)
    scenarios = Scenarios.of([scenario])
    require_listed(study, prices, scenarios)
    traded = prices.select(study.symbols)
    run = run_backtest(study.strategy, traded, schedule, frictions, study.parameters)
    notes: tuple[str, ...] = ()
    if foresight_check and not study.has_rule:
        notes = foresight_notices(study.strategy, traded, schedule, frictions, study.parameters, run)
    (wealth,) = comparator_wealth(study, prices, scenarios, run_each)
    comparator = pd.Series(wealth, run.sessions)
    d = float(excess_over(log_or_ruin(run.equity[-1] / CAPITAL), log_or_ruin(comparator.iloc[-1])))
    refuted = study.refuted(d, run.decisions)
    return Result(
        name=study.name,
        claims=study.claims,
        story=story_of(study),
        parameters={name: plain_value(value) for name, value in study.all_parameters.items()},
        symbols=study.symbols,
        entry=run.entry,
        exit=run.exit,
        d=d,
        equity=run.wealth.rename(study.name),
        gross=pd.Series(run.gross, run.sessions),
        holdings=pd.DataFrame(run.holdings, run.sessions, list(study.symbols)),
        comparator=comparator,
        comparator_name=comparator_name(study.comparator),
        fills=pd.DataFrame([vars(fill) for fill in run.fills], columns=FILL_COLUMNS),
        decisions=decision_table(run),
        interest=run.interest,
        horizons=horizons(run.wealth, comparator, benchmark, schedule.hold),
        refuted=refuted,
        outcome=describe_outcome(run, d, comparator_name(study.comparator), refuted),
        ruined=run.ruined,
        warnings=(*run_warnings(study, run), *notes),
    )


def horizons(
    wealth: pd.Series[float], comparator: pd.Series[float], benchmark: pd.Series[float], hold: int | None
) -> dict[int, Horizon]:
    """Outcomes at each of `HORIZONS` within the holding period and the prices."""
    last = len(wealth) - 1 if hold is None else min(hold, len(wealth) - 1)
    growth = np.cumprod(1 + benchmark.to_numpy())
    grown = wealth.to_numpy() / CAPITAL
    d = excess_over(log_or_ruin(grown), log_or_ruin(comparator.to_numpy()))
    return {
        n: Horizon(net_return=float(grown[n] - 1), excess_benchmark=float(grown[n] - growth[n - 1]), d=float(d[n]))
        for n in HORIZONS
        if n <= last
    }


def plain_value(value: object) -> object:
    """A parameter value for JSON files; classes and functions become their names."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _require_history(study: Study, prices: Prices, schedule: EntrySchedule, frictions: Frictions) -> None:
    start, _ = window_rows(prices, schedule, frictions.lag)
    if start + 1 < study.required_closes:
        first = prices.sessions[study.required_closes] if study.required_closes < len(prices.sessions) else None
        remedy = f"enter on {first:%Y-%m-%d} or later" if first is not None else "load more prices"
        raise RequestError(
            f"{study.name} needs {study.required_closes} closes before its entry, and there are {start + 1} "
            f"before {schedule.entry:%Y-%m-%d}; {remedy}, or load earlier prices"
        )
