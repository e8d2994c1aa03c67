"""Monthly returns of the readings and of the benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.records.result import Run


def monthly_returns(run: Run) -> pd.DataFrame:
    """Compounded returns by calendar month, fractions: a row per reading, the benchmark last; a column per month.

    The first month starts at the close before the entry, the last one ends with the window.
    """
    sessions = pd.DatetimeIndex(run.benchmark.index)
    returns = np.column_stack([*(result.returns for result in run.results), run.benchmark])
    growth = pd.DataFrame(1 + returns, sessions).groupby(sessions.to_period("M")).prod()
    months = pd.PeriodIndex(growth.index).strftime("%Y-%m")
    names = [*(result.name for result in run.results), run.benchmark_name]
    return pd.DataFrame(growth.to_numpy().T - 1, names, months)
