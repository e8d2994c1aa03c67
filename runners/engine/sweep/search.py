"""A search through a space that is too large for a grid: a sampler proposes trials, a batch at a time.

The size of a batch does not depend on the number of workers, and results are reported to the sampler in the order of
its trials, so that equal inputs give equal trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import RequestError
from reports.records.sweep import SearchRecord
from runners.engine.sweep.chunk import COLUMN, ChunkOutcome
from runners.engine.sweep.parameter_grid import GridParameter, ParameterRange, ParameterSpace
from runners.engine.sweep.resumable import VALIDATED, ResumableRunner, SweepOutcome, evenly_spaced, join_outcomes

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

SAMPLERS = ("optuna",)
BATCH = 16  # trials proposed before the results of any of them are reported
SEED = 20250131
FINE = 3  # decimal digits of a value relative to the size of its range


def require_sampler(space: ParameterSpace, search: str) -> None:
    """Raise RequestError where the sampler is not installed, or has nothing to choose."""
    if all(
        not isinstance(parameter.values, ParameterRange) and len(parameter.values) == 1
        for parameter in space.parameters
    ):
        raise RequestError(f"--search {search} has nothing to choose; give a range such as -p hold=5..252, or a list")
    if find_spec("optuna") is None:
        raise RequestError(
            f"--search {search} needs the packages of the extra `search`: pip install -c constraints.txt -e .[search]"
        )


def run_search(runner: ResumableRunner, objective: str, budget: int) -> tuple[SweepOutcome, SearchRecord]:
    """Run `budget` trials of the sampler, each distinct variant once; the outcome, and the record of the search."""
    space, study = runner.space, _study()
    distributions = {parameter.name: _distribution(parameter) for parameter in space.parameters}
    sampled = frozenset(evenly_spaced(budget, VALIDATED))
    variants: dict[str, tuple[object, ...]] = {}
    values: dict[str, float] = {}
    outcomes: list[ChunkOutcome] = []
    for first in range(0, budget, BATCH):
        trials = [study.ask(distributions) for _ in range(min(BATCH, budget - first))]
        chosen = [_variant(space.parameters, trial.params) for trial in trials]
        new = {space.text(variant): variant for variant in chosen if space.text(variant) not in variants}
        batch = list(runner.outcomes(runner.chunks(new.values(), sampled, len(variants))))
        results = np.concatenate([outcome.table[:, COLUMN[objective]] for outcome in batch]) if batch else np.zeros(0)
        variants |= new
        values |= dict(zip(new, results.tolist(), strict=True))
        outcomes += batch
        _report(study, trials, [values[space.text(variant)] for variant in chosen])
    ranges = {
        parameter.name: str(parameter.values)
        for parameter in space.parameters
        if isinstance(parameter.values, ParameterRange)
    }
    sampled_count = sum(index < len(variants) for index in sampled)
    return (
        join_outcomes(tuple(variants.values()), outcomes, sampled_count),
        SearchRecord("TPE of optuna", budget, BATCH, SEED, len(variants), ranges),
    )


def _study() -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))


def _distribution(parameter: GridParameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(parameter.values, ParameterRange):
        return CategoricalDistribution(range(len(parameter.values)))
    if parameter.values.whole:
        return IntDistribution(int(parameter.values.low), int(parameter.values.high))
    return FloatDistribution(parameter.values.low, parameter.values.high)


def _variant(parameters: Sequence[GridParameter], drawn: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(_value(parameter.values, drawn[parameter.name]) for parameter in parameters)


def _value(values: tuple[object, ...] | ParameterRange, drawn: Any) -> object:
    """The value drawn; in a fractional range rounded to a thousandth of it or finer, so that it can be typed."""
    if not isinstance(values, ParameterRange):
        return values[drawn]
    if values.whole:
        return int(drawn)
    digits = FINE - floor(log10(values.high - values.low))
    return float(min(max(round(drawn, digits), values.low), values.high))


def _report(study: Study, trials: Sequence[Trial], values: Sequence[float]) -> None:
    """Report the objective of each trial to the sampler; a trial without one counts as failed."""
    from optuna.trial import TrialState

    for trial, value in zip(trials, values, strict=True):
        if np.isnan(value):
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value)
