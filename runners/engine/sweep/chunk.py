"""Variants of a sweep that run together, in any process, and their figures.

The variants of a reading and their comparators run in the vectorised simulator, any other strategy in Backtrader.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from data import fomc
from data.errors import RequestError, SourceError, WorkError
from data.prices import Prices
from reports.records.result import HORIZONS
from reports.statistics.returns import PERIODS, sharpe_moments
from runners.engine.author_code import author_code
from runners.engine.backtest.cerebro import CAPITAL
from runners.engine.comparators import comparator_log_wealth, excess_over, log_wealth
from runners.engine.execution.executor import Serial
from runners.engine.study import Study
from runners.engine.tracebacks import AUTHOR_ERRORS, describe_failure
from runners.engine.vectorized.batch import Batch, run_batch
from runners.engine.vectorized.scenarios import Scenario, Scenarios

COLUMNS = (
    *("net", "excess", "d", "sharpe", "drawdown", "turnover", "costs", "exposure"),
    *("truncated", "ruined", "refused"),
    *(f"return_{horizon}" for horizon in HORIZONS),
    *(f"d_{horizon}" for horizon in HORIZONS),
    *("sessions", "skewness", "kurtosis", "start"),
)
COLUMN = {name: index for index, name in enumerate(COLUMNS)}  # index of each of COLUMNS


@dataclass(frozen=True, eq=False)
class ChunkInputs:
    """What all chunks share: the study, the benchmark, and the prices of all symbols that they need."""

    study: Study
    prices: Prices
    benchmark: str


@dataclass(frozen=True, eq=False)
class VariantChunk:
    """Variants that run together, with their texts and scenarios; `first` is the number of the first in the sweep.

    `curves` are indices in the chunk of the variants whose equity curves are kept.
    """

    first: int
    texts: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    curves: tuple[int, ...]

    def __str__(self) -> str:
        if len(self.texts) == 1:
            return self.texts[0]
        return f"{self.first + 1:,} to {self.first + len(self.texts):,}"

    def halves(self) -> tuple[VariantChunk, ...]:
        """The chunk in two halves; undivided where it has a single variant."""
        middle = len(self.texts) // 2
        return tuple(self._cut(half) for half in (slice(middle), slice(middle, None)) if self.texts[half])

    def _cut(self, section: slice) -> VariantChunk:
        first, stop, _ = section.indices(len(self.texts))
        curves = tuple(index - first for index in self.curves if first <= index < stop)
        return VariantChunk(self.first + first, self.texts[section], self.scenarios[section], curves)


@dataclass(frozen=True, eq=False)
class ChunkOutcome:
    """The results of a chunk: `table`, shape (n_variants, n_columns), and by index the failures and the equity curves.

    `dead` are the indices of variants whose worker process died; these failures are not kept.
    """

    table: np.ndarray
    failed: Mapping[int, str] = field(default_factory=dict)
    curves: Mapping[int, np.ndarray] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()

    @classmethod
    def without(cls, reason: str, dead: bool = False) -> ChunkOutcome:
        """The outcome of a single variant that failed for this reason."""
        return cls(np.full((1, len(COLUMNS)), np.nan), {0: reason}, dead=frozenset((0,)) if dead else frozenset())

    @classmethod
    def joined(cls, outcomes: Iterable[ChunkOutcome]) -> ChunkOutcome:
        """Outcomes of consecutive chunks as one; there must be at least one."""
        tables: list[np.ndarray] = []
        failed: dict[int, str] = {}
        curves: dict[int, np.ndarray] = {}
        dead: set[int] = set()
        first = 0
        for outcome in outcomes:
            tables.append(outcome.table)
            failed |= {first + index: reason for index, reason in outcome.failed.items()}
            curves |= {first + index: curve for index, curve in outcome.curves.items()}
            dead |= {first + index for index in outcome.dead}
            first += len(outcome.table)
        return cls(np.concatenate(tables), failed, curves, frozenset(dead))

    def as_text(self) -> str:
        """One line of JSON, which `of_text` reads back to the last bit."""
        curves = {str(index): _packed(curve) for index, curve in self.curves.items()}
        failed = {str(index): reason for index, reason in self.failed.items()}
        return json.dumps({"table": _packed(self.table), "failed": failed, "curves": curves}, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> ChunkOutcome:
        """The outcome that `as_text` wrote."""
        contents = json.loads(text)
        return cls(
            _unpacked(contents["table"]).reshape(-1, len(COLUMNS)),
            {int(index): reason for index, reason in contents["failed"].items()},
            {int(index): _unpacked(curve) for index, curve in contents["curves"].items()},
        )


def run_chunk(inputs: ChunkInputs, chunk: VariantChunk) -> ChunkOutcome:
    """Run the variants of a chunk. A variant that fails is recorded with the reason and stops no other."""
    try:
        with author_code(inputs.study.strategy.__module__):
            table, equity = measure_variants(inputs, chunk.scenarios)
    except (SourceError, WorkError, OSError, MemoryError):
        raise
    except AUTHOR_ERRORS as error:  # a rule may raise anything with unusual parameters
        return _halves(inputs, chunk, error)
    lengths = table[:, COLUMN["sessions"]].astype(int)
    return ChunkOutcome(table, curves={index: equity[index, : lengths[index] + 1] for index in chunk.curves})


def _halves(inputs: ChunkInputs, chunk: VariantChunk, error: BaseException) -> ChunkOutcome:
    """Run a failed chunk by halves, down to the variant that fails."""
    if len(chunk.scenarios) == 1:
        failure = describe_failure(error, inputs.study.strategy.__module__)
        return ChunkOutcome.without(failure.summary.removeprefix("scenario 0: "))
    return ChunkOutcome.joined(run_chunk(inputs, half) for half in chunk.halves())


def measure_variants(inputs: ChunkInputs, variants: Sequence[Scenario]) -> tuple[np.ndarray, np.ndarray]:
    """COLUMNS of each variant, shape (n, n_columns), and equity curves as in Batch."""
    study, prices = inputs.study, inputs.prices
    scenarios = Scenarios.of(variants)
    starts = _starts(study, prices, scenarios)
    batch = run_batch(study.strategy, prices.select(study.symbols), scenarios, executor=Serial())
    d = excess_over(log_wealth(batch), comparator_log_wealth(study, prices, scenarios))
    returns = batch.horizons
    sharpe, skewness, kurtosis = sharpe_moments(excess_returns(batch, prices, starts), batch.ruined)
    columns = {
        "net": batch.terminal / CAPITAL - 1,
        "excess": batch.terminal / CAPITAL - 1 - _benchmark(inputs, starts, starts + batch.sessions),
        "d": d[:, -1],
        "sharpe": sharpe * sqrt(PERIODS),
        "drawdown": batch.max_drawdown,
        "turnover": batch.turnover,
        "costs": batch.costs,
        "exposure": batch.exposure,
        "truncated": batch.truncated,
        "ruined": batch.ruined,
        "refused": batch.refused,
        **{f"return_{horizon}": returns[:, index] for index, horizon in enumerate(HORIZONS)},
        **{f"d_{horizon}": d[:, index] for index, horizon in enumerate(HORIZONS)},
        "sessions": batch.sessions,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "start": starts,
    }
    return np.column_stack([columns[name].astype(float) for name in COLUMNS]), batch.curves


def excess_returns(batch: Batch, prices: Prices, starts: np.ndarray) -> np.ndarray:
    """Daily returns less the risk-free rate of each variant's window, shape (n, longest), NaN after its end."""
    curves = batch.curves
    with np.errstate(divide="ignore", invalid="ignore"):  # after ruin
        returns = curves[:, 1:] / curves[:, :-1] - 1
    return np.asarray(returns - daily_policy_rates(prices, starts, starts + batch.sessions)[:, None])


