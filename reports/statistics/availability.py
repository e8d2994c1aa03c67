"""Numbers that are not available: too few observations, missing ones, or no variation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from reports.statistics.returns import LEAST

T = TypeVar("T")
NOISE = 1e-12  # a standard deviation of returns below this is rounding, not variation


class Unavailable(ValueError):  # noqa: N818 - a state of the number, not a mistake of the caller
    """A statistic that cannot be computed from these observations. The message is a one-line reason for pages."""


def require_observations(values: np.ndarray, what: str = "returns", least: int = LEAST) -> np.ndarray:
    """`values` as floats, shape (n_observations,), checked to be enough, finite and not constant.

    Raises Unavailable, naming the values `what`, for fewer than `least`, for NaN or infinity, and for no variation
    beyond rounding; ValueError for another shape.
    """
    array = np.asarray(values, dtype=float)
    if array.ndim != 1:
        raise ValueError(f"{what}: shape {array.shape}; one value an observation is needed")
    if len(array) < least:
        raise Unavailable(f"{what}: {len(array)} observations; {least} are needed")
    if missing := int(np.sum(~np.isfinite(array))):
        raise Unavailable(f"{what}: {missing} of {len(array)} observations are missing or infinite; none may be")
    if np.std(array) <= NOISE:
        raise Unavailable(f"{what}: all {len(array)} observations are the same; they must vary")
    return array


@dataclass(frozen=True)
class Missing:
    """Placeholder of a number that is not available, with a one-line reason."""

    reason: str


def value_or_missing(compute: Callable[[], T]) -> T | Missing:
    """The value that `compute` returns, or Missing with the reason if it raises Unavailable."""
    try:
        return compute()
    except Unavailable as error:
        return Missing(str(error))
