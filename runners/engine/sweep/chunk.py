"""Specs of a sweep that are run together, in any process, and the figures that they give.

The specs of a reading walk side by side with what they must beat; any other strategy goes through Backtrader.
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
PLACE = {name: place for place, name in enumerate(COLUMNS)}


@dataclass(frozen=True, eq=False)
class ChunkInputs:
    """What all parts share: the strategy, and prices of all that it trades and is compared with."""

    subject: Study
    prices: Prices
    benchmark: str


@dataclass(frozen=True, eq=False)
class SpecChunk:
    """Specs that are run together: their number in the sweep, their texts and scenarios.

    `curves` are places in the part whose curve is wanted.
    """

    first: int
    texts: tuple[str, ...]
    scenarios: tuple[Scenario, ...]
    curves: tuple[int, ...]

    def __str__(self) -> str:
        if len(self.texts) == 1:
            return self.texts[0]
        return f"{self.first + 1:,} to {self.first + len(self.texts):,}"

    def halves(self) -> tuple[SpecChunk, ...]:
        """Two parts that are this one together; itself where there is but one spec."""
        middle = len(self.texts) // 2
        return tuple(self._cut(those) for those in (slice(middle), slice(middle, None)) if self.texts[those])

    def _cut(self, those: slice) -> SpecChunk:
        first, stop, _ = those.indices(len(self.texts))
        curves = tuple(place - first for place in self.curves if first <= place < stop)
        return SpecChunk(self.first + first, self.texts[those], self.scenarios[those], curves)


@dataclass(frozen=True, eq=False)
class ChunkOutcome:
    """What a part gave: `table`, shape (n_specs, n_columns) with COLUMNS; by place, why a spec failed, and curves.

    `dead` are the places of those that failed because their worker process died, which is nothing to keep.
    """

    table: np.ndarray
    failed: Mapping[int, str] = field(default_factory=dict)
    curves: Mapping[int, np.ndarray] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()

    @classmethod
    def without(cls, reason: str, dead: bool = False) -> ChunkOutcome:
        """Of one spec that gave nothing."""
        return cls(np.full((1, len(COLUMNS)), np.nan), {0: reason}, dead=frozenset((0,)) if dead else frozenset())

    @classmethod
    def joined(cls, outcomes: Iterable[ChunkOutcome]) -> ChunkOutcome:
        """Those of one part after the other, as of one; at least one."""
        tables: list[np.ndarray] = []
        failed: dict[int, str] = {}
        curves: dict[int, np.ndarray] = {}
        dead: set[int] = set()
        first = 0
        for outcome in outcomes:
            tables.append(outcome.table)
            failed |= {first + place: reason for place, reason in outcome.failed.items()}
            curves |= {first + place: curve for place, curve in outcome.curves.items()}
            dead |= {first + place for place in outcome.dead}
            first += len(outcome.table)
        return cls(np.concatenate(tables), failed, curves, frozenset(dead))

    def as_text(self) -> str:
        """One line of JSON that `of_text` reads back to the last bit."""
        curves = {str(place): _packed(curve) for place, curve in self.curves.items()}
        failed = {str(place): reason for place, reason in self.failed.items()}
        return json.dumps({"table": _packed(self.table), "failed": failed, "curves": curves}, separators=(",", ":"))

    @classmethod
    def of_text(cls, text: str) -> ChunkOutcome:
        """The outcome that was written as `text`."""
        held = json.loads(text)
        return cls(
            _unpacked(held["table"]).reshape(-1, len(COLUMNS)),
            {int(place): reason for place, reason in held["failed"].items()},
            {int(place): _unpacked(curve) for place, curve in held["curves"].items()},
        )


def run_chunk(bench: ChunkInputs, part: SpecChunk) -> ChunkOutcome:
    """Run the specs of a part. One that cannot be run is told with the reason, and stops no other."""
    try:
        table, equity = measure_variants(bench, part.scenarios)
    except (SourceError, WorkError, OSError, MemoryError):
        raise
    except AUTHOR_ERRORS as error:  # whatever a rule lets through at a setting nobody thought of
        return _halves(bench, part, error)
    lengths = table[:, PLACE["sessions"]].astype(int)
    return ChunkOutcome(table, curves={place: equity[place, : lengths[place] + 1] for place in part.curves})


def _halves(bench: ChunkInputs, part: SpecChunk, error: BaseException) -> ChunkOutcome:
    """The same by halves, until the spec that cannot be run is alone."""
    if len(part.scenarios) == 1:
        return ChunkOutcome.without(
            describe_failure(error, bench.subject.strategy.__module__).summary.removeprefix("scenario 0: ")
        )
    return ChunkOutcome.joined(run_chunk(bench, half) for half in part.halves())


def measure_variants(bench: ChunkInputs, specs: Sequence[Scenario]) -> tuple[np.ndarray, np.ndarray]:
    """COLUMNS of each spec, shape (n, n_columns), and equity as in Batch."""
    subject, prices = bench.subject, bench.prices
    scenarios = Scenarios.of(specs)
    starts = _starts(subject, prices, scenarios)
    batch = run_batch(subject.strategy, prices.select(subject.symbols), scenarios, executor=Serial())
    d = excess_over(log_wealth(batch), comparator_log_wealth(subject, prices, scenarios))
    returns = batch.horizons
    sharpe, skewness, kurtosis = sharpe_moments(excess_returns(batch, prices, starts), batch.ruined)
    columns = {
        "net": batch.terminal / CAPITAL - 1,
        "excess": batch.terminal / CAPITAL - 1 - _benchmark(bench, starts, starts + batch.sessions),
        "d": d[:, -1],
        "sharpe": sharpe * sqrt(PERIODS),
        "drawdown": batch.max_drawdown,
        "turnover": batch.turnover,
        "costs": batch.costs,
        "exposure": batch.exposure,
        "truncated": batch.truncated,
        "ruined": batch.ruined,
        "refused": batch.refused,
        **{f"return_{horizon}": returns[:, place] for place, horizon in enumerate(HORIZONS)},
        **{f"d_{horizon}": d[:, place] for place, horizon in enumerate(HORIZONS)},
        "sessions": batch.sessions,
        "skewness": skewness,
        "kurtosis": kurtosis,
        "start": starts,
    }
    return np.column_stack([columns[name].astype(float) for name in COLUMNS]), batch.curves


def excess_returns(batch: Batch, prices: Prices, starts: np.ndarray) -> np.ndarray:
    """Daily returns less the risk-free rate of each spec's own window, shape (n, longest), NaN after its end."""
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


def _starts(subject: Study, prices: Prices, scenarios: Scenarios) -> np.ndarray:
    """Row of the close before each entry. Raises RequestError where there are too few closes by then."""
    starts = prices.days.searchsorted(scenarios.entry) - 1
    for place in np.flatnonzero(starts + 1 < subject.required_closes)[:1]:
        raise RequestError(
            f"{subject.name} needs {subject.required_closes} closes before its entry on {scenarios.entry[place]}, "
            f"and there are {max(0, starts[place] + 1)}; enter later, or load earlier prices"
        )
    return np.asarray(starts)


def _benchmark(bench: ChunkInputs, starts: np.ndarray, lasts: np.ndarray) -> np.ndarray:
    """Return of the benchmark, held without costs, from the rows `starts` to `lasts`; NaN before it was listed."""
    close = bench.prices.select((bench.benchmark,)).rebased(0).close[:, 0]
    return np.asarray(close[lasts] / close[starts] - 1)


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values, dtype="<f8").tobytes(), 1)).decode("ascii")


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<f8").astype(float)