def daily_policy_rates(prices: Prices, starts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """Mean daily risk-free rate over the rows after `starts` up to `lasts`, shape (n,)."""
    lower, upper = fomc.policy_range(prices.sessions)
    summed = np.concatenate(([0.0], np.cumsum((lower + upper) / 2)))
    yearly = (summed[lasts + 1] - summed[starts + 1]) / np.maximum(lasts - starts, 1)
    return np.asarray((1 + yearly) ** (1 / PERIODS) - 1)


def _starts(study: Study, prices: Prices, scenarios: Scenarios) -> np.ndarray:
    """Row of the close before each entry. Raises RequestError where there are too few closes before it."""
    starts = prices.days.searchsorted(scenarios.entry) - 1
    for index in np.flatnonzero(starts + 1 < study.required_closes)[:1]:
        raise RequestError(
            f"{study.name} needs {study.required_closes} closes before its entry on {scenarios.entry[index]}, "
            f"and there are "
            f"{max(0, starts[index] + 1)}; enter later, or load earlier prices"
        )
    return np.asarray(starts)


def _benchmark(inputs: ChunkInputs, starts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """Return of the benchmark from the rows `starts` to `lasts`, without costs; NaN before it was listed."""
    close = inputs.prices.select((inputs.benchmark,)).rebased(0).close[:, 0]
    return np.asarray(close[lasts] / close[starts] - 1)


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values, dtype="<f8").tobytes(), 1)).decode("ascii")


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<f8").astype(float)
