"""A search through a space that is too large for a grid: trials are asked of a sampler, a batch at a time.

A batch has the same size whatever the number of workers, and is told in the order in which it was asked, so that equal
inputs give equal trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import floor, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from data.errors import RequestError
from reports.records.sweep import SearchRecord
from runners.engine.sweep.chunk import PLACE, ChunkOutcome
from runners.engine.sweep.parameter_grid import GridParameter, ParameterRange, ParameterSpace
from runners.engine.sweep.resumable import VALIDATED, ResumableRunner, SweepOutcome, evenly_spaced, join_outcomes

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.distributions import BaseDistribution

SAMPLERS = ("optuna",)
BATCH = 16  # trials asked before any of them is told
SEED = 20250131
FINE = 3  # digits of a value beyond the size of its range


def require_sampler(space: ParameterSpace, search: str) -> None:
    """Raise RequestError where the sampler is not installed, or nothing is left for it to choose."""
    if all(not isinstance(knob.values, ParameterRange) and len(knob.values) == 1 for knob in space.knobs):
        raise RequestError(f"--search {search} has nothing to choose; give a range such as -p hold=5..252, or a list")
    if find_spec("optuna") is None:
        raise RequestError(
            f"--search {search} needs the packages of the extra `search`: pip install -c constraints.txt -e .[search]"
        )


def run_search(works: ResumableRunner, objective: str, budget: int) -> tuple[SweepOutcome, SearchRecord]:
    """Ask for `budget` trials and run each spec that was not run before; what they gave, and how it was searched."""
    space, study = works.space, _study()
    spread = {knob.name: _distribution(knob) for knob in space.knobs}
    sampled = frozenset(evenly_spaced(budget, VALIDATED))
    specs: dict[str, tuple[object, ...]] = {}
    values: dict[str, float] = {}
    outcomes: list[ChunkOutcome] = []
    for first in range(0, budget, BATCH):
        asked = [study.ask(spread) for _ in range(min(BATCH, budget - first))]
        chosen = [_spec(space.knobs, trial.params) for trial in asked]
        new = {space.text(spec): spec for spec in chosen if space.text(spec) not in specs}
        found = list(works.outcomes(works.parts(new.values(), sampled, len(specs))))
        results = np.concatenate([outcome.table[:, PLACE[objective]] for outcome in found]) if found else np.zeros(0)
        specs |= new
        values |= dict(zip(new, results.tolist(), strict=True))
        outcomes += found
        _tell(study, asked, [values[space.text(spec)] for spec in chosen])
    ranges = {knob.name: str(knob.values) for knob in space.knobs if isinstance(knob.values, ParameterRange)}
    looked_at = sum(place < len(specs) for place in sampled)
    return (
        join_outcomes(tuple(specs.values()), outcomes, looked_at),
        SearchRecord("TPE of optuna", budget, BATCH, SEED, len(specs), ranges),
    )


def _study() -> Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=SEED))


def _distribution(knob: GridParameter) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(knob.values, ParameterRange):
        return CategoricalDistribution(range(len(knob.values)))
    if knob.values.whole:
        return IntDistribution(int(knob.values.low), int(knob.values.high))
    return FloatDistribution(knob.values.low, knob.values.high)


def _spec(knobs: Sequence[GridParameter], drawn: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(_value(knob.values, drawn[knob.name]) for knob in knobs)


def _value(values: tuple[object, ...] | ParameterRange, drawn: Any) -> object:
    """What was drawn; of a fractional range to a thousandth of it or finer, so that it can be read and typed."""
    if not isinstance(values, ParameterRange):
        return values[drawn]
    if values.whole:
        return int(drawn)
    digits = FINE - floor(log10(values.high - values.low))
    return float(min(max(round(drawn, digits), values.low), values.high))


def _tell(study: Study, asked: Sequence[Trial], values: Sequence[float]) -> None:
    """Tell how good each trial was; one without an objective has failed, as far as the sampler is concerned."""
    from optuna.trial import TrialState

    for trial, value in zip(asked, values, strict=True):
        if np.isnan(value):
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, value)
